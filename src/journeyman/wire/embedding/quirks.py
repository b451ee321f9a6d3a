"""What a vendor behind the wire of OpenAI's embeddings does otherwise than OpenAI."""

from __future__ import annotations

import msgspec


class EmbeddingQuirks(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The defaults suit OpenAI and most servers that call themselves compatible.

    `dimensions` is the key for the length of the vectors. `purpose` is the key that tells what texts are embedded for,
    and its words for a query and for a document; without it, purposes are not sent. `most_inputs` texts and `most_bytes`
    bytes of them go into one request: OpenAI takes 2,048 texts and 300,000 tokens (its reference, "Create embeddings"),
    and two bytes a token are fewer than any usual text has.
    """

    dimensions: str = "dimensions"
    purpose: tuple[str, str, str] | None = None
    most_inputs: int = 2048
    most_bytes: int = 600_000
