"""The official SDKs of OpenAI and Anthropic take us for their provider: these are clients that others wrote."""

import contextlib
import inspect
import json
import os

import anthropic
import openai
import pydantic
import pytest

from journeyman.data import (
    Message,
    ModelResponse,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    Usage,
)
from journeyman.providers import Capabilities
from journeyman.testing import Fault, provider_twin

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
HI = [{"role": "user", "content": "Hi"}]
HELLO = ModelResponse(
    Message.assistant("Hello there, you"), Usage(input=11, cache_read=4, output=3), model="m-2026", raw_id="id-7"
)
CALLS = [Text("Let me see."), ToolCall("call_1", "add", '{"a":1,"b":2}'), ToolCall("call_2", "now", "{}")]
PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
REFUSED = [
    (400, "BadRequestError"),
    (401, "AuthenticationError"),
    (403, "PermissionDeniedError"),
    (404, "NotFoundError"),
]
FAILED = [(429, "RateLimitError"), (500, "InternalServerError"), (529, "InternalServerError")]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The SDKs would take a proxy from the environment even to this machine."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class City(pydantic.BaseModel):
    """A structured answer."""

    name: str
    people: int


ROME = '{"name":"Rome","people":2750000}'


class Broken:
    """A model that fails after its first words."""

    name = "broken:model"
    capabilities = Capabilities()

    async def respond(self, request, emit=None, record=None):
        if emit:
            emit([TextDelta("Well")])
        raise ProviderError("it fell over", status=500)


@contextlib.asynccontextmanager
async def talking(kind, vendor, script, *, base="", **options):
    """A client of one kind, pointed at a twin in another thread, as a provider is."""
    module = {"openai": openai, "anthropic": anthropic}[vendor]
    name = {"openai": "OpenAI", "anthropic": "Anthropic"}[vendor]
    with provider_twin(script, **options) as twin:
        where = {"base_url": twin.url + base, "api_key": "test", "max_retries": 0}
        if kind == "sync":
            with getattr(module, name)(**where) as client:
                yield client, twin
        else:
            async with getattr(module, f"Async{name}")(**where) as client:
                yield client, twin


async def done(value):
    """What a call came to, of either kind."""
    return await value if inspect.isawaitable(value) else value


async def items(stream):
    """All that a stream gives, of either kind."""
    return [item async for item in stream] if hasattr(stream, "__aiter__") else list(stream)


@contextlib.asynccontextmanager
async def opened(manager):
    """A context of either kind."""
    if hasattr(manager, "__aenter__"):
        async with manager as value:
            yield value
    else:
        with manager as value:
            yield value


# --- OpenAI -----------------------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("base", ["", "/v1"])
async def test_openai(kind, base):
    """A plain answer has its words, its ending, its names and its usage, below either base address."""
    async with talking(kind, "openai", [HELLO], base=base) as (client, twin):
        answer = await done(client.chat.completions.create(model="m", messages=HI, temperature=0.5))
    (choice,) = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == (
        "assistant",
        "Hello there, you",
        "stop",
    )
    assert (answer.id, answer.model, answer.object) == ("id-7", "m-2026", "chat.completion")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (15, 3, 18)
    assert answer.usage.prompt_tokens_details.cached_tokens == 4
    assert twin.requests[0].settings.temperature == 0.5


@KINDS
async def test_openai_stream(kind):
    """A streamed answer comes in several pieces that add up, with its ending and its usage."""
    async with talking(kind, "openai", [HELLO]) as (client, _):
        create = client.chat.completions.create
        chunks = await items(
            await done(create(model="m", messages=HI, stream=True, stream_options={"include_usage": True}))
        )
    words = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert words == ["Hello", " there,", " you"]
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason] == ["stop"]
    (usage,) = [chunk.usage for chunk in chunks if chunk.usage]
    assert (usage.prompt_tokens, usage.completion_tokens) == (15, 3)
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}


@KINDS
async def test_openai_stream_helper(kind):
    """The SDK's own accumulation of a stream gives the whole answer."""
    async with talking(kind, "openai", [CALLS]) as (client, _):
        async with opened(client.chat.completions.stream(model="m", messages=HI)) as stream:
            await items(stream)
            answer = await done(stream.get_final_completion())
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Let me see.", "tool_calls")
    assert [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls] == [
        ("call_1", "add", '{"a":1,"b":2}'),
        ("call_2", "now", "{}"),
    ]


@KINDS
async def test_openai_tools(kind):
    """A round with tools: the calls arrive, and their results come back to us under their ids."""
    tools = [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": PARAMETERS}}]
    async with talking(kind, "openai", [CALLS, "3"]) as (client, twin):
        create = client.chat.completions.create
        first = (await done(create(model="m", messages=HI, tools=tools, tool_choice="required"))).choices[0]
        results = [{"role": "tool", "tool_call_id": call.id, "content": "3"} for call in first.message.tool_calls]
        history = [*HI, first.message.model_dump(exclude_none=True), *results]
        second = (await done(create(model="m", messages=history, tools=tools))).choices[0]
    assert first.finish_reason == "tool_calls"
    assert [json.loads(call.function.arguments) for call in first.message.tool_calls] == [{"a": 1, "b": 2}, {}]
    assert second.message.content == "3"
    asked, told = twin.requests
    assert (asked.tools[0].name, asked.tools[0].parameters) == ("add", PARAMETERS)
    assert asked.settings.tool_choice.mode == "required"
    assert [call.id for message in told.messages for call in message.tool_calls] == ["call_1", "call_2"]
    assert [result.call_id for message in told.messages for result in message.tool_results] == ["call_1", "call_2"]


@KINDS
async def test_openai_structured_output(kind):
    """A type that the SDK makes a schema of comes to us as one, and its value goes back as the type."""
    async with talking(kind, "openai", [ROME]) as (client, twin):
        answer = await done(client.chat.completions.parse(model="m", messages=HI, response_format=City))
    assert answer.choices[0].message.parsed == City(name="Rome", people=2750000)
    assert set(twin.requests[0].output.schema["properties"]) == {"name", "people"}


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_openai_errors(kind, stream):
    """Each failure is the exception that the SDK has for it, with our words in it."""
    expected = [*REFUSED, *FAILED]
    faults = {
        turn: Fault(status=status, message="not like this", retry_after=1) for turn, (status, _) in enumerate(expected)
    }
    async with talking(kind, "openai", [], faults=faults) as (client, _):
        for status, name in expected:
            with pytest.raises(getattr(openai, name), match="not like this") as caught:
                await done(client.chat.completions.create(model="m", messages=HI, stream=stream))
            assert caught.value.status_code == status
            assert caught.value.body["message"] == "not like this"
            assert caught.value.response.headers["retry-after"] == "1"


@KINDS
async def test_openai_error_within_a_stream(kind):
    """A failure after the first words is an error of the stream."""
    async with talking(kind, "openai", Broken()) as (client, _):
        stream = await done(client.chat.completions.create(model="m", messages=HI, stream=True))
        with pytest.raises(openai.APIError, match="it fell over"):
            await items(stream)


@KINDS
@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(cut=300)], ids=["reset", "cut"])
async def test_openai_connection(kind, fault):
    """A connection that is lost is what the SDK calls a connection error."""
    async with talking(kind, "openai", ["Hello there " * 20], faults={0: fault}) as (client, _):
        with pytest.raises(openai.APIConnectionError):
            await items(await done(client.chat.completions.create(model="m", messages=HI, stream=True)))


@KINDS
async def test_openai_models(kind):
    """The list of models is one that the SDK reads."""
    async with talking(kind, "openai", []) as (client, _):
        assert await items((await done(client.models.list())).data) == []


# --- Anthropic --------------------------------------------------------------------------------------------------------------

ASK = {"model": "m", "max_tokens": 99, "messages": HI}


@KINDS
async def test_anthropic(kind):
    """A plain answer has its words, its ending, its names and its usage."""
    async with talking(kind, "anthropic", [HELLO]) as (client, twin):
        answer = await done(client.messages.create(**ASK, system="Be kind."))
    assert [(block.type, block.text) for block in answer.content] == [("text", "Hello there, you")]
    assert (answer.id, answer.model, answer.role, answer.stop_reason) == ("id-7", "m-2026", "assistant", "end_turn")
    usage = answer.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (11, 4, 3)
    assert [(message.role, message.text) for message in twin.requests[0].messages] == [
        ("system", "Be kind."),
        ("user", "Hi"),
    ]


@KINDS
async def test_anthropic_stream(kind):
    """A streamed answer comes as the events of the wire, in their order."""
    async with talking(kind, "anthropic", [HELLO]) as (client, _):
        events = await items(await done(client.messages.create(**ASK, stream=True)))
    assert [event.type for event in events] == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 3,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert [event.delta.text for event in events if event.type == "content_block_delta"] == ["Hello", " there,", " you"]


@KINDS
async def test_anthropic_stream_helper(kind):
    """The SDK's own accumulation of a stream gives the whole answer."""
    async with talking(kind, "anthropic", [CALLS]) as (client, _):
        async with opened(client.messages.stream(**ASK)) as stream:
            words = "".join(await items(stream.text_stream))
            answer = await done(stream.get_final_message())
    assert words == "Let me see."
    assert answer.stop_reason == "tool_use"
    assert [(block.id, block.name, block.input) for block in answer.content[1:]] == [
        ("call_1", "add", {"a": 1, "b": 2}),
        ("call_2", "now", {}),
    ]


@KINDS
async def test_anthropic_tools(kind):
    """A round with tools: the calls arrive, and their results come back to us under their ids."""
    tools = [{"name": "add", "description": "Adds.", "input_schema": PARAMETERS}]
    async with talking(kind, "anthropic", [CALLS, "3"]) as (client, twin):
        first = await done(client.messages.create(**ASK, tools=tools, tool_choice={"type": "any"}))
        calls = [block for block in first.content if block.type == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "3", "is_error": True} for call in calls]
        history = [*HI, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        second = await done(client.messages.create(**{**ASK, "messages": history}, tools=tools))
    assert second.content[0].text == "3"
    asked, told = twin.requests
    assert (asked.tools[0].name, asked.tools[0].parameters) == ("add", PARAMETERS)
    assert asked.settings.tool_choice.mode == "required"
    assert [call.id for message in told.messages for call in message.tool_calls] == ["call_1", "call_2"]
    assert [(result.call_id, result.is_error) for message in told.messages for result in message.tool_results] == [
        ("call_1", True),
        ("call_2", True),
    ]


@KINDS
async def test_anthropic_structured_output(kind):
    """A type that the SDK makes a schema of comes to us as one, and its value goes back as the type."""
    async with talking(kind, "anthropic", [ROME]) as (client, twin):
        answer = await done(client.messages.parse(**ASK, output_format=City))
    assert answer.parsed_output == City(name="Rome", people=2750000)
    assert set(twin.requests[0].output.schema["properties"]) == {"name", "people"}


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_anthropic_thinking(kind, stream):
    """Thoughts come in a block of their own, before the words, and the budget for them reaches us."""
    script = [[Thinking("Hm, well"), Text("Yes")]]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    async with talking(kind, "anthropic", script) as (client, twin):
        if stream:
            async with opened(client.messages.stream(**ASK, thinking=thinking)) as events:
                answer = await done(events.get_final_message())
        else:
            answer = await done(client.messages.create(**ASK, thinking=thinking))
    thought, said = answer.content
    assert (thought.type, thought.thinking, said.type, said.text) == ("thinking", "Hm, well", "text", "Yes")
    assert twin.requests[0].settings.thinking_tokens == 2000


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_anthropic_errors(kind, stream):
    """Each failure is the exception that the SDK has for it, with our words in it."""
    expected = [*REFUSED, *FAILED[:2], (529, "OverloadedError")]
    faults = {
        turn: Fault(status=status, message="not like this", retry_after=1) for turn, (status, _) in enumerate(expected)
    }
    async with talking(kind, "anthropic", [], faults=faults) as (client, _):
        for status, name in expected:
            with pytest.raises(getattr(anthropic, name), match="not like this") as caught:
                await done(client.messages.create(**ASK, stream=stream))
            assert caught.value.status_code == status
            assert caught.value.body["error"]["message"] == "not like this"
            assert caught.value.response.headers["retry-after"] == "1"


@KINDS
async def test_anthropic_error_within_a_stream(kind):
    """A failure after the first words is an error of the stream."""
    async with talking(kind, "anthropic", Broken()) as (client, _):
        stream = await done(client.messages.create(**ASK, stream=True))
        with pytest.raises(anthropic.APIStatusError, match="it fell over"):
            await items(stream)


@KINDS
@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(malformed=True)], ids=["reset", "malformed"])
async def test_anthropic_connection(kind, fault):
    """A connection that is lost and a body that cannot be read are errors of the SDK's."""
    async with talking(kind, "anthropic", ["Hello"], faults={0: fault}) as (client, _):
        with pytest.raises((anthropic.APIConnectionError, anthropic.APIResponseValidationError, json.JSONDecodeError)):
            await done(client.messages.create(**ASK))


@KINDS
async def test_anthropic_models(kind):
    """The list of models is one that the SDK reads."""
    async with talking(kind, "anthropic", []) as (client, _):
        assert await items((await done(client.models.list())).data) == []
