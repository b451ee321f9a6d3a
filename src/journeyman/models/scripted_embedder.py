"""An embedding model that needs nobody: for tests, demonstrations and work without a network."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Sequence

from ..data import EmbeddingRequest, EmbeddingResponse, Usage, Vectors
from ..wire import BatchLimit

DIMENSIONS = 64
"""Enough for texts of some dozen words to lie apart where they share none."""

_words = re.compile(r"\w+").findall


class ScriptedEmbedder:
    """Gives the vectors that `vector_of` makes of a text; without it, vectors that are close where texts share words.

    The same text has the same vector in every run and on every machine. `requests` holds what it was asked. Usage is
    counted in words. A small `most_inputs` shows batches.
    """

    def __init__(
        self,
        vector_of: Callable[[str], Sequence[float]] | None = None,
        *,
        name: str = "scripted:embedder",
        most_inputs: int = 1000,
    ) -> None:
        self.name = name
        self.requests: list[EmbeddingRequest] = []
        self._vector_of = vector_of
        self._most_inputs = most_inputs

    def limit(self, model: str) -> BatchLimit:  # noqa: ARG002  (it is the same for all)
        """How much fits into one request."""
        return BatchLimit(self._most_inputs, 10_000_000)

    async def respond(self, request: EmbeddingRequest) -> EmbeddingResponse:
        """The vectors of the texts."""
        self.requests.append(request)
        width = request.dimensions or DIMENSIONS
        make = self._vector_of
        rows = [_hashed(text, width) if make is None else make(text) for text in request.inputs]
        usage = Usage(input=sum(len(text.split()) for text in request.inputs))
        return EmbeddingResponse(Vectors.of(rows), usage, request.model or "scripted")


def _hashed(text: str, width: int) -> list[float]:
    """Each word adds or takes one in a place that its digest chooses; of length 1, as most providers' vectors are."""
    vector = [0.0] * width
    for word in _words(text.casefold()):
        chosen = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        vector[(chosen >> 1) % width] += 1.0 if chosen & 1 else -1.0
    length = math.hypot(*vector)
    return [number / length for number in vector] if length else [1.0, *vector[1:]]
