"""Writing a tape: line by line, as things happen, so that a crash costs the line that was being written and no more."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec
from msgspec.structs import replace

from ...data import CallerError
from ..canonical import FORM
from .entries import Entry, Exchange, Frame, Header, Told, decode_header, encode_entry
from .question import Question
from .reading import Tape
from .scrubbing import Scrubber


class TapeWriter:
    """Appends entries to a binary file; may be used from several threads. What is written is scrubbed.

    `going_on` is the tape that the file holds already, if it holds one.
    """

    def __init__(self, file: RawIOBase | BinaryIO, name: str, scrub: Scrubber, going_on: Tape | None = None) -> None:
        self.name = name
        self.scrub = scrub
        self._file = file
        self._lock = threading.Lock()
        # Of every frame and message the first bytes of their hash, and their number: a tape names them once.
        self._frames: dict[bytes, int] = {}
        self._told: dict[bytes, int] = {}
        self._numbers = {"track": 0, "call": 0}
        if going_on is None:
            self._put(encode_entry(Header(form=FORM)))
        else:
            self._numbers = {"track": len(going_on.tracks), "call": going_on.next_call}
            self._frames = {_key(going_on.form_of_frame(n)): n for n in range(going_on.frames)}
            self._told = {_key(going_on.message(n)): n for n in range(going_on.messages)}

    @classmethod
    def open(cls, path: Path, scrub: Scrubber, *, append: bool = False) -> TapeWriter:
        """Write to a file: a new tape, which replaces an old one of the same name, or with `append` the old one goes on.

        Raises `CallerError` for a file that is no tape, which is left alone, or that cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.stat().st_size == 0:
                return cls(io.FileIO(path, "w"), str(path), scrub)
            _check_it_is_a_tape(path)
            if not append:
                return cls(io.FileIO(path, "w"), str(path), scrub)
            old = Tape.load(path)
            # What a crash left of a last line is taken away.
            os.truncate(path, old.whole)
            return cls(io.FileIO(path, "a"), str(path), scrub, old)
        except OSError as error:
            raise CallerError(f"the tape {path} cannot be written: {error}") from error

    def number(self, kind: str) -> int:
        """The next number for a `track` or a `call`."""
        with self._lock:
            number = self._numbers[kind]
            self._numbers[kind] = number + 1
            return number

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        with self._lock:
            self._put(self._line(entry))

    def write_exchange(self, entry: Exchange, asked: Question, before: Question | None) -> None:
        """Append an exchange, and before it whatever of its request the tape does not hold yet."""
        with self._lock:
            lines: list[bytes] = []
            frame = self._known(self._frames, asked.frame, lines, "frame")
            keep = asked.shared_with(before)
            told = [self._known(self._told, message, lines, "message") for message in asked.messages[keep:]]
            lines.append(self._line(replace(entry, hash=asked.hash, frame=frame, keep=keep, told=_ranges(told))))
            # In one piece: a crash leaves either nothing of it or at most one line that is torn.
            self._put(b"".join(lines))

    def close(self) -> None:
        """Nothing more will be written."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, entry: Entry) -> bytes:
        line = encode_entry(entry)
        hidden = self.scrub(line)
        if hidden is not line and isinstance(entry, Exchange) and entry.cuts is not None:
            # The words are no longer as long as they were cut.
            return self.scrub(encode_entry(replace(entry, cuts=None)))
        return hidden

    def _known(self, numbers: dict[bytes, int], form: bytes, lines: list[bytes], kind: str) -> int:
        key = _key(form)
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(numbers)
            raw = msgspec.Raw(form)
            lines.append(
                encode_entry(Frame(frame=number, form=raw) if kind == "frame" else Told(told=number, message=raw))
            )
        return number

    def _put(self, data: bytes) -> None:
        if self._file.closed:
            raise CallerError(
                f"the recording of {self.name} is over, and a run that began in it is still at work; wait for it there"
            )
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            raise CallerError(f"the tape {self.name} cannot be written: {error}") from error


def _check_it_is_a_tape(path: Path) -> None:
    with path.open("rb") as file:
        first = file.readline(1000)
    with contextlib.suppress(CallerError):
        decode_header(first)
        return
    raise CallerError(f"{path} is no tape, and is not overwritten; choose another name for the tape")


def _key(form: bytes) -> bytes:
    return hashlib.sha256(form).digest()[:16]


def _ranges(numbers: list[int]) -> tuple[tuple[int, int], ...]:
    """Runs of consecutive numbers, both ends included."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return tuple(ranges)
