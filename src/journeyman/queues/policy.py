"""What follows when a run has ended badly: the restart policies of a supervisor, and how often they apply."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..data import CallerError

Restart = Literal["permanent", "transient", "temporary"]
"""As in Erlang's supervisors: `permanent` runs begin anew whenever they have ended, `transient` ones are taken up again when
they ended badly, `temporary` ones never.
"""

FINAL = frozenset({"LimitExceeded", "CallerError", "CorruptJournal", "ModelError", "ReplayMismatch"})
"""Failures that the same run would meet again at once: what has to change is a limit, the code or the prompt."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a run is restarted, and how often.

    At most `max_restarts` within `within` seconds; the wait before each is `backoff` seconds, doubled each time, at most
    `max_backoff`.
    """

    restart: Restart = "transient"
    max_restarts: int = 3
    within: float = 3600.0
    backoff: float = 1.0
    max_backoff: float = 300.0

    def __post_init__(self) -> None:
        if not (self.max_restarts >= 0 and self.within > 0 and self.backoff >= 0 and self.max_backoff >= 0):
            raise CallerError(f"{self}: within is more than 0 seconds, everything else 0 or more")


class Again(msgspec.Struct, frozen=True):
    """A restart is due: in `delay` seconds; `restarts` are the times of those that count, this one included."""

    delay: float
    restarts: tuple[int, ...]


def is_worth_another_try(failure: str) -> bool:
    """Whether a failure of this type may go away by itself."""
    return failure not in FINAL


def after_failure(policy: Policy, restarts: tuple[int, ...], now: int) -> Again | None:
    """The restart that follows, or None where there were too many; times are in microseconds since 1970."""
    recent = tuple(at for at in restarts if now - at < policy.within * 1e6)
    if len(recent) >= policy.max_restarts:
        return None
    # Beyond 2**60 the power would not fit a float; the most that one waits is long reached by then.
    delay = min(policy.max_backoff, policy.backoff * 2.0 ** min(len(recent), 60))
    return Again(delay, (*recent, now))
