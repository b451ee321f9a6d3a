"""What a model is to the loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from ..data import Delta, ModelRequest, ModelResponse
from ..journal import Fact
from ..providers import Capabilities
from ..wire import HttpRequest

Emit = Callable[[Sequence[Delta]], None]
"""Takes glimpses as they arrive, some at a time; it does not block and does not raise."""

Record = Callable[[Fact], Awaitable[None]]
"""Writes down what happens on the way to an answer (`ModelRetried`, say); done when it is durable.

It raises what ends the run: `LimitExceeded` where a budget is used up, `Conflict` where another writer took the run over.
"""


class Model(Protocol):
    """Something that answers requests.

    `name` is `vendor:model`. `respond` streams if there is an `emit`, and gives the whole answer either way; it raises
    `ProviderError`. Who asks on behalf of a run passes `record`, and a model that asks more than once for an answer awaits
    it before each further request leaves. `preview` is the request as it would leave, keys hidden, or None where nothing
    leaves.
    """

    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse: ...
    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None: ...
