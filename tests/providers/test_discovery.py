"""Who is asked for models, and what comes of those that do not answer."""

from __future__ import annotations

import asyncio
import contextlib
import json

import pytest

from journeyman.data import CallerError, ProviderError
from journeyman.providers import VENDORS, Asked, AvailableModel, Endpoint, discover, discovery, endpoint, vendors_to_ask
from journeyman.wire import HttpReply

KEY = "k" * 20


class Web:
    """A transport that answers by host and path, in whatever way it is told."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    @contextlib.asynccontextmanager
    async def exchange(self, request):
        self.asked.append(request)
        answer = self.answers(request.path)
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        status, body = answer
        yield Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode())

    async def close(self):
        raise AssertionError("it is its caller's")


class Reply:
    def __init__(self, status, body):
        self.head = HttpReply(status, {})
        self.body = body

    async def chunks(self):
        for start in range(0, len(self.body), 1_000_000):
            yield self.body[start : start + 1_000_000]


def at(name, environ=None, *, guessed=False):
    return Asked(VENDORS[name], lambda: endpoint(VENDORS[name], environ or {}, base_url=None, api_key=KEY), guessed)


async def test_all_are_asked_at_once():
    """Nobody waits for another: each answers only when all have been asked."""
    met = asyncio.Barrier(3)

    class Meeting(Web):
        @contextlib.asynccontextmanager
        async def exchange(self, request):
            await met.wait()
            async with super().exchange(request) as reply:
                yield reply

    web = Meeting(lambda path: (200, {"data": [{"id": path.split("/")[2]}]}))
    found = await discover([at("openai"), at("groq"), at("xai")], web, patience=30)
    assert [model.name for model in found.models] == ["openai:api.openai.com", "groq:api.groq.com", "xai:api.x.ai"]
    assert found.of("groq") == ("api.groq.com",)
    assert found.unreachable == ()
    assert found.addresses["xai"] == "https://api.x.ai/v1"


async def test_one_that_fails_is_told_and_hides_no_other():
    """With the reason, in words that hold no key; a server that was only guessed at is marked."""

    def answers(path):
        if "groq" in path:
            return 401, {"error": f"wrong key {KEY}"}
        if "x.ai" in path:
            return ProviderError("cannot reach https://api.x.ai", kind="connection")
        if "11434" in path:
            return None
        if "1234" in path:
            return 200, b"<html>"
        return 200, {"data": [{"id": "m"}]}

    def missing():
        raise CallerError("there is no key: set SOME_KEY")

    places = [
        at("openai"),
        at("groq"),
        at("xai"),
        at("ollama", guessed=True),
        at("lmstudio"),
        Asked(VENDORS["zai"], missing),
    ]
    found = await discover(places, Web(answers), patience=0.01)
    assert found.models == (AvailableModel("openai", "m"),)
    told = {item.vendor: item for item in found.unreachable}
    assert told["groq"].reason == "the key is not accepted (HTTP status 401)"
    assert told["xai"].reason == "cannot reach https://api.x.ai"
    assert told["ollama"].reason == "no answer within 0.01 s"
    assert told["ollama"].guessed
    assert not told["groq"].guessed
    assert "no model server" in told["lmstudio"].reason
    assert "SOME_KEY" in told["zai"].reason
    assert KEY not in repr(found)


async def test_pages_are_followed_to_their_end():
    """And a name that comes twice is one model."""

    def answers(path):
        if "after_id=b" in path:
            return 200, {"data": [{"id": "b"}, {"id": "c"}], "has_more": False, "last_id": "c"}
        return 200, {"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}

    found = await discover([at("anthropic")], Web(answers), patience=30)
    assert found.of("anthropic") == ("a", "b", "c")


async def test_a_list_without_an_end_ends():
    """A server cannot keep us for ever, neither with pages nor with bytes."""
    endless = Web(lambda _: (200, {"data": [{"id": "a"}], "has_more": True, "last_id": "a"}))
    assert (await discover([at("anthropic")], endless, patience=30)).of("anthropic") == ("a",)
    assert len(endless.asked) == discovery.MOST_PAGES
    long = Web(lambda _: (200, b" " * (discovery.MOST_BYTES + 1)))
    (told,) = (await discover([at("openai")], long, patience=30)).unreachable
    assert "has no end" in told.reason


async def test_requests_are_signed_where_that_is_asked_for():
    """Each page anew, for a signature holds for one address."""

    async def sign(request):
        return type(request)(request.method, request.path, {**request.headers, "signature": request.path}, request.body)

    row = VENDORS["bedrock"]
    place = Endpoint(row, "https://bedrock-runtime.here.amazonaws.com", None, authorize=sign)
    web = Web(lambda _: (200, {"modelSummaries": [{"modelId": "m"}]}))
    assert (await discover([Asked(row, lambda: place)], web, patience=30)).of("bedrock") == ("m",)
    assert web.asked[0].headers["signature"] == web.asked[0].path


def test_whoever_the_environment_speaks_of_is_asked():
    """Keys and addresses; and the servers that usually run on a machine, as guesses."""
    environ = {"GROQ_API_KEY": KEY, "VLLM_BASE_URL": "http://box/v1", "PERPLEXITY_API_KEY": KEY, "OLLAMA_HOST": "box"}
    asked = {vendor.name: guessed for vendor, guessed in vendors_to_ask(None, environ)}
    # Perplexity gives no list.
    assert asked == {"groq": False, "vllm": False, "ollama": False, "lmstudio": True, "llamacpp": True}


def test_who_is_named_is_asked():
    """And nobody else; one without a list cannot be."""
    assert [(vendor.name, guessed) for vendor, guessed in vendors_to_ask(["google", "ollama-chat"], {})] == [
        ("gemini", False), ("ollama-chat", False)
    ]  # fmt: skip
    with pytest.raises(CallerError, match="'nobody' is not known"):
        vendors_to_ask(["nobody"], {})
    with pytest.raises(CallerError, match="perplexity gives no list"):
        vendors_to_ask(["perplexity"], {})
