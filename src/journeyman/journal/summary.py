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
        case ToolResolved():
            return replace(summary, pending=max(0, summary.pending - 1))
        case RunPaused():
            return replace(summary, status="waiting" if summary.pending else "paused")
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


def _shown(fact: RunStarted) -> str:
    text = fact.input[-1].text if fact.input else ""
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
