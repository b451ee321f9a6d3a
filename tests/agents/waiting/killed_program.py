"""A program that is killed after each single fact of a tree of runs, and taken up by another; a part of test_killed.py.

`kill DIR` runs it whole in DIR/whole, then once for each fact in DIR/<number of facts>, each in a process of its own that kills
itself when so many facts are on disk. `resume DIR` takes up what is in each of these directories. The ledger is the outside
world: a file in which every charge is a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from journeyman import Agent, Pending, RunAgain, RunContext, ScriptedModel, resume, tool
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.agents import Approve, PendingCall, RunResult, create
from journeyman.data import ModelRequest, Text, ToolCall
from journeyman.journal import Fact, load

ROOT = "the-boss"


class DeadlyLog(SqliteLog):
    """Writes fact by fact, and kills the process after so many of them, whatever run they are of."""

    facts = 0
    last = 0

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        for number, fact in enumerate(facts):
            await super().append(run, at + number, [fact])
            DeadlyLog.facts += 1
            if DeadlyLog.facts == DeadlyLog.last:
                os.kill(os.getpid(), signal.SIGKILL)


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def boss(ledger: Path) -> Agent[str]:
    @tool
    async def charge(context: RunContext[None], amount: int) -> str:
        """Charge an amount; not idempotent."""
        with ledger.open("a") as file:
            file.write(f"{amount}\n")
        return f"charged {amount}"

    @tool(idempotent=True)
    async def look() -> str:
        """Look."""
        return "seen"

    @tool
    async def ask(who: str) -> str:
        """Ask somebody."""
        raise Pending(who)

    @tool(requires_approval=True)
    async def pay(amount: int) -> str:
        """Pay an amount, once it is approved; not idempotent."""
        with ledger.open("a") as file:
            file.write(f"{amount}\n")
        return f"charged {amount}"

    calls = [
        ToolCall("c", "charge", '{"amount": 1}'),
        ToolCall("a", "ask", '{"who": "Cleo"}'),
        ToolCall("p", "pay", '{"amount": 2}'),
    ]
    clerk = Agent(turns(calls, "clerk done"), name="clerk", tools=[charge, ask, pay])
    said = [
        Text("First."),
        ToolCall("c", "charge", '{"amount": 3}'),
        ToolCall("k", "clerk", '{"task": "t"}'),
        ToolCall("l", "look"),
        ToolCall("a", "ask", '{"who": "Bob"}'),
    ]
    tools = [charge, look, ask, clerk.as_tool()]
    return Agent(turns(said, ToolCall("d", "charge", '{"amount": 4}'), "Done."), name="boss", tools=tools)


def answer_to(call: PendingCall, charged: Sequence[str]) -> Any:
    match call.kind:
        case "pending":
            return f"{call.info} agrees"
        case "approval":
            return Approve()
        case _ if call.tool == "ask":
            return RunAgain()
        case _:
            # The outside world is asked what happened, as a person would ask the bank.
            amount = str(json.loads(call.arguments)["amount"])
            return f"charged {amount}" if amount in charged else RunAgain()


async def work(home: Path) -> dict[str, Any]:
    """To the end, in as many stretches as there are questions, each answered one by one."""
    ledger = home / "ledger.txt"
    async with DeadlyLog(home / "runs.db", synchronous="NORMAL") as log:
        agent = boss(ledger)
        await create(agent, "go", run_id=ROOT, journal=log)
        result: RunResult[str] = await resume(ROOT, agent=agent, journal=log)
        while result.pending:
            call = result.pending[-1]
            charged = ledger.read_text().split() if ledger.exists() else []
            answers = {call.id: answer_to(call, charged)}
            result = await resume(ROOT, agent=agent, journal=log, answers=answers)
        told = {}
        for row in (await log.runs()).rows:
            loaded = await load(log, row.run)
            assert [fact.seq for fact in loaded.facts] == list(range(len(loaded.facts)))
            told[row.agent] = [str(message) for message in loaded.state.messages]
        return {"told": told, "facts": DeadlyLog.facts, "charged": sorted(ledger.read_text().split())}


def kill_after(home: Path, facts: int) -> None:
    home.mkdir()
    process = os.fork()
    if process == 0:
        DeadlyLog.facts, DeadlyLog.last = 0, facts
        try:
            asyncio.run(work(home))
        except BaseException:  # noqa: BLE001  (whatever it is, this process ends here)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    # How facts of parallel tools fall into commits is chance, so that the last kills may come too late.
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0


def main(command: str, folder: Path) -> None:
    if command == "kill":
        (folder / "whole").mkdir()
        whole = asyncio.run(work(folder / "whole"))
        for facts in range(1, whole["facts"] + 1):
            kill_after(folder / str(facts), facts)
        told = {"whole": whole}
    else:
        told = {home.name: asyncio.run(work(home)) for home in folder.iterdir() if home.name.isdigit()}
    print(json.dumps(told))  # noqa: T201  (what the test reads)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
