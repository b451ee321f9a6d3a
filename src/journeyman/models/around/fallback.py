"""A model with others that stand in for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec.structs import replace

from ...data import CallerError, ModelRequest, ModelResponse, ProviderError, ProviderErrorKind, failure_of
from ...journal import ModelSwitched
from ...providers import Ability, asked_by, media_in
from ..model import Emit, Model, Record
from .failures import in_doubt
from .wrapping import Around, Begun

SWITCH_ON: frozenset[ProviderErrorKind] = frozenset(
    {
        *("authentication", "permission", "not_found", "rate_limit"),
        *("overloaded", "server", "timeout", "connection", "stream"),
    }
)
"""All failures but `invalid_request`: what one provider calls a mistake of ours, the next one will not like either."""


class Fallback(Around):
    """Asks the first model, and when its provider fails, the next one that is able to take the request.

    Every request begins with the first model again. In a stream it switches only before the first glimpse. The exchange is
    charged to the model that answered (`ModelSwitched`). Put `Retry` around the models inside, so that each is asked again
    before the next one is (what `open_model` gives does so).
    """

    def __init__(self, model: Model, *others: Model, switch_on: Collection[ProviderErrorKind] = SWITCH_ON) -> None:
        super().__init__(model, *others)
        if not others:
            raise CallerError("Fallback takes the models that stand in for the first one: Fallback(model, another, …)")
        self._switch_on = frozenset(switch_on)

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        """The first answer; where no model gives one, the error of the last that was asked is raised."""
        left = iter(self.models[1:])
        model = self.model
        while True:
            begun = Begun(emit)
            try:
                return await model.respond(request, begun.emit, record)
            except ProviderError as error:
                if begun.yet or error.kind not in self._switch_on:
                    raise
                model = self._next(request, left, error)
                if record is not None:
                    failure = failure_of(error)
                    await record(ModelSwitched(model=model.name, failure=failure, in_doubt=in_doubt(error)))
            # One vendor's name for a model says nothing to another.
            request = replace(request, model="")

    def _next(self, request: ModelRequest, left: Iterator[Model], error: ProviderError) -> Model:
        for model in left:
            lacking = lacks(model, request)
            if lacking is None:
                return model
            error.add_note(f"{model.name} cannot stand in: the request needs {lacking}, which it does not have")
        raise error


def lacks(model: Model, request: ModelRequest) -> Ability | None:
    """What a request needs that a model is known not to have."""
    lacking = model.capabilities.lacking()
    if not lacking:
        return None
    wanted = asked_by(request, lacking)
    if wanted is not None:
        return wanted
    media = (media_in(message) & lacking for message in request.messages)
    return next((min(found) for found in media if found), None)
