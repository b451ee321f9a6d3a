"""A model that is asked again when its provider fails for a moment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, Delta, LimitExceeded, Message, ModelRequest, ProviderError, TextDelta
from journeyman.journal import Fact, ModelRetried
from journeyman.models import Emit, Retry, RetryPolicy, ScriptedModel
from journeyman.models.around.failures import in_doubt, passes

ASK = ModelRequest("", (Message.user("Hi"),))


def failing(status: int | None = 503, **fields: Any) -> ProviderError:
    return ProviderError("no", status=status, **fields)


class Pauses:
    """A sleep that only notes how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class Notes:
    """What a run would write down; may refuse to."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.facts: list[Fact] = []
        self.refusal = refusal

    async def __call__(self, fact: Fact) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.facts.append(fact)


def retry(script: list[Any], chance: float = 1.0, **policy: Any) -> tuple[Retry, ScriptedModel, Pauses]:
    model, pauses = ScriptedModel(script), Pauses()
    return Retry(model, RetryPolicy(**policy), sleep=pauses, chance=lambda: chance), model, pauses


async def test_a_failure_that_passes_is_asked_again():
    """Up to three attempts, with waits of one and two seconds; each further attempt is written down before it leaves."""
    again, model, pauses = retry([failing(429), failing(500), "Hello"])
    events: list[str] = []

    async def record(fact: Fact) -> None:
        assert isinstance(fact, ModelRetried)
        events.append(f"attempt {fact.attempt} after {len(model.requests)} requests and {len(pauses.seconds)} waits")

    response = await again.respond(ASK, None, record)
    assert response.message.text == "Hello"
    assert model.requests == [ASK] * 3
    assert pauses.seconds == [1.0, 2.0]
    assert events == ["attempt 2 after 1 requests and 0 waits", "attempt 3 after 2 requests and 1 waits"]


async def test_the_last_failure_is_raised():
    """As it was, after the attempts that the policy has."""
    last = failing(429, retry_after=1)
    again, model, _ = retry([failing(500), last], retry_attempts=2)
    with pytest.raises(ProviderError) as caught:
        await again.respond(ASK)
    assert caught.value is last
    assert len(model.requests) == 2


async def test_what_is_written_down():
    """The model, the attempt that comes, the wait, the failure, and whether the failed one may be charged for."""
    again, _, _ = retry([failing(529), failing(None, kind="timeout"), "Hello"], chance=0.0)
    notes = Notes()
    await again.respond(ASK, None, notes)
    first, second = notes.facts
    assert isinstance(first, ModelRetried)
    assert isinstance(second, ModelRetried)
    assert (first.model, first.attempt, first.delay, first.failure.status, first.in_doubt) == (
        "scripted:model",
        2,
        0.5,
        529,
        False,
    )
    assert (second.attempt, second.delay, second.failure.message, second.in_doubt) == (3, 1.0, "no", True)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529, 599])
def test_statuses_that_pass(status: int):
    """Those that the SDKs of OpenAI and Anthropic try again."""
    assert passes(failing(status))


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 413, 422, 499])
async def test_statuses_that_do_not_pass(status: int):
    """They are raised at once, for asking again would fail again (or, with a good status, be paid again)."""
    again, model, pauses = retry([failing(status, kind="server" if status == 200 else None), "never"])
    with pytest.raises(ProviderError):
        await again.respond(ASK)
    assert (len(model.requests), pauses.seconds) == (1, [])


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        ("connection", True),
        ("timeout", True),
        ("stream", True),
        ("overloaded", True),
        ("rate_limit", True),
        ("server", True),
        ("invalid_request", False),
        ("authentication", False),
    ],
)
def test_failures_without_a_status(kind, again):
    """A connection or a stream that broke passes; an error that was told inside a stream, if its kind does."""
    assert passes(failing(None, kind=kind)) == again


@pytest.mark.parametrize(
    ("error", "doubt"),
    [
        (failing(429), False),
        (failing(400), False),
        (failing(529), False),
        (failing(503), False),
        (failing(500), True),
        (failing(504), True),
        (failing(200, kind="server"), True),
        (failing(None, kind="timeout"), True),
        (failing(None, kind="stream"), True),
        (failing(None, kind="connection"), True),
        (failing(None, kind="overloaded"), False),
    ],
)
def test_what_may_have_been_charged_for(error, doubt):
    """A refusal is free; silence, a broken stream and a server that broke down are not known to be."""
    assert in_doubt(error) == doubt


def test_a_connection_that_never_came_about_is_in_no_doubt():
    """Nothing had left."""
    refused = failing(None, kind="connection")
    refused.__cause__ = ConnectionRefusedError(111, "refused")
    reset = failing(None, kind="connection")
    reset.__cause__ = ConnectionResetError(104, "reset")
    assert (in_doubt(refused), in_doubt(reset)) == (False, True)


async def test_the_provider_is_not_asked_before_it_wants_to_be():
    """`retry_after` counts where it is longer than our own wait."""
    again, _, pauses = retry([failing(429, retry_after=20), failing(429, retry_after=0.1), "Hello"])
    await again.respond(ASK)
    assert pauses.seconds == [20, 2.0]


async def test_nobody_waits_for_hours():
    """If the provider wants to be left alone for longer than `max_retry_after`, its error is raised at once."""
    again, model, pauses = retry([failing(429, retry_after=61), "never"])
    with pytest.raises(ProviderError) as caught:
        await again.respond(ASK)
    assert caught.value.retry_after == 61
    assert (len(model.requests), pauses.seconds) == (1, [])


class Breaks:
    """A model whose stream breaks, after some glimpses."""

    name = "broken:model"
    capabilities = ScriptedModel([]).capabilities

    def __init__(self, *deltas: Sequence[Delta]) -> None:
        self.asked = 0
        self.deltas = deltas

    async def respond(self, request: ModelRequest, emit: Emit | None = None, record: object = None) -> Any:
        self.asked += 1
        assert emit is not None
        for delta in self.deltas:
            emit(delta)
        raise failing(None, kind="stream")

    def preview(self, request: ModelRequest, *, stream: bool = False) -> None:
        return None


@pytest.mark.parametrize(("deltas", "asked"), [(([TextDelta("a")],), 1), ((), 3), (([],), 3)])
async def test_a_stream_that_began_is_not_asked_again(deltas: Any, asked: int):
    """Before the first glimpse it is; afterwards somebody has seen words that a second answer would contradict."""
    model = Breaks(*deltas)
    heard: list[Delta] = []
    with pytest.raises(ProviderError):
        await Retry(model, sleep=Pauses()).respond(ASK, heard.extend)
    assert model.asked == asked
    assert heard == [delta for batch in deltas for delta in batch]


async def test_cancelling_cuts_the_wait():
    """A run that is stopped does not sit a wait out."""
    waiting = asyncio.Event()

    async def forever(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    model = ScriptedModel([failing(503), "never"])
    task = asyncio.create_task(Retry(model, sleep=forever).respond(ASK))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(model.requests) == 1


async def test_a_used_up_budget_ends_it():
    """What `record` raises is raised, and comes from the failure that would have been tried again."""
    again, model, pauses = retry([failing(503), "never"])
    with pytest.raises(LimitExceeded) as caught:
        await again.respond(ASK, None, Notes(LimitExceeded("repeated requests", 0, "max_model_retries")))
    assert isinstance(caught.value.__context__, ProviderError)
    assert (len(model.requests), pauses.seconds) == (1, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry_attempts": 0},
        {"retry_delay": -1},
        {"retry_delay": math.inf},
        {"retry_backoff": 0.5},
        {"retry_backoff": math.nan},
        {"max_retry_delay": -1},
        {"max_retry_after": math.nan},
    ],
)
def test_numbers_that_make_no_sense(wrong: dict[str, float]):
    """They are told by name."""
    (name,) = wrong
    with pytest.raises(CallerError, match=name):
        RetryPolicy(**wrong)  # type: ignore[arg-type]  # one of the fields


@given(
    delay=st.floats(0, 1e6),
    backoff=st.floats(1, 1e6),
    most=st.floats(0, 1e6),
    failed=st.integers(1, 100_000),
)
def test_waits_grow_up_to_their_bound(delay: float, backoff: float, most: float, failed: int):
    """Never beyond `max_retry_delay`, never shorter than the one before, whatever the number of attempts."""
    policy = RetryPolicy(retry_delay=delay, retry_backoff=backoff, max_retry_delay=most)
    now, then = policy.backoff(failed), policy.backoff(failed + 1)
    assert 0 <= now <= most
    assert then >= now * (1 - 1e-9)
    assert policy.backoff(1) == pytest.approx(min(delay, most))


@given(
    chance=st.floats(0, 1, exclude_max=True),
    failures=st.lists(st.none() | st.floats(0, 100), min_size=1, max_size=8),
)
def test_each_wait_is_within_its_bounds(chance: float, failures: list[float | None]):
    """At least half of the backoff and what the provider asks for; at most the larger of both."""
    again, _, pauses = retry(
        [*(failing(429, retry_after=after) for after in failures), "ok"],
        chance=chance,
        retry_attempts=9,
        max_retry_delay=10,
        max_retry_after=100,
    )
    asyncio.run(again.respond(ASK))  # type: ignore[arg-type]  # a coroutine
    assert len(pauses.seconds) == len(failures)
    for number, (seconds, after) in enumerate(zip(pauses.seconds, failures, strict=True)):
        longest = min(2.0**number, 10)
        assert max(longest / 2, after or 0) <= seconds <= max(longest, after or 0)
