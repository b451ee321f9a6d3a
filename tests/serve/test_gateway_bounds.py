"""What a gateway bears, how it lists its models, and in which header it takes a token."""

import asyncio
import json

import pytest

from journeyman.data import Message, ModelResponse, Secret, TextDelta
from journeyman.models import ScriptedModel
from journeyman.providers import Capabilities
from journeyman.serve import Bounds, Gateway

CHAT = "/v1/chat/completions"
ASK = {"model": "any", "messages": [{"role": "user", "content": "Hi"}]}


class Client:
    """One ASGI request whose client stays on the line."""

    def __init__(self, path, body=None, method="POST", headers=None, query=b""):
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": query}
        self.body = body
        self.events = []
        self.progress = asyncio.Event()

    async def receive(self):
        if self.body is None:
            await asyncio.Event().wait()
        body, self.body = self.body, None
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(self, event):
        self.events.append(event)
        self.progress.set()

    async def ask(self, app):
        await app(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.events[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.events[0]["headers"]}

    @property
    def json(self):
        return json.loads(b"".join(event["body"] for event in self.events[1:]))


async def look(app, path, headers=None):
    return await Client(path, {}, "GET", headers).ask(app)


class Held:
    """A model that answers when it is let go."""

    name = "held:model"
    capabilities = Capabilities()

    def __init__(self):
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def respond(self, request, emit=None, record=None):
        if emit is not None:
            emit([TextDelta("One")])
        self.asked.set()
        await self.go.wait()
        return ModelResponse(Message.assistant("One"))


async def test_too_many_at_once():
    """A request beyond `max_concurrent` is told to come again, and is let in when another has left."""
    model = Held()
    gateway = Gateway(model, bounds=Bounds(max_concurrent=1))
    first = asyncio.create_task(Client(CHAT, ASK).ask(gateway))
    await model.asked.wait()
    second = await Client(CHAT, ASK).ask(gateway)
    assert (second.status, second.headers["retry-after"]) == (503, "1")
    assert "max_concurrent=1" in second.json["error"]["message"]
    model.go.set()
    assert (await first).status == 200
    assert (await Client(CHAT, ASK).ask(gateway)).status == 200


async def test_a_request_that_does_not_come():
    """A client that never sends its body is told so after `body_seconds`."""
    reply = await Client(CHAT).ask(Gateway({}, bounds=Bounds(body_seconds=0)))
    assert reply.status == 408
    assert "body_seconds=0" in reply.json["error"]["message"]


async def test_a_silent_stream_shows_that_it_lives():
    """Between two words that are long apart there are comments, which clients pass over."""
    model = Held()
    client = Client(CHAT, {**ASK, "stream": True})
    task = asyncio.create_task(client.ask(Gateway(model, bounds=Bounds(ping_seconds=0))))
    while not any(event.get("body") == b": ping\n\n" for event in client.events):
        client.progress.clear()
        await client.progress.wait()
    model.go.set()
    await task
    assert client.events[1]["body"].startswith(b"data: ")
    assert client.events[-2]["body"].endswith(b"data: [DONE]\n\n") or client.events[-1]["body"] == b""


async def test_a_wire_without_comments_gets_none():
    """A stream of JSON lines has no place for a sign of life, and gets none."""
    model = Held()
    client = Client("/api/chat", {**ASK, "stream": True})
    task = asyncio.create_task(client.ask(Gateway(model, bounds=Bounds(ping_seconds=0))))
    await asyncio.wait([task, asyncio.ensure_future(client.progress.wait())], return_when=asyncio.FIRST_COMPLETED)
    for _ in range(50):
        await asyncio.sleep(0)
    model.go.set()
    await task
    lines = b"".join(event["body"] for event in client.events[1:]).splitlines()
    assert all(json.loads(line) for line in lines)


async def test_a_delta_that_shows_nothing_is_not_the_end():
    """A wire that has nothing to say of a delta sends nothing, and goes on with the next."""

    class Quiet:
        name = "quiet:model"
        capabilities = Capabilities()

        async def respond(self, request, emit=None, record=None):
            for text in ("One", "", " two"):
                emit([TextDelta(text)] if text else [])
                for _ in range(5):
                    await asyncio.sleep(0)
            return ModelResponse(Message.assistant("One two"))

    client = await Client(CHAT, {**ASK, "stream": True}).ask(Gateway(Quiet()))
    body = b"".join(event["body"] for event in client.events[1:])
    assert b" two" in body
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "api-key"])
async def test_where_clients_put_their_key(header):
    """The token is taken where each provider's clients put their key, and refused there if it is another."""
    gateway = Gateway(ScriptedModel(["Hello"]), token=Secret("t0ken"))
    assert (await look(gateway, "/v1/models", {header: "t0ken"})).status == 200
    assert (await look(gateway, "/v1/models", {header: "other"})).status == 401


async def test_lists_of_models():
    """Models are listed in the shapes of OpenAI, Anthropic, Cohere, Google and Ollama."""
    gateway = Gateway({"a/b": ScriptedModel([]), "c": ScriptedModel([])})
    listed = (await look(gateway, "/v1/models")).json
    assert [model["id"] for model in listed["data"]] == [model["name"] for model in listed["models"]] == ["a/b", "c"]
    google = (await look(gateway, "/v1beta/models")).json
    assert [model["name"] for model in google["models"]] == ["models/a/b", "models/c"]
    ollama = (await look(gateway, "/api/tags")).json
    assert [model["model"] for model in ollama["models"]] == ["a/b", "c"]
    assert (await look(gateway, "/v1/models/a/b")).json["id"] == "a/b"
    assert (await look(gateway, "/v1beta/models/c")).json["name"] == "models/c"
    assert "version" in (await look(gateway, "/api/version")).json
    missing = await look(gateway, "/v1/models/d")
    assert (missing.status, "a/b, c" in missing.json["error"]["message"]) == (404, True)
