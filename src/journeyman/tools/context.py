"""What a tool may know of its run, and what it may raise."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..data import JourneymanError, Progress

Deps = TypeVar("Deps")


class ModelRetry(JourneymanError):
    """Raised by a tool: the model is asked to try again, with the message as its reason, within `Limits.max_retries`."""


class Pending(JourneymanError):
    """Raised or returned by a tool: the outcome comes later, from outside; `info` (JSON-able) tells the caller what for."""

    def __init__(self, info: Any = None) -> None:
        super().__init__("the outcome of this tool call comes later")
        self.info = info


def _unheard(_: Progress) -> None:
    """Progress of a call that nobody watches."""


@dataclass(frozen=True, slots=True)
class RunContext(Generic[Deps]):
    """Given to a tool, a prompt function or a check whose first parameter asks for it.

    `idempotency_key` is the same whenever this very call is carried out again, after a crash too. `cancelled` is set when
    the run is cut off: a blocking tool should look at it now and then. `host` is the run itself, for code that starts
    runs of its own.
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

    @property
    def idempotency_key(self) -> str:
        """What tells the outside world that two calls are one."""
        return f"{self.run_id}:{self.call_id}"

    def progress(self, message: str, fraction: float | None = None) -> None:
        """Publish a glimpse of how far the tool has come; it is never stored. May be called from any thread."""
        self.report(Progress(self.call_id, message, fraction))
