"""What clients are shown of runs; times are in microseconds since 1970."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, cast

import msgspec

from ...agents import Agent, PendingCall
from ...compose import cost
from ...data import Failure, Usage, dollars
from ...journal import Checkpoint, Log, Page, Parent, RunState, RunSummary, Status, encode_fact
from ...observe import plain_output
from ...wire import HttpReply
from .refusing import JSON
from .watchers.presence import Watchers

MOST_FACTS = 1000
"""How many facts a page has at most."""

MOST_BYTES = 4 * 1024 * 1024
"""After how many bytes a page of facts ends, whatever it was asked for."""


class ShownRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run: what it is, what it came to, what it waits for, who watches it.

    `at_work` says whether this process works on it; `cost` is in dollars, absent where a price is not known.
    """

    run: str
    agent: str
    model: str
    status: Status
    at_work: bool
    facts: int
    started_at: int
    updated_at: int
    usage: Usage
    watchers: Watchers
    cost: str | None = None
    output: Any = None
    finish: str | None = None
    failure: Failure | None = None
    pending: tuple[PendingCall, ...] = ()
    parent: Parent | None = None
    continues: Checkpoint | None = None
    conversation: str | None = None
    tags: tuple[str, ...] = ()


class ShownAgent(msgspec.Struct, frozen=True):
    """An agent that can be asked."""

    name: str
    model: str
    tools: tuple[str, ...]


async def shown_run(state: RunState, pending: Sequence[PendingCall], watchers: Watchers, *, at_work: bool) -> ShownRun:
    """A run as it is now."""
    # The price list may be read for the first time, which takes a while.
    nano = await asyncio.to_thread(cost, state.used)
    finished = state.status == "finished"
    return ShownRun(
        run=state.run,
        agent=state.agent,
        model=state.model,
        status=state.status,
        at_work=at_work,
        facts=state.next_seq,
        started_at=state.started_at,
        updated_at=state.updated_at,
        usage=state.usage,
        watchers=watchers,
        cost=None if nano is None else str(dollars(nano)),
        output=plain_output(state.output, state.messages[-1].text if state.messages else "") if finished else None,
        finish=state.finish,
        failure=state.failure,
        pending=tuple(pending),
        parent=state.parent,
        continues=state.continues,
        conversation=state.conversation,
        tags=state.tags,
    )


def shown_agents(agents: Sequence[Agent[Any]]) -> HttpReply:
    """The agents that can be asked."""
    rows = [ShownAgent(agent.name, agent.model.name, tuple(agent.tools)) for agent in agents]
    return reply({"agents": rows})


def shown_page(page: Page[RunSummary]) -> HttpReply:
    """A page of runs, and the cursor of the next one."""
    return reply({"runs": page.rows, "next": page.next})


async def shown_facts(log: Log, run: str, after: int, limit: int) -> HttpReply:
    """Facts after a number, as their journal has them; `next` is the cursor of the page after it, None at the end."""
    lines: list[bytes] = []
    size, more = 0, False
    async with aclosing(cast("Any", log.read(run, after))) as facts:
        async for fact in cast("AsyncIterator[Any]", facts):
            if len(lines) == limit or size > MOST_BYTES:
                more = True
                break
            lines.append(encode_fact(run, fact))
            size += len(lines[-1])
            after = fact.seq
    body = b'{"facts":[%s],"next":%s}' % (b",".join(lines), b"%d" % after if more else b"null")
    return HttpReply(200, JSON, body)


def reply(body: object, status: int = 200, **headers: str) -> HttpReply:
    """An answer as JSON."""
    return HttpReply(status, {**JSON, **headers}, msgspec.json.encode(body))
