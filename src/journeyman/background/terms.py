"""What a caller may say of a run in the background, and the job that is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypedDict

from ..data import CallerError, Limits, Message, Part
from ..journal import Checkpoint
from ..programs.crossing import data_as_json
from ..queues import FIRST, Job, Placement, Policy

Prompt: TypeAlias = str | Sequence[str | Part | Message]
"""What is new: words, words and media, or whole messages."""


class RunTerms(TypedDict, total=False):
    """What holds for a run however it comes into the queue.

    Of the jobs that wait, those of the lowest `priority` start first (100 if nothing is said); those of one `tenant` share a
    lane. `policy` says when the run is restarted. `history` is what was said before: a run of the same journal, up to where
    it rests, or a checkpoint in one; it is referred to, not copied. The others are as in `Agent.run`.
    """

    priority: int
    tenant: str
    policy: Policy
    limits: Limits | None
    history: Checkpoint | str | None
    conversation: str | None
    tags: Sequence[str]
    data: Mapping[str, Any] | None


class EnqueueOptions(RunTerms, total=False):
    """What may be said of a run that is put into the queue.

    Two calls with the same `dedup_key`, for the same agent, are one run, whenever they come. `delay` is in seconds.
    """

    dedup_key: str | None
    delay: float


class ScheduleOptions(RunTerms, total=False):
    """What may be said of a timetable: `cron` is read in `timezone`; `catch_up` makes up for times without a worker."""

    timezone: str
    catch_up: bool


ENQUEUE = EnqueueOptions.__optional_keys__
SCHEDULE = ScheduleOptions.__optional_keys__


def check_options(options: Mapping[str, object], known: frozenset[str]) -> None:
    """Refuse what would else be forgotten without a word."""
    unknown = options.keys() - known
    if unknown:
        raise CallerError(f"there is no option {', '.join(sorted(unknown))} here; there are {', '.join(sorted(known))}")


def job_of(run: str, agent: str, prompt: Prompt, terms: RunTerms, history: Checkpoint | None) -> Job:
    """The job that begins a run. Raises `CallerError` for names and numbers that cannot be."""
    return Job(
        run=run,
        agent=agent,
        input=_messages(prompt),
        history=history,
        policy=terms.get("policy", Policy()),
        placement=Placement(priority=terms.get("priority", FIRST), tenant=terms.get("tenant", "")),
        limits=terms.get("limits"),
        conversation=terms.get("conversation"),
        tags=tuple(terms.get("tags", ())),
        data=data_as_json(terms.get("data"), "data") or None,
    )


def may_be_same(given: Mapping[str, Any] | None, known: Mapping[str, Any] | None) -> bool:
    """Whether a run whose programs read `known` may have been given this, as far as can be told without its agent.

    That has read its inputs as the types that its signature says, and may have added to them.
    """
    there = known or {}
    return all(name in there and not _differ(value, there[name]) for name, value in (given or {}).items())


def _differ(one: Any, other: Any) -> bool:
    return type(one) is type(other) and isinstance(one, str | int | float | None) and one != other


def delay_of(options: EnqueueOptions) -> float:
    """Seconds, 0 or more."""
    delay = options.get("delay", 0.0)
    if not 0 <= delay < float("inf"):
        raise CallerError(f"delay={delay}: 0 seconds or more")
    return delay


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    items = [prompt] if isinstance(prompt, str) else prompt
    messages = [item for item in items if isinstance(item, Message)]
    parts = [item for item in items if not isinstance(item, Message)]
    said = (*messages, Message.user(parts)) if parts else tuple(messages)
    if not said:
        raise CallerError("there is nothing to ask: give a prompt")
    return said
