"""Texts as vectors: what is asked of an embedding model and what it answers."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, overload

import msgspec

from .errors import CallerError
from .parts import Opaque
from .usage import Usage

FLOAT_BYTES = 4
"""The bytes of one number: providers compute with 32 bits or fewer, so that more would only store zeros."""

Purpose = Literal["query", "document"]
"""What a text is embedded for: to search with it, or to be found. Some models tell the two apart."""


class Vectors(msgspec.Struct, frozen=True, gc=False):
    """Vectors of one length, packed: 32-bit floats one behind the other, in the byte order of this machine.

    Each row is a read-only `memoryview` of floats; `matrix` is what `numpy.asarray` takes without a copy. Tuples of
    floats were rejected: 10,000 vectors of 3,072 numbers take 983 MB as tuples and 123 MB like this, and reading them
    from base64, as OpenAI sends them, takes a fifth of the time.

    >>> vectors = Vectors.of([[1.0, 0.0], [0.5, 0.25]])
    >>> len(vectors), vectors.width, list(vectors[1])
    (2, 2, [0.5, 0.25])
    """

    data: bytes = b""
    width: int = 0

    def __post_init__(self) -> None:
        if len(self.data) % (FLOAT_BYTES * self.width) if self.width > 0 else self.width or self.data:
            raise CallerError(f"{len(self.data)} bytes are no vectors of {self.width} numbers of {FLOAT_BYTES} bytes")

    @classmethod
    def of(cls, rows: Iterable[Sequence[float]]) -> Vectors:
        """Vectors from numbers. Raises `CallerError` where they differ in length."""
        return cls.joined([row_of(row) for row in rows])

    @classmethod
    def joined(cls, rows: Sequence[Vectors]) -> Vectors:
        """All the vectors of several. Raises `CallerError` where they differ in length."""
        widths = {item.width for item in rows if item.data}
        if len(widths) > 1:
            raise CallerError(f"vectors of different lengths cannot be packed together: {sorted(widths)}")
        return cls(b"".join([item.data for item in rows]), widths.pop() if widths else 0)

    @property
    def matrix(self) -> memoryview[float]:
        """The numbers as rows and columns; `numpy.asarray(vectors.matrix)` copies nothing."""
        flat = memoryview(self.data)
        return flat.cast("f", (len(self), self.width)) if self.data else flat.cast("f")

    def tolist(self) -> list[list[float]]:
        """The numbers as Python's own."""
        return [list(row) for row in self]

    def __len__(self) -> int:
        return len(self.data) // (FLOAT_BYTES * self.width) if self.width else 0

    def __iter__(self) -> Iterator[memoryview[float]]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> memoryview[float]: ...
    @overload
    def __getitem__(self, index: slice) -> Vectors: ...
    def __getitem__(self, index: int | slice) -> memoryview[float] | Vectors:
        chosen = range(len(self))[index]
        size = FLOAT_BYTES * self.width
        if isinstance(chosen, int):
            return memoryview(self.data)[chosen * size : (chosen + 1) * size].cast("f")
        if chosen.step == 1:
            return Vectors(self.data[chosen.start * size : chosen.stop * size], self.width)
        return Vectors(b"".join([self[at] for at in chosen]), self.width)

    def __repr__(self) -> str:
        return f"<{len(self)} vectors of {self.width} numbers>"


def row_of(numbers: Sequence[float]) -> Vectors:
    """One vector. Raises `CallerError` where it is empty."""
    if not len(numbers):
        raise CallerError("a vector is empty")
    return Vectors(array("f", numbers).tobytes(), len(numbers))


class EmbeddingRequest(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Everything that is asked of an embedding model in one exchange.

    `dimensions` asks for vectors of a length that the model can give besides its own. `extra` holds keys of one dialect
    that no other field names, sent to that dialect alone.
    """

    model: str
    inputs: tuple[str, ...]
    dimensions: int | None = None
    purpose: Purpose | None = None
    extra: Opaque | None = None


class EmbeddingResponse(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The vectors, in the order of the inputs; `model` is the name that the provider gave, where it gave one.

    `cost` is set (in nano-dollars) only where the provider itself states what it charged.
    """

    vectors: Vectors
    usage: Usage = Usage()
    model: str = ""
    raw_id: str | None = None
    cost: int | None = None
