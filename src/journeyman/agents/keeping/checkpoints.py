"""Checkpoints: places in a run to look at, to go back to and to branch off from.

Every prefix of a run is one, so that nothing is written for them, whatever the trigger: a trigger is a way to choose among
the facts that are there. Only a place that somebody marks by hand is a fact of its own, for its name is nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Literal, Self, Unpack, cast

import msgspec
from msgspec.structs import replace

from ...compose import clock, open_journal
from ...data import CallerError, Conflict, JsonObject
from ...journal import (
    Fact,
    Log,
    ModelRequested,
    ModelResponded,
    Noted,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunState,
    ToolFinished,
    ToolPending,
    ToolResolved,
    ToolStarted,
    advance,
    load,
)
from ..agent import Agent
from ..options import RunOptions
from ..resume import fork
from ..run import MARKED, Run
from .differences import StateDiff, difference

Trigger = Literal["step", "iteration", "tool_call", "every_seconds", "manual"]

UNMARKED, REWOUND = "checkpoint deleted", "rewound"
"""What notes on a journal are about, beside `MARKED`."""

_LONGEST_LABEL = 1000

_ENDS = (RunPaused, RunFinished, RunFailed, RunCancelled)
_STEPS = (ModelResponded, ToolFinished, ToolResolved, ToolPending, *_ENDS)


class CheckpointInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a run: after the fact with this number, recorded at a time in microseconds since 1970."""

    run: str
    seq: int
    at: int
    trigger: Trigger
    fact: str
    label: str = ""


class Undone(msgspec.Struct, frozen=True):
    """A tool call that was carried out after the place that a run was rewound to: its effect is still there."""

    call_id: str
    tool: str
    seq: int


class Checkpoints:
    """The checkpoints of the runs in a journal: `async with Checkpoints("sqlite:///runs.db") as checkpoints`."""

    def __init__(self, journal: str | Log) -> None:
        self._journal = journal
        self._stack = AsyncExitStack()
        self._log: Log | None = None

    async def __aenter__(self) -> Self:
        self._log = await self._stack.enter_async_context(open_journal(self._journal))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._log = None
        await self._stack.aclose()

    async def list(
        self, run: str, trigger: Trigger = "iteration", *, seconds: float = 60.0
    ) -> tuple[CheckpointInfo, ...]:
        """Places in a run, in order.

        `iteration`: before each request to the model and where the run rests; `step`: after each answer and each outcome
        of a tool; `tool_call`: after each outcome of a tool; `every_seconds`: the last fact of every so many `seconds`;
        `manual`: those that were marked and not deleted.
        """
        facts = (await load(self._open, run)).facts
        if trigger == "manual":
            return tuple(_marks(run, facts))
        return tuple(
            CheckpointInfo(run=run, seq=fact.seq, at=fact.at, trigger=trigger, fact=type(fact).__name__)
            for fact in _chosen(facts, trigger, seconds)
        )

    async def load(self, run: str, seq: int) -> RunState:
        """The run as it was after a fact. Raises `CallerError` where it has no such fact."""
        if seq < 0:
            raise CallerError(f"run {run} has no fact {seq}; they are numbered from 0")
        state = (await load(self._open, run, seq)).state
        if state.next_seq != seq + 1:
            raise CallerError(f"run {run} has no fact {seq}; its last one is {state.next_seq - 1}")
        return state

    async def mark(self, run: str, label: str, *, seq: int | None = None) -> CheckpointInfo:
        """Give a place a name: that after the run's last fact, or after the fact `seq`.

        The name is appended to the run as a note. Raises `Conflict` for a run that is at work, which would lose its journal
        by that: use `Run.mark` of its handle.
        """
        if len(label) > _LONGEST_LABEL:
            raise CallerError(f"a checkpoint's label has at most {_LONGEST_LABEL} characters, not {len(label):,}")
        state = (await load(self._open, run)).state
        if state.status == "running":
            raise Conflict(
                f"run {run} is at work (or was cut off at it); mark it by the handle that holds it, or when it rests"
            )
        place = state.next_seq - 1 if seq is None else seq
        marked = await self.load(run, place)
        await self._note(state, MARKED, {"seq": place, "label": label})
        return CheckpointInfo(
            run=run, seq=place, at=marked.updated_at, trigger="manual", fact=Noted.__name__, label=label
        )

    async def delete(self, run: str, seq: int) -> None:
        """Take the names from a place. What happened there stays: a journal forgets a run as a whole or not at all."""
        loaded = await load(self._open, run)
        if not any(mark.seq == seq for mark in _marks(run, loaded.facts)):
            raise CallerError(f"run {run} has no checkpoint that was marked by hand at fact {seq}")
        await self._note(loaded.state, UNMARKED, {"seq": seq})

    async def diff(self, run: str, before: int, after: int) -> StateDiff:
        """What differs between two places of a run."""
        return difference(await self.load(run, before), await self.load(run, after))

    async def history(
        self, run: str, trigger: Trigger = "iteration", *, seconds: float = 60.0
    ) -> tuple[StateDiff, ...]:
        """From each checkpoint to the next: what was said, called and used between them."""
        loaded = await load(self._open, run)
        state = await self.load(run, 0)
        last, found = state, list[StateDiff]()
        places = {place.seq for place in await self.list(run, trigger, seconds=seconds)} - {0}
        # One pass over the facts, however many places there are.
        for fact in loaded.facts[1:]:
            state = advance(state, fact)
            if fact.seq in places:
                found.append(difference(last, state))
                last = state
        return tuple(found)

    async def rewind(
        self, run: str, seq: int, *, agent: Agent[Any] | None = None, **options: Unpack[RunOptions]
    ) -> tuple[Run[Any], tuple[Undone, ...]]:
        """Go on from an earlier place: a new run that begins there (not started yet), and what can not be taken back.

        The old run stays as it is, but for a note that it was rewound. Tools that were carried out after the place had
        their effects, and may have them again: those calls are given back.
        """
        loaded = await load(self._open, run)
        await self.load(run, seq)
        options = {**options, "journal": self._open}
        branch: Run[Any] = await fork(run, at=seq, agent=agent, **options)
        await self._note(loaded.state, REWOUND, {"seq": seq, "run": branch.id})
        started = [fact for fact in loaded.facts if isinstance(fact, ToolStarted) and fact.seq > seq]
        return branch, tuple(Undone(fact.call_id, fact.name, fact.seq) for fact in started)

    @property
    def _open(self) -> Log:
        if self._log is None:
            raise CallerError("the journal is not open; write: async with Checkpoints(journal) as checkpoints")
        return self._log

    async def _note(self, state: RunState, topic: str, data: Any) -> None:
        note = replace(Noted(topic=topic, data=data), seq=state.next_seq, at=clock())
        await self._open.append(state.run, state.next_seq, [note])


def _chosen(facts: Sequence[Fact], trigger: Trigger, seconds: float) -> list[Fact]:
    match trigger:
        case "iteration":
            before = {fact.seq - 1 for fact in facts if isinstance(fact, ModelRequested)}
            return [fact for fact in facts if fact.seq in before or isinstance(fact, _ENDS)]
        case "step":
            return [fact for fact in facts if isinstance(fact, _STEPS)]
        case "tool_call":
            return [fact for fact in facts if isinstance(fact, ToolFinished | ToolResolved)]
        case "every_seconds":
            if not seconds > 0:
                raise CallerError(f"seconds={seconds}: give the length of a stretch of time, more than 0")
            last = {int((fact.at - facts[0].at) / 1e6 // seconds): fact for fact in facts}
            return list(last.values())
        case _:
            raise CallerError(
                f"there is no trigger {trigger!r}; use step, iteration, tool_call, every_seconds or manual"
            )


def _marks(run: str, facts: Sequence[Fact]) -> list[CheckpointInfo]:
    marks: dict[tuple[int, str], CheckpointInfo] = {}
    for fact in facts:
        # Anybody may write a note; what does not look like one of ours is none.
        data = _data(fact)
        seq = data.get("seq")
        if not isinstance(fact, Noted) or not isinstance(seq, int) or not 0 <= seq < len(facts):
            continue
        if fact.topic == UNMARKED:
            marks = {key: mark for key, mark in marks.items() if mark.seq != seq}
        elif fact.topic == MARKED:
            label = str(data.get("label", ""))
            at, kind = facts[seq].at, type(facts[seq]).__name__
            marks[seq, label] = CheckpointInfo(run=run, seq=seq, at=at, trigger="manual", fact=kind, label=label)
    return sorted(marks.values(), key=lambda mark: mark.seq)


def _data(fact: Fact) -> JsonObject:
    data: object = fact.data if isinstance(fact, Noted) else None
    return cast("JsonObject", data) if isinstance(data, dict) else {}
