"""Runs taken up again after a crash, an error, a wait; branches of runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from journeyman import (
    Agent,
    CallerError,
    Conflict,
    LimitExceeded,
    Limits,
    Pending,
    ProviderError,
    RunAgain,
    RunContext,
    ScriptedModel,
    fork,
    fork_sync,
    resume,
    resume_sync,
    tool,
)
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import advance, create
from journeyman.data import Message, ModelRequest, Text, ToolCall
from journeyman.journal import Fact, ModelResponded, RunResumed, ToolFinished, ToolStarted, load

CRASHING = Path(__file__).with_name("crashing_program.py")


def said_by_rule(request: ModelRequest) -> Any:
    """What the model says depends on the history alone, as a resumed run needs."""
    answers = sum(message.role == "assistant" for message in request.messages)
    match answers:
        case 0:
            return [Text("First."), ToolCall("a", "charge", '{"amount": 1}'), ToolCall("b", "look", '{"at": "x"}')]
        case 1:
            return [ToolCall("c", "charge", '{"amount": 2}')]
        case _:
            return "All done."


class Shop:
    """Counts what was really done."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.keys: list[str] = []

    def agent(self, log: MemoryLog) -> tuple[Agent[str], ScriptedModel]:
        @tool
        async def charge(context: RunContext[None], amount: int) -> str:
            """Charge an amount: must happen once."""
            self.done[f"charge {amount}"] += 1
            self.keys.append(context.idempotency_key)
            return f"charged {amount}"

        @tool(idempotent=True)
        async def look(at: str) -> str:
            """Look at something: may happen often."""
            self.done[f"look {at}"] += 1
            return f"saw {at}"

        model = ScriptedModel([said_by_rule] * 99)
        return Agent(model, name="shop", tools=[charge, look], system_prompt="Sell.", journal=log), model


async def whole_run() -> tuple[list[Fact], tuple[Message, ...]]:
    log = MemoryLog()
    agent, _ = Shop().agent(log)
    result = await agent.run("sell")
    return list(result.facts), result.messages


async def test_a_run_cut_off_after_any_fact_ends_with_the_same_transcript() -> None:
    """No answered model call is asked again, no finished tool runs again, and what is in doubt is asked, not guessed."""
    facts, messages = await whole_run()
    assert len(facts) > 10
    for cut in range(1, len(facts)):
        log, shop = MemoryLog(), Shop()
        run = "r"
        await log.append(run, 0, facts[:cut])
        agent, model = shop.agent(log)
        result = await resume(run, agent=agent)
        kept = facts[:cut]
        finished = {fact.result.call_id for fact in kept if isinstance(fact, ToolFinished)}
        doubtful = {fact.call_id for fact in kept if isinstance(fact, ToolStarted)} - finished - {"b"}
        assert {call.id for call in result.pending} == doubtful, f"cut after {cut} facts"
        assert all(call.in_doubt for call in result.pending)
        if doubtful:
            assert result.status == "waiting"
            result = await resume(run, agent=agent, answers={call_id: RunAgain() for call_id in doubtful})
        assert result.status == "finished"
        assert result.messages == messages, f"cut after {cut} facts"
        answered = sum(isinstance(fact, ModelResponded) for fact in kept)
        assert len(model.requests) == 3 - answered
        names = {"a": "charge 1", "b": "look x", "c": "charge 2"}
        assert shop.done == Counter(names[call_id] for call_id in names if call_id not in finished)
        assert all(key in ("r:1:a", "r:2:c") for key in shop.keys)


async def test_a_doubtful_call_can_be_answered_instead_of_run_again() -> None:
    """Whoever knows what happened says so, and the tool is not run a second time."""
    facts, messages = await whole_run()
    cut = next(i for i, fact in enumerate(facts) if isinstance(fact, ToolStarted)) + 1
    log, shop = MemoryLog(), Shop()
    await log.append("r", 0, facts[:cut])
    agent, _ = shop.agent(log)
    assert (await resume("r", agent=agent)).status == "waiting"
    result = await resume("r", agent=agent, answers={"a": "charged 1"})
    assert result.messages == messages
    assert shop.done["charge 1"] == 0


async def test_two_that_resume_one_run_do_not_both_go_on() -> None:
    """The second one's first fact is a `Conflict`; nothing is done twice."""
    facts, _ = await whole_run()
    log, shop = MemoryLog(), Shop()
    await log.append("r", 0, facts[:2])
    (first, _), (second, _) = shop.agent(log), shop.agent(log)
    outcomes = await asyncio.gather(resume("r", agent=first), resume("r", agent=second), return_exceptions=True)
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["Conflict", "RunResult"]
    assert shop.done == Counter({"charge 1": 1, "look x": 1, "charge 2": 1})


async def test_a_writer_that_lost_its_run_stops_at_once() -> None:
    """When somebody else takes a run over, the first worker's next fact is refused, and it does nothing more."""
    log = MemoryLog()
    taken: list[Any] = []

    async def slow() -> str:
        """Take so long that somebody else takes over."""
        loaded = await load(log, taken[0])
        await log.append(taken[0], loaded.state.next_seq, [RunResumed(seq=loaded.state.next_seq)])
        return "too late"

    model = ScriptedModel([ToolCall("1", "slow"), "never"])
    run = await Agent(model, tools=[slow], journal=log).start("go")
    taken.append(run.id)
    with pytest.raises(Conflict):
        await run.result()
    assert len(model.requests) == 1
    assert (await load(log, run.id)).facts[-1] == RunResumed(seq=4)


async def test_a_failed_run_is_taken_up_where_it_failed() -> None:
    """An outage costs nothing that was paid for already."""
    log = MemoryLog()
    model = ScriptedModel([ToolCall("1", "note"), ProviderError("down", status=503), "fine"])
    noted: list[int] = []

    async def note() -> str:
        """Note."""
        noted.append(1)
        return "noted"

    agent = Agent(model, tools=[note], journal=log)
    with pytest.raises(ProviderError) as caught:
        await agent.run("go")
    assert caught.value.run_id is not None
    result = await resume(caught.value.run_id, agent=agent)
    assert (result.output, noted) == ("fine", [1])
    assert [fact.seq for fact in result.facts] == list(range(len(result.facts)))


async def test_a_run_that_met_a_limit_goes_on_with_more() -> None:
    """The limits of a resumed run are those that its journal holds, unless new ones are given."""
    log = MemoryLog()
    model = ScriptedModel([ToolCall("1", "note"), "fine"])

    async def note() -> str:
        """Note."""
        return "noted"

    agent = Agent(model, tools=[note], journal=log, max_iterations=1)
    with pytest.raises(LimitExceeded) as caught:
        await agent.run("go")
    run = str(caught.value.run_id)
    with pytest.raises(LimitExceeded):
        await resume(run, agent=agent)
    result = await resume(run, agent=agent, limits=Limits(max_iterations=5))
    assert result.output == "fine"


async def test_a_cancelled_tool_is_in_doubt_when_the_run_is_taken_up() -> None:
    """What a cancellation cut off may have happened."""
    log = MemoryLog()
    entered = asyncio.Event()

    async def pays() -> str:
        """Pay."""
        entered.set()
        await asyncio.Event().wait()
        return ""

    agent = Agent(ScriptedModel([ToolCall("1", "pays"), "thanks"]), tools=[pays], journal=log)
    run = await agent.start("go")
    await entered.wait()
    await run.cancel()
    result = await resume(run.id, agent=agent)
    assert [(call.id, call.in_doubt) for call in result.pending] == [("1", True)]
    assert (await resume(run.id, agent=agent, answers={"1": "paid"})).output == "thanks"


async def test_a_waiting_run_is_answered_from_elsewhere_in_parts() -> None:
    """Each answer stands in the journal; the run goes on when nothing is left to wait for."""
    log = MemoryLog()

    async def ask(who: str) -> str:
        """Ask somebody."""
        raise Pending(who)

    calls = [ToolCall("1", "ask", '{"who": "Ann"}'), ToolCall("2", "ask", '{"who": "Bob"}')]
    agent = Agent(ScriptedModel([calls, "both agree"]), tools=[ask], journal=log)
    run = (await agent.run("go")).run_id
    half = await resume(run, agent=agent, answers={"2": {"agrees": True}})
    assert (half.status, [call.info for call in half.pending]) == ("waiting", ["Ann"])
    with pytest.raises(CallerError, match="does not wait for call '2'"):
        await resume(run, agent=agent, answers={"2": "again"})
    result = await resume(run, agent=agent, answers={"1": ValueError("out of office")})
    first, second = result.messages[2].tool_results
    assert (first.text, first.is_error, second.text) == ("out of office", True, '{"agrees":true}')
    assert result.output == "both agree"


async def test_a_childs_run_is_taken_up_and_not_begun_anew() -> None:
    """After a crash in the middle of a child's run, the child's own journal says where it was."""
    log = MemoryLog()
    asked: list[str] = []

    def child_says(request: ModelRequest) -> Any:
        asked.append(request.messages[-1].text)
        return [ToolCall("x", "note", "{}")] if len(request.messages) == 1 else "child done"

    noted: list[int] = []

    async def note() -> str:
        """Note."""
        noted.append(1)
        return "noted"

    def family() -> Agent[str]:
        child = Agent(ScriptedModel([child_says] * 3), name="child", tools=[note])
        model = ScriptedModel(
            [lambda request: ToolCall("c", "child", '{"task": "t"}') if len(request.messages) == 1 else "ok"] * 3
        )
        return Agent(model, name="parent", tools=[child.as_tool()], journal=log)

    whole = await family().run("go")
    child_run = next(fact.run for fact in whole.facts if type(fact).__name__ == "ChildStarted")
    child_facts = (await load(log, child_run)).facts
    cut = next(i for i, fact in enumerate(whole.facts) if type(fact).__name__ == "ChildStarted") + 1
    for child_cut in range(1, len(child_facts) + 1):
        finished = any(isinstance(fact, ToolFinished) for fact in child_facts[:child_cut])
        started = any(isinstance(fact, ToolStarted) for fact in child_facts[:child_cut])
        if started and not finished:
            continue  # in doubt within a child: see the next test
        await log.delete(whole.run_id)
        await log.delete(child_run)
        await log.append(whole.run_id, 0, whole.facts[:cut])
        await log.append(child_run, 0, child_facts[:child_cut])
        asked.clear()
        noted.clear()
        result = await resume(whole.run_id, agent=family())
        assert result.messages == whole.messages
        assert len(noted) == (0 if finished else 1)
        answered = sum(isinstance(fact, ModelResponded) for fact in child_facts[:child_cut])
        assert len(asked) == 2 - answered


async def test_a_child_that_waits_makes_its_parent_wait() -> None:
    """The child's pending call is one of the parent's result, and is answered there."""
    log = MemoryLog()

    async def ask() -> str:
        """Ask somebody."""
        raise Pending("may we?")

    child = Agent(ScriptedModel([ToolCall("q", "ask"), "they agree"]), name="child", tools=[ask], journal=log)
    model = ScriptedModel([ToolCall("c", "child", '{"task": "t"}'), "fine"])
    parent = Agent(model, name="parent", tools=[child.as_tool()], journal=log)
    waiting = await parent.run("go")
    (call,) = waiting.pending
    assert (call.id, call.call_id, call.agent, call.info) == ("c/q", "q", "child", "may we?")
    result = await resume(waiting.run_id, agent=parent, answers={"c/q": "yes"})
    assert result.output == "fine"
    assert result.messages[2].tool_results[0].text == "they agree"
    own = sum((fact.response.usage.total_tokens for fact in result.facts if isinstance(fact, ModelResponded)), 0)
    answered = await resume(call.run, agent=child)
    assert answered.output == "they agree"
    assert result.usage.total_tokens == own + answered.usage.total_tokens


async def test_the_agent_is_found_by_its_name_and_fingerprint() -> None:
    """`resume(run_id)` alone works where exactly one agent alive can go on with the run."""
    log = MemoryLog()
    agent = Agent(ScriptedModel([ProviderError("down", status=500), "fine"]), name="lonely-clerk", journal=log)
    other = Agent(ScriptedModel([]), name="lonely-clerk", system_prompt="Something else.")
    with pytest.raises(ProviderError) as caught:
        await agent.run("go")
    run = str(caught.value.run_id)
    assert (await resume(run, journal=log)).output == "fine"
    del agent, other
    unknown = Agent(ScriptedModel(["x"]), name="short-lived", journal=log)
    run = (await unknown.run("go")).run_id
    del unknown
    with pytest.raises(CallerError, match="pass agent="):
        await resume(run, journal=log)
    with pytest.raises(CallerError, match="journal="):
        await resume(run)


async def test_a_branch_goes_on_from_the_middle_of_a_turn() -> None:
    """A fork holds a reference and what is new; what the original did is not done again, and the original stays as it was."""
    log, shop = MemoryLog(), Shop()
    agent, _ = shop.agent(log)
    whole = await agent.run("sell")
    for at in range(1, len(whole.facts)):
        shop.done.clear()
        branch = await fork(whole.run_id, at=at, agent=agent)
        assert branch.id != whole.run_id
        result = await branch.result()
        if result.status == "waiting":
            doubtful = {call.id: RunAgain() for call in result.pending}
            result = await resume(branch.id, agent=agent, answers=doubtful)
        assert result.messages == whole.messages, f"forked at {at}"
        size = sum(len(str(fact)) for fact in (await load(log, branch.id)).facts[:1])
        assert size < 700
    assert (await load(log, whole.run_id)).state == whole.state


async def test_a_branch_may_say_something_new() -> None:
    """With a prompt, the history up to the checkpoint is closed and the user speaks."""
    log = MemoryLog()
    model = ScriptedModel(["one", "two"])
    agent = Agent(model, journal=log)
    first = await agent.run("a")
    branch = await fork(first.run_id, agent=agent, prompt="b")
    assert [message.text for message in (await branch.result()).messages] == ["a", "one", "b", "two"]


async def test_resume_of_what_is_not_there_is_a_clear_error() -> None:
    """An unknown run, and answers for a finished one."""
    log = MemoryLog()
    agent = Agent(ScriptedModel(["x"]), journal=log)
    with pytest.raises(CallerError, match="nowhere"):
        await resume("nowhere", agent=agent)
    run = (await agent.run("go")).run_id
    with pytest.raises(CallerError, match="finished"):
        await resume(run, agent=agent, answers={"1": "x"})


async def test_a_run_is_looked_for_where_somebody_said_that_it_is() -> None:
    """An agent without a journal asks for one, instead of looking into an empty one; nothing is created where nobody looks."""
    agent = Agent(ScriptedModel(["one", "two"]), name="light")
    first = await agent.run("a")
    for attempt in (resume, advance, fork):
        with pytest.raises(CallerError, match=f"say where run {first.run_id} is kept: journal="):
            await attempt(first.run_id, agent=agent)
    assert (await resume(first.run_id, agent=agent, journal=first.journal)).output == "one"
    with pytest.raises(CallerError, match="'light' has no journal of its own"):
        await create(agent, "b")


async def test_another_agents_run_is_refused_unless_it_is_meant() -> None:
    """By its name; no answer is written and nothing is asked. A fork may be anybody's."""
    log = MemoryLog()

    async def ask() -> str:
        """Ask somebody."""
        raise Pending

    clerk = Agent(ScriptedModel([ToolCall("1", "ask"), "mine"]), name="clerk", tools=[ask], journal=log)
    other = Agent(ScriptedModel(["theirs", "theirs"]), name="other", tools=[ask], journal=log)
    run = (await clerk.run("go")).run_id
    before = (await load(log, run)).facts
    for attempt in (resume, advance):
        with pytest.raises(CallerError, match=f"run {run} is one of agent 'clerk', not of 'other'"):
            await attempt(run, agent=other, answers={"1": "yes"})
    assert (await load(log, run)).facts == before
    assert (await (await fork(run, agent=other, prompt="b")).result()).output == "theirs"
    assert (await resume(run, agent=other, answers={"1": "yes"}, anyway=True)).output == "theirs"
    with pytest.raises(CallerError, match="anyway=True"):
        await resume(run, agent=Agent(ScriptedModel([]), name="third", journal=log))


async def test_an_agent_of_the_same_name_that_has_changed_only_warns(caplog: pytest.LogCaptureFixture) -> None:
    """What differs is for `check_resume` to say."""
    log = MemoryLog()
    outage = ProviderError("down", status=503)
    with pytest.raises(ProviderError) as caught:
        await Agent(ScriptedModel([outage]), name="clerk", journal=log).run("go")
    changed = Agent(ScriptedModel(["fine"]), name="clerk", system_prompt="Be kind.", journal=log)
    assert (await resume(str(caught.value.run_id), agent=changed)).output == "fine"
    assert "with another prompt" in caplog.text


@pytest.mark.parametrize("at", [-1, 5, 9999])
async def test_a_branch_begins_where_there_is_something(at: int) -> None:
    """A place that is not in the run is refused, and the numbers that there are are told."""
    log = MemoryLog()
    agent = Agent(ScriptedModel(["one"] * 4), journal=log)
    run = (await agent.run("a")).run_id
    last = len((await load(log, run)).facts) - 1
    with pytest.raises(CallerError, match=f"has no fact {at} .*numbered from 0 to {last}$"):
        await fork(run, at=at, agent=agent)
    assert len((await log.runs()).rows) == 1
    for place in (0, last, None):
        branch = await fork(run, at=place, agent=agent, prompt="b")
        assert (await branch.result()).output == "one"


def test_blocking_twins_resume_and_fork() -> None:
    """`resume_sync` and `fork_sync` do the same for blocking code."""
    log = MemoryLog()
    agent = Agent(ScriptedModel(["one"]), journal=log)
    run = agent.run_sync("a").run_id
    assert resume_sync(run, agent=agent).output == "one"
    assert fork_sync(run, agent=agent).result_sync().output == "one"


def test_a_process_killed_between_any_two_writes_is_resumed_by_another(tmp_path: Path) -> None:
    """SIGKILL after each single commit, then `resume` in a new process with another hash seed and directory: the same
    transcript every time, and an outside ledger counts each effect once.
    """
    whole = _crash(tmp_path / "whole", after=None)
    expected = whole["messages"]
    for after in range(1, whole["commits"] + 1):
        home = tmp_path / f"after{after}"
        outcome = _crash(home, after=after)
        assert outcome["messages"] == expected, f"killed after commit {after}"
        charges = (home / "ledger.txt").read_text().split()
        assert sorted(charges) == ["1", "2"], f"killed after commit {after}"


def _crash(home: Path, *, after: int | None) -> dict[str, Any]:
    """Run the program, kill it after a number of commits, resume it elsewhere; what the second process prints."""
    home.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": "1", "KILL_AFTER": str(after or 0)}
    first = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, str(CRASHING), "start", str(home)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if after is None:
        assert first.returncode == 0, first.stderr
        return json.loads(first.stdout)  # type: ignore[no-any-return]
    # Whether the two tools end in one commit or in two is chance, so the last of the commits may not come this time.
    assert first.returncode in (-signal.SIGKILL, 0), first.stderr
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONHASHSEED": "2", "KILL_AFTER": "0"}
    second = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, str(CRASHING), "resume", str(home)],
        env=environment,
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 0, second.stderr
    return json.loads(second.stdout)  # type: ignore[no-any-return]
