"""A file per dialect, both directions; framings; the `Transport` protocol."""

from .dialect import Dialect, StreamDecoder, StreamRenderer
from .http import HttpReply, HttpRequest, ReplyStream, Transport
from .sse import SseDecoder

__all__ = [
    "Dialect",
    "HttpReply",
    "HttpRequest",
    "ReplyStream",
    "SseDecoder",
    "StreamDecoder",
    "StreamRenderer",
    "Transport",
]
