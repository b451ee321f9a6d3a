"""A program that runs an agent on SQLite and kills itself after a number of commits; a part of test_resume.py.

`start DIR` begins the run, `resume DIR` takes it up. The ledger is the outside world: a file in which every charge is a
line, so that what was done twice can be counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from journeyman import Agent, RunAgain, RunContext, ScriptedModel, resume, tool
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import ModelRequest, Text, ToolCall
from journeyman.journal import Fact

KILL_AFTER = int(os.environ.get("KILL_AFTER", "0"))


class DeadlyLog(SqliteLog):
    """Kills the process right after a commit, or in the next one's place."""

    commits = 0

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        await super().append(run, at, facts)
        DeadlyLog.commits += 1
        if DeadlyLog.commits == KILL_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)


def says(request: ModelRequest) -> Any:
    match sum(message.role == "assistant" for message in request.messages):
        case 0:
            return [Text("First."), ToolCall("a", "charge", '{"amount": 1}'), ToolCall("b", "look", "{}")]
        case 1:
            return ToolCall("c", "charge", '{"amount": 2}')
        case _:
            return "Done."


def clerk(ledger: Path) -> Agent[str]:
    @tool
    def charge(context: RunContext[None], amount: int) -> str:
        """Charge an amount; not idempotent."""
        with ledger.open("a") as file:
            file.write(f"{amount}\n")
        return f"charged {amount}"

    @tool(idempotent=True)
    async def look() -> str:
        """Look."""
        return "seen"

    return Agent(ScriptedModel([says] * 5), name="clerk", tools=[charge, look])


async def main(command: str, home: Path) -> None:
    ledger = home / "ledger.txt"
    agent = clerk(ledger)
    async with DeadlyLog(home / "runs.db") as log:
        if command == "start":
            result = await agent.run("sell", journal=log)
        else:
            (row,) = (await log.runs()).rows
            result = await resume(row.run, journal=log)
            if result.status == "waiting":
                # The outside world is asked what happened, as a person would ask the bank.
                charged = ledger.read_text().split() if ledger.exists() else []
                amounts = {call.id: str(json.loads(call.arguments)["amount"]) for call in result.pending}
                answers = {
                    call_id: f"charged {amount}" if amount in charged else RunAgain()
                    for call_id, amount in amounts.items()
                }
                result = await resume(row.run, agent=agent, journal=log, answers=answers)
    messages = [(message.role, message.text, [str(part) for part in message.parts]) for message in result.messages]
    print(json.dumps({"messages": messages, "commits": DeadlyLog.commits}))  # noqa: T201  (what the test reads)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
