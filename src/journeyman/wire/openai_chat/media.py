"""Media in messages, both ways."""

from __future__ import annotations

import base64
from typing import assert_never

from ...data import Audio, CallerError, Document, Image, JsonObject, Opaque, Text, Video
from ..quirks import ChatQuirks
from ..shapes import object_of, string_of, without
from .names import FILE_ID, IMAGES, NAME, is_own, own

PLAIN = "plain"
"""A picture's origin has it where its address stood without an object around it, as Mistral's clients write it."""

_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_SUFFIXES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
    "webm": "video/webm",
}

Medium = Image | Audio | Video | Document


def media_block(part: Medium, quirks: ChatQuirks) -> JsonObject:
    """A block of a user's content; raises `CallerError` for what the wire cannot carry."""
    match part:
        case Image():
            block = _image(part)
        case Audio():
            block = _audio(part, quirks)
        case Document():
            block = _document(part, quirks)
        case Video():
            block = _video(part, quirks)
        case _:
            assert_never(part)
    for key, value in own(part.origin).items():
        if key not in ("type", PLAIN):
            inner = object_of(block.get(key))
            block[key] = {**inner, **value} if inner and isinstance(value, dict) else value
    return block


def media_part(block: JsonObject) -> Text | Medium | Opaque:
    """The part that a block of a user's content is; whole and opaque where our nouns cannot hold all of it."""
    part = _part(block)
    if part is None:
        return Opaque(NAME, block)
    if isinstance(part, Text):
        return part
    try:
        same = media_block(part, ChatQuirks()) == block
    except CallerError:
        same = False
    return part if same else Opaque(NAME, block)


def address_of(part: Medium) -> str:
    """Where the bytes are, or the bytes themselves as a `data:` address."""
    if part.data is None:
        return part.url or ""
    return f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"


def drawn(images: list[JsonObject]) -> list[Image]:
    """The pictures that a model made (OpenRouter's `images`)."""
    pictures: list[Image] = []
    for block in images:
        if url := string_of(object_of(block.get("image_url")).get("url")):
            extras = without(block, "type", "image_url", "index")
            pictures.append(_image_at(url, Opaque(NAME, {IMAGES: True, **extras})))
    return pictures


def spoken(sounds: list[JsonObject]) -> list[Audio]:
    """What a model said aloud, from the whole sound or its pieces; its words are in the origin."""
    data = b"".join(_bytes(string_of(sound.get("data"))) or b"" for sound in sounds)
    name = next(filter(None, (string_of(sound.get("id")) for sound in sounds)), "")
    if not data and not name:
        return []
    words = "".join(string_of(sound.get("transcript")) for sound in sounds)
    return [Audio(_sound_type(data), data, origin=Opaque(NAME, {"id": name, "transcript": words}))]


def _image(part: Image) -> JsonObject:
    if part.url is not None and part.url.startswith(FILE_ID):
        raise CallerError("Chat Completions takes no file id for an Image; give its bytes or its address")
    address = address_of(part)
    plain = PLAIN in own(part.origin)
    return {"type": "image_url", "image_url": address if plain else {"url": address}}


def _audio(part: Audio, quirks: ChatQuirks) -> JsonObject:
    if quirks.audio == "plain":
        sound = part.url if part.data is None else base64.b64encode(part.data).decode()
        return {"type": "input_audio", "input_audio": sound}
    if part.data is None:
        raise CallerError("Chat Completions takes an Audio as bytes only (data=), not by its address")
    form = _FORMATS.get(part.media_type)
    if form is None:
        raise CallerError(f"Chat Completions takes an Audio as audio/wav or audio/mpeg, not as {part.media_type}")
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(part.data).decode(), "format": form}}


def _document(part: Document, quirks: ChatQuirks) -> JsonObject:
    kind = own(part.origin).get("type") or ("document_url" if quirks.documents == "document_url" else "file")
    if kind == "document_url":
        return {"type": kind, kind: address_of(part)}
    if part.url is None:
        name = part.name or "file." + part.media_type.rpartition("/")[2]
        return {"type": "file", "file": {"file_data": address_of(part), "filename": name}}
    if part.url.startswith(FILE_ID):
        return {"type": "file", "file": {"file_id": part.url.removeprefix(FILE_ID)}}
    if quirks.documents == "file" and not is_own(part.origin):
        raise CallerError(
            "Chat Completions takes a Document as bytes (data=) or as an uploaded file (url='file-id:…'), "
            "not by its address"
        )
    file = {"file_data": part.url}
    if part.name is not None:
        file["filename"] = part.name
    return {"type": "file", "file": file}


def _video(part: Video, quirks: ChatQuirks) -> JsonObject:
    if not quirks.video and not is_own(part.origin):
        raise CallerError("Chat Completions carries no Video; some vendors take one (ChatQuirks.video)")
    return {"type": "video_url", "video_url": {"url": address_of(part)}}


def _part(block: JsonObject) -> Text | Medium | None:
    kind = string_of(block.get("type"))
    value = block.get(kind)
    match kind:
        case "text":
            return _text_part(block, value)
        case "image_url":
            return _image_part(block, value)
        case "input_audio":
            return _audio_part(block, object_of(value))
        case "file":
            return _document_part(block, object_of(value))
        case "document_url":
            origin = Opaque(NAME, {"type": kind, **without(block, "type", kind)})
            return _document_at(value, None, origin) if isinstance(value, str) else None
        case _:
            return _video_part(block, object_of(value)) if kind == "video_url" else None


def _text_part(block: JsonObject, value: object) -> Text | None:
    extras = without(block, "type", "text")
    return Text(value, Opaque(NAME, extras) if extras else None) if isinstance(value, str) else None


def _video_part(block: JsonObject, video: JsonObject) -> Video | None:
    url = string_of(video.get("url"))
    if not url:
        return None
    origin = Opaque(NAME, _extras(block, "video_url", "url"))
    media_type, data = _inline(url)
    if data is None:
        return Video(_type_of(url, "video/*"), url=url, origin=origin)
    return Video(media_type, data, origin=origin)


def _image_part(block: JsonObject, value: object) -> Image | None:
    if isinstance(value, str):
        return _image_at(value, Opaque(NAME, {PLAIN: True, **without(block, "type", "image_url")})) if value else None
    url = string_of(object_of(value).get("url"))
    extras = _extras(block, "image_url", "url")
    return _image_at(url, Opaque(NAME, extras) if extras else None) if url else None


def _image_at(address: str, origin: Opaque | None) -> Image:
    media_type, data = _inline(address)
    if data is None:
        return Image(_type_of(address, "image/*"), url=address, origin=origin)
    return Image(media_type, data, origin=origin)


def _sound_type(data: bytes) -> str:
    # An answer does not say it, and the request that did is not here.
    for mark, media_type in (
        (b"RIFF", "audio/wav"),
        (b"ID3", "audio/mpeg"),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
    ):
        if data.startswith(mark):
            return media_type
    return "audio/mpeg" if data.startswith(b"\xff") else "audio/pcm"


def _audio_part(block: JsonObject, sound: JsonObject) -> Audio | None:
    media_type = _AUDIO_TYPES.get(string_of(sound.get("format")))
    data = _bytes(string_of(sound.get("data")))
    extras = _extras(block, "input_audio", "data", "format")
    return Audio(media_type, data, origin=Opaque(NAME, extras) if extras else None) if media_type and data else None


def _document_part(block: JsonObject, file: JsonObject) -> Document | None:
    extras = _extras(block, "file", "file_data", "file_id", "filename")
    origin = Opaque(NAME, extras) if extras else None
    if file_id := string_of(file.get("file_id")):
        return Document("application/octet-stream", url=FILE_ID + file_id, origin=origin)
    if address := string_of(file.get("file_data")):
        inline = address.startswith("data:")
        return _document_at(address, file.get("filename"), origin if inline else Opaque(NAME, extras))
    return None


def _document_at(address: str, name: object, origin: Opaque | None) -> Document:
    media_type, data = _inline(address)
    called = string_of(name) or None
    if data is None:
        return Document(_type_of(address, "application/octet-stream"), url=address, name=called, origin=origin)
    return Document(media_type, data, name=called, origin=origin)


def _extras(block: JsonObject, kind: str, *known: str) -> JsonObject:
    inner = without(object_of(block.get(kind)), *known)
    outer = without(block, "type", kind)
    return {**outer, kind: inner} if inner else outer


def _inline(address: str) -> tuple[str, bytes | None]:
    head, comma, text = address.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return "", None
    media_type = head.removeprefix("data:").removesuffix(";base64")
    return media_type, _bytes(text) if media_type else None


def _bytes(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _type_of(address: str, otherwise: str) -> str:
    return _SUFFIXES.get(address.partition("?")[0].rpartition(".")[2].lower(), otherwise)
