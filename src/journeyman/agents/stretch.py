"""One stretch of work on a run: its journal opened, its loop driven, its result made, its journal closed."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec
from msgspec.structs import replace

from ..compose import clock, cost, get_model_rates, new_memory_log, new_run_id, open_journal
from ..data import CallerError, Limits, Message, Secret, failure_of
from ..guard import Ledger
from ..journal import (
    Checkpoint,
    Instruction,
    Log,
    Parent,
    RunResumed,
    RunStarted,
    RunState,
    begin,
    load,
)
from ..loop import Control, Drive, Opening, Plan, Track, TrackedModel, World, surroundings
from ..models import Model
from ..observe import Callbacks, CallbackTap, Feed, plain_output
from ..programs.protocol import data_words
from ..schema import OutputError
from ..tools import RunContext
from .offering import run_data
from .options import Mode, RunOptions
from .prompts import Instructions, Prompt, said_by
from .result import RunResult, with_run_id
from .waiting import (
    Answer,
    calls_of,
    found,
    moment,
    record_answers,
    secret_of,
    tree_of,
    wakes_at,
)

log = logging.getLogger(__name__)

T = TypeVar("T")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as a run needs it; `opened` is the journal while the agent itself holds it open."""

    plan: Plan
    instructions: Instructions
    journal: str | Log | None
    opened: Log | None
    callbacks: Callbacks | None
    mode: Mode
    secret: str | Secret | None = None


class Defined(Protocol):
    """Whatever has a definition; it changes when the agent is opened or closed, so that it is asked for each time."""

    @property
    def definition(self) -> Definition: ...


class Stretch(Generic[T]):
    """Made for one run and used once: `start` or `reopen`, then `work`."""

    def __init__(
        self,
        agent: Definition,
        options: RunOptions,
        *,
        streams: bool = False,
        parent: Parent | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.agent = agent
        self.options = options
        self.drive: Drive
        self._parent = parent
        self._parent_ledger = ledger
        self._opening: AbstractAsyncContextManager[Log] | None = None
        self._surroundings = surroundings.get()
        self._track: Track | None = None
        self._rests = False
        self._run_id: str | None = None
        callbacks = options.get("callbacks") or agent.callbacks
        self._tap = None if callbacks is None or not callbacks.are_any() else CallbackTap(callbacks, self.output_of)
        streams = streams or (callbacks is not None and callbacks.wants_stream)
        self.feed = Feed(() if self._tap is None else (self._tap,), streams=streams)
        self.journal = self._journal()

    async def start(self, prompt: Prompt, *, run_id: str | None = None) -> None:
        """Begin a new run, of this id if one is given; nothing is written yet."""
        self._run_id = run_id
        inherited, continues, said = self._history(self.options.get("history"))
        said = (*said, *said_by(prompt))
        if not said and inherited is None:
            raise CallerError("there is nothing to ask: give a prompt, or a history to go on from")
        await self._or_close(self._begin(said, inherited, continues))

    async def branch(self, run: str, at: int | None, prompt: Prompt) -> None:
        """Begin a new run that goes on from a place in another; only its first fact is written."""
        await self._or_close(self._branch(run, at, prompt))

    async def reopen(
        self,
        run: str,
        answers: Mapping[str, Answer] | None = None,
        *,
        only_if_due: bool = False,
        anyway: bool = True,
    ) -> None:
        """Take up a run where its journal ends; `only_if_due` leaves one alone that rests for another reason than a crash.

        A run that waits and for which nothing can be done is left alone in any case. Unless `anyway`, one of another agent is
        refused.
        """
        await self._or_close(self._reopen(run, answers or {}, only_if_due=only_if_due, anyway=anyway))

    async def _branch(self, run: str, at: int | None, prompt: Prompt) -> None:
        base = await load(await self._open(), run, at)
        last = base.state.next_seq - 1
        if at is not None and at != last:
            last = last if at > last else (await load(self._log, run)).state.next_seq - 1
            raise CallerError(
                f"run {run} has no fact {at} to go on from (at=); its facts are numbered from 0 to {last}"
            )
        place = Checkpoint(run, last)
        await self._begin(said_by(prompt), base.state, place)
        await self.drive.commit()

    async def _reopen(self, run: str, answers: Mapping[str, Answer], *, only_if_due: bool, anyway: bool) -> None:
        await self._open()
        if answers:
            tree = await tree_of(self._log, run)
            self._check_agent(tree[0].state, anyway=anyway)
            await record_answers(self._log, tree, answers, self._secret, takes_over=True, plan=self.agent.plan)
        loaded = await load(self._log, run)
        state = loaded.state
        self._check_agent(state, anyway=anyway)
        if state.fingerprint != self.agent.plan.fingerprint:
            log.warning(
                "run %s goes on with another prompt, other tools or another output type than it began with", run
            )
        limits = self.options.get("limits")
        if self._tap is not None:
            self._tap.catch_up(loaded.facts)
        self._find_track(parent=state.parent, resumes=run)
        self._drive(state, limits or state.limits, facts=loaded.facts)
        if state.status == "finished":
            text = state.messages[-1].text if state.messages else ""
            self.drive.value = self.output_of(state.output, text)
            return
        # Of one that is left alone no tool is asked: what it said would be lost.
        left_alone = only_if_due and state.status not in ("running", "waiting")
        facts = [] if left_alone else await found(state, self.drive)
        self._rests = not facts if state.status == "waiting" else left_alone
        if self._rests:
            return
        self.drive.record(RunResumed(limits=limits))
        for fact in facts:
            self.drive.record(fact)
        await self.drive.commit()

    def _check_agent(self, state: RunState, *, anyway: bool) -> None:
        if state.agent != self.agent.plan.agent and not anyway:
            raise CallerError(
                f"run {state.run} is one of agent {state.agent!r}, not of {self.agent.plan.agent!r}; pass that agent, or "
                "anyway=True to go on with this one"
            )

    async def work(self) -> RunResult[T]:
        """Drive the run until it rests; raises what ended it badly, with the run's id."""
        try:
            if not self.drive.state.ended and not self._rests:
                await self.drive.run()
            return await self._rested()
        except BaseException as error:
            with_run_id(error, self.drive.state.run)
            raise
        finally:
            await self.close()

    async def close(self) -> None:
        """Tell readers that the stretch is over and close what it opened."""
        self.feed.close()
        if self._tap is not None:
            await self._tap.drain()
        if self._track is not None:
            self._track.close()
        if self._opening is not None:
            opening, self._opening = self._opening, None
            await opening.__aexit__(None, None, None)

    async def _rested(self) -> RunResult[T]:
        result = self.result()
        # Whoever called this run looks into it, if that has to wait as well.
        if result.status != "waiting" or self._parent is not None:
            return result
        tree = await tree_of(self._log, result.run_id)
        wakes = wakes_at(tree, clock())
        return dataclasses.replace(
            result, pending=calls_of(tree, self._secret), wakes_at=None if wakes is None else moment(wakes)
        )

    @property
    def _secret(self) -> Secret | None:
        return secret_of(self.options.get("secret") or self.agent.secret)

    def result(self, error: BaseException | None = None) -> RunResult[T]:
        """What the run came to so far."""
        offer = self.agent.plan.programs
        return RunResult(
            self.drive.value,
            self.drive.state,
            tuple(self.drive.facts),
            self.journal,
            error,
            signature=None if offer is None else offer.signature,
        )

    def failed(self, error: BaseException) -> RunResult[T]:
        """A result that holds an error instead of an output, even if the run could not begin."""
        if hasattr(self, "drive"):
            return self.result(error)
        state = replace(begin(new_run_id(), self._started(())), status="errored", failure=failure_of(error))
        return RunResult(cast("T", None), state, (), self.journal, error)

    def output_of(self, stored: Any, text: str) -> Any:
        """The output as the user's type, from the journal's words for it."""
        drive = getattr(self, "drive", None)
        if drive is not None and drive.value is not None:
            return drive.value
        if stored is None:
            return text
        try:
            return self.agent.plan.output.load(stored)
        except (OutputError, ValueError):
            # Words were asked for and a program returned something else, or the type is another one since.
            return plain_output(stored, text)

    async def _begin(self, said: tuple[Message, ...], inherited: RunState | None, continues: Checkpoint | None) -> None:
        options, plan = self.options, self.agent.plan
        self._find_track(said=said, parent=self._parent, continues=continues)
        run = self._run_id or (new_run_id() if self._track is None else self._track.run)

        def context() -> RunContext[Any]:
            return RunContext(deps=options.get("deps"), run_id=run, agent=plan.agent, model=plan.model.name)

        instructions = await self.agent.instructions.for_run(context)
        before = {} if inherited is None else inherited.data
        data = None
        if said or inherited is None:
            # A branch goes on from the middle of a turn, perhaps of a program's: what that may read stays what it was.
            data = await run_data(plan.programs, options.get("data"), context, before)
        readable = before if data is None else data
        if readable and plan.programs is not None:
            instructions = (*instructions, Instruction("data", data_words(plan.programs, readable)))
        # What is the same as before is not written down again.
        same = inherited is not None and inherited.instructions == instructions
        started = self._started(said, None if same else instructions, continues)
        if data is not None:
            started = replace(started, data=data)
        if inherited is None or inherited.fingerprint != plan.fingerprint:
            started = replace(started, signatures=plan.signatures)
        if self._track is not None:
            started = replace(started, at=self._track.time(started))
        if started.limits.max_cost is not None:
            await _check_price(plan.model)
        await self._open()
        self._drive(begin(run, started, inherited), started.limits, new=started)

    def _started(
        self,
        said: tuple[Message, ...],
        instructions: tuple[Instruction, ...] | None = (),
        continues: Checkpoint | None = None,
    ) -> RunStarted:
        options, plan = self.options, self.agent.plan
        return RunStarted(
            seq=0,
            at=clock(),
            agent=plan.agent,
            model=plan.model.name,
            fingerprint=plan.fingerprint,
            input=said,
            instructions=instructions,
            limits=options.get("limits") or plan.limits,
            parent=self._parent,
            continues=continues,
            conversation=options.get("conversation"),
            tags=tuple(options.get("tags", ())),
        )

    async def _or_close(self, beginning: Coroutine[Any, Any, None]) -> None:
        try:
            await beginning
        except BaseException:
            await self.close()
            raise

    def _drive(self, state: RunState, limits: Limits, **known: Any) -> None:
        turns = state.iterations + state.turns_below
        ledger = Ledger(limits, cost, used=state.used, turns=turns, parent=self._parent_ledger)
        plan, track = self.agent.plan, self._track
        world = World(
            log=self._log,
            clock=clock if track is None else track.time,
            feed=self.feed,
            ledger=ledger,
            deps=self.options.get("deps"),
            track=track,
        )
        control = Control(single_step=(self.options.get("mode") or self.agent.mode) == "single_step")
        if track is not None:
            plan = dataclasses.replace(plan, model=TrackedModel(plan.model, track))
        self.drive = Drive(state, plan, world, control, **known)

    def _find_track(self, **beginning: Any) -> None:
        if self._surroundings is not None:
            plan = self.agent.plan
            self._track = self._surroundings.open(Opening(agent=plan.agent, fingerprint=plan.fingerprint, **beginning))

    def _history(
        self, history: RunResult[Any] | Sequence[Message] | None
    ) -> tuple[RunState | None, Checkpoint | None, tuple[Message, ...]]:
        match history:
            case None:
                return None, None, ()
            case RunResult() if history.journal == self.journal:
                return history.state, history.checkpoint, ()
            case RunResult():
                # Another journal cannot be referred to, so what was said there is written down here.
                return None, None, history.messages
            case _:
                return None, None, tuple(history)

    def _journal(self) -> str | Log:
        history = self.options.get("history")
        given = self.options.get("journal") or self.agent.journal
        if given is None and isinstance(history, RunResult):
            given = history.journal
        return new_memory_log() if given is None else given

    async def _open(self) -> Log:
        if self.agent.opened is not None and self.journal == self.agent.journal:
            self._log = self.agent.opened
        elif isinstance(self.journal, str):
            self._opening = open_journal(self.journal)
            self._log = await self._opening.__aenter__()
        else:
            self._log = self.journal
        return self._log


async def taken_up(
    agent: Defined,
    run: str,
    answers: Mapping[str, Answer],
    options: RunOptions,
    *,
    only_if_due: bool = False,
    anyway: bool = False,
) -> Stretch[Any]:
    """The next stretch of a run that rests."""
    stretch: Stretch[Any] = Stretch(agent.definition, options, streams=True)
    await stretch.reopen(run, answers, only_if_due=only_if_due, anyway=anyway)
    return stretch


async def _check_price(model: Model) -> None:
    # The price list takes a third of a second to load: now, and beside the loop, not in the middle of the run.
    rates = await asyncio.to_thread(get_model_rates, model.name)
    if rates is None and not model.capabilities.states_cost:
        raise CallerError(
            f"max_cost cannot be kept: there is no price for {model.name}; "
            "set one with set_model_rates(model, Rates(…)) or use max_tokens"
        )
