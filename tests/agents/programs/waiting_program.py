"""A program of a model's that waits twice, in every process of its own that the test begins; a part of test_suspending.py.

`N DIR` carries out step N of each case (a language, a shape of agents, an order of answers, and what befell the journal) in
DIR/case: step 0 begins the run, each further one copies the journal of the step before, spoils it as the case says, and gives
one answer. What is printed is what the test compares.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from journeyman import Agent, Pending, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.adapters.sandbox_monty_turns import Turns
from journeyman.agents import Approve, RunResult, resume
from journeyman.agents.waiting import SECRET_VARIABLE
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import Fact, Log, ProgramSuspended, load
from journeyman.programs import Programs

CODES = {
    "python": """
import asyncio

first = look(at="door")
found = await asyncio.gather(async_tools.look(at="wall"), async_tools.ask(who=first["saw"]), async_tools.pay(amount=3))
print("found", found[0]["saw"], found[1], found[2])
return {"first": first, "found": found, "last": look(at=found[1])}
""",
    "lisp": """
(def first-look (tool/look {:at "door"}))
(def found (pcalls #(tool/look {:at "wall"}) #(tool/ask {:who (:saw first-look)}) #(tool/pay {:amount 3})))
(println "found" (:saw (nth found 0)) (nth found 1) (nth found 2))
(return {:first first-look :found found :last (tool/look {:at (nth found 1)})})
""",
}
WITHIN = {"python": 'return {"told": clerk(task="Look.")}', "lisp": '(return {:told (tool/clerk {:task "Look."})})'}
VALUE = {"first": {"saw": "door"}, "found": [{"saw": "wall"}, "window", "paid 3"], "last": {"saw": "window"}}

SPOILT: dict[str, Callable[[ProgramSuspended], ProgramSuspended]] = {
    "whole": lambda fact: fact,
    "deleted": lambda fact: msgspec.structs.replace(fact, snapshot=b""),
    "bare": lambda fact: ProgramSuspended(seq=fact.seq, at=fact.at, call_id=fact.call_id, calls=fact.calls),
    "of another version": lambda fact: msgspec.structs.replace(fact, version="monty 0.0.1, 1"),
    "forged": lambda fact: msgspec.structs.replace(fact, signature=bytes(32)),
    "changed": lambda fact: msgspec.structs.replace(fact, snapshot=fact.snapshot[:-1] + b"x"),
    "with another output": lambda fact: msgspec.structs.replace(fact, output="forged\n"),
    "under another secret": lambda fact: fact,
    "without a secret": lambda fact: fact,
}
SHAPES = ("alone", "below an agent", "an agent within")
ORDERS = ("ask pay", "pay ask")

from_the_start = 0
_start = Turns.start


def counted(turns: Turns) -> Any:
    global from_the_start  # noqa: PLW0603  (one number for the whole process)
    from_the_start += 1
    return _start(turns)


def program(language: str, code: str) -> ToolCall:
    assert language in CODES
    return ToolCall("p", "run_program", json.dumps({"code": code}))


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def agent(language: str, shape: str, done: list[str], *, waits: bool = True, secret: str | None = None) -> Agent[Any]:
    @tool
    async def look(at: str) -> dict[str, str]:
        """Look at something."""
        done.append(f"look {at}")
        return {"saw": at}

    @tool
    def ask(who: str) -> str:
        """Ask somebody who takes days to answer."""
        done.append(f"ask {who}")
        if waits:
            raise Pending({"who": who})
        return "window"

    @tool(requires_approval=waits)
    async def pay(amount: int) -> str:
        """Pay an amount."""
        done.append(f"pay {amount}")
        return f"paid {amount}"

    code = CODES[language]
    programs = Programs(language=language, tools=[look, ask, pay])
    if shape == "an agent within":
        calls = [ToolCall("l", "look", '{"at": "door"}'), ToolCall("a", "ask", '{"who": "door"}')]
        calls.append(ToolCall("p", "pay", '{"amount": 3}'))
        clerk = Agent(turns(calls, "the clerk has looked"), name="clerk", tools=[look, ask, pay])
        outer = Programs(language=language, tools=[clerk.as_tool()])
        return Agent(turns(program(language, WITHIN[language])), name="boss", programs=outer, secret=secret)
    inner = Agent(turns(program(language, code)), name="clerk", programs=programs, secret=secret)
    if shape == "alone":
        return inner
    said = ToolCall("k", "clerk", '{"task": "Look."}')
    return Agent(turns(said, "The clerk has looked."), name="boss", tools=[inner.as_tool()])


def answers_to(result: RunResult[Any], which: str) -> dict[str, Any]:
    (call,) = [call for call in result.pending if call.tool == which]
    return {call.id: Approve(token=call.token) if which == "pay" else "window"}


async def copied(source: Log, target: Log, spoil: Callable[[ProgramSuspended], ProgramSuspended]) -> None:
    for row in (await source.runs()).rows:
        facts: list[Fact] = [
            spoil(fact) if isinstance(fact, ProgramSuspended) else fact for fact in (await load(source, row.run)).facts
        ]
        await target.append(row.run, 0, facts)


async def step(number: int, home: Path, case: tuple[str, str, str, str]) -> dict[str, Any]:
    language, shape, order, befell = case
    done: list[str] = []
    before = from_the_start
    secret = f"the secret of step {number}" if befell == "under another secret" else None
    async with SqliteLog(home / f"{number}.db", synchronous="OFF") as log:
        boss = agent(language, shape, done, secret=secret)
        if number == 0:
            result = await boss.run("go", journal=log)
            (home / "run").write_text(result.run_id)
        else:
            async with SqliteLog(home / f"{number - 1}.db") as source:
                await copied(source, log, SPOILT[befell])
            run = (home / "run").read_text()
            waiting = await resume(run, agent=boss, journal=log)
            answers = answers_to(waiting, order.split()[number - 1])
            result = await resume(run, agent=boss, journal=log, answers=answers)
        told = await transcripts(log)
    return {
        "status": result.status,
        "output": result.output,
        "pending": sorted(call.id for call in result.pending),
        "done": done,
        "told": told,
        "starts": from_the_start - before,
    }


async def transcripts(log: Log) -> dict[str, list[str]]:
    """What was said in each run of a journal, by the names of its agents."""
    loaded = [await load(log, row.run) for row in (await log.runs()).rows]
    return {item.state.agent: [str(message) for message in item.state.messages] for item in loaded}


async def unsuspended(language: str, shape: str) -> dict[str, Any]:
    """The same agents with tools that answer at once."""
    log = MemoryLog()
    result = await agent(language, shape, [], waits=False).run("go", journal=log)
    return {"output": result.output, "told": await transcripts(log)}


def cases() -> list[tuple[str, str, str, str]]:
    every = itertools.product(CODES, SHAPES, ORDERS, SPOILT)
    # What befalls snapshots is nothing to the order of answers, and little to the agents around.
    return [
        case
        for case in every
        if case[1:3] == (SHAPES[0], ORDERS[0]) or case[3] == "whole" or (case[2] == ORDERS[0] and case[3] == "deleted")
    ]


async def main(number: int, folder: Path) -> None:
    told: dict[str, Any] = {}
    if number == 0:
        for language, shape in itertools.product(CODES, SHAPES):
            told[f"{language}|{shape}"] = await unsuspended(language, shape)
    for case in cases():
        home = folder / "-".join(case).replace(" ", "_")
        home.mkdir(exist_ok=True)
        secret = os.environ.pop(SECRET_VARIABLE) if case[3] == "without a secret" else ""
        told["|".join(case)] = await step(number, home, case)
        if secret:
            os.environ[SECRET_VARIABLE] = secret
    print(json.dumps(told))  # noqa: T201  (what the test reads)


if __name__ == "__main__":
    Turns.start = counted  # type: ignore[method-assign]
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
