"""How we answer on each wire: what a dialect leaves to its server."""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ..data import ModelRequest, ModelResponse
from ..wire import Dialect, HttpReply, StreamRenderer


class Stamp(NamedTuple):
    """What makes an answer one of its kind: an id, and when it was given in seconds since 1970."""

    id: str
    created: int


def new_stamp() -> Stamp:
    """An id that nobody has had, and now."""
    return Stamp(secrets.token_hex(12), int(time.time()))


class Wire(msgspec.Struct, frozen=True):
    """A dialect as we serve it; both functions take the request as its client sent it."""

    dialect: Dialect
    id_prefix: str
    whole: Callable[[ModelResponse, Stamp], HttpReply]
    stream: Callable[[ModelRequest, Stamp], StreamRenderer]

    def answer(self, response: ModelResponse, request: ModelRequest, stamp: Stamp) -> HttpReply:
        """The whole answer, with an id and a name where the model gave none."""
        return self.whole(self.named(response, request, stamp), stamp)

    def named(self, response: ModelResponse, request: ModelRequest, stamp: Stamp) -> ModelResponse:
        """The answer with an id and a name."""
        if response.model and response.raw_id:
            return response
        raw_id = response.raw_id or self.id_prefix + stamp.id
        return replace(response, model=response.model or request.model, raw_id=raw_id)


@functools.cache
def openai_wire() -> Wire:
    """`POST /v1/chat/completions`."""
    from ..wire.openai_chat import OpenAIChat, wants_usage  # noqa: PLC0415  (a dialect is imported when it is used)

    chat = OpenAIChat()

    def whole(response: ModelResponse, stamp: Stamp) -> HttpReply:
        return chat.render(response, created=stamp.created)

    def stream(request: ModelRequest, stamp: Stamp) -> StreamRenderer:
        raw_id, usage = f"chatcmpl-{stamp.id}", wants_usage(request)
        return chat.renderer(model=request.model, raw_id=raw_id, created=stamp.created, usage=usage)

    return Wire(chat, "chatcmpl-", whole, stream)


@functools.cache
def anthropic_wire() -> Wire:
    """`POST /v1/messages`."""
    from ..wire.anthropic import Anthropic  # noqa: PLC0415  (a dialect is imported when it is used)

    messages = Anthropic()

    def whole(response: ModelResponse, stamp: Stamp) -> HttpReply:  # noqa: ARG001  (the wire tells no time)
        return messages.render(response)

    def stream(request: ModelRequest, stamp: Stamp) -> StreamRenderer:
        return messages.renderer(model=request.model, raw_id=f"msg_{stamp.id}")

    return Wire(messages, "msg_", whole, stream)
