"""Pictures, sounds, films and documents, both ways: the wire has names for formats where we have media types."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any, cast

from ...data import Audio, CallerError, Document, Image, JsonObject, Media, Opaque, Video
from .names import NAME

Medium = Image | Audio | Video | Document

FORMATS: dict[str, dict[str, str]] = {
    "image": {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"},
    "document": {
        "pdf": "application/pdf",
        "csv": "text/csv",
        "doc": "application/msword",
        "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xls": "application/vnd.ms-excel",
        "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "html": "text/html",
        "txt": "text/plain",
        "md": "text/markdown",
    },
    "video": {
        "mp4": "video/mp4",
        "mov": "video/quicktime",
        "mkv": "video/x-matroska",
        "webm": "video/webm",
        "flv": "video/x-flv",
        "mpeg": "video/mpeg",
        "mpg": "video/mpeg",
        "wmv": "video/x-ms-wmv",
        "three_gp": "video/3gpp",
    },
    "audio": {
        "mp3": "audio/mpeg",
        "wav": "audio/wav",
        "aac": "audio/aac",
        "flac": "audio/flac",
        "ogg": "audio/ogg",
        "opus": "audio/opus",
        "m4a": "audio/m4a",
        "mp4": "audio/mp4",
        "webm": "audio/webm",
        "pcm": "audio/pcm",
        "mka": "audio/x-matroska",
        "mkv": "audio/x-matroska",
        "mpeg": "audio/mpeg",
        "mpga": "audio/mpeg",
        "x-aac": "audio/x-aac",
    },
}
"""The API's `ImageFormat`, `DocumentFormat`, `VideoFormat` and `AudioFormat`; the first name of a type is sent for it."""

_ALIASES = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/m4a",
    "application/csv": "text/csv",
    "text/x-markdown": "text/markdown",
    "video/mov": "video/quicktime",
}
_NAMED = {
    kind: {media_type: name for name, media_type in reversed(formats.items())} for kind, formats in FORMATS.items()
}
_KINDS: dict[type[Media], str] = {Image: "image", Audio: "audio", Video: "video", Document: "document"}
_MAX_NAME = 200

_unnameable = re.compile(r"[^A-Za-z0-9\s()\[\]-]")
_spaces = re.compile(r"\s+")


def media_block(part: Medium) -> JsonObject:
    """The part as a block; raises `CallerError` for a type or an address that the wire does not know."""
    kind = _KINDS[type(part)]
    kept: JsonObject = part.origin.data if part.origin is not None and part.origin.dialect == NAME else {}
    body: JsonObject = {}
    if isinstance(part, Document):
        body["name"] = document_name(part)
    if "format" not in kept:
        body["format"] = _format(kind, part.media_type)
    body["source"] = _source(part, kind, kept)
    body.update({key: value for key, value in kept.items() if key not in ("s3Location", "plain")})
    if body.get("format", "") is None:
        del body["format"]
    return {kind: body}


def media_part(kind: str, body: Any) -> Medium | None:
    """The block as a part; None where it is of a form that no noun has."""
    if not isinstance(body, dict):
        return None
    extra: JsonObject = {**cast("JsonObject", body)}
    name, source = extra.pop("format", None), extra.pop("source", None)
    if name is None and kind == "document":
        media_type = "text/plain"
        extra["format"] = None
    elif isinstance(name, str):
        media_type = FORMATS[kind].get(name) or (name if "/" in name else f"{kind}/{name or '*'}")
        if _NAMED[kind].get(media_type) != name:
            extra["format"] = name
    else:
        return None
    found = _found(source, kind, extra)
    return None if found is None else _medium(kind, media_type, found, extra)


def _medium(kind: str, media_type: str, found: tuple[bytes | None, str | None], extra: JsonObject) -> Medium:
    title = _taken_name(extra) if kind == "document" else None
    origin = Opaque(NAME, extra) if extra else None
    data, url = found
    match kind:
        case "image":
            return Image(media_type, data, url, origin=origin)
        case "audio":
            return Audio(media_type, data, url, origin=origin)
        case "video":
            return Video(media_type, data, url, origin=origin)
        case _:
            return Document(media_type, data, url, title, origin)


def document_name(part: Document) -> str:
    """A name as the wire wants it; one that it would refuse is mapped, a missing one is made of the content.

    The same document has the same name in every turn: it is a part of the prompt, and of what a cache is found by.
    """
    name = _spaces.sub(" ", _unnameable.sub("-", part.name or ""))[:_MAX_NAME]
    if name.strip(" -"):
        return name
    content = part.data if part.data is not None else (part.url or "").encode("utf-8", "surrogatepass")
    return f"document {hashlib.sha256(content).hexdigest()[:8]}"


def _format(kind: str, media_type: str) -> str:
    plain = media_type.partition(";")[0].strip().lower()
    name = _NAMED[kind].get(_ALIASES.get(plain, plain))
    if name is None and kind == "document" and plain.startswith("text/"):
        name = "txt"
    if name is None:
        known = ", ".join(dict.fromkeys(FORMATS[kind].values()))
        raise CallerError(f"the Converse API takes no {kind} of type {media_type!r}; it takes {known}")
    return name


def _source(part: Medium, kind: str, kept: JsonObject) -> JsonObject:
    if part.data is not None:
        if kept.get("plain"):
            return {"text": part.data.decode("utf-8", "replace")}
        return {"bytes": base64.b64encode(part.data).decode()}
    url = part.url or ""
    if not url.startswith("s3://"):
        raise CallerError(
            f"the Converse API fetches a {kind} from s3:// alone, not from {url[:80]!r}; give its content with data="
        )
    return {"s3Location": {"uri": url, **kept.get("s3Location", {})}}


def _found(source: Any, kind: str, extra: JsonObject) -> tuple[bytes | None, str | None] | None:
    """What a source holds; what it says beside that goes to `extra`."""
    match source:
        case {"bytes": str(text), **rest} if not rest:
            data = canonical(text)
            return None if data is None else (data, None)
        case {"s3Location": {"uri": str(uri), **owner}, **rest} if uri.startswith("s3://") and not rest:
            if owner:
                extra["s3Location"] = owner
            return None, uri
        case {"text": str(text), **rest} if kind == "document" and not rest:
            extra["plain"] = True
            return text.encode(), None
        case _:
            return None


def _taken_name(extra: JsonObject) -> str | None:
    """The name of a document; one that would not come out as it went in stays in `extra`, too."""
    name = extra.get("name")
    if not isinstance(name, str):
        return None
    if document_name(Document("text/plain", b"", name=name)) == name:
        del extra["name"]
    return name


def canonical(text: str) -> bytes | None:
    """The bytes, if encoding them gives the same text again; the last four letters are where it could differ."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    tail = len(data) % 3 or 3
    same = len(text) == 4 * ((len(data) + 2) // 3) and base64.b64encode(data[-tail:]).decode() == text[-4:]
    return data if same else None
