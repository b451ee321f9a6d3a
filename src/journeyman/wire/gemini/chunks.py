"""The shape of answers: what is read of a whole one and of a piece of a streamed one.

Nearly every piece of a stream is words, so these are read in one go, into types that take nothing else. What does not
fit is read again with its parts as they are.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .failures import WireError
from .shapes import Block


class WordPart(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    text: str
    thought: bool = False
    signature: str | None = msgspec.field(default=None, name="thoughtSignature")


class WordContent(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    parts: list[WordPart] = []
    role: str = ""


class WordCandidate(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    content: WordContent | None = None
    finish_reason: str | None = msgspec.field(default=None, name="finishReason")
    index: int = 0
    # These two may come with every piece, and mostly say nothing.
    grounding: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="groundingMetadata")
    ratings: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="safetyRatings")


class _Head(msgspec.Struct, gc=False, rename="camel"):
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: dict[str, Any] | None = None
    error: WireError | None = None


class WordChunk(_Head, gc=False, rename="camel"):
    """A piece with nothing but words in it."""

    candidates: list[WordCandidate] | None = None


class Chunk(_Head, gc=False, rename="camel"):
    """A piece of whatever kind, or a whole answer."""

    candidates: list[Block] | None = None


class Content(msgspec.Struct, gc=False):
    parts: list[Block] | None = None
    role: Any = None


class WireUsage(msgspec.Struct, gc=False, rename="camel"):
    """Token counts; `prompt_token_count` includes what was cached, the thoughts are counted apart."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


read_words = msgspec.json.Decoder(WordChunk).decode
read_chunk = msgspec.json.Decoder(Chunk).decode
read_content = msgspec.json.Decoder(Content | None).decode
read_usage = msgspec.json.Decoder(WireUsage | None).decode
