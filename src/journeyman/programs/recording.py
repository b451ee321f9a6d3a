"""What a program called and heard, in its own order: enough to run it again to the same point."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any, assert_never, cast

import msgspec

from ..data import CallerError, ReplayMismatch
from .granting import Answer, Answered, Failed, Waits
from .outcome import ProgramCall

_Key = tuple[str, bytes]


class Recording:
    """The calls of one program.

    A call is known again by its name and arguments, the first such one that has not been made again yet. Its position alone
    was rejected: where calls run side by side, their order depends on which answer came first, and a journal written up to
    a crash may tell that order a little differently.
    """

    def __init__(self, calls: Sequence[ProgramCall] = (), settled: Sequence[int] = ()) -> None:
        self._calls = list(calls)
        self.settled = list(settled)
        """The answered calls in the order in which the program heard of them."""
        self._again: dict[_Key, deque[int]] = {}
        self._unmade = 0
        self._ready = [call.id for call in calls if call.state in ("done", "failed") and call.id not in self.settled]
        check_ids(calls)

    @property
    def calls(self) -> tuple[ProgramCall, ...]:
        """All calls, in the program's order."""
        return tuple(self._calls)

    @property
    def count(self) -> int:
        """How many calls there are."""
        return len(self._calls)

    @property
    def catching_up(self) -> bool:
        """Whether recorded calls have not been made again yet; until then no new call may have an effect."""
        return self._unmade > 0

    def call(self, call_id: int) -> ProgramCall:
        """One call."""
        return self._calls[call_id]

    def restart(self) -> None:
        """From here on the program makes its calls from the first one again."""
        self._again = {}
        for call in self._calls:
            self._again.setdefault(_key(call.name, call.arguments), deque()).append(call.id)
        self._unmade = len(self._calls)
        self._ready = []

    def make(self, name: str, arguments: dict[str, Any]) -> tuple[int, bool]:
        """The id of a call that the program makes, and whether it is new."""
        if self._unmade and (waiting := self._again.get(_key(name, arguments))):
            call_id = waiting.popleft()
            self._unmade -= 1
            if self._calls[call_id].state in ("done", "failed"):
                self._ready.append(call_id)
            return call_id, False
        call_id = len(self._calls)
        self._calls.append(ProgramCall(call_id, name, arguments))
        return call_id, True

    def answer(self, call_id: int, answer: Answer) -> None:
        """Write down what came of a call."""
        call = self._calls[call_id]
        match answer:
            case Answered():
                new = msgspec.structs.replace(call, state="done", value=answer.value, info=None)
            case Failed():
                new = msgspec.structs.replace(call, state="failed", message=answer.message, info=None)
            case Waits():
                self._calls[call_id] = msgspec.structs.replace(call, state="waiting", info=answer.info)
                return
            case _:
                assert_never(answer)
        self._calls[call_id] = new
        self._ready.append(call_id)

    def answer_of(self, call_id: int) -> Answer | None:
        """What came of a call, or None while it is under way."""
        call = self._calls[call_id]
        match call.state:
            case "done":
                return Answered(call.value)
            case "failed":
                return Failed(call.message)
            case "waiting":
                return Waits(call.info)
            case "begun":
                return None
            case _:
                assert_never(call.state)

    def next_heard(self, pending: Collection[int]) -> int | None:
        """Which of the pending calls the program hears of next, or None where none is answered.

        What it heard of before comes in the old order; after that, whatever was answered first.
        """
        answered = [call_id for call_id in self._ready if call_id in pending]
        if not answered:
            return None
        order = {call_id: place for place, call_id in enumerate(self.settled)}
        return min(answered, key=lambda call_id: order.get(call_id, len(order)))

    def heard(self, call_id: int) -> Answered | Failed:
        """The answer that the program is now given."""
        if call_id in self._ready:
            self._ready.remove(call_id)
        if call_id not in self.settled:
            self.settled.append(call_id)
        return cast("Answered | Failed", self.answer_of(call_id))

    def expect_caught_up(self) -> None:
        """Raise `ReplayMismatch` where recorded calls were not made again."""
        if not self._unmade:
            return
        call_id = min(ids[0] for ids in self._again.values() if ids)
        call = self._calls[call_id]
        raise ReplayMismatch(
            f"the program was run again and did not repeat call {call_id}, {call.name}({_shown(call.arguments)}); "
            "run it with the source, data and language that the calls were recorded with",
            path=f"calls[{call_id}]",
            expected=call.name,
        )


def check_ids(calls: Sequence[ProgramCall]) -> None:
    """Raise `CallerError` where some of a program's calls are missing."""
    if [call.id for call in calls] != list(range(len(calls))):
        raise CallerError("the calls of a suspended program are not complete: their ids have to count from 0")


def _key(name: str, arguments: dict[str, Any]) -> _Key:
    return name, msgspec.json.encode(arguments, order="deterministic")


def _shown(arguments: dict[str, Any]) -> str:
    text = msgspec.json.encode(arguments).decode()
    return text if len(text) <= 200 else text[:200] + "…"  # noqa: PLR2004  (enough to know it by)
