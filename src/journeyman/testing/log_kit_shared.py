"""What two logs over one place must do, as two processes would have them: checks like those of `log_kit`.

`@pytest.mark.parametrize("check", SHARED_CHECKS)` over a test that opens two logs of yours at the same address, which holds
nothing yet, and awaits `check(log, other)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec.structs import replace

from ..data import CallerError, Conflict
from ..journal import Log, RunQuery
from .log_probes import claim, finished, follow, listening, names, read, refused, same, some_run

SharedCheck: TypeAlias = Callable[[Log, Log], Awaitable[None]]


async def both_go_on_with_a_run(log: Log, other: Log) -> None:
    """What one appends the other reads, lists and goes on from."""
    facts = [*some_run(60), finished(60)]
    for fact in facts:
        writer, reader = (log, other) if fact.seq % 3 else (other, log)
        await writer.append("r", fact.seq, [fact])
        same(await read(reader, "r"), facts[: fact.seq + 1], f"a run after fact {fact.seq} of the other")
        if fact.seq % 10 == 0:
            rows = [(await each.runs(RunQuery())).rows for each in (log, other)]
            claim(rows[0] == rows[1], f"both must list the same after fact {fact.seq}, not {rows}")
    claim(await names(other, RunQuery(status="finished")) == ["r"], "the other must list the run as finished")


async def one_of_two_logs_wins(log: Log, other: Log) -> None:
    """Of two writers in different processes exactly one gets a place, also where a run begins."""
    facts = some_run(25)
    for at in range(25):
        marks = [replace(facts[at], at=at * 10 + writer + 1) for writer in range(2)]
        done = await asyncio.gather(
            log.append("r", at, marks[:1]), other.append("r", at, marks[1:]), return_exceptions=True
        )
        lost = [outcome for outcome in done if isinstance(outcome, Conflict)]
        claim(done.count(None) == 1 and len(lost) == 1, f"one of two writers must win place {at}, not {done}")
        won = [marks[done.index(None)]]
        for each in (log, other):
            same(await read(each, "r", at - 1), won, f"fact {at}, of the writer that won")


async def a_follower_hears_the_other(log: Log, other: Log) -> None:
    """A follower here hears what is appended there, batch by batch, up to the end."""
    facts = [*some_run(8), finished(8)]
    await log.append("r", 0, facts[:2])
    async with listening(other, "r") as heard, listening(log, "r", 0) as at_home:
        same([await heard.next(), await heard.next()], facts[:2], "what was there before the follower")
        await log.append("r", 2, facts[2:5])
        same([await heard.next() for _ in range(3)], facts[2:5], "what the other appended")
        await log.append("r", 5, facts[5:])
        same(await heard.rest(), facts[5:], "the end")
        same(await at_home.rest(), facts[1:], "what was followed beside it")


async def a_cursor_survives_reconnecting(log: Log, other: Log) -> None:
    """Who breaks off after any fact and follows again from there, in either log, misses nothing and hears nothing twice."""
    facts = [*some_run(12), finished(12)]
    await log.append("r", 0, facts[:1])
    heard = [(await read(other, "r"))[0]]
    for fact in facts[1:]:
        await log.append("r", fact.seq, [fact])
        async with listening(other if fact.seq % 2 else log, "r", heard[-1].seq) as listener:
            heard.append(await listener.next())
    same(heard, facts, "what was heard in thirteen pieces")


async def a_deletion_by_the_other_is_noticed(log: Log, other: Log) -> None:
    """After the other has deleted a run it is gone here: for writers, readers, followers and lists."""
    facts = some_run(5)
    await log.append("r", 0, facts[:3])
    await log.append("r", 3, facts[3:4])
    same(await read(log, "r"), facts[:4], "a run before it is deleted")
    async with listening(log, "r", 3) as heard:
        await other.delete("r")
        await refused(heard.rest(), CallerError, "following a run that the other deleted")
    await refused(log.append("r", 4, facts[4:]), Conflict, "going on with a run that the other deleted")
    await refused(read(log, "r"), CallerError, "reading a run that the other deleted")
    await refused(log.delete("r"), CallerError, "deleting what the other has deleted")
    claim(await names(log, RunQuery()) == [], "a run that the other deleted must not be listed")


async def a_run_begun_anew_by_the_other_is_another(log: Log, other: Log) -> None:
    """Where the other deleted a run and began it anew, nothing that was known of the old one is used."""
    old, new = some_run(6), some_run(6, at=7, agent="new", tags=("new",))
    await log.append("r", 0, old[:2])
    await log.append("r", 2, old[2:3])
    await other.delete("r")
    await other.append("r", 0, new[:2])
    await refused(log.append("r", 3, old[3:4]), Conflict, "an append at 3 to a run begun anew, of two facts")
    await other.append("r", 2, new[2:3])
    await log.append("r", 3, new[3:4])
    for each in (log, other):
        same(await read(each, "r"), new[:4], "a run begun anew")
        claim(await names(each, RunQuery(agent="new", tag="new")) == ["r"], "a run begun anew must be listed as such")
        claim(await names(each, RunQuery(agent="agent")) == [], "the old run must not be listed")


async def a_finished_run_is_read_by_all(log: Log, other: Log) -> None:
    """A run of many appends that has ended is whole for readers, for followers, for late writers and from any cursor."""
    facts = [*some_run(40), finished(40)]
    for fact in facts[:20]:
        await other.append("r", fact.seq, [fact])
    await log.append("r", 20, facts[20:21])
    for fact in facts[21:]:
        await log.append("r", fact.seq, [fact])
    late = replace(facts[20], at=999)
    await refused(other.append("r", 20, [late]), Conflict, "an append by who knew half of a run that has ended")
    for each in (log, other):
        for after in (-1, 0, 19, 20, 39, 40):
            same(await read(each, "r", after), facts[after + 1 :], f"an ended run after {after}")
            same(await follow(each, "r", after), facts[after + 1 :], f"an ended run followed after {after}")


SHARED_CHECKS: tuple[SharedCheck, ...] = (
    both_go_on_with_a_run,
    one_of_two_logs_wins,
    a_follower_hears_the_other,
    a_cursor_survives_reconnecting,
    a_deletion_by_the_other_is_noticed,
    a_run_begun_anew_by_the_other_is_another,
    a_finished_run_is_read_by_all,
)
