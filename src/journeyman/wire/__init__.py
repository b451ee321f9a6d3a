"""A file per dialect, both directions; framings; the `Transport` protocol."""

from ..data import CallerError
from .dialect import Dialect, StreamDecoder, StreamRenderer
from .http import HttpReply, HttpRequest, ReplyStream, Transport
from .quirks import ChatQuirks
from .sse import SseDecoder

DIALECTS = ("anthropic", "openai_chat")
"""The names that `dialect` knows."""


def dialect(name: str, quirks: ChatQuirks | None = None) -> Dialect:
    """A dialect by its name; `quirks` are what a vendor behind `openai_chat` does otherwise.

    Raises `CallerError` for an unknown name.
    """
    # Each is imported when it is used: a program speaks one or two of them.
    match name:
        case "openai_chat":
            from .openai_chat import OpenAIChat  # noqa: PLC0415  (see above)

            return OpenAIChat(quirks or ChatQuirks())
        case "anthropic":
            from .anthropic import Anthropic  # noqa: PLC0415  (see above)

            return Anthropic()
        case _:
            raise CallerError(f"there is no dialect {name!r}; the dialects are {', '.join(DIALECTS)}")


__all__ = [
    "DIALECTS",
    "ChatQuirks",
    "Dialect",
    "HttpReply",
    "HttpRequest",
    "ReplyStream",
    "SseDecoder",
    "StreamDecoder",
    "StreamRenderer",
    "Transport",
    "dialect",
]
