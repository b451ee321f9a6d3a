"""What must hold after the chaos: read from the journals and from the ledger, and from nothing else."""

from __future__ import annotations

import itertools
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chaos_crew import Kill, Sleep

from journeyman import CallerError
from journeyman.journal import (
    ChildStarted,
    Fact,
    Log,
    ModelRequested,
    ModelResponded,
    RunFinished,
    ToolCalled,
    ToolFinished,
    ToolPending,
    ToolResolved,
    ToolStarted,
    load,
)

PAYING = {"charge", "charge_slowly"}

BELOW = {"checker": ("check", "Checked"), "auditor": ("audit", "Audited")}
"""Of each sub-agent, the words that its task and its answer begin with."""

IN_TIME = 10.0
"""Seconds after a kill in which a run has to finish."""

LISTED = 20


class Ledger:
    """The outside world: how often each payment was made, and when what was asked of a model, and by whom."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self.charges: Counter[str] = Counter()
        self.payments: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.taken_up: Counter[str] = Counter()

    def twice(self) -> list[str]:
        """What was paid more than once: in one call of a tool, or in two of a run, whose payments all differ."""
        amounts = Counter((note["key"].partition(":")[0], note["amount"]) for note in self.payments)
        return [
            *(f"{key} was paid {times} times" for key, times in self.charges.items() if times > 1),
            *(f"{run}: {amount} was paid {times} times" for (run, amount), times in amounts.items() if times > 1),
        ]

    def read(self) -> None:
        """Take in what is new; a line that is being written is not there yet."""
        if not self._path.exists():
            return
        with self._path.open("rb") as ledger:
            ledger.seek(self._place)
            new = ledger.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.splitlines():
            note = json.loads(line)
            match note["what"]:
                case "charged":
                    self.charges[note["key"]] += 1
                    self.payments.append(note)
                case "taken up":
                    self.taken_up[note["how"]] += 1
                case _:
                    self.asked.append(note)


class Found(NamedTuple):
    """What was found. Whatever is a tuple of words is a fault for each of them."""

    runs: int
    unfinished: tuple[str, ...]
    wrong: tuple[str, ...]
    gaps: tuple[str, ...]
    twice: tuple[str, ...]
    unreported: tuple[str, ...]
    unannounced: tuple[str, ...]
    asked_again: tuple[str, ...]
    asked_late: int
    doubts: int
    payments: int
    questions: int
    programs: int
    """Programs that have paid."""
    moved: int
    """Those of them in which workers with the secret and workers without it have paid."""
    from_snapshots: int
    """How often a program was taken up where its snapshot stands."""
    run_again: int
    """How often it was run again, up to where it had come, from its calls and their results."""
    kills: int
    stops: int
    finishes: tuple[float, ...]
    """Of each kill, the seconds until any run finished."""
    take_overs: tuple[float, ...]
    """Of each run that a killed worker had in hand, the seconds until it went on."""
    took: float = 0.0
    restarts: int = 0
    codes: tuple[int, ...] = ()
    doubled: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()

    def faults(self) -> list[str]:
        """What is wrong, in words."""
        found = [
            # First, because it says why.
            *self.stuck,
            *self.unfinished,
            *self.wrong,
            *self.gaps,
            *self.twice,
            *self.unreported,
            *self.unannounced,
            *self.asked_again,
            *(f"{task} was put in twice and is two runs" for task in self.doubled),
        ]
        if any(self.codes):
            found.append(f"workers that were told to end gave the codes {self.codes}")
        return found

    def slow(self) -> list[str]:
        """After which kills nothing finished in time; not asked in the tests, where the machine has other things to do."""
        return [f"after a kill it took {wait:.1f} s until a run finished" for wait in self.finishes if wait > IN_TIME]

    def told(self) -> str:
        """All of it but the faults."""
        return "\n".join(
            (
                f"{self.runs} runs in {self.took:.0f} s: {self.kills} kills, {self.stops} stops, {len(self.codes)} told to end, PostgreSQL restarted {self.restarts} times",
                f"payments: {self.payments}, twice: {len(self.twice)}; in doubt and reported: {self.doubts}, not reported: {len(self.unreported)}",
                f"questions to models: {self.questions}, again after the answer: {len(self.asked_again)}, and by workers that had slept meanwhile: {self.asked_late}",
                f"programs that paid: {self.programs}, on workers with the secret and without it: {self.moved}; taken up from snapshots: {self.from_snapshots}, run again: {self.run_again}",
                f"seconds after a kill              {'median':>8}{'p95':>8}{'most':>8}{'of':>6}",
                f"until any run has finished        {_spread(self.finishes)}",
                f"until each run it held goes on    {_spread(self.take_overs)}",
            )
        )


def listed(faults: Sequence[str]) -> str:
    """Faults to be read: what breaks all runs would else fill the screen."""
    rest = len(faults) - LISTED
    return "\n".join((*faults[:LISTED], *([f"and {rest} more"] if rest > 0 else [])) or ("no faults",))


def _spread(times: Sequence[float]) -> str:
    if not times:
        return f"{'-':>8}{'-':>8}{'-':>8}{0:>6}"
    ordered = sorted(times)
    # The smallest one that is at least as long as 95 of 100.
    high = ordered[-(-len(ordered) * 95 // 100) - 1]
    return f"{statistics.median(ordered):>8.1f}{high:>8.1f}{ordered[-1]:>8.1f}{len(ordered):>6}"


async def check_all(
    log: Log, runs: Mapping[str, str], ledger: Ledger, kills: Sequence[Kill], sleeps: Sequence[Sleep]
) -> Found:
    """Read all journals (`runs` are their tasks by their ids) and compare them with the ledger."""
    ledger.read()
    books = _Books(ledger, sleeps)
    for run, task in runs.items():
        await books.read_root(log, run, task)
    return Found(
        runs=len(runs),
        unfinished=tuple(books.unfinished),
        wrong=tuple(books.wrong),
        gaps=tuple(books.gaps),
        twice=tuple(ledger.twice()),
        unreported=tuple(books.unreported()),
        unannounced=tuple(books.unannounced),
        asked_again=tuple(books.asked_again),
        asked_late=books.asked_late,
        doubts=books.doubts,
        payments=ledger.charges.total(),
        questions=len(ledger.asked),
        programs=len(books.programs),
        moved=sum(len(kinds) > 1 for kinds in books.programs.values()),
        from_snapshots=ledger.taken_up["snapshot"],
        run_again=ledger.taken_up["run again"],
        kills=len(kills),
        stops=len(sleeps),
        finishes=tuple(_next(kill.at, books.finished) for kill in kills if kill.at < max(books.finished, default=0)),
        take_overs=tuple(books.take_overs(kills)),
    )


def _next(moment: float, times: Sequence[float]) -> float:
    return min(at for at in times if at > moment) - moment


class _Books:
    def __init__(self, ledger: Ledger, sleeps: Sequence[Sleep]) -> None:
        self._ledger = ledger
        self._sleeps = sleeps
        self._asked: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
        for note in ledger.asked:
            self._asked[note["task"], note["turn"]].append(note)
        self._payments: dict[str, dict[str, Any]] = {note["key"]: note for note in ledger.payments}
        self._accounted: set[str] = set()
        self._times: dict[str, list[float]] = {}
        self.unfinished: list[str] = []
        self.wrong: list[str] = []
        self.gaps: list[str] = []
        self.unannounced: list[str] = []
        self.asked_again: list[str] = []
        self.asked_late = 0
        self.doubts = 0
        self.finished: list[float] = []
        self.programs: dict[str, set[bool]] = defaultdict(set)
        """Of each program that has paid, by run and call, whether those who made its payments had the secret."""

    async def read_root(self, log: Log, run: str, task: str) -> None:
        """A run that was put in, with those below it."""
        self._times[run] = []
        try:
            await self._read(log, run, task, f"Done: {task}", run)
        except CallerError as error:
            self.unfinished.append(f"{task} never began: {error}")

    def unreported(self) -> list[str]:
        """Payments of which no journal tells."""
        return [f"nobody heard of {key}" for key in self._ledger.charges if key not in self._accounted]

    def take_overs(self, kills: Sequence[Kill]) -> list[float]:
        """How long each run that was in a killed worker's hands waited for its next fact."""
        held = [(kill.at, self._times.get(run, [])) for kill in kills for run in kill.runs]
        # One that has no fact after the kill had just come to rest.
        return [_next(at, times) for at, times in held if times and max(times) > at]

    async def _read(self, log: Log, run: str, task: str, end: str, root: str) -> None:
        loaded = await load(log, run)
        facts = loaded.facts
        if [fact.seq for fact in facts] != list(range(len(facts))):
            self.gaps.append(f"{run} has a gap")
        self._times[root].extend(fact.at / 1e6 for fact in facts)
        self._check_asked(run, task, facts)
        for fact in facts:
            if isinstance(fact, ChildStarted):
                asked, answered = BELOW[fact.agent]
                await self._read(log, fact.run, f"{asked} {task}", f"{answered}: {asked} {task}", root)
        ended = loaded.state.status == "finished" and isinstance(facts[-1], RunFinished)
        self._check_calls(run, facts, ended=ended)
        self._check_announced(run, facts)
        if not ended:
            self.unfinished.append(f"{run} did not finish ({task}: {loaded.state.status})")
            return
        if run == root:
            self.finished.append(facts[-1].at / 1e6)
        # What a program has returned is not said by the model.
        said = loaded.state.messages[-1].text if loaded.state.output is None else loaded.state.output
        if said != end:
            self.wrong.append(f"{run} ended with {said!r}")

    def _check_calls(self, run: str, facts: Sequence[Fact], *, ended: bool) -> None:
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
        if not ended:
            # What was begun may have no outcome yet, and that is told of the run as a whole.
            self._accounted.update(f"{run}:{call}" for call in started)
            return
        wrong = {call: outcomes[call] for call in started.keys() | outcomes.keys() if outcomes[call] != 1}
        self.wrong.extend(f"{run}: {call} has {times} outcomes" for call, times in wrong.items())

    def _check_announced(self, run: str, facts: Sequence[Fact]) -> None:
        """Each payment was made after its start was on the journal, and that after the call itself."""
        known: dict[str, str] = {}
        for fact in facts:
            match fact:
                case ModelResponded():
                    known |= {call.id: "" for call in fact.response.message.tool_calls}
                case ToolCalled():
                    known[fact.call_id] = fact.parent
                case ToolStarted():
                    payment = self._payments.get(f"{run}:{fact.call_id}")
                    if fact.call_id not in known:
                        self.unannounced.append(f"{run}: {fact.call_id} was started, and nobody had called it")
                    elif payment is not None and payment["at"] < fact.at:
                        self.unannounced.append(f"{run}: {fact.call_id} was paid before that was announced")
                    elif payment is not None and known[fact.call_id]:
                        self.programs[f"{run}:{known[fact.call_id]}"].add(payment["secret"])
                case _:
                    pass

    def _account(self, run: str, call: str, *, told: bool) -> None:
        key = f"{run}:{call}"
        self._accounted.add(key)
        if told != bool(self._ledger.charges[key]):
            self.wrong.append(f"{key} was charged {self._ledger.charges[key]} times, and its result says otherwise")

    def _check_asked(self, run: str, task: str, facts: Sequence[Fact]) -> None:
        turn = 0
        for before, fact in itertools.pairwise(facts):
            if isinstance(fact, ModelResponded):
                if not isinstance(before, ModelRequested):
                    self.wrong.append(f"{run}: fact {fact.seq} answers nothing")
                for note in self._asked[task, turn]:
                    if note["at"] > fact.at:
                        self._asked_after(run, turn, fact.at / 1e6, note)
                turn += 1

    def _asked_after(self, run: str, turn: int, answered: float, note: Mapping[str, Any]) -> None:
        asked = note["at"] / 1e6
        if any(nap.pid == note["pid"] and nap.since < answered and nap.until < asked for nap in self._sleeps):
            # It fell asleep between the fact that a request leaves and its leaving, and others got the answer meanwhile:
            # nothing in that process could have known.
            self.asked_late += 1
        else:
            self.asked_again.append(f"{run}: turn {turn} was answered and asked again")
