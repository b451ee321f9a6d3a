"""`journeyman runs`: list runs, look into them, follow them, add up what they cost; and what takes them up or moves them."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from ...data import ModelUsage, with_usage
from ...journal import RunQuery, RunSummary, Status, encode_fact, load
from .flags import JOURNAL, PLAIN, Journal, Shown
from .journals import all_runs, existing, own_usage, run_named
from .outcome import carry_out
from .view.bill import bill, bill_object, tell_bill
from .view.clean import one_line
from .view.facts import tell_fact, tell_whole_fact
from .view.live import how_to_see
from .view.screen import Screen, moment, short
from .view.transcript import run_object, tell_run

runs = App(name="runs")

# Their files are imported when they are called: whoever only looks need not wait for what makes agents.
_HERE = __package__
runs.command(f"{_HERE}.taking_up:resume_command", name="resume", help="Go on with a run that rests.")
runs.command(f"{_HERE}.taking_up:fork_command", name="fork", help="Go on from a place in a run, in a new one.")
runs.command(f"{_HERE}.taking_up:approve_command", name="approve", help="Approve or reject a tool call that waits.")
runs.command(f"{_HERE}.taking_up:cancel_command", name="cancel", help="Cancel a run that rests, and those below it.")
runs.command(f"{_HERE}.moving:export_command", name="export", help="Write a run as one JSON document.")
runs.command(f"{_HERE}.moving:import_command", name="import", help="Put an exported run into a journal.")

Id = Annotated[str, Parameter(help="The run's id, or as much of its beginning or end as is unmistakable.")]

_PROMPT = 60


@runs.command(name="list")
def list_(  # a function named `list` would hide the type
    *,
    status: Annotated[Status | None, Parameter(help="Only runs in this state.")] = None,
    agent: Annotated[str | None, Parameter(help="Only runs of the agent of this name.")] = None,
    tag: Annotated[str | None, Parameter(help="Only runs with this tag.")] = None,
    limit: Annotated[int, Parameter(help="How many to show.")] = 20,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """List runs, newest first. With --json, an object a line."""
    query = RunQuery(status=status, agent=agent, tag=tag, limit=limit)
    return carry_out(shown, lambda screen: _list(screen, query, journal))


@runs.command
def show(
    run: Id,
    /,
    *,
    facts: Annotated[bool, Parameter(help="Show every fact of the journal, whole.")] = False,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Show what was said and done in a run, and what it cost.

    With --json one object; with --facts --json the facts themselves, an object a line.
    """
    return carry_out(shown, lambda screen: _show(screen, run, journal, facts=facts))


@runs.command
def tail(
    run: Id,
    /,
    *,
    after: Annotated[int, Parameter(help="Begin after the fact of this number; the first one is 0.")] = -1,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Follow the facts of a run until it ends, however it ends. With --json, an object a line."""
    return carry_out(shown, lambda screen: _tail(screen, run, journal, after))


@runs.command
def cost(run: Id | None = None, /, *, journal: Journal = JOURNAL, shown: Shown = PLAIN) -> int:
    """Add up the cost of a run and of the runs below it, or of all runs. With --json one object, costs in dollars."""
    return carry_out(shown, lambda screen: _cost(screen, run, journal))


async def _list(screen: Screen, query: RunQuery, journal: str) -> int:
    async with existing(journal) as log:
        page = await log.runs(query)
    if screen.json:
        for row in page.rows:
            screen.object({name: getattr(row, name) for name in row.__struct_fields__})
        return 0
    if page.rows:
        heads = ("run", "status", "agent", "model", "started", ">facts", ">tokens", "prompt")
        screen.table(heads, map(_cells, page.rows))
    else:
        screen.error(f"there are no such runs in {journal}")
    if page.next is not None:
        screen.error(("there are older ones; --limit shows more", "dim"))
    return 0


def _cells(row: RunSummary) -> tuple[str, ...]:
    prompt = one_line(row.prompt)
    return (
        short(row.run),
        row.status,
        row.agent if row.parent is None else f"{row.agent} (below {short(row.parent)})",
        row.model,
        moment(row.started_at),
        f"{row.facts:,}",
        f"{row.usage.total_tokens:,}",
        prompt if len(prompt) <= _PROMPT else f"{prompt[:_PROMPT]}…",
    )


async def _show(screen: Screen, run: str, journal: str, *, facts: bool) -> int:
    async with existing(journal) as log:
        name = await run_named(log, run)
        loaded = await load(log, name)
    if not facts:
        if screen.json:
            screen.object(run_object(loaded, journal))
        else:
            tell_run(screen, loaded, journal)
        return 0
    for fact in loaded.facts:
        if screen.json:
            screen.raw(encode_fact(name, fact))
        else:
            tell_whole_fact(screen, fact)
    return 0


async def _tail(screen: Screen, run: str, journal: str, after: int) -> int:
    async with existing(journal) as log:
        name = await run_named(log, run)
        async for fact in log.watch(name, after):
            if screen.json:
                screen.raw(encode_fact(name, fact))
            else:
                tell_fact(screen, fact, how_to_see(name, journal))
    return 0


async def _cost(screen: Screen, run: str | None, journal: str) -> int:
    used: tuple[ModelUsage, ...] = ()
    counted = 0
    async with existing(journal) as log:
        if run is not None:
            used, counted = (await load(log, await run_named(log, run))).state.used, 1
        else:
            async for row in all_runs(log):
                counted += 1
                for item in await own_usage(log, row.run):
                    used = with_usage(used, item)
    rows = bill(used)
    if screen.json:
        screen.object(bill_object(rows, counted))
    else:
        tell_bill(screen, rows, counted)
    return 0
