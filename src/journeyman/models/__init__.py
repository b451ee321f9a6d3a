"""The `Model` protocol; a model over a dialect and a transport; the scripted one; models around models."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .around.retry import Retry, RetryPolicy
from .canonical import canonical, request_hash
from .embedder import Embedder, EmbedderOptions, EmbeddingModel, Embeddings
from .line import Line
from .model import Emit, Model, Record
from .scripted import FakeLLM, ScriptedModel
from .scripted_embedder import ScriptedEmbedder
from .wired import WiredModel
from .wired_embedder import WiredEmbedder

if TYPE_CHECKING:
    from .around import (
        SWITCH_ON,
        Cached,
        ConcurrencyLimited,
        Fallback,
        Hedged,
        MemoryStore,
        RateLimit,
        RateLimited,
        Slots,
        Store,
    )

# What most programs put around their models is nothing but `Retry`; the rest is imported when it is used.
_AROUND = frozenset(
    "SWITCH_ON Cached ConcurrencyLimited Fallback Hedged MemoryStore RateLimit RateLimited Slots Store".split()  # noqa: SIM905  (shorter to read)
)

__all__ = [
    "SWITCH_ON",
    "Cached",
    "ConcurrencyLimited",
    "Embedder",
    "EmbedderOptions",
    "EmbeddingModel",
    "Embeddings",
    "Emit",
    "FakeLLM",
    "Fallback",
    "Hedged",
    "Line",
    "MemoryStore",
    "Model",
    "RateLimit",
    "RateLimited",
    "Record",
    "Retry",
    "RetryPolicy",
    "ScriptedEmbedder",
    "ScriptedModel",
    "Slots",
    "Store",
    "WiredEmbedder",
    "WiredModel",
    "canonical",
    "request_hash",
]


def __getattr__(name: str) -> Any:
    if name not in _AROUND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(".around", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
