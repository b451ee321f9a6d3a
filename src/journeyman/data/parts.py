"""The parts of a message: a closed union, each frozen and legal once it exists."""

from __future__ import annotations

from typing import Any

import msgspec

from .errors import CallerError


class Opaque(msgspec.Struct, frozen=True, gc=False, tag="opaque"):
    """Provider state that must travel back to its dialect unchanged.

    As a part of its own it is a whole block (a server-side tool call, say); as the `origin` of another part or of a
    message it holds the keys for which the noun has no place (a signature, a cache marker). Other dialects ignore it.
    """

    dialect: str
    data: Any


class Text(msgspec.Struct, frozen=True, gc=False, tag="text", omit_defaults=True):
    """Words, exactly as they were said."""

    text: str
    origin: Opaque | None = None


class Thinking(msgspec.Struct, frozen=True, gc=False, tag="thinking", omit_defaults=True):
    """A model's reasoning, or its summary; always tagged with the dialect that it came from."""

    text: str
    origin: Opaque | None = None


class ToolCall(msgspec.Struct, frozen=True, gc=False, tag="tool_call", omit_defaults=True):
    """A model's wish to call a tool; `arguments` is the JSON text as the model wrote it, well-formed or not."""

    id: str
    name: str
    arguments: str = "{}"
    origin: Opaque | None = None


class Media(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Bytes with a media type, or an address that the provider fetches (`https:`, `gs:`, a provider's file id)."""

    media_type: str
    data: bytes | None = None
    url: str | None = None
    name: str | None = None
    origin: Opaque | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            kind = type(self).__name__
            raise CallerError(f"{kind} takes either data= (bytes) or url=, and exactly one of them")


class Image(Media, frozen=True, gc=False, tag="image", omit_defaults=True):
    """A picture."""


class Audio(Media, frozen=True, gc=False, tag="audio", omit_defaults=True):
    """A sound."""


class Video(Media, frozen=True, gc=False, tag="video", omit_defaults=True):
    """A film."""


class Document(Media, frozen=True, gc=False, tag="document", omit_defaults=True):
    """A file such as a PDF."""


class ToolResult(msgspec.Struct, frozen=True, gc=False, tag="tool_result", omit_defaults=True):
    """What a tool call came to; `is_error` tells the model that it failed."""

    call_id: str
    content: str | tuple[Text | Image | Audio | Video | Document | Opaque, ...] = ""
    is_error: bool = False
    name: str | None = None
    origin: Opaque | None = None

    @property
    def text(self) -> str:
        """The words of the content, without its media."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content if isinstance(part, Text))


Part = Text | Thinking | ToolCall | ToolResult | Image | Audio | Video | Document | Opaque
