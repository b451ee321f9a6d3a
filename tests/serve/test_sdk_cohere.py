"""Cohere's official SDK takes us for Cohere: a client that others wrote."""

import contextlib
import inspect
import json
import os

import cohere
import cohere.core.api_error
import httpx
import pytest

from journeyman.data import Message, ModelResponse, Opaque, ProviderError, Text, TextDelta, Thinking, ToolCall, Usage
from journeyman.providers import Capabilities
from journeyman.testing import Fault, provider_twin

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
HI = [{"role": "user", "content": "Hi"}]
HELLO = ModelResponse(Message.assistant("Hello there, you"), Usage(input=11, cache_read=4, output=3), raw_id="id-7")
CALLS = [Text("Let me see."), ToolCall("call_1", "add", '{"a":1,"b":2}'), ToolCall("call_2", "now", "{}")]
PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
TOOLS = [{"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": PARAMETERS}}]
ERRORS = [
    (400, cohere.BadRequestError),
    (401, cohere.UnauthorizedError),
    (403, cohere.ForbiddenError),
    (404, cohere.NotFoundError),
    (422, cohere.UnprocessableEntityError),
    (429, cohere.TooManyRequestsError),
    (500, cohere.InternalServerError),
    (503, cohere.ServiceUnavailableError),
]


class Broken:
    """A model that fails after its first words."""

    name = "broken:model"
    capabilities = Capabilities()

    async def respond(self, request, emit=None, record=None):
        if emit:
            emit([TextDelta("Well")])
        raise ProviderError("it fell over", status=500)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The SDK would take a proxy from the environment even to this machine."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@contextlib.asynccontextmanager
async def talking(kind, script, **options):
    """A client of one kind, pointed at a twin in another thread, as a provider is."""
    with provider_twin(script, **options) as twin:
        where = {"base_url": twin.url, "api_key": "test", "max_retries": 0}
        if kind == "sync":
            with httpx.Client() as transport:
                yield cohere.ClientV2(**where, httpx_client=transport), twin
        else:
            async with httpx.AsyncClient() as transport:
                yield cohere.AsyncClientV2(**where, httpx_client=transport), twin


async def done(value):
    """What a call came to, of either kind."""
    return await value if inspect.isawaitable(value) else value


async def items(stream):
    """All that a stream gives, of either kind."""
    return [item async for item in stream] if hasattr(stream, "__aiter__") else list(stream)


async def asked(client, stream):
    """The whole exchange, streamed or not."""
    return await (
        items(client.chat_stream(model="m", messages=HI)) if stream else done(client.chat(model="m", messages=HI))
    )


def folded(events, kind, *path):
    """The pieces of one kind of event, joined."""
    pieces = []
    for event in events:
        if event.type == kind:
            value = event.delta.message
            for name in path:
                value = getattr(value, name)
            pieces.append(value or "")
    return "".join(pieces)


@KINDS
async def test_a_plain_answer(kind):
    """It has its words, its ending, its id and its usage, and the request is ours."""
    async with talking(kind, [HELLO]) as (client, twin):
        answer = await done(client.chat(model="m", messages=HI, temperature=0.5, p=0.9, k=3, safety_mode="STRICT"))
    assert [(block.type, block.text) for block in answer.message.content] == [("text", "Hello there, you")]
    assert (answer.id, answer.finish_reason, answer.message.role) == ("id-7", "COMPLETE", "assistant")
    tokens = answer.usage.tokens
    assert (tokens.input_tokens, tokens.output_tokens, answer.usage.cached_tokens) == (15, 3, 4)
    settings = twin.requests[0].settings
    assert (settings.temperature, settings.top_p, settings.top_k) == (0.5, 0.9, 3)
    assert settings.extra.data == {"safety_mode": "STRICT"}
    assert twin.raw[0].path == "/v2/chat"


@KINDS
async def test_a_stream(kind):
    """It comes as the events of the wire, in their order."""
    async with talking(kind, [HELLO]) as (client, twin):
        events = await items(client.chat_stream(model="m", messages=HI))
    assert [event.type for event in events] == [
        "message-start",
        "content-start",
        *["content-delta"] * 3,
        "content-end",
        "message-end",
    ]
    assert folded(events, "content-delta", "content", "text") == "Hello there, you"
    end = events[-1].delta
    assert (end.finish_reason, end.usage.tokens.input_tokens) == ("COMPLETE", 15)
    assert twin.requests[0].stream


@KINDS
async def test_a_round_with_tools(kind):
    """The calls arrive, and their results come back to us under their ids, the plan with them."""
    plan = {"tool_plan": "I will add."}
    first = ModelResponse(Message("assistant", tuple(CALLS), Opaque("cohere", {"keys": plan})), finish="tool_calls")
    async with talking(kind, [first, "3"]) as (client, twin):
        answer = await done(client.chat(model="m", messages=HI, tools=TOOLS, tool_choice="REQUIRED", strict_tools=True))
        calls = answer.message.tool_calls
        results = [{"role": "tool", "tool_call_id": call.id, "content": "3"} for call in calls]
        last = await done(client.chat(model="m", messages=[*HI, answer.message, *results], tools=TOOLS))
    assert (answer.finish_reason, answer.message.tool_plan) == ("TOOL_CALL", "I will add.")
    assert [json.loads(call.function.arguments) for call in calls] == [{"a": 1, "b": 2}, {}]
    assert last.message.content[0].text == "3"
    asked, told = twin.requests
    assert (asked.tools[0].name, asked.tools[0].parameters, asked.tools[0].strict) == ("add", PARAMETERS, True)
    assert asked.settings.tool_choice.mode == "required"
    turn = told.messages[1]
    assert (turn.text, turn.origin.data["keys"]["tool_plan"]) == ("Let me see.", "I will add.")
    assert [call.id for call in turn.tool_calls] == ["call_1", "call_2"]
    results = [result for message in told.messages for result in message.tool_results]
    assert [(result.call_id, result.name, result.text) for result in results] == [
        ("call_1", "add", "3"),
        ("call_2", "now", "3"),
    ]


@KINDS
async def test_streamed_tools(kind):
    """Calls come one after the other, with their arguments in pieces."""
    async with talking(kind, [CALLS]) as (client, _):
        events = await items(client.chat_stream(model="m", messages=HI, tools=TOOLS))
    begun = [event.delta.message.tool_calls for event in events if event.type == "tool-call-start"]
    assert [(call.id, call.function.name) for call in begun] == [("call_1", "add"), ("call_2", "now")]
    assert folded(events, "tool-call-delta", "tool_calls", "function", "arguments") == '{"a":1,"b":2}{}'
    assert [event.index for event in events if event.type == "tool-call-end"] == [0, 1]
    assert events[-1].delta.finish_reason == "TOOL_CALL"


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_thinking(kind, stream):
    """Thoughts come in a block of their own, before the words, and the budget for them reaches us."""
    asked = {"model": "m", "messages": HI, "thinking": {"type": "enabled", "token_budget": 2000}}
    async with talking(kind, [[Thinking("Hm, well"), Text("Yes")]]) as (client, twin):
        if stream:
            events = await items(client.chat_stream(**asked))
            assert folded(events, "content-delta", "content", "thinking") == "Hm, well"
            assert folded(events, "content-delta", "content", "text") == "Yes"
        else:
            thought, said = (await done(client.chat(**asked))).message.content
            assert (thought.type, thought.thinking, said.type, said.text) == ("thinking", "Hm, well", "text", "Yes")
    assert twin.requests[0].settings.thinking_tokens == 2000


@KINDS
async def test_structured_output(kind):
    """A schema reaches us as one."""
    form = {"type": "json_object", "json_schema": PARAMETERS}
    async with talking(kind, ['{"a":1}']) as (client, twin):
        answer = await done(client.chat(model="m", messages=HI, response_format=form))
    assert json.loads(answer.message.content[0].text) == {"a": 1}
    assert twin.requests[0].output.schema == PARAMETERS


@KINDS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_errors(kind, stream):
    """Each failure is the exception that the SDK has for it, with our words in it."""
    faults = {
        turn: Fault(status=status, message="not like this", retry_after=1) for turn, (status, _) in enumerate(ERRORS)
    }
    async with talking(kind, [], faults=faults) as (client, _):
        for status, error in ERRORS:
            with pytest.raises(error) as caught:
                await asked(client, stream)
            assert caught.value.status_code == status
            assert caught.value.body == {"message": "not like this"}
            assert caught.value.headers["retry-after"] == "1"


@KINDS
async def test_an_error_within_a_stream(kind):
    """A failure after the first words ends the stream with its reason."""
    async with talking(kind, Broken()) as (client, _):
        events = await items(client.chat_stream(model="m", messages=HI))
    end = events[-1]
    assert (end.type, end.delta.finish_reason, end.delta.error) == ("message-end", "ERROR", "it fell over")
    assert folded(events, "content-delta", "content", "text") == "Well"
