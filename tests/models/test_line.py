"""The line to a vendor: the address, the key, the signature, and what of them is shown."""

from __future__ import annotations

import contextlib
import traceback

import pytest

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    ProviderError,
    Settings,
    TextDelta,
    ToolSpec,
)
from journeyman.models import WiredModel
from journeyman.providers import Capabilities, Endpoint, Vendor, endpoint
from journeyman.wire import HttpReply, HttpRequest, dialect

KEY = "k-0123456789abcdefghij"
WORDS = ModelRequest("", (Message.user("Hi"),))
SAID = (
    b'{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":'
    b'{"role":"assistant","content":"Hello there"}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'
)


class Wires:
    """A transport that remembers what left and gives one and the same reply."""

    def __init__(self, status=200, body=SAID):
        self.left: list[HttpRequest] = []
        self.head = HttpReply(status, {"content-type": "application/json"})
        self.body = body

    @contextlib.asynccontextmanager
    async def exchange(self, request):
        self.left.append(request)
        yield self

    async def read(self):
        return self.body

    async def close(self):
        raise AssertionError("it is its caller's")


def model_of(row, wires, *, capabilities=None, place=None, **given):
    def where():
        return place or endpoint(row, {}, base_url=None, api_key=given.get("key", KEY))

    return WiredModel(
        f"{row.name}:m",
        dialect("openai_chat"),
        where=where,
        capabilities=capabilities or Capabilities(),
        shared=lambda: wires,
        fresh=None,
    )


def row(**given):
    return Vendor(**{"name": "own", "dialect": "openai_chat", "base_url": "https://own.example/v1", **given})


async def test_constant_headers_go_along():
    """Those of the row, and the key; they are worked out once."""
    wires = Wires()
    model = model_of(row(headers=(("x-version", "7"),), auth="x-own-key"), wires)
    await model.respond(WORDS)
    await model.respond(WORDS)
    for request in wires.left:
        assert request.path == "https://own.example/v1/chat/completions"
        assert (request.headers["x-version"], request.headers["x-own-key"]) == ("7", KEY)
    shown = model.preview(WORDS)
    assert shown.headers["x-version"] == "7"
    assert shown.headers["x-own-key"] == "***"


@pytest.mark.parametrize("auth", ["bearer", "api-key", "x-goog-api-key", "x-api-key", "x-anything", "?key"])
async def test_no_key_is_shown_wherever_it_travels(auth):
    """Neither in a preview nor in an error of the provider's that repeats it."""
    wires = Wires(401, b'{"error":{"message":"wrong key %b, dear"}}' % KEY.encode())
    model = model_of(row(auth=auth), wires)
    assert KEY not in repr(model.preview(WORDS))
    with pytest.raises(ProviderError) as caught:
        await model.respond(WORDS)
    assert KEY in wires.left[0].path or KEY in str(wires.left[0].headers)
    assert "wrong key ***, dear" in caught.value.message
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in f"{shown} {caught.value.body} {caught.value!r}"


async def test_a_password_in_the_address_is_not_shown():
    """Nor is a key in its query; both leave."""
    secret_row = row(base_url="https://user:hunter2222@own.example/v1?key=query-secret&api-version=3")
    wires = Wires(500, b'{"error":{"message":"hunter2222 query-secret"}}')
    model = model_of(secret_row, wires)
    shown = model.preview(WORDS)
    assert shown.path == "https://own.example/v1/chat/completions?key=***&api-version=3"
    with pytest.raises(ProviderError) as caught:
        await model.respond(WORDS)
    assert wires.left[0].path.endswith("/chat/completions?key=query-secret&api-version=3")
    assert "hunter2222" not in str(caught.value)
    assert "query-secret" not in str(caught.value)


async def test_each_request_is_signed_as_it_leaves():
    """Anew, with its whole address and its body; what the signer put in is scrubbed from errors."""
    count = 0

    async def sign(request):
        nonlocal count
        count += 1
        headers = {**request.headers, "authorization": f"Bearer token-of-request-{count}", "signed": request.path}
        return HttpRequest(request.method, request.path, headers, request.body)

    place = Endpoint(row(auth="aws"), "https://own.example/v1", None, authorize=sign)
    wires = Wires(403, b'{"error":{"message":"token-of-request-1 has run out"}}')
    model = model_of(row(), wires, place=place)
    assert "authorization" not in model.preview(WORDS).headers
    with pytest.raises(ProviderError, match=r"\*\*\* has run out"):
        await model.respond(WORDS)
    with pytest.raises(ProviderError):
        await model.respond(WORDS)
    assert [request.headers["authorization"][-1] for request in wires.left] == ["1", "2"]
    assert wires.left[0].headers["signed"] == "https://own.example/v1/chat/completions"


async def test_an_error_of_the_signer_names_the_model():
    """A token that cannot be had is the provider's failure, told like any other; nothing has left."""

    async def sign(request):
        raise ProviderError("no token today", kind="authentication")

    wires = Wires()
    model = model_of(row(), wires, place=Endpoint(row(), "https://own.example", None, authorize=sign))
    with pytest.raises(ProviderError, match="own:m: no token today") as caught:
        await model.respond(WORDS)
    assert caught.value.kind == "authentication"
    assert wires.left == []


# --- what a model lacks -------------------------------------------------------------------------------------------------

PICTURE = Message.user(["What is it?", Image("image/png", b"x")])
NOTHING = Capabilities(
    tools=False, json_schema=False, vision=False, audio=False, video=False, documents=False, thinking=False
)


@pytest.mark.parametrize(
    ("request_", "ability"),
    [
        (ModelRequest("", WORDS.messages, (ToolSpec("f"),)), "tools"),
        (ModelRequest("", WORDS.messages, output=JsonOutput(schema={"type": "object"})), "json_schema"),
        (ModelRequest("", WORDS.messages, settings=Settings(reasoning_effort="high")), "thinking"),
        (ModelRequest("", (PICTURE,)), "vision"),
        (ModelRequest("", (Message.user([Audio("audio/wav", b"x")]),)), "audio"),
        (ModelRequest("", (Message.user([Document("application/pdf", b"x")]),)), "documents"),
    ],
)
async def test_what_a_model_lacks_is_refused_before_anything_leaves(request_, ability):
    """Naming both, each time it is asked, also in a preview; what is merely not known leaves."""
    wires = Wires()
    model = model_of(row(), wires, capabilities=NOTHING)
    for _ in range(2):
        with pytest.raises(CallerError, match=f"own:m .*{ability}.* nothing was sent"):
            await model.respond(request_)
    with pytest.raises(CallerError):
        model.preview(request_)
    assert wires.left == []
    unknown = model_of(
        row(),
        wires,
        capabilities=Capabilities(**dict.fromkeys(("vision", "json_schema", "audio", "documents", "thinking"))),
    )
    await unknown.respond(request_)
    assert len(wires.left) == 1


async def test_a_history_is_looked_through_once():
    """A turn looks at what is new: the parts of old messages are not touched again."""

    class Watched(tuple):
        __slots__ = ()
        seen = 0

        def __iter__(self):
            Watched.seen += 1
            return super().__iter__()

    wires = Wires()
    model = model_of(row(), wires, capabilities=Capabilities(vision=False))
    history = [Message("user", Watched(Message.user("one").parts)), Message.assistant("two")]
    model._check(ModelRequest("", tuple(history)))
    assert Watched.seen == 1
    for turn in range(5):
        history += [Message.user(f"question {turn}"), Message.assistant("answer")]
        model._check(ModelRequest("", tuple(history)))
    assert Watched.seen == 1


@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_a_picture_is_found_wherever_it_comes_in(place):
    """Also in a history of which a part was seen before, and in front of it."""
    model = model_of(row(), Wires(), capabilities=Capabilities(vision=False))
    words = [Message.user("a"), Message.assistant("b"), Message.user("c")]
    model._check(ModelRequest("", tuple(words)))
    words.insert(place, PICTURE)
    with pytest.raises(CallerError, match="vision"):
        model._check(ModelRequest("", tuple(words)))
    with pytest.raises(CallerError, match="vision"):
        model._check(ModelRequest("", tuple(words)))


async def test_what_one_model_has_seen_another_sees_for_itself():
    """A message that the one takes, the other may not."""
    blind = model_of(row(), Wires(), capabilities=Capabilities(vision=False))
    deaf = model_of(row(), Wires(), capabilities=Capabilities(audio=False))
    request = ModelRequest("", (PICTURE,))
    deaf._check(request)
    with pytest.raises(CallerError, match="vision"):
        blind._check(request)


async def test_a_model_that_does_not_stream_is_asked_for_the_whole():
    """Its words are shown all the same."""
    wires = Wires()
    deltas = []
    await model_of(row(), wires, capabilities=Capabilities(streaming=False)).respond(WORDS, deltas.extend)
    assert b'"stream":false' in wires.left[0].body
    assert deltas == [TextDelta("Hello"), TextDelta(" there")]
