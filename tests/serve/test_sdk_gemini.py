"""Google's official SDK takes us for the Gemini API and for Vertex AI: a client that others wrote."""

import contextlib
import inspect
import itertools
import os

import google.oauth2.credentials
import pydantic
import pytest
from google import genai
from google.genai import errors, types

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

# The SDK inherits from a class that does not want it.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
WAYS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASK = {"model": "gemini-3-flash", "contents": "Hi"}
HELLO = ModelResponse(
    Message.assistant("Hello there, you"), Usage(input=11, cache_read=4, output=3), model="m-2026", raw_id="id-7"
)
CALLS = [Text("Let me see."), ToolCall("call_1", "add", '{"a":1,"b":2}'), ToolCall("call_2", "now", "{}")]
ERRORS = [
    (400, errors.ClientError, "INVALID_ARGUMENT"),
    (401, errors.ClientError, "UNAUTHENTICATED"),
    (403, errors.ClientError, "PERMISSION_DENIED"),
    (404, errors.ClientError, "NOT_FOUND"),
    (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
    (500, errors.ServerError, "INTERNAL"),
    (503, errors.ServerError, "UNAVAILABLE"),
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


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def now() -> str:
    """Tells the time."""
    return "noon"


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch):
    """The SDK would take a proxy, a key or a project from the environment."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith(("GOOGLE_", "GEMINI_")):
            monkeypatch.delenv(name)


@contextlib.asynccontextmanager
async def talking(kind, script, *, vertex=False, **options):
    """A client of one kind, pointed at a twin in another thread, as a provider is."""
    with provider_twin(script, **options) as twin:
        where = types.HttpOptions(base_url=twin.url)
        if vertex:
            token = google.oauth2.credentials.Credentials("token")
            client = genai.Client(
                vertexai=True, project="p", location="europe-west1", credentials=token, http_options=where
            )
        else:
            client = genai.Client(api_key="test", http_options=where)
        if kind == "sync":
            with client:
                yield client, twin
        else:
            async with client.aio as answering:
                yield answering, twin


async def done(value):
    """What a call came to, of either kind."""
    return await value if inspect.isawaitable(value) else value


async def items(stream):
    """All that a stream gives, of either kind."""
    stream = await done(stream)
    return [item async for item in stream] if hasattr(stream, "__aiter__") else list(stream)


async def asked(client, stream, **options):
    """The pieces of an exchange, streamed or not."""
    if stream:
        return await items(client.models.generate_content_stream(**ASK | options))
    return [await done(client.models.generate_content(**ASK | options))]


def parts_of(pieces):
    return [part for piece in pieces for part in piece.candidates[0].content.parts if part != types.Part(text="")]


@KINDS
async def test_whole(kind):
    """A plain answer has its words, its ending, its names and its usage; the settings reach us."""
    config = types.GenerateContentConfig(
        temperature=0.5, top_p=0.9, top_k=40, max_output_tokens=99, stop_sequences=["END"], seed=7
    )
    async with talking(kind, [HELLO]) as (client, twin):
        (answer,) = await asked(client, stream=False, config=config)
    assert answer.text == "Hello there, you"
    assert (answer.candidates[0].finish_reason, answer.candidates[0].content.role) == ("STOP", "model")
    assert (answer.response_id, answer.model_version) == ("id-7", "m-2026")
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count) == (15, 4)
    assert (usage.candidates_token_count, usage.total_token_count) == (3, 18)
    settings = twin.requests[0].settings
    assert (settings.temperature, settings.top_p, settings.top_k, settings.max_tokens) == (0.5, 0.9, 40, 99)
    assert (settings.stop, settings.seed) == (("END",), 7)


@KINDS
async def test_stream(kind):
    """A streamed answer comes in pieces, and the last one has the ending and the usage."""
    async with talking(kind, [HELLO]) as (client, twin):
        pieces = await asked(client, stream=True)
    assert [piece.text for piece in pieces] == ["Hello", " there,", " you", ""]
    assert [piece.candidates[0].finish_reason for piece in pieces] == [None, None, None, "STOP"]
    assert (pieces[-1].usage_metadata.total_token_count, pieces[-1].response_id) == (18, "id-7")
    assert twin.requests[0].stream


@KINDS
@WAYS
async def test_vertex(kind, stream):
    """The same client takes us for Vertex AI, with its own addresses."""
    async with talking(kind, [HELLO], vertex=True) as (client, twin):
        pieces = await asked(client, stream)
    assert "".join(piece.text for piece in pieces) == "Hello there, you"
    assert "/projects/p/locations/europe-west1/publishers/google/models/gemini-3-flash:" in twin.raw[0].path
    assert twin.requests[0].model == "gemini-3-flash"


@KINDS
@WAYS
async def test_tools(kind, stream):
    """A round with tools that the client answers itself: results come back to us under the ids of their calls."""
    declared = types.FunctionDeclaration(
        name="add",
        description="Adds.",
        parameters=types.Schema(type="OBJECT", properties={"a": types.Schema(type="INTEGER", nullable=True)}),
    )
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        tool_config={"function_calling_config": {"mode": "ANY", "allowed_function_names": ["add"]}},
        system_instruction="Be kind.",
    )
    async with talking(kind, [CALLS, "3"]) as (client, twin):
        parts = parts_of(await asked(client, stream, config=config))
        calls = [part.function_call for part in parts if part.function_call]
        results = [
            types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "3"}))
            for call in reversed(calls)
        ]
        history = ["Hi", types.Content(role="model", parts=parts), types.Content(role="user", parts=results)]
        last = await asked(client, stream, config=config, contents=history)
    assert [(call.id, call.name, call.args) for call in calls] == [
        ("call_1", "add", {"a": 1, "b": 2}),
        ("call_2", "now", {}),
    ]
    assert "".join(part.text for part in parts if part.text) == "Let me see."
    assert "".join(piece.text for piece in last) == "3"
    first, second = twin.requests
    assert first.tools[0].parameters == {"type": "object", "properties": {"a": {"type": ["integer", "null"]}}}
    assert (first.settings.tool_choice.mode, first.settings.tool_choice.names) == ("required", ("add",))
    assert [message.role for message in second.messages] == ["system", "user", "assistant", "tool"]
    assert [call.id for call in second.messages[2].tool_calls] == ["call_1", "call_2"]
    results = second.messages[3].tool_results
    assert [(result.call_id, result.name, result.content) for result in results] == [
        ("call_2", "now", "3"),
        ("call_1", "add", "3"),
    ]


@KINDS
@WAYS
async def test_chat_with_functions(kind, stream):
    """The SDK's chat calls Python functions by itself, and keeps a history that it sends again."""
    config = types.GenerateContentConfig(tools=[add, now])
    async with talking(kind, [CALLS, "3, at noon", "Bye"]) as (client, twin):
        chat = client.chats.create(model="gemini-3-flash", config=config)
        send = chat.send_message_stream if stream else chat.send_message
        said = []
        for words in ("What is 1 + 2?", "Bye"):
            said += await items(send(words)) if stream else [await done(send(words))]
    assert "".join(piece.text or "" for piece in said).endswith("3, at noonBye")
    # The SDK keeps each piece of a stream as a message of its own.
    roles = [role for role, _ in itertools.groupby(message.role for message in twin.requests[2].messages)]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]
    assert [message.text for message in twin.requests[2].messages if message.role == "user"] == [
        "What is 1 + 2?",
        "Bye",
    ]
    results = twin.requests[1].messages[-1].tool_results
    assert [(result.call_id, result.content) for result in results] == [
        ("call_1", '{"result": 3}'),
        ("call_2", '{"result": "noon"}'),
    ]


@KINDS
@WAYS
async def test_thinking(kind, stream):
    """Thoughts come as such, before the words, and the budget for them reaches us."""
    config = types.GenerateContentConfig(thinking_config={"thinking_budget": 2000, "include_thoughts": True})
    async with talking(kind, [[Thinking("Hm, well"), Text("Yes")]]) as (client, twin):
        parts = parts_of(await asked(client, stream, config=config))
    assert "".join(part.text for part in parts if part.thought) == "Hm, well"
    assert "".join(part.text for part in parts if not part.thought) == "Yes"
    assert twin.requests[0].settings.thinking_tokens == 2000


@KINDS
@WAYS
async def test_signatures_and_blocks_of_the_providers_own(kind, stream):
    """What only Gemini understands passes through us to its client and back."""
    script = [
        Opaque("gemini", {"executableCode": {"code": "1+1", "language": "PYTHON"}}),
        Text("Two.", Opaque("gemini", {"thoughtSignature": "c2ln"})),
        ToolCall("call_1", "now", "{}", Opaque("gemini", {"thoughtSignature": "c2lnMg=="})),
    ]
    async with talking(kind, [script, "ok"]) as (client, twin):
        parts = parts_of(await asked(client, stream))
        await asked(client, stream, contents=["Hi", types.Content(role="model", parts=parts), "And?"])
    assert [part.thought_signature for part in parts if part.thought_signature] == [b"sig", b"sig2"]
    assert [part.executable_code.code for part in parts if part.executable_code] == ["1+1"]
    turn = twin.requests[1].messages[1]
    assert turn.tool_calls[0].origin == script[2].origin
    assert [part.origin for part in turn.only(Text) if part.origin and part.origin.data] == [script[1].origin]


@KINDS
async def test_structured_output(kind):
    """A type that the SDK makes a schema of comes to us as JSON Schema, and its value goes back as the type."""
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    async with talking(kind, ['{"name":"Rome","people":2750000}']) as (client, twin):
        (answer,) = await asked(client, stream=False, config=config)
    assert answer.parsed == City(name="Rome", people=2750000)
    schema = twin.requests[0].output.schema
    assert (schema["type"], schema["properties"]["people"]["type"]) == ("object", "integer")


@KINDS
@WAYS
async def test_pictures(kind, stream):
    """Pictures go both ways."""
    script = [[Text("Here:"), Image("image/png", b"\x89PNG>>>")]]
    contents = ["Draw it again", types.Part.from_bytes(data=b"\xff\xd8", mime_type="image/jpeg")]
    async with talking(kind, script) as (client, twin):
        parts = parts_of(await asked(client, stream, contents=contents))
    assert parts[-1].inline_data == types.Blob(data=b"\x89PNG>>>", mime_type="image/png")
    (picture,) = twin.requests[0].messages[0].only(Image)
    assert (picture.media_type, picture.data) == ("image/jpeg", b"\xff\xd8")


@KINDS
@WAYS
async def test_errors(kind, stream):
    """Each failure is the exception that the SDK has for it, with our words in it."""
    faults = {
        turn: Fault(status=status, message="not like this", retry_after=1) for turn, (status, *_) in enumerate(ERRORS)
    }
    async with talking(kind, [], faults=faults) as (client, _):
        for status, error, word in ERRORS:
            with pytest.raises(error, match="not like this") as caught:
                await asked(client, stream)
            assert (caught.value.code, caught.value.status) == (status, word)
            assert caught.value.response.headers["retry-after"] == "1"


@KINDS
async def test_error_within_a_stream(kind):
    """A failure after the first words is an error of the stream."""
    async with talking(kind, Broken()) as (client, _):
        with pytest.raises(errors.ServerError, match="it fell over"):
            await asked(client, stream=True)
