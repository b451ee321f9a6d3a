"""OpenAI's Responses API, both ways.

To change how an answer is read open `answering`, `streaming` or `reading`; for what is sent, `asking` or `writing`;
for what we serve, `parsing`, `rendering` or `events`; `media` and `tools` go both ways.
"""

from __future__ import annotations

from ...data import ModelRequest, ModelResponse
from ..dialect import UNSTAMPED, Stamp, StreamDecoder
from ..http import HttpReply, HttpRequest
from ..whole import WholeReplyDecoder, is_whole
from .answering import decode_reply
from .asking import encode_request
from .events import ResponsesRenderer
from .names import NAME
from .parsing import parse_request
from .rendering import render_failure, render_reply
from .streaming import ResponsesDecoder

__all__ = ["OpenAIResponses", "ResponsesDecoder", "ResponsesRenderer"]


class OpenAIResponses:
    """The dialect of `POST /responses`.

    Of `Settings` the wire has no place for `top_k`, `seed`, the two penalties and `thinking_tokens`, which are left out
    (`reasoning_effort` is sent), and none for `stop`, which is refused; `parallel_tool_calls` is left out where there are
    no tools. A tool whose `strict` is None is sent as not strict, since the wire's default would change its schema. Names
    to choose from become `allowed_tools`. That a tool failed (`ToolResult.is_error`) has no place: its words say it.

    We send the history ourselves, so models that think are asked with `store: false` and for encrypted reasoning, unless
    `extra` says `store`, `previous_response_id`, `conversation`, `background` or `prompt`. Thinking is the summary that
    `extra={"reasoning": {"summary": "auto"}}` asks for; thoughts without one, and items of the provider's own tools, are
    `Opaque` parts. In a message with the role tool, an `Opaque` is an item that answers one of those. A `file-id:` url
    names an uploaded file.
    """

    name = NAME
    stream_type = "text/event-stream; charset=utf-8"

    def encode(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        return encode_request(request, stream=stream)

    def decode(self, reply: HttpReply) -> ModelResponse:
        """The answer in a whole reply; raises `ProviderError` for an error and for what cannot be read."""
        return decode_reply(reply)

    def decoder(self, reply_head: HttpReply | None = None) -> StreamDecoder:
        """A reader of one streamed answer, or of the whole one or the error that the head announces instead."""
        if reply_head is not None and is_whole(reply_head):
            return WholeReplyDecoder(decode_reply, reply_head)
        return ResponsesDecoder()

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer; raises `CallerError` for media in it."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> ResponsesRenderer:
        """A writer of one streamed answer; its head, with what the stamp says, leaves before the answer is known."""
        return ResponsesRenderer(stamp)
