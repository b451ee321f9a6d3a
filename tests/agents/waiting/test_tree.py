"""Calls that wait, of a run and of the runs below it at any depth, are answered on the outermost run."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, CallerError, Conflict, Pending, RunAgain, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve, advance, answer, create, pending_calls
from journeyman.data import ModelRequest, Text, ToolCall
from journeyman.journal import ModelResponded, RunPaused, RunQuery, RunStarted, ToolPending, ToolResolved, load


def turns(*answers: Any) -> ScriptedModel:
    """A model that says what comes next in the history, whoever asks and however often."""

    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


@tool
async def ask(who: str) -> str:
    """Ask somebody."""
    raise Pending({"who": who}, response=f"I have asked {who}.")


def asks(call_id: str, who: str) -> ToolCall:
    return ToolCall(call_id, "ask", f'{{"who": "{who}"}}')


def hands(call_id: str, name: str) -> ToolCall:
    return ToolCall(call_id, name, '{"task": "t"}')


def family(log: Any) -> Agent[str]:
    """A boss with two calls of one clerk, who asks by himself and has an intern who asks, too; ids collide on purpose."""
    intern = Agent(turns([asks("1", "Ina"), asks("2", "Ivo")], "intern done"), name="intern", tools=[ask])
    clerk = Agent(
        turns([asks("1", "Cleo"), hands("2", "intern")], "clerk done"), name="clerk", tools=[ask, intern.as_tool()]
    )
    return Agent(
        turns([hands("1", "clerk"), asks("2", "Bob"), hands("3", "clerk")], "all done"),
        name="boss",
        tools=[ask, clerk.as_tool()],
        journal=log,
    )


ALL = {
    "2": "Bob",
    "1/1": "Cleo",
    "1/2/1": "Ina",
    "1/2/2": "Ivo",
    "3/1": "Cleo",
    "3/2/1": "Ina",
    "3/2/2": "Ivo",
}


async def test_all_calls_of_the_tree_surface_on_the_outermost_run() -> None:
    """Each has an address of its own, though the providers' ids are the same in every run."""
    log = MemoryLog()
    waiting = await family(log).run("go")
    assert waiting.status == "waiting"
    assert {call.id: call.info["who"] for call in waiting.pending} == ALL
    by_id = {call.id: call for call in waiting.pending}
    assert [by_id[name].agent for name in ("2", "1/1", "3/2/2")] == ["boss", "clerk", "intern"]
    assert by_id["1/1"].response == "I have asked Cleo."
    assert (by_id["2"].run, by_id["2"].kind, by_id["2"].token) == (waiting.run_id, "pending", "")
    assert len({call.run for call in waiting.pending}) == 5
    assert await pending_calls(waiting.run_id, journal=log) == waiting.pending
    assert waiting.wakes_at is None


async def test_each_answer_goes_to_the_run_that_waits_for_it() -> None:
    """Answered one by one in any order, each result is where it belongs, and nothing is asked or run twice."""
    for order in (list(ALL), list(reversed(ALL)), sorted(ALL, key=lambda name: name[::-1])):
        log = MemoryLog()
        boss = family(log)
        result = await boss.run("go")
        left = dict(ALL)
        for name in order:
            assert {call.id for call in result.pending} == set(left)
            result = await resume(result.run_id, agent=boss, answers={name: f"{left.pop(name)} agrees ({name})"})
        assert result.output == "all done"
        assert [item.text for item in result.messages[2].tool_results] == ["clerk done", "Bob agrees (2)", "clerk done"]
        runs = (await log.runs(RunQuery(agent="intern"))).rows
        said = set()
        for row in runs:
            state = (await load(log, row.run)).state
            said.add(tuple(item.text for item in state.messages[2].tool_results))
        assert said == {("Ina agrees (1/2/1)", "Ivo agrees (1/2/2)"), ("Ina agrees (3/2/1)", "Ivo agrees (3/2/2)")}
        counts = (await log.runs()).rows
        assert len(counts) == 5
        for row in counts:
            facts = (await load(log, row.run)).facts
            assert sum(isinstance(fact, ModelResponded) for fact in facts) == 2


async def test_answers_may_be_given_without_an_agent_and_gone_on_from_later() -> None:
    """`answer` makes them durable and does nothing else; `advance` finds them, and is harmless once too often."""
    log = MemoryLog()
    boss = family(log)
    run = (await boss.run("go")).run_id
    rested = (await load(log, run)).facts
    assert (await advance(run, agent=boss)).status == "waiting"
    assert (await load(log, run)).facts == rested
    await answer(run, {"2": "yes"}, journal=log)
    assert (await load(log, run)).state.status == "waiting"
    await answer(run, {"1/1": "yes"}, journal=log)
    assert (await load(log, run)).state.status == "waiting"
    await answer(run, {"1/2/1": "yes", "1/2/2": "yes", "3/1": "yes", "3/2/1": "yes"}, journal=log)
    assert (await load(log, run)).state.status == "running"
    assert [row.status for row in (await log.runs(RunQuery(agent="boss"))).rows] == ["running"]
    result = await advance(run, agent=boss)
    assert ([call.id for call in result.pending], result.status) == (["3/2/2"], "waiting")
    result = await advance(run, agent=boss, answers={"3/2/2": "yes"})
    assert result.output == "all done"
    ended = (await load(log, run)).facts
    assert (await advance(run, agent=boss)).output == "all done"
    assert (await load(log, run)).facts == ended


async def test_an_answer_whose_way_up_was_cut_off_is_found_again() -> None:
    """Killed after the answer stood in the child's journal and before its parents heard of it, nothing is lost."""

    class Cut(MemoryLog):
        left = 99

        async def append(self, run: str, at: int, facts: Any) -> None:
            if self.left == 0:
                raise OSError("killed")
            self.left -= 1
            await super().append(run, at, facts)

    for appends in range(3):
        log = Cut()
        boss = family(log)
        run = (await boss.run("go")).run_id
        await answer(run, {"1/2/1": "a", "1/1": "b"}, journal=log)
        log.left = appends
        answers = {"1/2/2": "c"}
        with pytest.raises(OSError, match="killed"):
            await answer(run, answers, journal=log)
        log.left = 99
        if appends == 0:
            await answer(run, answers, journal=log)
        else:
            with pytest.raises(CallerError, match="answered already"):
                await answer(run, answers, journal=log)
        result = await advance(run, agent=boss)
        assert {call.id for call in result.pending} == {"2", "3/1", "3/2/1", "3/2/2"}
        first = next(call for call in result.state.calls if call.call.id == "1")
        assert (first.phase, first.result and first.result.text) == ("done", "clerk done")


async def test_what_cannot_be_answered_is_refused_and_nothing_is_written() -> None:
    """The unknown, the answered, the call of a run that waits itself, the wrong kind; the error says what is waited for."""
    log = MemoryLog()
    boss = family(log)
    run = (await boss.run("go")).run_id
    before = [(await load(log, row.run)).facts for row in (await log.runs()).rows]
    for answers, told in (
        ({"9": "x"}, "does not wait for call '9'; it waits for: 2, 1/1"),
        ({"1": RunAgain()}, "does not wait for call '1' itself"),
        ({"1/9": "x", "2": "y"}, "does not wait for call '1/9'"),
        ({"2": object()}, ""),
    ):
        if told:
            with pytest.raises(CallerError, match=told):
                await answer(run, answers, journal=log)
    assert [(await load(log, row.run)).facts for row in (await log.runs()).rows] == before
    await answer(run, {"2": "yes"}, journal=log)
    with pytest.raises(CallerError, match=r"'2' \(it was answered already\)"):
        await resume(run, agent=boss, answers={"2": "yes"})
    with pytest.raises(CallerError, match="nowhere"):
        await answer("nowhere", {"2": "yes"}, journal=log)


async def test_a_deadline_ends_a_wait() -> None:
    """After it the call cannot be answered, and when the run is taken up the model hears that nobody did."""
    log = MemoryLog()

    @tool
    async def wait_for(seconds: float) -> str:
        """Wait."""
        raise Pending(deadline=seconds)

    agent = Agent(
        turns([ToolCall("a", "wait_for", '{"seconds": 60}'), ToolCall("b", "wait_for", '{"seconds": 1e9}')], "late"),
        tools=[wait_for],
        journal=log,
    )
    result = await agent.run("go")
    soon, later = result.pending
    assert soon.deadline is not None
    assert later.deadline is not None
    assert timedelta(seconds=0) < soon.deadline - datetime.now(UTC) <= timedelta(seconds=60)
    assert result.wakes_at == soon.deadline
    assert (await advance(result.run_id, agent=agent)).facts == result.facts
    # The same run two minutes ago: the whole journal is moved into the past.
    old = MemoryLog()
    await old.append("r", 0, [replace(fact, at=fact.at - 120_000_000) for fact in result.facts])
    with pytest.raises(CallerError, match="call 'a' of run r stopped waiting at 20"):
        await answer("r", {"a": "too late"}, journal=old)
    again = await advance("r", agent=agent, journal=old)
    assert [call.id for call in again.pending] == ["b"]
    end = await resume("r", agent=agent, journal=old, answers={"b": "in time"})
    first, second = end.messages[2].tool_results
    assert (first.text, first.is_error) == ("Nobody answered this call before its time was over.", True)
    assert (second.text, end.output) == ("in time", "late")


@pytest.mark.parametrize("deadline", [0, -1.0, float("nan"), float("inf"), datetime(2030, 1, 1)])  # noqa: DTZ001  (the point)
def test_a_deadline_is_a_time_to_come(deadline: Any) -> None:
    """A moment without a time zone is nobody's, and no number of seconds ago can be waited for."""
    with pytest.raises(CallerError, match="deadline="):
        Pending(deadline=deadline)


async def test_a_run_is_created_here_and_begun_there() -> None:
    """`create` writes the first fact alone; called again with the same id, after a crash, it changes nothing."""
    log = MemoryLog()
    agent = Agent(turns("hello"), name="greeter", journal=log)
    run = await create(agent, "go", run_id="job-7", tags=["x"])
    assert run == "job-7"
    assert [type(fact) for fact in (await load(log, run)).facts] == [RunStarted]
    assert await create(agent, "go", run_id="job-7") == "job-7"
    assert (await advance(run, agent=agent)).output == "hello"
    assert await create(agent, "go", run_id="job-7") == "job-7"
    with pytest.raises(CallerError, match="one of agent 'greeter', not 'other'"):
        await create(Agent(turns("x"), name="other", journal=log), "go", run_id="job-7")
    for name in ("", "x" * 201, "a\nb"):
        with pytest.raises(CallerError, match="a run's id is"):
            await create(agent, "go", run_id=name)
    fresh = await create(agent, "go")
    assert (await load(log, fresh)).state.status == "running"


async def test_advance_leaves_alone_what_rests_for_another_reason() -> None:
    """A failed, cancelled, stopped or paused run is given back as it is; `resume` is for those."""
    log = MemoryLog()
    agent = Agent(ScriptedModel([asks("1", "x"), ValueError("broken"), "fine"]), tools=[ask], journal=log)
    run = (await agent.run("go")).run_id
    with pytest.raises(ValueError, match="broken"):
        await advance(run, agent=agent, answers={"1": "yes"})
    result = await advance(run, agent=agent)
    assert (result.status, result.state.failure is not None) == ("errored", True)
    assert (await resume(run, agent=agent)).output == "fine"
    stepping = Agent(ScriptedModel(["one"]), journal=log, mode="single_step")
    handle = await stepping.start("go")
    handle.pause()
    paused = await handle.result()
    assert (await advance(paused.run_id, agent=stepping)).facts == paused.facts


async def test_two_that_answer_at_once_do_not_both_succeed() -> None:
    """The second answer to one call is a `Conflict` or an error, whatever the interleaving; one outcome stands."""
    log = MemoryLog()
    agent = Agent(turns(asks("1", "x"), "done"), tools=[ask], journal=log)
    run = (await agent.run("go")).run_id
    outcomes = await asyncio.gather(
        *(answer(run, {"1": f"answer {n}"}, journal=log) for n in range(5)), return_exceptions=True
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert all(isinstance(outcome, Conflict | CallerError | None) for outcome in outcomes)
    assert sum(isinstance(fact, ToolResolved) for fact in (await load(log, run)).facts) == 1


async def test_an_older_journal_of_a_child_that_waits_is_still_understood() -> None:
    """It says `pending` with the child's run and calls as info; the calls are found in the child's journal all the same."""
    log = MemoryLog()
    boss = family(log)
    result = await boss.run("go")
    old = [
        replace(fact, reason="pending", info={"run": "?", "calls": ["1"]})
        if isinstance(fact, ToolPending) and fact.reason == "child"
        else replace(fact, waits=0)
        if isinstance(fact, RunPaused)
        else fact
        for fact in result.facts
    ]
    await log.delete(result.run_id)
    await log.append(result.run_id, 0, old)
    assert {call.id for call in await pending_calls(result.run_id, journal=log)} == set(ALL)
    assert (await resume(result.run_id, agent=boss, answers=dict.fromkeys(ALL, "yes"))).output == "all done"


async def test_a_call_id_with_a_slash_is_still_one_address() -> None:
    """Providers choose the ids; those of JSON pointers' own signs are written as these are."""
    log = MemoryLog()
    agent = Agent(turns([asks("a/b~c", "x")], "done"), tools=[ask], journal=log)
    waiting = await agent.run("go")
    assert [(call.id, call.call_id) for call in waiting.pending] == [("a~1b~0c", "a/b~c")]
    assert (await resume(waiting.run_id, agent=agent, answers={"a~1b~0c": "yes"})).output == "done"


async def test_siblings_of_a_waiting_call_go_on() -> None:
    """Whatever else was called in the turn is done and durable before the run rests."""
    log = MemoryLog()

    @tool
    async def add(a: int) -> int:
        """Add."""
        return a + 1

    calls = [Text("One moment."), asks("1", "x"), ToolCall("2", "add", '{"a": 1}'), ToolCall("3", "nothing")]
    waiting = await Agent(turns(calls, "done"), tools=[ask, add], journal=log).run("go")
    phases = [(call.call.id, call.phase) for call in waiting.state.calls]
    assert phases == [("1", "pending"), ("2", "done"), ("3", "done")]


async def test_a_run_that_is_at_work_is_not_answered_from_beside() -> None:
    """Its journal would be taken from it: the answer is a `Conflict`, the work goes on, and at rest it can be answered."""
    log = MemoryLog()
    refused: list[BaseException] = []

    @tool
    async def work() -> str:
        """Work on while a sibling waits."""
        waiting = await pending_calls(run.id, journal=log)
        assert [call.id for call in waiting] == ["1"]
        with pytest.raises(Conflict, match="at work") as caught:
            await answer(run.id, {"1": "yes"}, journal=log)
        refused.append(caught.value)
        return "worked"

    # The sibling's wait is durable before this one is called, for it is approved first and called in a later stretch.
    guarded = tool(requires_approval=True)(work.function)
    agent = Agent(turns([asks("1", "x"), ToolCall("2", "work")], "done"), tools=[ask, guarded], journal=log)
    run = await agent.start("go")
    waiting = await run.result()
    result = await resume(waiting.run_id, agent=agent, answers={"2": Approve()})
    assert (len(refused), [call.id for call in result.pending]) == (1, ["1"])
    assert (await resume(run.id, agent=agent, answers={"1": "yes"})).output == "done"


async def test_a_run_below_that_was_answered_while_its_parent_worked_is_found_at_its_rest() -> None:
    """The parent's journal is left alone, and its result says that something can be done at once."""
    log = MemoryLog()

    @tool(requires_approval=True)
    async def work() -> str:
        """Answer the clerk's call from beside, as somebody else would."""
        await answer(run, {"1/1": "yes"}, journal=log)
        return "worked"

    clerk = Agent(turns(asks("1", "Cleo"), "clerk done"), name="clerk", tools=[ask])
    said = [hands("1", "clerk"), ToolCall("2", "work"), asks("3", "Bob")]
    boss = Agent(turns(said, "all done"), name="boss", tools=[clerk.as_tool(), work, ask], journal=log)
    run = (await boss.run("go")).run_id
    result = await resume(run, agent=boss, answers={"2": Approve()})
    assert ([call.id for call in result.pending], result.status) == (["3"], "waiting")
    assert result.wakes_at is not None
    assert result.wakes_at <= datetime.now(UTC)
    result = await advance(run, agent=boss)
    first = next(call for call in result.state.calls if call.call.id == "1")
    assert (first.phase, result.wakes_at) == ("done", None)
    assert (await resume(run, agent=boss, answers={"3": "yes"})).output == "all done"
