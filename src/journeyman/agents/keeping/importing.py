"""A run out of a JSON document: everything in it is checked as if an enemy had written it, then appended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from ...compose import open_journal
from ...data import CallerError, Conflict, CorruptJournal
from ...journal import Fact, Log, RunStarted, RunState, decode_fact, fold
from ...loop import blocking
from .exporting import FORMAT, FORMAT_VERSION, MOST_RUNS, Document, in_order, needed_by

MOST_BYTES = 64 * 1024 * 1024

_LONGEST_ID = 200
_MOST_FOLDED = 5_000_000
"""Facts to fold in all; runs that go on from many places of one long run have it folded as often."""

Runs = Mapping[str, tuple[Fact, ...]]


async def import_run(document: bytes | str, *, journal: str | Log, max_bytes: int = MOST_BYTES) -> str:
    """Put a run that `export_run` wrote into a journal, and give its id.

    Nothing is overwritten: the run must not be there yet, and of the runs that it needs those that are there must begin
    with the very same facts. The run itself is written last, so that what was cut off half-way can be done again.

    What is imported is believed: whoever wrote the document could have written any history, approvals included. Import
    from those whom you would let write to the journal. Raises `CallerError` for a document that is none, is damaged, lacks
    runs or is larger than `max_bytes`.
    """
    raw = cast("object", document.encode("utf-8", "replace") if isinstance(document, str) else document)
    if not isinstance(raw, bytes | bytearray):
        raise CallerError(
            f"a run is imported from the bytes (or text) that export_run gave, not from a {type(raw).__name__}"
        )
    if len(raw) > max_bytes:
        raise CallerError(
            f"the document has {len(raw):,} bytes, more than max_bytes={max_bytes:,}; raise max_bytes to import it"
        )
    main, runs = _read(bytes(raw))
    _check(main, runs)
    async with open_journal(journal) as log:
        missing = [run for run in in_order(main, runs) if not await _is_there(log, run, runs[run], whole=run == main)]
        for run in missing:
            try:
                await log.append(run, 0, runs[run])
            except Conflict as error:
                raise CallerError(f"run {run} was begun in this journal meanwhile; it is not overwritten") from error
    return main


def _read(raw: bytes) -> tuple[str, Runs]:
    try:
        document = msgspec.json.decode(raw, type=Document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CallerError(f"this is no exported run: {error}") from error
    if document.format != FORMAT:
        raise CallerError(f"this is no exported run: its format is {document.format[:40]!r}, not {FORMAT!r}")
    if document.version != FORMAT_VERSION:
        raise CallerError(
            f"the run was exported in version {document.version}, this journeyman reads version {FORMAT_VERSION}: upgrade it"
        )
    if len(document.runs) > MOST_RUNS:
        raise CallerError(f"the document holds {len(document.runs):,} runs, more than {MOST_RUNS:,}")
    runs: dict[str, tuple[Fact, ...]] = {}
    for piece in document.runs:
        _check_id(piece.run)
        if piece.run in runs:
            raise CallerError(f"the document holds run {piece.run} twice")
        runs[piece.run] = tuple(_fact(piece.run, line) for line in piece.facts)
    if document.run not in runs:
        raise CallerError(f"the document is of run {document.run[:_LONGEST_ID]!r}, and does not hold it")
    return document.run, runs


def _check_id(run: str) -> None:
    if not (0 < len(run) <= _LONGEST_ID and run.isprintable()):
        raise CallerError(f"a run's id is 1 to {_LONGEST_ID} printable characters, not {run[:_LONGEST_ID]!r}")


def _fact(run: str, line: msgspec.Raw) -> Fact:
    named, fact = decode_fact(bytes(line))
    if named != run:
        raise CallerError(f"fact {fact.seq} of run {run} says that it is of run {named[:_LONGEST_ID]!r}")
    return fact


def _check(main: str, runs: Runs) -> None:
    """Whatever a run speaks of is there, nothing else is, and every run can be folded."""
    for run, facts in runs.items():
        for other, upto in needed_by(facts):
            if upto is None and other not in runs:
                continue  # a run below that had not begun
            if other not in runs or (upto is not None and not 0 <= upto < len(runs[other])):
                raise CallerError(
                    f"run {run} speaks of run {other[:_LONGEST_ID]!r}, which is not (or not all) in the document"
                )
    strangers = runs.keys() - set(in_order(main, runs))
    if strangers:
        raise CallerError(f"the document holds run {min(strangers)}, of which run {main} does not speak")
    _check_folds(runs)


def _check_folds(runs: Runs) -> None:
    states: dict[tuple[str, int], RunState] = {}
    left = _MOST_FOLDED
    for run in runs:
        for name, upto in reversed(_chain(run, runs, states)):
            left -= upto + 1
            if left < 0:
                raise CallerError(f"to check the document, more than {_MOST_FOLDED:,} facts would have to be folded")
            before = _continued(runs[name])
            states[name, upto] = fold(name, runs[name][: upto + 1], None if before is None else states[before])


def _chain(run: str, runs: Runs, known: Mapping[tuple[str, int], RunState]) -> list[tuple[str, int]]:
    """A run and those that it goes on from, as far back as they are not known yet."""
    chain: list[tuple[str, int]] = []
    place: tuple[str, int] | None = (run, len(runs[run]) - 1)
    while place is not None and place not in known:
        if len(chain) > len(runs):
            raise CorruptJournal(f"run {run} goes on from itself")
        chain.append(place)
        place = _continued(runs[place[0]])
    return chain


def _continued(facts: Sequence[Fact]) -> tuple[str, int] | None:
    first = facts[0] if facts else None
    if not isinstance(first, RunStarted):
        raise CorruptJournal("a run of the document does not begin with RunStarted")
    return None if first.continues is None else (first.continues.run, first.continues.seq)


async def _is_there(log: Log, run: str, facts: Sequence[Fact], *, whole: bool) -> bool:
    """Whether a run is in the journal already. Raises `CallerError` if it is another one, or the one to be imported."""
    there = await _facts_there(log, run, len(facts))
    if there is None:
        return False
    if whole:
        raise CallerError(f"run {run} is in this journal already; it is not overwritten")
    for known, fact in zip(there, facts, strict=False):
        if known != fact:
            raise CallerError(f"run {run} in this journal is not the one in the document: fact {fact.seq} differs")
    if len(there) < len(facts):
        raise CallerError(f"run {run} in this journal has {len(there)} facts, and that in the document more")
    return True


async def _facts_there(log: Log, run: str, most: int) -> list[Fact] | None:
    facts: list[Fact] = []
    try:
        async for fact in log.read(run):
            facts.append(fact)
            if len(facts) == most:
                break
    except CorruptJournal:
        raise
    except CallerError:
        # What a log says of a run that it does not have.
        return None
    return facts


import_run_sync = blocking(import_run)
