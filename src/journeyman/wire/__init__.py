"""A file per dialect, both directions; framings; the `Transport` protocol."""

from ..data import CallerError
from .dialect import Dialect, Stamp, StreamDecoder, StreamRenderer
from .embedding import BatchLimit, EmbeddingDialect, EmbeddingQuirks, embedding_dialect
from .http import HttpReply, HttpRequest, ReplyStream, Transport
from .quirks import ChatQuirks
from .sse import SseDecoder

DIALECTS = ("anthropic", "bedrock", "cohere", "gemini", "ollama", "openai_chat", "openai_responses")
"""The names that `dialect` knows."""


def dialect(name: str, quirks: ChatQuirks | None = None) -> Dialect:  # noqa: PLR0911  (a row per dialect)
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
        case "openai_responses":
            from .openai_responses import OpenAIResponses  # noqa: PLC0415  (see above)

            return OpenAIResponses()
        case "gemini":
            from .gemini import Gemini  # noqa: PLC0415  (see above)

            return Gemini()
        case "bedrock":
            from .bedrock import Bedrock  # noqa: PLC0415  (see above)

            return Bedrock()
        case "cohere":
            from .cohere import Cohere  # noqa: PLC0415  (see above)

            return Cohere()
        case "ollama":
            from .ollama import Ollama  # noqa: PLC0415  (see above)

            return Ollama()
        case _:
            raise CallerError(f"there is no dialect {name!r}; the dialects are {', '.join(DIALECTS)}")


__all__ = [
    "DIALECTS",
    "BatchLimit",
    "ChatQuirks",
    "Dialect",
    "EmbeddingDialect",
    "EmbeddingQuirks",
    "HttpReply",
    "HttpRequest",
    "ReplyStream",
    "SseDecoder",
    "Stamp",
    "StreamDecoder",
    "StreamRenderer",
    "Transport",
    "dialect",
    "embedding_dialect",
]
