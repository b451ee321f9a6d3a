"""A run at work, as its caller holds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, Literal, TypeVar

from ..data import CallerError, TextDelta
from ..journal import Fact, ModelRequested, ModelResponded, Noted, RunCancelled, RunState, Stamped
from ..loop import blocking, blocking_iterator
from ..observe import AgentStep, Event, EventView, Reader, StepView
from .options import RunOptions
from .result import RunResult
from .stretch import Defined, Stretch, taken_up
from .waiting import cancel_run, end_tree

T = TypeVar("T")

MARKED = "checkpoint"
"""The topic of the note that gives a place a name."""

RunsState = Literal["idle", "running", "paused", "waiting", "stopped", "errored", "cancelled", "finished"]


class Run(Generic[T]):
    """A handle on a run: watch it, stop, pause, resume or cancel it, wait for its result.

    The run works in a task of its own and is read in the event loop in which it works. Reading ends when the run rests;
    after `resume` it can be read again, from any cursor.
    """

    def __init__(self, agent: Defined, stretch: Stretch[T], options: RunOptions) -> None:
        self._agent = agent
        self._stretch = stretch
        # The journal of the first stretch is that of all: without this, a run in memory could not be found again.
        self._options: RunOptions = {**options, "journal": stretch.journal}
        self._task: asyncio.Task[RunResult[T]] | None = None

    @property
    def id(self) -> str:
        """The run's id, by which any process can resume it."""
        return self._stretch.drive.state.run

    @property
    def state(self) -> RunsState:
        """`idle` before its start, then what it does or how it ended."""
        return "idle" if self._task is None else self._stretch.drive.state.status

    @property
    def snapshot(self) -> RunState:
        """Everything that is known of the run at this moment."""
        return self._stretch.drive.state

    @property
    def rests(self) -> bool:
        """Whether nothing more happens by itself."""
        return self._task is not None and self._stretch.feed.closed

    def begin(self) -> None:
        """Start working; `result` does it as well."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stretch.work(), name=f"run {self.id}")

    async def result(self) -> RunResult[T]:
        """Wait until the run rests; raises what ended it badly. May be awaited as often as one likes."""
        self.begin()
        assert self._task is not None  # noqa: S101  (`begin` has set it; this tells the type checkers)
        if self._task.get_loop() is not asyncio.get_running_loop():
            raise CallerError("this run works in another event loop; use result_sync there")
        # Whoever stops waiting has not cancelled the run: that is what `cancel` is for.
        return await asyncio.shield(self._task)

    def stop(self) -> None:
        """End the run after the present iteration, without an output."""
        self._stretch.drive.control.stop = True

    def pause(self) -> None:
        """Rest after the present iteration; `resume` goes on."""
        self._stretch.drive.control.pause = True

    async def resume(self, answers: Mapping[str, Any] | None = None) -> None:
        """Go on after a pause or a wait; `answers` are for the calls that it waits for.

        Raises `CallerError` if the run neither rests nor has been told to.
        """
        if self._task is None:
            raise CallerError(f"run {self.id} has not begun; call begin() or result()")
        if not self._stretch.drive.control.pause and not self.rests:
            raise CallerError(f"run {self.id} is {self.state}; only a run that rests can be resumed")
        await asyncio.wait([self._task])
        if self.state not in ("paused", "waiting"):
            raise CallerError(f"run {self.id} is {self.state}; only a run that is paused or waiting can be resumed")
        self._stretch = await taken_up(self._agent, self.id, answers or {}, self._options)
        self._task = None
        self.begin()

    async def step(self) -> RunResult[T]:
        """Wait for the iteration that is under way in a run in `single_step` mode, or do the next one."""
        if self.rests:
            await self.resume()
        return await self.result()

    async def mark(self, label: str) -> int:
        """Give the present place of the run a name, as `Checkpoints.mark` does at rest; gives the number of its fact."""
        drive = self._stretch.drive
        if self.rests:
            raise CallerError(f"run {self.id} rests; use Checkpoints(journal).mark")
        seq = drive.state.next_seq - 1
        await drive.record_in_turn(Noted(topic=MARKED, data={"seq": seq, "label": label}))
        await drive.commit()
        return seq

    async def cancel(self) -> None:
        """Cut the run off at once and wait until it is: the request is closed, async tools are cancelled.

        One that waits or is paused is given up, with the runs below it for which it waits: `result` then says so, and
        `journeyman.resume` takes it up again all the same. Nothing happens to a run that has ended. Raises `Conflict` where
        somebody else has taken the run up meanwhile.
        """
        if self._task is None:
            self._stretch.drive.record(RunCancelled())
            await self._stretch.drive.commit()
        elif not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
            if any(call.waits_for_child for call in self.snapshot.calls):
                await end_tree(self.id, journal=self._stretch.journal)
            return
        elif self.snapshot.ended:
            return
        else:
            await cancel_run(self.id, journal=self._stretch.journal)
            self._stretch = await taken_up(self._agent, self.id, {}, self._options, only_if_due=True)
        # There is nothing left to do but to close what is open, and to have a result that says so.
        self._task = asyncio.create_task(self._stretch.work())
        await asyncio.wait([self._task])

    async def facts(self, after: int = -1) -> AsyncIterator[Fact]:
        """The facts after a number: those of the past, then each as it becomes durable."""
        reader = self._reader(after)
        try:
            async for batch in reader:
                for item in batch:
                    if isinstance(item, Stamped):
                        yield item
        finally:
            reader.leave()

    async def events(self, after: int = -1) -> AsyncIterator[Event]:
        """The run as events, for an interface; `after` is the number of a fact."""
        plan = self._stretch.agent.plan
        partial = None if plan.output.schema is None else plan.output.partial
        view = EventView(self._stretch.output_of, partial=partial, output_tool=plan.output_tool)
        # What came before the cursor is not told again, but later events speak of it.
        view.catch_up(self._stretch.drive.facts[: after + 1])
        reader = self._reader(after)
        try:
            async for batch in reader:
                for event in view.of(batch):
                    yield event
        finally:
            reader.leave()

    async def text(self) -> AsyncIterator[str]:
        """The words of the answers as they come; a reader who comes late gets what was said before, too."""
        said = 0
        # One generator and no view: this runs once for each token of each stream.
        reader = self._reader()
        try:
            async for batch in reader:
                for item in batch:
                    if type(item) is TextDelta:
                        said += len(item.text)
                        yield item.text
                    elif isinstance(item, ModelResponded):
                        rest, said = item.response.message.text[said:], 0
                        if rest:
                            yield rest
                    elif isinstance(item, ModelRequested):
                        said = 0
        finally:
            reader.leave()

    async def steps(self) -> AsyncIterator[AgentStep]:
        """The run as steps."""
        view = StepView(self._stretch.output_of)
        async for fact in self.facts():
            for step in view.of(fact):
                yield step

    def _reader(self, after: int = -1) -> Reader:
        # Both at once, before anything else can happen: no fact is missed and none comes twice.
        return self._stretch.feed.reader(tuple(self._stretch.drive.facts[after + 1 :]))

    result_sync = blocking(result)
    resume_sync = blocking(resume)
    step_sync = blocking(step)
    mark_sync = blocking(mark)
    cancel_sync = blocking(cancel)
    facts_sync = blocking_iterator(facts)
    events_sync = blocking_iterator(events)
    text_sync = blocking_iterator(text)
    steps_sync = blocking_iterator(steps)
