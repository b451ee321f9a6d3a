"""What must hold after the chaos: read from the journals and from the ledger, and from nothing else."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from journeyman.journal import (
    ChildStarted,
    Fact,
    Log,
    ModelRequested,
    ModelResponded,
    RunFinished,
    ToolFinished,
    ToolPending,
    ToolResolved,
    ToolStarted,
    load,
)

PAYING = {"charge", "charge_slowly"}


class Ledger(NamedTuple):
    """The outside world: how often each payment was made, and when what was asked of a model, and by whom."""

    charges: Counter[str]
    asked: Sequence[dict[str, Any]]


def read_ledger(path: Path) -> Ledger:
    """The ledger as it stands; a line that is being written is not there yet."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    notes = [json.loads(line) for line in lines]
    charges = Counter(note["key"] for note in notes if note["what"] == "charged")
    return Ledger(charges, [note for note in notes if note["what"] == "asked"])


class Checks(NamedTuple):
    """What was found; `faults` names what must not be."""

    runs: int
    unfinished: tuple[str, ...]
    wrong: tuple[str, ...]
    twice: tuple[str, ...]
    unreported: tuple[str, ...]
    asked_again: tuple[str, ...]
    asked_late: int
    doubts: int
    kills: int
    slowest: float
    codes: tuple[int, ...] = ()
    deduplicated: bool = True
    stops: int = 0

    def faults(self) -> list[str]:
        """What is wrong, in words."""
        found = [
            *(f"{run} did not finish" for run in self.unfinished),
            *self.wrong,
            *(f"{key} was paid twice" for key in self.twice),
            *self.unreported,
            *self.asked_again,
        ]
        if any(self.codes):
            found.append(f"workers that were told to end gave the codes {self.codes}")
        if not self.deduplicated:
            found.append("two runs of one key were made")
        if self.slowest > 10:
            found.append(f"after a kill it took {self.slowest:.1f} s until a run finished")
        return found

    def told(self) -> str:
        """All of it."""
        return "\n".join(
            (
                f"{self.runs} runs, {self.kills} kills, {self.stops} workers stopped, {len(self.codes)} told to end, {self.doubts} doubts reported",
                f"asked by a worker that had been stopped, after the answer was there: {self.asked_late}",
                f"slowest first finish after a kill: {self.slowest:.1f} s",
                *(self.faults() or ["no faults"]),
            )
        )


async def check_all(
    log: Log, runs: Sequence[str], ledger: Ledger, stopped: set[int], killed: Sequence[tuple[int, float]]
) -> Checks:
    """Read all journals and compare them with the ledger."""
    books = _Books(ledger, stopped)
    for number, run in enumerate(runs):
        await books.read(log, run, f"order {number}")
    return Checks(
        runs=len(runs),
        unfinished=tuple(books.unfinished),
        wrong=tuple(books.wrong),
        twice=tuple(key for key, times in ledger.charges.items() if times > 1),
        unreported=tuple(books.unreported()),
        asked_again=tuple(books.asked_again),
        asked_late=books.asked_late,
        doubts=books.doubts,
        kills=len(killed),
        slowest=_slowest([at for _, at in killed], sorted(books.finished)),
    )


def _slowest(kills: Iterable[float], finished: Sequence[float]) -> float:
    """The longest time from a kill to the next finished run; the last runs have nobody after them."""
    waits = [next((at - kill for at in finished if at > kill), 0.0) for kill in kills]
    return max(waits, default=0.0)


class _Books:
    def __init__(self, ledger: Ledger, stopped: set[int]) -> None:
        self._ledger = ledger
        self._stopped = stopped
        self._asked: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for note in ledger.asked:
            self._asked[note["task"], note["turn"]].append(note)
        self._accounted: set[str] = set()
        self.unfinished: list[str] = []
        self.wrong: list[str] = []
        self.asked_again: list[str] = []
        self.asked_late = 0
        self.doubts = 0
        self.finished: list[float] = []

    async def read(self, log: Log, run: str, task: str) -> None:
        """A run with those below it."""
        loaded = await load(log, run)
        facts = loaded.facts
        if [fact.seq for fact in facts] != list(range(len(facts))):
            self.wrong.append(f"{run} has a gap")
        self._check_calls(run, facts)
        self._check_asked(run, task, facts)
        for fact in facts:
            if isinstance(fact, ChildStarted):
                await self.read(log, fact.run, f"check {task}")
        if loaded.state.status != "finished":
            self.unfinished.append(f"{run} ({task}: {loaded.state.status})")
            return
        if isinstance(facts[-1], RunFinished) and loaded.state.parent is None:
            self.finished.append(facts[-1].at / 1e6)
        end = loaded.state.messages[-1].text
        if end != (f"Checked: {task}" if loaded.state.parent else f"Done: {task}"):
            self.wrong.append(f"{run} ended with {end!r}")

    def unreported(self) -> list[str]:
        """Payments of which no journal tells."""
        return [f"nobody heard of {key}" for key in self._ledger.charges if key not in self._accounted]

    def _check_calls(self, run: str, facts: Sequence[Fact]) -> None:
        started = Counter(fact.call_id for fact in facts if isinstance(fact, ToolStarted) and fact.name in PAYING)
        self.wrong.extend(f"{run}: {call} was started {times} times" for call, times in started.items() if times > 1)
        outcomes: Counter[str] = Counter()
        for fact in facts:
            match fact:
                case ToolFinished():
                    outcomes[fact.result.call_id] += 1
                    if fact.result.call_id in started:
                        self._account(run, fact.result.call_id, told=fact.result.text.startswith("charged"))
                case ToolPending(reason="in_doubt"):
                    self.doubts += 1
                    self._accounted.add(f"{run}:{fact.call_id}")
                case ToolResolved(result=result) if result is not None:
                    outcomes[fact.call_id] += 1
                case _:
                    pass
        self.wrong.extend(f"{run}: {call} has {times} outcomes" for call, times in outcomes.items() if times > 1)

    def _account(self, run: str, call: str, *, told: bool) -> None:
        key = f"{run}:{call}"
        self._accounted.add(key)
        if told and not self._ledger.charges[key]:
            self.wrong.append(f"{key} is said to be charged and was not")

    def _check_asked(self, run: str, task: str, facts: Sequence[Fact]) -> None:
        turn = 0
        for before, fact in itertools.pairwise(facts):
            if isinstance(fact, ModelResponded):
                if not isinstance(before, ModelRequested):
                    self.wrong.append(f"{run}: fact {fact.seq} answers nothing")
                for note in self._asked[task, turn]:
                    if note["at"] > fact.at:
                        self._asked_after(run, turn, note["pid"])
                turn += 1

    def _asked_after(self, run: str, turn: int, pid: int) -> None:
        if pid in self._stopped:
            # Stopped between the fact that a request leaves and its leaving: nothing in that process could have known.
            self.asked_late += 1
        else:
            self.asked_again.append(f"{run}: turn {turn} was answered and asked again")
