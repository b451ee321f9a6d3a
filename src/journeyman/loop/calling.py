"""The tool calls of a run: announced, carried out side by side, and each outcome recorded for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, assert_never

from msgspec.structs import replace

from ..data import Failure, Glimpse, Progress
from ..journal import CallState, Fact, ProgramSuspended, ToolFinished, ToolPending, ToolResolved, ToolStarted
from ..tools import (
    GRACE,
    PATIENCE,
    Done,
    Outcome,
    RunContext,
    Tool,
    Waits,
    call_in_time,
    call_tool,
    poll_tool,
    told_of_edit,
    unknown_tool,
)
from .hooks import result_changed
from .plan import Plan
from .surroundings import Report

if TYPE_CHECKING:
    from .drive import Drive, World


class Calling:
    """The part of a `Drive` that knows tools; it does not hold the drive, which would keep finished runs in memory longer."""

    def __init__(self, plan: Plan, world: World) -> None:
        self._plan = plan
        self._world = world
        self._loop = asyncio.get_running_loop()
        self._blocking: dict[str, str] = {}
        self._cancelled: threading.Event | None = None
        self._own: dict[str, threading.Event] = {}

    async def call(self, drive: Drive, calls: Sequence[CallState]) -> None:
        """Make some calls, at the same time."""
        tools = self._plan.tools
        known = [call for call in calls if call.call.name in tools]
        for call in calls:
            if call.call.name in tools:
                drive.record(ToolStarted(call_id=call.call.id, name=call.call.name, attempt=call.attempt + 1))
            else:
                drive.record(self.fact(call, unknown_tool(call.call, lambda: list(tools))))
        await drive.commit()
        if len(known) == 1:
            drive.record(self.fact(known[0], await self.outcome(drive, known[0])))
            _stop_if_cancelled()
        elif known:
            await self._call_together(drive, known)

    async def poll(self, calls: Sequence[CallState]) -> list[Fact]:
        """Ask the tools of those calls that can be asked for; what there is to record of it."""
        due = [call for call in calls if self.can_poll(call)]
        outcomes = await asyncio.gather(*(self._poll(call) for call in due))
        facts: list[Fact] = []
        for call, outcome in zip(due, outcomes, strict=True):
            if isinstance(outcome, Done):
                structured = outcome.structured and bool(call.parent)
                result = told_of_edit(call, outcome.result)
                facts.append(ToolResolved(call_id=call.call.id, result=result, structured=structured))
        return facts

    def can_poll(self, call: CallState) -> bool:
        """Whether there is somebody to ask how far a call is."""
        tool = self._plan.tools.get(call.call.name)
        return call.phase == "pending" and call.reason == "pending" and tool is not None and tool.poll is not None

    def cut_off(self) -> tuple[str, ...]:
        """Tell all tools that the run is cut off; gives the names of those that may still be at work."""
        if self._cancelled is not None:
            self._cancelled.set()
        for token in self._own.values():
            token.set()
        return tuple(self._blocking.values())

    def abandon(self, calls: Iterable[tuple[str, str]]) -> None:
        """Take down the ids and tools of calls that ignore that they are cut off."""
        self._blocking.update(calls)

    async def _call_together(self, drive: Drive, calls: Sequence[CallState]) -> None:
        tasks = {self._loop.create_task(self.outcome(drive, call), name=call.call.name): call for call in calls}
        left = set(tasks)
        try:
            while left:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                # In the order of the calls: a set has none, and a replay needs one.
                for task in [task for task in tasks if task in done]:
                    drive.record(self.fact(tasks[task], task.result()))
                if left:
                    # What one tool did is durable before its slower siblings are waited for.
                    await drive.commit()
        finally:
            for task in tasks.keys() - left:
                if not task.cancelled():
                    task.exception()  # heard of: where the journal fails several calls at once, one of them says so
            if left:
                for task in left:
                    task.cancel()
                # Each gives up its own tool; what does not even do that is not waited for.
                _, stuck = await asyncio.wait(left, timeout=PATIENCE)
                self.abandon((tasks[task].call.id, task.get_name()) for task in stuck)

    async def outcome(self, drive: Drive, call: CallState) -> Outcome:
        """Carry out a call that is announced, as often as its tool says."""
        tool = self._plan.tools[call.call.name]
        outcome = await self._attempt(drive, tool, call)
        while isinstance(outcome, Done) and outcome.failed and call.attempt < tool.retries:
            call = replace(call, attempt=call.attempt + 1)
            why = Failure("ToolFailed", outcome.result.text)
            again = ToolStarted(call_id=call.call.id, name=tool.name, attempt=call.attempt + 1, failure=why)
            await drive.record_in_turn(again)
            await drive.commit()
            outcome = await self._attempt(drive, tool, call)
        return outcome

    async def _attempt(self, drive: Drive, tool: Tool[..., Any], call: CallState) -> Outcome:
        track = self._world.track
        if track is None:
            return await self._carry_out(drive, tool, call, self._report)
        return await track.call(call, self._report, lambda report: self._carry_out(drive, tool, call, report))

    async def _poll(self, call: CallState) -> Outcome:
        tool = self._plan.tools[call.call.name]
        track = self._world.track
        if track is None:
            return await poll_tool(tool, call.made, call.info)
        return await track.call(call, self._report, lambda _: poll_tool(tool, call.made, call.info))

    async def _carry_out(self, drive: Drive, tool: Tool[..., Any], call: CallState, report: Report) -> Outcome:
        made = call.made
        if tool.can_be_cut_off:
            outcome = await call_in_time(
                tool,
                made,
                lambda: self._context(drive, tool, call, report),
                abandon=lambda: self.abandon([(made.id, tool.name)]),
                grace=lambda: _grace(drive, made.id),
            )
        elif tool.is_async:
            outcome = await call_tool(tool, made, lambda: self._context(drive, tool, call, report))
        else:
            self._blocking[made.id] = tool.name
            outcome = await call_tool(tool, made, lambda: self._context(drive, tool, call, report))
            del self._blocking[made.id]
        hooks = self._plan.hooks
        if hooks is not None and hooks.after_tool is not None and isinstance(outcome, Done):
            return await result_changed(hooks.after_tool, tool, call, outcome)
        return outcome

    def fact(self, call: CallState, outcome: Outcome) -> Fact:
        """What there is to record of a call's outcome."""
        match outcome:
            case Done(result, asks_retry):
                result = told_of_edit(call, result)
                structured = outcome.structured and bool(call.parent)
                return ToolFinished(
                    result=result, asks_retry=asks_retry, abandoned=outcome.abandoned, structured=structured
                )
            case Waits(program=ProgramSuspended() as suspended):
                return suspended
            case Waits():
                tool = self._plan.tools.get(call.call.name)
                return ToolPending(
                    call_id=call.call.id,
                    reason="child" if outcome.child else "pending",
                    info=outcome.info,
                    deadline=outcome.until,
                    seconds=outcome.seconds,
                    response=outcome.response,
                    poll_every=None if tool is None else tool.poll_every,
                )
            case _:
                assert_never(outcome)

    def _context(self, drive: Drive, tool: Tool[..., Any], call: CallState, report: Report) -> RunContext[Any]:
        plan = self._plan
        return RunContext(
            deps=self._world.deps,
            run_id=drive.state.run,
            agent=plan.agent,
            model=plan.model.name,
            call_id=call.call.id,
            tool_name=call.call.name,
            attempt=call.attempt + 1,
            cancelled=self._token(tool, call),
            host=drive,
            report=report,
            turn=drive.state.iterations,
        )

    def _token(self, tool: Tool[..., Any], call: CallState) -> threading.Event:
        if tool.timeout is not None:
            # Its own time may be over while its siblings have theirs.
            return self._own.setdefault(call.call.id, threading.Event())
        if self._cancelled is None:
            self._cancelled = threading.Event()
        return self._cancelled

    def _report(self, progress: Progress) -> None:
        # Blocking tools report from their own thread, and a feed belongs to its loop.
        glimpses: list[Glimpse] = [progress]
        self._loop.call_soon_threadsafe(self._world.feed.glimpse, glimpses)


def _grace(drive: Drive, call_id: str) -> float:
    """How long a call may take to end: a run below, or a program, gives up its own tools first, and has to write that down."""
    call = drive.state.call(call_id)
    inside = call is not None and (call.child is not None or drive.state.calls_of(call_id))
    return PATIENCE if inside else GRACE


def _stop_if_cancelled() -> None:
    # A tool may swallow the cancellation that was meant for the run.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
