"""The rows that a `FilesLog` keeps beside its runs, so that a list reads no whole runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import partial, reduce
from pathlib import Path

import msgspec

from ..data import CorruptJournal
from ..journal import Fact, RunSummary, decode_fact, summarize
from .log_files_run import Mark, RunFile
from .log_rules import stem

ENDING = ".jsonl"
ROW_ENDING = ".row"

STALE_FACTS = 32
STALE_BYTES = 64 * 1024
"""How far a row may lag behind its run while the status stays: what is after it is read from the run's own end."""


class _Row(msgspec.Struct, frozen=True):
    """A run's summary as far as the place `end` in its file."""

    end: int
    summary: RunSummary


class Known(msgspec.Struct):
    """What is known of a run: it ends at `end`; `row_*` is how far its row on the disk goes."""

    mark: Mark
    end: int
    summary: RunSummary
    row_facts: int = 0
    row_end: int = 0

    @classmethod
    def begun(cls, run: str, facts: Sequence[Fact], end: int, mark: Mark) -> Known:
        """What is known of a run that began with these facts."""
        summary = reduce(partial(summarize, run), facts, None)
        assert summary is not None  # noqa: S101  (the batch was checked: it begins with RunStarted)
        return cls(mark, end, summary)

    def take(self, facts: Iterable[Fact], end: int, mark: Mark) -> bool:
        """Go on to there; True if the row on the disk is to be written."""
        status = self.summary.status
        for fact in facts:
            self.summary = summarize(self.summary.run, self.summary, fact) or self.summary
        self.end = end
        self.mark = mark
        return (
            status != self.summary.status
            or self.summary.facts - self.row_facts >= STALE_FACTS
            or end - self.row_end >= STALE_BYTES
        )


_decode = msgspec.json.Decoder(_Row).decode
_encode = msgspec.json.Encoder().encode


def find_out(path: Path, file: RunFile, end: int) -> Known:
    """What a run's row says, and the facts after it; raises `CorruptJournal` for what cannot be read."""
    row = _stored(path)
    if row is not None and (row.end > end or not file.ends_line(row.end)):
        row = None
    summary = row.summary if row else None
    run = summary.run if summary else None
    for line in file.lines(row.end if row else 0, end):
        run, fact = _checked(path, line, run, summary.facts if summary else 0)
        summary = summarize(run, summary, fact)
    if summary is None or stem(summary.run) + ENDING != path.name:
        raise CorruptJournal(f"{path} does not hold the run of that name from its beginning; put a backup in its place")
    return Known(file.mark(), end, summary, row.summary.facts if row else 0, row.end if row else 0)


def checked(path: Path, line: bytes, run: str, seq: int) -> Fact:
    """The fact of a line, which must be that one."""
    return _checked(path, line, run, seq)[1]


def _checked(path: Path, line: bytes, run: str | None, seq: int) -> tuple[str, Fact]:
    named, fact = decode_fact(line)
    if fact.seq != seq or run not in (None, named):
        raise CorruptJournal(
            f"{path}: where fact {seq} of run {run or named} belongs is fact {fact.seq} of run {named}"
        )
    return named, fact


def _stored(path: Path) -> _Row | None:
    # It is only a summary of what is beside it: one that is missing or damaged is made anew.
    try:
        return _decode(_row_path(path).read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def store_row(path: Path, known: Known) -> None:
    """Write the row, as a whole or not at all; what it says is on the disk already, so this may fail."""
    place = _row_path(path)
    draft = place.with_suffix(".draft")
    with contextlib.suppress(OSError):
        try:
            draft.write_bytes(_encode(_Row(known.end, known.summary)))
            draft.replace(place)
        except OSError:
            draft.unlink()
            raise
        known.row_facts = known.summary.facts
        known.row_end = known.end


def remove_row(path: Path) -> None:
    """Remove the row, if there is one."""
    with contextlib.suppress(FileNotFoundError):
        _row_path(path).unlink()


def _row_path(path: Path) -> Path:
    return path.with_suffix(ROW_ENDING)
