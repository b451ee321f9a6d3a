"""The Converse API of Amazon Bedrock, both ways.

To change how an answer is read open `answering`, `streaming` or `reading`; for what is sent, `asking` or `writing`;
for what we serve, `parsing` or `rendering`; for what one maker's models want to be told, `families`.
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
from .rendering import BedrockRenderer, render_failure, render_reply
from .streaming import BedrockDecoder

__all__ = ["Bedrock", "BedrockDecoder", "BedrockRenderer"]


class Bedrock:
    """The dialect of `POST /model/{modelId}/converse` and `/converse-stream`.

    Of `Settings` the wire has no place for `seed` and the two penalties, which are left out, and none for JSON output
    without a schema, which is refused; `strict` of a `JsonOutput` is left out, too: its schema is always kept to.
    `top_k`, `reasoning_effort`, `thinking_tokens` and `parallel_tool_calls=False` are said in the words of the model's
    maker (see `families`) and left out where there are none. `extra` holds keys of the body, which are merged into it:
    `{"guardrailConfig": ...}`, `{"additionalModelRequestFields": ...}`.

    Instructions all go into `system`, wherever they stand among the messages, since few models take them elsewhere. With
    `tool_choice` none the tools are left out; where the history has calls, which it may not have without tools, a tool
    that does nothing stands for them. Media are bytes or `s3:` addresses.
    """

    name = NAME
    stream_type = "application/vnd.amazon.eventstream"

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
        return BedrockDecoder({} if reply_head is None else reply_head.headers)

    def parse(self, request: HttpRequest) -> ModelRequest:
        """The request that a client sent; raises `CallerError` where it is none."""
        return parse_request(request)

    def render(self, response: ModelResponse, stamp: Stamp = UNSTAMPED) -> HttpReply:
        """The reply with the whole answer; raises `CallerError` for a sound, film or document in it."""
        return render_reply(response, stamp)

    def render_error(self, status: int, message: str) -> HttpReply:
        """The reply that tells of an error."""
        return render_failure(status, message)

    def renderer(self, stamp: Stamp = UNSTAMPED) -> BedrockRenderer:  # noqa: ARG002  (events name neither id nor model)
        """A writer of one streamed answer."""
        return BedrockRenderer()
