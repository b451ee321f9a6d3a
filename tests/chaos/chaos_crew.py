"""The workers of the chaos: processes of the command, which are killed, stopped and told to end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "adapters")]

from postgres_probes import rows  # noqa: E402  (in another room of the tests)

SECRET = {"JOURNEYMAN_SECRET": "with this one workers take up each other's snapshots"}
"""Every other worker has it; the others run programs again, from what the journal says."""

LEASE = 3.0
"""Seconds: the command's own default."""

ENDING = 40.0
"""Seconds in which workers that were told to end have to be gone; their runs get five of them."""


class Kill(NamedTuple):
    """A worker that was killed: when (seconds since 1970), and the runs that it had in hand."""

    pid: int
    at: float
    runs: tuple[str, ...]


class Sleep(NamedTuple):
    """A worker that was stopped, from when to when."""

    pid: int
    since: float
    until: float


class Crew:
    """Workers, of which a new one takes the place of each that is killed or told to end."""

    def __init__(self, journal: str, jobs: str, home: Path, slowest: float) -> None:
        self._journal = journal
        self._jobs = jobs
        self._slowest = slowest
        self._home = home
        self._alive: list[subprocess.Popen[bytes]] = []
        self._hired = 0
        self._came_up: set[int] = set()
        self._stops: set[asyncio.Task[None]] = set()
        self.kills: list[Kill] = []
        self.sleeps: list[Sleep] = []
        self.codes: list[int] = []

    def hire(self) -> None:
        """Start a worker."""
        command = [sys.executable, "-m", "journeyman.apps.cli", "worker"]
        flags = ["--journal", self._journal, "--agent", "chaos_agents:agents", "--per-worker", "12", "--grace", "5"]
        # Not measured: which lines a worker gets to before it is killed is chance, and measuring doubles its time.
        left_out = ("COVERAGE_PROCESS", *SECRET)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        environment |= {
            "CHAOS_LEDGER": str(self._home / "ledger.jsonl"),
            "CHAOS_SLOWEST": str(self._slowest),
            "PYTHONPATH": os.pathsep.join((str(HERE), *filter(None, [os.environ.get("PYTHONPATH")]))),
        }
        environment |= SECRET if self._hired % 2 else {}
        self._hired += 1
        with (self._home / "workers.log").open("ab") as told:
            worker = subprocess.Popen([*command, *flags], env=environment, stderr=told, stdout=told)  # noqa: S603
        self._alive.append(worker)

    async def ready(self) -> None:
        """Return once more than half of them are at work: where all are struck as they come, nobody takes over."""
        while len(await self._at_work()) <= len(self._alive) // 2:
            self.check()
            await asyncio.sleep(0.2)

    def check(self) -> None:
        """Raise `AssertionError` if a worker has ended by itself."""
        for worker in self._alive:
            code = worker.poll()
            assert code is None, f"worker {worker.pid} ended by itself with {code}: {self.last_words()}"

    async def kill(self, chance: random.Random) -> None:
        """Kill one without a word and hire another."""
        worker = await self._pick(chance)
        held = await asyncio.to_thread(self._held_by, worker.pid)
        self._alive.remove(worker)
        at = time.time()
        worker.kill()
        worker.wait()
        self.kills.append(Kill(worker.pid, at, held))
        self.hire()

    async def stop(self, chance: random.Random) -> None:
        """Stop one for a while, by turns shorter and longer than its lease, and meanwhile go on."""
        worker = await self._pick(chance)
        length = chance.uniform(0.3, 0.9) if len(self.sleeps) % 2 else chance.uniform(1.3, 2.0)
        since = time.time()
        worker.send_signal(signal.SIGSTOP)
        # Until it is woken nobody knows when.
        self.sleeps.append(Sleep(worker.pid, since, float("inf")))
        waking = asyncio.create_task(self._wake(worker, len(self.sleeps) - 1, length * LEASE))
        self._stops.add(waking)
        waking.add_done_callback(self._stops.discard)

    async def relieve(self, chance: random.Random) -> None:
        """Tell one to end, and hire another in its place."""
        worker = await self._pick(chance)
        self._alive.remove(worker)
        self.hire()
        worker.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self._see_off, worker, time.monotonic() + ENDING)

    async def end(self) -> None:
        """Tell all to end; `codes` has the exit codes of those that had come up."""
        if self._stops:
            await asyncio.wait(self._stops)
        # One that is only just coming up has not heard of signals yet.
        await self._at_work()
        for worker in self._alive:
            worker.send_signal(signal.SIGTERM)
        until = time.monotonic() + ENDING
        for worker in self._alive:
            await asyncio.to_thread(self._see_off, worker, until)
        self._alive.clear()

    def cut_off(self) -> None:
        """Leave nothing behind, whatever happened."""
        for worker in self._alive:
            worker.kill()
            worker.wait()

    def last_words(self, lines: int = 12) -> str:
        """What the workers said last."""
        told = (self._home / "workers.log").read_text(errors="replace") if self._alive or self._came_up else ""
        return "\n".join(told.splitlines()[-lines:])

    async def _wake(self, worker: subprocess.Popen[bytes], number: int, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            self.sleeps[number] = self.sleeps[number]._replace(until=time.time())
            worker.send_signal(signal.SIGCONT)

    async def _pick(self, chance: random.Random) -> subprocess.Popen[bytes]:
        """One that is at work, if any is."""
        here = await self._at_work()
        return chance.choice([worker for worker in self._alive if worker.pid in here] or self._alive)

    async def _at_work(self) -> set[int]:
        """The workers that hold a lease; nobody, while the database does not say."""
        statement = "SELECT name FROM workers WHERE NOT lost AND until > extract(epoch FROM clock_timestamp())"
        # A name is that of the machine, which may hold any character, the process and some chance.
        found = {int(name.rsplit("-", 2)[1]) for (name,) in await asyncio.to_thread(self._ask, statement)}
        here = found & {worker.pid for worker in self._alive}
        self._came_up |= here
        return here

    def _held_by(self, pid: int) -> tuple[str, ...]:
        statement = "SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING' AND executor_id LIKE %s"
        return tuple(sorted({name.rsplit(":", 2)[0] for (name,) in self._ask(statement, f"%-{pid}-%")}))

    def _ask(self, statement: str, *values: object) -> Sequence[tuple[str]]:
        try:
            return rows(self._jobs, statement, *values)
        except psycopg.Error:
            # It is being restarted, or there are no tables yet.
            return ()

    def _see_off(self, worker: subprocess.Popen[bytes], until: float) -> None:
        try:
            code = worker.wait(timeout=max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            code = worker.wait()
        if worker.pid in self._came_up:
            self.codes.append(code)


@asynccontextmanager
async def crew(hired: Crew, workers: int) -> AsyncGenerator[Crew]:
    """Workers that do not outlive the test."""
    try:
        for _ in range(workers):
            hired.hire()
        yield hired
    finally:
        hired.cut_off()
