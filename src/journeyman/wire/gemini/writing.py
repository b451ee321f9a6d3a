"""Our parts and messages to JSON text of the wire; each is encoded once and kept on what it encodes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import assert_never

import msgspec

from ...data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonObject,
    Message,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from ..shapes import UNREADABLE, json_of
from .ids import is_made
from .names import JOINED, NAME, RAW, UNSIGNED, form_of, is_own, own
from .shapes import joined, respelled

Medium = Image | Audio | Video | Document
NameOf = Callable[[str], str]
"""Gives the name of the function that a call, known by its id, was made of."""

_SYSTEM = "gemini.system"
_RUN = "gemini.run"
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def content_fragment(run: Sequence[Message], name_of: NameOf) -> bytes:
    """Messages that make one element of `contents`, with a comma before it; empty where nothing of them is sent."""
    last = vars(run[-1])
    if len(run) == 1:
        cached: bytes | None = last.get(NAME)
        if cached is None:
            cached = last[NAME] = _content(run, name_of)
        return cached
    kept: tuple[tuple[Message, ...], bytes] | None = last.get(_RUN)
    if kept is None or len(kept[0]) != len(run) or any(a is not b for a, b in zip(kept[0], run, strict=True)):
        kept = last[_RUN] = (tuple(run), _content(run, name_of))
    return kept[1]


def system_fragment(message: Message) -> bytes:
    """The message as elements of the `parts` of `systemInstruction`, with a comma before each."""
    cached: bytes | None = vars(message).get(_SYSTEM)
    if cached is None:
        cached = vars(message)[_SYSTEM] = b"".join(b"," + json_of(part) for part in _parts([message], _no_name))
    return cached


def _no_name(call_id: str) -> str:
    raise CallerError(f"the result of tool call {call_id!r} stands where no result can be")


def joins(message: Message, before: Message) -> bool:
    """Whether a message makes one element of `contents` with the one before it.

    The results of all calls of a turn have to stand together (Gemini counts them), however many messages they are in.
    """
    if is_own(message.origin):
        return JOINED in form_of(message.origin) and before.role in ("user", "tool")
    return message.role == "tool" and before.role == "tool"


def _content(run: Sequence[Message], name_of: NameOf) -> bytes:
    first = run[0]
    parts = _parts(run, name_of)
    if not parts and not _is_asked(first):
        return b""
    form = form_of(first.origin)
    wire: JsonObject = {"parts": parts[0] if "lone" in form else parts}
    if "bare" in form:
        del wire["parts"]
    if "no_role" not in form:
        wire["role"] = form.get("role") or ("model" if first.role == "assistant" else "user")
    fragment = b"," + json_of(joined(wire, own(first.origin)) if _is_asked(first) else wire)
    after = [item for message in run for part in message.parts if isinstance(part, ToolResult) for item in _shown(part)]
    return fragment + b"," + json_of({"parts": after, "role": "user"}) if after else fragment


def _is_asked(message: Message) -> bool:
    """Whether a message came in a request: what an answer's origin holds is told by the provider alone."""
    return "asked" in form_of(message.origin)


def _parts(run: Sequence[Message], name_of: NameOf) -> list[JsonObject]:
    parts: list[JsonObject] = []
    for message in run:
        unsigned = message.role == "assistant"
        for part in message.parts:
            wire = part_json(part, name_of)
            if wire is None:
                continue
            if unsigned and isinstance(part, ToolCall):
                unsigned = False
                if not is_own(part.origin):
                    wire["thoughtSignature"] = UNSIGNED
            parts.append(wire)
    return parts


def part_json(part: Part, name_of: NameOf) -> JsonObject | None:
    """The part as the wire has it, or None where only another dialect has a use for it."""
    match part:
        case Text():
            return joined({"text": part.text}, own(part.origin)) if part.text or is_own(part.origin) else None
        case Thinking():
            # Thoughts of other models would be taken for words of this one.
            return joined({"text": part.text, "thought": True}, own(part.origin)) if is_own(part.origin) else None
        case ToolCall():
            return call_json(part)
        case ToolResult():
            return _result_json(part, name_of)
        case Image() | Audio() | Video() | Document():
            return medium_json(part)
        case Opaque():
            return part.data if part.dialect == NAME else None
        case _:
            assert_never(part)


def call_json(call: ToolCall) -> JsonObject:
    """A tool call; arguments stay the model's own text where that is a JSON object."""
    form = form_of(call.origin)
    wire: JsonObject = {"name": call.name}
    if not is_made(call.id):
        wire["id"] = call.id
    if "bare" not in form:
        wire["args"] = _arguments(call.arguments)
    return respelled(joined({"functionCall": wire}, own(call.origin)), form)


def _arguments(arguments: str) -> msgspec.Raw | JsonObject:
    if not arguments.strip():
        return {}
    return msgspec.Raw(arguments.encode()) if _object_in(arguments) is not None else {RAW: arguments}


def _object_in(text: str) -> dict[str, msgspec.Raw] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return _object(text)
    except UNREADABLE:
        return None


def _result_json(result: ToolResult, name_of: NameOf) -> JsonObject:
    form = form_of(result.origin)
    wire: JsonObject = {}
    if "no_name" not in form:
        wire["name"] = result.name or name_of(result.call_id)
    if not is_made(result.call_id):
        wire["id"] = result.call_id
    if "bare" not in form:
        wire["response"] = response_of(result)
    media = [] if isinstance(result.content, str) else [_inner(part) for part in result.content if _stands_in(part)]
    if media or "no_parts" in form:
        wire["parts"] = media[0] if "lone" in form and media else media
    return respelled(joined({"functionResponse": wire}, own(result.origin)), form)


def response_of(result: ToolResult) -> msgspec.Raw | JsonObject:
    """The `response` of a result: an object that a tool gave as it is, words as `output`, a failure as `error`."""
    if isinstance(result.content, str):
        text = result.content
    else:
        texts = [part.text for part in result.content if isinstance(part, Text)]
        if not texts and result.content and not result.is_error:
            return {}
        text = "\n".join(texts)
    if result.is_error:
        if "json" in form_of(result.origin) and _is_json(text):
            return {"error": msgspec.Raw(text.encode())}
        return {"error": text}
    given = _object_in(text)
    if given is None or _would_be_misread(given):
        return {"output": text}
    return msgspec.Raw(text.encode())


def _would_be_misread(given: dict[str, msgspec.Raw]) -> bool:
    # A tool's object with nothing but `error` in it would tell of a failure, and one with `output` lose its shell.
    return len(given) == 1 and ("error" in given or bytes(given.get("output", b"")).startswith(b'"'))


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except UNREADABLE:
        return False
    return True


def _stands_in(part: Text | Medium | Opaque) -> bool:
    """Whether a part of a result has a place in it: pictures and documents have, since Gemini 3."""
    match part:
        case Image() | Document():
            return True
        case Audio() | Video():
            return is_own(part.origin)
        case Opaque():
            return part.dialect == NAME
        case Text():
            return False
        case _:
            assert_never(part)


def _inner(part: Text | Medium | Opaque) -> JsonObject:
    wire = part_json(part, _no_name)
    return {} if wire is None else wire


def _shown(result: ToolResult) -> list[JsonObject]:
    """Sounds and films of a result, for a user's turn behind it: functions can give none."""
    if isinstance(result.content, str):
        return []
    media = [medium_json(part) for part in result.content if isinstance(part, Audio | Video) and not _stands_in(part)]
    return [{"text": f"From the tool {result.name or result.call_id}:"}, *media] if media else []


def medium_json(part: Medium) -> JsonObject:
    """A picture, sound, film or document."""
    form = form_of(part.origin)
    inner: JsonObject
    if part.data is not None:
        letters = b"-_" if form.get("base64") == "url" else b"+/"
        key, inner = "inlineData", {"data": base64.b64encode(part.data, letters).decode()}
    else:
        key, inner = "fileData", {"fileUri": _address(part)}
    # A type such as `image/*` is none; the provider finds out what is at an address.
    if "*" not in part.media_type:
        inner["mimeType"] = part.media_type
    elif part.data is not None:
        raise CallerError(f"the Gemini API wants to be told what the bytes are; {part.media_type!r} is no media type")
    wire = joined({key: inner}, own(part.origin))
    if form:
        wire[key] = respelled(wire[key], form)
    return respelled(wire, form)


def _address(part: Medium) -> str:
    url = part.url or ""
    if url.startswith(("https:", "http:", "gs:")) or is_own(part.origin):
        return url
    kind = type(part).__name__.lower()
    raise CallerError(
        f"the Gemini API cannot fetch {kind} from {url[:80]!r}; give the bytes (data=), an https: or gs: address, or the"
        " address of a file that was uploaded to Google"
    )
