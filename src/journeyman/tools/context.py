"""What a tool may know of its run, and what it may raise."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from ..data import CallerError, JourneymanError, Progress

Deps = TypeVar("Deps")

Deadline = float | timedelta | datetime
"""So many seconds from now, or a moment (with its time zone)."""


class ModelRetry(JourneymanError):
    """Raised by a tool: the model is asked to try again, with the message as its reason, within `Limits.max_retries`."""


class Pending(JourneymanError):
    """Raised or returned by a tool: the outcome comes later, from outside; `info` (JSON-able) tells the caller what for.

    After `deadline` the call is no longer waited for and the model hears that no answer came. `response` is what the user
    can be told at once. Raises `CallerError` for a deadline that is no time to come.
    """

    def __init__(self, info: Any = None, *, deadline: Deadline | None = None, response: str = "") -> None:
        super().__init__("the outcome of this tool call comes later")
        self.info = info
        self.response = response
        self.seconds: float | None = None
        self.until: int | None = None
        match deadline:
            case None:
                pass
            case datetime():
                self.until = _moment(deadline)
            case timedelta():
                self.seconds = _seconds(deadline.total_seconds())
            case _:
                self.seconds = _seconds(deadline)


class ChildPending(Pending):
    """Raised by an agent's tool: it is the run below that waits, and whose calls somebody has to answer."""


def _moment(deadline: datetime) -> int:
    if deadline.tzinfo is None:
        raise CallerError(f"Pending(deadline={deadline!r}): a moment needs its time zone; use datetime.now(UTC) + …")
    return round(deadline.timestamp() * 1_000_000)


def _seconds(deadline: float) -> float:
    # Whatever stands in a tool's code: nothing has checked its types.
    number = isinstance(cast("object", deadline), int | float) and not isinstance(deadline, bool)
    if not number or not math.isfinite(deadline) or deadline <= 0:
        raise CallerError(
            f"Pending(deadline={deadline!r}): a deadline is a number of seconds from now, more than 0, or a datetime"
        )
    return float(deadline)


def _unheard(_: Progress) -> None:
    """Progress of a call that nobody watches."""


@dataclass(frozen=True, slots=True)
class RunContext(Generic[Deps]):
    """Given to a tool, a prompt function or a check whose first parameter asks for it.

    `idempotency_key` is the same whenever this very call is carried out again, after a crash too. `cancelled` is set when
    the run is cut off or the tool's own time is up: a blocking tool should look at it now and then. `so_far` is for what a
    tool with a `timeout` has got until then; its `on_timeout` finds it there. `host` is the run itself, for code that
    starts runs of its own, `turn` how often the model was asked in it.
    """

    deps: Deps
    run_id: str = ""
    agent: str = ""
    model: str = ""
    call_id: str = ""
    tool_name: str = ""
    attempt: int = 1
    cancelled: threading.Event = field(default_factory=threading.Event)
    host: Any = None
    report: Callable[[Progress], None] = _unheard
    so_far: list[Any] = field(default_factory=list[Any])
    turn: int = 0

    @property
    def idempotency_key(self) -> str:
        """What tells the outside world that two calls are one; some providers give calls of different turns the same id."""
        return f"{self.run_id}:{self.turn}:{self.call_id}"

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Publish a glimpse of how far the tool has come; it is never stored. May be called from any thread."""
        self.report(Progress(self.call_id, message, fraction))
