"""What all models around models have in common."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, cast

from ...data import Delta, ModelRequest
from ...providers import Capabilities
from ...wire import HttpRequest
from ..model import Emit, Model


class Around:
    """A model around others: to whoever asks, it is the first of them.

    Inside `async with` all of them that can be opened are open.
    """

    def __init__(self, *models: Model) -> None:
        self.models = models

    @property
    def model(self) -> Model:
        """The model that is asked first."""
        return self.models[0]

    @property
    def name(self) -> str:
        """The name of the model that is asked first."""
        return self.model.name

    @property
    def capabilities(self) -> Capabilities:
        """What the model that is asked first can do."""
        return self.model.capabilities

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """The request as the model that is asked first would send it."""
        return self.model.preview(request, stream=stream)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for model in self._openable():
                await stack.enter_async_context(model)
            # Not one stays open if another cannot be opened; if all could, they stay.
            stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        async with AsyncExitStack() as stack:
            for model in self._openable():
                stack.push_async_exit(model)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(model.name for model in self.models)})"

    def _openable(self) -> list[Any]:
        return [cast("Any", model) for model in self.models if hasattr(model, "__aenter__")]


class Begun:
    """Passes glimpses on and knows whether there were any: from the first one on, an answer cannot be asked for again."""

    def __init__(self, emit: Emit | None) -> None:
        self.yet = False
        self._emit = emit

    @property
    def emit(self) -> Emit | None:
        """What the model is given, None where nobody listens."""
        return None if self._emit is None else self._pass_on

    def _pass_on(self, deltas: Sequence[Delta]) -> None:
        if deltas and self._emit is not None:
            self.yet = True
            self._emit(deltas)
