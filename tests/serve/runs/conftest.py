"""Clients of an app of runs, at the level of ASGI, and models and tools that do something when they are let."""

import asyncio
import itertools
import json
from contextlib import asynccontextmanager

import pytest

from journeyman import Agent, Pending, tool
from journeyman.data import Message, ModelResponse, TextDelta, ToolCall, Usage
from journeyman.models import ScriptedModel
from journeyman.providers import Capabilities
from journeyman.serve import Runs


class Call:
    """One HTTP request, which hangs up when it is told to; `before_send` is awaited before anything is taken."""

    def __init__(self, app, method, path, body=b"", headers=None, **scope):
        self.app = app
        self.gone = asyncio.Event()
        self.changed = asyncio.Event()
        self.sent = []
        self.before_send = None
        self._body = [body]
        path, _, query = path.partition("?")
        raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        self.scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": raw}
        self.scope |= scope

    async def receive(self):
        if self._body:
            return {"type": "http.request", "body": self._body.pop(), "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, event):
        if self.before_send is not None:
            await self.before_send()
        self.sent.append(event)
        self.changed.set()

    async def run(self):
        await self.app(self.scope, self.receive, self.send)
        assert self.sent[-1]["more_body"] is False
        return self

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self):
        return b"".join(event["body"] for event in self.sent[1:]).decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def refusal(self):
        assert self.headers["content-type"] == "application/json"
        error = self.json["error"]
        assert error["status"] == self.status
        return self.status, error["message"]


def events_in(text):
    """Server-sent events as (id, name, data), by the rules of WHATWG HTML, section 9.2.6, as far as we use them."""
    found = []
    for block in text.split("\n\n")[:-1]:
        fields = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
        if "data" in fields:
            found.append((int(fields["id"]) if "id" in fields else None, fields["event"], json.loads(fields["data"])))
    return found


class Follower:
    """A client that follows a run."""

    def __init__(self, call):
        self.call = call
        self.task = asyncio.ensure_future(call.run())

    @property
    def events(self):
        return events_in(self.call.text)

    @property
    def facts(self):
        return [data["kind"] for number, name, data in self.events if name == "fact"]

    async def until(self, done):
        """Wait until what has come satisfies a condition."""
        while not (self.call.sent and done(self.events)):
            self.call.changed.clear()
            waiting = asyncio.ensure_future(self.call.changed.wait())
            await asyncio.wait((waiting, self.task), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if self.task.done() and not done(self.events):
                self.task.result()
                raise AssertionError(self.events)

    async def until_kind(self, kind):
        await self.until(lambda events: any(name == "fact" and data["kind"] == kind for _, name, data in events))

    async def end(self):
        await self.task
        return self


class Client:
    """Asks an app."""

    def __init__(self, app):
        self.app = app

    async def call(self, method, path, body=None, headers=None, **scope):
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await Call(self.app, method, path, raw, headers, **scope).run()

    async def get(self, path, headers=None, **scope):
        return await self.call("GET", path, None, headers, **scope)

    async def post(self, path, body=None, headers=None, **scope):
        return await self.call("POST", path, body, headers, **scope)

    async def start(self, prompt="Hi", headers=None, **more):
        reply = await self.post("/runs", {"prompt": prompt, **more}, headers)
        assert reply.status == 201, reply.text
        return reply.json["run"]

    async def show(self, run):
        reply = await self.get(f"/runs/{run}")
        assert reply.status == 200, reply.text
        return reply.json

    @asynccontextmanager
    async def follow(self, path, headers=None, **scope):
        follower = Follower(Call(self.app, "GET", path, b"", headers, **scope))
        try:
            yield follower
        finally:
            follower.call.gone.set()
            await asyncio.wait([follower.task])

    async def finished(self, run):
        """Wait for the end of a run."""
        async with self.follow(f"/runs/{run}/events") as follower:
            return await follower.end()


class Gated:
    """A model that says each word when it is let, and then nothing more."""

    name = "gated:model"
    capabilities = Capabilities()

    def __init__(self, *words):
        self.words = words
        self.asked = asyncio.Event()
        self.let = asyncio.Semaphore(0)

    async def respond(self, request, emit=None, record=None):
        self.asked.set()
        for word in self.words:
            await self.let.acquire()
            if emit is not None:
                emit([TextDelta(word)])
        await self.let.acquire()
        return ModelResponse(Message.assistant("".join(self.words)), Usage(input=1, output=1), "stop", "gated", "1")


@tool
def ask_boss(question: str) -> str:
    """Ask the boss, who answers some time later."""
    raise Pending({"to": "boss"})


def asking(words="Good.", *, calls=1, **options):
    """An agent that asks its boss and then says something, in whatever process it is."""
    asked = [ToolCall(f"c{n}", "ask_boss", '{"question": "May I?"}') for n in range(1, calls + 1)]
    script = itertools.repeat(lambda request: words if request.messages[-1].role == "tool" else asked)
    return Agent(ScriptedModel(script), name="helper", tools=[ask_boss], **options)


@pytest.fixture
def gated():
    return Gated


@pytest.fixture
def asking_agent():
    return asking


@pytest.fixture
def http_call():
    return Call


@pytest.fixture
async def opened():
    """Opens an app of runs and gives a client of it; closed at the end of the test."""
    apps = []

    def open_app(agents, journal="memory:", **options):
        app = Runs(agents, journal, **options)
        apps.append(app)
        return Client(app)

    yield open_app
    for app in apps:
        await app.close(grace=0)


@pytest.fixture
def client_of():
    return Client
