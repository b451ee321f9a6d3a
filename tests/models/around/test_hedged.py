"""A model that is asked a second time when it is slow."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest

from journeyman.data import (
    CallerError,
    Delta,
    LimitExceeded,
    Message,
    ModelRequest,
    ModelResponse,
    ProviderError,
    TextDelta,
    Usage,
)
from journeyman.journal import Fact, ModelDropped, ModelHedged, ModelRetried, ModelSwitched
from journeyman.models import Emit, Fallback, Hedged, Record, Retry, ScriptedModel

ASK = ModelRequest("gpt-5", (Message.user("Hi"),))


class Slow:
    """A model of which the test says, request by request, what it does and when."""

    capabilities = ScriptedModel([]).capabilities

    def __init__(self, name: str = "v:slow") -> None:
        self.name = name
        self.asked: list[tuple[ModelRequest, Emit | None, asyncio.Future[ModelResponse]]] = []
        self.cut_off = 0

    async def respond(
        self, request: ModelRequest, emit: Emit | None = None, record: Record | None = None
    ) -> ModelResponse:
        future: asyncio.Future[ModelResponse] = asyncio.get_running_loop().create_future()
        self.asked.append((request, emit, future))
        try:
            return await future
        except asyncio.CancelledError:
            self.cut_off += 1
            raise

    def answer(self, number: int, said: str | Exception) -> None:
        future = self.asked[number][2]
        if isinstance(said, Exception):
            future.set_exception(said)
        else:
            future.set_result(ModelResponse(Message.assistant(said), Usage(output=len(said))))

    def emit(self, number: int, *words: str) -> None:
        emit = self.asked[number][1]
        assert emit is not None
        emit([TextDelta(word) for word in words])

    def preview(self, request: ModelRequest, *, stream: bool = False) -> None:
        return None


class Timer:
    """A sleep that ends when it is told to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self.over.wait()


class Notes:
    """What a run would write down."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    async def __call__(self, fact: Fact) -> None:
        self.facts.append(fact)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def notes() -> Notes:
    return Notes()


Begin = Callable[..., Any]


@pytest.fixture
async def begin(notes: Notes) -> Begin:
    """Asks a hedged model, with the second request on its way if `late`."""

    async def ask(model: Any, other: Any = None, *, emit: Emit | None = None, late: bool = True) -> asyncio.Task[Any]:
        timer = Timer()
        task = asyncio.create_task(Hedged(model, other, after=2.0, sleep=timer).respond(ASK, emit, notes))
        await settle()
        if late:
            timer.over.set()
            await settle()
        return task

    return ask


async def test_a_quick_answer_is_asked_for_once(begin: Begin, notes: Notes):
    """And nothing is written down of it."""
    model = Slow()
    task = await begin(model, late=False)
    model.answer(0, "quick")
    assert (await task).message.text == "quick"
    assert (len(model.asked), notes.facts) == (1, [])


async def test_the_second_request_is_written_down_before_it_leaves(begin: Begin, notes: Notes):
    """The first may still win; then the second is cut off, and nobody knows what it used."""
    model = Slow()
    task = await begin(model)
    assert len(model.asked) == 2
    assert notes.facts == [ModelHedged(model="v:slow", delay=2.0)]
    model.answer(0, "first")
    assert (await task).message.text == "first"
    assert model.cut_off == 1
    assert notes.facts[1:] == [ModelDropped(model="v:slow", in_doubt=True)]


async def test_intent_before_effect():
    """A journal that cannot be written keeps the second request from leaving, and ends the first."""
    model, timer = Slow(), Timer()
    timer.over.set()

    async def full(fact: Fact) -> None:
        raise CallerError("the disk is full")

    with pytest.raises(CallerError, match="full"):
        await Hedged(model, after=1, sleep=timer).respond(ASK, None, full)
    assert (len(model.asked), model.cut_off) == (1, 1)


async def test_another_model_may_win(begin: Begin, notes: Notes):
    """The answer is charged to it; it is asked by its own name."""
    model, other = Slow(), Slow("v:other")
    task = await begin(model, other)
    other.answer(0, "second")
    assert (await task).message.text == "second"
    assert (model.cut_off, other.asked[0][0].model) == (1, "")
    assert notes.facts[1:] == [ModelDropped(model="v:slow", in_doubt=True), ModelSwitched(model="v:other")]


async def test_what_a_loser_used_is_charged_where_it_is_known(begin: Begin, notes: Notes):
    """Both answered at the same moment: one answer is taken, both are paid for."""
    model = Slow()
    task = await begin(model)
    model.answer(0, "one")
    model.answer(1, "three")
    assert (await task).message.text == "one"
    assert notes.facts[1:] == [ModelDropped(model="v:slow", usage=Usage(output=5))]


async def test_in_a_stream_the_first_glimpse_wins(begin: Begin, notes: Notes):
    """The other request is cut off at once, and none of its words is heard."""
    model = Slow()
    heard: list[Delta] = []
    task = await begin(model, emit=heard.extend)
    model.emit(0)
    model.emit(1, "Well", " now")
    model.emit(0, "too late")
    await settle()
    assert model.cut_off == 1
    model.emit(1, "!")
    model.answer(1, "Well now!")
    assert (await task).message.text == "Well now!"
    assert heard == [TextDelta("Well"), TextDelta(" now"), TextDelta("!")]
    assert notes.facts[1:] == [ModelDropped(model="v:slow", in_doubt=True)]


async def test_a_first_glimpse_in_time_needs_no_second_request(begin: Begin, notes: Notes):
    """However long the rest of the stream takes."""
    model = Slow()
    task = await begin(model, emit=lambda _: None, late=False)
    model.emit(0, "Well")
    await settle()
    model.answer(0, "Well now!")
    await task
    assert (len(model.asked), notes.facts) == (1, [])


async def test_a_stream_that_breaks_is_not_mended_by_the_other(begin: Begin, notes: Notes):
    """Its words were heard; what became of the other request is written down all the same."""
    model = Slow()
    task = await begin(model, emit=lambda _: None)
    model.emit(0, "Well")
    model.answer(0, ProviderError("broke", kind="stream"))
    with pytest.raises(ProviderError, match="broke"):
        await task
    assert notes.facts[1:] == [ModelDropped(model="v:slow", in_doubt=True)]


async def test_a_failure_before_the_second_request_is_raised(begin: Begin, notes: Notes):
    """Asking again is the business of `Retry`."""
    model = Slow()
    task = await begin(model, late=False)
    model.answer(0, ProviderError("no", status=500))
    with pytest.raises(ProviderError):
        await task
    assert (len(model.asked), notes.facts) == (1, [])


@pytest.mark.parametrize("failing", [0, 1])
async def test_the_other_goes_on_when_one_fails(failing: int, begin: Begin, notes: Notes):
    """The failure is written down."""
    model = Slow()
    task = await begin(model)
    model.answer(failing, ProviderError("no", status=429))
    await settle()
    assert not task.done()
    model.answer(1 - failing, "ok")
    assert (await task).message.text == "ok"
    (dropped,) = notes.facts[1:]
    assert isinstance(dropped, ModelDropped)
    assert (dropped.failure.status if dropped.failure else 0, dropped.in_doubt) == (429, False)


async def test_when_both_fail_the_first_ones_error_counts(begin: Begin, notes: Notes):
    """The other one's is written down."""
    model = Slow()
    task = await begin(model)
    model.answer(1, ProviderError("second", status=429))
    model.answer(0, ProviderError("first", status=503))
    with pytest.raises(ProviderError, match="first"):
        await task
    (dropped,) = notes.facts[1:]
    assert isinstance(dropped, ModelDropped)
    assert dropped.failure is not None
    assert dropped.failure.message == "second"


async def test_a_used_up_budget_ends_both(begin: Begin):
    """Only a failing provider leaves the field to the other request."""
    model = Slow()
    task = await begin(model)
    model.answer(1, LimitExceeded("repeated requests", 1, "max_model_retries"))
    with pytest.raises(LimitExceeded):
        await task
    assert model.cut_off == 1


async def test_cancelling_cuts_both_off(begin: Begin):
    """Nothing goes on behind the caller's back."""
    model = Slow()
    task = await begin(model)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.cut_off == 2


async def test_the_answer_is_charged_to_the_model_that_gave_it(notes: Notes):
    """Though the two requests may each have gone to another stand-in by then."""
    first, stand_in = Slow("v:first"), Slow("v:stand-in")
    timer = Timer()
    task = asyncio.create_task(Hedged(Fallback(first, stand_in), after=1, sleep=timer).respond(ASK, None, notes))
    await settle()
    timer.over.set()
    await settle()
    first.answer(1, ProviderError("no", status=503))
    await settle()
    first.answer(0, "from the first")
    await task
    assert [fact.model for fact in notes.facts if isinstance(fact, ModelSwitched)] == ["v:stand-in", "v:first"]
    assert [fact.model for fact in notes.facts if isinstance(fact, ModelDropped)] == ["v:stand-in"]


async def test_retries_on_both_sides_are_written_down(notes: Notes):
    """What happens on the way of either request reaches the run."""

    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    model = ScriptedModel([ProviderError("no", status=503), "ok"])
    await Hedged(Retry(model, sleep=at_once), after=60).respond(ASK, None, notes)
    assert [type(fact) for fact in notes.facts] == [ModelRetried]


class Ticks:
    """A clock on which each answer takes so many seconds."""

    def __init__(self, takes: list[float]) -> None:
        self.readings = [reading for seconds in takes for reading in (0.0, seconds)]

    def __call__(self) -> float:
        return self.readings.pop(0)


async def test_the_delay_follows_what_answers_took():
    """From ten answers on it is the percentile of the last ones, apart for streams and whole answers."""
    takes = [float(n) for n in range(1, 21)]
    hedged = Hedged(ScriptedModel(["ok"] * 20), after=99, percentile=0.9, last=10, clock=Ticks(takes))
    seen: list[float] = []
    for _ in takes:
        seen.append(hedged.delay(stream=False))
        await hedged.respond(ASK)
    assert seen[:10] == [99] * 10
    assert seen[10:12] == [9, 10]
    assert hedged.delay(stream=False) == 19
    assert hedged.delay(stream=True) == 99


@pytest.mark.parametrize(
    "wrong",
    [{"after": -1}, {"after": math.nan}, {"after": 1, "percentile": 1.5}, {"after": 1, "last": 3}],
)
def test_numbers_that_make_no_sense(wrong: dict[str, float]):
    """They are told by name."""
    with pytest.raises(CallerError, match=f"{list(wrong)[-1]}="):
        Hedged(ScriptedModel([]), **wrong)  # type: ignore[arg-type]  # some of the parameters
