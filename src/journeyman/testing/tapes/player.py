"""The surroundings of runs that are replayed: which part of the tape is whose, and what of it was used."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Hashable

from ...compose import draw_run_id
from ...data import ReplayMismatch, ToolCall
from ...journal import Parent
from ...loop import Opening, Track
from ...models.tapes import Answers, Moment, Question, Scrubber, Started, Tape, hash_of
from .played import Placed, PlayedTrack, UntapedTrack
from .recording import Recorder
from .turns import Turns

log = logging.getLogger(__name__)

_SHOWN = 5


class Player:
    """Made for one replay. `missed` is the first thing that was asked for and is not on the tape."""

    def __init__(self, tape: Tape, scrub: Scrubber, *, strict: bool, recorder: Recorder | None = None) -> None:
        self.tape = tape
        self.scrub = scrub
        self.strict = strict
        self.recorder = recorder
        self.missed: ReplayMismatch | None = None
        self.has_tracks = bool(tape.tracks)
        self._lock = threading.Lock()
        self._answers = Answers(tape, only_trackless=self.has_tracks)
        self._all_answers: Answers | None = None
        self._exchanges: dict[int | None, list[int]] = defaultdict(list)
        self._calls: dict[Hashable, deque[int]] = defaultdict(deque)
        self._tracks: dict[Hashable, deque[int]] = defaultdict(deque)
        self._used: dict[str, set[int]] = {"run": set(), "request": set(), "call": set(), "id": set()}
        self._drawn = 0
        self._drawn_within: dict[int, list[int]] = defaultdict(list)
        self._calls_of: dict[int, list[int]] = defaultdict(list)
        self._index_entries()
        self._index_tracks()
        self._order(tape.moments)

    # --- what runs ask of their surroundings ------------------------------------------------------------------------------

    def new_id(self) -> str:
        """The next id of the tape."""
        with self._lock:
            while self._drawn < len(self.tape.drawn):
                number, self._drawn = self._drawn, self._drawn + 1
                if number not in self._used["id"]:
                    self._used["id"].add(number)
                    return self.tape.drawn[number].id
        if self.recorder is not None:
            return self.recorder.new_id()
        if self.strict and self.has_tracks:
            raise self.miss(ReplayMismatch(f"{self._tape_name} has no further id: more is begun than was recorded"))
        return draw_run_id()

    def open(self, opening: Opening) -> Track:
        """The part of the tape that a stretch of work was recorded on, or a track without one."""
        with self._lock:
            number = self._track_of(opening)
            if number is not None:
                self._used["run"].add(number)
        if number is not None:
            entry = self.tape.tracks[number]
            return PlayedTrack(self, number, entry.run, self._moments[number], self._turns[self._roots[number]])
        if self.recorder is not None:
            return self.recorder.open(opening)
        if self.has_tracks:
            log.debug("%s has no run of agent %s with this beginning", self._tape_name, opening.agent)
        return UntapedTrack(self, opening.resumes or draw_run_id())

    # --- what tracks ask of the tape --------------------------------------------------------------------------------------

    def exchange(self, track: int, position: int) -> int | None:
        """The number of an exchange of a track, by its position there."""
        numbers = self._exchanges[track]
        return numbers[position] if position < len(numbers) else None

    def exchanges(self, track: int | None) -> list[int]:
        """The numbers of all exchanges of a track; without one, of all that there are."""
        return list(range(len(self.tape.exchanges))) if track is None else self._exchanges[track]

    def answer(self, asked: Question, *, anywhere: bool = False) -> int | None:
        """The number of an exchange that answers any run, or `anywhere` of one of any run."""
        if anywhere and self.has_tracks:
            if self._all_answers is None:
                self._all_answers = Answers(self.tape)
            return self._all_answers.find(asked, by_gist=False)
        return self._answers.find(asked, by_gist=not self.has_tracks)

    def call(self, track: int | None, call: ToolCall, attempt: int) -> int | None:
        """The place of a tool call on the tape: that of this very call, or else of one that answers any run."""
        with self._lock:
            arguments = self.scrub(call.arguments.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")
            for key in ((track, call.id, attempt), (call.name, arguments)):
                numbers = self._calls.get(key)
                # A model's call is on the tape with its arguments; a program may make another one by the same id.
                made = self.tape.calls[numbers[0]] if numbers else None
                if numbers and made is not None and (made.name, made.arguments) == (call.name, arguments):
                    return numbers.popleft()
        return None

    def use(self, kind: str, number: int) -> None:
        """An exchange or a call was used."""
        with self._lock:
            self._used[kind].add(number)

    def skip_within(self, call: int) -> None:
        """A tool is not called, so that whatever was begun within it is not asked for."""
        with self._lock:
            calls = [call]
            while calls:
                inside = calls.pop()
                self._used["id"].update(self._drawn_within.get(inside, ()))
                for number in self._begun_within.get(inside, ()):
                    calls += self._skip_run(number)

    def miss(self, error: ReplayMismatch) -> ReplayMismatch:
        """Take note of a miss; gives it back, to be raised."""
        with self._lock:
            self.missed = self.missed or error
        return error

    def left_over(self) -> ReplayMismatch | None:
        """What was on the tape and was not asked for."""
        left: list[str] = []
        for number, entry in enumerate(self.tape.tracks):
            if number not in self._used["run"]:
                left.append(f"run {entry.run} of agent {entry.agent!r}")
        for number, asked in enumerate(self.tape.exchanges):
            if number not in self._used["request"] and self._was_begun(asked.track):
                left.append(f"request {asked.hash} (line {asked.place.line})")
        for number, made in enumerate(self.tape.calls):
            if number not in self._used["call"] and self._was_begun(made.track):
                left.append(f"call {made.call_id!r} of tool {made.name} (line {made.place.line})")
        if not left:
            return None
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        return ReplayMismatch(
            f"{self._tape_name} holds what was not asked for: {', '.join(left[:_SHOWN])}{more}; "
            "make the tape again, or replay with strict=False"
        )

    # --- the index --------------------------------------------------------------------------------------------------------

    @property
    def _tape_name(self) -> str:
        return f"the tape {self.tape.name}"

    def _track_of(self, opening: Opening) -> int | None:
        if opening.resumes is not None:
            keys: tuple[Hashable, ...] = (opening.resumes,)
        else:
            said = hash_of(opening.said, self.scrub)
            begun = (opening.agent, said, None if opening.parent is None else _place(opening.parent))
            # An agent that was changed meanwhile plays the part that it had, so that the change can be told where it shows.
            keys = ((*begun, opening.fingerprint), begun) if self.strict else ((*begun, opening.fingerprint),)
        for key in keys:
            numbers = self._tracks.get(key, deque())
            while numbers and numbers[0] in self._used["run"]:
                numbers.popleft()
            if numbers:
                return numbers[0]
        return None

    def _was_begun(self, track: int | None) -> bool:
        return track is None or track in self._used["run"]

    def _skip_run(self, number: int) -> list[int]:
        """Leave a run out, and those below it; gives the calls in which others may have begun."""
        calls: list[int] = []
        tracks = [number]
        while tracks:
            track = tracks.pop()
            self._used["run"].add(track)
            self._used["request"].update(self._exchanges[track])
            for place in self._calls_of.get(track, ()):
                self._used["call"].add(place)
                calls.append(self.tape.calls[place].call)
            tracks += self._below.get(track, ())
        return calls

    def _index_entries(self) -> None:
        tape = self.tape
        for number, asked in enumerate(tape.exchanges):
            self._exchanges[asked.track].append(number)
        for number, made in enumerate(tape.calls):
            key = (made.name, made.arguments) if made.track is None else (made.track, made.call_id, made.attempt)
            self._calls[key].append(number)
            if made.track is not None:
                self._calls_of[made.track].append(number)
        for number, drawn in enumerate(tape.drawn):
            if drawn.within is not None:
                self._drawn_within[drawn.within].append(number)

    def _index_tracks(self) -> None:
        self._roots: list[int] = []
        self._below: dict[int, list[int]] = defaultdict(list)
        self._begun_within: dict[int, list[int]] = defaultdict(list)
        latest: dict[str, int] = {}
        for number, entry in enumerate(self.tape.tracks):
            for key in _keys(entry):
                self._tracks[key].append(number)
            above = None if entry.parent is None else latest.get(entry.parent.run)
            self._roots.append(number if above is None else self._roots[above])
            if above is not None:
                self._below[above].append(number)
            if entry.within is not None:
                self._begun_within[entry.within].append(number)
            latest[entry.run] = number

    def _order(self, moments: list[Moment]) -> None:
        lengths: dict[int, int] = defaultdict(int)
        self._moments: dict[int, list[Placed]] = defaultdict(list)
        for moment in moments:
            root = self._roots[moment.track]
            self._moments[moment.track].append(Placed(lengths[root], moment))
            lengths[root] += 1
        self._turns = {root: Turns(lengths[root]) for root in set(self._roots)}


def _keys(entry: Started) -> tuple[Hashable, ...]:
    if entry.resumed:
        return (entry.run,)
    begun = (entry.agent, entry.said, None if entry.parent is None else _place(entry.parent))
    return ((*begun, entry.fingerprint), begun)


def _place(parent: Parent) -> tuple[str, str]:
    return (parent.run, parent.call_id)
