"""One form and one hash for everything that is asked of a model, for caches and tapes.

What is in: the name of the model, messages with all their parts (media by the SHA-256 of their bytes), tools in their order,
the output format, the settings, and whatever `origin` and `Opaque` hold, for they leave with the request and may change the
answer. What is not: `stream` and whatever else only says how the answer is to travel, addresses and keys, what an object keeps
for itself (cached encodings), fields that have their default, the order of the keys of an object, the difference between 1
and 1.0 in a setting, and marks of the framework's own, which no wire sends.

It is worked out of the nouns alone, never of a wire's bytes, so that the same question has the same hash on every dialect and
after every change in how a dialect writes it. The form is JSON with the shape of `ModelRequest`, so that two of them can be
compared by path (`messages[2].parts[0].text`).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec.structs import replace

from ..data import CallerError, Media, Message, ModelRequest, Opaque, Part, Settings, ToolResult, ToolSpec
from ..journal import OURS

FORM = 1
"""The version of the form; a change of what is in, or how, needs a new one, for it makes every stored hash worthless."""

_KEPT = "canonical"
_encode = msgspec.json.Encoder(order="sorted").encode


class _Bytes(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A part that holds bytes: `sha256` is a key that no part of ours has, so nothing else can pass for it."""

    type: str
    media_type: str
    sha256: str
    name: str | None = None
    origin: Opaque | None = None


class _Result(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="tool_result"):
    """A tool result whose parts are in this form."""

    call_id: str
    content: list[Any]
    is_error: bool = False
    name: str | None = None
    origin: Opaque | None = None


def request_hash(request: ModelRequest, model: str = "") -> str:
    """The SHA-256 of `canonical(request, model)`, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(request, model)).hexdigest()


def canonical(request: ModelRequest, model: str = "") -> bytes:
    """The request in one form: equal for equal questions, different for all others.

    `model` is the name of the model that is asked (`vendor:model`); `request.model`, which the loop leaves empty, only says
    which of its own models a vendor is to take. The form of a message is kept on it, so that a conversation pays for its
    new turns. Raises `CallerError` for what JSON cannot hold: objects, half a surrogate pair, lists nested a thousand deep.
    """
    try:
        return b"".join(
            (
                b'{"form":%d,"asked":%s,"messages":[' % (FORM, _encode(model)),
                b",".join([_kept(message) for message in request.messages]),
                b'],"model":%s,"output":%s' % (_encode(request.model), _encode(request.output)),
                b',"settings":%s,"tools":[' % _encode(_settings(request.settings)),
                b",".join([_kept(tool) if isinstance(tool, ToolSpec) else _encode(tool) for tool in request.tools]),
                b"]}",
            )
        )
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise CallerError(f"the request to {model or request.model} cannot be written as JSON: {error}") from error


def _kept(item: Message | ToolSpec) -> bytes:
    form: bytes | None = item.__dict__.get(_KEPT)
    if form is None:
        form = vars(item)[_KEPT] = _encode(_message(item) if isinstance(item, Message) else item)
    return form


def _message(message: Message) -> dict[str, Any]:
    form: dict[str, Any] = {"role": message.role, "parts": [_part(part) for part in message.parts]}
    if message.origin is not None and message.origin.dialect != OURS:
        form["origin"] = message.origin
    return form


def _part(part: Part) -> Part | _Bytes | _Result:
    if isinstance(part, Opaque):
        return part
    if part.origin is not None and part.origin.dialect == OURS:
        part = replace(part, origin=None)
    match part:
        case Media(data=bytes()):
            return _by_hash(part)
        case ToolResult(call_id, tuple() as content):
            parts = [_part(item) for item in content if not isinstance(item, str)]
            return _Result(call_id, parts, part.is_error, part.name, part.origin)
        case _:
            return part


def _by_hash(part: Media) -> _Bytes:
    tag = type(part).__struct_config__.tag
    digest = hashlib.sha256(part.data or b"").hexdigest()
    return _Bytes(str(tag), part.media_type, digest, part.name, part.origin)


def _settings(settings: Settings) -> dict[str, Any]:
    form: dict[str, Any] = {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if value is not None:
            # 1 and 1.0 are one number to every provider, and two texts in JSON.
            form[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return form
