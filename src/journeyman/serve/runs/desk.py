"""What clients may ask of runs, one method for each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import msgspec

from ...agents import Agent, PendingCall, answer, parse_answer, pending_calls
from ...agents.offering import is_same_data
from ...agents.options import RunOptions
from ...agents.waiting import end_tree
from ...compose import clock
from ...data import CallerError, Conflict, CorruptJournal, Message
from ...journal import Fact, Log, RunCancelled, RunFailed, RunFinished, RunStarted, RunState, load
from ...wire import HttpReply
from ..refusals import Refusal
from .bodies import (
    Answers,
    Branch,
    Start,
    body_as,
    cursor_of,
    key_of,
    listing_of,
    number,
    prompt_of,
    query_of,
    run_of_key,
)
from .bounds import RunBounds
from .shown import MOST_FACTS, reply, shown_agents, shown_facts, shown_page, shown_run
from .watchers.presence import Presence
from .workshop import Workshop

_ATTEMPTS = 3
_CUT_OFF = 10_000_000
"""Microseconds after which a run that has only begun was cut off: its first request follows within milliseconds."""

_LISTED = ("status", "agent", "tag", "conversation", "started_after", "started_before", "limit", "before")


class Request(msgspec.Struct, frozen=True):
    """A request as the desk gets it: `run` is the id in the path, `root` where the app is mounted."""

    headers: Mapping[str, str]
    query: bytes
    root: str
    run: str
    body: bytes


class Desk:
    """Where requests about runs are dealt with; each method answers one kind of them or raises."""

    def __init__(
        self,
        agents: Mapping[str, Agent[Any]],
        log: Log,
        workshop: Workshop,
        presence: Presence,
        bounds: RunBounds,
    ) -> None:
        self.log = log
        self.workshop = workshop
        self.presence = presence
        self.bounds = bounds
        self._agents = agents

    async def agents(self, request: Request) -> HttpReply:
        """`GET /agents`: who can be asked."""
        query_of(request.query, ())
        return shown_agents(list(self._agents.values()))

    async def listed(self, request: Request) -> HttpReply:
        """`GET /runs`: runs of the journal, newest first, whoever began them."""
        return shown_page(await self.log.runs(listing_of(query_of(request.query, _LISTED))))

    async def start(self, request: Request) -> HttpReply:
        """`POST /runs`: begin a run; the same `Idempotency-Key` begins no second one."""
        wanted = body_as(Start, request.body)
        agent = self._agent_named(wanted.agent)
        options: RunOptions = {"tags": wanted.tags, "conversation": wanted.conversation}
        if wanted.data is not None:
            options["data"] = wanted.data
        if wanted.limits is not None:
            options["limits"] = wanted.limits.within(agent.limits)
        key = key_of(request.headers)
        if key is None:
            return _begun(request, await self.workshop.begin(agent, prompt_of(wanted.prompt), options))
        return await self._start_once(request, run_of_key(key), wanted, options)

    async def show(self, request: Request) -> HttpReply:
        """`GET /runs/{run}`: what it is, what it came to, what it waits for."""
        query_of(request.query, ())
        return await self._shown(request.run, 200)

    async def facts(self, request: Request) -> HttpReply:
        """`GET /runs/{run}/facts`: facts after a number, a page at a time."""
        query = query_of(request.query, ("after", "limit"))
        limit = number("limit", query.get("limit", "100"), least=1, most=MOST_FACTS)
        after = cursor_of(query, {})
        await self.is_over(request.run)
        return await shown_facts(self.log, request.run, after, limit)

    async def answers(self, request: Request) -> HttpReply:
        """`POST /runs/{run}/answers`: answer, approve or reject calls that the run waits for, and go on with it."""
        given = body_as(Answers, request.body).answers
        answers = {call: parse_answer(bytes(raw)) for call, raw in given.items()}
        async with self._at_rest(request.run) as state:
            # Before it is durable: whoever hears that there is no room sends the answer again.
            self.workshop.check_room()
            await self._record(state, answers)
            answered = await self._state(state.run)
            if answered.status == "running":
                await self.workshop.go_on(answered)
        return await self._shown(request.run, 202)

    async def _record(self, state: RunState, answers: Mapping[str, Any]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            if state.status == "running":
                words = (
                    f"run {state.run} is at work elsewhere, or was cut off: answer when it waits, or resume it first"
                )
                raise Refusal(409, words)
            try:
                await answer(state.run, answers, journal=self.log, secret=self.workshop.secret_for(state))
            except Conflict:
                # Somebody answered another call, or another server noted whom it has told of this one.
                if attempt == _ATTEMPTS:
                    raise
                state = await self._state(state.run)
            else:
                return

    async def resume(self, request: Request) -> HttpReply:
        """`POST /runs/{run}/resume`: go on with a run that was paused, stopped or cancelled, failed or was cut off."""
        async with self._at_rest(request.run) as state:
            if state.status == "finished":
                raise Refusal(409, f"run {state.run} is finished; fork it to go on from there")
            await self.workshop.take_up(state)
        return await self._shown(request.run, 202)

    async def fork(self, request: Request) -> HttpReply:
        """`POST /runs/{run}/fork`: a new run that goes on from a place in this one."""
        wanted = body_as(Branch, request.body)
        state = await self._state(request.run)
        if wanted.at is not None and wanted.at >= state.next_seq:
            raise Refusal(400, f"run {state.run} has no fact {wanted.at}; its last one is {state.next_seq - 1}")
        return _begun(request, await self.workshop.branch(state, wanted.at, prompt_of(wanted.prompt)))

    async def pause(self, request: Request) -> HttpReply:
        """`POST /runs/{run}/pause`: rest after the present iteration."""
        await self._tell(request.run, "pause")
        return await self._shown(request.run, 202)

    async def stop(self, request: Request) -> HttpReply:
        """`POST /runs/{run}/stop`: end after the present iteration, without an output."""
        async with self.workshop.door(request.run):
            state = await self._state(request.run)
            if state.status in ("waiting", "paused") and not self.workshop.works_on(state.run):
                await end_tree(state.run, RunFinished(reason="stopped"), journal=self.log)
            else:
                await self._tell(request.run, "stop")
        return await self._shown(request.run, 202)

    async def cancel(self, request: Request) -> HttpReply:
        """`POST /runs/{run}/cancel`: cut it off at once, wherever it is at work."""
        if not await self.workshop.cancel(request.run):
            async with self.workshop.door(request.run):
                state = await self._state(request.run)
                if state.ended and state.status != "cancelled":
                    raise Refusal(409, f"run {state.run} is {state.status}; there is nothing to cancel")
                await end_tree(state.run, journal=self.log)
        return await self._shown(request.run, 200)

    async def is_over(self, run: str, after: int = -1) -> bool:
        """Whether a run ended with the fact of this number. Raises `Refusal` (404) if there is no such run."""
        last = None
        try:
            async with aclosing(cast("Any", self.log.read(run, max(after, 0) - 1))) as facts:
                async for fact in facts:
                    if fact.seq != after:
                        return False
                    last = fact
        except CorruptJournal:
            raise
        except CallerError as error:
            raise Refusal(404, str(error)) from error
        if last is None:
            raise Refusal(
                400, f"run {run} has no fact {after} yet; after= is the number of the last fact that you have"
            )
        return isinstance(last, RunFinished | RunFailed | RunCancelled)

    async def _start_once(self, request: Request, run: str, wanted: Start, options: RunOptions) -> HttpReply:
        agent = self._agent_named(wanted.agent)
        async with self.workshop.door(run):
            try:
                await self.workshop.begin(agent, prompt_of(wanted.prompt), options, run_id=run)
            except Conflict:
                # It was begun before, perhaps at this very moment by another process: the journal is the fence.
                if not _is_same(await self._first_fact(run), agent, wanted):
                    words = "this Idempotency-Key has begun another run; take a new key for a new run"
                    raise Refusal(422, words) from None
                state = await self._state(run)
                if state.next_seq == 1 and clock() - state.started_at > _CUT_OFF and not self.workshop.works_on(run):
                    await self.workshop.take_up(state)
                return _begun(request, run, status=200)
        return _begun(request, run)

    async def _first_fact(self, run: str) -> Fact:
        async with aclosing(cast("Any", self.log.read(run))) as facts:
            return cast("Fact", await anext(facts))

    async def _state(self, run: str) -> RunState:
        stretch = self.workshop.stretch_of(run)
        if stretch is not None:
            return stretch.drive.state
        await self.is_over(run)
        return (await load(self.log, run)).state

    async def _shown(self, run: str, status: int) -> HttpReply:
        state = await self._state(run)
        waits = any(call.phase == "pending" for call in state.calls)
        pending: tuple[PendingCall, ...] = ()
        if waits:
            pending = await pending_calls(run, journal=self.log, secret=self.workshop.secret_for(state))
        at_work = self.workshop.works_on(run)
        return reply(await shown_run(state, pending, self.presence.of(run), at_work=at_work), status)

    async def _tell(self, run: str, word: str) -> None:
        stretch = self.workshop.stretch_of(run)
        if stretch is None:
            state = await self._state(run)
            where = "is at work elsewhere, if it is at all" if state.status == "running" else f"is {state.status}"
            raise Refusal(409, f"run {run} {where}; only a run that is at work here can be told to {word}")
        setattr(stretch.drive.control, word, True)

    @asynccontextmanager
    async def _at_rest(self, run: str) -> AsyncGenerator[RunState]:
        """The run's state, while nobody here works on it or takes it up."""
        while True:
            await self.workshop.until_rest(run, self.bounds.rest_seconds)
            async with self.workshop.door(run):
                if not self.workshop.works_on(run):
                    yield await self._state(run)
                    return

    def _agent_named(self, name: str | None) -> Agent[Any]:
        if name is None and len(self._agents) == 1:
            return next(iter(self._agents.values()))
        if name is None:
            raise Refusal(400, f"say which agent: {', '.join(self._agents)}")
        if name not in self._agents:
            raise Refusal(404, f"there is no agent {name!r} here; there are {', '.join(self._agents) or 'none'}")
        return self._agents[name]


def _begun(request: Request, run: str, *, status: int = 201) -> HttpReply:
    return reply({"run": run}, status, location=f"{request.root}/runs/{run}")


def _is_same(known: Fact, agent: Agent[Any], wanted: Start) -> bool:
    said = [wanted.prompt] if isinstance(wanted.prompt, str) else list(wanted.prompt)
    asked = (agent.name, (Message.user(said),), wanted.tags, wanted.conversation)
    assert isinstance(known, RunStarted)  # noqa: S101  (no run begins with another fact; this tells the type checkers)
    # The agent's own limits may have become others since; those that were asked for are in the run's.
    limited = wanted.limits is None or wanted.limits.within(known.limits) == known.limits
    same = is_same_data(agent.plan.programs, wanted.data, known.data)
    return limited and same and (known.agent, known.input, known.tags, known.conversation) == asked
