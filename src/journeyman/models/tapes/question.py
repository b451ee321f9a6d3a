"""A request as a tape knows it: in canonical form, without its secrets, cut into the pieces that a tape refers to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from ...data import JsonObject, Message, ModelRequest
from ..canonical import canonical
from .scrubbing import Scrubber

_KEPT = "tape"
_MESSAGES = b'"messages":['


class Question(msgspec.Struct, frozen=True, gc=False):
    """`frame` is the form with an empty list of messages; `hash` that of the whole."""

    hash: str
    frame: bytes
    messages: tuple[bytes, ...]

    def shared_with(self, before: Question | None) -> int:
        """How many of the first messages are those of another question."""
        if before is None:
            return 0
        shared = 0
        for mine, its in zip(self.messages, before.messages, strict=False):
            if mine is not its and mine != its:
                break
            shared += 1
        return shared


class _Form(msgspec.Struct):
    messages: tuple[msgspec.Raw, ...]


class _Frame(msgspec.Struct):
    messages: tuple[()]
    tools: tuple[JsonObject, ...]


class _Told(msgspec.Struct):
    role: str
    parts: tuple[JsonObject, ...]


_decode = msgspec.json.Decoder(_Form).decode


def question_of(request: ModelRequest, model: str, scrub: Scrubber) -> Question:
    """What is asked of the model of this name. Raises `CallerError` for what JSON cannot hold."""
    form = canonical(request, model)
    # Quotes within JSON strings are escaped, so that this can be nothing but the key.
    start = form.index(_MESSAGES) + len(_MESSAGES)
    forms = [_form(message, scrub) for message in request.messages]
    end = start + sum(len(raw) for raw, _ in forms) + max(0, len(forms) - 1)
    frame = scrub(form[:start] + form[end:])
    messages = tuple(hidden for _, hidden in forms)
    # Mostly there is nothing to hide, and the form is hashed as it is.
    if any(raw is not hidden for raw, hidden in forms) or len(frame) != len(form) - (end - start):
        form = joined(frame, messages)
    return Question(hashlib.sha256(form).hexdigest(), frame, messages)


def joined(frame: bytes, messages: Sequence[bytes]) -> bytes:
    """The whole form out of its pieces."""
    start = frame.index(_MESSAGES) + len(_MESSAGES)
    return frame[:start] + b",".join(messages) + frame[start:]


def hash_of(messages: Sequence[Message], scrub: Scrubber) -> str:
    """One hash for what was said."""
    return hashlib.sha256(b",".join([_form(message, scrub)[1] for message in messages])).hexdigest()


def _form(message: Message, scrub: Scrubber) -> tuple[bytes, bytes]:
    """A message's form and the same without its secrets; kept on the message, for a history is asked again and again."""
    kept: tuple[Scrubber, bytes, bytes] | None = vars(message).get(_KEPT)
    if kept is None or kept[0] is not scrub:
        raw = bytes(_decode(canonical(ModelRequest("", (message,)))).messages[0])
        kept = vars(message)[_KEPT] = (scrub, raw, scrub(raw))
    return kept[1], kept[2]


def is_frame(form: bytes) -> bool:
    """Whether this is a form whose messages can be filled in."""
    return form.count(_MESSAGES + b"]") == 1 and _fits(form, _Frame)


def is_message(form: bytes) -> bool:
    """Whether this is the form of a message."""
    return _fits(form, _Told)


def _fits(form: bytes, shape: type[msgspec.Struct]) -> bool:
    try:
        msgspec.json.decode(form, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def read_form(frame: bytes, messages: Sequence[bytes]) -> JsonObject:
    """The whole form as plain values."""
    form: JsonObject = msgspec.json.decode(joined(frame, messages))
    return form
