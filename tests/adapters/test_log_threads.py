"""What every log over a medium that blocks does: order, closing, forking, looking out."""

import asyncio
import gc
import os
import threading
from pathlib import Path

import pytest

from journeyman.adapters.log_files import FilesLog
from journeyman.adapters.log_rules import Part
from journeyman.adapters.log_threads import Batch, Polling, ThreadedLog, patience
from journeyman.data import CallerError
from journeyman.journal import RunQuery, RunSummary
from journeyman.testing.log_probes import finished, listening, read, some_run

from .sqlite_probes import python


async def test_appends_of_a_run_keep_their_order(tmp_path: Path):
    """Appends that were asked for before any was awaited are written in the order in which they were asked for."""
    runs = [f"r{number}" for number in range(10)]
    facts = some_run(20)
    async with FilesLog(tmp_path) as log:
        await asyncio.gather(*(log.append(run, fact.seq, [fact]) for fact in facts for run in runs))
        for run in runs:
            assert await read(log, run) == facts
        assert log._use()._turns == {}


async def test_closing_writes_what_waits(tmp_path: Path):
    """What was asked before `close` is written, though nobody has waited for it yet."""
    log = FilesLog(tmp_path)
    facts = some_run(50)
    appends = [asyncio.ensure_future(log.append("r", fact.seq, [fact])) for fact in facts]
    await asyncio.sleep(0)
    await log.close()
    await asyncio.gather(*appends)
    async with FilesLog(tmp_path) as again:
        assert await read(again, "r") == facts


async def test_closing_ends_the_threads(tmp_path: Path):
    """After `close` no thread of the log is left, also where somebody followed."""
    before = set(threading.enumerate())
    async with FilesLog(tmp_path) as log:
        await log.append("r", 0, some_run(1))
        async with listening(log, "r") as heard:
            await heard.next()
            assert any("lookout" in thread.name for thread in set(threading.enumerate()) - before)
    assert not [thread for thread in set(threading.enumerate()) - before if "journeyman log" in thread.name]


async def test_who_comes_while_it_closes_is_told(tmp_path: Path):
    """Whoever got hold of the threads just before `close` is told, and does not wait for them for ever."""
    async with FilesLog(tmp_path) as log:
        opened = log._use()
    for asked in (opened.ask(lambda: None), opened.ask_in_turn("r", lambda: None)):
        with pytest.raises(CallerError, match="is closed"):
            await asked


FORKED = """
import asyncio, os, sys
from journeyman.adapters.log_files import FilesLog
from journeyman.testing.log_probes import read, some_run
log = FilesLog(sys.argv[1])
facts = some_run(6)
async def step(first, last):
    if first < last:
        await log.append("r", first, facts[first:last])
    return len(await read(log, "r"))
assert asyncio.run(step(0, 2)) == 2
child = os.fork()
if not child:
    assert asyncio.run(step(2, 4)) == 4
    asyncio.run(log.close())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert asyncio.run(step(4, 6)) == 6
print("whole")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
async def test_a_fork_may_use_the_log(tmp_path: Path):
    """After a fork parent and child both append to the same log, and a program that never closes it ends."""
    assert await python(FORKED, tmp_path) == (0, "whole\n")


async def test_a_cancelled_append_that_waits_is_not_written(tmp_path: Path):
    """An append that is cancelled before its turn came is left out, and those after it are told that it is missing."""
    facts = some_run(3)
    async with FilesLog(tmp_path) as log:
        await log.append("r", 0, facts[:1])
        held = threading.Event()
        holding = asyncio.ensure_future(log._use().ask_in_turn("r", lambda: (held.wait(), None)[1]))
        await asyncio.sleep(0)
        waits = asyncio.ensure_future(log.append("r", 1, facts[1:2]))
        await asyncio.sleep(0)
        waits.cancel()
        await asyncio.wait([waits])
        held.set()
        await holding
        assert await read(log, "r") == facts[:1]
        await log.append("r", 1, facts[1:])


class Stubborn:
    """A medium that forgets everything, and a lookout that fails once."""

    def __init__(self) -> None:
        self.looks = 0
        self.facts = some_run(2)

    def append(self, batch: Batch) -> None:
        self.facts = [*self.facts, *batch.facts]

    def reader(self, run: str, *, follows: bool):
        return lambda after: Part(self.facts[after + 1 :], more=False, ended=len(self.facts) > 2)

    def page(self, query: RunQuery, after: object) -> list[RunSummary]:
        return []

    def delete(self, run: str) -> None:
        self.facts = []

    def marks(self, runs):
        self.looks += 1
        if self.looks == 2:
            raise OSError("not now")
        return dict.fromkeys(runs, len(self.facts))

    def close(self) -> None:
        self.facts = []


async def test_a_lookout_that_fails_looks_again():
    """Followers go on hearing what others write after a look failed."""
    medium = Stubborn()
    async with ThreadedLog("stubborn", lambda: (medium, Polling(medium.marks, 0.001)), 1) as log:
        async with listening(log, "r") as heard:
            await heard.next()
            await heard.next()
            while medium.looks < 4:  # noqa: ASYNC110  (a thread counts them)
                await asyncio.sleep(0)
            medium.facts = [*medium.facts, finished(2)]
            assert await heard.rest() == [finished(2)]


def test_patience_ends_at_once_when_it_is_over():
    """Waiting no seconds is no waiting."""
    assert patience(0, 1)() is False
    wait = patience(0.002, 0.001)
    assert wait()
    while wait():
        pass
    gc.collect()
