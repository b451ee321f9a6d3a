"""What is measured, the same for every system; each case gives figures by name. Imported by `measure.py` only.

CPU is process time: user and system time of all threads of the process, and of nothing outside it.
"""

import asyncio
import gc
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from work import ANSWER, PROMPT, Work

STREAMED_PIECES = 500
PACED_PIECES = 40
STREAMS = 50
ROUNDS = 10
STUB_ROUNDS = 20
TICK = 0.01

Figures = dict[str, float]


class Setting(NamedTuple):
    """What a case is given: the system under test, the server, and how long to measure."""

    system: Any
    url: str
    seconds: float
    turns: int


def check(answer: str, expected: str = ANSWER) -> None:
    if answer != expected:
        raise AssertionError(f"a wrong answer: {answer[:200]!r}")


async def cpu_per_unit(setting: Setting, work: Callable[[], Awaitable[None]], units: int = 1) -> Figures:
    """Microseconds of CPU for each of `units` in `work`, repeated for as long as the setting says."""
    for _ in range(3):
        await work()
    gc.collect()
    count, begun, cpu = 0, time.perf_counter(), time.process_time()
    while count < 3 or time.perf_counter() - begun < setting.seconds:
        await work()
        count += 1
    return {"cpu_us": (time.process_time() - cpu) / count / units * 1e6}


async def one_call(setting: Setting) -> Figures:
    async with setting.system.session(Work(setting.url, "plain")) as session:

        async def work() -> None:
            check(await session.run(PROMPT))

        return await cpu_per_unit(setting, work)


async def tool_round(setting: Setting, database: str | None = None) -> Figures:
    async with setting.system.session(Work(setting.url, f"tools-{ROUNDS}", tools=True, database=database)) as session:

        async def work() -> None:
            check(await session.run(PROMPT))

        return await cpu_per_unit(setting, work, ROUNDS)


async def tool_round_sqlite(setting: Setting) -> Figures:
    with tempfile.TemporaryDirectory() as folder:
        return await tool_round(setting, f"{folder}/runs.db")


async def tool_round_sqlite_normal(setting: Setting) -> Figures:
    """Without waiting for the disk at each commit: safe from a crash of the process, not from a loss of power."""
    with tempfile.TemporaryDirectory() as folder:
        return await tool_round(setting, f"{folder}/runs.db?synchronous=normal")


async def loop_only(setting: Setting) -> Figures:
    async with setting.system.stub_session(STUB_ROUNDS) as session:

        async def work() -> None:
            check(await session.run(PROMPT))

        return await cpu_per_unit(setting, work, STUB_ROUNDS)


async def stream(setting: Setting) -> Figures:
    expected = "".join(f"word{n % 10} " for n in range(STREAMED_PIECES))
    async with setting.system.session(Work(setting.url, f"stream-{STREAMED_PIECES}")) as session:

        async def work() -> None:
            check(await session.stream(PROMPT), expected)

        return await cpu_per_unit(setting, work, STREAMED_PIECES)


async def streams_50(setting: Setting) -> Figures:
    """All start together, so their chunks come together, too; spread over the 50 ms the floor needs half as much again."""
    expected = "".join(f"word{n % 10} " for n in range(PACED_PIECES))
    async with setting.system.session(Work(setting.url, f"stream-{PACED_PIECES}+pace-50")) as session:

        async def one() -> None:
            check(await session.stream(PROMPT), expected)

        await one()
        gc.collect()
        cpu = time.process_time()
        await asyncio.gather(*(one() for _ in range(STREAMS)))
        return {"cpu_us": (time.process_time() - cpu) / STREAMS / PACED_PIECES * 1e6}


async def longest_stall(seconds: list[float]) -> None:
    """Notes, until it is cancelled, by how much a sleep of 10 ms was exceeded at worst."""
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(TICK)
        seconds[0] = max(seconds[0], time.perf_counter() - begun - TICK)


def forget_memory_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def memory_kb(field: str) -> int:
    """A field of the kernel's account of this process: VmRSS is what it holds now, VmHWM the most it held."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


async def cancel(setting: Setting) -> Figures:
    """How long after a stream was cancelled the server sees its client gone; both read one clock."""
    took: list[float] = []
    async with (
        setting.system.session(Work(setting.url, "stream-40+pace-50")) as session,
        setting.system.session(Work(setting.url, "hangups")) as asking,
    ):
        for _ in range(20):
            asked = await session.cancel_stream(PROMPT)
            while (seen := float(await asking.run(PROMPT))) < asked:
                await asyncio.sleep(0.001)
            took.append((seen - asked) * 1000)
    return {"cancel_ms": statistics.median(took), "cancel_worst_ms": max(took)}


async def concurrent(setting: Setting, runs: int) -> Figures:
    errors: list[BaseException] = []
    async with setting.system.session(Work(setting.url, "tools-3+latency-200", tools=True)) as session:

        async def one() -> None:
            try:
                check(await session.run(PROMPT))
            except Exception as error:
                errors.append(error)

        await one()
        gc.collect()
        forget_memory_peak()
        before, stall = memory_kb("VmRSS"), [0.0]
        watching = asyncio.create_task(longest_stall(stall))
        begun, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one() for _ in range(runs)))
        figures = {
            "errors": len(errors),
            "cpu_s": time.process_time() - cpu,
            "wall_s": time.perf_counter() - begun,
            "kb_per_run": (memory_kb("VmHWM") - before) / runs * 1.024,
            "stall_ms": stall[0] * 1000,
        }
        watching.cancel()
    if errors:
        print(f"first error: {errors[0]!r}"[:500], file=sys.stderr)
    return figures


async def concurrent_500(setting: Setting) -> Figures:
    return await concurrent(setting, 500)


async def concurrent_2000(setting: Setting) -> Figures:
    return await concurrent(setting, 2000)


async def conversation_500(setting: Setting) -> Figures:
    """What each earlier turn adds to a turn: the slope of CPU over the number of the turn."""
    costs: list[float] = []
    async with setting.system.session(Work(setting.url, "plain")) as session:
        for _ in range(20):
            check(await session.run(PROMPT))
        gc.collect()
        for number in range(setting.turns):
            cpu = time.process_time()
            check(await session.ask(f"{PROMPT} ({number})"))
            costs.append((time.process_time() - cpu) * 1e6)
    slope = statistics.linear_regression(range(len(costs)), costs).slope
    return {"slope_us": slope, "last_us": statistics.median(costs[-20:])}


async def conversation_journal(setting: Setting) -> Figures:
    """What a message adds to the database beyond its own words, and whether later ones add more than earlier ones."""
    sizes: list[int] = []
    marks = (setting.turns // 5, setting.turns * 3 // 5, setting.turns)
    words = 0
    with tempfile.TemporaryDirectory() as folder:
        database = f"{folder}/conversation.db"
        async with setting.system.session(Work(setting.url, "plain", database=database)) as session:
            for turn in range(1, marks[-1] + 1):
                prompt = f"{PROMPT} ({turn})"
                check(await session.ask(prompt))
                words += len(prompt) + len(ANSWER)
                if turn in marks:
                    sizes.append(database_bytes(database) - words)
    start, middle, end = sizes
    messages = 2 * (marks[2] - marks[0])
    return {"bytes_per_message": (end - start) / messages, "growth": (end - middle) / (middle - start)}


def database_bytes(path: str) -> int:
    """What the database holds, whether it stands in the file or still in the write-ahead log."""
    with closing(sqlite3.connect(path)) as connection:
        (pages,), (size,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return pages * size


CASES = {
    case.__name__: case
    for case in (
        one_call,
        tool_round,
        tool_round_sqlite,
        tool_round_sqlite_normal,
        loop_only,
        stream,
        streams_50,
        cancel,
        concurrent_500,
        concurrent_2000,
        conversation_500,
        conversation_journal,
    )
}


def resident_peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
