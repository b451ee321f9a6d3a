"""A budget before the models of a gateway, also for requests that come at the same time."""

import asyncio

import pytest
from msgspec.structs import replace

from journeyman.compose import set_model_rates
from journeyman.data import CallerError, Image, LimitExceeded, Limits, Message, ModelRequest, ModelResponse, Settings
from journeyman.data import Usage as Used
from journeyman.models import ScriptedModel
from journeyman.providers import Capabilities, Rates
from journeyman.serve.budgeted import ANSWER_TOKENS, Budget, Budgeted

ASK = ModelRequest("m", (Message.user("Hi"),))
SHORT = replace(ASK, settings=Settings(max_tokens=100))
HELD = 2 + 1 + 20 + 100
"""What the short request may come to: its bytes with one more for each text, the marks around a message, its answer."""


def answer(tokens, cost=None):
    return ModelResponse(Message.assistant("ok"), Used(output=tokens), cost=cost)


class Slow:
    """A model that answers when it is let."""

    def __init__(self, response, name="slow:model", **capabilities):
        self.name = name
        self.capabilities = Capabilities(**capabilities)
        self.response = response
        self.asked = 0
        self.came = asyncio.Event()
        self.let = asyncio.Event()

    async def respond(self, request, emit=None, record=None):
        self.asked += 1
        self.came.set()
        await self.let.wait()
        if isinstance(self.response, Exception):
            raise self.response
        return self.response


async def at_once(model, slow, count, request=SHORT):
    """How many of so many requests at once were let through, and what the others heard."""
    tasks = [asyncio.ensure_future(model.respond(request)) for _ in range(count)]
    for task in tasks:
        task.add_done_callback(lambda _: slow.came.set())
    while sum(task.done() for task in tasks) + slow.asked < count:
        slow.came.clear()
        await slow.came.wait()
    slow.let.set()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    return sum(isinstance(item, ModelResponse) for item in done), [
        item for item in done if isinstance(item, LimitExceeded)
    ]


async def test_tokens_of_all_models_together():
    """Two models with one budget are refused together once it is spent, with the parameter that raises it."""
    budget = Budget(Limits(max_tokens=10))
    one, other = (Budgeted(ScriptedModel([answer(5)] * 3), budget) for _ in range(2))
    await one.respond(ASK)
    await other.respond(ASK)
    for model in (one, other):
        with pytest.raises(LimitExceeded, match="max_tokens=10"):
            await model.respond(ASK)


async def test_money_that_a_provider_states():
    """What answers say that they cost is counted; the model is not asked once it is spent."""
    scripted = ScriptedModel([answer(1, cost=600_000_000)] * 3, capabilities=Capabilities(states_cost=True))
    model = Budgeted(scripted, Budget(Limits(max_cost=1)))
    await model.respond(ASK)
    await model.respond(ASK)
    with pytest.raises(LimitExceeded, match="max_cost=1"):
        await model.respond(ASK)
    assert len(scripted.requests) == 2


async def test_tokens_are_held_while_requests_are_under_way():
    """Of twenty requests at once, with a budget for three, three leave; the others hear what is held, and may come later."""
    slow = Slow(ModelResponse(Message.assistant("ok"), Used(input=3, output=7)))
    model = Budgeted(slow, Budget(Limits(max_tokens=3 * HELD)))
    answered, refused = await at_once(model, slow, 20)
    assert (answered, slow.asked, len(refused)) == (3, 3, 17)
    assert f"max_tokens={3 * HELD} (0, and {3 * HELD} held for requests under way, used)" in str(refused[0])
    # The three took 30 tokens: what they held beyond that is there again.
    slow.asked = 0
    slow.let.clear()
    answered, refused = await at_once(model, slow, 20)
    assert (answered, len(refused)) == (2, 18)


async def test_money_is_held_while_requests_are_under_way():
    """A request holds the price of all that it may come to, at the dearest that input and output can be counted as."""
    set_model_rates("slow:priced", Rates(input=1, output=2, cache_write=4, reasoning=8))
    slow = Slow(answer(1), "slow:priced")
    # Dollars for a million tokens: 23 tokens at 4, 100 at 8.
    model = Budgeted(slow, Budget(Limits(max_cost=3 * (23 * 4 + 100 * 8) / 1e6)))
    answered, refused = await at_once(model, slow, 20)
    assert (answered, slow.asked, len(refused)) == (3, 3, 17)
    assert "$0.002676 held" in str(refused[0])


@pytest.mark.parametrize("ends", [OSError("gone"), None])
async def test_what_came_to_nothing_holds_nothing(ends):
    """A request that failed, or that its client gave up, holds nothing any more."""
    slow = Slow(ends or answer(1))
    model = Budgeted(slow, Budget(Limits(max_tokens=3 * HELD)))
    tasks = [asyncio.ensure_future(model.respond(SHORT)) for _ in range(3)]
    while slow.asked < 3:
        slow.came.clear()
        await slow.came.wait()
    if ends is None:
        for task in tasks:
            task.cancel()
    else:
        slow.let.set()
    await asyncio.wait(tasks)
    slow.asked = 0
    slow.let.clear()
    slow.response = answer(1)
    assert (await at_once(model, slow, 5))[0] == 3


async def test_whoever_is_alone_may_have_the_rest():
    """A request that is alone leaves as long as anything is left, whatever it may come to."""
    model = Budgeted(ScriptedModel([answer(1), answer(2)]), Budget(Limits(max_tokens=2)))
    await model.respond(SHORT)
    await model.respond(SHORT)
    with pytest.raises(LimitExceeded):
        await model.respond(SHORT)


async def test_answers_without_a_bound():
    """Where a client sets no bound, the longest answer of the model so far is held, and some thousand tokens at least."""
    slow = Slow(answer(50_000))
    model = Budgeted(slow, Budget(Limits(max_tokens=1_000_000)))
    assert model._bound(ASK) == (23 + ANSWER_TOKENS, 0)
    await at_once(model, slow, 1, ASK)
    assert model._bound(ASK) == (23 + 50_000, 0)
    picture = Message.user([Image(data=b"png", media_type="image/png")])
    assert model._bound(replace(SHORT, messages=(picture,)))[0] > 1000


async def test_without_a_price_list_the_dearest_answer_is_held():
    """Of a provider that states what it charges, a request holds what the dearest answer so far came to."""
    slow = Slow(answer(1, cost=300_000_000), "slow:stated", states_cost=True)
    model = Budgeted(slow, Budget(Limits(max_cost=1)))
    await at_once(model, slow, 1)
    slow.asked = 0
    slow.let.clear()
    answered, refused = await at_once(model, slow, 5)
    assert (answered, len(refused)) == (2, 3)


async def test_most_is_held():
    """What a request may come to by limits of its own is what it holds."""
    slow = Slow(answer(1, cost=1), states_cost=True)
    model = Budgeted(slow, Budget(Limits(max_cost=1, max_tokens=900)), most=Limits(max_cost=0.3, max_tokens=400))
    assert model._bound(ASK) == (400, 300_000_000)
    assert (await at_once(model, slow, 5))[0] == 2


async def test_a_model_without_a_price_is_refused():
    """A budget in money refuses a model of which nobody knows the price before the first request, not after it."""
    scripted = ScriptedModel([answer(1)])
    with pytest.raises(CallerError, match="set_model_rates"):
        await Budgeted(scripted, Budget(Limits(max_cost=1))).respond(ASK)
    assert scripted.requests == []


async def test_what_a_cache_gives_is_free():
    """An answer out of a cache is not charged."""
    kept = ModelResponse(Message.assistant("ok"), saved=Used(output=5))
    model = Budgeted(ScriptedModel([kept] * 3), Budget(Limits(max_tokens=1)))
    for _ in range(3):
        await model.respond(ASK)


async def test_no_budget():
    """Without a limit nothing is held and nobody is refused."""
    slow = Slow(answer(10**9))
    assert (await at_once(Budgeted(slow, Budget(Limits())), slow, 20))[0] == 20
