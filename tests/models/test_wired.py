"""A model over a wire, end to end: encoded, carried over loopback, decoded."""

import asyncio
import contextlib
import gc
import traceback

import pytest

from journeyman.compose import loop_transport, open_model
from journeyman.data import (
    HIDDEN,
    CallerError,
    JsonOutput,
    Message,
    ModelRequest,
    ModelResponse,
    ProviderError,
    Settings,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)
from journeyman.models import WiredModel
from journeyman.providers import Capabilities
from journeyman.testing import Fault, provider_twin
from journeyman.wire import HttpReply

KEY = "sk-a-key-that-is-long-enough"
VENDORS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
BOTH = pytest.mark.parametrize("vendor", list(VENDORS))
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASK = ModelRequest("", (Message.user("Hi"),))
CALL = ToolCall("call_1", "add", '{"a":1,"b":2}')


def model_at(url, vendor):
    return open_model(f"{vendor}:some-model", base_url=url, api_key=KEY, retry=None)


@contextlib.asynccontextmanager
async def answering(head, body):
    """A server that gives one and the same reply to whoever asks."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (head, len(body), body))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


@BOTH
@STREAM
async def test_answer(vendor, stream):
    """An answer comes back with its words, its usage, its ending and the names that the provider gave."""
    said = ModelResponse(Message.assistant("Hello there"), Usage(input=7, output=2), "stop", "some-model-2026", "id-1")
    deltas = []
    async with provider_twin([said]) as twin:
        response = await model_at(twin.url, vendor).respond(ASK, deltas.extend if stream else None)
    assert (response.message.role, response.message.text) == ("assistant", "Hello there")
    assert (response.usage, response.finish) == (said.usage, "stop")
    assert stream or (response.model, response.raw_id) == ("some-model-2026", "id-1")
    assert deltas == ([TextDelta("Hello"), TextDelta(" there")] if stream else [])


@BOTH
@STREAM
async def test_round_with_a_tool(vendor, stream):
    """A call goes out, its result goes back, and the provider sees both as they were meant."""
    tool = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
    emit = (lambda _: None) if stream else None
    async with provider_twin([[Text("Let me add."), CALL], "3"]) as twin:
        model = model_at(twin.url, vendor)
        first = await model.respond(ModelRequest("", (Message.user("1+2?"),), (tool,)), emit)
        history = (Message.user("1+2?"), first.message, Message("tool", (ToolResult("call_1", "3"),)))
        second = await model.respond(ModelRequest("", history, (tool,)), emit)
    assert first.finish == "tool_calls"
    assert [(call.id, call.name, call.arguments) for call in first.message.tool_calls] == [
        ("call_1", "add", CALL.arguments)
    ]
    assert second.message.text == "3"
    heard = twin.requests[1]
    assert [item.name for item in heard.tools] == ["add"]
    assert [call.id for message in heard.messages for call in message.tool_calls] == ["call_1"]
    assert [(result.call_id, result.text) for message in heard.messages for result in message.tool_results] == [
        ("call_1", "3")
    ]


@BOTH
async def test_output_and_settings(vendor):
    """A schema for the answer and settings arrive."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    request = ModelRequest(
        "", ASK.messages, output=JsonOutput(schema=schema), settings=Settings(max_tokens=5, temperature=0.5)
    )
    async with provider_twin(['{"a": "b"}']) as twin:
        await model_at(twin.url, vendor).respond(request)
    (heard,) = twin.requests
    assert heard.output.schema == schema
    assert (heard.settings.max_tokens, heard.settings.temperature) == (5, 0.5)


@STREAM
async def test_thinking(stream):
    """Thoughts come apart from words where the wire has a place for them."""
    async with provider_twin([[Thinking("Hm"), Text("Yes")]]) as twin:
        response = await model_at(twin.url, "anthropic").respond(ASK, (lambda _: None) if stream else None)
    assert [(type(part), part.text) for part in response.message.parts] == [(Thinking, "Hm"), (Text, "Yes")]


async def test_name_in_the_request():
    """A request that names a model is sent under that name; one that does not, under the model's own."""
    async with provider_twin(["a", "b"]) as twin:
        model = model_at(twin.url, "openai")
        await model.respond(ASK)
        await model.respond(ModelRequest("another", ASK.messages))
    assert [request.model for request in twin.requests] == ["some-model", "another"]


@BOTH
@pytest.mark.parametrize(
    "head", [b"200 OK\r\nContent-Type: application/json", b"200 OK\r\nContent-Type: application/json; charset=utf-8"]
)
async def test_server_that_does_not_stream(vendor, head):
    """A server that answers JSON to a client that wanted a stream is understood, and its words are shown."""
    bodies = {
        "openai": b'{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop",'
        b'"message":{"role":"assistant","content":"Hello there"}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}',
        "anthropic": b'{"id":"1","type":"message","role":"assistant","model":"m","content":[{"type":"text",'
        b'"text":"Hello there"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}',
    }
    deltas = []
    async with answering(head, bodies[vendor]) as url:
        response = await model_at(url, vendor).respond(ASK, deltas.extend)
    assert response.message.text == "Hello there"
    assert "".join(delta.text for delta in deltas) == "Hello there"


@BOTH
@STREAM
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/", 307),
        (b"502 Bad Gateway\r\nContent-Type: text/html", 502),
        (b"200 OK\r\nContent-Type: text/html", None),
        (b"200 OK\r\nContent-Type: application/json", None),
    ],
    ids=["redirect", "bad-gateway", "page", "not-json"],
)
async def test_no_answer_of_a_model(vendor, stream, head, status):
    """A redirect, a page of a proxy's and JSON that is none are errors of the provider's."""
    async with answering(head, b"<html>Hello</html>") as url:
        with pytest.raises(ProviderError) as caught:
            await model_at(url, vendor).respond(ASK, (lambda _: None) if stream else None)
    assert status is None or caught.value.status == status
    assert caught.value.message.startswith(f"{vendor}:some-model: ")


@BOTH
@STREAM
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request"),
        (401, "authentication"),
        (403, "permission"),
        (404, "not_found"),
        (429, "rate_limit"),
        (500, "server"),
        (529, "overloaded"),
    ],
)
async def test_error_carries_no_key(vendor, stream, status, kind):
    """An error has its kind and its status; a provider that repeats the key in it does not make us print it."""
    fault = Fault(status=status, message=f"wrong key {KEY}, dear", retry_after=3)
    async with provider_twin([], faults={0: fault}) as twin:
        with pytest.raises(ProviderError) as caught:
            await model_at(twin.url, vendor).respond(ASK, (lambda _: None) if stream else None)
    error = caught.value
    assert (error.status, error.kind, error.retry_after) == (status, kind, 3.0)
    assert f"wrong key {HIDDEN}, dear" in error.message
    assert HIDDEN in error.body
    shown = "".join(traceback.format_exception(error))
    assert KEY not in f"{shown} {error.body} {error!r} {error.args}"


@BOTH
async def test_error_within_a_stream(vendor):
    """An error that comes when the answer has begun has its kind and its words, and what was heard before was shown."""

    class Broken:
        name = "broken:model"
        capabilities = Capabilities()

        async def respond(self, request, emit=None, record=None):
            emit([TextDelta("Well")])
            await heard.wait()
            raise ProviderError("too many of you", status=529)

    def hear(said):
        deltas.extend(said)
        heard.set()

    deltas, heard = [], asyncio.Event()
    async with provider_twin(Broken()) as twin:
        with pytest.raises(ProviderError, match="too many of you") as caught:
            await model_at(twin.url, vendor).respond(ASK, hear)
    assert caught.value.kind == "overloaded"
    assert deltas == [TextDelta("Well")]


@BOTH
@STREAM
async def test_connection_error_names_the_model(vendor, stream):
    """An error without a reply names the model that was asked, and keeps its cause."""
    async with provider_twin([], faults={0: Fault(reset=True)}) as twin:
        with pytest.raises(ProviderError) as caught:
            await model_at(twin.url, vendor).respond(ASK, (lambda _: None) if stream else None)
    assert caught.value.kind == "connection"
    assert caught.value.message.startswith(f"{vendor}:some-model: ")
    assert isinstance(caught.value.__cause__, OSError)


async def test_error_without_a_key():
    """A server on this machine needs no key, and its errors are as clear."""
    async with provider_twin([], faults={0: Fault(status=500, message="out of memory")}) as twin:
        with pytest.raises(ProviderError, match="out of memory"):
            await open_model("ollama:qwen", base_url=twin.url, retry=None).respond(ASK)
    assert "authorization" not in twin.raw[0].headers


@BOTH
async def test_missing_key(vendor, monkeypatch):
    """A key that is missing is an error of the first request, and names the variable."""
    monkeypatch.delenv(VENDORS[vendor], raising=False)
    model = open_model(f"{vendor}:some-model")
    with pytest.raises(CallerError, match=VENDORS[vendor]):
        await model.respond(ASK)
    with pytest.raises(CallerError, match=VENDORS[vendor]):
        model.preview(ASK)


@BOTH
async def test_key_from_the_environment(vendor, monkeypatch):
    """A key that is set after the model was named is used."""
    async with provider_twin(["Hello"]) as twin:
        model = open_model(f"{vendor}:some-model", base_url=twin.url)
        monkeypatch.setenv(VENDORS[vendor], KEY)
        assert (await model.respond(ASK)).message.text == "Hello"


@BOTH
def test_preview(vendor):
    """The preview is the request as it would leave, with the key hidden."""
    shown = model_at("http://127.0.0.1:9", vendor).preview(ASK, stream=True)
    assert shown.method == "POST"
    assert shown.path.startswith("http://127.0.0.1:9/")
    assert b'"some-model"' in shown.body
    assert b'"stream":true' in shown.body
    assert HIDDEN in shown.headers.values()
    assert KEY not in repr(shown)


@BOTH
async def test_cancelling(vendor):
    """A request that is cancelled leaves at once, and the model can be asked again."""
    said = asyncio.Event()
    async with provider_twin(["Hello there", "Bye"], faults={0: Fault(cut=200, silence=True)}) as twin:
        model = model_at(twin.url, vendor)
        asking = asyncio.create_task(model.respond(ASK, lambda _: said.set()))
        while not twin.requests:  # noqa: ASYNC110  (a list has no event)
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await model.respond(ASK)).message.text == "Bye"


async def test_stream_that_cannot_be_read():
    """A decoder that gives up in the middle of a stream leaves nothing running."""
    before = asyncio.all_tasks()
    body = b"data: {broken\n\n" + b"data: {}\n\n" * 1000
    async with answering(b"200 OK\r\nContent-Type: text/event-stream", body) as url:
        with pytest.raises(ProviderError):
            await model_at(url, "openai").respond(ASK, lambda _: None)
        assert {task for task in asyncio.all_tasks() - before if "answer" not in repr(task)} == set()


# --- connections ------------------------------------------------------------------------------------------------------------


class Counted:
    """A transport that answers by itself and counts its openings and closings."""

    made = 0
    closed = 0

    def __init__(self):
        type(self).made += 1

    @contextlib.asynccontextmanager
    async def exchange(self, request):
        yield self

    head = HttpReply(200, {"content-type": "application/json"})

    async def read(self):
        return b'{"id":"1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"end_turn","usage":{}}'

    async def close(self):
        type(self).closed += 1


def counted():
    """A model that makes transports of a fresh kind, and the kind."""

    class Fresh(Counted):
        pass

    model = open_model("anthropic:m", retry=None, api_key=KEY)
    return WiredModel(
        model.name,
        model.dialect,
        where=model.line._where,
        capabilities=Capabilities(),
        shared=loop_transport,
        fresh=Fresh,
    ), Fresh


async def test_own_connections():
    """Inside `async with` a model has a transport of its own, which is closed at the end."""
    model, kind = counted()
    async with model:
        await model.respond(ASK)
        assert (kind.made, kind.closed) == (1, 0)
    assert (kind.made, kind.closed) == (1, 1)


async def test_own_connections_of_several():
    """A model that two hold open keeps its transport until the last of them has left."""
    model, kind = counted()
    async with model:
        async with model:
            await model.respond(ASK)
        assert (kind.made, kind.closed) == (1, 0)
        await model.respond(ASK)
    assert (kind.made, kind.closed) == (1, 1)


async def test_transport_of_the_callers():
    """A transport that was passed in is used, and stays open for whoever made it."""
    transport = Counted()
    model = open_model("anthropic:m", retry=None, api_key=KEY, transport=transport)
    async with model:
        assert (await model.respond(ASK)).message.role == "assistant"
    assert Counted.closed == 0


def test_own_connections_belong_to_their_loop():
    """While a model is open in one loop, another loop uses its own shared transport."""

    async def use(model):
        return (await model.respond(ASK)).message.text

    with provider_twin(["one", "two"]) as twin:
        model = model_at(twin.url, "openai")
        with asyncio.Runner() as runner:
            runner.run(model.__aenter__())
            assert asyncio.run(use(model)) == "one"
            assert runner.run(use(model)) == "two"
            runner.run(model.__aexit__(None, None, None))
    gc.collect()  # what was left open would warn here, and warnings are errors
