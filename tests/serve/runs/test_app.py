"""The app of runs at its door: who is let in, what is refused, where it can be mounted, how it ends."""

import asyncio
import base64
import json

import aiohttp
import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.routing import Mount

from journeyman import Agent, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import CallerError, Secret, ToolCall
from journeyman.journal import load
from journeyman.models import ScriptedModel
from journeyman.serve import Gateway, RunBounds, Runs, serving

TOKEN = Secret("a-token-of-ours")
PATHS = [("GET", path) for path in ("/runs", "/agents", "/runs/x", "/runs/x/facts", "/runs/x/events", "/nowhere")] + [
    ("POST", path) for path in ("/runs", "/runs/x/answers", "/runs/x/cancel", "/runs/x/fork", "/runs/x/resume")
]


def helper(*script):
    return Agent(ScriptedModel(list(script)), name="helper")


# --- the door ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_token(opened, method, path):
    """Nothing is told or done without the token, not even what there is; the token itself is never told."""
    client = opened(helper(), token=TOKEN)
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN.reveal()}):
        reply = await client.call(method, path, {}, headers)
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        assert TOKEN.reveal() not in reply.text
    reply = await client.call(method, path, {}, {"authorization": f"Bearer {TOKEN.reveal()}"})
    assert reply.status not in (401, 403)


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_stranger_without_token(opened, method, path):
    """Without a token nobody but this machine is answered: no web page from elsewhere, and no name that points here."""
    client = opened(helper(), hosts=["Box.lan".lower()])
    for headers in (
        {"origin": "https://evil.example"},
        {"host": "evil.example:8080"},
        {"host": "box.lan", "origin": "null"},
    ):
        assert (await client.call(method, path, {}, headers)).status == 403
    for headers in ({}, {"host": "localhost:8080", "origin": "http://127.0.0.1:3000"}, {"host": "box.lan"}):
        assert (await client.call(method, path, {}, headers)).status != 403


async def test_not_beyond_loopback():
    """An app without a token is not served where others can reach it."""
    with pytest.raises(CallerError, match="token="):
        async with serving(Runs(helper(), "memory:"), "0.0.0.0"):  # noqa: S104  (that is the test)
            pass


# --- what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/runs", "GET, POST"),
        ("POST", "/agents", "GET"),
        ("GET", "/runs/x/cancel", "POST"),
        ("POST", "/runs/x/events", "GET"),
        ("OPTIONS", "/runs", "GET, POST"),
    ],
)
async def test_method(opened, method, path, allowed):
    """A method that does not fit is refused, and those that do are told."""
    reply = await opened(helper()).call(method, path)
    assert (reply.status, reply.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/runs//",
        "/runs/a/b",
        "/runs/../x",
        "/runs/%2e%2e",
        "/runs/.hidden",
        "/runs/" + "x" * 129,
        "/runs/a\x00b",
        "/runs/a b",
        "/runs/\n",
    ],
)
async def test_nothing_there(opened, path):
    """What is no place and no id is not found: ids may become the names of files."""
    assert (await opened(helper()).get(path)).status == 404


async def test_body_too_large(opened):
    """A body that is larger than the limit is refused with the limit's name, whether its size was declared or not."""
    client = opened(helper(), bounds=RunBounds(max_body_bytes=100))
    for headers in ({}, {"content-length": "9" * 20}):
        status, words = (await client.post("/runs", b"x" * 101, headers)).refusal
        assert status == 413
        assert "max_body_bytes=100" in words


async def test_body_too_slow(opened, http_call):
    """A body that does not come is not waited for longer than the limit says."""
    client = opened(helper(), bounds=RunBounds(body_seconds=0.01))
    call = http_call(client.app, "POST", "/runs")
    call._body = []
    status, words = (await call.run()).refusal
    assert status == 408
    assert "body_seconds=0.01" in words


async def test_client_that_hangs_up(opened, http_call):
    """A client that goes away in the middle of its request is not answered, and begins nothing."""
    client = opened(helper())
    call = http_call(client.app, "POST", "/runs")
    call._body = []
    call.gone.set()
    await client.app(call.scope, call.receive, call.send)
    assert call.sent == []
    assert (await client.get("/runs")).json["runs"] == []


async def test_what_is_not_foreseen(opened, caplog):
    """An error that nobody foresaw is told in the log and not to the client."""

    class Broken(MemoryLog):
        async def runs(self, query=None):
            raise RuntimeError("the password is 1234")

    status, words = (await opened(helper(), Broken()).get("/runs")).refusal
    assert status == 500
    assert "1234" not in words
    assert "1234" in caplog.text


async def test_two_agents_of_one_name():
    """Two agents of one name are refused: a run is taken up by name."""
    with pytest.raises(CallerError, match="'helper'"):
        Runs([helper(), helper()], "memory:")


async def test_health(opened):
    """Whoever looks whether the server is there needs no token, and may leave the answer's body."""
    client = opened(helper(), token=TOKEN)
    assert (await client.get("/health")).json == {"status": "ok"}
    assert (await client.call("HEAD", "/health")).status == 200
    gateway = client.__class__(Gateway({}, token=TOKEN))
    assert [(await gateway.call(method, "/health")).status for method in ("GET", "HEAD", "POST")] == [200, 200, 405]


# --- where it can be ------------------------------------------------------------------------------------------------------


async def use(url, root="", headers=None):
    """Begin a run, follow it by events and by WebSocket, and give its output."""
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(f"{url}{root}/runs", json={"prompt": "Hi"}) as reply:
            assert reply.status == 201, await reply.text()
            assert reply.headers["location"].startswith(f"{root}/runs/")
            at = f"{url}{reply.headers['location']}"
        async with session.get(f"{at}/events") as reply:
            text = await reply.text()
        assert "event: end" in text
        async with session.ws_connect(f"{at}/events?after=1") as socket:
            told = [json.loads(message.data) async for message in socket]
        assert [item["id"] for item in told if "id" in item] == [2, 3]
        assert told[-1] == {"event": "end", "data": {"after": 3}}
        assert socket.close_code == 1000
        async with session.get(at) as reply:
            return (await reply.json())["output"]


async def test_served():
    """An app is used over HTTP and WebSocket at the root of a server."""
    async with Runs(helper("Hello"), "memory:") as app, serving(app) as url:
        assert await use(url) == "Hello"


@pytest.mark.parametrize("framework", ["starlette", "fastapi", "litestar"])
async def test_mounted(framework):
    """An app is used in the same way below a path of an app of somebody else's."""
    async with Runs(helper("Hello"), "memory:") as runs:
        if framework == "starlette":
            app = Starlette(routes=[Mount("/agents/api", runs)])
        elif framework == "fastapi":
            app = FastAPI()
            app.mount("/agents/api", runs)
        else:
            app = Litestar(route_handlers=[asgi("/agents/api", is_mount=True, copy_scope=True)(_handler(runs))])
        async with serving(app) as url:
            assert await use(url, "/agents/api") == "Hello"


def _handler(app):
    async def handle(scope, receive, send):
        await app(scope, receive, send)

    # Litestar reads annotations and wants its own types.
    from litestar.types import Receive, Scope, Send

    handle.__annotations__ = {"scope": Scope, "receive": Receive, "send": Send, "return": None}
    return handle


# --- WebSocket ------------------------------------------------------------------------------------------------------------


async def test_socket_with_token():
    """A WebSocket shows the token in a header, or, from a browser, as a subprotocol; else it is refused as HTTP is."""
    shown = base64.urlsafe_b64encode(TOKEN.reveal().encode()).decode().rstrip("=")
    bearer = {"authorization": f"Bearer {TOKEN.reveal()}"}
    async with Runs(helper("Hello"), "memory:", token=TOKEN) as app, serving(app) as url:
        assert await use(url, headers=bearer) == "Hello"
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/runs", headers=bearer) as reply:
                run = (await reply.json())["runs"][0]["run"]
            for protocols in (
                (),
                ("journeyman",),
                ("journeyman", "journeyman.bearer.d3Jvbmc"),
                ("journeyman.bearer.A",),
            ):
                with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                    await session.ws_connect(f"{url}/runs/{run}/events", protocols=protocols)
                assert caught.value.status == 401
            protocols = ("journeyman", f"journeyman.bearer.{shown}")
            async with session.ws_connect(f"{url}/runs/{run}/events", protocols=protocols) as socket:
                assert socket.protocol == "journeyman"
                assert [message async for message in socket]


async def test_socket_of_a_strangers_page():
    """A web page from elsewhere cannot open a WebSocket where there is no token."""
    async with Runs(helper("Hello"), "memory:") as app, serving(app) as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{url}/runs/x/events", origin="https://evil.example")
        assert caught.value.status == 403


@pytest.mark.parametrize("path", ["/runs/nobody/events", "/runs", "/elsewhere", "/runs/.x/events"])
async def test_socket_to_nothing(path, caplog):
    """A WebSocket to what is not there is refused with the status that HTTP has for it, and nothing is logged as an error."""
    async with Runs(helper("Hello"), "memory:") as app, serving(app) as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{url}{path}")
        assert caught.value.status == 404
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_socket_that_talks(gated):
    """What a client says on a WebSocket is not heard, and one that says too much is cut off."""
    model = gated("Hello")
    async with Runs(Agent(model, name="a"), "memory:") as app, serving(app) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/runs", json={"prompt": "Hi"}) as reply:
            run = (await reply.json())["run"]
        async with session.ws_connect(f"{url}/runs/{run}/events") as socket:
            await socket.send_str('{"cancel": true}')
            await socket.send_bytes(b"\x00")
            model.let.release()
            model.let.release()
            told = [json.loads(message.data) async for message in socket]
        assert told[-1]["event"] == "end"
        async with session.ws_connect(f"{url}/runs/{run}/events?after=3") as socket:
            pass
        async with session.post(f"{url}/runs/{run}/fork", json={"at": 0}) as reply:
            branch = (await reply.json())["run"]
        async with session.ws_connect(f"{url}/runs/{branch}/events") as socket:
            await socket.send_str("x" * 5000)
            async for _ in socket:
                pass
            assert socket.close_code == 1009
        await session.post(f"{url}/runs/{branch}/cancel")


async def test_socket_of_a_server_that_cannot_refuse(opened):
    """Where a server cannot refuse with a status, the WebSocket is closed as a violation of policy."""
    sent = []

    async def send(event):
        sent.append(event)

    async def receive():
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/runs/x/events", "headers": [], "query_string": b""}
    await opened(helper()).app(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "404"}]


# --- the end --------------------------------------------------------------------------------------------------------------


async def test_close(opened):
    """At the end runs at work are told to rest after their iteration, and can be resumed."""
    reached, let = asyncio.Event(), asyncio.Event()

    @tool
    async def work() -> str:
        """Work until it is let."""
        reached.set()
        await let.wait()
        return "done"

    log = MemoryLog()
    agent = Agent(ScriptedModel([ToolCall("c1", "work", "{}")]), name="helper", tools=[work])
    client = opened(agent, log)
    run = await client.start()
    await reached.wait()
    closing = asyncio.ensure_future(client.app.close())
    await asyncio.sleep(0)
    let.set()
    await closing
    assert (await load(log, run)).state.status == "paused"


async def test_close_without_grace(gated):
    """A run that does not rest in time is cut off, and that is on its journal."""
    log, model = MemoryLog(), gated("…")
    app = Runs(Agent(model, name="a"), log)
    async with serving(app) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/runs", json={"prompt": "Hi"}) as reply:
            run = (await reply.json())["run"]
        await model.asked.wait()
    await app.close(grace=0)
    assert (await load(log, run)).state.status == "cancelled"


class Server:
    """A server that tells an app when it starts and stops."""

    def __init__(self, app):
        self.events = asyncio.Queue()
        self.sent = asyncio.Queue()
        self.task = asyncio.ensure_future(app({"type": "lifespan"}, self.events.get, self.sent.put))

    async def tell(self, kind):
        await self.events.put({"type": f"lifespan.{kind}"})
        return await self.sent.get()


async def test_lifespan(opened, gated):
    """An app that is a server's only one opens its journal with it, and at its end has the runs rest and closes."""
    model, log = gated("Hello"), MemoryLog()
    client = opened(Agent(model, name="a"), log)
    server = Server(client.app)
    assert await server.tell("startup") == {"type": "lifespan.startup.complete"}
    assert client.app._rounds is not None
    run = await client.start()
    await model.asked.wait()
    for _ in range(2):
        model.let.release()
    assert await server.tell("shutdown") == {"type": "lifespan.shutdown.complete"}
    await server.task
    assert client.app._desk is None
    assert (await load(log, run)).state.status == "finished"


async def test_lifespan_that_cannot_begin(opened):
    """A journal that cannot be opened is told to the server when it starts, and not by the first request."""
    server = Server(opened(helper(), "nowhere:").app)
    told = await server.tell("startup")
    assert told["type"] == "lifespan.startup.failed"
    assert "no address of a journal" in told["message"]
    await server.task


async def test_lifespan_of_an_app_with_nothing_to_do():
    """A gateway answers a server that starts and stops it."""
    server = Server(Gateway({}))
    assert [(await server.tell(kind))["type"] for kind in ("startup", "shutdown")] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    await server.task
