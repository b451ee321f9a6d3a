"""A run's row in a list, kept up to date fact by fact so that listing never reads whole runs."""

from __future__ import annotations

from msgspec.structs import replace

from ..data import Usage
from .facts import (
    ChildFinished,
    Fact,
    ModelDropped,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolDecided,
    ToolPending,
    ToolResolved,
)
from .log import RunSummary

SHOWN = 200
"""How many characters of the prompt a list shows."""


def summarize(run: str, summary: RunSummary | None, fact: Fact) -> RunSummary | None:
    """The row after one more fact; None as long as the run has not started."""
    if isinstance(fact, RunStarted):
        return RunSummary(
            run=run,
            agent=fact.agent,
            model=fact.model,
            status="running",
            started_at=fact.at,
            updated_at=fact.at,
            facts=1,
            parent=fact.parent.run if fact.parent else None,
            conversation=fact.conversation,
            tags=fact.tags,
            prompt=_shown(fact),
        )
    if summary is None:
        return None
    return replace(_changed(summary, fact), updated_at=fact.at, facts=fact.seq + 1)


def _changed(summary: RunSummary, fact: Fact) -> RunSummary:  # noqa: C901, PLR0911, PLR0912  (a table with a row per kind)
    match fact:
        case ModelRequested():
            return replace(summary, model=fact.model, status="running")
        case ModelRetried() | ModelSwitched():
            return replace(summary, model=fact.model)
        case ModelDropped():
            return replace(summary, usage=summary.usage + (fact.usage or Usage()))
        case ModelResponded():
            return replace(summary, usage=summary.usage + fact.response.usage, pending=0)
        case ChildFinished():
            return replace(summary, usage=sum((item.usage for item in fact.used), summary.usage))
        case ToolPending():
            return replace(summary, pending=summary.pending + 1)
        case ToolResolved() | ToolDecided():
            return _answered(summary, goes_on=fact.approved if isinstance(fact, ToolDecided) else fact.result is None)
        case RunPaused():
            # A branch inherits calls that wait, of which its own facts do not tell.
            pending = fact.waits or summary.pending
            return replace(summary, pending=pending, status="waiting" if pending else "paused")
        case RunResumed():
            return replace(summary, status="running")
        case RunFinished():
            return replace(summary, status="finished" if fact.reason == "output" else "stopped")
        case RunFailed():
            return replace(summary, status="errored")
        case RunCancelled():
            return replace(summary, status="cancelled")
        case _:
            return summary


def _answered(summary: RunSummary, *, goes_on: bool) -> RunSummary:
    pending = max(0, summary.pending - 1)
    set_free = summary.status == "waiting" and (goes_on or not pending)
    return replace(summary, pending=pending, status="running" if set_free else summary.status)


def _shown(fact: RunStarted) -> str:
    text = fact.input[-1].text if fact.input else ""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
