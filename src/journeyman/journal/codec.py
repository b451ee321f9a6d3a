"""Facts to JSON lines and back; versions and their migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ..data import CallerError, CorruptJournal, JsonObject
from .facts import Fact

VERSION = 1
"""The version that this code writes; it reads this one and all before it."""

MIGRATIONS: Mapping[int, Callable[[JsonObject], JsonObject]] = {}
"""From a version to the next: `MIGRATIONS[1]` turns a fact of version 1 into one of version 2."""


class _Head(msgspec.Struct):
    v: int
    run: str


_encode = msgspec.json.Encoder().encode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_fact: Callable[[bytes], Fact] = msgspec.json.Decoder(Fact).decode


def encode_fact(run: str, fact: Fact) -> bytes:
    """A fact as one line of JSON, without the newline: `{"v":…,"run":…,"kind":…,"seq":…,"at":…,…}`.

    Raises `CallerError` for what JSON cannot hold: objects, half a surrogate pair, lists nested a thousand deep.
    """
    # The envelope is spliced in front, for a struct of its own around every fact would nest each line one deeper.
    try:
        return b'{"v":%d,"run":%s,' % (VERSION, _encode(run)) + _encode(fact)[1:]
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        kind = type(fact).__name__
        raise CallerError(f"run {run}: {kind} {fact.seq} cannot be written as JSON: {error}") from error


def decode_fact(line: bytes) -> tuple[str, Fact]:
    """The run and the fact of one line; raises `CorruptJournal` for what is damaged, unknown or too new."""
    try:
        head = _decode_head(line)
        if head.v == VERSION:
            return head.run, _decode_fact(line)
        return head.run, _migrated(line, head.v)
    except CorruptJournal:
        raise
    # CallerError is what the nouns' own constructors raise; a fact that breaks their rules was not written by us.
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, RecursionError, CallerError) as error:
        shown = line[:120].decode("utf-8", "replace")
        raise CorruptJournal(f"a line of the journal cannot be read ({error}): {shown!r}") from error


def _migrated(line: bytes, version: int) -> Fact:
    if version > VERSION:
        raise CorruptJournal(
            f"the journal was written in version {version}, this journeyman reads up to {VERSION}: upgrade it"
        )
    raw: JsonObject = msgspec.json.decode(line)
    for step in range(version, VERSION):
        raw = MIGRATIONS[step](raw)
    fact: Fact = msgspec.convert(raw, Fact)
    return fact
