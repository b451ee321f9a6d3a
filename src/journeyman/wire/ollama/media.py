"""Pictures: on this wire they are bytes and nothing else, so that what they are is told by how they begin."""

from __future__ import annotations

import base64

from ...data import CallerError, Image

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def image_json(part: Image) -> str:
    """The picture as an element of `images`. Raises `CallerError` for one that is only an address."""
    if part.data is None:
        raise CallerError(f"Ollama fetches no pictures; give the bytes (data=) of {(part.url or '')[:80]!r}")
    return base64.b64encode(part.data).decode()


def image_of(text: str) -> Image:
    """A picture from an element of `images`. Raises `ValueError` for what is no base64."""
    data = base64.b64decode(text, validate=True)
    return Image(_type_of(data), data)


def _type_of(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), "image/*")
