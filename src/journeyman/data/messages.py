"""Messages, what is asked of a model and what it answers."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Literal, TypeVar

import msgspec

from .json import JsonObject
from .parts import Opaque, Part, Text, ToolCall, ToolResult
from .usage import Usage

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", "other"]

_P = TypeVar("_P")


class Message(msgspec.Struct, frozen=True, dict=True, omit_defaults=True):
    """One turn of a conversation.

    The instance dictionary (`dict=True`) holds each dialect's encoding of the message, so that a conversation of n
    turns encodes only what is new, and what was worked out of its parts; it is no part of the value.
    """

    role: Role
    parts: tuple[Part, ...]
    origin: Opaque | None = None

    @functools.cached_property
    def text(self) -> str:
        """The words of the message, its text parts joined."""
        return "".join([part.text for part in self.parts if isinstance(part, Text)])

    @functools.cached_property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls in it, in the order in which the model made them."""
        return self.only(ToolCall)

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The tool results in it."""
        return self.only(ToolResult)

    def only(self, kind: type[_P]) -> tuple[_P, ...]:
        """The parts of one kind."""
        return tuple([part for part in self.parts if isinstance(part, kind)])

    @classmethod
    def user(cls, content: str | Iterable[str | Part]) -> Message:
        """A user's turn from words, or from words and media."""
        items = [content] if isinstance(content, str) else content
        return cls("user", tuple(Text(item) if isinstance(item, str) else item for item in items))

    @classmethod
    def system(cls, text: str) -> Message:
        """An instruction of the framework's or the developer's."""
        return cls("system", (Text(text),))

    @classmethod
    def assistant(cls, text: str) -> Message:
        """A model's turn that is nothing but words."""
        return cls("assistant", (Text(text),))


class ToolSpec(msgspec.Struct, frozen=True, dict=True, tag="tool", omit_defaults=True):
    """A tool as a model sees it; `parameters` is the JSON Schema of an object."""

    name: str
    description: str = ""
    parameters: JsonObject = {}
    strict: bool | None = None
    origin: Opaque | None = None


class JsonOutput(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The provider's native JSON mode; without `schema` any JSON object will do."""

    name: str = "output"
    schema: JsonObject | None = None
    description: str = ""
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Whether the model may, must or must not call tools, or which `names` it may choose from."""

    mode: Literal["auto", "required", "none"]
    names: tuple[str, ...] = ()
    origin: Opaque | None = None


class Settings(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """How the model is to answer; what is None is left to the provider.

    `max_tokens` bounds one answer (Limits.max_tokens bounds a run). `thinking_tokens` is a budget, `reasoning_effort` a
    word such as `low`. `extra` holds keys of one dialect that no other field names, sent to that dialect alone.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: ToolChoice | None = None
    reasoning_effort: str | None = None
    thinking_tokens: int | None = None
    extra: Opaque | None = None


class ModelRequest(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything that is asked of a model in one exchange.

    `stream` tells how the client that sent a parsed request wants the answer; encoding takes its own argument.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec | Opaque, ...] = ()
    output: JsonOutput | None = None
    settings: Settings = Settings()
    stream: bool = False


class ModelResponse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A model's whole answer; `model` is the name that the provider gave, `raw_id` the provider's id of the answer.

    `cost` is set (in nano-dollars) only where the provider itself states what it charged. `saved` is set where the answer
    came from a cache: what it used when it was asked for; nothing is charged for it now, so `usage` is empty.
    """

    message: Message
    usage: Usage = Usage()
    finish: Finish | None = "stop"
    model: str = ""
    raw_id: str | None = None
    cost: int | None = None
    saved: Usage | None = None

    @property
    def cached(self) -> bool:
        """Whether the answer came from a cache."""
        return self.saved is not None
