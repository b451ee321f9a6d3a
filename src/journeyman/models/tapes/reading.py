"""Reading a tape: every line is checked when it is loaded, and kept in the file until it is wanted."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar, assert_never

import msgspec

from ...data import CallerError, JsonObject
from ..canonical import FORM
from .entries import (
    VERSION,
    Called,
    Drawn,
    Entry,
    Exchange,
    Frame,
    Moment,
    Started,
    Told,
    decode_entry,
    decode_header,
)
from .question import is_frame, is_message, read_form

log = logging.getLogger(__name__)

_LONGEST = 1 << 30
"""Bytes of one line; a longer one is no answer of a model."""

_MOST_MESSAGES = 1_000_000
"""Messages of one request; ranges are short to write, and what they stand for has to fit into memory."""


_E = TypeVar("_E")


class Place(msgspec.Struct, frozen=True, gc=False):
    """A line of the file: its number, where it begins, how long it is."""

    line: int
    start: int
    length: int


class Asked(msgspec.Struct, frozen=True, gc=False):
    """An exchange as the index holds it; `before` is the number of the exchange before it on its track."""

    place: Place
    track: int | None
    hash: str
    frame: int
    keep: int
    told: tuple[tuple[int, int], ...]
    before: int | None


class Made(msgspec.Struct, frozen=True, gc=False):
    """A tool call as the index holds it; `call` is the number that the tape gives it."""

    place: Place
    track: int | None
    call: int
    call_id: str
    attempt: int
    name: str
    arguments: str


class Tape:
    """A tape, of which the index is held and the rest is read when it is wanted; `opened` opens its file.

    Everything is in the order of the tape: `tracks` by number, `exchanges`, `calls`, `moments` (of each with its place among
    all) and `drawn`. `whole` is where its last whole line ends.
    """

    def __init__(self, opened: Callable[[], BinaryIO], name: str) -> None:
        self.name = name
        self.tracks: list[Started] = []
        self.exchanges: list[Asked] = []
        self.calls: list[Made] = []
        self.moments: list[Moment] = []
        self.drawn: list[Drawn] = []
        self.whole = 0
        # Opened whenever something is read, so that nobody has to close a tape.
        self._opened = opened
        self._version = VERSION
        self._frames: list[Place] = []
        self._told: list[Place] = []
        self._last: dict[int | None, int] = {}
        with opened() as file:
            self._index(file)

    @classmethod
    def load(cls, path: str | Path) -> Tape:
        """The tape in a file. Raises `CallerError` for one that is absent, damaged, no tape or of a newer version."""
        try:
            return cls(lambda: Path(path).open("rb"), str(path))
        except OSError as error:
            raise CallerError(f"the tape {path} cannot be read ({error.strerror}); make one with record(…)") from error

    @classmethod
    def of(cls, data: bytes, name: str) -> Tape:
        """A tape in memory."""
        return cls(lambda: io.BytesIO(data), name)

    @property
    def frames(self) -> int:
        """How many frames it holds."""
        return len(self._frames)

    @property
    def messages(self) -> int:
        """How many messages of requests it holds."""
        return len(self._told)

    @property
    def next_call(self) -> int:
        """The first number that no call on it has."""
        return max((call.call for call in self.calls), default=-1) + 1

    def exchange(self, number: int) -> Exchange:
        """An exchange with its answer."""
        return self._entry(self.exchanges[number].place, Exchange)

    def call(self, number: int) -> Called:
        """A tool call (by its place among `calls`) with what came of it."""
        return self._entry(self.calls[number].place, Called)

    def message(self, number: int) -> bytes:
        """A message of a request, in canonical form."""
        return bytes(self._entry(self._told[number], Told).message)

    def form_of_frame(self, number: int) -> bytes:
        """A request without messages, in canonical form."""
        return bytes(self._entry(self._frames[number], Frame).form)

    def asked(self, number: int) -> JsonObject:
        """The request of an exchange in canonical form, as plain values."""
        messages = [self.message(told) for told in self._messages_of(number)]
        return read_form(self.form_of_frame(self.exchanges[number].frame), messages)

    def _messages_of(self, number: int) -> list[int]:
        # From the last back to the first: a loop, since recursion would be as deep as the run is long.
        pieces: list[list[int]] = []
        at: int | None = number
        wanted: int | None = None
        while at is not None and wanted != 0:
            entry = self.exchanges[at]
            own = [told for first, last in entry.told for told in range(first, last + 1)]
            if wanted is not None:
                own = own[: max(0, wanted - entry.keep)]
            pieces.append(own)
            wanted = entry.keep if wanted is None else min(wanted, entry.keep)
            at = entry.before
        return [told for piece in reversed(pieces) for told in piece]

    # --- the index --------------------------------------------------------------------------------------------------------

    def _index(self, file: BinaryIO) -> None:
        start = number = 0
        lengths: dict[int, int] = {}
        while line := file.readline(_LONGEST):
            number += 1
            place = Place(number, start, len(line))
            start += len(line)
            try:
                if number == 1:
                    self._head(line)
                else:
                    self._take(decode_entry(line, self._version), place, lengths)
            except CallerError as error:
                if number > 1 and not line.endswith(b"\n"):
                    log.warning("the tape %s breaks off in line %d, which is left out", self.name, number)
                    return
                raise CallerError(f"the tape {self.name} is damaged in line {number}: {error}") from error
            self.whole = start
        if number == 0:
            raise CallerError(f"the tape {self.name} is empty; make it again with record(…)")

    def _head(self, line: bytes) -> None:
        header = decode_header(line)
        if not 1 <= header.v <= VERSION:
            raise CallerError(
                f"it was written in version {header.v}, and this reads up to {VERSION}: upgrade journeyman"
            )
        if header.form != FORM:
            raise CallerError(
                f"its requests are in form {header.form}, and this compares form {FORM}: make it again with record(…)"
            )
        self._version = header.v

    def _take(self, entry: Entry, place: Place, lengths: dict[int, int]) -> None:
        match entry:
            case Started():
                _check(entry.track == len(self.tracks), f"track {entry.track} is not the next one")
                self.tracks.append(entry)
            case Frame():
                _check(entry.frame == len(self._frames), f"frame {entry.frame} is not the next one")
                _check(is_frame(bytes(entry.form)), "its form is none of a request")
                self._frames.append(place)
            case Told():
                _check(entry.told == len(self._told), f"message {entry.told} is not the next one")
                _check(is_message(bytes(entry.message)), "it is no message")
                self._told.append(place)
            case Exchange():
                self._take_exchange(entry, place, lengths)
            case Called():
                self._check_track(entry.track)
                self.calls.append(
                    Made(place, entry.track, entry.call, entry.call_id, entry.attempt, entry.name, entry.arguments)
                )
            case Moment():
                self._check_track(entry.track)
                self.moments.append(entry)
            case Drawn():
                self.drawn.append(entry)
            case _:
                assert_never(entry)

    def _take_exchange(self, entry: Exchange, place: Place, lengths: dict[int, int]) -> None:
        self._check_track(entry.track)
        _check(0 <= entry.frame < len(self._frames), f"there is no frame {entry.frame} before it")
        known = len(self._told)
        _check(all(0 <= a <= b < known for a, b in entry.told), "it refers to messages that are not before it")
        before = None if entry.track is None else self._last.get(entry.track)
        shared = 0 if before is None else lengths[before]
        _check(0 <= entry.keep <= shared, f"it keeps {entry.keep} messages of {shared}")
        number = len(self.exchanges)
        lengths[number] = entry.keep + sum(b - a + 1 for a, b in entry.told)
        _check(lengths[number] <= _MOST_MESSAGES, f"its request has more than {_MOST_MESSAGES} messages")
        self._last[entry.track] = number
        told = entry.told
        self.exchanges.append(Asked(place, entry.track, entry.hash, entry.frame, entry.keep, told, before))

    def _check_track(self, track: int | None) -> None:
        if track is not None:
            _check(0 <= track < len(self.tracks), f"there is no track {track} before it")

    def _entry(self, place: Place, kind: type[_E]) -> _E:
        try:
            with self._opened() as file:
                file.seek(place.start)
                entry = decode_entry(file.read(place.length), self._version)
        except (OSError, CallerError) as error:
            raise CallerError(f"the tape {self.name} was changed while it was read, in line {place.line}") from error
        if not isinstance(entry, kind):
            raise CallerError(f"the tape {self.name} was changed while it was read, in line {place.line}")
        return entry


def _check(fits: bool, problem: str) -> None:  # noqa: FBT001  (a condition, and what it means that it does not hold)
    if not fits:
        raise CallerError(problem)
