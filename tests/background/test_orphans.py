"""Runs with work left and nobody who does it."""

from __future__ import annotations

import pytest

from journeyman import Agent, ScriptedModel
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import create
from journeyman.background.orphans import look_for_orphans
from journeyman.compose import clock
from journeyman.journal import load
from journeyman.queues import EntryState, Job

from .fakes import FakeEngine

AGENT = Agent(ScriptedModel([]), name="clerk")


async def run_of(log: MemoryLog, *tags: str) -> str:
    return await create(AGENT, "Sell.", journal=log, tags=tags)


async def test_a_run_without_a_job_gets_one():
    """All jobs may be lost: the journal tells which runs go on."""
    log, engine = MemoryLog(), FakeEngine()
    run = await run_of(log, "queue:runs")
    assert await look_for_orphans(log, engine, "runs", before=clock() + 1) == 1
    (entry,) = await engine.entries()
    assert (entry.job.run, entry.job.agent, entry.job.facts) == (run, "clerk", 1)


async def test_many_orphans_are_all_found():
    """The search goes through all pages of the journal."""
    log, engine = MemoryLog(), FakeEngine()
    for _ in range(201):
        await run_of(log, "queue:runs")
    assert await look_for_orphans(log, engine, "runs", before=clock() + 1) == 201


async def test_runs_of_others_are_left_alone():
    """A run of another queue, or one that a program carries out itself, is no orphan, nor is one that moved just now."""
    log, engine = MemoryLog(), FakeEngine()
    await run_of(log, "queue:other")
    await run_of(log)
    await run_of(log, "queue:runs")
    assert await look_for_orphans(log, engine, "runs", before=0) == 0
    assert not await engine.entries()


@pytest.mark.parametrize("state", ["queued", "delayed", "working"])
async def test_a_run_with_a_job_is_no_orphan(state: EntryState):
    """Whoever has a job that waits or is at work gets no other."""
    log, engine = MemoryLog(), FakeEngine()
    job = Job(run=await run_of(log, "queue:runs"), agent="clerk")
    await engine.put(job)
    engine.mark(job, state)
    assert await look_for_orphans(log, engine, "runs", before=clock() + 1) == 0
    assert len(engine.kept) == 1


@pytest.mark.parametrize("state", ["done", "failed"])
async def test_a_run_whose_job_came_to_nothing_gets_another(state: EntryState):
    """A job that is over while its run has work left is followed by one with another id."""
    log, engine = MemoryLog(), FakeEngine()
    job = Job(run=await run_of(log, "queue:runs"), agent="clerk", facts=1)
    await engine.put(job)
    engine.mark(job, state)
    assert await look_for_orphans(log, engine, "runs", before=clock() + 1) == 1
    assert [entry.job.turn for entry in await engine.entries()] == [1, 0]


@pytest.mark.parametrize(("state", "status"), [("cancelled", "cancelled"), ("dead", "errored")])
async def test_what_ended_without_a_word_gets_its_end(state: EntryState, status: str):
    """A run that was cancelled while its worker was dead, or that killed all its workers, ends in the journal as well."""
    log, engine = MemoryLog(), FakeEngine()
    job = Job(run=await run_of(log, "queue:runs"), agent="clerk")
    await engine.put(job)
    engine.mark(job, state)
    assert await look_for_orphans(log, engine, "runs", before=clock() + 1) == 1
    assert (await load(log, job.run)).state.status == status
    assert await look_for_orphans(log, engine, "runs", before=clock() + 1) == 0
