"""The Gemini API of Google and of Vertex AI, both ways.

To change how an answer is read open `answering`, `growing`, `chunks` or `streaming`; for what is sent, `asking` or
`writing`; for what we serve, `parsing` or `rendering`; `reading` reads parts wherever they come from, and `tools`,
`config` and `schemas` go both ways.
"""

from __future__ import annotations

from ...data import ModelRequest, ModelResponse
from ..dialect import UNSTAMPED, Stamp, StreamDecoder
from ..http import HttpReply, HttpRequest
from ..whole import ERROR_STATUS, WholeReplyDecoder, is_whole
from .answering import decode_reply
from .asking import encode_request
from .names import NAME
from .parsing import parse_request
from .rendering import GeminiRenderer, render_failure, render_reply
from .streaming import GeminiDecoder, JsonDecoder

__all__ = ["Gemini", "GeminiDecoder", "GeminiRenderer"]


class Gemini:
    """The dialect of `POST …/models/{model}:generateContent` and `:streamGenerateContent`.

    Of `Settings` the wire has no place for `parallel_tool_calls`, which is left out, as are the strictness of tools and
    the names, descriptions and strictness of a `JsonOutput`. `reasoning_effort` is sent as a level of thinking, to
    models before Gemini 3 as a budget. Thoughts are shown where
    `extra={"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}` asks for them. System messages behind
    others go as a user's turn, in their place. What tools gave besides words goes into their results, but for sounds
    and films, which follow in a user's turn.
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
        """A reader of one streamed answer: of server-sent events, or of the list, the whole or the error instead."""
        if reply_head is not None and is_whole(reply_head):
            if reply_head.status >= ERROR_STATUS:
                return WholeReplyDecoder(decode_reply, reply_head)
            return JsonDecoder(reply_head)
        return GeminiDecoder()

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> GeminiRenderer:
        """A writer of one streamed answer; one that was not asked for as `alt=sse` is a JSON list."""
        return GeminiRenderer(stamp)
