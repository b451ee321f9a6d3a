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
        parent: Ledger | None = None,
    ) -> None:
        self.limits = limits
        self.used = used
        self._cost_of = cost_of
        self._parent = parent

    def charge(self, item: ModelUsage) -> None:
        """Write down what was used, here and on all pages above."""
        page: Ledger | None = self
        while page is not None:
            page.used = with_usage(page.used, item)
            page = page._parent  # noqa: SLF001  (a page of the same ledger)

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
