"""A model whose answers are kept."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import msgspec
import pytest

from journeyman.data import (
    CallerError,
    Delta,
    JourneymanError,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    Thinking,
    ToolCall,
    Usage,
    deltas_of,
)
from journeyman.models import Cached, MemoryStore, ScriptedModel

ASK = ModelRequest("", (Message.user("Hi"),))
RICH = ModelResponse(
    Message(
        "assistant",
        (
            Thinking("hm", Opaque("anthropic", {"signature": "s"})),
            Text("Hello there."),
            ToolCall("1", "add", '{"a": 1}'),
            Opaque("anthropic", {"type": "server_tool_use"}),
        ),
    ),
    Usage(input=10, cache_read=5, output=3, reasoning=2),
    "tool_calls",
    "model-2026",
    "id-1",
    cost=7,
)


async def test_the_same_question_is_asked_once():
    """The second time it is the same answer, word for word, and costs nothing; it says what it once used."""
    model = ScriptedModel([RICH])
    cached = Cached(model, MemoryStore())
    first = await cached.respond(ASK)
    again = await cached.respond(ASK)
    assert first == RICH
    assert not first.cached
    assert again.message == RICH.message
    assert (again.finish, again.model, again.raw_id) == (RICH.finish, RICH.model, RICH.raw_id)
    assert (again.cached, again.usage, again.cost, again.saved) == (True, Usage(), 0, RICH.usage)
    assert len(model.requests) == 1


async def test_a_stream_plays_again():
    """With all the glimpses that the message gives, whether or not it was streamed the first time."""
    cached = Cached(ScriptedModel([RICH]), MemoryStore())
    await cached.respond(ASK)
    heard: list[Delta] = []
    await cached.respond(ASK, heard.extend)
    assert heard == list(deltas_of(RICH.message))


async def test_other_questions_and_other_models_are_others():
    """By what `canonical` says, the name of the model, and the namespace."""
    store = MemoryStore()
    a = Cached(ScriptedModel(["1", "2"], name="v:a"), store)
    b = Cached(ScriptedModel(["3"], name="v:b"), store)
    c = Cached(ScriptedModel(["4"], name="v:a"), store, namespace="other address")
    other = ModelRequest("", (Message.user("Ho"),))
    answers = [await a.respond(ASK), await a.respond(other), await b.respond(ASK), await c.respond(ASK)]
    assert [answer.message.text for answer in answers] == ["1", "2", "3", "4"]
    assert (await a.respond(other)).message.text == "2"


@pytest.mark.parametrize("finish", ["length", "content_filter", "other", None])
async def test_only_whole_answers_are_kept(finish: Any):
    """What was cut short is asked for again."""
    cut = ModelResponse(Message.assistant("We"), finish=finish)
    cached = Cached(ScriptedModel([cut, "Well."]), MemoryStore())
    assert (await cached.respond(ASK)).message.text == "We"
    assert (await cached.respond(ASK)).message.text == "Well."
    assert (await cached.respond(ASK)).cached


async def test_failures_are_not_kept():
    """Nor do they block the next one."""
    cached = Cached(ScriptedModel([ProviderError("no", status=500), "ok"]), MemoryStore())
    with pytest.raises(ProviderError):
        await cached.respond(ASK)
    assert not (await cached.respond(ASK)).cached


async def test_answers_live_for_their_time():
    """Then the model is asked again."""
    now = [0.0]
    cached = Cached(ScriptedModel(["old", "new"]), MemoryStore(clock=lambda: now[0]), ttl=60)
    assert (await cached.respond(ASK)).message.text == "old"
    now[0] = 60.0
    assert (await cached.respond(ASK)).message.text == "new"


class Gated(ScriptedModel):
    """Answers when it is told to."""

    def __init__(self, script: list[Any]) -> None:
        super().__init__(script)
        self.asked = 0
        self.go_on = asyncio.Event()

    async def respond(self, request: ModelRequest, emit: Any = None, record: Any = None) -> ModelResponse:
        self.asked += 1
        await self.go_on.wait()
        return await super().respond(request, emit, record)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_of_equal_requests_at_once_one_is_asked():
    """The others get its answer as from the cache."""
    model = Gated(["ok"])
    cached = Cached(model, MemoryStore())
    heard: list[Delta] = []
    tasks = [asyncio.create_task(cached.respond(ASK, heard.extend if n == 3 else None)) for n in range(5)]
    await settle()
    assert model.asked == 1
    model.go_on.set()
    answers = await asyncio.gather(*tasks)
    assert [answer.cached for answer in answers] == [False, True, True, True, True]
    assert len(heard) == 1
    assert not cached._flights


async def test_when_the_one_comes_to_nothing_the_others_ask():
    """Side by side, whether it failed or was cancelled."""
    model = Gated(["a", "b"])
    cached = Cached(model, MemoryStore())
    leader, *others = [asyncio.create_task(cached.respond(ASK)) for _ in range(3)]
    await settle()
    leader.cancel()
    await settle()
    assert model.asked == 3
    model.go_on.set()
    assert sorted([(await other).message.text for other in others]) == ["a", "b"]
    assert not cached._flights


async def test_a_waiter_that_is_cancelled_takes_nobody_along():
    """Neither the one that is under way nor the others."""
    model = Gated(["ok"])
    cached = Cached(model, MemoryStore())
    leader, second, third = [asyncio.create_task(cached.respond(ASK)) for _ in range(3)]
    await settle()
    second.cancel()
    await settle()
    model.go_on.set()
    assert [(await task).message.text for task in (leader, third)] == ["ok", "ok"]


def test_several_event_loops_may_ask():
    """Each asks for itself what is not in the store yet."""
    cached = Cached(ScriptedModel(["ok"]), MemoryStore())
    assert not asyncio.run(cached.respond(ASK)).cached  # type: ignore[arg-type]  # a coroutine
    assert asyncio.run(cached.respond(ASK)).cached  # type: ignore[arg-type]  # a coroutine


class Broken(MemoryStore):
    """A store that is down."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def get(self, key: str) -> bytes | None:
        raise self.error

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        raise self.error


async def test_a_store_that_fails_costs_a_warning(caplog: pytest.LogCaptureFixture):
    """The answer is worth more than its copy."""
    cached = Cached(ScriptedModel(["ok"]), Broken(JourneymanError("the cache in Redis failed")))
    assert (await cached.respond(ASK)).message.text == "ok"
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "the cache in Redis failed" in caplog.text


async def test_a_store_that_was_set_up_wrongly_is_told():
    """Its user can mend that."""
    with pytest.raises(CallerError, match="another file"):
        await Cached(ScriptedModel(["ok"]), Broken(CallerError("name another file"))).respond(ASK)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"message":1}',
        b"[" * 100_000,
        b'{"message":{"role":"assistant","parts":[{"type":"image","media_type":"image/png"}]}}',
    ],
)
async def test_what_cannot_be_read_is_asked_anew(damaged: bytes, caplog: pytest.LogCaptureFixture):
    """A store may be written by anybody; a damaged answer is replaced."""
    store = MemoryStore()
    cached = Cached(ScriptedModel(["ok"]), store)
    await store.put(cached.key(ASK), damaged)
    assert (await cached.respond(ASK)).message.text == "ok"
    assert "cannot be read" in caplog.text
    assert (await cached.respond(ASK)).cached


async def test_caches_in_caches():
    """What the inner one had is not kept again, and says what it once used."""
    inner, outer = MemoryStore(), MemoryStore()
    asked = Cached(ScriptedModel([RICH]), inner)
    await asked.respond(ASK)
    both = Cached(asked, outer)
    assert (await both.respond(ASK)).saved == RICH.usage
    assert outer.size == 0


def test_old_journals_and_new_ones():
    """An answer without the mark is one that was paid for; the mark survives a journal."""
    old = msgspec.json.decode(b'{"message":{"role":"assistant","parts":[]}}', type=ModelResponse)
    assert not old.cached
    kept = msgspec.structs.replace(RICH, saved=Usage())
    assert msgspec.json.decode(msgspec.json.encode(kept), type=ModelResponse).cached


@pytest.mark.parametrize("ttl", [0, -1, math.nan, math.inf])
def test_a_time_to_live_that_makes_no_sense(ttl: float):
    """It is told by name."""
    with pytest.raises(CallerError, match="ttl="):
        Cached(ScriptedModel([]), MemoryStore(), ttl=ttl)
