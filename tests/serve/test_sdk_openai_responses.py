"""OpenAI's official SDK takes us for OpenAI's Responses API: a client that others wrote."""

import contextlib
import inspect
import json
import os

import openai
import pydantic
import pytest

from journeyman.data import (
    Image,
    Message,
    ModelResponse,
    Opaque,
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
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
HELLO = ModelResponse(
    Message.assistant("Hello there, you"), Usage(input=11, cache_read=4, output=3), model="m-2026", raw_id="resp_7"
)
CALLS = [Text("Let me see."), ToolCall("call_1", "add", '{"a":1,"b":2}'), ToolCall("call_2", "now", "{}")]
PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
TOOLS = [{"type": "function", "name": "add", "description": "Adds.", "parameters": PARAMETERS, "strict": False}]
ERRORS = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (422, openai.UnprocessableEntityError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (529, openai.InternalServerError),
]


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


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The SDK would take a proxy from the environment even to this machine."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@contextlib.asynccontextmanager
async def talking(kind, script, *, base="", **options):
    """A client of one kind, pointed at a twin in another thread, as a provider is."""
    with provider_twin(script, **options) as twin:
        where = {"base_url": twin.url + base, "api_key": "test", "max_retries": 0}
        if kind == "sync":
            with openai.OpenAI(**where) as client:
                yield client, twin
        else:
            async with openai.AsyncOpenAI(**where) as client:
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


async def asked(client, *, stream, **options):
    """The whole answer, by the SDK's own accumulation of events where it is streamed."""
    ask = {"model": "m", "input": "Hi", **options}
    if not stream:
        return await done(client.responses.create(**ask))
    async with opened(client.responses.stream(**ask)) as events:
        await items(events)
        return await done(events.get_final_response())


@KINDS
@pytest.mark.parametrize("base", ["", "/v1", "/openai/v1"])
async def test_a_plain_answer(kind, base):
    """It has its words, its names, its usage and what was asked, below any of the base addresses."""
    async with talking(kind, [HELLO], base=base) as (client, twin):
        answer = await done(
            client.responses.create(
                model="m",
                instructions="Be kind.",
                input="Hi",
                temperature=0.5,
                max_output_tokens=99,
                service_tier="flex",
            )
        )
    assert answer.output_text == "Hello there, you"
    assert (answer.id, answer.model, answer.object, answer.status) == ("resp_7", "m-2026", "response", "completed")
    (message,) = answer.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert message.id.startswith("msg_")
    usage = answer.usage
    assert (usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens) == (15, 4, 3)
    assert (answer.temperature, answer.max_output_tokens, answer.service_tier) == (0.5, 99, "flex")
    (request,) = twin.requests
    assert [(message.role, message.text) for message in request.messages] == [("system", "Be kind."), ("user", "Hi")]
    assert (request.settings.temperature, request.settings.max_tokens) == (0.5, 99)


@KINDS
async def test_a_stream(kind):
    """It comes as the events of the wire, in their order and numbered."""
    async with talking(kind, [HELLO]) as (client, twin):
        events = await items(await done(client.responses.create(model="m", input="Hi", stream=True)))
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * 3,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.delta for event in events if hasattr(event, "delta")] == ["Hello", " there,", " you"]
    assert events[-1].response.output_text == events[7].text == "Hello there, you"
    assert len({event.response.id for event in events if hasattr(event, "response")}) == 1
    assert twin.requests[0].stream


@KINDS
@STREAMS
async def test_a_round_with_tools(kind, stream):
    """The calls arrive, and their results come back to us under their ids."""
    async with talking(kind, [CALLS, "3"]) as (client, twin):
        first = await asked(client, stream=stream, tools=TOOLS, tool_choice="required", parallel_tool_calls=True)
        calls = [item for item in first.output if item.type == "function_call"]
        results = [{"type": "function_call_output", "call_id": call.call_id, "output": "3"} for call in calls]
        history = [{"role": "user", "content": "Hi"}, *[item.to_dict() for item in first.output], *results]
        # What the SDK's stream helper adds to a call for its user, the API would refuse.
        history = [{key: value for key, value in item.items() if key != "parsed_arguments"} for item in history]
        second = await asked(client, stream=stream, tools=TOOLS, input=history)
    assert first.output_text == "Let me see."
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [("add", {"a": 1, "b": 2}), ("now", {})]
    assert [tool.name for tool in first.tools] == ["add"]
    assert second.output_text == "3"
    question, told = twin.requests
    (tool,) = question.tools
    assert (tool.name, tool.description, tool.parameters, tool.strict) == ("add", "Adds.", PARAMETERS, False)
    assert (question.settings.tool_choice.mode, question.settings.parallel_tool_calls) == ("required", True)
    assert [message.role for message in told.messages] == ["user", "assistant", "tool"]
    assert [call.id for call in told.messages[1].tool_calls] == ["call_1", "call_2"]
    assert [(result.call_id, result.name, result.text) for result in told.messages[2].tool_results] == [
        ("call_1", "add", "3"),
        ("call_2", "now", "3"),
    ]


@KINDS
@STREAMS
async def test_structured_output(kind, stream):
    """A type that the SDK makes a schema of comes to us as one, and its value goes back as the type."""
    async with talking(kind, ['{"name":"Rome","people":2750000}']) as (client, twin):
        if stream:
            answer = await asked(client, stream=True, text_format=City)
        else:
            answer = await done(client.responses.parse(model="m", input="Hi", text_format=City))
    assert answer.output_parsed == City(name="Rome", people=2750000)
    output = twin.requests[0].output
    assert (output.name, output.strict, set(output.schema["properties"])) == ("City", True, {"name", "people"})


@KINDS
@STREAMS
async def test_thinking(kind, stream):
    """Thoughts come as the summary of an item of their own, and how hard to think reaches us."""
    async with talking(kind, [[Thinking("Hm, well"), Text("Yes")]]) as (client, twin):
        answer = await asked(client, stream=stream, reasoning={"effort": "high", "summary": "auto"})
    thought, said = answer.output
    assert (thought.type, [part.text for part in thought.summary]) == ("reasoning", ["Hm, well"])
    assert (said.type, answer.output_text) == ("message", "Yes")
    assert (answer.reasoning.effort, answer.reasoning.summary) == ("high", "auto")
    assert twin.requests[0].settings.reasoning_effort == "high"


@KINDS
@STREAMS
async def test_state_of_the_provider(kind, stream):
    """Encrypted thoughts and the provider's own items pass through us unchanged, there and back."""
    secret = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    script = [[Opaque("openai_responses", secret), Opaque("openai_responses", search), Text("Yes")], "Good."]
    async with talking(kind, script) as (client, twin):
        first = await asked(client, stream=stream)
        history = [item.to_dict(exclude_unset=True) for item in first.output]
        await asked(client, stream=stream, input=[*history, {"role": "user", "content": "And?"}])
    assert [item.type for item in first.output] == ["reasoning", "web_search_call", "message"]
    assert [part.data for part in twin.requests[1].messages[0].only(Opaque)] == [secret, search]


@KINDS
async def test_pictures(kind):
    """Media of a user come to us as what they are."""
    blocks = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "low"},
    ]
    async with talking(kind, ["A dot."]) as (client, twin):
        await done(client.responses.create(model="m", input=[{"role": "user", "content": blocks}]))
    (message,) = twin.requests[0].messages
    assert message.text == "What is it?"
    assert [(image.media_type, image.data) for image in message.only(Image)] == [("image/png", b"\x89PNG")]


@KINDS
@STREAMS
async def test_an_answer_that_is_cut_off(kind, stream):
    """It says so, and why."""
    cut = ModelResponse(Message.assistant("Well, it"), Usage(1, output=3), "length")
    async with talking(kind, [cut]) as (client, _):
        if stream:
            events = await items(await done(client.responses.create(model="m", input="Hi", stream=True)))
            assert events[-1].type == "response.incomplete"
            answer = events[-1].response
        else:
            answer = await asked(client, stream=False)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.output_text == "Well, it"


@KINDS
@STREAMS
async def test_errors(kind, stream):
    """Each failure is the exception that the SDK has for it, with our words in it."""
    faults = {
        turn: Fault(status=status, message="not like this", retry_after=1) for turn, (status, _) in enumerate(ERRORS)
    }
    async with talking(kind, [], faults=faults) as (client, _):
        for status, error in ERRORS:
            with pytest.raises(error, match="not like this") as caught:
                await asked(client, stream=stream)
            assert caught.value.status_code == status
            assert caught.value.body["message"] == "not like this"
            assert caught.value.response.headers["retry-after"] == "1"


@KINDS
async def test_an_error_within_a_stream(kind):
    """A failure after the first words is an error of the stream."""
    async with talking(kind, Broken()) as (client, _):
        stream = await done(client.responses.create(model="m", input="Hi", stream=True))
        with pytest.raises(openai.APIError, match="it fell over"):
            await items(stream)


@KINDS
@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(cut=900)], ids=["reset", "cut"])
async def test_a_lost_connection(kind, fault):
    """It is what the SDK calls a connection error."""
    async with talking(kind, ["Hello there " * 20], faults={0: fault}) as (client, _):
        with pytest.raises(openai.APIConnectionError):
            await items(await done(client.responses.create(model="m", input="Hi", stream=True)))
