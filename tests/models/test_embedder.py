"""Texts to vectors with one model: batches, order, errors, costs."""

import asyncio
from decimal import Decimal

import pytest

from journeyman.compose import open_embedder, set_model_rates
from journeyman.data import (
    CallerError,
    EmbeddingResponse,
    ModelUsage,
    Opaque,
    ProviderError,
    Usage,
    Vectors,
)
from journeyman.models import EmbedderOptions, ScriptedEmbedder
from journeyman.providers import Rates
from journeyman.wire import BatchLimit


def place(text):
    """A vector that tells which text it is of."""
    return [float(text.partition(" ")[0])]


def texts(count):
    return [f"{number} text" for number in range(count)]


class Gate:
    """A model whose answers come when a test says so; it may fail, and says how many are asked at once."""

    name = "gate:model"

    def __init__(self, most=1, size=10_000, failing=()):
        self.most, self.size, self.failing = most, size, failing
        self.under_way = self.peak = 0
        self.asked = []
        self.cancelled = 0
        self.go = asyncio.Event()
        self.full = asyncio.Event()

    def limit(self, model):
        return BatchLimit(self.most, self.size)

    async def respond(self, request):
        self.asked.append(request.inputs)
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        if self.under_way == 4:
            self.full.set()
        try:
            if set(request.inputs) & set(self.failing):
                raise ProviderError("too fast", status=429, retry_after=3)
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        return EmbeddingResponse(Vectors.of([place(text) for text in request.inputs]), Usage(input=1), "gate-1")


async def test_order_and_sums():
    """Vectors are in the order of the texts, whichever batch they came in; tokens are added up."""
    model = ScriptedEmbedder(place, most_inputs=3)
    found = await open_embedder(model).embed(texts(8))
    assert [row[0] for row in found.vectors] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert sorted(len(request.inputs) for request in model.requests) == [2, 3, 3]
    assert (found.usage, found.model) == (Usage(input=16), "scripted")


async def test_one_text_and_none():
    """One text needs no list; no texts are no request."""
    model = ScriptedEmbedder()
    embedder = open_embedder(model)
    assert len((await embedder.embed("a")).vectors) == 1
    assert len(await embedded(embedder, [])) == 0
    assert len(model.requests) == 1
    assert (await embedder.embed([])).cost == 0


async def embedded(embedder, items):
    return (await embedder.embed(items)).vectors


async def test_what_is_asked():
    """Each request has the purpose, the length and the extras."""
    model = ScriptedEmbedder(most_inputs=1)
    extra = Opaque("scripted", {"a": 1})
    await open_embedder(model, options=EmbedderOptions(dimensions=8, extra=extra)).embed(["a", "b"], "query")
    told = [(request.purpose, request.dimensions, request.extra) for request in model.requests]
    assert told == [("query", 8, extra)] * 2


async def test_batches_are_bounded():
    """Batches keep to the number of texts and to their bytes, and a text that is larger goes alone."""
    gate = Gate(most=3, size=10)
    gate.go.set()
    await open_embedder(gate).embed(["1 a", "2 b", "3 c", "4 d", "5 äää", "6 x", "7 " + "x" * 99, "8 a"])
    # "5 äää" is 8 bytes long.
    assert sorted(gate.asked) == [("1 a", "2 b", "3 c"), ("4 d",), ("5 äää",), ("6 x",), ("7 " + "x" * 99,), ("8 a",)]


async def test_batch_size_of_ones_own():
    """A smaller batch may be asked for, a larger one than the provider takes is not sent."""
    for size, expected in ((2, [1, 2, 2]), (99, [2, 3])):
        model = ScriptedEmbedder(most_inputs=3)
        await open_embedder(model, options=EmbedderOptions(batch_size=size)).embed(texts(5))
        assert sorted(len(request.inputs) for request in model.requests) == expected


async def test_few_at_once():
    """Requests go out together, but never more than were allowed, and the next leaves when one is done."""
    gate = Gate()
    asking = asyncio.create_task(open_embedder(gate).embed(texts(11)))
    await gate.full.wait()
    assert gate.under_way == 4
    gate.go.set()
    found = await asking
    assert (gate.peak, len(gate.asked)) == (4, 11)
    assert [row[0] for row in found.vectors] == list(range(11))


async def test_failure():
    """An error tells of which texts, keeps its status, and ends the requests that are under way."""
    gate = Gate(most=2, failing=["4 text"])
    with pytest.raises(ProviderError, match=r"^too fast \(texts 5 to 6 of 9\)$") as caught:
        await open_embedder(gate).embed(texts(9))
    assert (caught.value.status, caught.value.kind, caught.value.retry_after) == (429, "rate_limit", 3)
    assert gate.under_way == 0
    assert gate.cancelled >= 2


async def test_failure_of_the_only_request():
    """Where there is one request, its error is as it is."""
    with pytest.raises(ProviderError, match=r"^too fast$"):
        await open_embedder(Gate(most=9, failing=["0 text"])).embed(texts(3))


async def test_cancelling():
    """Who gives up leaves nothing running."""
    gate = Gate()
    asking = asyncio.create_task(open_embedder(gate).embed(texts(9)))
    await gate.full.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (gate.under_way, gate.cancelled, len(gate.asked)) == (0, 4, 4)


class Odd(ScriptedEmbedder):
    """Gives other vectors than it was asked for."""

    async def respond(self, request):
        if self.name == "too:few":
            return EmbeddingResponse(Vectors.of([[1.0]]))
        width = 1 if request.inputs[0].startswith("0") else 2
        return EmbeddingResponse(Vectors.of([[1.0] * width] * len(request.inputs)))


async def test_answers_that_do_not_fit():
    """A vector too few, and vectors of another length in another batch, are errors of the provider's."""
    with pytest.raises(ProviderError, match="too:few: the provider gave 1 vectors for 2 texts"):
        await open_embedder(Odd(name="too:few")).embed(texts(2))
    with pytest.raises(ProviderError, match="do not fit together: vectors of different lengths"):
        await open_embedder(Odd(most_inputs=2)).embed(texts(4))


def test_blocking_twin():
    """The same in scripts."""
    found = open_embedder(ScriptedEmbedder(place, most_inputs=1)).embed_sync(texts(3), "document")
    assert found.vectors.tolist() == [[0.0], [1.0], [2.0]]


@pytest.mark.parametrize("options", [{"dimensions": 0}, {"batch_size": 0}, {"max_concurrent": -1}])
def test_sizes_that_are_none(options):
    """A size of nothing is the caller's mistake, and named."""
    (name,) = options
    with pytest.raises(CallerError, match=f"{name}=.* 1 or more"):
        EmbedderOptions(**options)


# --- costs ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cost"),
    [
        ("openai:text-embedding-3-small", Decimal("0.00000002")),
        ("gemini:gemini-embedding-001", Decimal("0.00000015")),
        ("openai:text-embedding-of-nobody", None),
    ],
)
async def test_cost(name, cost):
    """A token costs what the price list says; where it says nothing, the cost is not known, rather than nothing."""
    assert (await open_embedder(ScriptedEmbedder(name=name)).embed("a")).cost == cost


async def test_cost_of_ones_own():
    """Rates that were set count before the list, and each batch counts."""
    set_model_rates("mine:embedder", Rates(input=1, output=0))
    found = await open_embedder(ScriptedEmbedder(name="mine:embedder", most_inputs=1)).embed(["a b", "c"])
    assert found.cost == Decimal("0.000003")
    assert found.used == (ModelUsage("mine:embedder", Usage(input=3)),)


async def test_stated_cost():
    """What the provider says that it charged is the cost."""

    class Stating(ScriptedEmbedder):
        async def respond(self, request):
            return EmbeddingResponse(Vectors.of([[1.0]] * len(request.inputs)), Usage(input=1), cost=500)

    embedder = open_embedder(Stating(name="no:prices", most_inputs=1))
    assert (await embedder.embed(["a", "b"])).cost == Decimal("0.000001")


# --- the scripted one -------------------------------------------------------------------------------------------------------


async def test_scripted_vectors_tell_words():
    """Texts that share words are closer than texts that share none; the vectors are of length 1 and always the same."""
    embedder = open_embedder(ScriptedEmbedder())
    rows = await embedded(embedder, ["the red house", "a red house", "seven wild swans", ""])

    def close(one, other):
        return sum(a * b for a, b in zip(rows[one], rows[other], strict=True))

    assert close(0, 1) > 0.5 > abs(close(0, 2))
    assert close(0, 0) == pytest.approx(1, abs=1e-6)
    assert close(3, 3) == 1
    assert rows == await embedded(
        open_embedder(ScriptedEmbedder()), ["the red house", "a red house", "seven wild swans", ""]
    )


async def test_opening_what_needs_no_opening():
    """A model without connections may be held open like any other."""
    async with open_embedder(ScriptedEmbedder()) as embedder:
        assert embedder.name == "scripted:embedder"
        assert len(await embedded(embedder, ["a"])) == 1
