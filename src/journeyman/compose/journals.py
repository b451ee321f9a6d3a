"""Journals and queues from their addresses."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ..journal import Log
from ..queues import Engine


def new_memory_log() -> Log:
    """A log that lasts as long as somebody holds it."""
    from ..adapters.log_memory import MemoryLog  # noqa: PLC0415  (an adapter is imported when it is used)

    return MemoryLog()


@asynccontextmanager
async def open_journal(journal: str | Log) -> AsyncGenerator[Log, None]:
    """A log by its URL, closed at the end; a log itself is passed through, left open.

    `memory:`, `sqlite:///runs.db`, `file:///directory`, `postgresql://user@host/database`, and `s3:`, `gs:` or `az:` with
    bucket and prefix. docs/journals.md says which is for what.

    `sqlite:///path.db?synchronous=normal` does not wait for the disk: it is quicker, and what was written last may be lost
    with the machine's power (not with the process).

    Raises `CallerError` for an address that is none of these, and where a package that it needs is missing.
    """
    if not isinstance(journal, str):
        yield journal
        return
    from ..adapters.log_addresses import log_at  # noqa: PLC0415  (an adapter is imported when it is used)

    log = log_at(journal)
    try:
        yield log
    finally:
        await log.close()


def open_engine(journal: str, name: str) -> Engine:
    """The queue of that name beside a journal; whoever opened it closes it."""
    from ..adapters.queue_dbos import DbosEngine  # noqa: PLC0415  (dbos takes seconds to import)

    return DbosEngine(journal, name)
