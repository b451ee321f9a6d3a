"""Workers that are killed and stopped at random while they carry out runs, a server that is restarted, and what must hold.

`python tests/chaos/chaos.py --runs 1000 --workers 4` does it for as long as you like; test_chaos.py does it briefly.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "adapters")]

from chaos_checks import Checks, Ledger, check_all, read_ledger  # noqa: E402  (beside this file)
from postgres_probes import address, server  # noqa: E402

from journeyman import CallerError, Conflict  # noqa: E402
from journeyman.agents import pending_calls  # noqa: E402
from journeyman.background import Queue, open_queue  # noqa: E402
from journeyman.journal import RunQuery, RunSummary  # noqa: E402

COMING_UP = 12.0
"""Seconds that a worker may take until it works, on a machine that has other things to do."""


class Plan(NamedTuple):
    """How much of everything; times are in seconds. `pause` is between two blows, `slowest` how long a model thinks at most."""

    runs: int = 200
    workers: int = 4
    most: float = 180.0
    pause: tuple[float, float] = (2.0, 5.0)
    slowest: float = 1.5
    seed: int = 0


class Crew:
    """The workers: processes of the command, of which a new one takes the place of each that is killed."""

    def __init__(self, journal: str, home: Path, slowest: float) -> None:
        self._journal = journal
        self._slowest = slowest
        self._home = home
        self.alive: list[subprocess.Popen[bytes]] = []
        self._hired: dict[int, float] = {}
        self.killed: list[tuple[int, float]] = []
        self.stopped: set[int] = set()
        self.codes: list[int] = []

    def hire(self) -> None:
        """Start a worker."""
        command = [sys.executable, "-m", "journeyman.apps.cli", "worker"]
        flags = ["--journal", self._journal, "--agent", "chaos_agents:agents", "--per-worker", "12", "--grace", "5"]
        environment = {
            **os.environ,
            "CHAOS_LEDGER": str(self._home / "ledger.jsonl"),
            "CHAOS_SLOWEST": str(self._slowest),
            "PYTHONPATH": str(HERE),
        }
        with (self._home / "workers.log").open("ab") as told:
            worker = subprocess.Popen([*command, *flags], env=environment, stderr=told, stdout=told)  # noqa: S603
        self.alive.append(worker)
        self._hired[worker.pid] = time.time()

    def are_there(self) -> bool:
        """Whether half of them have come up: where all are struck down as they come, nobody is left to take over."""
        here = [worker for worker in self.alive if time.time() - self._hired[worker.pid] > COMING_UP]
        return len(here) > len(self.alive) // 2

    def kill(self, chance: random.Random) -> None:
        """Kill one without a word and hire another."""
        worker = self.alive.pop(chance.randrange(len(self.alive)))
        worker.kill()
        worker.wait()
        self.killed.append((worker.pid, time.time()))
        self.hire()

    async def relieve(self, chance: random.Random) -> None:
        """Tell one to end, and hire another in its place."""
        worker = self.alive.pop(chance.randrange(len(self.alive)))
        self.hire()
        worker.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self._see_off, worker, time.time())

    async def stop(self, chance: random.Random) -> None:
        """Stop one for a while, shorter or longer than its lease."""
        worker = chance.choice(self.alive)
        self.stopped.add(worker.pid)
        worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(chance.uniform(0.5, 6.0))
        worker.send_signal(signal.SIGCONT)

    def end(self) -> list[int]:
        """Tell all to end, and give the exit codes of those that are there long enough to have heard."""
        told = time.time()
        for worker in self.alive:
            worker.send_signal(signal.SIGCONT)
            worker.send_signal(signal.SIGTERM)
        for worker in self.alive:
            self._see_off(worker, told)
        return self.codes

    def _see_off(self, worker: subprocess.Popen[bytes], told: float) -> None:
        try:
            code = worker.wait(timeout=40)
        except subprocess.TimeoutExpired:
            worker.kill()
            code = worker.wait()
        if told - self._hired[worker.pid] > COMING_UP:
            self.codes.append(code)


@asynccontextmanager
async def crew(journal: str, home: Path, plan: Plan) -> AsyncGenerator[Crew]:
    """Workers that do not outlive the test."""
    hired = Crew(journal, home, plan.slowest)
    try:
        for _ in range(plan.workers):
            hired.hire()
        yield hired
    finally:
        for worker in hired.alive:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()


async def chaos(plan: Plan, home: Path) -> Checks:
    """Do it, and give what was found."""
    chance = random.Random(plan.seed)  # noqa: S311  (chance, not a secret)
    with server() as running:
        journal = address(running, "journeyman")
        _prepare(running)
        async with open_queue(journal) as queue, crew(journal, home, plan) as hired:
            tenants = ("ada", "bob", "")
            runs = [
                await queue.enqueue("buyer", f"order {number}", dedup_key=str(number), tenant=chance.choice(tenants))
                for number in range(plan.runs)
            ]
            again = await queue.enqueue("buyer", "order 0", dedup_key="0", tenant=chance.choice(tenants))
            blows = asyncio.create_task(_blows(hired, running, chance, plan))
            try:
                await _answer_until_done(queue, home, plan)
            finally:
                blows.cancel()
                with suppress(asyncio.CancelledError):
                    await blows
            codes = hired.end()
            ledger = read_ledger(home / "ledger.jsonl")
            found = await check_all(queue.log, runs, ledger, hired.stopped, hired.killed)
            return found._replace(codes=tuple(codes), deduplicated=again == runs[0], stops=len(hired.stopped))


def _prepare(running: Any) -> None:
    """Room for the connections of the dead, which the server notices late."""
    running.psql("ALTER SYSTEM SET max_connections = 300;")
    restart(running)


def restart(running: Any) -> None:
    """Restart the server, which cuts off whoever is connected."""
    running.stop()
    running.ensure_postgres_running()


async def _blows(hired: Crew, running: Any, chance: random.Random, plan: Plan) -> None:
    blows = 0
    while True:
        await asyncio.sleep(chance.uniform(*plan.pause))
        if not hired.are_there():
            continue
        blows += 1
        if blows == 3:
            await asyncio.to_thread(restart, running)
        else:
            await _blow(hired, chance)


async def _blow(hired: Crew, chance: random.Random) -> None:
    kind = chance.random()
    if kind < 0.55:
        hired.kill(chance)
    elif kind < 0.85:
        await hired.stop(chance)
    else:
        await hired.relieve(chance)


async def _answer_until_done(queue: Queue, home: Path, plan: Plan) -> None:
    until = time.monotonic() + plan.most
    while time.monotonic() < until:
        waiting = await _all(queue, RunQuery(status="waiting", agent="buyer", limit=500))
        for row in waiting:
            try:
                await _answer(queue, row.run, read_ledger(home / "ledger.jsonl"))
            except (Conflict, CallerError):
                # A worker is at it, or has just been; it is asked again when it rests.
                continue
        if not waiting and len(await _all(queue, RunQuery(status="finished", agent="buyer", limit=500))) >= plan.runs:
            return
        await asyncio.sleep(0.3)


async def _all(queue: Queue, query: RunQuery) -> list[RunSummary]:
    rows: list[RunSummary] = []
    while True:
        page = await queue.log.runs(query)
        rows.extend(page.rows)
        if page.next is None:
            return rows
        query = RunQuery(status=query.status, agent=query.agent, limit=query.limit, before=page.next)


async def _answer(queue: Queue, run: str, ledger: Ledger) -> None:
    """As the boss, and as somebody who asks the bank what became of a payment in doubt.

    Nobody says `RunAgain`: a worker that was only stopped may wake up and pay, after the bank was asked.
    """
    answers: dict[str, Any] = {}
    for call in await pending_calls(run, journal=queue.log):
        if call.in_doubt:
            paid = f"{call.run}:{call.call_id}" in ledger.charges
            answers[call.id] = "charged, says the bank" if paid else "not charged, says the bank"
        else:
            answers[call.id] = "yes"
    if answers:
        await queue.answer(run, answers)


def main() -> None:
    """The command of `make chaos`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=600)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--home", type=Path, required=True)
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    plan = Plan(runs=given.runs, workers=given.workers, most=given.minutes * 60, seed=given.seed)
    found = asyncio.run(chaos(plan, given.home))
    print(f"seed {given.seed}\n{found.told()}")  # noqa: T201  (a command)
    raise SystemExit(bool(found.faults()))


if __name__ == "__main__":
    main()
