"""A run as one JSON document, with the runs that it continues and those below it, at any depth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import msgspec

from ...compose import open_journal
from ...data import CallerError
from ...journal import ChildStarted, Fact, Log, RunStarted, encode_fact, exists
from ...loop import blocking

FORMAT = "journeyman-run"
FORMAT_VERSION = 1

MOST_RUNS = 10_000
"""Runs in one document; a conversation is a chain of as many runs as it has turns."""


class Piece(msgspec.Struct, frozen=True):
    """A run of the document, or as much of it as another one goes on from: its facts as a journal's lines hold them."""

    run: str
    facts: list[msgspec.Raw]


class Document(msgspec.Struct, frozen=True):
    """What is in the file: `runs` are in the order in which they can be imported, `run` is the last one."""

    format: str
    version: int
    run: str
    runs: list[Piece]


async def export_run(run_id: str, *, journal: str | Log) -> bytes:
    """A run as one JSON document, for `import_run` in another place.

    It holds the run's facts, as much of the runs that it continues as it needs, and the runs below it. Whoever may read
    it, may read what was said; keys are in no journal. Raises `CallerError` for an unknown run.
    """
    async with open_journal(journal) as log:
        pieces = await _pieces(log, run_id)
    made = [Piece(run, [msgspec.Raw(encode_fact(run, fact)) for fact in facts]) for run, facts in pieces]
    return msgspec.json.encode(Document(FORMAT, FORMAT_VERSION, run_id, made))


async def _pieces(log: Log, run: str) -> list[tuple[str, list[Fact]]]:
    """The runs that are needed, those that others speak of first; each up to the last fact that anybody needs."""
    found: dict[str, list[Fact]] = {}
    whole: set[str] = set()
    left: list[tuple[str, int | None]] = [(run, None)]
    while left:
        name, upto = left.pop()
        if name in whole or (upto is not None and len(found.get(name, ())) > upto):
            continue
        if upto is None and name != run and not await exists(log, name):
            # A run below that a crash kept from beginning; it begins where its parent goes on.
            continue
        found[name] = [fact async for fact in _until(log, name, upto)]
        if upto is None:
            whole.add(name)
        if len(found) > MOST_RUNS:
            raise CallerError(
                f"run {run} goes on from, or has below it, more than {MOST_RUNS:,} runs; export a part of it"
            )
        left.extend(needed_by(found[name]))
    return [(name, found[name]) for name in in_order(run, found)]


def in_order(run: str, found: Mapping[str, Sequence[Fact]]) -> list[str]:
    """The runs that a run needs and at last the run itself, each after those that it speaks of.

    Two runs may speak of each other: a run below may go on from what was said before it began.
    """
    order: dict[str, None] = {}
    seen = {run}
    stack = [(run, needed_by(found[run]))]
    while stack:
        name, needed = stack[-1]
        for other, _ in needed:
            if other not in seen and other in found:
                seen.add(other)
                stack.append((other, needed_by(found[other])))
                break
        else:
            stack.pop()
            order[name] = None
    return list(order)


def needed_by(facts: Sequence[Fact]) -> Iterator[tuple[str, int | None]]:
    """The runs that a run speaks of, and up to which fact; None for the whole run."""
    for fact in facts:
        if isinstance(fact, RunStarted) and fact.continues is not None:
            yield fact.continues.run, fact.continues.seq
        elif isinstance(fact, ChildStarted):
            yield fact.run, None


async def _until(log: Log, run: str, upto: int | None) -> AsyncIterator[Fact]:
    async for fact in log.read(run):
        yield fact
        if upto is not None and fact.seq >= upto:
            return


export_run_sync = blocking(export_run)
