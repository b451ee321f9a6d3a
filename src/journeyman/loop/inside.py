"""The tool calls that a program makes: on the journal and under the rules of its run, as if the model had made them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..data import Conflict, LimitExceeded, ToolCall
from ..journal import CallState, ToolCalled, ToolStarted
from ..tools import PATIENCE
from .decide import is_held
from .hooks import prepared

if TYPE_CHECKING:
    from .drive import Drive


class Inside:
    """The calls of one program, `parent` being the call that runs it.

    Each is under way in a task of its own, which the program does not own: a program that ends early does not take back what
    it has called. Whoever runs the program calls `finish` when it has ended, or `cut_off` when the run is.
    """

    def __init__(self, drive: Drive, parent: str) -> None:
        self._drive = drive
        self._parent = parent
        self._under_way: dict[asyncio.Task[CallState], CallState] = {}
        self._over = False

    async def call(self, number: int, name: str, arguments: str) -> CallState:
        """Make a call, the program's `number`th from 0, and give what it has come to: a result, or a wait.

        Raises `LimitExceeded` for one too many, and `Conflict`, also where the journal could not be written: a program that
        heard of that would end, and a model that hears of its end pays again.
        """
        drive = self._drive
        call = CallState(ToolCall(self._id(number), name, arguments), parent=self._parent)
        await drive.record_in_turn(
            ToolCalled(call_id=call.call.id, name=name, arguments=arguments, parent=self._parent)
        )
        state = drive.state
        most = state.limits.max_tool_calls
        if most is not None and state.tool_calls > most:
            raise LimitExceeded("tool calls", most, "max_tool_calls", used=state.tool_calls)
        task = asyncio.get_running_loop().create_task(self._carried_out(call), name=name)
        self._under_way[task] = call
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():
                del self._under_way[task]

    async def finish(self) -> None:
        """Wait for the calls whose outcome the program did not wait for."""
        if self._under_way:
            done, _ = await asyncio.wait(self._under_way)
            for task in done:
                del self._under_way[task]
                task.result()

    async def finish_or_cut_off(self) -> None:
        """Wait for them as long as the run's journal takes what comes of them."""
        try:
            await self.finish()
        except Exception:  # noqa: BLE001  (the run has ended for a reason already, and says which)
            await self.cut_off()

    async def cut_off(self) -> None:
        """Cancel the calls that are under way; one that ignores it is reported with the run's end."""
        if not self._under_way:
            return
        for task in self._under_way:
            task.cancel()
        # Each gives up its own tool, as the calls of a model do; what does not even do that is not waited for.
        _, stuck = await asyncio.wait(self._under_way, timeout=PATIENCE)
        self._over = True
        self._drive.calling.abandon((self._under_way[task].call.id, task.get_name()) for task in stuck)
        for task in self._under_way.keys() - stuck:
            if not task.cancelled():
                task.exception()  # heard of, so that asyncio need not complain

    def _id(self, number: int) -> str:
        # A provider may have named a call of the same turn just so.
        name = f"{self._parent}.{number}"
        while self._drive.state.call(name) is not None:
            name += "_"
        return name

    async def _carried_out(self, call: CallState) -> CallState:
        drive, name = self._drive, call.call.id
        tool = drive.plan.tools[call.call.name]
        hooks = drive.plan.hooks
        if hooks is not None and hooks.before_tool is not None:
            changed = await prepared(hooks.before_tool, tool, call)
            self._known(name)
            if changed is not None:
                await drive.record_in_turn(changed)
        call = self._known(name)
        if call.phase == "planned" and is_held(call, drive.state, drive.plan):
            for fact in drive.held([call]):
                await drive.record_in_turn(fact)
            call = self._known(name)
        if call.phase != "planned":
            return await self._written(name)
        await drive.record_in_turn(ToolStarted(call_id=name, name=tool.name))
        call = await self._written(name)
        outcome = await drive.calling.outcome(drive, call)
        if self._over:
            # The run's end is on the journal, which may be somebody else's by now.
            return call
        drive.record(drive.calling.fact(call, outcome))
        # What it did is durable before the program can act on it.
        return await self._written(name)

    async def _written(self, call_id: str) -> CallState:
        """Make durable what was recorded of a call."""
        phase = self._known(call_id).phase
        try:
            await self._drive.commit()
        except Conflict:
            raise
        except Exception as error:
            raise self._drive.unwritten() from error
        call = self._known(call_id)
        if call.phase != phase:
            raise self._drive.unwritten()
        return call

    def _known(self, call_id: str) -> CallState:
        """A call as it stands."""
        call = self._drive.state.call(call_id)
        if call is None:
            # The facts of calls that are side by side are written together, and the journal takes all of them or none.
            raise self._drive.unwritten()
        return call
