"""`journeyman worker` and `journeyman jobs`: runs in the background."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import App, Parameter

from ...agents import Agent
from ...background import Worker, open_queue
from ...data import CallerError
from ...queues import FIRST, Entry, Lanes, Policy, Rate, Restart
from ..worker import work
from .asking import loaded, object_in
from .flags import JOURNAL, PLAIN, Journal, Shown
from .journals import run_named
from .outcome import carry_out
from .view.clean import one_line
from .view.screen import Screen, moment, short

jobs = App(name="jobs", help="Put runs into a queue, see what becomes of them, cancel them.")

QueueName = Annotated[str, Parameter(help="The name of the queue.")]
AgentName = Annotated[str, Parameter(help="The agent's name, as the workers know it.")]
Run = Annotated[str, Parameter(help="The run's id.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LaneFlags:
    """How much may be at work."""

    per_worker: Annotated[int, Parameter(help="How many runs this worker carries out at once.")] = 16
    everywhere: Annotated[int | None, Parameter(help="How many runs all workers together carry out at once.")] = None
    per_tenant: Annotated[int | None, Parameter(help="How many runs of one tenant are carried out at once.")] = None
    rate: Annotated[str | None, Parameter(help="How many may start in how many seconds, as in 100/60.")] = None
    tenant_rate: Annotated[str | None, Parameter(help="The same for each tenant.")] = None

    def lanes(self) -> Lanes:
        """The bounds. Raises `CallerError` for what cannot be."""
        return Lanes(
            per_worker=self.per_worker,
            everywhere=self.everywhere,
            per_tenant=self.per_tenant,
            rate=_rate("--rate", self.rate),
            tenant_rate=_rate("--tenant-rate", self.tenant_rate),
        )


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class JobFlags:
    """Where and when a run starts, and what follows its end."""

    queue: QueueName = "runs"
    priority: Annotated[int, Parameter(help="Those of a lower number start first.")] = FIRST
    tenant: Annotated[str, Parameter(help="Whose lane it is in.")] = ""
    tag: Annotated[list[str] | None, Parameter(help="A word by which to find the run again; may be repeated.")] = None
    restart: Annotated[Restart, Parameter(help="Whether the run is restarted when it failed, or always.")] = "transient"
    max_restarts: Annotated[int, Parameter(help="How often it is restarted within an hour.")] = 3
    data: Annotated[Path | None, Parameter(help="A JSON object with what the programs of the run may read.")] = None

    def options(self) -> Any:
        """What `Queue` takes. Raises `CallerError` for a file that holds no JSON object."""
        return {
            "data": None if self.data is None else object_in("--data", self.data),
            "priority": self.priority,
            "tenant": self.tenant,
            "tags": self.tag or (),
            "policy": Policy(restart=self.restart, max_restarts=self.max_restarts),
        }


def worker(  # noqa: PLR0913  (a command's flags are its parameters)
    *,
    agent: Annotated[
        list[str], Parameter(help="An agent, or a list of agents, as module:variable; may be repeated.", required=True)
    ],
    queue: QueueName = "runs",
    lanes: LaneFlags = LaneFlags(),
    lease: Annotated[float, Parameter(help="Seconds of silence after which other workers take over.")] = 3.0,
    grace: Annotated[float, Parameter(help="Seconds that runs get when the worker is told to end.")] = 20.0,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Carry out the runs of a queue until told to end.

    Any number of workers may share a queue: on one machine with a journal in SQLite, on many with one in PostgreSQL. What a
    worker leaves undone, because it was told to end (SIGTERM) or because it died, another one carries on.
    """

    async def begin(screen: Screen) -> int:
        agents = [item for place in agent for item in agents_at(place)]
        screen.note(("working ", ""), (f"on queue {queue}: ", "bold"), ", ".join(item.name for item in agents))
        await work(Worker(journal, agents, queue=queue, lanes=lanes.lanes(), lease=lease, grace=grace))
        return 0

    return carry_out(shown, begin)


@jobs.command
def add(  # noqa: PLR0913  (likewise)
    agent: AgentName,
    prompt: Annotated[str, Parameter(help="What to ask.", allow_leading_hyphen=True)],
    /,
    *,
    dedup_key: Annotated[str | None, Parameter(help="Two runs of an agent with the same key are one.")] = None,
    delay: Annotated[float, Parameter(help="Seconds before it may start.")] = 0.0,
    history: Annotated[
        str | None, Parameter(help="The id of a run that rests, and that this one goes on from.")
    ] = None,
    flags: JobFlags = JobFlags(),
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Put a run into a queue and print its id."""

    async def begin(screen: Screen) -> int:
        async with open_queue(journal, flags.queue) as queue:
            before = None if history is None else await run_named(queue.log, history)
            options = flags.options()
            options = flags.options()
            run = await queue.enqueue(agent, prompt, dedup_key=dedup_key, delay=delay, history=before, **options)
        _tell(screen, {"run": run}, run)
        return 0

    return carry_out(shown, begin)


@jobs.command(name="list")
def list_(
    run: Annotated[str | None, Parameter(help="The id of a run; without it, all runs.")] = None,
    /,
    *,
    limit: Annotated[int, Parameter(help="How many to show.")] = 20,
    queue: QueueName = "runs",
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """List jobs, newest first: what waits, what is at work and where, what failed. With --json, an object a line."""

    async def begin(screen: Screen) -> int:
        async with open_queue(journal, queue) as opened:
            entries = await opened.jobs(run, limit=limit)
        if screen.json:
            for entry in entries:
                screen.object(_row(entry))
        else:
            screen.table(("run", "state", "agent", "worker", "since", "error"), map(_cells, entries))
        return 0

    return carry_out(shown, begin)


@jobs.command
def cancel(run: Run, /, *, queue: QueueName = "runs", journal: Journal = JOURNAL, shown: Shown = PLAIN) -> int:
    """Cancel a run: one that waits is taken out, the worker of one that is at work is told."""

    async def begin(screen: Screen) -> int:
        async with open_queue(journal, queue) as opened:
            done = await opened.cancel(run)
        _tell(screen, {"run": run, "cancel": done}, done)
        return 0

    return carry_out(shown, begin)


@jobs.command
def go_on(run: Run, /, *, queue: QueueName = "runs", journal: Journal = JOURNAL, shown: Shown = PLAIN) -> int:
    """Have a run taken up again that failed, was stopped or paused, or was answered."""

    async def begin(screen: Screen) -> int:
        async with open_queue(journal, queue) as opened:
            name = await run_named(opened.log, run)
            await opened.go_on(name)
        _tell(screen, {"run": name}, name)
        return 0

    return carry_out(shown, begin)


@jobs.command
def schedule(  # noqa: PLR0913  (likewise)
    name: Annotated[str, Parameter(help="The name of the timetable; one of that name is replaced.")],
    cron: Annotated[str, Parameter(help='When, as in "0 7 * * mon-fri"; six fields begin with seconds.')],
    agent: AgentName,
    prompt: Annotated[str, Parameter(help="What to ask each time.", allow_leading_hyphen=True)],
    /,
    *,
    timezone: Annotated[str, Parameter(help="Whose clock is meant, such as Europe/Berlin.")] = "UTC",
    catch_up: Annotated[bool, Parameter(help="Make up for times at which no worker was there.")] = False,
    flags: JobFlags = JobFlags(),
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Begin such a run again and again."""

    async def begin(screen: Screen) -> int:
        async with open_queue(journal, flags.queue) as queue:
            await queue.schedule(name, cron, agent, prompt, timezone=timezone, catch_up=catch_up, **flags.options())
        _tell(screen, {"timetable": name}, f"timetable {name}: {cron} ({timezone})")
        return 0

    return carry_out(shown, begin)


@jobs.command
def unschedule(
    name: Annotated[str, Parameter(help="The name of the timetable.")],
    /,
    *,
    queue: QueueName = "runs",
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Take a timetable away. Runs that it has begun go on."""

    async def begin(screen: Screen) -> int:
        async with open_queue(journal, queue) as opened:
            if not await opened.unschedule(name):
                raise CallerError(f"there is no timetable {name!r} of queue {queue!r}")
        _tell(screen, {"timetable": name}, f"timetable {name} is gone")
        return 0

    return carry_out(shown, begin)


def agents_at(place: str) -> Sequence[Agent[Any]]:
    """The agent, or the agents, that a module holds under a name. Raises `CallerError` for anything else."""
    value: object = loaded("--agent", place)
    found = list(cast("Iterable[object]", value)) if isinstance(value, list | tuple | set) else [value]
    if not found or not all(isinstance(item, Agent) for item in found):
        raise CallerError(f"--agent {place}: that is no Agent and no list of them; name a variable that holds one")
    return cast("Sequence[Agent[Any]]", found)


def _rate(flag: str, text: str | None) -> Rate | None:
    if text is None:
        return None
    number, _, seconds = text.partition("/")
    try:
        return Rate(int(number), float(seconds))
    except ValueError:
        raise CallerError(f"{flag} {text}: write how many in how many seconds, as in 100/60") from None


def _tell(screen: Screen, told: dict[str, str], words: str) -> None:
    if screen.json:
        screen.object(told)
    else:
        screen.line(words)


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "run": entry.job.run,
        "agent": entry.job.agent,
        "state": entry.state,
        "worker": entry.worker,
        "tenant": entry.job.placement.tenant,
        "priority": entry.job.placement.priority,
        "updated_at": entry.updated_at,
        "error": entry.error,
    }


def _cells(entry: Entry) -> tuple[str, ...]:
    return (
        short(entry.job.run),
        entry.state,
        entry.job.agent,
        entry.worker or "",
        moment(entry.updated_at),
        one_line(entry.error),
    )
