"""What every `Log` must do, as checks that any test framework can run.

With pytest: `@pytest.mark.parametrize("check", LOG_CHECKS)` over a test that opens an empty log of yours and awaits
`check(log)`; or `await check_log(open_log)` anywhere. A check that fails raises `AssertionError` with what was expected.
A log that stores lines of JSON should pass `DAMAGE_CHECKS` as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from msgspec.structs import replace

from ..data import CallerError, Conflict, CorruptJournal, Failure, JourneymanError, Message, ModelResponse, Text
from ..journal import Fact, Log, ModelResponded, RunCancelled, RunFailed, RunFinished, RunPaused, RunQuery, RunResumed
from . import log_probes
from .log_kit_lists import (
    impossible_queries_are_refused,
    lists_answer_every_query,
    lists_are_right_after_every_append,
    numbers_beyond_all_times_are_answered,
    pages_follow_on_each_other,
)
from .log_probes import claim, finished, follow, listening, names, read, refused, same, some_run, started

LogCheck: TypeAlias = Callable[[Log], Awaitable[None]]
OpenLog: TypeAlias = Callable[[], AbstractAsyncContextManager[Log]]
Rewrite: TypeAlias = Callable[[str, int, Callable[[bytes], bytes]], Awaitable[None]]
"""Changes the stored line of a run's fact behind the log's back."""
DamageCheck: TypeAlias = Callable[[Log, Rewrite], Awaitable[None]]


async def check_log(open_log: OpenLog) -> None:
    """Run all of `LOG_CHECKS`, each on an empty log that `open_log()` gives as a context."""
    for check in LOG_CHECKS:
        async with open_log() as log:
            await check(log)


async def facts_come_back_in_order(log: Log) -> None:
    """What was appended, in one batch or several, is read in order and equal."""
    facts = some_run(8)
    await log.append("r", 0, facts[:1])
    await log.append("r", 1, facts[1:5])
    await log.append("r", 5, facts[5:])
    same(await read(log, "r"), facts, "a run that was appended in three batches")


async def reading_begins_at_any_cursor(log: Log) -> None:
    """A reader gets what is after its cursor, and nothing at the end."""
    facts = some_run(6)
    await log.append("r", 0, facts)
    for after in range(-1, 9):
        same(await read(log, "r", after), facts[after + 1 :], f"reading after {after}")


async def a_batch_is_numbered_without_a_gap(log: Log) -> None:
    """A batch with wrong numbers, or that does not begin the run where it begins, is refused as a whole."""
    facts = some_run(4)
    for wrong in ([facts[0], facts[2]], [facts[0], facts[1], facts[1]], [replace(facts[1], seq=0)]):
        await refused(log.append("r", 0, wrong), JourneymanError, "a misnumbered batch")
    await refused(read(log, "r"), CallerError, "reading a run of which nothing was written")
    await log.append("r", 0, facts[:2])
    wrong = [facts[2], replace(facts[0], seq=3)]
    await refused(log.append("r", 2, wrong), JourneymanError, "a second start of a run")
    same(await read(log, "r"), facts[:2], "a run after a batch that was refused")


async def an_append_past_the_end_is_a_conflict(log: Log) -> None:
    """Facts cannot be appended where the run has not come yet."""
    facts = some_run(6)
    await refused(log.append("r", 2, facts[2:4]), Conflict, "an append at 2 to an empty run")
    await log.append("r", 0, facts[:2])
    await refused(log.append("r", 3, facts[3:]), Conflict, "an append at 3 to a run of two facts")
    same(await read(log, "r"), facts[:2], "a run after a conflict")


async def an_append_before_the_end_is_a_conflict(log: Log) -> None:
    """Facts cannot be appended twice, not even the same ones."""
    facts = some_run(4)
    await log.append("r", 0, facts)
    for at in range(4):
        await refused(log.append("r", at, facts[at:]), Conflict, f"an append at {at} to a run of four facts")
    same(await read(log, "r"), facts, "a run after conflicts")


async def an_empty_batch_writes_nothing(log: Log) -> None:
    """An empty batch makes no run, and its place is checked like any other's."""
    await log.append("r", 0, [])
    await refused(read(log, "r"), CallerError, "reading a run to which nothing was appended")
    facts = some_run(2)
    await log.append("r", 0, facts)
    await log.append("r", 2, [])
    await refused(log.append("r", 1, []), Conflict, "an empty batch at 1 in a run of two facts")
    same(await read(log, "r"), facts, "a run after empty batches")
    claim([row.run for row in (await log.runs(RunQuery())).rows] == ["r"], "an empty batch must not list a run")


async def one_of_two_writers_wins(log: Log) -> None:
    """Of writers that want the same place exactly one gets it; the others hear of the conflict."""
    await log.append("r", 0, some_run(1))
    for at in range(1, 20):
        marks = [replace(some_run(at + 1)[at], at=at * 100 + writer) for writer in range(3)]
        done = await asyncio.gather(*(log.append("r", at, [mark]) for mark in marks), return_exceptions=True)
        lost = [outcome for outcome in done if isinstance(outcome, Conflict)]
        claim(done.count(None) == 1 and len(lost) == 2, f"one of three writers must win place {at}, not {done}")  # noqa: PLR2004  (the others)
        last = (await read(log, "r", at - 1))[-1]
        same([last], [marks[done.index(None)]], "the fact of the writer that won")


async def a_conflict_does_not_hurt_others(log: Log) -> None:
    """Appends that wait together stand alone: one that loses takes no other with it."""
    runs = [f"r{number}" for number in range(20)]
    facts = some_run(4)
    first = [log.append(run, 0, facts[:2]) for run in runs]
    wrong = [log.append(run, 3, facts[3:]) for run in runs]
    later = [log.append(run, 2, facts[2:]) for run in runs]
    done = await asyncio.gather(*first, *wrong, *later, return_exceptions=True)
    refused = [number for number, outcome in enumerate(done) if isinstance(outcome, Conflict)]
    claim(refused == list(range(20, 40)), f"exactly the appends with a gap must be refused, not {refused}")
    for run in runs:
        same(await read(log, run), facts, f"run {run}")


async def a_follower_hears_what_is_appended(log: Log) -> None:
    """A follower gets what there is, then each fact once it is appended."""
    facts = some_run(6)
    await log.append("r", 0, facts[:2])
    async with listening(log, "r") as heard:
        same([await heard.next(), await heard.next()], facts[:2], "what was there before the follower")
        for fact in facts[2:]:
            await log.append("r", fact.seq, [fact])
            same([await heard.next()], [fact], "what came while it followed")


async def a_follower_begins_at_any_cursor(log: Log) -> None:
    """A follower that reconnects with its cursor misses nothing and gets nothing twice."""
    facts = [*some_run(6), finished(6)]
    await log.append("r", 0, facts[:4])
    for after in range(-1, 6):
        async with listening(log, "r", after) as heard:
            same([await heard.next() for _ in facts[after + 1 : 4]], facts[after + 1 : 4], f"followed after {after}")
    async with listening(log, "r", 1) as early, listening(log, "r", 4) as ahead:
        await log.append("r", 4, facts[4:])
        same(await early.rest(), facts[2:], "followed after 1")
        same(await ahead.rest(), facts[5:], "followed after 4, which was still to come")


async def following_ends_with_the_run(log: Log) -> None:
    """A follower comes to its end when the run does, however it ends, and at once if it has."""
    ends: list[Fact] = [
        finished(2),
        RunFailed(seq=2, at=2, failure=Failure("Bug", "it broke")),
        RunCancelled(seq=2, at=2),
        RunFinished(seq=2, at=2, reason="stopped"),
    ]
    for number, end in enumerate(ends):
        run = f"r{number}"
        facts = [*some_run(2), end]
        await log.append(run, 0, facts[:2])
        async with listening(log, run) as heard:
            await heard.next()
            await log.append(run, 2, [end])
            same(await heard.rest(), facts[1:], f"a run that ends with {type(end).__name__}")
        for after in (-1, 2, 7):
            async with listening(log, run, after) as late:
                same(await late.rest(), facts[after + 1 :], f"an ended run followed after {after}")


async def a_pause_is_no_end(log: Log) -> None:
    """A follower stays with a run that waits, and with one that failed and was taken up again."""
    facts = [
        *some_run(2),
        RunPaused(seq=2, at=2),
        RunFailed(seq=3, at=3, failure=Failure("Bug", "it broke")),
        RunResumed(seq=4, at=4),
        finished(5),
    ]
    await log.append("r", 0, facts[:3])
    async with listening(log, "r") as heard:
        same([await heard.next() for _ in range(3)], facts[:3], "a paused run")
        await log.append("r", 3, facts[3:5])
        same([await heard.next() for _ in range(2)], facts[3:5], "a run that was taken up again")
        await log.append("r", 5, facts[5:])
        same(await heard.rest(), facts[5:], "its end")


async def an_unknown_run_is_the_callers_error(log: Log) -> None:
    """Nobody gets an empty run, an endless wait or a success for a run that is not there."""
    await log.append("known", 0, some_run(2))
    await refused(read(log, "r"), CallerError, "reading an unknown run")
    await refused(follow(log, "r"), CallerError, "following an unknown run")
    await refused(log.delete("r"), CallerError, "deleting an unknown run")


async def a_deleted_run_is_gone(log: Log) -> None:
    """After a deletion the run is unknown and unlisted, its neighbours are whole, and its id begins anew."""
    facts = some_run(4, tags=("red",))
    for run in ("q", "r", "s"):
        await log.append(run, 0, facts)
    await log.delete("r")
    await refused(read(log, "r"), CallerError, "reading a deleted run")
    for query in (RunQuery(), RunQuery(tag="red"), RunQuery(agent="agent"), RunQuery(status="running")):
        claim(await names(log, query) == ["s", "q"], f"{query} must list the two runs that are left")
    for run in ("q", "s"):
        same(await read(log, run), facts, f"the neighbour {run}")
    await refused(log.append("r", 4, some_run(5)[4:]), Conflict, "going on with a deleted run")
    await log.append("r", 0, facts[:2])
    same(await read(log, "r"), facts[:2], "a run with the id of a deleted one")


async def deletion_ends_following(log: Log) -> None:
    """A follower of a run that is deleted is told so."""
    await log.append("r", 0, some_run(2))
    async with listening(log, "r") as heard:
        await heard.next()
        await heard.next()
        await log.delete("r")
        await refused(heard.rest(), CallerError, "following a run that was deleted")


async def another_event_loop_is_right_or_refused(log: Log) -> None:
    """What a thread with an event loop of its own reads or appends is right, or an error that says it cannot."""
    facts = [*some_run(4), finished(4)]
    await log.append("r", 0, facts[:2])
    async with listening(log, "r") as heard:

        async def elsewhere() -> list[Fact]:
            await log.append("r", 2, facts[2:])
            return await follow(log, "r")

        try:
            there = await asyncio.wait_for(asyncio.to_thread(asyncio.run, elsewhere()), log_probes.PATIENCE)
        except JourneymanError:
            return
        same(there, facts, "a run read in another event loop")
        same(await heard.rest(), facts, "a run followed here and appended to there")


async def words_come_back_unchanged(log: Log) -> None:
    """Text of any script, control characters and names of any kind are kept."""
    words = 'é 漢字 🧭 \u0000\u0007 \u2028\n\r\n\t"\\ \ufeff \U0010ffff'
    run = "läuft/🧭 'quoted' \"twice\" \\ %_"
    start = started(at=1, agent=words, tags=(words, ""), conversation=words, input=(Message.user(words),))
    await log.append(run, 0, [start])
    same(await read(log, run), [start], "a run with unusual words")
    for query in (RunQuery(tag=words), RunQuery(tag=""), RunQuery(agent=words), RunQuery(conversation=words)):
        claim(await names(log, query) == [run], f"{query} must find the run")


async def a_large_fact_comes_back(log: Log) -> None:
    """A fact of a megabyte is kept, between small ones and several times."""
    facts = some_run(3)
    large = ModelResponse(Message("assistant", (Text("0123456789abcdé\n" * 65_536),)))
    facts += [ModelResponded(seq=seq, at=seq, response=large) for seq in range(3, 8)]
    await log.append("r", 0, facts)
    same(await read(log, "r"), facts, "a run with facts of a megabyte")


async def a_long_run_comes_back(log: Log) -> None:
    """A run of ten thousand facts is read whole, and from its middle."""
    facts = some_run(10_000)
    for at in range(0, 10_000, 2500):
        await log.append("r", at, facts[at : at + 2500])
    same(await read(log, "r"), facts, "a run of 10,000 facts")
    same(await read(log, "r", 7776), facts[7777:], "a run of 10,000 facts after 7776")


async def a_closed_log_says_so(log: Log) -> None:
    """Closing ends followers with an error, may be done twice, and nothing succeeds after it."""
    facts = some_run(2)
    await log.append("r", 0, facts[:1])
    async with listening(log, "r") as heard:
        await heard.next()
        await log.close()
        await refused(heard.rest(), CallerError, "following in a log that was closed")
    await log.close()
    await refused(log.append("r", 1, facts[1:]), CallerError, "an append to a closed log")
    await refused(log.append("s", 0, facts[:1]), CallerError, "a new run in a closed log")
    await refused(read(log, "r"), CallerError, "reading a closed log")
    await refused(follow(log, "r"), CallerError, "following in a closed log")
    await refused(log.runs(RunQuery()), CallerError, "listing a closed log")
    await refused(log.delete("r"), CallerError, "deleting in a closed log")


async def damage_is_found(log: Log, rewrite: Rewrite) -> None:
    """A line that is broken, unknown, too new or in the wrong place is never passed over or passed on."""
    damages: dict[str, Callable[[bytes], bytes]] = {
        "a cut line": lambda line: line[: len(line) // 2],
        "an unknown kind": lambda line: line.replace(b"ModelRequested", b"ModelImagined"),
        "a newer version": lambda line: line.replace(b'"v":1', b'"v":1000'),
        "a wrong number": lambda line: line.replace(b'"seq":3', b'"seq":4'),
        "a line of another run": lambda line: line.replace(b'"run":"r', b'"run":"x'),
        "an illegal value": lambda line: line.replace(b'"iteration":3', b'"iteration":"three"'),
    }
    facts = some_run(6)
    for number, (what, damage) in enumerate(damages.items()):
        run = f"r{number}"
        await log.append(run, 0, facts)
        await rewrite(run, 3, damage)
        await refused(read(log, run), CorruptJournal, f"reading a run with {what}")
        await refused(follow(log, run), CorruptJournal, f"following a run with {what}")
        same(await read(log, run, 3), facts[4:], f"what is after {what}")


LOG_CHECKS: tuple[LogCheck, ...] = (
    facts_come_back_in_order,
    reading_begins_at_any_cursor,
    a_batch_is_numbered_without_a_gap,
    an_append_past_the_end_is_a_conflict,
    an_append_before_the_end_is_a_conflict,
    an_empty_batch_writes_nothing,
    one_of_two_writers_wins,
    a_conflict_does_not_hurt_others,
    a_follower_hears_what_is_appended,
    a_follower_begins_at_any_cursor,
    following_ends_with_the_run,
    a_pause_is_no_end,
    an_unknown_run_is_the_callers_error,
    a_deleted_run_is_gone,
    deletion_ends_following,
    another_event_loop_is_right_or_refused,
    lists_answer_every_query,
    pages_follow_on_each_other,
    impossible_queries_are_refused,
    numbers_beyond_all_times_are_answered,
    lists_are_right_after_every_append,
    words_come_back_unchanged,
    a_large_fact_comes_back,
    a_long_run_comes_back,
    a_closed_log_says_so,
)

DAMAGE_CHECKS: tuple[DamageCheck, ...] = (damage_is_found,)
