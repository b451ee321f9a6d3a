"""Ollama's own API, both ways.

To change how an answer is read open `answering` or `streaming`; for what is sent, `asking` or `writing`; for what we
serve, `parsing`, `reading` or `rendering`; `media` and `tools` go both ways.
"""

from __future__ import annotations

from ...data import ModelRequest, ModelResponse
from ..dialect import UNSTAMPED, Stamp, StreamDecoder
from ..http import HttpReply, HttpRequest
from ..whole import WholeReplyDecoder, is_whole
from .answering import decode_reply
from .asking import encode_request
from .names import NAME
from .parsing import parse_request
from .rendering import OllamaRenderer, render_failure, render_reply
from .streaming import OllamaDecoder

__all__ = ["Ollama", "OllamaDecoder", "OllamaRenderer"]


class Ollama:
    """The dialect of `POST /api/chat`.

    Sampling settings become `options`, `max_tokens` among them as `num_predict`. The wire has no place for
    `parallel_tool_calls`, and cannot force a tool: of `tool_choice`, `none` shows no tools and names show only these.
    `reasoning_effort` is sent as `think` (`none` as false), where models without degrees just think; `thinking_tokens` is
    no budget here, but 0 forbids thinking. Names, descriptions and strictness of a `JsonOutput` and of tools are left out.
    `keep_alive`, `think: true` and other `options` are `extra`.

    Calls without an id, as older servers give them, get one of ours, which is never sent. Results name their tool, by
    the call before them if need be; that a tool failed (`ToolResult.is_error`) has no place: its words say it. Several
    texts of a message are joined with an empty line. Pictures travel as bytes only. Times are not kept.
    """

    name = NAME
    stream_type = "application/x-ndjson"

    def encode(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        return encode_request(request, stream=stream)

    def decode(self, reply: HttpReply) -> ModelResponse:
        """The answer in a whole reply; raises `ProviderError` for an error and for what cannot be read."""
        return decode_reply(reply)

    def decoder(self, reply_head: HttpReply | None = None) -> StreamDecoder:
        """A reader of one streamed answer, or of the plain one that the head announces instead."""
        if reply_head is not None and is_whole(reply_head):
            return WholeReplyDecoder(decode_reply, reply_head)
        return OllamaDecoder()

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer; raises `CallerError` for sounds, films and files in it."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> OllamaRenderer:
        """A writer of one streamed answer; its lines name the model as the client did, and the last one as the answer does."""
        return OllamaRenderer(stamp)
