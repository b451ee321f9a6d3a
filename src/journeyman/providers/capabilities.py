"""What a model can do, as far as the framework has to know, and what a request asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import msgspec

from ..data import Audio, CallerError, Document, Image, Message, ModelRequest, Part, Settings, ToolResult, Video

Ability = Literal["tools", "json_schema", "vision", "audio", "video", "documents", "thinking"]
"""What a request can ask of a model; the names of fields of `Capabilities`."""

ABILITIES: tuple[Ability, ...] = get_args(Ability)


class Capabilities(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a model takes and gives.

    `json_schema` is a native mode in which the answer must fit a schema; `vision` takes images, `documents` files such as
    PDFs; `thinking` lets effort or budget be set. False is a known lack: asking for it is refused before anything is sent.
    None is not known: it is permitted, and the provider has the last word, but nothing is built on it (an agent's output
    then comes by a tool). `schema_beside_tools` says that the native mode and tools go together in one request. A model
    without `streaming` is asked for the whole answer. `embeddings` is about the vendor. `states_cost` says that each answer tells what was charged for it, so that no price list is needed.
    """

    tools: bool = True
    json_schema: bool | None = True
    schema_beside_tools: bool = True
    vision: bool | None = True
    audio: bool | None = True
    video: bool | None = True
    documents: bool | None = True
    thinking: bool | None = True
    streaming: bool = True
    embeddings: bool | None = True
    states_cost: bool = False

    def lacking(self) -> frozenset[Ability]:
        """What is known to be missing."""
        return frozenset(ability for ability in ABILITIES if getattr(self, ability) is False)


def asked_by(request: ModelRequest, of: frozenset[Ability]) -> Ability | None:
    """The first of these abilities that the request needs, apart from what its messages need."""
    if "tools" in of and request.tools:
        return "tools"
    # Any JSON object (no schema) is another mode, which nearly every server has.
    if "json_schema" in of and request.output is not None and request.output.schema is not None:
        return "json_schema"
    if "thinking" in of and _wants_thinking(request.settings):
        return "thinking"
    return None


_NAMED: dict[Ability, str] = {
    "tools": "cannot call tools",
    "json_schema": "has no native JSON schema mode",
    "vision": "takes no images",
    "audio": "takes no audio",
    "video": "takes no video",
    "documents": "takes no documents",
    "thinking": "has no setting for thinking",
}


def lack(name: str, wanted: Ability) -> CallerError:
    """The error of asking a model for what it is known to lack."""
    return CallerError(
        f"{name} {_NAMED[wanted]} (capability {wanted!r}), so nothing was sent. Choose another model, or, if this one can "
        f"after all: open_model({name!r}, capabilities=Capabilities({wanted}=True)) of journeyman.providers"
    )


def media_in(message: Message) -> frozenset[Ability]:
    """The abilities that a message needs for its media, those in tool results included."""
    return frozenset(_media(message.parts))


def _wants_thinking(settings: Settings) -> bool:
    # "none" and a budget of 0 ask for the opposite.
    return settings.reasoning_effort not in (None, "none") or bool(settings.thinking_tokens)


def _media(parts: tuple[Part, ...]) -> Iterator[Ability]:
    for part in parts:
        match part:
            case Image():
                yield "vision"
            case Audio():
                yield "audio"
            case Video():
                yield "video"
            case Document():
                yield "documents"
            case ToolResult() if not isinstance(part.content, str):
                yield from _media(part.content)
            case _:
                continue
