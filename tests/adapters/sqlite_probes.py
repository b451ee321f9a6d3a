"""What the tests of the log in SQLite share: a log and its file, other processes, and a hand on its connection."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from journeyman.adapters import log_sqlite_writer
from journeyman.adapters.log_sqlite import SqliteLog


def rows(path: Path, statement: str, *values: object) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        found = db.execute(statement, values).fetchall()
        db.commit()
    return found


async def python(program: str, *arguments: object) -> tuple[int, str]:
    """Run a program in another process; its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *map(str, arguments), stdout=subprocess.PIPE
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


class Meddling(log_sqlite_writer.Delete):
    """Something that happens on the writer's thread, where SQLite lets its connection be used."""

    __slots__ = ("_act",)

    def __init__(self, act: Callable[[sqlite3.Connection], object]) -> None:
        super().__init__("nothing")
        self._act = act

    def carry_out(self, db: sqlite3.Connection) -> None:
        self._act(db)


async def meddle(log: SqliteLog, act: Callable[[sqlite3.Connection], object]) -> None:
    await log._use().writer.carry_out(Meddling(act))
