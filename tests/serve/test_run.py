"""Serving in the running loop: an address, an end that leaves nothing behind, and no marks on the process."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys

import aiohttp
import pytest

from journeyman.data import CallerError, Secret, TextDelta
from journeyman.serve import Gateway, serving
from journeyman.serve.run import HANG_UP, _Server, _url


async def hello(scope, receive, send):
    """The smallest app."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello", "more_body": False})


class Slow:
    """An app that answers when it is let, and writes down how it ended."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.let = asyncio.Event()
        self.ended = []

    async def __call__(self, scope, receive, send):
        self.asked.set()
        try:
            await self.let.wait()
            await hello(scope, receive, send)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("answered")


async def get(url, **options):
    async with aiohttp.ClientSession() as session, session.get(url, **options) as reply:
        return reply.status, await reply.text()


async def test_serving():
    """An app answers at the address that is given, on a free port of this machine."""
    async with serving(hello) as url:
        assert url.startswith("http://127.0.0.1:")
        assert await get(url) == (200, "hello")


async def test_end():
    """After the end nobody listens, and no task and no connection that was kept open is left."""
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with serving(hello) as url:
            for _ in range(2):
                async with session.get(url) as reply:
                    await reply.read()
            assert len(session.connector._conns) == 1
        assert asyncio.all_tasks() == before
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(url)
    gc.collect()  # what was left open would warn here, and warnings are errors


async def test_end_under_a_request(caplog):
    """A request under way at the end is cancelled and its connection closed, without a word in the log."""
    slow = Slow()
    async with serving(slow) as url:
        asking = asyncio.create_task(get(url))
        await slow.asked.wait()
    assert slow.ended == ["cancelled"]
    with pytest.raises(aiohttp.ClientError):
        await asking
    assert caplog.records == []


async def test_grace():
    """A request under way at the end is answered within the grace, while an idle connection is closed and nothing new is let in."""
    slow = Slow()
    async with aiohttp.ClientSession() as idle, contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(slow, grace=60))
        slow.let.set()
        async with idle.get(url) as reply:
            await reply.read()
        slow.let.clear()
        slow.asked.clear()
        asking = asyncio.create_task(get(url))
        await slow.asked.wait()
        ending = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0)
        with pytest.raises(aiohttp.ClientConnectionError):
            await get(url)
        slow.let.set()
        assert await asking == (200, "hello")
        await ending
    assert slow.ended == ["answered", "answered"]


async def test_grace_is_over():
    """What is not answered within the grace is cancelled."""
    slow = Slow()
    async with serving(slow, grace=0.01) as url:
        asking = asyncio.create_task(get(url))
        await slow.asked.wait()
    assert slow.ended == ["cancelled"]
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_app_that_cancels_itself(caplog):
    """An app that is cancelled while the server lives is a failure like any other."""

    async def cancelled(scope, receive, send):
        raise asyncio.CancelledError

    async with serving(cancelled) as url:
        assert (await get(url))[0] == 500
    assert "Exception in ASGI application" in caplog.text


async def test_port_is_taken():
    """A port that is taken is an error of the caller's that names it, not the end of the process."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CallerError, match=f"127.0.0.1:{port}"):
            async with serving(hello, port=port):
                pass


@pytest.mark.parametrize("where", [("127.0.0.1", 99_999), ("192.0.2.1", 0)])
async def test_no_place_to_listen(where):
    """A place where nobody can listen (192.0.2.1 is nobody's, RFC 5737) is an error of the caller's."""
    with pytest.raises(CallerError, match="cannot listen"):
        async with serving(hello, *where):
            pass


async def test_all_addresses():
    """The address of a server on all addresses is one that a client on this machine can use."""
    async with serving(hello, "0.0.0.0") as url:  # noqa: S104  (that is the test)
        assert url.startswith("http://127.0.0.1:")
        assert await get(url) == (200, "hello")


@pytest.mark.parametrize(
    ("bound", "url"),
    [(("::1", 80), "http://[::1]:80"), (("::", 80), "http://[::1]:80"), (("10.0.0.1", 80), "http://10.0.0.1:80")],
)
def test_url(bound, url):
    """An IPv6 address stands in brackets (RFC 3986, 3.2.2)."""
    assert _url(*bound) == url


async def test_gateway_beyond_this_machine():
    """A gateway without a token is not let out; with one it is."""
    with pytest.raises(CallerError, match="token="):
        async with serving(Gateway({}), "0.0.0.0"):  # noqa: S104  (it is refused)
            pass
    async with serving(Gateway({}, token=Secret("t")), "0.0.0.0") as url:  # noqa: S104  (that is the test)
        assert await get(f"{url}/health") == (200, '{"status":"ok"}')


async def test_large_headers():
    """Headers without end are refused, and not kept in memory."""
    async with serving(hello) as url:
        assert (await get(url, headers={"x": "y" * 20_000}))[0] == 200
        with contextlib.suppress(aiohttp.ClientError):
            assert (await get(url, headers={"x": "y" * 2_000_000}))[0] == 400


async def test_connections_that_say_nothing():
    """Who connects and sends no whole head is hung up on, also after a request; who waits for an answer is not."""
    app = Slow()
    server = _Server(app)
    host, _, port = (await server.listen("127.0.0.1", 0)).removeprefix("http://").partition(":")
    ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    silent, partial, busy, after = [await asyncio.open_connection(host, int(port)) for _ in range(4)]
    app.let.set()
    after[1].write(ask)
    await after[0].readuntil(b"0\r\n\r\n")
    app.let.clear()
    after[1].write(b"G")
    partial[1].write(b"GET / HT")
    app.asked.clear()
    busy[1].write(ask)
    await app.asked.wait()
    for _ in range(2):
        server._sweep()
    for reader, _ in (silent, partial, after):
        assert await reader.read() == b""
    app.let.set()
    assert (await busy[0].readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")
    for _ in range(3):
        # Without a request at each sweep, but not since the one before.
        busy[1].write(ask)
        assert await busy[0].readuntil(b"0\r\n\r\n")
        server._sweep()
    await server.close(0)
    for _, writer in (silent, partial, busy, after):
        writer.close()


async def test_nothing_of_the_process_is_touched(caplog):
    """Signals, other servers' access logs and the headers of replies stay as they are; requests are not logged."""
    caplog.set_level(logging.DEBUG)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    access = logging.getLogger("uvicorn.access")
    before = (access.level, list(access.handlers), access.propagate)
    async with serving(hello) as url, aiohttp.ClientSession() as session, session.get(url) as reply:
        assert "server" not in reply.headers
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        assert (access.level, list(access.handlers), access.propagate) == before
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


async def test_hang_up():
    """An app may end the connection of its request, and only that one."""
    slow = Slow()

    async def app(scope, receive, send):
        if scope["path"] == "/slow":
            await slow(scope, receive, send)
        else:
            scope["extensions"][HANG_UP](reset=scope["path"] == "/reset")

    async with serving(app) as url:
        asking = asyncio.create_task(get(f"{url}/slow"))
        await slow.asked.wait()
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await get(f"{url}/close")
        with pytest.raises(aiohttp.ClientOSError):
            await get(f"{url}/reset")
        slow.let.set()
        assert await asking == (200, "hello")


@pytest.mark.parametrize("stream", [False, True])
async def test_client_hangs_up(stream):
    """A client that leaves, over real HTTP, cancels the question that it asked a gateway."""
    asked, cancelled = asyncio.Event(), asyncio.Event()

    class Slowly:
        name = "slow:model"

        async def respond(self, request, emit=None, record=None):
            if emit:
                emit([TextDelta("Well")])
            asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}

    async def ask(url):
        async with aiohttp.ClientSession() as session, session.post(f"{url}/chat/completions", json=body) as reply:
            await reply.read()

    async with serving(Gateway(Slowly())) as url:
        asking = asyncio.create_task(ask(url))
        await asked.wait()
        asking.cancel()
        await cancelled.wait()


def test_without_uvicorn(monkeypatch):
    """Without uvicorn the error says how to get it."""
    monkeypatch.setitem(sys.modules, "uvicorn.config", None)
    with pytest.raises(CallerError, match=r'pip install "journeyman\[serve\]"'):
        asyncio.run(serving(hello).__aenter__())


def test_without_warnings():
    """A whole life, from the start of a loop to its end, leaves no warning behind."""

    async def live():
        async with serving(hello) as url:
            return await get(url)

    assert asyncio.run(live()) == (200, "hello")
    gc.collect()
