"""A budget before the models of a gateway."""

import pytest

from journeyman.data import LimitExceeded, Limits, Message, ModelRequest, ModelResponse, Usage
from journeyman.models import ScriptedModel
from journeyman.serve.budgeted import Budgeted, new_ledger

ASK = ModelRequest("m", (Message.user("Hi"),))


def answer(tokens, cost=None):
    return ModelResponse(Message.assistant("ok"), Usage(output=tokens), cost=cost)


async def test_tokens_of_all_models_together():
    """Two models with one ledger are refused together once it is full, with the parameter that raises it."""
    ledger = new_ledger(Limits(max_tokens=10))
    one, other = (Budgeted(ScriptedModel([answer(5)] * 3), ledger) for _ in range(2))
    await one.respond(ASK)
    await other.respond(ASK)
    for model in (one, other):
        with pytest.raises(LimitExceeded, match="max_tokens=10"):
            await model.respond(ASK)


async def test_money_that_a_provider_states():
    """What answers say that they cost is counted; the model is not asked once it is spent."""
    scripted = ScriptedModel([answer(1, cost=600_000_000)] * 3)
    model = Budgeted(scripted, new_ledger(Limits(max_cost=1)))
    await model.respond(ASK)
    await model.respond(ASK)
    with pytest.raises(LimitExceeded, match="max_cost=1"):
        await model.respond(ASK)
    assert len(scripted.requests) == 2
