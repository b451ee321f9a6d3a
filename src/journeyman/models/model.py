"""What a model is to the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..data import Delta, ModelRequest, ModelResponse
from ..providers import Capabilities
from ..wire import HttpRequest

Emit = Callable[[Sequence[Delta]], None]
"""Takes glimpses as they arrive, some at a time; it does not block and does not raise."""


class Model(Protocol):
    """Something that answers requests.

    `name` is `vendor:model`. `respond` streams if there is an `emit`, and gives the whole answer either way; it raises
    `ProviderError`. `preview` is the request as it would leave, keys hidden, or None where nothing leaves.
    """

    @property
    def name(self) -> str: ...
    @property
    def capabilities(self) -> Capabilities: ...
    async def respond(self, request: ModelRequest, emit: Emit | None = None) -> ModelResponse: ...
    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None: ...
