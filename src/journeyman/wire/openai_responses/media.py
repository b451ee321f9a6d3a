"""Blocks of a user's message and of a tool's result, both ways."""

from __future__ import annotations

import base64

from ...data import Audio, CallerError, Document, Image, JsonObject, Opaque, Text, Video
from ..shapes import object_of, string_of
from .names import FILE_ID, NAME
from .spelling import difference, is_own, own, respelled, tagged

Block = Text | Image | Audio | Video | Document | Opaque

_SUFFIXES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
}
_SOUNDS = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}


def block_of(part: Block) -> JsonObject | None:
    """A part as a block, None where only another dialect has a use for it; `CallerError` for what the wire cannot carry."""
    match part:
        case Text():
            written: JsonObject = {"type": "input_text", "text": part.text}
        case Image():
            written = _image(part)
        case Document():
            written = _document(part)
        case Audio():
            written = _audio(part)
        case Opaque():
            return own(part) or None
        case Video():
            raise CallerError("the Responses API carries no Video; give the model pictures of it, or another model")
    return respelled(written, own(part.origin))


def part_of(block: JsonObject) -> Block:
    """The part that a block is; whole and opaque where our nouns have no place for it."""
    part: Block | None
    match block.get("type"):
        case "input_text":
            part = _text_part(block)
        case "input_image":
            part = _image_part(block)
        case "input_file":
            part = _document_part(block)
        case "input_audio":
            part = _audio_part(block)
        case _:
            part = None
    return Opaque(NAME, block) if part is None else part


def _image(part: Image) -> JsonObject:
    # The API has a default for `detail`, but servers that are built on the types of OpenAI's SDK insist on it.
    if (file := _file_id(part)) is not None:
        return {"type": "input_image", "detail": "auto", "file_id": file}
    return {"type": "input_image", "detail": "auto", "image_url": _address(part)}


def _document(part: Document) -> JsonObject:
    if (file := _file_id(part)) is not None:
        return {"type": "input_file", "file_id": file}
    written: JsonObject = {"type": "input_file"}
    if part.url is not None:
        written["file_url"] = part.url
        if part.name is not None:
            written["filename"] = part.name
        return written
    # The API refuses bytes without a name.
    written["filename"] = part.name or "file." + part.media_type.rpartition("/")[2]
    written["file_data"] = _address(part)
    return written


def _audio(part: Audio) -> JsonObject:
    form = _FORMATS.get(part.media_type)
    if part.data is None or form is None or not is_own(part.origin):
        raise CallerError(
            "the Responses API carries no Audio; ask a model that hears over Chat Completions (the dialect openai_chat)"
        )
    # Servers of other vendors take it, and so do clients of theirs.
    return {"type": "input_audio", "input_audio": {"data": base64.b64encode(part.data).decode(), "format": form}}


def _file_id(part: Image | Document) -> str | None:
    if part.url is None or not part.url.startswith(FILE_ID):
        return None
    if part.origin is not None and not is_own(part.origin):
        kind = type(part).__name__
        raise CallerError(f"the {kind} {part.url!r} was uploaded to another provider; give its bytes or its address")
    return part.url.removeprefix(FILE_ID)


def _address(part: Image | Document) -> str:
    if part.data is None:
        return part.url or ""
    return f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"


def _text_part(block: JsonObject) -> Text | None:
    text = block.get("text")
    if not isinstance(text, str):
        return None
    return Text(text, tagged(difference({"type": "input_text", "text": text}, block)))


def _image_part(block: JsonObject) -> Image | None:
    if url := string_of(block.get("image_url")):
        media_type, data = _inline(url)
        image = Image(media_type, data) if data else Image(_type_of(url, "image/*"), url=url)
    elif file := string_of(block.get("file_id")):
        # The tag says whose file it is: another provider cannot open it.
        image = Image("image/*", url=FILE_ID + file, origin=Opaque(NAME, {}))
    else:
        return None
    origin = tagged(difference(_image(image), block)) or image.origin
    return Image(image.media_type, image.data, image.url, origin=origin)


def _document_part(block: JsonObject) -> Document | None:
    name = string_of(block.get("filename")) or None
    if file := string_of(block.get("file_id")):
        document = Document("application/octet-stream", url=FILE_ID + file, name=name, origin=Opaque(NAME, {}))
    elif url := string_of(block.get("file_url")):
        document = Document(_type_of(url, "application/octet-stream"), url=url, name=name)
    else:
        media_type, data = _inline(string_of(block.get("file_data")))
        if not data:
            return None
        document = Document(media_type, data, name=name)
    origin = tagged(difference(_document(document), block)) or document.origin
    return Document(document.media_type, document.data, document.url, document.name, origin)


def _audio_part(block: JsonObject) -> Audio | None:
    sound = object_of(block.get("input_audio"))
    media_type, data = _SOUNDS.get(string_of(sound.get("format"))), _bytes(string_of(sound.get("data")))
    if not media_type or not data:
        return None
    audio = Audio(media_type, data, origin=Opaque(NAME, {}))
    return Audio(media_type, data, origin=Opaque(NAME, difference(_audio(audio), block)))


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
