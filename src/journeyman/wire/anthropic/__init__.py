"""The Anthropic Messages API, both ways.

To change how an answer is read open `answering`, `streaming` or `reading`; for what is sent, `asking` or `writing`;
for what we serve, `parsing` or `rendering`.
"""

from __future__ import annotations

from ...data import ModelRequest, ModelResponse
from ..dialect import UNSTAMPED, Stamp, StreamDecoder
from ..http import HttpReply, HttpRequest
from ..whole import WholeReplyDecoder, is_whole
from .answering import decode_reply
from .asking import MAX_TOKENS, encode_request
from .names import NAME
from .parsing import parse_request
from .rendering import AnthropicRenderer, render_failure, render_reply
from .streaming import AnthropicDecoder

__all__ = ["MAX_TOKENS", "Anthropic", "AnthropicDecoder", "AnthropicRenderer"]


class Anthropic:
    """The dialect of `POST /v1/messages`.

    Of `Settings` the wire has no place for `seed` and the two penalties, which are left out, and none for JSON output
    without a schema, which is refused. Names, descriptions and strictness of a `JsonOutput` are left out, too: its
    schema is always kept to. `reasoning_effort` is sent as `output_config.effort`, `thinking_tokens` as a budget (0
    forbids thinking; `extra={"thinking": {"type": "adaptive"}}` leaves it to the model). A budget is left out while a
    tool loop goes on that another model began, where the API takes none. `extra["betas"]` becomes the header
    `anthropic-beta`. A `file-id:` url names an uploaded file.
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
        return AnthropicDecoder()

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer; raises `CallerError` for media in it."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> AnthropicRenderer:
        """A writer of one streamed answer; its head, with what the stamp says, leaves before the answer is known."""
        return AnthropicRenderer(stamp)
