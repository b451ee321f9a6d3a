"""Workers that are killed and stopped at random while they carry out runs, a server that is restarted, and what must hold.

`python tests/chaos/chaos.py --runs 1000 --workers 4` does it for as long as you like; test_chaos.py does it briefly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, assert_never

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "adapters")]

from chaos_agents import ASKED  # noqa: E402  (beside this file)
from chaos_checks import PAYING, Found, Ledger, check_all, listed  # noqa: E402
from chaos_crew import Crew, crew  # noqa: E402
from chaos_stuck import stuck  # noqa: E402
from postgres_probes import address, server  # noqa: E402

from journeyman import CallerError, Conflict  # noqa: E402
from journeyman.agents import pending_calls  # noqa: E402
from journeyman.background import Queue, open_queue  # noqa: E402
from journeyman.journal import RunQuery, RunSummary  # noqa: E402

GIVEN_UP = 30.0
"""Seconds without a restart after which a run has failed for good; by the policy of these runs it follows in four."""

Blow = Literal["kill", "stop", "relieve", "restart"]


class Plan(NamedTuple):
    """How much of everything.

    `most` is for how many seconds it may take until whatever is left is called stuck. `pause` is how many seconds pass
    between the arrival of new runs and the blow that meets them; `slowest` is for how many a model thinks at most.
    """

    runs: int = 200
    workers: int = 4
    blows: int = 12
    most: float = 180.0
    pause: tuple[float, float] = (0.5, 2.5)
    slowest: float = 1.0
    seed: int = 0


def blows_of(plan: Plan, chance: random.Random) -> list[Blow]:
    """What happens, in which order: half of it kills, a third stops; one restart of the server, in the middle.

    The numbers do not hang on how fast the machine is: new runs come with each blow, so that none of them finds the work
    done.
    """
    most = plan.blows - 1
    kills, stops = -(-most // 2), -(-most // 3)
    blows: list[Blow] = ["kill"] * kills + ["stop"] * stops
    blows += ["relieve"] * (most - len(blows))
    chance.shuffle(blows)
    blows.insert(len(blows) // 2, "restart")
    return blows


async def chaos(plan: Plan, home: Path) -> Found:
    """Do it, and give what was found."""
    for left in ("ledger.jsonl", "workers.log"):
        # Of an older one's payments it would be said that nobody has heard of them.
        (home / left).unlink(missing_ok=True)
    chance = random.Random(plan.seed)  # noqa: S311  (chance, not a secret)
    with server() as running:
        _prepare(running)
        journal, jobs = address(running, "journeyman"), address(running, "journeyman_jobs")
        async with open_queue(journal) as queue, crew(Crew(journal, jobs, home, plan.slowest), plan.workers) as hired:
            began = time.monotonic()
            shop = Shop(queue, plan, chance)
            ledger = Ledger(home / "ledger.jsonl")
            report: tuple[str, ...] = ()
            try:
                async with (
                    asyncio.timeout(plan.most),
                    _beside(shop.struck(blows_of(plan, chance), hired, running)) as blows,
                ):
                    await shop.answer_until(blows, ledger, hired)
            except TimeoutError as error:
                why = error if error.args else f"it took longer than {plan.most:.0f} s"
                report = (f"{why}: {await stuck(queue, shop.runs)}\n{hired.last_words()}",)
            took = time.monotonic() - began
            await hired.end()
            found = await check_all(queue.log, shop.runs, ledger, hired.kills, hired.sleeps)
            return found._replace(
                took=took, codes=tuple(hired.codes), restarts=shop.restarts, doubled=shop.doubled, stuck=report
            )


class Shop:
    """Whoever puts orders in and answers what the runs ask."""

    def __init__(self, queue: Queue, plan: Plan, chance: random.Random) -> None:
        self._queue = queue
        self._plan = plan
        self._chance = chance
        self.runs: dict[str, str] = {}
        self.restarts = 0
        self.doubled: tuple[str, ...] = ()

    async def open_orders(self, number: int) -> None:
        """Put as many more orders in, each twice, as somebody does who got no answer the first time."""
        for _ in range(min(number, self._plan.runs - len(self.runs))):
            task = f"order {len(self.runs)}"
            agent = ASKED[len(self.runs) % len(ASKED)]
            tenant = self._chance.choice(("ada", "bob", ""))
            first, second = [await self._queue.enqueue(agent, task, dedup_key=task, tenant=tenant) for _ in range(2)]
            if first != second:
                self.doubled += (task,)
            self.runs[first] = task

    async def struck(self, blows: Sequence[Blow], hired: Crew, running: Any) -> None:
        """Have each blow meet workers that are there, and orders that have just come in."""
        for blow in blows:
            await hired.ready()
            await self.open_orders(-(-self._plan.runs // (len(blows) + 1)))
            await asyncio.sleep(self._chance.uniform(*self._plan.pause))
            match blow:
                case "kill":
                    await hired.kill(self._chance)
                case "stop":
                    await hired.stop(self._chance)
                case "relieve":
                    await hired.relieve(self._chance)
                case "restart":
                    await asyncio.to_thread(restart, running)
                    self.restarts += 1
                case _ as never:
                    assert_never(never)
        await self.open_orders(self._plan.runs)

    async def answer_until(self, blows: asyncio.Task[None], ledger: Ledger, hired: Crew) -> None:
        """Answer whatever is asked until the last blow was struck and all runs have finished."""
        while True:
            hired.check()
            self._check(await self._all("errored"))
            waiting = await self._all("waiting")
            ledger.read()
            for row in waiting:
                try:
                    await self._answer(row.run, ledger)
                except (Conflict, CallerError):
                    # A worker is at it, or has just been; it is asked again when it rests.
                    continue
            if blows.done():
                blows.result()
                at_work = waiting or await self._all("running")
                if not at_work and len(await self._all("finished")) >= len(self.runs) == self._plan.runs:
                    return
            await asyncio.sleep(0.3)

    def _check(self, failed: Sequence[RunSummary]) -> None:
        """Raise `TimeoutError` at once if a run failed for good, since whatever failed it may well fail all the others."""
        long_ago = (time.time() - GIVEN_UP) * 1e6
        lost = [row.run for row in failed if row.updated_at < long_ago]
        if lost:
            raise TimeoutError(f"{len(lost)} runs failed and were not restarted")

    async def _all(self, status: Any) -> list[RunSummary]:
        """The runs that were put in and are in that state."""
        found: list[RunSummary] = []
        query = RunQuery(status=status, tag="queue:runs", limit=500)
        while True:
            page = await self._queue.log.runs(query)
            found.extend(page.rows)
            if page.next is None:
                return found
            query = RunQuery(status=status, tag="queue:runs", limit=500, before=page.next)

    async def _answer(self, run: str, ledger: Ledger) -> None:
        """As the boss, and as somebody who asks the bank what became of a payment in doubt.

        Nobody says `RunAgain`: a worker that was only stopped may wake up and pay, after the bank was asked.
        """
        answers: dict[str, Any] = {}
        for call in await pending_calls(run, journal=self._queue.log):
            if call.in_doubt and call.tool in PAYING:
                paid = f"{call.run}:{call.call_id}" in ledger.charges
                amount = json.loads(call.arguments)["amount"]
                answers[call.id] = f"{'charged' if paid else 'not charged'} {amount}, says the bank"
            else:
                # Also where it is in doubt whether the boss was asked.
                answers[call.id] = "yes"
        if answers:
            await self._queue.answer(run, answers)


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[asyncio.Task[None]]:
    """The work as a task that does not outlive the block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _prepare(running: Any) -> None:
    """Room for the connections of the dead, which the server notices late."""
    running.psql("ALTER SYSTEM SET max_connections = 300;")
    restart(running)


def restart(running: Any) -> None:
    """Restart the server, which cuts off whoever is connected."""
    running.stop()
    running.ensure_postgres_running()


def main() -> None:
    """The command of `make chaos`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=600, help="how many runs are put in (%(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="how many workers there are (%(default)s)")
    parser.add_argument("--blows", type=int, default=40, help="how many blows there are (%(default)s)")
    parser.add_argument("--minutes", type=float, default=20.0, help="when whatever is left is stuck (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="which chaos it is; by default another one")
    parser.add_argument("--home", type=Path, required=True, help="where the ledger and the workers' log are written")
    given = parser.parse_args()
    given.home.mkdir(parents=True, exist_ok=True)
    plan = Plan(given.runs, given.workers, given.blows, given.minutes * 60, slowest=1.5, seed=given.seed)
    found = asyncio.run(chaos(plan, given.home))
    faults = [*found.faults(), *found.slow()]
    print(f"seed {given.seed}\n{found.told()}\n{listed(faults)}")  # noqa: T201  (a command)
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
