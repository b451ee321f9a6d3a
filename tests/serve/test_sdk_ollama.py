"""Ollama's official client takes us for Ollama: a client that others wrote."""

import contextlib
import inspect
import os

import httpx
import ollama
import pydantic
import pytest

from journeyman.data import Image, Message, ModelResponse, ProviderError, Text, TextDelta, Thinking, ToolCall, Usage
from journeyman.providers import Capabilities
from journeyman.testing import Fault, provider_twin

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
HI = [{"role": "user", "content": "Hi"}]
HELLO = ModelResponse(Message.assistant("Hello there, you"), Usage(input=11, cache_read=4, output=3), model="qwen3:8b")
CALLS = [Text("Let me see."), ToolCall("call_1", "add", '{"a":1,"b":2}'), ToolCall("call_2", "now", "{}")]


class City(pydantic.BaseModel):
    """A structured answer."""

    name: str
    people: int


class Broken:
    """A model that fails after its first words."""

    name = "broken:model"
    capabilities = Capabilities()

    async def respond(self, request, emit=None, record=None):
        if emit:
            emit([TextDelta("Well")])
        raise ProviderError("it fell over", status=500)


def add(a: int, b: int) -> int:
    """Adds.

    Args:
      a: One number.
      b: Another one.
    """
    return a + b


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The client would take a proxy from the environment even to this machine."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@contextlib.asynccontextmanager
async def talking(kind, script, **options):
    """A client of one kind, pointed at a twin in another thread, as a server is."""
    with provider_twin(script, **options) as twin:
        if kind == "sync":
            with ollama.Client(twin.url) as client:
                yield client, twin
        else:
            async with ollama.AsyncClient(twin.url) as client:
                yield client, twin


async def done(value):
    """What a call came to, of either kind."""
    return await value if inspect.isawaitable(value) else value


async def items(stream):
    """All that a stream gives, of either kind."""
    stream = await done(stream)
    return [item async for item in stream] if hasattr(stream, "__aiter__") else list(stream)


async def asked(client, stream):
    """The whole exchange, streamed or not."""
    answer = client.chat("m", HI, stream=stream)
    return await (items(answer) if stream else done(answer))


@KINDS
async def test_a_plain_answer(kind):
    """It has its words, its ending, its name and its counts, and the request is ours."""
    async with talking(kind, [HELLO]) as (client, twin):
        answer = await done(client.chat("m", HI, options={"temperature": 0.5, "num_ctx": 8192}, keep_alive="5m"))
    assert (answer.message.role, answer.message.content) == ("assistant", "Hello there, you")
    assert (answer.model, answer.done, answer.done_reason) == ("qwen3:8b", True, "stop")
    assert (answer.prompt_eval_count, answer.eval_count) == (15, 3)
    assert answer.created_at == "1970-01-01T00:00:00Z"
    (request,) = twin.requests
    assert not request.stream
    assert request.settings.temperature == 0.5
    assert request.settings.extra.data == {"options": {"num_ctx": 8192}, "keep_alive": "5m", "tools": []}
    assert twin.raw[0].path == "/api/chat"


@KINDS
async def test_a_stream(kind):
    """It comes in several lines, of which the last is done and has the counts."""
    async with talking(kind, [HELLO]) as (client, twin):
        *said, end = await items(client.chat("m", HI, stream=True))
    assert [line.message.content for line in said] == ["Hello", " there,", " you"]
    assert {(line.model, line.done) for line in said} == {("m", False)}
    assert (end.done, end.done_reason, end.prompt_eval_count) == (True, "stop", 15)
    assert twin.requests[0].stream


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_round_with_tools(kind, stream):
    """The calls arrive, and their results come back to us as theirs, though this client drops the ids."""
    async with talking(kind, [CALLS, "3"]) as (client, twin):
        if stream:
            lines = await items(client.chat("m", HI, tools=[add], stream=True))
            calls = [call for line in lines for call in line.message.tool_calls or ()]
            turn = {"role": "assistant", "content": "Let me see.", "tool_calls": calls}
        else:
            turn = (await done(client.chat("m", HI, tools=[add]))).message
            calls = turn.tool_calls
        assert [(call.function.name, call.function.arguments) for call in calls] == [
            ("add", {"a": 1, "b": 2}),
            ("now", {}),
        ]
        results = [{"role": "tool", "content": "3", "tool_name": call.function.name} for call in calls]
        last = await done(client.chat("m", [*HI, turn, *results], tools=[add]))
    assert last.message.content == "3"
    first, told = twin.requests
    assert (first.tools[0].name, first.tools[0].description) == ("add", "Adds.")
    assert set(first.tools[0].parameters["properties"]) == {"a", "b"}
    called = told.messages[1].tool_calls
    assert told.messages[1].text == "Let me see."
    given = [result for message in told.messages for result in message.tool_results]
    assert [(result.call_id, result.name, result.text) for result in given] == [
        (called[0].id, "add", "3"),
        (called[1].id, "now", "3"),
    ]


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_thinking(kind, stream):
    """Thoughts come beside the words, and how hard to think reaches us."""
    async with talking(kind, [[Thinking("Hm, well"), Text("Yes")]]) as (client, twin):
        answer = client.chat("m", HI, think="low", stream=stream)
        lines = await items(answer) if stream else [await done(answer)]
    assert "".join(line.message.thinking or "" for line in lines) == "Hm, well"
    assert "".join(line.message.content or "" for line in lines) == "Yes"
    assert twin.requests[0].settings.reasoning_effort == "low"


@KINDS
async def test_structured_output(kind):
    """A schema reaches us as one, and its value goes back."""
    async with talking(kind, ['{"name":"Rome","people":2750000}']) as (client, twin):
        answer = await done(client.chat("m", HI, format=City.model_json_schema()))
    assert City.model_validate_json(answer.message.content) == City(name="Rome", people=2750000)
    assert set(twin.requests[0].output.schema["properties"]) == {"name", "people"}


@KINDS
async def test_pictures(kind):
    """A picture reaches us as bytes that tell what they are."""
    picture = b"\x89PNG\r\n\x1a\n1"
    async with talking(kind, ["A dot."]) as (client, twin):
        await done(client.chat("m", [{"role": "user", "content": "What is it?", "images": [picture]}]))
    assert twin.requests[0].messages[0].parts[1] == Image("image/png", picture)


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_errors(kind, stream):
    """Each failure is the client's error, with its status and our words in it."""
    statuses = [400, 401, 404, 429, 500, 503]
    faults = {
        turn: Fault(status=status, message="not like this", retry_after=1) for turn, status in enumerate(statuses)
    }
    async with talking(kind, [], faults=faults) as (client, _):
        for status in statuses:
            with pytest.raises(ollama.ResponseError) as caught:
                await asked(client, stream)
            assert (caught.value.error, caught.value.status_code) == ("not like this", status)


async def test_when_to_come_again():
    """The client hides the header of a refusal; it is there."""
    faults = {0: Fault(status=429, message="slow down", retry_after=2)}
    async with provider_twin([], faults=faults) as twin, httpx.AsyncClient() as client:
        reply = await client.post(f"{twin.url}/api/chat", json={"model": "m", "messages": HI})
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "2")


@KINDS
async def test_an_error_within_a_stream(kind):
    """A failure after the first words is an error of the stream."""
    async with talking(kind, Broken()) as (client, _):
        with pytest.raises(ollama.ResponseError, match="it fell over"):
            await asked(client, True)
