"""What models cost: what was said here, else the bundled price list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..data import CallerError, Message, ModelUsage, Part, ToolSpec, Usage, dollars
from ..models import Model
from ..providers import Estimate, Rates, cost_of, count_tokens, vendor_and_model
from ..tools import Tool

_rates: dict[str, Rates | None] = {}


def get_model_rates(model: str) -> Rates | None:
    """What a model's tokens cost: what `set_model_rates` said, else the bundled price list; None where nobody knows."""
    model = _full_name(model)
    if model not in _rates:
        from ..adapters.prices_genai import list_rates  # noqa: PLC0415  (the price list is slow to import)

        _rates[model] = list_rates(model)
    return _rates[model]


def get_embedding_rates(model: str) -> Rates | None:
    """The same for a model that gives vectors: its list price names no tokens that it gives, and it gives none."""
    model = _full_name(model)
    if (known := get_model_rates(model)) is not None:
        return known
    from ..adapters.prices_genai import list_rates  # noqa: PLC0415  (the price list is slow to import)

    return list_rates(model, gives_tokens=False)


def set_model_rates(model: str, rates: Rates) -> None:
    """Say what a model's tokens cost, for this process."""
    _rates[_full_name(model)] = rates


def _full_name(model: str) -> str:
    # As models are named everywhere else, so that rates for openai/gpt-5 are found for openai:gpt-5.
    try:
        vendor, name = vendor_and_model(model)
    except CallerError:
        return model
    return f"{vendor.own_name}:{name}"


def cost(used: tuple[ModelUsage, ...]) -> int | None:
    """The cost in nano-dollars, or None where a price is unknown."""
    return cost_of(used, get_model_rates)


def estimate(
    model: str | Model,
    prompt: str | Sequence[str | Part | Message],
    *,
    tools: Iterable[Tool[..., Any] | ToolSpec] = (),
    max_tokens: int | None = None,
) -> Estimate:
    """What a request will come to, before it is made and without a network: a guess, and a bound.

    `prompt` is words, words and media, or a whole history. With `max_tokens`, the limit of the answer, it says what the
    request costs at most. How far the numbers can be trusted is in `Estimate`.
    """
    name = _full_name(model if isinstance(model, str) else model.name)
    counted = count_tokens(_messages(prompt), [tool.spec if isinstance(tool, Tool) else tool for tool in tools])
    rates = get_model_rates(name)
    guessed = at_most = None
    if rates is not None:
        guessed = dollars(rates.cost(ModelUsage.of(name, Usage(input=counted.guess))))
        if counted.at_most is not None and max_tokens is not None:
            # Nothing is read from a cache, and who knows in which of its buckets a provider counts the rest.
            worst = max(
                rates.cost(ModelUsage.of(name, Usage(**{paid: counted.at_most, given: max_tokens})))
                for paid in ("input", "cache_write")
                for given in ("output", "reasoning")
            )
            at_most = dollars(worst)
    return Estimate(name, counted.guess, counted.at_most, max_tokens, guessed, at_most, counted.media)


def _messages(prompt: str | Sequence[str | Part | Message]) -> list[Message]:
    if isinstance(prompt, str):
        return [Message.user(prompt)]
    messages = [item for item in prompt if isinstance(item, Message)]
    words = [item for item in prompt if not isinstance(item, Message)]
    return [*messages, Message.user(words)] if words else messages
