"""The checks of `log_kit` that are about lists of runs."""

from __future__ import annotations

from msgspec.structs import replace

from ..data import CallerError, Message, ModelResponse, ToolCall, Usage
from ..journal import (
    Fact,
    Log,
    ModelRequested,
    ModelResponded,
    Parent,
    RunPaused,
    RunQuery,
    RunResumed,
    RunSummary,
    ToolPending,
    ToolStarted,
    summarize,
)
from .log_probes import claim, finished, names, refused, some_run, started


async def lists_answer_every_query(log: Log) -> None:
    """Runs are listed newest first, by any field of a query and by several."""
    for number in range(6):
        start = started(
            at=100 + number,
            agent="odd" if number % 2 else "even",
            tags=("all", f"n{number}"),
            conversation="c" if number < 3 else None,  # noqa: PLR2004  (half of them)
        )
        facts: list[Fact] = [start, finished(1)] if number > 3 else [start]  # noqa: PLR2004  (two of them)
        await log.append(f"r{number}", 0, facts)
    asked: list[tuple[RunQuery, list[int]]] = [
        (RunQuery(), [5, 4, 3, 2, 1, 0]),
        (RunQuery(limit=2), [5, 4]),
        (RunQuery(status="finished"), [5, 4]),
        (RunQuery(status="cancelled"), []),
        (RunQuery(agent="even"), [4, 2, 0]),
        (RunQuery(tag="all"), [5, 4, 3, 2, 1, 0]),
        (RunQuery(tag="n3"), [3]),
        (RunQuery(tag="n"), []),
        (RunQuery(conversation="c"), [2, 1, 0]),
        (RunQuery(started_after=103), [5, 4]),
        (RunQuery(started_before=102), [1, 0]),
        (RunQuery(started_after=100, started_before=104, agent="odd"), [3, 1]),
        (RunQuery(status="running", tag="all", conversation="c", agent="even", started_after=100), [2]),
    ]
    for query, numbers in asked:
        wanted = [f"r{number}" for number in numbers]
        found = await names(log, query)
        claim(found == wanted, f"{query} must list {wanted}, not {found}")


async def pages_follow_on_each_other(log: Log) -> None:
    """Page by page every run comes once, runs of the same moment and runs that begin meanwhile included."""
    for number in range(11):
        await log.append(f"r{number:02}", 0, [started(at=100 + number // 4, tags=("t",))])
    wanted = [f"r{number:02}" for number in reversed(range(11))]
    for query in (RunQuery(), RunQuery(tag="t"), RunQuery(status="running"), RunQuery(agent="agent")):
        for limit in (1, 3, 4, 11, 12):
            found, pages = await _all_pages(log, replace(query, limit=limit))
            claim(found == wanted, f"{query} in pages of {limit} must list each run once, not {found}")
            claim(pages == -(-11 // limit), f"11 runs in pages of {limit} must not make {pages} pages")
    page = await log.runs(RunQuery(limit=3))
    await log.append("later", 0, [started(at=500)])
    after = await names(log, RunQuery(before=page.next))
    claim(after == wanted[3:], "a run that begins meanwhile must not move the next page")


async def _all_pages(log: Log, query: RunQuery) -> tuple[list[str], int]:
    page = await log.runs(query)
    found, pages = [row.run for row in page.rows], 1
    while page.next is not None and pages < 100:  # noqa: PLR2004  (a log whose pages never end must not hang the kit)
        page = await log.runs(replace(query, before=page.next))
        found += [row.run for row in page.rows]
        pages += 1
    return found, pages


async def impossible_queries_are_refused(log: Log) -> None:
    """A page without room and a cursor that is none are the caller's errors."""
    await log.append("r", 0, some_run(1))
    for query in (RunQuery(limit=0), RunQuery(limit=-1), RunQuery(before="nonsense"), RunQuery(before="x:r")):
        await refused(log.runs(query), CallerError, f"{query}")
    await refused(log.runs(RunQuery(before="9" * 5000 + ":r")), CallerError, "a cursor of five thousand digits")


async def numbers_beyond_all_times_are_answered(log: Log) -> None:
    """A query with numbers that no store can hold is answered as what it says: clients may send any."""
    await log.append("r", 0, some_run(1))
    far = 1 << 70
    for query, wanted in (
        (RunQuery(started_after=-far, started_before=far, before=f"{far}:r", limit=far), ["r"]),
        (RunQuery(started_after=far), []),
        (RunQuery(started_before=-far), []),
        (RunQuery(before=f"-{far}:r"), []),
    ):
        found = await names(log, query)
        claim(found == wanted, f"{query} must list {wanted}, not {found}")


async def lists_are_right_after_every_append(log: Log) -> None:
    """A run's row says at any moment what its facts say."""
    response = ModelResponse(Message("assistant", (ToolCall("c", "tool"),)), Usage(input=7, output=5), "tool_calls")
    facts: list[Fact] = [started(at=1, tags=("a", "b"), parent=Parent("p", "c"), conversation="talk")]
    for seq in range(1, 121, 3):
        facts += [
            ModelRequested(seq=seq, at=seq + 1, model=f"model {seq}", history=1, iteration=1),
            ModelResponded(seq=seq + 1, at=seq + 2, response=response),
            ToolStarted(seq=seq + 2, at=seq + 3, call_id="c", name="tool"),
        ]
    facts += [ToolPending(seq=121, at=200, call_id="c"), RunPaused(seq=122, at=201), RunResumed(seq=123, at=202)]
    facts += [finished(124)]
    row: RunSummary | None = None
    for fact in facts:
        await log.append("r", fact.seq, [fact])
        row = summarize("r", row, fact)
        found = (await log.runs(RunQuery())).rows
        claim(found == (row,), f"after fact {fact.seq} the list must say {row}, not {found}")
