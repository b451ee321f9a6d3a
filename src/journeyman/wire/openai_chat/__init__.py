"""OpenAI's Chat Completions and everything compatible, both ways.

To change how an answer is read open `answering`, `pieces` or `streaming`; for what is sent, `asking` or `writing`; for
what we serve, `parsing` or `rendering`; `media`, `tools` and `counting` go both ways.
"""

from __future__ import annotations

from ...data import ModelRequest, ModelResponse
from ..dialect import UNSTAMPED, Stamp, StreamDecoder
from ..http import HttpReply, HttpRequest
from ..quirks import ChatQuirks
from ..whole import WholeReplyDecoder, is_whole
from .answering import decode_reply
from .asking import Writer
from .names import NAME
from .parsing import parse_request
from .rendering import ChatRenderer, render_failure, render_reply
from .streaming import ChatDecoder

__all__ = ["ChatDecoder", "ChatRenderer", "OpenAIChat"]


class OpenAIChat:
    """The dialect of `POST /chat/completions`; `quirks` are what a vendor does otherwise.

    Of `Settings` the wire has no place for `thinking_tokens` and `top_k`, which are left out where the quirks do not
    say that the vendor knows them; `parallel_tool_calls` is left out where there are no tools. Names to choose from
    become OpenAI's `allowed_tools`. What an answer is based on (Perplexity's and xAI's `citations`, Perplexity's
    `search_results`, OpenAI's `annotations`) is in its message's origin under `told`, and is not sent back. That a
    tool failed (`ToolResult.is_error`) has no place either: its words say it. What a tool gave besides words goes
    into a user's message behind the results. A `file-id:` url names an uploaded file.
    """

    name = NAME
    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, quirks: ChatQuirks | None = None) -> None:
        self.quirks = quirks or ChatQuirks()
        self._writer = Writer(self.quirks)

    def encode(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest:
        """The HTTP request; raises `CallerError` for what the wire cannot carry."""
        return self._writer.request(request, stream=stream)

    def decode(self, reply: HttpReply) -> ModelResponse:
        """The answer in a whole reply; raises `ProviderError` for an error and for what cannot be read."""
        return decode_reply(reply)

    def decoder(self, reply_head: HttpReply | None = None) -> StreamDecoder:
        """A reader of one streamed answer, or of the whole one or the error that the head announces instead."""
        if reply_head is not None and is_whole(reply_head):
            return WholeReplyDecoder(decode_reply, reply_head)
        return ChatDecoder()

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request, self.quirks)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer; raises `CallerError` for media that the wire cannot give."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> ChatRenderer:
        """A writer of one streamed answer; it tells the usage unless the stamp's request shows that nobody asked for it."""
        return ChatRenderer(stamp)
