"""The runs that are at work in this process: begun, taken up, told to rest, and heard by those who follow them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from msgspec.structs import replace

from ...agents import Agent, PendingCall
from ...agents.options import RunOptions
from ...agents.prompts import Prompt
from ...agents.stretch import Stretch, taken_up
from ...agents.waiting import calls_of, moment, secret_of, tree_of, wakes_at
from ...background.queue import queue_tag
from ...compose import clock
from ...data import Conflict, JourneymanError, Secret
from ...journal import Log, Noted, RunState, load
from ..refusals import Refusal
from .resting.alarms import Alarms
from .resting.rest import Rest, rest_of

log = logging.getLogger(__name__)

_ATTEMPTS = 5
_QUEUED = queue_tag("")
_LATER = 5_000_000
"""Microseconds until a run is looked at again for which there was no room when its time came."""

Rested = Callable[[Rest], None]
"""Called when a run has come to rest here, however it did."""


class Workshop:
    """A run is at work here from when it is begun or taken up until it rests.

    `options` go to each run (`deps`, `callbacks`, …), of which at most `most` are at work at the same time. A run that waits
    is looked at again when a deadline of its is over, or when a tool of its is to be asked.
    """

    def __init__(
        self, agents: Mapping[str, Agent[Any]], journal: Log, options: RunOptions, most: int, rested: Rested
    ) -> None:
        self._agents = agents
        self._log = journal
        self._options: RunOptions = {**options, "journal": journal}
        self._most = most
        self._rested = rested
        self._at_work: dict[str, tuple[Stretch[Any], asyncio.Task[None]]] = {}
        self._expected: dict[str, set[asyncio.Future[None]]] = {}
        self._alarms = Alarms(self._look_again)
        self._doors: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def stretch_of(self, run: str) -> Stretch[Any] | None:
        """The stretch of work that is under way, if one is."""
        found = self._at_work.get(run)
        # Between its last word and its end a stretch has nothing more to tell.
        return None if found is None or found[0].feed.closed else found[0]

    def works_on(self, run: str) -> bool:
        """Whether a run is at work here, or not quite done with it."""
        return run in self._at_work

    def door(self, run: str) -> asyncio.Lock:
        """Held by whoever is about to take a run up or to write its end, so that two clients do not get in each other's way."""
        return self._doors.setdefault(run, asyncio.Lock())

    async def begin(self, agent: Agent[Any], prompt: Prompt, options: RunOptions, *, run_id: str | None = None) -> str:
        """Begin a run, of this id if one is given; its first fact is durable. Raises `Conflict` if that run is there."""
        self.check_room()
        stretch: Stretch[Any] = Stretch(agent.definition, {**self._options, **options}, streams=True)
        await stretch.start(prompt, run_id=run_id)
        try:
            await stretch.drive.commit()
        except BaseException:
            await stretch.close()
            raise
        return self._work(stretch)

    async def branch(self, state: RunState, at: int | None, prompt: Prompt) -> str:
        """Begin a run that goes on from a place in another."""
        self.check_room()
        stretch: Stretch[Any] = Stretch(self._agent_of(state).definition, self._options, streams=True)
        await stretch.branch(state.run, at, prompt)
        return self._work(stretch)

    async def take_up(self, state: RunState, *, only_if_due: bool = False) -> None:
        """Go on with a run that rests, or only with one that can go on by itself; the door is held."""
        self.check_room()
        agent = self._agent_of(state)
        self._work(await taken_up(agent, state.run, {}, self._options, only_if_due=only_if_due))

    async def go_on(self, state: RunState) -> None:
        """Go on with a run that was answered, however much there is to do; one of an agent that works elsewhere is left to it.

        The door is held. The answer is durable: whoever gave it must not hear that there was no room for it.
        """
        agent = self._agents.get(state.agent)
        if agent is not None:
            self._work(await taken_up(agent, state.run, {}, self._options))

    async def expect(self, run: str) -> Rest | None:
        """Look at a run that waits, and wake it when its time comes if its agent works here; None if it does not wait.

        One of a queue is woken by the queue's workers, in their lanes.
        """
        tree = await tree_of(self._log, run)
        state = tree[0].state
        if state.status != "waiting" or self.works_on(run):
            return None
        wakes = wakes_at(tree, clock())
        queued = any(tag.startswith(_QUEUED) for tag in state.tags)
        if wakes is not None and state.agent in self._agents and not queued:
            self._alarms.set(run, moment(wakes))
        return rest_of(state, tree[0].facts, calls_of(tree, secret_of(self.secret_for(state))))

    async def note(self, run: str, since: int, fact: Noted) -> None:
        """Write something down beside a run that still waits since a fact; of one that has gone on nobody needs to know."""
        for _ in range(_ATTEMPTS):
            async with self.door(run):
                loaded = await load(self._log, run)
                state = loaded.state
                if state.status != "waiting" or rest_of(state, loaded.facts).since != since:
                    return
                try:
                    await self._log.append(run, state.next_seq, [replace(fact, seq=state.next_seq, at=clock())])
                except Conflict:
                    # Somebody elsewhere answers it, or has noted something, too.
                    continue
                # How long a tool was not asked is counted from the last fact.
                await self.expect(run)
                return

    def secret_for(self, state: RunState) -> str | Secret | None:
        """What makes the tokens of a run's pending calls; None for that of the environment."""
        agent = self._agents.get(state.agent)
        return self._options.get("secret") or (None if agent is None else agent.definition.secret)

    async def until_rest(self, run: str, seconds: float) -> None:
        """Wait until a run is not at work here. Raises `Refusal` (409) if it takes too long."""
        found = self._at_work.get(run)
        if found is not None:
            await asyncio.wait([found[1]], timeout=seconds)
            if not found[1].done():
                words = f"run {run} is still at work after {seconds:g} seconds (rest_seconds={seconds:g}); ask again"
                raise Refusal(409, words, retry_after="1")

    async def until_work(self, run: str) -> None:
        """Wait until a run is at work here."""
        if self.stretch_of(run) is None:
            begun = asyncio.get_running_loop().create_future()
            self._expected.setdefault(run, set()).add(begun)
            try:
                await begun
            finally:
                left = self._expected.get(run, set())
                left.discard(begun)
                if not left:
                    self._expected.pop(run, None)

    async def cancel(self, run: str) -> bool:
        """Cut a run off that is at work here, and wait until it is; False if it is not."""
        found = self._at_work.get(run)
        if found is None:
            return False
        found[1].cancel()
        await asyncio.wait([found[1]])
        return True

    async def close(self, grace: float) -> None:
        """Have all runs rest after the iteration that they are in, and cut off those that do not within `grace` seconds."""
        await self._alarms.close()
        tasks = [task for _, task in self._at_work.values()]
        for stretch, _ in self._at_work.values():
            stretch.drive.control.pause = True
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _work(self, stretch: Stretch[Any]) -> str:
        run = stretch.drive.state.run
        task = asyncio.get_running_loop().create_task(self._until_rest(run, stretch), name=f"run {run}")
        self._at_work[run] = stretch, task
        for begun in self._expected.pop(run, ()):
            if not begun.done():
                begun.set_result(None)
        return run

    async def _until_rest(self, run: str, stretch: Stretch[Any]) -> None:
        before = stretch.drive.state.next_seq
        pending: Sequence[PendingCall] = ()
        try:
            result = await stretch.work()
            pending = result.pending
            if result.wakes_at is not None:
                self._alarms.set(run, result.wakes_at)
        except (JourneymanError, OSError) as error:
            # It is on the journal, but for a conflict, which is about the journal.
            log.warning("run %s came to no good end: %s", run, type(error).__name__)
        except Exception:
            log.exception("run %s came to no good end", run)
        finally:
            self._at_work.pop(run, None)
            if stretch.drive.state.next_seq != before:
                self._rested(rest_of(stretch.drive.state, stretch.drive.facts, pending))

    async def _look_again(self, run: str) -> None:
        async with self.door(run):
            if self.works_on(run):
                return
            try:
                state = (await load(self._log, run)).state
                if state.status == "waiting":
                    await self.take_up(state, only_if_due=True)
            except Conflict:
                log.info("run %s was taken up by somebody else at the same moment", run)
            except Refusal as error:
                # There is no room just now, and nobody else who would come back for it.
                log.warning("run %s could not be taken up and will be looked at again: %s", run, error)
                self._alarms.set(run, moment(clock() + _LATER))
            except (JourneymanError, OSError) as error:
                log.warning("run %s could not be looked at again: %s", run, error)

    def check_room(self) -> None:
        """Raise `Refusal` (503) while as many runs are at work as may be."""
        if len(self._at_work) >= self._most:
            words = f"{len(self._at_work)} runs are at work (max_runs={self._most}); ask again"
            raise Refusal(503, words, retry_after="1")

    def _agent_of(self, state: RunState) -> Agent[Any]:
        agent = self._agents.get(state.agent)
        if agent is None:
            raise Refusal(409, f"run {state.run} is one of agent {state.agent!r}, which does not work here")
        return agent
