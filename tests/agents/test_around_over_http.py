"""Models around models, over real HTTP, on a provider with bad days."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from journeyman import Agent, ProviderError, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.compose import open_model
from journeyman.data import Message, ModelRequest, Text, TextDelta, ToolCall
from journeyman.journal import ModelRetried, ModelSwitched, RunQuery, encode_fact
from journeyman.models import (
    Cached,
    ConcurrencyLimited,
    Fallback,
    Hedged,
    MemoryStore,
    Model,
    RateLimit,
    RateLimited,
    Retry,
    RetryPolicy,
    WiredModel,
)
from journeyman.testing import Fault, ScriptedModel, provider_twin

KEY = "sk-a-key-that-is-long-enough"
WIRES = pytest.mark.parametrize("wire", ["openai-chat", "anthropic"])
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
LONG = "one two three four five six seven eight nine ten " * 20


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Pauses:
    """A sleep that only notes how long it would have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def bare(wire: str, url: str) -> WiredModel:
    model = open_model(f"{wire}:any", base_url=url, api_key=KEY, retry=None)
    assert isinstance(model, WiredModel)
    return model


def retrying(wire: str, url: str, pauses: Pauses | None = None) -> Retry:
    return Retry(bare(wire, url), sleep=pauses or Pauses(), chance=lambda: 0.0)


async def run(agent: Agent[str], prompt: str, *, stream: bool) -> Any:
    if not stream:
        return await agent.run(prompt)
    async with agent.run_stream(prompt) as running:
        return await running.finish()


def test_models_that_are_opened_by_name_ask_again():
    """Three attempts, as the vendors' own SDKs; None switches it off."""
    model = open_model("openai:gpt-5")
    assert isinstance(model, Retry)
    assert model.policy == RetryPolicy(retry_attempts=3, retry_delay=1.0, retry_backoff=2.0)
    assert model.name == "openai:gpt-5"
    assert isinstance(Agent("openai:gpt-5").model, Retry)
    patient = open_model("openai:gpt-5", retry=RetryPolicy(retry_attempts=9))
    assert isinstance(patient, Retry)
    assert patient.policy.retry_attempts == 9
    assert isinstance(open_model("openai:gpt-5", retry=None), WiredModel)


@WIRES
@STREAM
async def test_a_bad_day_is_got_over(wire: str, stream: bool):  # noqa: FBT001  (a parameter of the test)
    """Too many requests, a reset connection, an overload: the run goes on, and the journal tells all of it."""
    faults = {
        0: Fault(status=429, retry_after=7),
        1: Fault(reset=True),
        3: Fault(status=529, message="overloaded"),
    }
    pauses = Pauses()
    script = [ToolCall("call_1", "add", '{"a": 2, "b": 3}'), "It is five."]
    async with provider_twin(ScriptedModel(script), faults=faults) as twin:
        result = await run(Agent(retrying(wire, twin.url, pauses), tools=[add]), "2 + 3?", stream=stream)
        asked = len(twin.raw)
    assert result.output == "It is five."
    assert (asked, pauses.seconds) == (5, [7.0, 1.0, 0.5])
    retried = [fact for fact in result.facts if isinstance(fact, ModelRetried)]
    assert [(fact.attempt, fact.failure.status, fact.in_doubt) for fact in retried] == [
        (2, 429, False),
        (3, None, True),
        (2, 529, False),
    ]
    assert (result.state.model_retries, result.state.in_doubt) == (3, 1)


@WIRES
@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_a_refusal_is_final(wire: str, status: int):
    """Asking again would be refused again."""
    async with provider_twin(["never"], faults={0: Fault(status=status)}) as twin:
        with pytest.raises(ProviderError) as caught:
            await Agent(retrying(wire, twin.url)).run("go")
        assert (caught.value.status, len(twin.raw)) == (status, 1)


@WIRES
async def test_a_stream_that_breaks_before_its_first_word_is_asked_for_again(wire: str):
    """Nobody has seen anything of it; it may have been paid for, and that is written down."""
    async with provider_twin([LONG, LONG], faults={0: Fault(cut=20)}) as twin:
        async with Agent(retrying(wire, twin.url)).run_stream("go") as stream:
            words = [text async for text in stream.text()]
        assert len(twin.raw) == 2
    assert "".join(words).strip() == LONG.strip()
    assert stream.result.state.in_doubt == 1


@WIRES
async def test_a_stream_that_breaks_after_its_first_word_is_not(wire: str):
    """The error is raised; the run can be taken up, and asks anew as the same iteration."""
    log = MemoryLog()
    async with provider_twin([LONG, LONG], faults={0: Fault(cut=2500)}) as twin:
        agent = Agent(retrying(wire, twin.url), journal=log)
        heard: list[str] = []
        with pytest.raises(ProviderError) as caught:
            async with agent.run_stream("go") as stream:
                heard.extend([text async for text in stream.text()])
        assert (caught.value.kind, len(twin.raw)) == ("stream", 1)
        result = await resume(caught.value.run_id or "", agent=agent, journal=log)
    assert result.output.strip() == LONG.strip()
    assert (result.state.iterations, result.state.model_retries) == (1, 0)


async def test_nobody_there_is_in_no_doubt():
    """A connection that never came about carried no request."""
    async with provider_twin([]) as twin:
        gone = twin.url
    log = MemoryLog()
    with pytest.raises(ProviderError, match="cannot reach"):
        await Agent(retrying("openai-chat", gone), journal=log).run("go")
    (row,) = (await log.runs(RunQuery())).rows
    retried = [fact async for fact in log.read(row.run) if isinstance(fact, ModelRetried)]
    assert [fact.in_doubt for fact in retried] == [False, False]


@WIRES
async def test_no_key_in_the_journal(wire: str):
    """Though the provider repeats it in the failure that is written down."""
    log = MemoryLog()
    async with provider_twin(["ok"], faults={0: Fault(status=500, message=f"{KEY} broke me")}) as twin:
        result = await Agent(retrying(wire, twin.url), journal=log).run("go")
    (retried,) = [fact for fact in result.facts if isinstance(fact, ModelRetried)]
    assert "broke me" in retried.failure.message
    assert KEY.encode() not in b"".join(encode_fact("r", fact) for fact in result.facts)


@STREAM
async def test_another_vendor_takes_over_in_the_middle_of_a_run(stream: bool):  # noqa: FBT001  (a parameter)
    """The history goes along, call and result together; each answer is charged to who gave it."""
    call = [Text("Let me add."), ToolCall("toolu_01", "add", '{"a": 2, "b": 3}')]
    async with provider_twin([call], faults={1: Fault(status=529)}) as first:
        async with provider_twin(["It is five."]) as second:
            model = Fallback(bare("anthropic", first.url), bare("openai-chat", second.url))
            result = await run(Agent(model, tools=[add]), "2 + 3?", stream=stream)
            (asked,) = second.requests
    assert result.output == "It is five."
    assert [message.role for message in asked.messages] == ["user", "assistant", "tool"]
    assert asked.messages[2].tool_results[0].text == "5"
    assert [fact.model for fact in result.facts if isinstance(fact, ModelSwitched)] == ["openai-chat:any"]
    assert [item.model for item in result.state.used] == ["anthropic:any", "openai-chat:any"]


@STREAM
async def test_a_silent_provider_is_asked_a_second_time(stream: bool):  # noqa: FBT001  (a parameter of the test)
    """The second request answers, the first is hung up on."""
    async with provider_twin(["Here."], faults={0: Fault(silence=True)}) as twin:
        hedged = Hedged(bare("openai-chat", twin.url), after=0.01)
        result = await run(Agent(hedged), "go", stream=stream)
        assert len(twin.raw) == 2
    assert (result.output, result.state.in_doubt) == ("Here.", 1)


@WIRES
async def test_all_of_it_together(wire: str):
    """Each wrapper is a model, so that they can be put around each other; the whole is opened and closed as one."""
    limit = RateLimit(requests_per_minute=1000, tokens_per_minute=1_000_000)
    async with provider_twin(["one", "two"], faults={0: Fault(status=503)}) as twin:
        inner: Model = ConcurrencyLimited(RateLimited(bare(wire, twin.url), limit), 2)
        whole = Cached(Fallback(Retry(inner, sleep=Pauses()), bare(wire, twin.url)), MemoryStore())
        agent = Agent(whole)
        async with agent:
            results = [await agent.run("1"), await agent.run("1"), await agent.run("2")]
        assert whole.name == f"{wire}:any"
        assert len(twin.raw) == 3
    assert [result.output for result in results] == ["one", "one", "two"]
    assert [result.state.model_retries for result in results] == [1, 0, 0]
    assert [result.usage.total_tokens > 0 for result in results] == [True, False, True]
    preview = whole.preview(ModelRequest("", (Message.user("Hi"),)))
    assert preview is not None
    assert KEY not in str(preview)


async def test_a_cached_stream_over_http_is_the_same():
    """The second reader hears the words without a request."""
    ask = ModelRequest("", (Message.user("Hi"),))
    async with provider_twin(["Hello there"]) as twin:
        cached = Cached(bare("anthropic", twin.url), MemoryStore())
        first: list[Any] = []
        second: list[Any] = []
        answers = [await cached.respond(ask, first.extend), await cached.respond(ask, second.extend)]
        assert len(twin.raw) == 1
    assert answers[0].message == answers[1].message
    assert first == second == [TextDelta("Hello"), TextDelta(" there")]


async def test_cancelling_a_run_that_waits_for_its_next_attempt():
    """It ends at once, and the journal says so."""
    waiting = asyncio.Event()

    async def forever(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    log = MemoryLog()
    async with provider_twin(["never"], faults={0: Fault(status=503)}) as twin:
        agent = Agent(Retry(bare("anthropic", twin.url), sleep=forever), journal=log)
        task = asyncio.create_task(agent.run("go"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    (row,) = (await log.runs(RunQuery())).rows
    assert row.status == "cancelled"
    assert [type(fact).__name__ async for fact in log.read(row.run)][-2:] == ["ModelRetried", "RunCancelled"]
