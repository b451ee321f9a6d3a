"""What the checks of `log_kit` are made of: runs to append, followers to listen with, claims."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ..data import JourneymanError, Message, ModelResponse, Usage
from ..journal import Fact, Log, ModelRequested, ModelResponded, RunFinished, RunQuery, RunStarted

PATIENCE = 20.0
"""Seconds after which a follower that has heard nothing never will."""


def started(**fields: Any) -> RunStarted:
    """The beginning of a run."""
    fields = {"at": 1, "agent": "agent", "model": "model", "fingerprint": "f", "input": (Message.user("hi"),), **fields}
    return RunStarted(seq=0, **fields)


def some_run(count: int, **fields: Any) -> list[Fact]:
    """The first facts of a run that goes on for ever."""
    facts: list[Fact] = [started(**fields)]
    for seq in range(1, count):
        if seq % 2:
            facts.append(ModelRequested(seq=seq, at=seq, model="model", history=seq, iteration=seq))
        else:
            response = ModelResponse(Message.assistant(f"answer {seq}"), Usage(input=seq, output=1))
            facts.append(ModelResponded(seq=seq, at=seq, response=response))
    return facts


def finished(seq: int) -> RunFinished:
    """The end of a run."""
    return RunFinished(seq=seq, at=seq, output={"answer": seq})


def claim(condition: object, sentence: str) -> None:
    """The sentence must be true."""
    # Not `assert`, which Python's -O switches off.
    if not condition:
        raise AssertionError(sentence)


def same(found: Sequence[Fact], wanted: Sequence[Fact], what: str) -> None:
    """The facts must be those."""
    if list(found) != list(wanted):
        kinds = [f"{fact.seq} {type(fact).__name__}" for fact in found]
        first = next((n for n, pair in enumerate(zip(found, wanted, strict=False)) if pair[0] != pair[1]), len(kinds))
        raise AssertionError(
            f"{what}: wanted {len(wanted)} facts, found {len(found)}, wrong from {kinds[first:][:4]} on"
        )


async def refused(awaitable: Awaitable[object], error: type[JourneymanError], what: str) -> None:
    """It must fail with that error."""
    try:
        outcome = await asyncio.wait_for(awaitable, PATIENCE)
    except error:
        return
    except TimeoutError:
        outcome = f"nothing for {PATIENCE} seconds"
    except Exception as other:  # noqa: BLE001  (whichever it is, it is not the one)
        outcome = repr(other)
    raise AssertionError(f"{what} must raise {error.__name__}; it came to {outcome!r:.200}")


async def read(log: Log, run: str, after: int = -1) -> list[Fact]:
    """All facts that there are."""
    return [fact async for fact in log.read(run, after)]


async def follow(log: Log, run: str, after: int = -1) -> list[Fact]:
    """All facts up to the end of the run."""
    return [fact async for fact in log.watch(run, after)]


async def names(log: Log, query: RunQuery) -> list[str]:
    """The ids on a page."""
    return [row.run for row in (await log.runs(query)).rows]


class Listener:
    """A follower at work in a task of its own."""

    def __init__(self, log: Log, run: str, after: int) -> None:
        self._heard: asyncio.Queue[Fact | None] = asyncio.Queue()
        self.task = asyncio.ensure_future(self._listen(log, run, after))

    async def _listen(self, log: Log, run: str, after: int) -> None:
        try:
            async for fact in log.watch(run, after):
                self._heard.put_nowait(fact)
        finally:
            self._heard.put_nowait(None)

    async def next(self) -> Fact:
        """The next fact."""
        fact = await self._next()
        if fact is None:
            await self.task
            raise AssertionError("a follower ended although the run has not")
        return fact

    async def rest(self) -> list[Fact]:
        """The facts up to the end of the run."""
        facts: list[Fact] = []
        while (fact := await self._next()) is not None:
            facts.append(fact)
        await self.task
        return facts

    async def _next(self) -> Fact | None:
        try:
            return await asyncio.wait_for(self._heard.get(), PATIENCE)
        except TimeoutError:
            raise AssertionError(f"a follower heard nothing for {PATIENCE} seconds") from None


@asynccontextmanager
async def listening(log: Log, run: str, after: int = -1) -> AsyncGenerator[Listener]:
    """A follower that is at work until the end of the context."""
    listener = Listener(log, run, after)
    try:
        yield listener
    finally:
        listener.task.cancel()
        await asyncio.wait([listener.task])
        if not listener.task.cancelled():
            # Whoever listened has heard of it; nobody else needs to.
            listener.task.exception()
