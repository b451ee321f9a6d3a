"""Embeddings on the wires of those who give them, both ways; `forms` is what they have in common."""

from __future__ import annotations

from ...data import CallerError
from .dialect import BatchLimit, EmbeddingDialect
from .quirks import EmbeddingQuirks

EMBEDDING_DIALECTS = ("bedrock", "cohere", "gemini", "ollama", "openai", "vertex")
"""The names that `embedding_dialect` knows."""


def embedding_dialect(name: str, quirks: EmbeddingQuirks | None = None) -> EmbeddingDialect:
    """A dialect of embeddings by its name; `quirks` are what a vendor behind `openai` does otherwise.

    Raises `CallerError` for an unknown name.
    """
    # Each is imported when it is used: a program speaks one or two of them.
    match name:
        case "openai":
            from .openai import OpenAIEmbeddings  # noqa: PLC0415  (see above)

            return OpenAIEmbeddings(quirks)
        case "gemini":
            from .gemini import GeminiEmbeddings  # noqa: PLC0415  (see above)

            return GeminiEmbeddings()
        case "vertex":
            from .vertex import VertexEmbeddings  # noqa: PLC0415  (see above)

            return VertexEmbeddings()
        case "cohere":
            from .cohere import CohereEmbeddings  # noqa: PLC0415  (see above)

            return CohereEmbeddings()
        case "ollama":
            from .ollama import OllamaEmbeddings  # noqa: PLC0415  (see above)

            return OllamaEmbeddings()
        case "bedrock":
            from .bedrock import BedrockEmbeddings  # noqa: PLC0415  (see above)

            return BedrockEmbeddings()
        case _:
            raise CallerError(
                f"there is no dialect of embeddings {name!r}; the dialects are {', '.join(EMBEDDING_DIALECTS)}"
            )


__all__ = ["EMBEDDING_DIALECTS", "BatchLimit", "EmbeddingDialect", "EmbeddingQuirks", "embedding_dialect"]
