"""Perform what `decide` commands and append what comes of it: the only place where a run touches the world."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from ..data import (
    Conflict,
    JourneymanError,
    LimitExceeded,
    Message,
    ModelRequest,
    ModelResponse,
    ModelUsage,
    ToolCall,
    Usage,
    failure_of,
)
from ..guard import Ledger
from ..journal import (
    CallState,
    Fact,
    HistoryChanged,
    Instruction,
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
    ToolDecided,
    ToolPending,
    advance,
)
from ..observe import Feed
from .calling import Calling
from .decide import AskAgain, AskApproval, AskModel, CallTools, Command, Doubt, Fail, Finish, RunProgram, Wait, decide
from .hooks import Hooks, prepared, turn_changed
from .plan import Plan, program_call
from .surroundings import Track

log = logging.getLogger(__name__)


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
    user's type once the run has finished, `refusal` why the journal did not take some facts, if it once did not.
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
        self._refusals = 0
        self.refusal: Exception | None = None
        self._system = _system(state.instructions)
        self._loop = asyncio.get_running_loop()
        self.calling = Calling(plan, world)
        self._prepared: set[str] = set()
        self._turn_over = 0

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
            await self._end(RunCancelled(abandoned=self.calling.cut_off()))
            raise
        except Conflict:
            self.calling.cut_off()
            raise
        except Exception as error:
            # A model or a journal may raise `TimeoutError` of its own, which is no deadline of the run's.
            expired = isinstance(error, TimeoutError) and deadline is not None and deadline.expired()
            told = LimitExceeded("time", self.state.limits.deadline, "deadline") if expired else error
            await self._end(RunFailed(failure=failure_of(told), abandoned=self.calling.cut_off()))
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
        refusals = self._refusals
        async with self._append:
            if self.refusal is not None and self._refusals > refusals:
                # While this waited, the facts before its own were refused, and its own were taken back with them: whoever
                # goes on from here as if they were durable would do what nobody will know of.
                raise self.refusal
            if not self._new:
                return
            facts, self._new = self._new, []
            state = self.state
            # A cancelled append may have been written or not. If a later one succeeds, it was: a log has no gaps.
            self._unpublished.extend(facts)
            try:
                await self.world.log.append(state.run, facts[0].seq, facts)
            except Exception as error:
                self._refusals += 1
                self.refusal = error
                # None of it happened, so that the end, if that can be written, comes after what did.
                self.state, self._new, self._unpublished = self._durable, [], []
                raise
            self._durable = state
            durable, self._unpublished = self._unpublished, []
            self.facts.extend(durable)
            self.world.feed.publish(durable)

    def unwritten(self) -> Conflict:
        """What is raised where the journal did not take what was to be said: whoever hears of a failure has it done again."""
        if isinstance(self.refusal, Conflict):
            return self.refusal
        return Conflict(f"the journal did not take what there is to say of run {self.state.run}: {self.refusal}")

    async def _work(self) -> None:
        while await self._step():
            pass

    async def _step(self) -> bool:  # noqa: C901  (a table with a row per command)
        """Perform one command; False when the run rests."""
        command = decide(self.state, self.plan)
        if self.plan.hooks is not None:
            command = await self._intercepted(command, self.plan.hooks)
        match command:
            case AskModel():
                return await self._ask()
            case CallTools(calls):
                await self.calling.call(self, calls)
            case AskApproval(calls):
                for fact in self.held(calls):
                    self.record(fact)
            case RunProgram() | AskAgain():
                self.record(_of_answer(self.state, command))
            case Finish(value, stored):
                self.value = value
                return await self._rest(RunFinished(output=stored))
            case Doubt(calls):
                for call in calls:
                    self.record(ToolPending(call_id=call.call.id, reason="in_doubt"))
            case Wait():
                # A program that waits does so for calls of its own, which are among these.
                waits = sum(call.phase == "pending" and call.reason != "program" for call in self.state.calls)
                return await self._rest(RunPaused(waits=waits))
            case Fail(error):
                raise error
            case _:
                assert_never(command)
        return True

    def held(self, calls: Sequence[CallState]) -> Iterator[Fact]:
        """What lets calls wait for an approval, or says that their tool was rejected for the whole run."""
        standing = {item.tool: item for item in self.state.standing}
        for call in calls:
            decided = standing.get(call.call.name)
            if decided is None:
                yield ToolPending(call_id=call.call.id, reason="approval")
            else:
                yield ToolDecided(call_id=call.call.id, approved=False, reason=decided.reason)

    async def _intercepted(self, command: Command, hooks: Hooks) -> Command:
        """The command, after the agent's interceptors have seen what it is about."""
        match command:
            case CallTools() | AskApproval() if hooks.before_tool is not None:
                for call in self.state.calls:
                    tool = self.plan.tools.get(call.call.name)
                    if tool is None or call.phase != "planned" or call.call.id in self._prepared:
                        continue
                    self._prepared.add(call.call.id)
                    if call.prepared or call.approved:
                        # It saw the call before somebody was asked.
                        continue
                    fact = await prepared(hooks.before_tool, tool, call)
                    if fact is not None:
                        self.record(fact)
            case AskModel() | Finish() if hooks.after_turn is not None and self.state.iterations > self._turn_over:
                if self.state.requested:
                    return command
                self._turn_over = self.state.iterations
                self._change(await turn_changed("after_turn", hooks.after_turn, self.state))
            case _:
                return command
        return decide(self.state, self.plan)

    def _change(self, fact: HistoryChanged | None) -> None:
        if fact is not None:
            self.record(fact)
            self._system = _system(self.state.instructions)

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
        self.world.ledger.check()
        if not self.state.requested:
            self.world.ledger.take_turn()
        hooks = self.plan.hooks
        if hooks is not None and hooks.before_turn is not None and not self.state.requested:
            self._change(await turn_changed("before_turn", hooks.before_turn, self.state))
        state, plan = self.state, self.plan
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


def _of_answer(state: RunState, command: RunProgram | AskAgain) -> Fact:
    match command:
        case RunProgram(code, note):
            return program_call(state, code, note)
        case AskAgain(reason, call_id):
            return RetryAsked(reason=reason, call_id=call_id)
        case _:
            assert_never(command)


def _system(instructions: Sequence[Instruction]) -> tuple[Message, ...]:
    return tuple(Message.system(item.text) for item in instructions)


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
