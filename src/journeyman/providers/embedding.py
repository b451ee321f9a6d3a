"""Which wire a vendor's embeddings speak, and what it does otherwise on it."""

from __future__ import annotations

from ..data import CallerError
from ..wire import EmbeddingDialect, EmbeddingQuirks, embedding_dialect
from .vendor import Vendor

_DIALECTS = {
    "openai_chat": "openai",
    "openai_responses": "openai",
    "gemini": "gemini",
    "bedrock": "bedrock",
    "cohere": "cohere",
    "ollama": "ollama",
}
"""The wire of embeddings that goes with a wire of messages."""

_QUIRKS = {
    # Mistral's API reference, "Embeddings"; "Too many tokens in batch. Max is 16384".
    "mistral": EmbeddingQuirks(dimensions="output_dimension", most_bytes=32_000),
    # NVIDIA's NIM reference: models for retrieval insist on `input_type`.
    "nvidia": EmbeddingQuirks(purpose=("input_type", "query", "passage")),
    # Voyage AI's API reference, for who registers it: 1,000 texts, and 120,000 tokens with its largest model.
    "voyage": EmbeddingQuirks(
        dimensions="output_dimension",
        purpose=("input_type", "query", "document"),
        most_inputs=1000,
        most_bytes=240_000,
    ),
}


_OTHERWISE = {"perplexity": "as bytes and bits only"}
"""Vendors whose vectors have no place here, and how they come (Perplexity's API reference, "Create Embeddings")."""


def embedding_wire(vendor: Vendor) -> EmbeddingDialect:
    """The dialect of a vendor's embeddings. Raises `CallerError` for one that has none."""
    # Vertex AI speaks Gemini's wire for messages, and one of its own for embeddings.
    name = "vertex" if vendor.name == "vertex" else _DIALECTS.get(vendor.dialect)
    if name is None or vendor.capabilities.embeddings is False:
        raise CallerError(
            f"{vendor.name} gives no embeddings; take another vendor's, for example "
            'open_embedder("openai:text-embedding-3-small"), or "ollama:nomic-embed-text" on this machine'
        )
    if vendor.name in _OTHERWISE:
        raise CallerError(f"{vendor.name} gives embeddings {_OTHERWISE[vendor.name]}; here they are numbers of 32 bits")
    return embedding_dialect(name, _QUIRKS.get(vendor.name))
