"""What a tape holds: a closed union, a struct per kind of line, and their versioned codec.

A tape is JSON lines. The first is its `Header`; every other is an `Entry`. What a request is made of stands in lines of its own
(`Frame`, `Told`) and is referred to by number, so that a tape grows with what is new and never with a copy of the history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from ...data import CallerError, Delta, JsonObject, ModelResponse, ToolResult
from ...journal import Checkpoint, Fact, Parent, ProgramFinished, ProgramSuspended

VERSION = 1
"""The version that this code writes; it reads this one and all before it."""

MIGRATIONS: Mapping[int, Callable[[JsonObject], JsonObject]] = {}
"""From a version to the next: `MIGRATIONS[1]` turns a line of version 1 into one of version 2."""

Cut = int | tuple[int, int]
"""One glimpse of a stream: so many characters of text (positive) or of thinking (negative), or of a call's arguments."""


class _Line(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One line of a tape."""


class Header(_Line, frozen=True, gc=False, kw_only=True, omit_defaults=False, tag="tape"):
    """The first line: the version of the tape and that of the form in which requests are hashed."""

    v: int = VERSION
    form: int


class Started(_Line, frozen=True, gc=False, kw_only=True, tag="track"):
    """A stretch of work on a run begins: from here on, lines with this `track` belong to it.

    `fingerprint` is the agent's, `said` the hash of what was new; `within` is the call (by its number on the tape) in whose tool it was begun.
    """

    track: int
    run: str
    agent: str
    fingerprint: str
    said: str
    parent: Parent | None = None
    continues: Checkpoint | None = None
    resumed: bool = False
    within: int | None = None


class Frame(_Line, frozen=True, gc=False, kw_only=True, tag="frame"):
    """A request without its messages, in canonical form."""

    frame: int
    form: msgspec.Raw


class Told(_Line, frozen=True, gc=False, kw_only=True, tag="message"):
    """A message of a request, in canonical form: media by their SHA-256."""

    told: int
    message: msgspec.Raw


class Raised(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An error as a tape keeps it."""

    type: str
    message: str
    status: int | None = None
    kind: str | None = None
    retry_after: float | None = None
    body: str = ""
    limit: str | None = None
    value: Any = None
    parameter: str = ""
    used: Any = None


class Exchange(_Line, frozen=True, gc=False, kw_only=True, tag="exchange"):
    """A question to a model and what came of it: `response`, `raised`, or neither where it was cut off from outside.

    `hash` is the SHA-256 of the canonical request, secrets hidden. Its messages are the first `keep` of the exchange before
    on the same track and then those with the numbers in the ranges `told` (both ends included). `facts` are what wrappers
    recorded on the way. `cuts` is how the answer was streamed, `partial` what there was of a stream that broke.
    Without a `track` it answers any run (what a replay recorded anew, or a cassette).
    """

    track: int | None = None
    hash: str
    frame: int
    keep: int = 0
    told: tuple[tuple[int, int], ...] = ()
    facts: tuple[Fact, ...] = ()
    response: ModelResponse | None = None
    raised: Raised | None = None
    cuts: tuple[Cut, ...] | None = None
    partial: tuple[Delta, ...] = ()


class Called(_Line, frozen=True, gc=False, kw_only=True, tag="call"):
    """A tool call and what came of it.

    It is a `result`, or a wait for somebody outside (`pending`, told with `info` and `response`, for `seconds` or `until` a
    time), or nothing yet where a run below carries it out (`by_run`), since that run is on the tape itself, or where it was
    cut off (`cut_off`). `failed` says that the tool raised, `abandoned` that it may still be at work, `structured` that the
    result is a value's JSON. `program` is how far a program has come that the call runs: its own calls are on the tape.
    """

    track: int | None = None
    call: int
    call_id: str
    attempt: int = 1
    name: str
    arguments: str = "{}"
    result: ToolResult | None = None
    asks_retry: bool = False
    failed: bool = False
    abandoned: bool = False
    structured: bool = False
    pending: bool = False
    info: Any = None
    response: str = ""
    seconds: float | None = None
    until: int | None = None
    by_run: bool = False
    program: ProgramSuspended | ProgramFinished | None = None
    cut_off: bool = False
    progress: tuple[tuple[str, float | None], ...] = ()


class Moment(_Line, frozen=True, gc=False, kw_only=True, tag="moment"):
    """A reading of the clock, for a fact (and the call that it is about) or for a run that asked what time it is."""

    track: int
    at: int
    fact: str = ""
    call_id: str = ""


class Drawn(_Line, frozen=True, gc=False, kw_only=True, tag="id"):
    """An id that was drawn outside of any run, such as a conversation's."""

    id: str
    within: int | None = None


Entry = Started | Frame | Told | Exchange | Called | Moment | Drawn

_T = TypeVar("_T")

_encode = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(Header).decode
_decode_entry: Callable[[bytes], Entry] = msgspec.json.Decoder(Entry).decode


def encode_entry(entry: Header | Entry) -> bytes:
    """A line, with its newline. Raises `CallerError` for what JSON cannot hold."""
    try:
        return _encode(entry) + b"\n"
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise CallerError(f"{type(entry).__name__} cannot be written on a tape as JSON: {error}") from error


def decode_header(line: bytes) -> Header:
    """The first line; raises `CallerError` where it is none."""
    return _read(_decode_header, line)


def decode_entry(line: bytes, version: int = VERSION) -> Entry:
    """Any other line, as a tape of this version wrote it; raises `CallerError` for what is damaged or unknown."""
    if version == VERSION:
        return _read(_decode_entry, line)
    return _read(lambda raw: _migrated(raw, version), line)


def _read(decode: Callable[[bytes], _T], line: bytes) -> _T:
    try:
        return decode(line)
    # CallerError is what the nouns' own constructors raise.
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError, CallerError) as error:
        raise CallerError(f"{error}: {line[:80].decode('utf-8', 'replace')!r}") from error


def _migrated(line: bytes, version: int) -> Entry:
    raw: JsonObject = msgspec.json.decode(line)
    for step in range(version, VERSION):
        raw = MIGRATIONS[step](raw)
    # Through JSON once more: a part of a line that is kept as it is (`msgspec.Raw`) has no other form.
    return _decode_entry(msgspec.json.encode(raw))
