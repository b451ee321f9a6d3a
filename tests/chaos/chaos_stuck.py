"""What is to be said of runs that should have finished long ago."""

from __future__ import annotations

import time
from collections.abc import Iterable

from journeyman import CallerError
from journeyman.background import Queue
from journeyman.journal import ChildStarted, Log, load

MOST = 10
"""How many runs are told of; what holds up more of them is seldom something else."""


async def stuck(queue: Queue, runs: Iterable[str]) -> str:
    """Of each run that has not finished its status, its last facts and its jobs."""
    lines: list[str] = []
    count = 0
    for run in runs:
        status, told = await _facts(queue.log, run)
        if status == "finished":
            continue
        count += 1
        if count <= MOST:
            jobs = [
                f"  job {entry.job.id}: {entry.state}, worker {entry.worker}, {_ago(entry.updated_at)} {entry.error}"
                for entry in await queue.jobs(run)
            ]
            lines += [f"run {run}: {status}", *told, *(jobs or ["  no job"])]
    return "\n".join((f"{count} runs have not finished", *lines))


async def _facts(log: Log, run: str, depth: int = 1) -> tuple[str, list[str]]:
    try:
        loaded = await load(log, run)
    except CallerError:
        return "not begun", []
    indent = "  " * depth
    told = [f"{indent}{fact.seq} {type(fact).__name__} {_ago(fact.at)}" for fact in loaded.facts[-5:]]
    if loaded.state.failure is not None:
        told.append(f"{indent}{loaded.state.failure.type}: {loaded.state.failure.message}")
    for fact in loaded.facts:
        if isinstance(fact, ChildStarted):
            status, below = await _facts(log, fact.run, depth + 1)
            told += [f"{indent}below: {fact.run}, {status}", *below]
    return loaded.state.status, told


def _ago(at: int) -> str:
    return f"{time.time() - at / 1e6:.1f} s ago"
