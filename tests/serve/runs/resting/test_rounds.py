"""Runs that wait are found in the journal, after a restart and wherever they came to wait: woken, and told of once."""

import asyncio
import base64
import itertools
import json
from contextlib import asynccontextmanager

import pytest

from journeyman import Agent, Pending, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.agents import answer
from journeyman.data import JourneymanError, ProviderError, Secret, ToolCall
from journeyman.journal import Noted, RunQuery, load
from journeyman.models import ScriptedModel
from journeyman.serve import Redelivery, RunBounds, Webhooks
from journeyman.serve.runs.resting import rounds
from journeyman.wire import HttpReply

SECRET = Secret("whsec_" + base64.b64encode(bytes(range(32))).decode())
ADDRESS = "https://hooks.example/path?key=of-theirs"
OTHER = "https://other.example/"


class Receivers:
    """A transport to receivers that answer with what is set, and keep what they are sent."""

    def __init__(self, answer=204):
        self.answer = answer
        self.requests = []

    @asynccontextmanager
    async def exchange(self, request):
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        yield type("Reply", (), {"head": HttpReply(self.answer, {})})()

    async def close(self):
        pass

    @property
    def told(self):
        return [(request.headers["webhook-id"], json.loads(request.body)["run"]) for request in self.requests]


def hooks(receivers, *addresses, **options):
    options = {"redelivery": Redelivery(attempts=1), "transport": receivers, **options}
    return Webhooks(addresses or [ADDRESS], SECRET, **options)


async def settled(client, webhooks=None):
    """Wait until the app has gone its rounds and told what there was to tell."""
    await client.get("/runs")
    await client.app._rounds.look()
    if webhooks is not None:
        await asyncio.gather(*webhooks._under_way.values())


def notes_of(facts):
    return [fact.data for fact in facts if isinstance(fact, Noted)]


def waiting(deadline=None, poll_every=None, *, asked=None):
    """An agent whose tool waits, and what it says when that is over."""

    @tool
    def ask_boss(question: str) -> str:
        """Ask the boss."""
        raise Pending("boss", deadline=deadline)

    @tool(poll=lambda _: asked(), poll_every=poll_every) if asked else tool
    def ask_machine(question: str) -> str:
        """Ask a machine that takes its time."""
        raise Pending("machine")

    name = "ask_machine" if asked else "ask_boss"
    call = ToolCall("c1", name, '{"question": "?"}')
    script = itertools.repeat(lambda request: "Over." if request.messages[-1].role == "tool" else call)
    return Agent(ScriptedModel(script), name="helper", tools=[ask_boss, ask_machine])


# --- alarms ---------------------------------------------------------------------------------------------------------------


async def test_a_deadline_rings_after_a_restart(opened):
    """A call whose deadline passes after the process that met it is gone is over in time, without anybody asking."""
    log, agent = MemoryLog(), waiting(deadline=0.05)
    run = (await agent.run("Hi", journal=log)).run_id
    client = opened(agent, log)
    await client.get("/runs")
    await client.finished(run)
    assert (await client.show(run))["output"] == "Over."


async def test_an_app_that_nobody_asks_wakes_runs(opened):
    """Inside `async with` the deadline rings though no request ever comes."""
    log, agent = MemoryLog(), waiting(deadline=0.05)
    run = (await agent.run("Hi", journal=log)).run_id
    async with opened(agent, log).app:
        kinds = [type(fact).__name__ async for fact in log.watch(run)]
    assert kinds[-1] == "RunFinished"


async def test_what_others_are_to_wake(opened):
    """A run of a queue is left to its workers, one of an agent that works elsewhere to those who have it."""
    log, agent = MemoryLog(), waiting(deadline=3600)
    ours = (await agent.run("Hi", journal=log)).run_id
    await agent.run("Hi", journal=log, tags=["queue:runs"])
    other = Agent(agent.model, name="other", tools=agent.tools.values())
    await other.run("Hi", journal=log)
    client = opened(agent, log)
    await settled(client)
    assert list(client.app._desk.workshop._alarms._timers) == [ours]


async def test_a_run_that_finds_no_room_is_looked_at_again(opened, gated, caplog):
    """A run whose time comes while there is no room keeps an alarm."""
    log, agent = MemoryLog(), waiting(deadline=0.001)
    run = (await agent.run("Hi", journal=log)).run_id
    client = opened([agent, Agent(gated("…"), name="busy")], log, bounds=RunBounds(max_runs=1))
    await client.start(agent="busy")
    workshop = client.app._desk.workshop
    await workshop._look_again(run)
    assert list(workshop._alarms._timers) == [run]
    assert "max_runs=1" in caplog.text


# --- webhooks -------------------------------------------------------------------------------------------------------------


async def test_a_notice_is_sent_until_it_is_acknowledged(opened, asking_agent, caplog):
    """What a process could not deliver the next one does, with the same id; once it is acknowledged, nobody does any more."""
    log, receivers = MemoryLog(), Receivers(500)
    run = None
    for answer_, sent in ((500, 1), (ProviderError("no route to host"), 2), (204, 3), (204, 3)):
        receivers.answer = answer_
        webhooks = hooks(receivers)
        client = opened(asking_agent(), log, webhooks=webhooks)
        run = run or await client.start()
        await client.app._desk.workshop.until_rest(run, 5) if client.app._desk else None
        await settled(client, webhooks)
        await client.app.close(grace=0)
        assert len(receivers.requests) == sent
    loaded = await load(log, run)
    assert set(receivers.told) == {(f"{run}_{loaded.state.next_seq - 2}", run)}
    (note,) = notes_of(loaded.facts)
    assert "hooks" not in str(note)
    assert "of-theirs" not in str(note)
    assert loaded.state.status == "waiting"


async def test_each_address_is_acknowledged_for_itself(opened, asking_agent):
    """An address that is added later is told of what waits, those that know it are not."""
    log, receivers = MemoryLog(), Receivers()
    run = (await asking_agent().run("Hi", journal=log)).run_id
    for addresses in ((ADDRESS,), (ADDRESS, OTHER)):
        webhooks = hooks(receivers, *addresses)
        await settled(opened(asking_agent(), log, webhooks=webhooks), webhooks)
    assert [request.path for request in receivers.requests] == [ADDRESS, OTHER]
    assert len(set(receivers.told)) == 1
    assert len(notes_of((await load(log, run)).facts)) == 2


async def test_runs_that_came_to_wait_elsewhere_are_told(opened, asking_agent):
    """A run that begins to wait in another process is told on the next round, and then not even read until it changes."""

    class Counting(MemoryLog):
        reads = 0

        def read(self, run, after=-1):
            self.reads += 1
            return super().read(run, after)

    log, receivers = Counting(), Receivers()
    webhooks = hooks(receivers)
    client = opened(asking_agent(), log, webhooks=webhooks)
    await settled(client, webhooks)
    run = (await asking_agent().run("Hi", journal=log)).run_id
    for _ in range(2):
        await settled(client, webhooks)
    assert [told for _, told in receivers.told] == [run]
    reads = log.reads
    await settled(client, webhooks)
    assert log.reads == reads


async def test_an_answer_that_leaves_it_waiting_is_no_new_rest(opened, asking_agent):
    """After one of two answers the run still waits as it did: nobody is told again, in this process or the next."""
    log, receivers = MemoryLog(), Receivers()
    for _ in range(2):
        webhooks = hooks(receivers)
        client = opened(asking_agent(calls=2), log, webhooks=webhooks)
        runs = (await client.get("/runs")).json["runs"]
        run = runs[0]["run"] if runs else await client.start()
        await client.app._desk.workshop.until_rest(run, 5)
        await settled(client, webhooks)
        if not runs:
            await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})
            await settled(client, webhooks)
    assert len(receivers.requests) == 1


async def test_runs_below_are_told_by_the_outermost_one(opened, asking_agent):
    """Of a run and the run below it for which it waits one notice is sent, with the calls of both."""
    log, receivers = MemoryLog(), Receivers()
    script = [ToolCall("t1", "helper", '{"task": "?"}')]
    outer = Agent(ScriptedModel(script), name="outer", tools=[asking_agent().as_tool()], journal=log)
    run = (await outer.run("Hi")).run_id
    assert len((await log.runs(RunQuery(status="waiting"))).rows) == 2
    webhooks = hooks(receivers)
    await settled(opened(outer, log, webhooks=webhooks), webhooks)
    assert [told for _, told in receivers.told] == [run]
    assert [call["id"] for call in json.loads(receivers.requests[0].body)["pending"]] == ["t1/c1"]


async def test_a_run_that_goes_on_is_not_written_to(opened, asking_agent, gated):
    """An acknowledgement that comes when the run has gone on, or is at work, is not noted: its next fact is its own."""
    log = MemoryLog()
    client = opened([asking_agent(), Agent(gated("…"), name="busy")], log)
    run = await client.start(agent="helper")
    workshop = client.app._desk.workshop
    await workshop.until_rest(run, 5)
    since = (await load(log, run)).state.next_seq - 1
    await workshop.note(run, since - 1, Noted(topic="webhook", data="x"))
    await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})
    await client.finished(run)
    await workshop.note(run, since, Noted(topic="webhook", data="x"))
    assert notes_of((await load(log, run)).facts) == []
    busy = await client.start(agent="busy")
    await workshop.note(busy, 0, Noted(topic="webhook", data="x"))
    assert notes_of((await load(log, busy)).facts) == []


class Meddled(MemoryLog):
    """Somebody else writes a note just before an append, so many times."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    async def append(self, run, at, facts):
        if self.times and at > 3:
            self.times -= 1
            await super().append(run, at, [Noted(seq=at, at=1, topic="webhook", data="another's")])
        await super().append(run, at, facts)


@pytest.mark.parametrize(("times", "status"), [(1, 202), (2, 202), (3, 409)])
async def test_a_note_of_another_process_is_no_conflict_for_an_answer(opened, asking_agent, times, status):
    """An answer that meets another server's note is tried again; where that does not end, the client is told."""
    log = Meddled(0)
    client = opened(asking_agent(), log)
    run = await client.start()
    await client.app._desk.workshop.until_rest(run, 5)
    assert (await load(log, run)).state.next_seq > 3
    log.times = times
    assert (await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})).status == status


async def test_two_notes_at_once(opened, asking_agent):
    """A note that meets another one is written after it."""
    log = Meddled(0)
    client = opened(asking_agent(), log)
    run = await client.start()
    workshop = client.app._desk.workshop
    await workshop.until_rest(run, 5)
    log.times = 1
    await workshop.note(run, (await load(log, run)).state.next_seq - 1, Noted(topic="webhook", data="ours"))
    assert notes_of((await load(log, run)).facts) == ["another's", "ours"]


async def test_a_note_that_cannot_be_written(opened, asking_agent, caplog):
    """Where the note fails the notice has arrived all the same; it is a warning, and may be sent again after a restart."""

    class Full(MemoryLog):
        async def append(self, run, at, facts):
            if isinstance(facts[0], Noted):
                raise JourneymanError("the disk is full")
            await super().append(run, at, facts)

    log, receivers = Full(), Receivers()
    await asking_agent().run("Hi", journal=log)
    for _ in range(2):
        webhooks = hooks(receivers)
        await settled(opened(asking_agent(), log, webhooks=webhooks), webhooks)
    assert len(receivers.requests) == 2
    assert "could not be noted: the disk is full" in caplog.text


async def test_a_tool_is_asked_in_time_after_a_note(opened):
    """When a tool is asked is counted from the last fact: after a note the alarm is set anew, or it would come to nothing."""
    asked = asyncio.Event()
    agent = waiting(asked=asked.set, poll_every=0.05)
    client = opened(agent)
    run = await client.start()
    workshop = client.app._desk.workshop
    await workshop.until_rest(run, 5)
    workshop._alarms.clear(run)
    since = (await client.show(run))["facts"] - 1
    await workshop.note(run, since, Noted(topic="webhook", data="x"))
    await asyncio.wait_for(asked.wait(), 5)


async def test_names_are_fit_for_headers(opened, asking_agent):
    """A run may be called anything; what identifies its notice is plain, and another for another run."""
    log, receivers = MemoryLog(), Receivers()
    for _ in range(3):
        await asking_agent().run("Hi", journal=log)
    facts = [(await load(log, row.run)).facts for row in (await log.runs()).rows]
    for name, run in zip(("order:42", "a\r\nx: y", "Straße 42"), facts, strict=True):
        await log.append(name, 0, run)
    webhooks = hooks(receivers)
    await settled(opened(asking_agent(), log, webhooks=webhooks), webhooks)
    names = {name for name, _ in receivers.told}
    assert len(names) == 6
    assert all(name.replace("_", "").isalnum() and name.isascii() for name in names)


async def test_trouble_on_the_way(opened, asking_agent, caplog):
    """A list that fails, and a run that cannot be read, are told in the log; the next round goes as ever."""

    class Troubled(MemoryLog):
        trouble = True

        async def runs(self, query=RunQuery()):  # noqa: B008  (as the protocol has it)
            if self.trouble and query.status == "waiting":
                raise JourneymanError("no connection")
            return await super().runs(query)

    log, receivers = Troubled(), Receivers()
    bad, good = [(await asking_agent().run("Hi", journal=log)).run_id for _ in range(2)]
    log._facts[bad][1] = log._facts[bad][2]
    webhooks = hooks(receivers)
    client = opened(asking_agent(), log, webhooks=webhooks, bounds=RunBounds(rounds_seconds=0))
    await client.get("/runs")
    await client.app._rounds._going
    assert "could not be listed: no connection" in caplog.text
    log.trouble = False
    await settled(client, webhooks)
    assert [told for _, told in receivers.told] == [good]
    assert f"run {bad} waits and could not be looked at" in caplog.text


async def test_many_pages(opened, asking_agent, tmp_path, monkeypatch):
    """More runs than a page holds are each told once, a few at a time, and the rounds read only what is new."""
    monkeypatch.setattr(rounds, "_PAGE", 3)
    receivers = Receivers()
    async with SqliteLog(tmp_path / "runs.db") as log:
        agent = asking_agent(journal=log)
        runs = [(await agent.run("Hi")).run_id for _ in range(8)]
        webhooks = hooks(receivers)
        client = opened(agent, log, webhooks=webhooks)
        await settled(client, webhooks)
        assert sorted(told for _, told in receivers.told) == sorted(runs)
        await answer(runs[0], {"c1": "yes"}, journal=log)
        await settled(client, webhooks)
        assert len(client.app._rounds._seen) == 7
        await client.app.close(grace=0)
