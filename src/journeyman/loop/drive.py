"""Perform what `decide` commands and append what comes of it: the only place where a run touches the world."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from ..data import (
    Conflict,
    Glimpse,
    JourneymanError,
    LimitExceeded,
    Message,
    ModelRequest,
    ModelResponse,
    ModelUsage,
    Progress,
    ToolCall,
    Usage,
    failure_of,
)
from ..guard import Ledger
from ..journal import (
    CallState,
    Fact,
    Log,
    ModelDropped,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    RetryAsked,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunState,
    ToolFinished,
    ToolPending,
    ToolStarted,
    advance,
)
from ..observe import Feed
from ..tools import Done, Outcome, RunContext, Waits, call_tool, unknown_tool
from .decide import AskAgain, AskModel, CallTools, Doubt, Fail, Finish, Wait, decide
from .plan import Plan
from .surroundings import Report, Track

log = logging.getLogger(__name__)

GRACE = 0.5
"""Seconds that a cancelled async tool has to clean up before it is abandoned."""


@dataclass(slots=True)
class Control:
    """What the caller wants of a run; looked at between iterations."""

    stop: bool = False
    pause: bool = False
    single_step: bool = False


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever is neither in the journal nor in the plan.

    Where facts go, the clock (microseconds since 1970), who listens, what was used, and the user's own `deps`; `track` is
    the run's part of a tape that is in.
    """

    log: Log
    clock: Callable[[], int]
    feed: Feed
    ledger: Ledger
    deps: Any = None
    track: Track | None = None


class Drive:
    """One stretch of work on one run, from its state to its next rest: an end, a pause or a wait.

    `state` is always the fold of `facts`, the last of which may not be durable yet; nothing happens outside before they
    are. `new` is a fact that the state holds already and that is still to be made durable. `value` is the output as the
    user's type once the run has finished.
    """

    def __init__(
        self,
        state: RunState,
        plan: Plan,
        world: World,
        control: Control,
        *,
        facts: Sequence[Fact] = (),
        new: Fact | None = None,
    ) -> None:
        self.state = state
        self.plan = plan
        self.world = world
        self.control = control
        self.facts: list[Fact] = list(facts)
        self.value: Any = None
        self._new: list[Fact] = [] if new is None else [new]
        self._unpublished: list[Fact] = []
        self._durable = state
        self._append = asyncio.Lock()
        self._system = tuple(Message.system(item.text) for item in state.instructions)
        self._blocking: dict[str, str] = {}
        self._cancelled: threading.Event | None = None
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Work until the run rests. What ends it badly is recorded and raised.

        Raises `Conflict` (recording nothing) if another writer has taken the run over.
        """
        seconds = self._seconds_left()
        deadline = None if seconds is None else asyncio.timeout(seconds)
        try:
            if deadline is None:
                await self._work()
            else:
                async with deadline:
                    await self._work()
        except asyncio.CancelledError:
            await self._end(RunCancelled(abandoned=self._cut_off()))
            raise
        except Conflict:
            self._cut_off()
            raise
        except Exception as error:
            # A model or a journal may raise `TimeoutError` of its own, which is no deadline of the run's.
            expired = isinstance(error, TimeoutError) and deadline is not None and deadline.expired()
            told = LimitExceeded("time", self.state.limits.deadline, "deadline") if expired else error
            await self._end(RunFailed(failure=failure_of(told), abandoned=self._cut_off()))
            if expired:
                raise told from error
            raise

    def record(self, fact: Fact) -> None:
        """Take a fact into the state; it becomes durable with the next `commit`."""
        track = self.world.track
        at = self.world.clock() if track is None else track.time(fact)
        fact = replace(fact, seq=self.state.next_seq, at=at)
        self.state = advance(self.state, fact)
        self._new.append(fact)

    async def record_in_turn(self, fact: Fact) -> None:
        """Take a fact that comes from beside the loop, from within a tool; a replay puts it where it was recorded."""
        if self.world.track is not None:
            await self.world.track.turn(fact)
        self.record(fact)

    async def commit(self) -> None:
        """Make all recorded facts durable, then publish them."""
        async with self._append:
            if not self._new:
                return
            facts, self._new = self._new, []
            state = self.state
            # A cancelled append may have been written or not. If a later one succeeds, it was: a log has no gaps.
            self._unpublished.extend(facts)
            try:
                await self.world.log.append(state.run, facts[0].seq, facts)
            except Exception:
                # None of it happened, so that the end, if that can be written, comes after what did.
                self.state, self._new, self._unpublished = self._durable, [], []
                raise
            self._durable = state
            durable, self._unpublished = self._unpublished, []
            self.facts.extend(durable)
            self.world.feed.publish(durable)

    async def _work(self) -> None:
        while await self._step():
            pass

    async def _step(self) -> bool:  # noqa: C901  (a table with a row per command)
        """Perform one command; False when the run rests."""
        command = decide(self.state, self.plan)
        match command:
            case AskModel():
                return await self._ask()
            case CallTools(calls):
                await self._call_tools(calls)
            case AskAgain(reason, call_id):
                self.record(RetryAsked(reason=reason, call_id=call_id))
            case Finish(value, stored):
                self.value = value
                return await self._rest(RunFinished(output=stored))
            case Doubt(calls):
                for call in calls:
                    self.record(ToolPending(call_id=call.call.id, reason="in_doubt"))
            case Wait():
                return await self._rest(RunPaused())
            case Fail(error):
                raise error
            case _:
                assert_never(command)
        return True

    async def _rest(self, fact: Fact) -> bool:
        self.record(fact)
        await self.commit()
        return False

    async def _ask(self) -> bool:
        if self.control.stop:
            return await self._rest(RunFinished(reason="stopped"))
        if self.control.pause:
            return await self._rest(RunPaused())
        self.control.pause = self.control.single_step
        state, plan = self.state, self.plan
        self.world.ledger.check()
        # A request that a crash cut off is asked again as the same iteration.
        iteration = state.iterations + (0 if state.requested else 1)
        self.record(ModelRequested(model=plan.model.name, history=len(state.messages), iteration=iteration))
        await self.commit()
        request = ModelRequest("", self._system + state.messages, plan.specs, plan.json_output, plan.settings)
        emit = self.world.feed.glimpse if self.world.feed.streams else None
        response = await plan.model.respond(request, emit, self._on_the_way)
        if not response.cached:
            # The model that the state names: on the way, another one may have taken over.
            self.world.ledger.charge(ModelUsage.of(self.state.model, response.usage, response.cost))
        self.record(ModelResponded(response=_with_ids(response, self.state.next_seq)))
        return True

    async def _on_the_way(self, fact: Fact) -> None:
        """Take what a model tells of the way to its answer; durable before the model goes on."""
        match fact:
            case ModelRetried():
                self._check_model_retries()
            case ModelDropped(usage=Usage() as usage):
                self.world.ledger.charge(ModelUsage.of(fact.model, usage, fact.cost))
            case _:
                pass
        self.record(fact)
        commit = self._loop.create_task(self.commit())
        try:
            await asyncio.shield(commit)
        except asyncio.CancelledError:
            # One of two requests side by side may be cut off here while the run goes on, and that needs to know where its
            # journal ends.
            await asyncio.wait([commit])
            raise

    def _check_model_retries(self) -> None:
        most = self.state.limits.max_model_retries
        if most is not None and self.state.model_retries >= most:
            raise LimitExceeded("repeated requests", most, "max_model_retries", used=self.state.model_retries)

    async def _call_tools(self, calls: Sequence[CallState]) -> None:
        known = [call for call in calls if call.call.name in self.plan.tools]
        for call in calls:
            if call.call.name in self.plan.tools:
                self.record(ToolStarted(call_id=call.call.id, name=call.call.name, attempt=call.attempt + 1))
            else:
                self._take(call.call, unknown_tool(call.call, lambda: list(self.plan.tools)))
        await self.commit()
        if len(known) == 1:
            self._take(known[0].call, await self._call_tool(known[0]))
            _stop_if_cancelled()
        elif known:
            await self._call_together(known)

    async def _call_together(self, calls: Sequence[CallState]) -> None:
        tasks = {self._loop.create_task(self._call_tool(call), name=call.call.name): call for call in calls}
        left = set(tasks)
        try:
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                # In the order of the calls: a set has none, and a replay needs one.
                for task in [task for task in tasks if task in done]:
                    self._take(tasks[task].call, task.result())
                if left:
                    # What one tool did is durable before its slower siblings are waited for.
                    await self.commit()
        finally:
            if left:
                for task in left:
                    task.cancel()
                _, stuck = await asyncio.wait(left, timeout=GRACE)
                self._blocking.update((tasks[task].call.id, task.get_name()) for task in stuck)

    async def _call_tool(self, call: CallState) -> Outcome:
        track = self.world.track
        if track is None:
            return await self._carry_out(call, self._report)
        return await track.call(call, self._report, lambda report: self._carry_out(call, report))

    async def _carry_out(self, call: CallState, report: Report) -> Outcome:
        tool = self.plan.tools[call.call.name]
        if tool.is_async:
            return await call_tool(tool, call.call, lambda: self._context(call, report))
        self._blocking[call.call.id] = tool.name
        outcome = await call_tool(tool, call.call, lambda: self._context(call, report))
        del self._blocking[call.call.id]
        return outcome

    def _take(self, call: ToolCall, outcome: Outcome) -> None:
        match outcome:
            case Done(result, asks_retry):
                self.record(ToolFinished(result=result, asks_retry=asks_retry))
            case Waits(info):
                self.record(ToolPending(call_id=call.id, info=info))
            case _:
                assert_never(outcome)

    def _context(self, call: CallState, report: Report) -> RunContext[Any]:
        if self._cancelled is None:
            self._cancelled = threading.Event()
        return RunContext(
            deps=self.world.deps,
            run_id=self.state.run,
            agent=self.plan.agent,
            model=self.plan.model.name,
            call_id=call.call.id,
            tool_name=call.call.name,
            attempt=call.attempt + 1,
            cancelled=self._cancelled,
            host=self,
            report=report,
        )

    def _report(self, progress: Progress) -> None:
        # Blocking tools report from their own thread, and a feed belongs to its loop.
        glimpses: list[Glimpse] = [progress]
        self._loop.call_soon_threadsafe(self.world.feed.glimpse, glimpses)

    def _cut_off(self) -> tuple[str, ...]:
        if self._cancelled is not None:
            self._cancelled.set()
        return tuple(self._blocking.values())

    async def _end(self, fact: Fact) -> None:
        """Record an end that something else caused; that cause matters more than a journal that cannot be written."""
        if not self.state.ended:
            self.record(fact)
        try:
            await asyncio.shield(asyncio.ensure_future(self.commit()))
        except (JourneymanError, OSError) as error:
            log.warning("run %s: its end could not be recorded: %s", self.state.run, error)

    def _seconds_left(self) -> float | None:
        seconds = self.state.limits.deadline
        if seconds is None:
            return None
        return max(0.0, seconds - (self.world.clock() - self.state.resumed_at) / 1e6)


def _stop_if_cancelled() -> None:
    # A tool may swallow the cancellation that was meant for the run.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _with_ids(response: ModelResponse, seq: int) -> ModelResponse:
    """The response with an id of its own for every tool call; some servers give none, or the same one twice."""
    calls = response.message.tool_calls
    if len({call.id for call in calls} - {""}) == len(calls):
        return response
    seen: set[str] = {""}
    parts: list[Any] = []
    for index, part in enumerate(response.message.parts):
        if isinstance(part, ToolCall):
            if part.id in seen:
                part = replace(part, id=f"call_{seq}_{index}")  # noqa: PLW2901  (the part, mended)
            seen.add(part.id)
        parts.append(part)
    return replace(response, message=replace(response.message, parts=tuple(parts)))
