"""The gateway as an ASGI app: what it answers, to whom, and what becomes of a question whose asker has gone."""

import asyncio
import json
import re

import pytest

from journeyman.data import (
    CallerError,
    LimitExceeded,
    Message,
    ModelResponse,
    ProviderError,
    Secret,
    TextDelta,
    Usage,
)
from journeyman.models import ScriptedModel
from journeyman.providers import Capabilities
from journeyman.serve import Bounds, Gateway, Runs, check_binding
from journeyman.wire import Stamp

TOKEN = Secret("a-token-of-ours")
ASK = {"model": "any", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
WIRES = {"openai_chat": "/v1/chat/completions", "anthropic": "/v1/messages"}
BOTH = pytest.mark.parametrize("wire", list(WIRES))


class Client:
    """One ASGI request: sends a body in pieces, and hangs up when told to."""

    def __init__(self, app, method, path, pieces=(), headers=None, **scope):
        self.app = app
        self.pieces = list(pieces) or [b""]
        self.gone = asyncio.Event()
        self.heard = asyncio.Event()
        self.events = []
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope = {"type": "http", "method": method, "path": path, "headers": raw, **scope}

    async def receive(self):
        if self.pieces:
            piece = self.pieces.pop(0)
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event):
        self.events.append(event)
        if event.get("body"):
            self.heard.set()

    async def run(self):
        await self.app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.events[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.events[0]["headers"]}

    @property
    def frames(self):
        return [event["body"] for event in self.events[1:]]

    @property
    def body(self):
        assert self.events[-1]["more_body"] is False
        return b"".join(self.frames)

    @property
    def json(self):
        return json.loads(self.body)


async def call(app, method, path, body=b"", headers=None, **scope):
    return await Client(app, method, path, [body], headers, **scope).run()


async def ask(app, wire, headers=None, **changes):
    return await call(app, "POST", WIRES[wire], json.dumps(ASK | changes).encode(), headers)


def said(wire, reply):
    """The words in a whole answer."""
    content = (
        reply.json["choices"][0]["message"]["content"] if wire == "openai_chat" else reply.json["content"][0]["text"]
    )
    return reply.status, content


def refused(wire, reply):
    """The status and the words of an error, after a look at its shape."""
    error = reply.json["error"]
    if wire == "anthropic":
        assert reply.json["type"] == "error"
        assert error.keys() >= {"type", "message"}
    else:
        assert error.keys() >= {"message", "type", "param", "code"}
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-length"] == str(len(reply.body))
    return reply.status, error["message"]


class Live:
    """A model that does what a function does."""

    name = "live:model"
    capabilities = Capabilities()

    def __init__(self, work):
        self.work = work
        self.requests = []

    async def respond(self, request, emit=None, record=None):
        self.requests.append(request)
        return await self.work(emit)


# --- answers -------------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_answer(wire, prefix):
    """A question gets its answer on its own wire, with and without the version in the path."""
    reply = await call(Gateway(ScriptedModel(["Hello"])), "POST", prefix + WIRES[wire][3:], json.dumps(ASK).encode())
    assert said(wire, reply) == (200, "Hello")


@BOTH
async def test_mounted(wire):
    """An app that is mounted below a path answers there."""
    gateway = Gateway(ScriptedModel(["Hello"]))
    body = json.dumps(ASK).encode()
    assert said(wire, await call(gateway, "POST", f"/ai{WIRES[wire]}", body, root_path="/ai")) == (200, "Hello")


@BOTH
async def test_body_in_pieces(wire):
    """A body that comes in pieces is put together."""
    body = json.dumps(ASK).encode()
    client = Client(Gateway(ScriptedModel(["Hello"])), "POST", WIRES[wire], [body[:5], b"", body[5:]])
    assert said(wire, await client.run()) == (200, "Hello")


@BOTH
async def test_stream(wire):
    """A streamed answer leaves piece by piece, as the model says it, and ends as its wire ends."""

    async def work(emit):
        for word in ("One", " two", " three"):
            client.heard.clear()
            emit([TextDelta(word)])
            await client.heard.wait()
        return ModelResponse(Message.assistant("One two three"), usage=Usage(input=1, output=3))

    client = Client(Gateway(Live(work)), "POST", WIRES[wire], [json.dumps(ASK | {"stream": True}).encode()])
    await client.run()
    assert client.status == 200
    assert client.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in client.headers
    assert [word in frame for word, frame in zip([b'"One"', b'" two"', b'" three"'], client.frames, strict=False)] == [
        True
    ] * 3
    assert client.body.rstrip().endswith({"openai_chat": b"[DONE]", "anthropic": b'"message_stop"}'}[wire])


@BOTH
async def test_slow_client(wire):
    """What a model says while its client is slow waits and leaves together."""
    sent = []

    async def send(event):
        sent.append(event)
        for _ in range(10):
            await asyncio.sleep(0)

    gateway = Gateway(ScriptedModel(["a b c d e f g h"]))
    client = Client(gateway, "POST", WIRES[wire], [json.dumps(ASK | {"stream": True}).encode()])
    await gateway(client.scope, client.receive, send)
    text = b"".join(event["body"] for event in sent[1:])
    assert all(b'"%b"' % (word if word == b"a" else b" " + word) in text for word in b"a b c d e f g h".split())
    assert len(sent) < 8


@BOTH
async def test_stream_of_a_model_that_does_not_stream(wire):
    """A model that gives its answer only as a whole is heard by a client that wants a stream."""

    async def work(_):
        return ModelResponse(Message.assistant("All at once"))

    reply = await ask(Gateway(Live(work)), wire, stream=True)
    assert reply.status == 200
    assert b"All" in reply.body
    assert b"once" in reply.body


@BOTH
@pytest.mark.parametrize("stream", [False, True])
async def test_every_answer_has_an_id(wire, stream):
    """An answer whose model gives no id gets one of its own: clients keep messages apart by it."""

    async def work(_):
        return ModelResponse(Message.assistant("Hello"))

    gateway = Gateway(Live(work))
    ids = [re.findall(rb'"id":"(\w+-?\w+)"', (await ask(gateway, wire, stream=stream)).body)[0] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(item.startswith({"openai_chat": b"chatcmpl-", "anthropic": b"msg_"}[wire]) for item in ids)


async def test_id_of_the_model():
    """The id that a model gives is kept."""
    said = ModelResponse(Message.assistant("Hello"), model="m", raw_id="id-1")
    assert (await ask(Gateway(ScriptedModel([said])), "anthropic")).json["id"] == "id-1"


async def test_time_of_an_answer():
    """OpenAI's answers carry the time of the stamp."""
    reply = await ask(Gateway(ScriptedModel(["Hello"]), stamp=lambda: Stamp("x", 77)), "openai_chat")
    assert reply.json["created"] == 77


@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_usage": True}])
async def test_usage_in_a_stream(options):
    """OpenAI's streams tell the usage only to whom it is of use: some clients fail over an event without choices."""
    reply = await ask(Gateway(ScriptedModel(["Hello"])), "openai_chat", stream=True, stream_options=options)
    assert (b'"choices":[],' in reply.body) is bool(options and options["include_usage"])


# --- which model ------------------------------------------------------------------------------------------------------------


@BOTH
async def test_models_by_name(wire):
    """The name that a client asks for picks the model, which is asked under its own."""
    small, large = ScriptedModel(["small"]), ScriptedModel(["large"])
    gateway = Gateway({"small": small, "large": large})
    assert said(wire, await ask(gateway, wire, model="large")) == (200, "large")
    assert [request.model for request in large.requests] == [""]
    assert small.requests == []


@BOTH
async def test_unknown_model(wire):
    """A model that is not there is not found, and the answer names those that are."""
    reply = await ask(Gateway({"small": ScriptedModel([])}), wire, model="huge")
    assert refused(wire, reply) == (404, "there is no model 'huge' here; there are small")


@BOTH
async def test_models_by_function(wire):
    """A function gives the model for a name, or refuses it."""

    def pick(name):
        if name != "known":
            raise CallerError(f"what is {name}?")
        return ScriptedModel(["found"])

    assert said(wire, await ask(Gateway(pick), wire, model="known")) == (200, "found")
    assert refused(wire, await ask(Gateway(pick), wire, model="else")) == (404, "what is else?")


@BOTH
async def test_answer_without_a_name(wire):
    """An answer in which the model does not name itself carries the name that was asked for."""

    async def work(_):
        return ModelResponse(Message.assistant("Hello"))

    reply = await ask(Gateway(Live(work)), wire, model="asked-for")
    assert reply.json["model"] == "asked-for"


@pytest.mark.parametrize(
    ("models", "names"),
    [
        (ScriptedModel([], name="one:model"), ["one:model"]),
        ({"a": ScriptedModel([]), "b": ScriptedModel([])}, ["a", "b"]),
        ({}, []),
        (ScriptedModel, []),
    ],
    ids=["one", "by-name", "none", "function"],
)
async def test_list_of_models(models, names):
    """The list of models names what can be asked for, as far as that is known."""
    reply = await call(Gateway(models), "GET", "/v1/models")
    assert [model["id"] for model in reply.json["data"]] == names
    assert (reply.json["first_id"], reply.json["last_id"]) == ((names or [None])[0], (names or [None])[-1])


# --- refusals ---------------------------------------------------------------------------------------------------------------


async def test_health():
    """Whether it lives may be asked without a token."""
    reply = await call(Gateway({}, token=TOKEN), "GET", "/health", headers={"host": "gateway.example"})
    assert (reply.status, reply.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/audio/speech", "/v1/messages/count_tokens", "/v1/v1/messages"])
async def test_unknown_path(path):
    """A path that is not there is not found, said in the words of the wire that the client speaks."""
    status, message = refused("openai_chat", await call(Gateway({}), "POST", path))
    assert (status, path in message) == (404, True)
    assert refused("anthropic", await call(Gateway({}), "POST", path, headers={"anthropic-version": "x"}))[0] == 404


@BOTH
async def test_wrong_method(wire):
    """A wrong method is refused, and the right one is named."""
    reply = await call(Gateway({}), "GET", WIRES[wire])
    assert refused(wire, reply)[0] == 405
    assert reply.headers["allow"] == "POST"


@BOTH
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model": 1}', b"\xff", b"[" * 100_000])
async def test_no_request(wire, body):
    """A body that is no request is the client's mistake."""
    assert refused(wire, await call(Gateway(ScriptedModel([])), "POST", WIRES[wire], body))[0] == 400


@BOTH
async def test_too_large(wire):
    """A body above the limit is refused with the limit and its parameter, whether it says its length or not."""
    model = ScriptedModel([])
    gateway = Gateway(model, bounds=Bounds(max_body_bytes=10))
    for headers, pieces in (({}, [b"12345678", b"123"]), ({"content-length": "11"}, [b"12345678901"])):
        reply = await Client(gateway, "POST", WIRES[wire], pieces, headers).run()
        assert refused(wire, reply) == (413, "the request is larger than 10 bytes (max_body_bytes=10)")
    assert model.requests == []


@BOTH
async def test_far_too_large(wire):
    """A body without end is not read to its end."""
    client = Client(Gateway({}, bounds=Bounds(max_body_bytes=10)), "POST", WIRES[wire], [b"12345678"] * 9)
    assert refused(wire, await client.run())[0] == 413
    assert len(client.pieces) == 6


@BOTH
async def test_as_large_as_allowed(wire):
    """A body of exactly the limit is taken."""
    body = json.dumps(ASK).encode()
    gateway = Gateway(ScriptedModel(["Hello"]), bounds=Bounds(max_body_bytes=len(body)))
    reply = await call(gateway, "POST", WIRES[wire], body, {"content-length": str(len(body))})
    assert said(wire, reply) == (200, "Hello")


@BOTH
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer a-token-of-ours"},
        {"authorization": "bearer  a-token-of-ours"},
        {"x-api-key": "a-token-of-ours"},
        {"x-api-key": "a-token-of-ours", "authorization": "Bearer else"},
    ],
)
async def test_token(wire, headers):
    """The token is taken as a bearer and as a key; a host from anywhere may ask with it."""
    reply = await ask(Gateway(ScriptedModel(["Hello"]), token=TOKEN), wire, {"host": "gateway.example", **headers})
    assert said(wire, reply) == (200, "Hello")


@BOTH
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Basic a-token-of-ours"},
        {"authorization": "a-token-of-ours"},
        {"authorization": "Bearer a-token-of-our"},
        {"x-api-key": "a-token-of-ours "},
        {"x-api-key": "ключ"},
    ],
)
async def test_wrong_token(wire, headers):
    """Anything but the token is refused before a model is asked, and the answer does not repeat it."""
    model = ScriptedModel([])
    reply = await ask(Gateway(model, token=TOKEN), wire, headers)
    status, message = refused(wire, reply)
    assert (status, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert "of-our" not in message
    assert model.requests == []


async def test_token_of_any_letters():
    """A token need not be ASCII."""
    gateway = Gateway(ScriptedModel([]), token=Secret("ключ"))
    assert (await call(gateway, "GET", "/v1/models", headers={"x-api-key": "ключ"})).status == 200


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_empty_token(empty):
    """A token that every request without one would match is refused, as with a variable that is not set."""
    for make in (lambda token: Gateway({}, token=token), lambda token: Runs([], "memory:", token=token)):
        with pytest.raises(CallerError, match="the token is empty"):
            make(Secret(empty))


async def test_wrong_token_for_the_list():
    """The list of models takes the token, too."""
    assert refused("openai_chat", await call(Gateway({}, token=TOKEN), "GET", "/v1/models"))[0] == 401


@BOTH
@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"host": "127.0.0.1:8000"}, True),
        ({"host": "localhost:8000"}, True),
        ({"host": "[::1]:8000"}, True),
        ({"host": "inside.example"}, True),
        ({"host": "localhost:8000", "origin": "http://localhost:3000"}, True),
        ({"host": "rebound.example:8000"}, False),
        ({"host": "localhost:8000", "origin": "https://page.example"}, False),
        ({"host": "localhost:8000", "origin": "null"}, False),
        ({"host": "localhost:8000", "origin": "http://[bad"}, False),
        ({"host": "[bad"}, False),
        ({"host": ""}, False),
        # What a browser says where a page of a stranger's embeds us as an image: there is no Origin then.
        ({"host": "localhost:8000", "sec-fetch-site": "cross-site"}, False),
        ({"host": "localhost:8000", "sec-fetch-site": "same-site"}, True),
        ({"host": "localhost:8000", "sec-fetch-site": "none"}, True),
    ],
)
async def test_without_a_token(wire, headers, allowed):
    """Without a token, no web page of a stranger and no name that was pointed here gets an answer."""
    model = ScriptedModel(["Hello"])
    reply = await ask(Gateway(model, hosts=["Inside.example"]), wire, headers)
    assert (reply.status, len(model.requests)) == ((200, 1) if allowed else (403, 0))
    assert allowed or "token=" in refused(wire, reply)[1]


async def test_one_host():
    """One host may be given as a text; a part of its name is not it."""
    gateway = Gateway({}, hosts="inside.example")
    assert (await call(gateway, "GET", "/models", headers={"host": "inside.example:80"})).status == 200
    assert (await call(gateway, "GET", "/models", headers={"host": "example"})).status == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_binding_to_this_machine(host):
    """What only this machine can reach needs no token."""
    check_binding(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.1.2", "gateway.example", "127.0.0.1.example"])  # noqa: S104  (nothing is bound)
def test_binding_beyond_this_machine(host):
    """What others can reach needs a token."""
    check_binding(host, TOKEN)
    with pytest.raises(CallerError, match="token="):
        check_binding(host, None)


# --- failures of the model --------------------------------------------------------------------------------------------------

FAILURES = [
    (ProviderError("slow down", status=429, retry_after=1.5), 429, "slow down"),
    (ProviderError("too much", status=529), 529, "too much"),
    (ProviderError("no such model", status=404), 404, "no such model"),
    (ProviderError("it broke off", kind="stream"), 502, "it broke off"),
    (ProviderError("it fell silent", kind="timeout"), 504, "it fell silent"),
    (ProviderError("an error in a good reply", status=200), 502, "an error in a good reply"),
    (ProviderError("no status of HTTP's", status=999), 502, "no status of HTTP's"),
    (CallerError("no pictures, please"), 400, "no pictures, please"),
    (LimitExceeded("cost", 1, "max_cost"), 429, "the limit on cost was reached: max_cost=1; raise max_cost to go on"),
]
FAILING = pytest.mark.parametrize(("error", "status", "message"), FAILURES, ids=[str(error) for error, *_ in FAILURES])


@BOTH
@FAILING
@pytest.mark.parametrize("stream", [False, True])
async def test_failure(wire, error, status, message, stream):
    """A failure before the first word is an error reply with the failure's own status, streamed or not."""
    reply = await ask(Gateway(ScriptedModel([error])), wire, stream=stream)
    assert refused(wire, reply) == (status, message)


@BOTH
async def test_retry_after(wire):
    """When to come again is passed on."""
    reply = await ask(Gateway(ScriptedModel([ProviderError("wait", status=429, retry_after=1.5)])), wire)
    assert reply.headers["retry-after"] == "1.5"


@BOTH
@pytest.mark.parametrize("stream", [False, True])
async def test_unforeseen_failure(wire, stream, caplog):
    """What an unforeseen error says stays in the log: it may hold what is no business of the client's."""
    reply = await ask(Gateway(ScriptedModel([RuntimeError("/home/me/secret")])), wire, stream=stream)
    status, message = refused(wire, reply)
    assert (status, "secret" in message) == (500, False)
    assert "/home/me/secret" in caplog.text


@BOTH
async def test_failure_of_the_choice(wire, caplog):
    """A function that fails to choose a model is an error of the server's in the words of the wire."""

    def pick(name):
        raise RuntimeError(name)

    assert refused(wire, await ask(Gateway(pick), wire, model="asked-for"))[0] == 500
    assert "asked-for" in caplog.text


@BOTH
@FAILING
async def test_failure_within_a_stream(wire, error, status, message):
    """A failure after the first word is the wire's own error event, and the stream ends with it."""

    async def work(emit):
        emit([TextDelta("Well")])
        raise error

    reply = await ask(Gateway(Live(work)), wire, stream=True)
    assert reply.status == 200
    last = reply.body.rstrip(b"\n").split(b"\n\n")[-1]
    name, data = (b"", last) if wire == "openai_chat" else last.split(b"\n")
    assert name in (b"", b"event: error")
    assert json.loads(data.removeprefix(b"data: "))["error"]["message"] == message


# --- clients that go --------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("stream", [False, True])
async def test_client_hangs_up(wire, stream):
    """A client that hangs up cancels the question, and nothing is left running."""
    asked, cancelled = asyncio.Event(), []

    async def work(emit):
        if emit:
            emit([TextDelta("Well")])
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    client = Client(Gateway(Live(work)), "POST", WIRES[wire], [json.dumps(ASK | {"stream": stream}).encode()])
    before = asyncio.all_tasks()
    running = asyncio.create_task(client.run())
    await asked.wait()
    client.gone.set()
    await running
    assert cancelled == [True]
    assert asyncio.all_tasks() == before
    assert not any(event.get("more_body") is False for event in client.events)


@BOTH
@pytest.mark.parametrize("stream", [False, True])
async def test_server_ends(wire, stream):
    """A server that cancels the app cancels the question, too."""
    asked = asyncio.Event()

    async def work(_):
        asked.set()
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    running = asyncio.create_task(ask(Gateway(Live(work)), wire, stream=stream))
    await asked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert asyncio.all_tasks() == before


@BOTH
async def test_server_that_repeats_itself(wire):
    """An event that is no hang-up does not end an answer."""

    async def work(_):
        client.pieces.append(b"")
        await asyncio.sleep(0)
        return ModelResponse(Message.assistant("Hello"))

    client = Client(Gateway(Live(work)), "POST", WIRES[wire], [json.dumps(ASK).encode(), b""])
    assert said(wire, await client.run()) == (200, "Hello")


@BOTH
async def test_client_hangs_up_within_its_request(wire):
    """A request that never became whole is dropped without a word."""
    client = Client(Gateway({}), "POST", WIRES[wire], [b'{"model"', None])
    await client.run()
    assert client.events == []


# --- other kinds of ASGI ----------------------------------------------------------------------------------------------------


async def test_lifespan():
    """A server that announces its start and its end gets its answers."""
    events, answers = ["lifespan.startup", "lifespan.shutdown"], []

    async def receive():
        return {"type": events.pop(0)}

    async def send(event):
        answers.append(event["type"])

    await Gateway({})({"type": "lifespan"}, receive, send)
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_websocket():
    """A web socket is closed: there is nothing for it here."""
    answers = []

    async def send(event):
        answers.append(event["type"])

    await Gateway({})({"type": "websocket"}, None, send)
    assert answers == ["websocket.close"]
