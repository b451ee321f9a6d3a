"""A worker: takes jobs from a queue and carries out the runs that they are about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from ..agents import Agent
from ..compose import clock, open_engine, open_journal
from ..data import CallerError, JourneymanError
from ..journal import Log
from ..queues import Engine, Lanes, Workbench
from .carrying import Carrier
from .orphans import look_for_orphans

log = logging.getLogger(__name__)

QUIET = 60.0
"""Seconds without a fact after which a run without a job is taken for an orphan."""


class Worker:
    """Carries out the runs of a queue, for as long as it is open: `async with Worker(journal, [agent]) as worker`.

    `agents` are all that it knows: a job names its agent, and nothing is imported because a journal says so. `deps` are handed
    to their tools. `lease` is for how many seconds the worker may be silent before others take its runs over. When it is
    closed, runs get `grace` seconds to come to their next request to a model; others carry on from there. A program can
    hold one worker.
    """

    def __init__(  # noqa: PLR0913  (a public constructor)
        self,
        journal: str,
        agents: Iterable[Agent[Any]],
        *,
        queue: str = "runs",
        lanes: Lanes = Lanes(),  # noqa: B008  (a frozen value)
        deps: Any = None,
        lease: float = 3.0,
        grace: float = 20.0,
    ) -> None:
        if not lease > 0 or not grace >= 0:
            raise CallerError(f"Worker(lease={lease}, grace={grace}): more than 0 seconds, and 0 or more")
        self._journal = journal
        self._agents = by_name(agents)
        self._queue = queue
        self._lanes = lanes
        self._deps = deps
        self._lease = lease
        self._grace = grace
        self._stack = AsyncExitStack()
        self._bench: Workbench | None = None
        self._carrier: Carrier | None = None

    @property
    def name(self) -> str:
        """What others see of it; empty while it is not open."""
        return "" if self._bench is None else self._bench.name

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        journal = await self._stack.enter_async_context(open_journal(self._journal))
        for agent in self._agents.values():
            await self._stack.enter_async_context(agent)
        engine = open_engine(self._journal, self._queue)
        self._stack.push_async_callback(engine.close)
        bench = engine.bench(self._lanes, lease=self._lease)
        self._stack.push_async_callback(self._close, bench)
        self._carrier = Carrier(self._queue, self._agents, journal, engine, bench, deps=self._deps)
        await bench.open(self._carrier.carry_out, self._carrier.stop)
        self._bench = bench
        orphans = asyncio.create_task(self._orphans(journal, engine), name="journeyman orphans")
        self._stack.callback(orphans.cancel)

    async def _close(self, bench: Workbench) -> None:
        if self._carrier is not None:
            self._carrier.ends = True
        await bench.close(self._grace)
        if self._carrier is not None:
            # What is still there has lost its lease with the bench, so that nothing more of it is written.
            await self._carrier.cut_off()

    async def _orphans(self, journal: Log, engine: Engine) -> None:
        while True:
            await asyncio.sleep(QUIET / 2)
            try:
                await look_for_orphans(journal, engine, self._queue, before=clock() - round(QUIET * 1e6))
            except JourneymanError as error:
                log.warning("queue %s could not be looked through for orphans: %s", self._queue, error)


def by_name(agents: Iterable[Agent[Any]]) -> dict[str, Agent[Any]]:
    """Agents by their names. Raises `CallerError` for none, and for two of one name."""
    found: dict[str, Agent[Any]] = {}
    for agent in agents:
        if agent.name in found:
            raise CallerError(f"two agents are named {agent.name!r}; a job says by name which one it is for")
        found[agent.name] = agent
    if not found:
        raise CallerError("a worker needs the agents whose runs it carries out")
    return found
