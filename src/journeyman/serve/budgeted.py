"""A model with a budget: what all its clients together may use."""

from __future__ import annotations

from ..compose import cost
from ..data import Limits, ModelRequest, ModelResponse, ModelUsage
from ..guard import Ledger
from ..models import Emit, Model, Record
from ..providers import Capabilities
from ..wire import HttpRequest


class Budgeted:
    """Refuses with `LimitExceeded` once the ledger is full; several models may share one ledger.

    Of `Limits` `max_cost` and `max_tokens` count here, for the life of the process.
    """

    def __init__(self, model: Model, ledger: Ledger) -> None:
        self.model = model
        self.name = model.name
        self._ledger = ledger

    @property
    def capabilities(self) -> Capabilities:
        """Those of the model."""
        return self.model.capabilities

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """Ask the model if there is something left."""
        self._ledger.check()
        response = await self.model.respond(request, emit, record)
        self._ledger.charge(ModelUsage.of(self.name, response.usage, response.cost))
        return response

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The model's own."""
        return self.model.preview(request, stream=stream)


def new_ledger(limits: Limits) -> Ledger:
    """A ledger for `Budgeted` models."""
    return Ledger(limits, cost)
