"""A program of a model's that is killed after each commit of its run, and taken up by another process; a part of test_crashes.py.

`kill DIR` runs it whole in DIR/LANGUAGE-whole, then once for each commit in DIR/LANGUAGE-<number of commits>, each in a process of
its own that kills itself when so many are on disk. `resume DIR` takes up what is in each of these. The ledger is the outside
world: a file in which every effect is a line.
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

import journeyman.adapters.sandbox_monty  # noqa: F401  (imported here once, and not in each child)
from journeyman import Agent, Pending, RunAgain, ScriptedModel, Tool, compose, tool
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.agents import Approve, PendingCall, RunResult, create, resume
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import Fact, ToolStarted, load
from journeyman.programs import Programs, Scope

RUN = "the-shop"
CODES = {
    "python": """
import asyncio
paid = await asyncio.gather(async_tools.charge(amount=1), async_tools.look(at="shelf"), async_tools.charge(amount=2))
print("paid", paid[0]["charged"], paid[2]["charged"])
who = ask(who="Bob")
print("asked", who)
return {"paid": paid, "who": who, "last": pay(amount=3)}
""",
    "lisp": """
(def paid (pcalls #(tool/charge {:amount 1}) #(tool/look {:at "shelf"}) #(tool/charge {:amount 2})))
(println "paid" (:charged (nth paid 0)) (:charged (nth paid 2)))
(def who (tool/ask {:who "Bob"}))
(println "asked" who)
(return {:paid paid :who who :last (tool/pay {:amount 3})})
""",
}


class DeadlyLog(SqliteLog):
    """Kills the process right after so many commits."""

    commits = 0
    last = 0

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None:
        await super().append(run, at, facts)
        DeadlyLog.commits += 1
        if DeadlyLog.commits == DeadlyLog.last:
            os.kill(os.getpid(), signal.SIGKILL)


def tools(ledger: Path) -> list[Tool[..., Any]]:
    def enter(effect: str) -> None:
        with ledger.open("a") as file:
            file.write(f"{effect}\n")

    @tool
    async def charge(amount: int) -> dict[str, int]:
        """Charge an amount; not idempotent."""
        enter(f"charge {amount}")
        return {"charged": amount}

    @tool(idempotent=True)
    def look(at: str) -> str:
        """Look at something."""
        return f"saw {at}"

    @tool
    async def ask(who: str) -> str:
        """Ask somebody; not idempotent."""
        enter(f"ask {who}")
        raise Pending(who)

    @tool(requires_approval=True)
    def pay(amount: int) -> dict[str, int]:
        """Pay an amount, once it is approved; not idempotent."""
        enter(f"pay {amount}")
        return {"paid": amount}

    return [charge, look, ask, pay]


def shop(language: str, ledger: Path) -> Agent[Any]:
    calls = [
        ToolCall("p", "run_program", json.dumps({"code": CODES[language]})),
        ToolCall("c", "charge", '{"amount": 4}'),
    ]

    def say(request: ModelRequest) -> Any:
        assert not any(message.role == "assistant" for message in request.messages)
        return calls

    given = tools(ledger)
    programs = Programs(language=language, tools=given)
    return Agent(ScriptedModel([say] * 9), name="shop", tools=given[:1], programs=programs)


def answer_to(call: PendingCall, effects: Sequence[str]) -> Any:
    arguments = json.loads(call.arguments)
    match call.kind:
        case "pending":
            return f"{call.info} agrees"
        case "approval":
            return Approve()
        case _ if call.tool == "ask":
            # He was asked, or he was not: in the end somebody has his answer.
            return f"{arguments['who']} agrees"
        case _:
            # The outside world is asked what happened, as a person would ask the bank.
            done = {"charge": "charged", "pay": "paid"}[call.tool]
            return {done: arguments["amount"]} if f"{call.tool} {arguments['amount']}" in effects else RunAgain()


async def work(home: Path) -> dict[str, Any]:
    """To the end, in as many stretches as there are questions, each answered one by one."""
    ledger = home / "ledger.txt"
    language = home.name.partition("-")[0]
    doubts: list[str] = []
    async with DeadlyLog(home / "runs.db", synchronous="NORMAL") as log:
        agent = shop(language, ledger)
        await create(agent, "go", run_id=RUN, journal=log)
        open_at_first = await in_doubt(log)
        answers: dict[str, Any] = {}
        while (state := (await load(log, RUN)).state).status != "finished":
            result: RunResult[Any] = await resume(RUN, agent=agent, journal=log, answers=answers)
            doubts += (call.id for call in result.pending if call.in_doubt and call.id not in doubts)
            effects = ledger.read_text().splitlines() if ledger.exists() else []
            answers = {call.id: answer_to(call, effects) for call in result.pending[-1:]}
    return {
        "told": [str(message) for message in state.messages],
        "output": state.output,
        "effects": sorted(ledger.read_text().splitlines()),
        "commits": DeadlyLog.commits,
        "doubts": sorted(doubts),
        "in doubt": open_at_first,
    }


async def work_on(homes: Sequence[Path]) -> dict[str, Any]:
    return {home.name: await work(home) for home in homes}


async def in_doubt(log: SqliteLog) -> list[str]:
    """The calls of tools that are not idempotent, begun and without an outcome on the journal as it was found."""
    loaded = await load(log, RUN)
    begun = {
        fact.call_id for fact in loaded.facts if isinstance(fact, ToolStarted) and fact.name in ("charge", "ask", "pay")
    }
    return sorted(call.call.id for call in loaded.state.calls if call.phase == "started" and call.call.id in begun)


def kill_after(home: Path, commits: int) -> None:
    """Work in a child; this process itself runs no program, for what the sandbox has begun does not live on in a fork."""
    home.mkdir()
    process = os.fork()
    if process == 0:
        DeadlyLog.last = commits
        try:
            (home / "told.json").write_text(json.dumps(asyncio.run(work(home))))
        except BaseException:  # noqa: BLE001  (whatever it is, this process ends here)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    # How the facts of parallel tools fall into commits is chance, so that the last kills may come too late.
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0


def main(command: str, folder: Path) -> None:
    told: dict[str, Any] = {}
    if command == "kill":
        for language, code in CODES.items():
            # Compiled once, here, so that what is cached of the language is there in each child.
            compose.language(language).compile(code, Scope(tuple(item.spec for item in tools(Path()))))
            kill_after(folder / f"{language}-whole", 0)
            told[language] = json.loads((folder / f"{language}-whole" / "told.json").read_text())
            for commits in range(1, told[language]["commits"] + 1):
                kill_after(folder / f"{language}-{commits}", commits)
    else:
        homes = [home for home in sorted(folder.iterdir()) if not home.name.endswith("whole")]
        told = asyncio.run(work_on(homes))
    print(json.dumps(told))  # noqa: T201  (what the test reads)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
