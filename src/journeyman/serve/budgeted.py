"""A model with a budget: what all its clients together may use, those included that are just being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from ..compose import cost, get_model_rates
from ..data import CallerError, LimitExceeded, Limits, ModelRequest, ModelResponse, ModelUsage, ToolSpec, Usage
from ..guard import Ledger
from ..models import Emit, Model, Record
from ..providers import Capabilities, count_tokens
from ..wire import HttpRequest

ANSWER_TOKENS = 4096
"""How long an answer is taken to become where its client set no `max_tokens` and no longer one was seen."""


class Budget:
    """What the clients of several models together may use: `max_cost` and `max_tokens` of `limits`, for this process's life.

    A request under way holds what it may come to, so that those beside it cannot spend the same. Whoever is alone may have
    what is left, however little that is, or the end of a budget could never be used: so it is overdrawn by one request
    at most.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._ledger = Ledger(limits, cost)
        self._held: list[tuple[int, int]] = []

    @contextmanager
    def holding(self, tokens: int, nano: int) -> Generator[None]:
        """Hold tokens and nano-dollars while a request is under way. Raises `LimitExceeded` where they are not left."""
        self._ledger.check()
        if self._held:
            self._check_room(tokens, nano)
        mine = tokens, nano
        self._held.append(mine)
        try:
            yield
        finally:
            self._held.remove(mine)

    def charge(self, item: ModelUsage) -> None:
        """Write down what an answer took."""
        self._ledger.charge(item)

    def _check_room(self, tokens: int, nano: int) -> None:
        limits, used = self.limits, self._ledger.used
        if limits.max_tokens is not None:
            spent, held = sum(item.usage.total_tokens for item in used), sum(tokens for tokens, _ in self._held)
            if spent + held + tokens > limits.max_tokens:
                shown = f"{spent}, and {held} held for requests under way,"
                raise LimitExceeded("tokens", limits.max_tokens, "max_tokens", used=shown)
        if limits.max_nanodollars is not None:
            spent, held = cost(used) or 0, sum(nano for _, nano in self._held)
            if spent + held + nano > limits.max_nanodollars:
                shown = f"${spent / 1e9:.6f}, and ${held / 1e9:.6f} held for requests under way,"
                raise LimitExceeded("cost", limits.max_cost, "max_cost", used=shown)


class Budgeted:
    """Refuses with `LimitExceeded` once the budget is spent, or held by requests under way; models may share a budget.

    A request holds a bound on its input and the `max_tokens` that its client set, where it set none the longest answer of
    this model so far; the money for that at the dearest of its prices, without a price list the dearest answer so far. What
    a request may come to by itself, as an agent's does by its own limits, can be given as `most`. Raises `CallerError`
    where `max_cost` meets a model without a price.
    """

    def __init__(self, model: Model, budget: Budget, *, most: Limits | None = None) -> None:
        self.model = model
        self.name = model.name
        self._budget = budget
        self._most = most or Limits()
        self._priced = False
        self._longest = ANSWER_TOKENS
        self._dearest = 0

    @property
    def capabilities(self) -> Capabilities:
        """Those of the model."""
        return self.model.capabilities

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """Ask the model if there is something left."""
        await self._find_price()
        with self._budget.holding(*self._bound(request)):
            response = await self.model.respond(request, emit, record)
            if not response.cached:
                self._charge(response)
        return response

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The model's own."""
        return self.model.preview(request, stream=stream)

    async def _find_price(self) -> None:
        if self._priced or self._budget.limits.max_cost is None:
            return
        # The price list takes a third of a second to load: beside the loop, once.
        rates = await asyncio.to_thread(get_model_rates, self.name)
        if rates is None and not self.capabilities.states_cost:
            raise CallerError(
                f"max_cost={self._budget.limits.max_cost} cannot be kept: there is no price for {self.name}; "
                "set one with set_model_rates(model, Rates(…)) or use max_tokens"
            )
        self._priced = True

    def _charge(self, response: ModelResponse) -> None:
        self._longest = max(self._longest, response.usage.output_tokens)
        self._dearest = max(self._dearest, response.cost or 0)
        self._budget.charge(ModelUsage.of(self.name, response.usage, response.cost))

    def _bound(self, request: ModelRequest) -> tuple[int, int]:
        """The most that a request may come to, in tokens and nano-dollars, as far as that can be known before."""
        limits = self._budget.limits
        if limits.max_tokens is None and limits.max_cost is None:
            return 0, 0
        counted = count_tokens(request.messages, [tool for tool in request.tools if isinstance(tool, ToolSpec)])
        # Nobody knows what media take; a provider's flat number for them has to do.
        given = counted.guess if counted.at_most is None else counted.at_most
        answer = request.settings.max_tokens or self._longest
        tokens = given + answer if self._most.max_tokens is None else self._most.max_tokens
        if limits.max_cost is None or self._most.max_nanodollars is not None:
            return tokens, self._most.max_nanodollars or 0
        return tokens, self._price(given, answer)

    def _price(self, given: int, answer: int) -> int:
        rates = get_model_rates(self.name)
        if rates is None:
            return self._dearest
        # Nothing is read from a cache, and who knows in which of its buckets a provider counts the rest.
        return max(
            rates.cost(ModelUsage.of(self.name, Usage(**{paid: given, said: answer})))
            for paid in ("input", "cache_write")
            for said in ("output", "reasoning")
        )
