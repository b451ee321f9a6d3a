"""HTTP over aiohttp: every way in which a reply fails to come, and connections that are closed when they should be."""

import asyncio
import contextlib
import gc
import os
import pathlib
import socket
import ssl
import struct

import pytest
from yarl import URL

from journeyman import compose
from journeyman.adapters import transport_aiohttp
from journeyman.adapters.transport_aiohttp import AiohttpTransport
from journeyman.data import CallerError, ProviderError
from journeyman.wire import HttpRequest

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    """The proxies of whoever runs the tests are no part of them."""
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


class Server:
    """A server on loopback that says what it is told to, byte by byte, and writes down what happens to it."""

    def __init__(self, *replies, ends=True):
        self.replies = list(replies)
        self.ends = ends
        self.requests = []
        self.connections = 0
        self.heard = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, reader, writer):
        self.connections += 1
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = [line[16:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
                    chunked = b"transfer-encoding: chunked" in head.lower()
                    body = (
                        await reader.readuntil(b"0\r\n\r\n")
                        if chunked
                        else await reader.readexactly(int((length or [b"0"])[0]))
                    )
                    self.requests.append((head, body))
                    self.heard.set()
                    writer.write(self.replies[min(len(self.requests), len(self.replies)) - 1])
                    if self.ends:
                        return
            self.left.set()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def listening(server, **options):
    """The address of a server."""
    listener = await asyncio.start_server(server, "127.0.0.1", 0, limit=1 << 26, **options)
    try:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


@contextlib.asynccontextmanager
async def opened(**options):
    """A transport that is closed at the end."""
    transport = AiohttpTransport(**options)
    try:
        yield transport
    finally:
        await transport.close()


async def ask(transport, url, body=b"{}", headers=None):
    async with transport.exchange(HttpRequest("POST", url, headers or {}, body)) as reply:
        return reply.head, await reply.read()


async def failing(url, body=b"{}", **options):
    """The error with which a request fails."""
    async with opened(**options) as transport:
        with pytest.raises(ProviderError) as caught:
            await ask(transport, url, body)
    return caught.value


async def test_reply():
    """A reply comes with its status, its headers in lower case and its whole body; the request leaves as it was given."""
    server = Server(b"HTTP/1.1 418 Teapot\r\nX-Request-ID: a1\r\nContent-Length: 5\r\n\r\nshort")
    async with listening(server) as address, opened() as transport:
        head, body = await ask(transport, f"http://{address}/v1/chat?x=1", b'{"a": 1}', {"authorization": "Bearer k"})
    assert (head.status, head.headers["x-request-id"], body) == (418, "a1", b"short")
    ((sent, content),) = server.requests
    assert sent.startswith(b"POST /v1/chat?x=1 HTTP/1.1\r\n")
    assert b"authorization: bearer k\r\n" in sent.lower()
    assert content == b'{"a": 1}'


async def test_reply_without_body():
    """A reply that has no body is read as empty bytes."""
    async with listening(Server(b"HTTP/1.1 204 No Content\r\n\r\n")) as address, opened() as transport:
        head, body = await ask(transport, f"http://{address}/")
    assert (head.status, body) == (204, b"")


async def test_connection_is_kept():
    """Two requests that were read to their end use one connection."""
    server = Server(OK, ends=False)
    async with listening(server) as address, opened() as transport:
        await ask(transport, f"http://{address}/")
        await ask(transport, f"http://{address}/")
    assert (len(server.requests), server.connections) == (2, 1)


async def test_half_read_reply_closes_its_connection():
    """A reply that is left before its end costs its connection at once, not when memory is collected."""
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ends=False)
    async with listening(server) as address, opened() as transport:
        async with transport.exchange(HttpRequest("POST", f"http://{address}/", {}, b"")) as reply:
            assert await anext(aiter(reply.chunks())) == b"half"
        await server.left.wait()


async def test_no_cookies():
    """What one reply sets as a cookie does not go out with the next request."""
    server = Server(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n", ends=False)
    async with listening(server) as address, opened() as transport:
        await ask(transport, f"http://{address}/")
        await ask(transport, f"http://{address}/")
    assert b"cookie" not in server.requests[1][0].lower()


async def test_unreachable():
    """A port where nobody listens is a connection error that names the address."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        error = await failing(f"{address}/v1")
    assert (error.kind, error.status) == ("connection", None)
    assert address in error.message


async def test_impossible_host():
    """A host that cannot exist is a connection error that names it (RFC 1035 ends a label at 63 letters)."""
    error = await failing(f"http://{'a' * 64}.example/v1")
    assert error.kind == "connection"
    assert f"{'a' * 64}.example" in error.message


async def test_tls_to_a_plain_server():
    """A server that does not speak TLS where https is asked for is a connection error."""

    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with listening(plain) as address:
        error = await failing(f"https://{address}/")
    assert error.kind == "connection"
    assert f"https://{address}" in error.message


async def test_untrusted_certificate():
    """A certificate that nobody vouches for is a connection error that says so, and no request reaches the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pathlib.Path(__file__).with_name("self_signed.pem"))
    server = Server(OK)
    async with listening(server, ssl=context) as address:
        error = await failing(f"https://{address}/")
    assert error.kind == "connection"
    assert "certificate" in error.message.lower()
    assert server.requests == []


async def test_no_reply_in_time():
    """Silence instead of a reply is a timeout."""
    async with listening(Server(b"", ends=False)) as address:
        error = await failing(f"http://{address}/", read_timeout=0.01)
    assert error.kind == "timeout"
    assert "127.0.0.1" in error.message


async def test_silence_within_a_reply():
    """Silence in the middle of a reply is a timeout, too."""
    async with listening(Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", ends=False)) as address:
        error = await failing(f"http://{address}/", read_timeout=0.01)
    assert error.kind == "timeout"
    assert "middle" in error.message


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nhalf",
    ],
    ids=["length", "between-chunks", "in-a-chunk", "bad-gzip"],
)
async def test_broken_off(reply):
    """A body that ends early or makes no sense is a stream error."""
    async with listening(Server(reply)) as address:
        error = await failing(f"http://{address}/")
    assert (error.kind, error.status) == ("stream", None)


@pytest.mark.parametrize(
    "reply", [b"", b"SSH-2.0-OpenSSH_9.9\r\n", b"HTTP/1.1 200 OK\r\nContent-"], ids=["none", "ssh", "half"]
)
async def test_no_head(reply):
    """A server that hangs up, or answers something else than HTTP, before a reply has begun is a connection error."""
    async with listening(Server(reply)) as address:
        error = await failing(f"http://{address}/")
    assert error.kind == "connection"


async def test_reset():
    """A connection that is reset before any reply is a connection error."""

    async def reset(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with listening(reset) as address:
        error = await failing(f"http://{address}/")
    assert error.kind == "connection"


async def test_redirect_is_not_followed():
    """A redirect is handed back as it is: following it would carry the key to a place that nobody named."""
    elsewhere = Server(OK)
    async with listening(elsewhere) as other, opened() as transport:
        redirect = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{other}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with listening(Server(redirect)) as address:
            head, _ = await ask(transport, f"http://{address}/")
    assert head.status == 307
    assert elsewhere.requests == []


async def test_proxy_from_the_environment(monkeypatch):
    """A proxy that the environment names carries requests, with the proxy's own credentials and the whole address."""
    server = Server(OK)
    async with listening(server) as address, opened() as transport:
        monkeypatch.setenv("http_proxy", f"http://me:pw@{address}")
        head, _ = await ask(transport, "http://model.invalid/v1")
    ((sent, _),) = server.requests
    assert head.status == 200
    assert sent.startswith(b"POST http://model.invalid/v1 HTTP/1.1\r\n")
    assert b"proxy-authorization: basic " in sent.lower()


async def test_proxy_for_everything(monkeypatch):
    """`all_proxy` is used where no other variable fits."""
    server = Server(OK)
    async with listening(server) as address, opened() as transport:
        monkeypatch.setenv("all_proxy", f"http://{address}")
        await ask(transport, "http://model.invalid/v1")
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_no_proxy_to_this_machine(monkeypatch, name):
    """A model server on this machine is asked directly, whatever the environment says."""
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    server = Server(OK)
    async with listening(server) as address, opened() as transport:
        head, _ = await ask(transport, f"http://{name}:{address.rpartition(':')[2]}/")
    assert head.status == 200


async def test_no_proxy(monkeypatch):
    """What `no_proxy` names is asked directly."""
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "model.invalid")
    async with opened() as transport:
        transport._open()
        assert transport._proxy(URL("http://model.invalid/v1")) is None
        assert transport._proxy(URL("http://other.invalid/v1")) == "http://proxy.invalid:3128"


async def test_unreachable_proxy(monkeypatch):
    """A proxy that cannot be reached is a connection error that does not show its password."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://me:proxypassword@127.0.0.1:{bound.getsockname()[1]}")
        error = await failing("http://model.invalid/v1")
    assert error.kind == "connection"
    assert "proxypassword" not in f"{error.message} {error.__cause__!r}"


async def test_proxy_of_another_kind(monkeypatch):
    """A proxy that is no HTTP proxy is a clear error, not a request past it."""
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:1080")
    error = await failing("http://model.invalid/v1")
    assert error.kind == "connection"


@pytest.mark.parametrize("url", ["http://host:99999/", "http://[::1/"])
async def test_no_web_address(url):
    """An address that is none is the caller's to mend."""
    async with opened() as transport:
        with pytest.raises(CallerError, match="no web address"):
            await ask(transport, url)


async def test_address_without_host():
    """An address without a host is an error of ours, not of aiohttp's."""
    assert (await failing("http:///v1")).kind == "connection"


async def test_bad_header():
    """A key with a line break in it does not leave, and is not shown."""
    async with listening(Server(OK)) as address, opened() as transport:
        with pytest.raises(ProviderError) as caught:
            await ask(transport, f"http://{address}/", headers={"authorization": "Bearer sk-abc\r\nx: y"})
    assert caught.value.kind == "connection"
    assert "sk-abc" not in caught.value.message


async def test_large_bodies():
    """Megabytes go out and come in whole."""
    large = bytes(range(256)) * 12_000
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) + large
    server = Server(reply)
    async with listening(server) as address, opened() as transport:
        _, body = await ask(transport, f"http://{address}/", large)
    assert server.requests[0][1] == large
    assert body == large


async def test_body_without_end(monkeypatch):
    """A body larger than any answer is refused before it fills the memory."""
    monkeypatch.setattr(transport_aiohttp, "MAX_BODY_BYTES", 3)
    async with listening(Server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfour", ends=False)) as address:
        error = await failing(f"http://{address}/")
    assert error.kind == "server"
    assert "larger than 3 bytes" in error.message


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], ids=["before", "within"])
async def test_cancelling_closes_the_connection(reply):
    """A request that is cancelled, before its reply or within it, is gone for the server at once."""
    server = Server(reply, ends=False)
    async with listening(server) as address, opened() as transport:
        task = asyncio.create_task(ask(transport, f"http://{address}/"))
        await server.heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.left.wait()


async def test_deadline_is_no_timeout_of_the_provider():
    """Somebody else's deadline around a request stays theirs."""
    async with listening(Server(b"", ends=False)) as address, opened() as transport:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await ask(transport, f"http://{address}/")


async def test_closed_and_used_again():
    """A closed transport opens again with its next request; closing twice does no harm."""
    async with listening(Server(OK)) as address, opened() as transport:
        await ask(transport, f"http://{address}/")
        await transport.close()
        await transport.close()
        head, _ = await ask(transport, f"http://{address}/")
    assert head.status == 200


async def test_closed_under_a_request():
    """Closing between the making of a request and its leaving is an error that says so."""
    async with opened() as transport:
        exchange = transport.exchange(HttpRequest("POST", "http://127.0.0.1/", {}, b""))
        await transport.close()
        with pytest.raises(CallerError, match="was closed"):
            await exchange.__aenter__()


def test_two_loops():
    """A transport that was opened in one event loop refuses to work in another."""
    transport = AiohttpTransport()

    async def first():
        transport.exchange(HttpRequest("POST", "http://127.0.0.1/", {}, b""))

    async def second():
        with pytest.raises(CallerError, match="another event loop"):
            transport.exchange(HttpRequest("POST", "http://127.0.0.1/", {}, b""))

    with asyncio.Runner() as one, asyncio.Runner() as two:
        one.run(first())
        two.run(second())
        one.run(transport.close())
        two.run(ask_nobody(transport))


async def ask_nobody(transport):
    """Once closed, it may be opened anywhere."""
    transport.exchange(HttpRequest("POST", "http://127.0.0.1/", {}, b""))
    await transport.close()


def test_the_loops_transport_ends_with_the_loop():
    """The transport that a loop shares is one, is closed when the loop shuts down, and leaves no warning behind."""

    async def use():
        server = Server(OK, ends=False)
        async with listening(server) as address:
            await ask(compose.loop_transport(), f"http://{address}/")
            await ask(compose.loop_transport(), f"http://{address}/")
        assert server.connections == 1
        return compose.loop_transport()

    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second
    assert (first._session, second._session) == (None, None)
    gc.collect()  # what was left open would warn here, and warnings are errors


def test_loop_is_not_kept():
    """A closed transport does not hold on to its event loop."""
    transport = AiohttpTransport()
    asyncio.run(ask_nobody(transport))
    assert transport._loop is None
