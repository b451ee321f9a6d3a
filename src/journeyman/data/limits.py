"""One value for every limit that a run can have."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec

from .errors import CallerError
from .usage import nanodollars


class Limits(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """What a run and everything below it may use; None means no limit.

    `max_cost` is in dollars, `max_tokens` counts input and output tokens of all exchanges, `deadline` is in seconds
    from the start of the run, `max_retries` counts how often in a row the model is asked to mend its answer or a tool
    call, `max_model_retries` how often in the whole run a request that failed is sent again. `max_depth` is how many runs there
    may be below each other under this one, `turn_budget` how many requests this run and all below it may make together.
    """

    max_iterations: int | None = 20
    max_cost: Decimal | float | None = None
    max_tokens: int | None = None
    max_tool_calls: int | None = None
    max_retries: int = 2
    max_model_retries: int | None = 10
    max_depth: int | None = None
    turn_budget: int | None = None
    deadline: float | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, int | float | Decimal) or not math.isfinite(value) or value < 0:
                raise CallerError(f"Limits({name}={value!r}): a limit is a number from 0 up; use None for no limit")

    @property
    def max_nanodollars(self) -> int | None:
        """`max_cost` as an integer."""
        return None if self.max_cost is None else nanodollars(self.max_cost)
