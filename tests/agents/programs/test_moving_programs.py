"""Runs with programs in other places: branches from their midst, other journals, and agents that are not what they were."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from journeyman import Agent, CallerError, Pending, RunAgain, ScriptedModel, fork, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.sandbox_monty_turns import Turns
from journeyman.agents import Approve, RunResult, check_resume, export_run, import_run
from journeyman.data import ModelRequest, ReplayMismatch, ToolCall
from journeyman.journal import Fact, ProgramSuspended, RunFailed, load
from journeyman.programs import Programs

BOTH = pytest.mark.parametrize("language", ["python", "lisp"])

CODES = {
    "python": """
import asyncio
first = look(at=data["at"])
found = await asyncio.gather(async_tools.charge(amount=1), async_tools.ask(who=first["saw"]), async_tools.pay(amount=3))
print("found", len(found))
return {"found": found, "last": look(at=found[1])}
""",
    "lisp": """
(def seen (tool/look {:at data/at}))
(def found (pcalls #(tool/charge {:amount 1}) #(tool/ask {:who (:saw seen)}) #(tool/pay {:amount 3})))
(println "found" (count found))
(return {:found found :last (tool/look {:at (nth found 1)})})
""",
}
OUTPUT = {"found": [{"charged": 1}, "window", "paid 3"], "last": {"saw": "window"}}


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 500)


def program(code: str, call_id: str = "p") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": code}))


def shop(language: str, log: MemoryLog, calls: list[str], code: str = "", **changes: Any) -> Agent[Any]:
    @tool(idempotent=True)
    async def look(at: str) -> dict[str, str]:
        """Look."""
        calls.append(f"look {at}")
        return {"saw": at}

    @tool
    async def charge(amount: int) -> dict[str, int]:
        """Charge; not idempotent."""
        calls.append("charge")
        return {"charged": amount}

    @tool(idempotent=True)
    def ask(who: str) -> str:
        """Ask."""
        calls.append("ask")
        raise Pending(who)

    @tool(requires_approval=True)
    async def pay(amount: int) -> str:
        """Pay."""
        calls.append("pay")
        return f"paid {amount}"

    programs: dict[str, Any] = {"tools": [look, charge, ask, pay], "data": {"at": "door"}, "max_turns": 5}
    model = turns(program("1", "w"), program(code or CODES[language]), "Done.")
    return Agent(model, name="shop", programs=Programs(language=language, **programs | changes), journal=log)


def without_snapshot(fact: Fact) -> Fact:
    return msgspec.structs.replace(fact, snapshot=b"") if isinstance(fact, ProgramSuspended) else fact


def answers_to(result: RunResult[Any]) -> dict[str, Any]:
    kinds = {"pending": "window", "approval": Approve(), "in_doubt": RunAgain()}
    return {call.id: kinds[call.kind] for call in result.pending[-1:]}


async def to_the_end(result: RunResult[Any], agent: Agent[Any]) -> RunResult[Any]:
    while result.pending:
        result = await resume(result.run_id, agent=agent, answers=answers_to(result))
    return result


@BOTH
async def test_a_branch_from_any_fact_comes_to_the_same(language: str) -> None:
    """From before the program, from between its calls, from its waits and from its end: a fork ends with the same words and
    output, does again only what it has no outcome of, and leaves the run that it comes from as it was.
    """
    log, calls = MemoryLog(), list[str]()
    # It prints what it would return, so that there is a turn after it, whose number the model is told.
    agent = shop(language, log, calls, CODES[language].replace("return {", "{").replace("(return ", "(println "))
    whole = await to_the_end(await agent.run("go"), agent)
    assert "This is turn 3 of 5." in whole.messages[-2].tool_results[0].text
    facts = (await load(log, whole.run_id)).facts
    assert len(facts) > 30
    for at in range(1, len(facts)):
        calls.clear()
        branch = await fork(whole.run_id, at=at, agent=agent)
        result = await to_the_end(await branch.result(), agent)
        assert result.messages == whole.messages, at
        known = (await load(log, whole.run_id, at)).state
        done = {call.call.id for call in known.calls if call.phase == "done"}
        over = known.finish == "stop" or any(message.role == "tool" for message in known.messages[3:])
        assert ("charge" in calls) is not ("p.1" in done or over), at
    assert (await load(log, whole.run_id)).facts == facts


@BOTH
async def test_a_snapshot_is_taken_up_by_a_branch(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A branch of a program that waits has the snapshot's place in it, though its own facts are numbered anew."""
    started: list[Turns] = []
    start = Turns.start
    monkeypatch.setattr(Turns, "start", lambda turns: started.append(turns) or start(turns))
    log = MemoryLog()
    agent = shop(language, log, [])
    waiting = await agent.run("go")
    branch = await (await fork(waiting.run_id, agent=agent)).result()
    (ask,) = [call for call in branch.pending if call.tool == "ask"]
    again = await resume(branch.run_id, agent=agent, answers={ask.id: "window"})
    old, new = (await load(log, waiting.run_id)).state.call("p"), again.state.call("p")
    assert old is not None and new is not None and old.suspended is not None and new.suspended is not None  # noqa: PT018
    assert (old.suspended.heard, new.suspended.heard) == ((0, 1), (0, 1, 2))
    # The program before it, and this one the first time.
    assert len(started) == 2


@BOTH
async def test_a_waiting_program_is_answered_in_another_journal(language: str) -> None:
    """Exported while it waits and imported elsewhere, it goes on there; what it had done is not done again."""
    here, there = MemoryLog(), MemoryLog()
    calls: list[str] = []
    waiting = await shop(language, here, calls).run("go")
    assert calls == ["look door", "charge", "ask"]
    run = await import_run(await export_run(waiting.run_id, journal=here), journal=there)
    elsewhere = shop(language, there, calls)
    result = await to_the_end(await resume(run, agent=elsewhere), elsewhere)
    assert result.output == OUTPUT
    assert calls == ["look door", "charge", "ask", "pay", "look window"]
    assert (await load(here, run)).state.status == "waiting"


@BOTH
async def test_what_changed_of_the_programs_is_named(language: str) -> None:
    """Other data, other tools or another contract: `check_resume` says that it is the programs that were changed."""
    log = MemoryLog()
    waiting = await shop(language, log, []).run("go")
    assert (await check_resume(waiting.run_id, shop(language, log, []))).changes == ()

    @tool
    async def other() -> str:
        """Do something else."""
        return "other"

    tools = [other, *shop(language, log, []).definition.plan.tools.values()]
    tools = [item for item in tools if item.name != "run_program"]
    changed: list[dict[str, Any]] = [{"data": {"at": "roof"}}, {"tools": tools}, {"signature": "() -> {last :any}"}]
    for change in changed:
        check = await check_resume(waiting.run_id, shop(language, log, [], **change))
        assert [item.name for item in check.changes if item.what == "programs"] == ["programs"], change
        assert check.can_resume


@BOTH
async def test_a_program_that_became_another_stops_the_run_and_calls_nothing(language: str) -> None:
    """With changed data it makes other calls than the recorded ones: `ReplayMismatch` says so, no call is made a second time,
    and with the data of then the run goes on as if nothing had been.
    """
    log, calls = MemoryLog(), list[str]()
    agent = shop(language, log, calls)
    waiting = await agent.run("go")
    before = list(calls)
    changed = shop(language, log, calls, data={"at": "roof"})
    (ask,) = [call for call in waiting.pending if call.tool == "ask"]
    with pytest.raises(ReplayMismatch, match="run it with the source, data and language"):
        await resume(waiting.run_id, agent=changed, answers={ask.id: "window"})
    assert calls == before
    assert isinstance((await load(log, waiting.run_id)).facts[-1], RunFailed)
    result = await to_the_end(await resume(waiting.run_id, agent=agent), agent)
    assert result.output == OUTPUT
    assert calls == [*before, "pay", "look window"]


@BOTH
@pytest.mark.parametrize("change", ["an error before its calls", "a tool that is gone"])
async def test_a_program_that_fails_where_it_did_not_is_another_program(language: str, change: str) -> None:
    """What it has called is not forgotten because it now breaks off sooner: the run stops, and goes on once that is mended."""
    log, calls = MemoryLog(), list[str]()
    waiting = await shop(language, MemoryLog(), calls).run("go")
    agent = shop(language, log, calls)
    await log.append(waiting.run_id, 0, [without_snapshot(fact) for fact in waiting.facts])
    tools = list(agent.definition.plan.tools.values())
    kept = [item for item in tools if item.name not in ("run_program", "charge")]
    changed = {"an error before its calls": {"data": {"at": {"no": "text"}}}, "a tool that is gone": {"tools": kept}}[
        change
    ]
    (ask,) = [call for call in waiting.pending if call.tool == "ask"]
    with pytest.raises((ReplayMismatch, CallerError)):
        await resume(waiting.run_id, agent=shop(language, log, calls, **changed), answers={ask.id: "window"})
    result = await to_the_end(await resume(waiting.run_id, agent=agent), agent)
    assert result.output == OUTPUT
    assert calls == ["look door", "charge", "ask", "pay", "look window"]
