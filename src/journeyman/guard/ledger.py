"""What a run and its children have used, held against the limits of every run above them."""

from __future__ import annotations

from collections.abc import Callable

from ..data import CallerError, LimitExceeded, Limits, ModelUsage, with_usage

CostOf = Callable[[tuple[ModelUsage, ...]], int | None]
"""The cost in nano-dollars, or None where a price is unknown."""


class Ledger:
    """One page per run; a child's page is held by its parent's, so that no limit can be slipped by delegating.

    `cost_of` is asked only where a limit in money is set: price data is slow to load.
    """

    def __init__(
        self,
        limits: Limits,
        cost_of: CostOf,
        *,
        used: tuple[ModelUsage, ...] = (),
        turns: int = 0,
        parent: Ledger | None = None,
    ) -> None:
        self.limits = limits
        self.used = used
        self.turns = turns
        self._cost_of = cost_of
        self._parent = parent

    def charge(self, item: ModelUsage) -> None:
        """Write down what was used, here and on all pages above."""
        page: Ledger | None = self
        while page is not None:
            page.used = with_usage(page.used, item)
            page = page._parent  # noqa: SLF001  (likewise)

    def take_turn(self) -> None:
        """Count a request that is about to be made, here and on all pages above; raises `LimitExceeded` for one too many."""
        page: Ledger | None = self
        while page is not None:
            most = page.limits.turn_budget
            if most is not None and page.turns >= most:
                raise LimitExceeded("requests of a run and those below it", most, "turn_budget", used=page.turns)
            page = page._parent  # noqa: SLF001  (a page of the same ledger)
        self.count_turns(1)

    def count_turns(self, turns: int) -> None:
        """Count requests that were made, here and on all pages above."""
        page: Ledger | None = self
        while page is not None:
            page.turns += turns
            page = page._parent  # noqa: SLF001  (likewise)

    def check_depth(self) -> None:
        """Raise `LimitExceeded` if there may be no run below this one."""
        page: Ledger | None = self
        depth = 0
        while page is not None:
            depth += 1
            most = page.limits.max_depth
            if most is not None and depth > most:
                raise LimitExceeded("runs below each other", most, "max_depth", used=depth)
            page = page._parent  # noqa: SLF001  (likewise)

    def check(self) -> None:
        """Raise `LimitExceeded` if a page is full, `CallerError` if a limit in money meets a model without a price."""
        page: Ledger | None = self
        while page is not None:
            page._check_own()  # noqa: SLF001  (likewise)
            page = page._parent  # noqa: SLF001  (likewise)

    def _check_own(self) -> None:
        limits = self.limits
        if limits.max_tokens is not None:
            tokens = sum(item.usage.total_tokens for item in self.used)
            if tokens >= limits.max_tokens:
                raise LimitExceeded("tokens", limits.max_tokens, "max_tokens", used=tokens)
        if limits.max_nanodollars is not None:
            cost = self._cost_of(self.used)
            if cost is None:
                models = ", ".join(dict.fromkeys(item.model for item in self.used if self._cost_of((item,)) is None))
                raise CallerError(
                    f"max_cost={limits.max_cost} cannot be kept: there is no price for {models}; "
                    "set one with set_model_rates(model, Rates(…)) or use max_tokens"
                )
            if cost >= limits.max_nanodollars:
                raise LimitExceeded("cost", limits.max_cost, "max_cost", used=f"${cost / 1e9:.6f}")
