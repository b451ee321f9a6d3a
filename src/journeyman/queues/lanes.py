"""How much of a queue may be at work at once, and how fast it starts."""

from __future__ import annotations

import msgspec

from ..data import CallerError


class Rate(msgspec.Struct, frozen=True):
    """At most `jobs` started in any `seconds` seconds."""

    jobs: int
    seconds: float

    def __post_init__(self) -> None:
        if self.jobs < 1 or not self.seconds > 0:
            raise CallerError(f"Rate({self.jobs}, {self.seconds}): at least one job, in more than no time")


class Lanes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bounds of a queue; None is none.

    `per_worker` is for each worker process, `everywhere` for all workers together, `per_tenant` for the jobs of one tenant on
    all workers; the closest of them holds. `rate` and `tenant_rate` bound how many start in a time. The last worker to begin
    says what holds.
    """

    per_worker: int = 16
    everywhere: int | None = None
    per_tenant: int | None = None
    rate: Rate | None = None
    tenant_rate: Rate | None = None

    def __post_init__(self) -> None:
        for name in ("per_worker", "everywhere", "per_tenant"):
            most = getattr(self, name)
            if most is not None and most < 1:
                raise CallerError(f"Lanes({name}={most}): a queue in which nothing may work is none; use 1 or more")
