"""The provider twin: what it hears, what it answers, and every fault that it can be told to have."""

import asyncio
import json

import aiohttp
import pytest

import journeyman.testing
from journeyman.compose import open_model
from journeyman.data import CallerError, Message, ModelRequest, ProviderError, Text, ToolCall
from journeyman.loop import run_blocking
from journeyman.models import ScriptedModel
from journeyman.testing import Fault, provider_twin

VENDORS = {"openai": "/chat/completions", "anthropic": "/v1/messages"}
BOTH = pytest.mark.parametrize("vendor", list(VENDORS))
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
ASK = ModelRequest("", (Message.user("Hi"),))


def model_at(twin, vendor):
    return open_model(f"{vendor}:any", base_url=twin.url, api_key="test", retry=None)


async def ask(twin, vendor, *, stream=False):
    """The words of an answer, after a look that a stream says the same."""
    deltas = []
    response = await model_at(twin, vendor).respond(ASK, deltas.extend if stream else None)
    assert not stream or "".join(delta.text for delta in deltas) == response.message.text
    return response.message.text


async def failure(twin, vendor, *, stream=False):
    with pytest.raises(ProviderError) as caught:
        await ask(twin, vendor, stream=stream)
    return caught.value


async def raw_reply(twin, vendor, *, stream=False):
    """What goes over the wire for a request, as far as it comes."""
    body = {"model": "any", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    async with aiohttp.ClientSession() as session, session.post(twin.url + VENDORS[vendor], json=body) as reply:
        data = bytearray()
        try:
            async for chunk in reply.content.iter_any():
                data += chunk
        except aiohttp.ClientPayloadError:
            return bytes(data), False
        return bytes(data), True


# --- answers ----------------------------------------------------------------------------------------------------------------


@BOTH
@STREAM
async def test_script(vendor, stream):
    """A script is enough: each request gets its next line, on every wire at the one address."""
    async with provider_twin(["Hello there", "Bye"]) as twin:
        assert await ask(twin, vendor, stream=stream) == "Hello there"
        assert await ask(twin, vendor, stream=stream) == "Bye"


async def test_model():
    """A model of any kind may answer; it is there as `twin.model`."""
    scripted = ScriptedModel(["Hello"])
    async with provider_twin(scripted) as twin:
        assert await ask(twin, "openai") == "Hello"
    assert twin.model is scripted
    assert scripted.requests == twin.requests


@BOTH
@STREAM
async def test_requests(vendor, stream):
    """What was asked is there as a request of ours, with the name that was asked for and the wish for a stream."""
    async with provider_twin(["Hello"]) as twin:
        await ask(twin, vendor, stream=stream)
    (request,) = twin.requests
    assert (request.model, request.stream) == ("any", stream)
    assert [(message.role, message.text) for message in request.messages] == [("user", "Hi")]


@BOTH
async def test_raw(vendor):
    """What came over HTTP is there as it came, without the key."""
    async with provider_twin(["Hello"]) as twin:
        await ask(twin, vendor)
    (raw,) = twin.raw
    assert (raw.method, raw.path) == ("POST", VENDORS[vendor])
    assert json.loads(raw.body)["model"] == "any"
    assert raw.headers["content-type"].startswith("application/json")
    assert not {"authorization", "x-api-key"} & set(raw.headers)
    assert "test" not in raw.headers.values()


async def test_raw_of_what_cannot_be_read():
    """What is no request is written down, too, with its query, and is no request of ours."""
    async with provider_twin([]) as twin, aiohttp.ClientSession() as session:
        async with session.post(f"{twin.url}/v1/messages?beta=true", data=b"{") as reply:
            assert reply.status == 400
        async with session.get(f"{twin.url}/v1/models") as reply:
            assert reply.status == 200
    assert [(raw.method, raw.path, raw.body) for raw in twin.raw] == [
        ("POST", "/v1/messages?beta=true", b"{"),
        ("GET", "/v1/models", b""),
    ]
    assert twin.requests == []


@BOTH
async def test_end_of_the_script(vendor):
    """A script that is at its end says so to the client."""
    async with provider_twin([]) as twin:
        error = await failure(twin, vendor)
    assert error.status == 400
    assert "0 lines" in error.message


@BOTH
async def test_tool_call(vendor):
    """A tool call in the script arrives as one."""
    async with provider_twin([[Text("Let me see."), ToolCall("call_1", "look", '{"at": "it"}')]]) as twin:
        response = await model_at(twin, vendor).respond(ASK, lambda _: None)
    (call,) = response.message.tool_calls
    assert (call.id, call.name, json.loads(call.arguments)) == ("call_1", "look", {"at": "it"})
    assert response.finish == "tool_calls"


@BOTH
@STREAM
async def test_same_bytes(vendor, stream):
    """The same script gives the same bytes in every run, so that a cut is always in the same place."""
    replies = []
    for _ in range(2):
        async with provider_twin(["Hello", "Hello"]) as twin:
            replies.append([await raw_reply(twin, vendor, stream=stream) for _ in range(2)])
    assert replies[0] == replies[1]


def test_in_blocking_code():
    """In blocking code `with` does the same."""
    with provider_twin(["Hello"]) as twin:
        assert run_blocking(ask(twin, "openai")) == "Hello"


async def test_opened_once():
    """A twin is opened once, and has no address before."""
    twin = provider_twin([])
    with pytest.raises(CallerError, match="not open"):
        _ = twin.url
    async with twin:
        with pytest.raises(CallerError, match="opened once"):
            await twin.__aenter__()


async def test_never_opened():
    """Closing what was never opened does no harm."""
    await provider_twin([]).__aexit__(None, None, None)


# --- faults -----------------------------------------------------------------------------------------------------------------


@BOTH
@STREAM
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 529])
async def test_status(vendor, stream, status):
    """A status comes with its message and the time to wait, and the script loses no line to it."""
    fault = Fault(status=status, message="not now", retry_after=2)
    async with provider_twin(["Hello"], faults={0: fault}) as twin:
        error = await failure(twin, vendor, stream=stream)
        assert await ask(twin, vendor, stream=stream) == "Hello"
    assert (error.status, error.retry_after) == (status, 2.0)
    assert "not now" in error.message
    assert len(twin.requests) == 2


@BOTH
async def test_latency(vendor):
    """Latency waits before the answer comes."""
    waited = []

    async def sleep(seconds):
        waited.append((seconds, len(twin.requests)))

    async with provider_twin(["Hello"], faults={0: Fault(latency=1.5)}, sleep=sleep) as twin:
        assert await ask(twin, vendor) == "Hello"
    assert waited == [(1.5, 0)]


@BOTH
async def test_leaving_while_it_waits(vendor):
    """A client that does not wait is let go, and the model is not asked."""
    waits = asyncio.Event()

    async def sleep(_):
        waits.set()
        await asyncio.Event().wait()

    async with provider_twin(["Hello"], faults={0: Fault(latency=1.5)}, sleep=sleep) as twin:
        asking = asyncio.create_task(ask(twin, vendor))
        await waits.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await ask(twin, vendor) == "Hello"
    assert len(twin.requests) == 1


@BOTH
@STREAM
async def test_cut_anywhere(vendor, stream):
    """A reply is cut after exactly as many bytes as asked for, also within a letter; a reply that is not as long comes whole."""
    async with provider_twin(["Grüße"]) as twin:
        whole, complete = await raw_reply(twin, vendor, stream=stream)
    assert complete
    places = [0, 1, whole.index("ü".encode()) + 1, len(whole) - 1, len(whole), len(whole) + 1]
    faults = {turn: Fault(cut=place) for turn, place in enumerate(places)}
    async with provider_twin(["Grüße"] * len(places), faults=faults) as twin:
        replies = [await raw_reply(twin, vendor, stream=stream) for _ in places]
    assert [len(data) for data, _ in replies] == [min(place, len(whole)) for place in places]
    assert [complete for _, complete in replies] == [False] * 4 + [True] * 2


@BOTH
@STREAM
@pytest.mark.parametrize("place", [0, 50, 150])
async def test_cut_is_seen(vendor, stream, place):
    """Our own client takes a reply that was cut for what it is."""
    async with provider_twin(["Hello there"], faults={0: Fault(cut=place)}) as twin:
        error = await failure(twin, vendor, stream=stream)
    assert (error.kind, error.status) == ("stream", None)


@BOTH
@STREAM
async def test_reset(vendor, stream):
    """The connection is reset before any reply; the next turn is as if nothing had been."""
    async with provider_twin(["Hello"], faults={0: Fault(reset=True)}) as twin:
        assert (await failure(twin, vendor, stream=stream)).kind == "connection"
        assert await ask(twin, vendor, stream=stream) == "Hello"
    assert len(twin.requests) == 2


@BOTH
@STREAM
async def test_malformed(vendor, stream):
    """A reply whose JSON is broken arrives whole."""
    async with provider_twin(["Hello"], faults={0: Fault(malformed=True)}) as twin:
        data, complete = await raw_reply(twin, vendor, stream=stream)
    assert complete
    documents = [line[6:] for line in data.splitlines() if line.startswith(b"data: {")] if stream else [data]
    assert documents
    for document in documents:
        with pytest.raises(json.JSONDecodeError):
            json.loads(document)


@BOTH
@STREAM
async def test_malformed_is_seen(vendor, stream):
    """Our own client takes a broken reply for a fault of the provider's."""
    async with provider_twin(["Hello"], faults={0: Fault(malformed=True)}) as twin:
        assert isinstance(await failure(twin, vendor, stream=stream), ProviderError)
        assert await ask(twin, vendor, stream=stream) == "Hello"


@BOTH
@STREAM
@pytest.mark.parametrize("fault", [Fault(silence=True), Fault(silence=True, cut=50)], ids=["no-reply", "half-a-reply"])
async def test_silence(vendor, stream, fault):
    """Silence lasts until the client gives up, or the twin is closed."""
    async with provider_twin(["Hello"] * 2, faults={0: fault, 1: fault}) as twin:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(twin, vendor, stream=stream)
        asking = asyncio.create_task(failure(twin, vendor, stream=stream))
        while len(twin.requests) < 2:  # noqa: ASYNC110  (a list has no event)
            await asyncio.sleep(0)
    assert (await asking).kind in ("connection", "stream")


async def test_faults_by_function():
    """A function decides by the number of the turn and the request; what is no turn is not asked about."""
    seen = []

    def fault(turn, request):
        seen.append((turn, request.path))
        return Fault(status=500) if "messages" in request.path else None

    async with provider_twin(["Hello"], faults=fault) as twin:
        async with aiohttp.ClientSession() as session, session.get(f"{twin.url}/models"):
            pass
        assert (await failure(twin, "anthropic")).status == 500
        assert await ask(twin, "openai") == "Hello"
    assert seen == [(0, "/v1/messages"), (1, "/chat/completions")]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "reset": True},
        {"cut": 1, "malformed": True},
        {"silence": True, "status": 500},
        {"silence": True, "reset": True},
        {"status": 200},
        {"status": 600},
    ],
)
def test_impossible_fault(fault):
    """A fault that cannot be is refused."""
    with pytest.raises(CallerError, match="Fault"):
        Fault(**fault)


def test_preview():
    """The twin's stand-in for a model shows what the model shows."""
    turn = journeyman.testing.twin._Turn(provider_twin(["Hello"]), "any", Fault())
    assert turn.preview(ASK) is None


async def test_client_that_leaves_within_its_request():
    """A request that never became whole is forgotten."""
    async with provider_twin(["Hello"]) as twin:
        host, port = twin.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        writer.close()
        await writer.wait_closed()
        assert await ask(twin, "anthropic") == "Hello"
    assert len(twin.raw) == 1


# --- the room ---------------------------------------------------------------------------------------------------------------


def test_names_of_the_room():
    """Every name that the room offers is there."""
    for name in journeyman.testing.__all__:
        assert getattr(journeyman.testing, name) is not None
    assert set(journeyman.testing.__all__) <= set(dir(journeyman.testing))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = journeyman.testing.nothing


# --- faults of streams ------------------------------------------------------------------------------------------------------


async def raw_stream(fault, said="Hällo wörld and more"):
    """The bytes of a streamed answer on OpenAI's wire, up to where they end, and whether they ended well."""
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    got = b""
    async with provider_twin([said], faults={0: fault}) as twin, aiohttp.ClientSession() as client:
        async with client.post(f"{twin.url}/v1/chat/completions", json=body) as reply:
            try:
                async for piece in reply.content.iter_any():
                    got += piece
            except aiohttp.ClientPayloadError:
                return got, False
    return got, True


def blocks(data):
    return [block for block in data.split(b"\n\n") if block]


async def test_an_event_comes_twice():
    """`duplicate` sends one event of a stream again, right behind itself, and leaves the others as they are."""
    plain, _ = await raw_stream(Fault())
    doubled, whole = await raw_stream(Fault(duplicate=2))
    events = blocks(plain)
    assert whole
    assert blocks(doubled) == [*events[:3], events[2], *events[3:]]


async def test_an_event_comes_late():
    """`reorder` sends one event behind its successor; the last has none and keeps its place."""
    events = blocks((await raw_stream(Fault()))[0])
    late = blocks((await raw_stream(Fault(reorder=1)))[0])
    assert late == [events[0], events[2], events[1], *events[3:]]
    assert blocks((await raw_stream(Fault(reorder=len(events) - 1)))[0]) == events


async def test_a_cut_in_the_middle_of_a_character():
    """`cut="mid_character"` ends the stream with half a letter."""
    got, whole = await raw_stream(Fault(cut="mid_character"))
    assert not whole
    assert got.endswith("ä".encode()[:1])
    with pytest.raises(UnicodeDecodeError):
        got.decode()


async def test_a_cut_in_the_middle_of_an_event():
    """`cut="mid_event"` ends the stream within its second event."""
    events = blocks((await raw_stream(Fault()))[0])
    got, whole = await raw_stream(Fault(cut="mid_event"))
    assert not whole
    assert blocks(got)[0] == events[0]
    assert events[1].startswith(blocks(got)[1])
    assert 0 < len(blocks(got)[1]) < len(events[1])


async def test_a_slow_first_token():
    """`first_token` waits between the head of the reply and its first words, and nowhere else."""
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    async with provider_twin(["Hi"] * 2, faults={0: Fault(first_token=3.5)}, sleep=sleep) as twin:
        model = open_model("openai:m", base_url=twin.url, api_key="x")
        async with model:
            for _ in range(2):
                response = await model.respond(ModelRequest("", (Message.user("x"),)), lambda _: None)
                assert response.message.text == "Hi"
    assert waited == [3.5]


async def test_a_rule_answers():
    """A function of the request is a provider as well."""
    async with provider_twin(lambda request: request.messages[-1].text[::-1]) as twin:
        model = open_model("openai:m", base_url=twin.url, api_key="x")
        async with model:
            answers = [
                (await model.respond(ModelRequest("", (Message.user(words),)))).message.text for words in ("abc", "de")
            ]
    assert answers == ["cba", "ed"]
