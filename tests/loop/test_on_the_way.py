"""What the loop writes down of the way to an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from journeyman import (
    Agent,
    CallerError,
    LimitExceeded,
    Limits,
    ProviderError,
    ScriptedModel,
    Usage,
    fork,
    resume,
    tool,
)
from journeyman.adapters.log_memory import MemoryLog
from journeyman.compose import open_journal
from journeyman.data import Failure, Message, ModelRequest, ModelResponse, ModelUsage, ToolCall
from journeyman.journal import (
    Fact,
    Log,
    ModelDropped,
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    RunQuery,
    decode_fact,
    encode_fact,
    fold,
    load,
)
from journeyman.models import Cached, Fallback, Hedged, MemoryStore, Retry, RetryPolicy
from journeyman.providers import Capabilities

DOWN = ProviderError("down", status=503)
LOST = ProviderError("fell silent", kind="timeout")


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def retrying(script: list[Any], name: str = "v:a") -> Retry:
    return Retry(ScriptedModel(script, name=name), RetryPolicy(retry_attempts=20), sleep=at_once)


def kinds(facts: Sequence[Fact]) -> list[str]:
    return [type(fact).__name__ for fact in facts]


@tool
async def step() -> str:
    """Take a step."""
    return "done"


@pytest.fixture(params=["memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Any) -> AsyncGenerator[Log]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/runs.db"
    async with open_journal(url) as log:
        yield log


async def test_a_repeated_request_is_durable_before_it_leaves(log: Log):
    """The journal holds the failure when the next attempt comes in, and the run goes on to its end."""
    seen: list[list[str]] = []

    async def look(request: ModelRequest) -> None:
        (row,) = (await log.runs(RunQuery())).rows
        seen.append(kinds([fact async for fact in log.read(row.run)]))

    class Looks(ScriptedModel):
        async def respond(self, request: ModelRequest, emit: Any = None, record: Any = None) -> ModelResponse:
            await look(request)
            return await super().respond(request, emit, record)

    result = await Agent(Retry(Looks([DOWN, LOST, "ok"]), sleep=at_once), journal=log).run("go")
    assert result.output == "ok"
    assert [names[1:] for names in seen] == [
        ["ModelRequested"],
        ["ModelRequested", "ModelRetried"],
        ["ModelRequested", "ModelRetried", "ModelRetried"],
    ]
    assert (result.state.model_retries, result.state.in_doubt, result.state.iterations) == (2, 1, 1)
    assert (await load(log, result.run_id)).state == result.state


async def test_the_budget_is_the_runs_and_the_error_names_it():
    """Two failures in each turn; the fourth one of the run is one too many."""
    script = [DOWN, DOWN, ToolCall("1", "step"), DOWN, DOWN, "never"]
    log = MemoryLog()
    with pytest.raises(LimitExceeded, match="max_model_retries=3") as caught:
        await Agent(retrying(script), tools=[step], max_model_retries=3, journal=log).run("go")
    assert caught.value.parameter == "max_model_retries"
    state = (await load(log, caught.value.run_id or "")).state
    assert (state.status, state.model_retries) == ("errored", 3)
    assert state.failure is not None
    assert state.failure.parameter == "max_model_retries"


async def test_a_budget_of_none_and_one_of_nothing():
    """No limit, and no repetition at all."""
    endless = Agent(retrying([DOWN] * 15 + ["ok"]), max_model_retries=None)
    assert (await endless.run("go")).state.model_retries == 15
    with pytest.raises(LimitExceeded, match="max_model_retries=0"):
        await Agent(retrying([DOWN, "never"]), limits=Limits(max_model_retries=0)).run("go")


async def test_ten_by_default():
    """So that a provider's bad day ends."""
    with pytest.raises(LimitExceeded, match="max_model_retries=10"):
        await Agent(retrying([DOWN] * 20)).run("go")


class Dies(MemoryLog):
    """Comes back from so many appends and from no other, like a process that was killed right after them."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after
        self.dead = asyncio.Event()
        self.buried = asyncio.Event()

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        if self.left == 0:
            self.dead.set()
            await self.buried.wait()
            raise CallerError("this process is dead")
        self.left -= 1
        await super().append(run, at, facts)


@pytest.mark.parametrize("commits", [2, 3])
async def test_after_a_crash_the_budget_goes_on(commits: int):
    """A run that dies among its attempts has used them up: taken up again, it has the rest of them and no more."""
    log = Dies(commits)
    agent = Agent(retrying([DOWN] * 20), name=f"crashing {commits}", max_model_retries=4)
    dying = asyncio.create_task(agent.run("go", journal=log))
    await log.dead.wait()
    (row,) = (await MemoryLog.runs(log, RunQuery())).rows
    # What a killed process leaves is its journal; the task that is stuck in the dead append is never heard of again.
    survivor = MemoryLog()
    await survivor.append(row.run, 0, [fact async for fact in log.read(row.run)])
    retries = commits - 1
    assert (await load(survivor, row.run)).state.model_retries == retries
    asked = ScriptedModel([DOWN] * 20)
    heir = Agent(Retry(asked, RetryPolicy(retry_attempts=20), sleep=at_once), name=agent.name, max_model_retries=4)
    with pytest.raises(LimitExceeded, match="max_model_retries=4"):
        await resume(row.run, agent=heir, journal=survivor)
    assert len(asked.requests) == 4 - retries + 1
    assert (await load(survivor, row.run)).state.model_retries == 4
    log.buried.set()
    with pytest.raises(CallerError, match="dead"):
        await dying


async def test_a_switch_is_charged_to_who_answered(log: Log):
    """Turn by turn; the bill has a row for each model."""
    first = ScriptedModel([DOWN, ModelResponse(Message.assistant("ok"), Usage(output=1))], name="v:a")
    called = ModelResponse(Message("assistant", (ToolCall("1", "step"),)), Usage(output=2), "tool_calls")
    both = Fallback(first, ScriptedModel([called], name="v:b"))
    result = await Agent(both, tools=[step], journal=log).run("go")
    assert kinds(result.facts)[:4] == ["RunStarted", "ModelRequested", "ModelSwitched", "ModelResponded"]
    assert [(item.model, item.usage.output) for item in result.state.used] == [("v:b", 2), ("v:a", 1)]
    (row,) = (await log.runs(RunQuery())).rows
    assert (row.model, row.usage.output) == ("v:a", 3)


async def test_a_budget_in_tokens_counts_every_model():
    """What a stand-in used is on the same page."""
    called = ModelResponse(Message("assistant", (ToolCall("1", "step"),)), Usage(output=50), "tool_calls")
    both = Fallback(ScriptedModel([DOWN, "never"], name="v:a"), ScriptedModel([called], name="v:b"))
    with pytest.raises(LimitExceeded, match="max_tokens=50"):
        await Agent(both, tools=[step], max_tokens=50).run("go")


async def test_retries_around_switches_begin_with_the_first_again():
    """And the answer is charged to it, whoever was asked in between."""
    models = [ScriptedModel([DOWN, "ok"], name="v:a"), ScriptedModel([DOWN], name="v:b")]
    result = await Agent(Retry(Fallback(*models), sleep=at_once)).run("go")
    assert kinds(result.facts)[2:5] == ["ModelSwitched", "ModelRetried", "ModelResponded"]
    assert [item.model for item in result.state.used] == ["v:a"]


class Late(ScriptedModel):
    """Answers when it is told to."""

    def __init__(self, script: list[Any], name: str) -> None:
        super().__init__(script, name=name)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def respond(self, request: ModelRequest, emit: Any = None, record: Any = None) -> ModelResponse:
        self.asked.set()
        await self.go_on.wait()
        return await super().respond(request, emit, record)


async def test_a_hedge_is_durable_before_it_leaves_and_both_are_charged(log: Log):
    """The loser's tokens are on the bill where they are known; else it is counted as in doubt."""
    slow = Late([ModelResponse(Message.assistant("slow"), Usage(output=5))], "v:slow")
    quick = ScriptedModel([ModelResponse(Message.assistant("quick"), Usage(output=3))], name="v:quick")
    result = await Agent(Hedged(slow, quick, after=0), journal=log).run("go")
    assert result.output == "quick"
    assert kinds(result.facts)[2:6] == ["ModelHedged", "ModelDropped", "ModelSwitched", "ModelResponded"]
    assert (result.state.used, result.state.in_doubt) == ((ModelUsage.of("v:quick", Usage(output=3)),), 1)

    one, other = Late([ModelResponse(Message.assistant("1"), Usage(output=5))], "v:1"), Late(["2 2"], "v:2")
    running = asyncio.create_task(Agent(Hedged(one, other, after=0), journal=log).run("go"))
    await other.asked.wait()
    one.go_on.set()
    other.go_on.set()
    result = await running
    assert result.output == "1"
    assert {item.model: item.usage.output for item in result.state.used} == {"v:1": 5, "v:2": 2}
    assert (result.usage.output, result.state.in_doubt) == (7, 0)
    summary = (await log.runs(RunQuery())).rows[0]
    assert summary.usage == result.usage
    assert (await load(log, result.run_id)).state == result.state


async def test_a_loser_cut_off_while_it_writes_leaves_the_journal_whole():
    """The cancelled side may be in the middle of an append; the run waits for its end and goes on behind it."""

    class Slow(MemoryLog):
        def __init__(self) -> None:
            super().__init__()
            self.writes_retry = asyncio.Event()
            self.go_on = asyncio.Event()

        async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
            if isinstance(facts[0], ModelRetried):
                self.writes_retry.set()
                await self.go_on.wait()
            await super().append(run, at, facts)

    log = Slow()
    winner = Late(["won"], "v:winner")
    running = asyncio.create_task(
        Agent(Hedged(winner, retrying([DOWN, "never"], "v:loser"), after=0), journal=log).run("go")
    )
    await log.writes_retry.wait()
    winner.go_on.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not running.done()
    log.go_on.set()
    result = await running
    assert result.output == "won"
    assert kinds(result.facts)[2:] == [
        "ModelHedged",
        "ModelRetried",
        "ModelDropped",
        "ModelSwitched",
        "ModelResponded",
        "RunFinished",
    ]
    assert [item.model for item in result.state.used] == ["v:winner"]
    assert (await load(log, result.run_id)).state == result.state


async def test_an_answer_from_the_cache_costs_nothing():
    """Neither in the bill nor in the ledger; the journal says that it was one, and what it saved."""
    store = MemoryStore()
    answer = ModelResponse(Message.assistant("ok"), Usage(output=50), cost=7)
    agent = Agent(Cached(ScriptedModel([answer], name="v:a"), store), max_tokens=60)
    first, second = await agent.run("go"), await agent.run("go")
    assert (first.usage.output, second.usage.output, second.state.used) == (50, 0, ())
    assert second.cost == 0
    (responded,) = [fact for fact in second.facts if isinstance(fact, ModelResponded)]
    assert (responded.response.cached, responded.response.saved) == (True, Usage(output=50))


async def test_an_answer_that_cost_nothing_needs_no_price():
    """A cache of somebody else's may leave the cost open; a budget in money is kept all the same."""
    model = ScriptedModel(
        [
            ModelResponse(Message("assistant", (ToolCall("1", "step"),)), finish="tool_calls", saved=Usage(output=9)),
            ModelResponse(Message.assistant("ok"), cost=1),
        ],
        name="v:unpriced",
        capabilities=Capabilities(states_cost=True),
    )
    assert (await Agent(model, tools=[step], max_cost=1).run("go")).output == "ok"


async def test_a_loser_counts_against_the_budget():
    """What it used is used."""
    called = ModelResponse(Message("assistant", (ToolCall("1", "step"),)), Usage(output=5), "tool_calls")
    one, other = Late([called, called], "v:1"), Late([called, called], "v:2")
    running = asyncio.create_task(Agent(Hedged(one, other, after=0), tools=[step], max_tokens=10).run("go"))
    await other.asked.wait()
    one.go_on.set()
    other.go_on.set()
    with pytest.raises(LimitExceeded, match="max_tokens=10"):
        await running
    assert len(one.requests) == 1


async def test_a_fact_of_the_losers_that_cannot_be_written_takes_no_other_along():
    """What the run records afterwards stands in the journal, and the journal has no gap."""

    class Picky(MemoryLog):
        def __init__(self) -> None:
            super().__init__()
            self.writes_retry = asyncio.Event()
            self.go_on = asyncio.Event()

        async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
            if isinstance(facts[0], ModelRetried):
                self.writes_retry.set()
                await self.go_on.wait()
                raise CallerError("this cannot be written")
            await super().append(run, at, facts)

    log = Picky()
    winner = Late(["won"], "v:winner")
    hedged = Hedged(winner, retrying([DOWN, "never"], "v:loser"), after=0)
    running = asyncio.create_task(Agent(hedged, journal=log).run("go"))
    await log.writes_retry.wait()
    winner.go_on.set()
    for _ in range(20):
        await asyncio.sleep(0)
    log.go_on.set()
    result = await running
    assert "ModelDropped" in kinds(result.facts)
    assert (await load(log, result.run_id)).state == result.state


async def test_journals_written_through_all_of_it_are_forked_and_resumed(log: Log):
    """A branch in the middle of a turn inherits how often requests were repeated; one with new words begins anew."""
    model = Fallback(retrying([DOWN, ToolCall("1", "step"), "first", "second", "third"]), ScriptedModel([]))
    agent = Agent(model, tools=[step], name="forked", journal=log)
    result = await agent.run("go")
    place = next(fact.seq for fact in result.facts if type(fact).__name__ == "ToolStarted")
    branch = await (await fork(result.run_id, at=place - 1, agent=agent, journal=log)).result()
    assert (branch.output, branch.state.model_retries) == ("second", 1)
    other = await (await fork(result.run_id, prompt="more", agent=agent, journal=log)).result()
    assert (other.output, other.state.model_retries) == ("third", 0)


async def test_what_ends_a_run_ends_the_attempts():
    """A journal that fails while a failure is written down is the error of the run, and nothing leaves after it."""

    class Full(MemoryLog):
        async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
            if any(isinstance(fact, ModelRetried) for fact in facts):
                raise CallerError("the disk is full")
            await super().append(run, at, facts)

    inner = ScriptedModel([DOWN, "never"])
    with pytest.raises(CallerError, match="disk is full"):
        await Agent(Retry(inner, sleep=at_once), journal=Full()).run("go")
    assert len(inner.requests) == 1


async def test_old_journals_have_a_budget_too():
    """A run that was written before there were repeated requests has the default and has used nothing."""
    line = (
        b'{"v":1,"run":"r","kind":"RunStarted","seq":0,"at":1,"agent":"a","model":"m","fingerprint":"f",'
        b'"input":[],"limits":{"max_retries":3}}'
    )
    state = fold("r", [decode_fact(line)[1]])
    assert (state.limits.max_model_retries, state.model_retries, state.in_doubt) == (10, 0, 0)


def test_the_new_facts_are_known_by_name():
    """Their kinds are in journals for ever."""
    failure = Failure("ProviderError", "down", status=503)
    facts: list[Fact] = [
        ModelRequested(model="m", history=1, iteration=1),
        ModelRetried(model="m", attempt=2, delay=1.5, failure=failure, in_doubt=True),
        ModelSwitched(model="n", failure=failure),
        ModelHedged(model="n", delay=2.0),
        ModelDropped(model="n", usage=Usage(output=1)),
    ]
    down = '"failure":{"type":"ProviderError","message":"down","status":503}'
    assert [encode_fact("r", fact).decode() for fact in facts[1:]] == [
        '{"v":1,"run":"r","kind":"ModelRetried","model":"m","attempt":2,"delay":1.5,' + down + ',"in_doubt":true}',
        '{"v":1,"run":"r","kind":"ModelSwitched","model":"n",' + down + "}",
        '{"v":1,"run":"r","kind":"ModelHedged","model":"n","delay":2.0}',
        '{"v":1,"run":"r","kind":"ModelDropped","model":"n","usage":{"output":1}}',
    ]
