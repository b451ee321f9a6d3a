"""Cohere's Chat API (v2), both ways.

To change how an answer is read open `answering`, `streaming` or `reading`; for what is sent, `asking` or `writing`;
for what we serve, `parsing` or `rendering`.
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
from .rendering import CohereRenderer, render_failure, render_reply
from .streaming import CohereDecoder

__all__ = ["Cohere", "CohereDecoder", "CohereRenderer"]


class Cohere:
    """The dialect of `POST /v2/chat`.

    Of `Settings` the wire has no place for `parallel_tool_calls`, which is left out, and knows no degrees of thinking:
    `thinking_tokens` is a budget (0 forbids thinking), and of `reasoning_effort` only `none` says something. Names to
    choose from become the tools that are shown. Tools are strict if all of them are. Of a `JsonOutput` the schema is sent,
    and Cohere refuses it beside tools. `documents`, `safety_mode`, `citation_options` and the like are `extra`.

    A tool plan, citations and their sources are kept in the message's origin and go back with it; `billed_units`, which
    may be far below the tokens counted in `Usage`, and `cached_tokens` are kept there too. That a tool failed
    (`ToolResult.is_error`) has no place: its words say it. Pictures from a tool go into a user's message behind the
    results. Answers do not name their model.
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
        """A reader of one streamed answer, or of the plain one that the head announces instead."""
        if reply_head is not None and is_whole(reply_head):
            return WholeReplyDecoder(decode_reply, reply_head)
        return CohereDecoder()

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer; raises `CallerError` for media in it."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> CohereRenderer:
        """A writer of one streamed answer; its head, with what the stamp says, leaves before the answer is known."""
        return CohereRenderer(stamp)
