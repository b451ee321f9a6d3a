"""Journals that are there, and the runs in them by any unmistakable piece of their ids."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ...compose import open_journal
from ...data import CallerError, ModelUsage, with_usage
from ...journal import Log, ModelRequested, ModelResponded, RunQuery, RunStarted, RunSummary, exists

_PAGE = 500
_NAMED = 3


def file_of(journal: str) -> Path | None:
    """The file of a journal that is one."""
    scheme, found, path = journal.partition(":///")
    return Path(path) if found and path and scheme == "sqlite" else None


@asynccontextmanager
async def existing(journal: str) -> AsyncGenerator[Log]:
    """A journal to read; raises `CallerError` instead of making a new one."""
    file = file_of(journal)
    if file is not None and not file.exists():
        raise CallerError(
            f"there is no journal at {journal}; journeyman run begins one, and --journal says where another is"
        )
    async with open_journal(journal) as log:
        yield log


async def all_runs(log: Log) -> AsyncIterator[RunSummary]:
    """All runs, newest first, page after page."""
    before: str | None = None
    while True:
        page = await log.runs(RunQuery(limit=_PAGE, before=before))
        for row in page.rows:
            yield row
        if page.next is None:
            return
        before = page.next


async def run_named(log: Log, name: str) -> str:
    """The id of the one run whose id is, begins with or ends with `name`. Raises `CallerError` if there is none or more."""
    if await exists(log, name):
        return name
    ids = [row.run async for row in all_runs(log) if row.run.startswith(name) or row.run.endswith(name)]
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise CallerError(f"there is no run {name!r} in this journal; journeyman runs list shows which there are")
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    raise CallerError(f"{name!r} may be any of {', '.join(ids[:_NAMED])}{more}; write more of the id")


async def own_usage(log: Log, run: str) -> tuple[ModelUsage, ...]:
    """What a run used itself, without the runs below it: those are listed, too."""
    model = ""
    used: tuple[ModelUsage, ...] = ()
    async for fact in log.read(run):
        match fact:
            case RunStarted() | ModelRequested():
                model = fact.model
            case ModelResponded():
                used = with_usage(used, ModelUsage.of(model, fact.response.usage, fact.response.cost))
            case _:
                continue
    return used
