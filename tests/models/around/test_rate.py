"""A model that is asked no more often than its provider allows."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.data import (
    Document,
    Image,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)
from journeyman.models import RateLimit, RateLimited, ScriptedModel
from journeyman.models.around.estimate import ANSWER_TOKENS, MEDIA_TOKENS, estimated_tokens
from journeyman.models.around.window import MINUTE

ASK = ModelRequest("", (Message.user("Hi"),))


class Time:
    """A clock that goes on when all who could work are asleep; `sleep` ends in the order of the times."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        sleeper = (self.now + seconds, self._count, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        try:
            await sleeper[2]
        finally:
            self._sleepers.remove(sleeper)

    async def run(self, *tasks: asyncio.Task[Any]) -> None:
        """Let time pass until the tasks are done."""
        while not all(task.done() for task in tasks):
            for _ in range(20):
                await asyncio.sleep(0)
            if self._sleepers:
                at, _, sleeper = min(self._sleepers, key=lambda item: item[:2])
                self.now = max(self.now, at)
                if not sleeper.done():
                    sleeper.set_result(None)


def limited(time: Time, requests: int | None = None, tokens: int | None = None) -> RateLimit:
    return RateLimit(requests, tokens, clock=time, sleep=time.sleep)


async def begins(time: Time, limit: RateLimit, tokens: list[int]) -> list[float]:
    """When each of those who come at once, in this order, is let in."""
    begun: dict[int, float] = {}

    async def one(number: int) -> None:
        await limit.reserve(tokens[number])
        begun[number] = time.now

    tasks = [asyncio.create_task(one(number)) for number in range(len(tokens))]
    await time.run(*tasks)
    assert list(begun) == list(range(len(tokens))), "first come, first served"
    return list(begun.values())


async def test_as_many_as_a_minute_allows():
    """Two a minute: the third begins when the first is a minute old."""
    time = Time()
    assert await begins(time, limited(time, 2), [0] * 5) == pytest.approx([0, 0, 60, 60, 120])


async def test_nobody_overtakes():
    """A small request waits behind a large one, though it would fit: else large ones would wait for ever."""
    time = Time()
    assert await begins(time, limited(time, None, 100), [80, 50, 10]) == pytest.approx([0, 60, 60])


@given(
    st.lists(st.integers(0, 120), min_size=1, max_size=12),
    st.none() | st.integers(1, 4),
    st.none() | st.integers(1, 200),
)
@settings(max_examples=60, deadline=None)
def test_whoever_comes_is_let_in_in_order_and_within_the_limits(tokens, requests, most):
    """For any crowd: nobody is forgotten, nobody overtakes, no minute holds too much."""

    async def crowd() -> list[float]:
        time = Time()
        return await begins(time, limited(time, requests, most), tokens)

    begun = asyncio.run(crowd())
    assert begun == sorted(begun)
    for start in begun:
        held = [n for n, at in enumerate(begun) if start <= at < start + MINUTE - 1e-6]
        assert requests is None or len(held) <= requests
        assert most is None or sum(min(tokens[n], most) for n in held) <= most


async def test_what_was_not_used_is_given_back():
    """An answer that took less than was reserved lets the next one in at once."""
    time = Time()
    limit = limited(time, None, 100)
    answer = ModelResponse(Message.assistant("ok"), Usage(input=5, output=5))
    model = RateLimited(ScriptedModel([answer] * 3), limit, estimate=lambda _: 90)
    tasks = [asyncio.create_task(model.respond(ASK)) for _ in range(3)]
    await time.run(*tasks)
    assert time.now == pytest.approx(60)
    assert limit._window._tokens == 10


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (ProviderError("no", status=400), 0),
        (ProviderError("no", status=429), 0),
        (ProviderError("no", status=500), 70),
        (ProviderError("no", kind="timeout"), 70),
    ],
)
async def test_a_refusal_takes_no_tokens(error: ProviderError, left: int):
    """What may have been worked on does, for the provider counts it."""
    limit = limited(Time(), None, 100)
    with pytest.raises(ProviderError):
        await RateLimited(ScriptedModel([error]), limit, estimate=lambda _: 70).respond(ASK)
    assert limit._window._tokens == left


async def test_an_answer_without_usage_leaves_the_estimate():
    """Not all servers count; an answer from a cache was not counted by anybody."""
    limit = limited(Time(), None, 100)
    silent = ModelResponse(Message.assistant("ok"))
    cached = ModelResponse(Message.assistant("ok"), saved=Usage(input=9))
    model = RateLimited(ScriptedModel([silent, cached]), limit, estimate=lambda _: 30)
    await model.respond(ASK)
    assert limit._window._tokens == 30
    await model.respond(ASK)
    assert limit._window._tokens == 30


async def test_when_the_provider_has_had_enough_all_wait():
    """A refusal with a time to wait stops everybody who shares the limit."""
    time = Time()
    limit = limited(time, 100)
    refused = RateLimited(ScriptedModel([ProviderError("slow down", status=429, retry_after=7)]), limit)
    other = RateLimited(ScriptedModel(["ok"]), limit)
    with pytest.raises(ProviderError):
        await refused.respond(ASK)
    task = asyncio.create_task(other.respond(ASK))
    await time.run(task)
    assert time.now == 7


async def test_who_leaves_the_queue_lets_the_next_one_in():
    """A cancelled run does not block those behind it, at the head of the queue or within."""
    time = Time()
    limit = limited(time, None, 100)
    await limit.reserve(60)
    large, larger, small = [asyncio.create_task(limit.reserve(tokens)) for tokens in (100, 90, 40)]
    for _ in range(5):
        await asyncio.sleep(0)
    larger.cancel()
    large.cancel()
    await time.run(large, larger, small)
    assert time.now == 0
    assert small.result().tokens == 40


def test_one_limit_for_several_threads_and_loops():
    """However many loops ask through it, no more requests are let in than the limit has."""
    let_in = 0
    lock = threading.Lock()
    asked = threading.Barrier(4)
    limit = RateLimit(10)

    async def ask() -> None:
        nonlocal let_in
        try:
            await limit.reserve(1)
        except asyncio.CancelledError:
            return
        with lock:
            let_in += 1

    async def crowd() -> None:
        tasks = [asyncio.create_task(ask()) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.to_thread(asked.wait, 20)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    threads = [threading.Thread(target=lambda: asyncio.run(crowd())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert let_in == 10


def test_estimates_count_all_that_is_sent():
    """About four bytes a token; media at a flat rate; the answer at its bound."""
    words = Message.user("x" * 400)
    rich = Message(
        "assistant",
        (
            Thinking("t" * 40),
            ToolCall("1", "name", "a" * 40),
            ToolResult("1", "r" * 40),
            ToolResult("2", (Text("p" * 40), Image("image/png", b"x"))),
            Document("application/pdf", b"x"),
            Opaque("d", {"key": "v" * 40}),
        ),
    )
    assert estimated_tokens(ModelRequest("", (words,))) == 101 + ANSWER_TOKENS
    assert estimated_tokens(ModelRequest("", (words,), settings=Settings(max_tokens=7))) == 108
    tools = (ToolSpec("t", "d" * 400), Opaque("d", {}))
    assert 100 < estimated_tokens(ModelRequest("", (), tools)) - ANSWER_TOKENS < 130
    found = estimated_tokens(ModelRequest("", (rich,))) - ANSWER_TOKENS
    assert 2 * MEDIA_TOKENS + 50 < found < 2 * MEDIA_TOKENS + 80


def test_an_estimate_fails_for_nothing():
    """What no wire can carry is the wire's to refuse."""
    message = Message("user", (Opaque("d", object()), Text("\ud800")))
    assert estimated_tokens(ModelRequest("", (message,))) == 1 + ANSWER_TOKENS
