"""What journaling costs, and what runs that wait take, in this process: a line of JSON. Started by `durable.py`.

    durable_work.py paced PLACE                       a run whose model takes 100 ms, once; or `bare`, the waiting alone
    durable_work.py cpu PLACE SECONDS                 the same without latency, over and over
    durable_work.py wait ADDRESS RUNS                 so many runs that come to wait
    durable_work.py list ADDRESS RUNS                 lists them, in a process that did not make them

PLACE is `memory:`, `sqlite` or `sqlite-normal`, in a file that is thrown away; or `commits`, the floor: in memory, with two
commits written by hand in each round, one when the model answers and one in the tool.
"""

import asyncio
import gc
import itertools
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

from cases import memory_kb
from work import ANSWER, lookup

from journeyman import Agent, Pending, open_journal, tool
from journeyman.data import Message, ModelResponse, ToolCall
from journeyman.journal import RunQuery
from journeyman.providers import Capabilities

ROUNDS = 20
LATENCY = 0.1
WARMED = 200
"""Runs that wait before memory is looked at: code, caches and the tools' threads are there by then."""
AT_ONCE = 16
PAGES = (50, 1000, 10_000)
LISTINGS = 7
LINE = "x" * 200
"""About as long as a fact of such a run."""


class Stub:
    """Calls a tool round after round; an answer takes `latency` seconds."""

    name = "stub:model"
    capabilities = Capabilities()

    def __init__(self, tool: str, rounds: int, commit: Callable[[], None] | None = None) -> None:
        self._tool, self._rounds, self._commit = tool, rounds, commit
        self.latency = 0.0

    async def respond(self, request, emit=None, record=None) -> ModelResponse:
        if self.latency:
            await asyncio.sleep(self.latency)
        if self._commit is not None:
            self._commit()
        done = len(request.messages) // 2
        if done == self._rounds:
            return ModelResponse(Message.assistant(ANSWER))
        return ModelResponse(
            Message("assistant", (ToolCall(f"call_{done}", self._tool, '{"key":"k"}'),)), finish="tool_calls"
        )

    def preview(self, request, *, stream=False) -> None:
        return None


def address(place: str, folder: str) -> str:
    return {
        "memory:": "memory:",
        "commits": "memory:",
        "sqlite": f"sqlite:///{folder}/runs.db",
        "sqlite-normal": f"sqlite:///{folder}/runs.db?synchronous=normal",
    }[place]


@asynccontextmanager
async def at(place: str, latency: float = 0.0):
    """Carries out a run of 20 tool rounds, where the place says."""
    with tempfile.TemporaryDirectory() as folder, bare(f"{folder}/bare.db") as commit:

        @tool(name="lookup")
        async def committing(key: str) -> str:
            """Look a value up.

            Args:
                key: what to look for
            """
            commit()
            return await lookup(key)

        async with open_journal(address(place, folder)) as log:
            model = Stub("lookup", ROUNDS, commit=commit if place == "commits" else None)
            tools = [committing if place == "commits" else lookup]
            agent = Agent(model, tools=tools, journal=log, max_iterations=ROUNDS + 1)

            async def run() -> None:
                result = await agent.run("Look all of it up.")
                if result.output != ANSWER:
                    raise AssertionError(f"a wrong answer: {result.output!r}")

            # The first loads and opens whatever a process needs once.
            await run()
            model.latency = latency
            yield run


@contextmanager
def bare(path: str) -> Iterator[Callable[[], None]]:
    """A commit that waits for the disk, of two lines, with nothing around it."""

    def commit() -> None:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO lines (fact) VALUES (?), (?)", (LINE, LINE))
        db.execute("COMMIT")

    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 256")
        db.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, fact TEXT NOT NULL)")
        yield commit


async def paced(place: str) -> dict:
    """Seconds, and microseconds of CPU a round, of one run at a model's pace."""
    if place == "bare":
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(ROUNDS + 1):
            await asyncio.sleep(LATENCY)
        return {"wall_s": time.perf_counter() - begun, "cpu_us": (time.process_time() - cpu) / ROUNDS * 1e6}
    async with at(place, LATENCY) as run:
        begun, cpu = time.perf_counter(), time.process_time()
        await run()
        return {"wall_s": time.perf_counter() - begun, "cpu_us": (time.process_time() - cpu) / ROUNDS * 1e6}


async def cpu(place: str, seconds: str) -> dict:
    """Microseconds of CPU a round: the best and the median of the runs that fit into so many seconds."""
    costs = []
    async with at(place) as run:
        ends = time.perf_counter() + float(seconds)
        while time.perf_counter() < ends:
            begun = time.process_time()
            await run()
            costs.append((time.process_time() - begun) / ROUNDS * 1e6)
    return {"best_us": min(costs), "median_us": statistics.median(costs)}


@tool
def approve(key: str) -> bool:
    """Ask a person."""
    raise Pending({"asked": key})


async def wait(place: str, runs: str) -> dict:
    """Runs that call a tool which has to wait; what this process holds of them when all do."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with turns:
            result = await agent.run(f"May order {number} go out?")
            if result.status != "waiting":
                raise AssertionError(f"run {number} is {result.status}")

    async with open_journal(place) as log:
        agent = Agent(Stub("approve", 1), tools=[approve], name="clerk", journal=log)
        await asyncio.gather(*map(one, range(WARMED)))
        gc.collect()
        held, begun, whole = [memory_kb("VmRSS")], time.perf_counter(), int(runs)
        for start, end in ((WARMED, whole // 2), (whole // 2, whole)):
            # In lots, so that no task is left of one when the next begins.
            for lot in range(start, end, WARMED):
                await asyncio.gather(*map(one, range(lot, min(lot + WARMED, end))))
            gc.collect()
            held.append(memory_kb("VmRSS"))
        return {
            "tasks": len(asyncio.all_tasks()) - 1,
            "grown_kb": [after - before for before, after in itertools.pairwise(held)],
            "made_s": time.perf_counter() - begun,
        }


async def listed(log, limit: int, runs: int) -> None:
    found, before = 0, None
    while True:
        page = await log.runs(RunQuery(status="waiting", limit=limit, before=before))
        found, before = found + len(page.rows), page.next
        if before is None:
            break
    if found != runs:
        raise AssertionError(f"{found} runs were listed, not {runs}")


async def listing(place: str, runs: str) -> dict:
    """Milliseconds for a first page of 50, and for all of them in pages of several sizes."""
    figures: dict = {}
    async with open_journal(place) as log:
        begun = time.perf_counter()
        # Any run's page would do to open the journal; none of those that are listed below are read by it.
        await log.runs(RunQuery(status="failed"))
        figures["opened_ms"] = (time.perf_counter() - begun) * 1000
        before = memory_kb("VmRSS")
        took = []
        for _ in range(LISTINGS):
            begun = time.perf_counter()
            await log.runs(RunQuery(status="waiting"))
            took.append((time.perf_counter() - begun) * 1000)
        figures |= {"page_cold": took[0], "page": took, "page_kb": memory_kb("VmRSS") - before}
        for limit in PAGES:
            took = []
            for _ in range(LISTINGS):
                begun = time.perf_counter()
                await listed(log, limit, int(runs))
                took.append((time.perf_counter() - begun) * 1000)
            figures[str(limit)] = took
    return figures


CASES = {"paced": paced, "cpu": cpu, "wait": wait, "list": listing}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(CASES[sys.argv[1]](*sys.argv[2:]))))
