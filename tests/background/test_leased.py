"""The journal as a worker sees it."""

from __future__ import annotations

import pytest

from journeyman.adapters.log_memory import MemoryLog
from journeyman.background.leased import Drained, LeasedLog
from journeyman.data import CallerError
from journeyman.journal import ModelRequested
from journeyman.queues import Lost
from journeyman.testing.log_kit import LOG_CHECKS, LogCheck
from journeyman.testing.log_probes import some_run

from .fakes import FakeBench


def leased(log: MemoryLog, bench: FakeBench, *, ends: bool = False) -> LeasedLog:
    return LeasedLog(log, bench, "run", lambda: ends)


# It is not closed by who it is handed to: the log behind it is the worker's.
CHECKS = [check for check in LOG_CHECKS if check.__name__ != "a_closed_log_says_so"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck):
    """As long as the lease stands, it is a log like any other."""
    await check(leased(MemoryLog(), FakeBench()))


async def test_without_a_lease_nothing_is_written():
    """A lease that was lost and had anew does not bring back what began under the old one."""
    log, bench = MemoryLog(), FakeBench()
    mine = leased(log, bench)
    bench.lose()
    with pytest.raises(Lost):
        await mine.append("run", 0, some_run(1))
    with pytest.raises(CallerError):
        await anext(aiter(log.read("run")))
    await leased(log, bench).append("run", 0, some_run(1))


async def test_a_worker_that_ends_writes_what_was_and_not_what_will_be():
    """Of facts that end with a request all but the request are written; other runs' requests are, for they are below."""
    log, bench = MemoryLog(), FakeBench()
    facts = some_run(4)
    assert isinstance(facts[-1], ModelRequested)
    ending = leased(log, bench, ends=True)
    with pytest.raises(Drained):
        await ending.append("run", 0, facts)
    assert [fact async for fact in log.read("run")] == facts[:-1]
    await ending.append("child", 0, facts)
    assert [fact async for fact in log.read("child")] == facts
