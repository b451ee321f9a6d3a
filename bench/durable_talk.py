"""A conversation of one system in this process, and what is on the disk of it when it is closed: a line of JSON.

    durable_talk.py MODULE URL SCRIPT TURNS FOLDER          a system of `systems/`, in an SQLite file of its own
    durable_talk.py journeyman_ URL SCRIPT TURNS ADDRESS    journeyman, where the address says

Started by `durable.py`.
"""

import asyncio
import importlib
import json
import sqlite3
import sys
from collections import Counter
from contextlib import asynccontextmanager, closing
from pathlib import Path

from durable_server import TOOLS, asked, told
from work import Work, lookup


@asynccontextmanager
async def at_address(url: str, script: str, address: str):
    """journeyman's session in a place other than SQLite."""
    from journeyman import Agent, open_journal, open_model
    from systems.journeyman_ import Session

    async with open_journal(address) as log:
        model = open_model(f"openai:{script}", base_url=url, api_key="test")
        async with Agent(model, tools=[lookup] if script == TOOLS else [], journal=log) as agent:
            yield Session(agent)


def in_sqlite(module: str, url: str, script: str, database: Path):
    work = Work(url, script, tools=script == TOOLS, database=str(database))
    return importlib.import_module(f"systems.{module}").session(work)


async def talk(session, first: int, last: int) -> None:
    for turn in range(first, last + 1):
        answer = await session.ask(asked(turn))
        if answer != told(turn):
            raise AssertionError(f"turn {turn}, a wrong answer: {answer[:200]!r}")


def folded(database: Path) -> None:
    """Have all of it in the file itself: what a write-ahead log still holds is put in its place."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def on_disk(folder: Path) -> dict[str, int]:
    """Bytes of all files, and the blocks that the file system gives them."""
    files = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return {"bytes": sum(file.st_size for file in files), "allocated": sum(file.st_blocks * 512 for file in files)}


def tables(database: Path) -> dict[str, int]:
    """Bytes by table and index, where this SQLite can tell."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            return dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
        except sqlite3.Error:
            return {}


def lines(database: Path) -> dict[str, int]:
    """Bytes of journeyman's lines, by kind, and of its runs' rows."""
    sizes: Counter[str] = Counter()
    with closing(sqlite3.connect(database)) as connection:
        for (line,) in connection.execute("SELECT fact FROM lines"):
            sizes[json.loads(line)["kind"]] += len(line.encode())
        rows = connection.execute("SELECT * FROM runs").fetchall()
        sizes["summary"] = sum(len(str(value)) for row in rows for value in row if value is not None)
    return dict(sizes)


async def main() -> None:
    module, url, script, turns, place = sys.argv[1:]
    half, whole = int(turns) // 2, int(turns)
    figures: dict = {"words": sum(len(asked(turn)) + len(told(turn)) for turn in range(1, whole + 1))}
    if "://" in place or place.startswith("file:"):
        async with at_address(url, script, place) as session:
            await talk(session, 1, whole)
    else:
        database = Path(place, "conversation.db")
        async with in_sqlite(module, url, script, database) as session:
            await talk(session, 1, half)
            with closing(sqlite3.connect(database)) as connection:
                (pages,), (size,) = (connection.execute(f"PRAGMA {x}").fetchone() for x in ("page_count", "page_size"))
            await talk(session, half + 1, whole)
        folded(database)
        figures |= on_disk(Path(place)) | {"half": pages * size, "tables": tables(database)}
        if module == "journeyman_":
            figures["lines"] = lines(database)
    if place.startswith("file:"):
        figures |= on_disk(Path(place.removeprefix("file:").removeprefix("//")))
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
