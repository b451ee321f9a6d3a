"""Embeddings that we serve: who is asked, and what a client is told."""

import contextlib
import json

import pytest

from journeyman.compose import new_transport, open_embedder
from journeyman.data import CallerError, ProviderError
from journeyman.models import EmbedderOptions, ScriptedEmbedder, ScriptedModel
from journeyman.serve import Gateway, serving
from journeyman.wire import HttpRequest, embedding_dialect

PATHS = [
    ("openai", "/v1/embeddings", {"model": "m", "input": ["a", "b"]}),
    ("openai", "/embeddings", {"model": "m", "input": "a"}),
    ("openai", "/openai/v1/embeddings", {"model": "m", "input": "a"}),
    ("openai", "/openai/deployments/m/embeddings?api-version=1", {"model": "m", "input": "a"}),
    ("gemini", "/v1beta/models/m:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "a"}]}}]}),
    ("gemini", "/models/m:embedContent", {"content": {"parts": [{"text": "a"}]}}),
    ("vertex", "/v1/projects/p/locations/l/publishers/google/models/m:predict", {"instances": [{"content": "a"}]}),
    ("cohere", "/v2/embed", {"model": "m", "texts": ["a"], "input_type": "search_query"}),
    ("cohere", "/v1/embed", {"model": "m", "texts": ["a"], "input_type": "search_query"}),
    ("ollama", "/api/embed", {"model": "m", "input": "a"}),
    ("ollama", "/api/embeddings", {"model": "m", "prompt": "a"}),
    ("bedrock", "/model/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": "a"}),
]


@contextlib.asynccontextmanager
async def asking(embedders, **options):
    """A function that sends a body to a gateway and gives the reply's status and body."""
    transport = new_transport()
    async with serving(Gateway(ScriptedModel([]), embedders=embedders, **options)) as url:

        async def ask(path, body, method="POST"):
            request = HttpRequest(method, url + path, {"content-type": "application/json"}, json.dumps(body).encode())
            async with transport.exchange(request) as reply:
                return reply.head, await reply.read()

        try:
            yield ask
        finally:
            await transport.close()


@pytest.mark.parametrize(("name", "path", "body"), PATHS, ids=[path for _, path, _ in PATHS])
async def test_paths(name, path, body):
    """At the paths of every provider's client there are vectors, in the form that the client reads."""
    async with asking(ScriptedEmbedder(lambda _: [0.5, 1.0])) as ask:
        head, sent = await ask(path, body)
    assert head.status == 200
    read = embedding_dialect(name).decode(type(head)(head.status, head.headers, sent))
    assert read.vectors[0].tolist() == [0.5, 1.0]


async def test_picking():
    """The name that a client asks for picks the embedder, which is asked under its own name; the client hears its own."""
    small, large = ScriptedEmbedder(lambda _: [1.0]), ScriptedEmbedder(lambda _: [2.0])
    by_name = {"small": small, "large": open_embedder(large)}
    for embedders in (by_name, lambda name: by_name[name]):
        async with asking(embedders) as ask:
            _, body = await ask("/v1/embeddings", {"model": "large", "input": "a"})
        assert json.loads(body)["data"][0]["embedding"] == [2.0]
    assert [request.model for request in large.requests] == ["", ""]
    assert small.requests == []


async def test_large_requests():
    """An `Embedder` answers more texts than its provider takes at once."""
    scripted = ScriptedEmbedder(most_inputs=2)
    async with asking(open_embedder(scripted, options=EmbedderOptions(max_concurrent=1))) as ask:
        _, body = await ask("/v1/embeddings", {"model": "m", "input": ["a", "b", "c"]})
    assert [len(request.inputs) for request in scripted.requests] == [2, 1]
    assert len(json.loads(body)["data"]) == 3


async def test_names():
    """The list of models has the embedders, too."""
    async with asking({"small": ScriptedEmbedder()}) as ask:
        _, body = await ask("/v1/models", None, "GET")
    assert {"scripted:model", "small"} == {item["id"] for item in json.loads(body)["data"]}


class Failing(ScriptedEmbedder):
    async def respond(self, request):
        raise self.error


def failing(error):
    model = Failing()
    model.error = error
    return model


def unknown(name):
    raise CallerError(f"who is {name}?")


@pytest.mark.parametrize(
    ("embedders", "body", "status", "words"),
    [
        (None, {"model": "m", "input": "a"}, 404, "no embeddings are given here"),
        ({"x": ScriptedEmbedder()}, {"model": "m", "input": "a"}, 404, "there is no model 'm' here; there are x"),
        (unknown, {"model": "m", "input": "a"}, 404, "who is m?"),
        (ScriptedEmbedder(), {"model": "m", "input": [1]}, 400, "only texts are embedded"),
        (
            failing(ProviderError("slow down", status=429, retry_after=2)),
            {"model": "m", "input": "a"},
            429,
            "slow down",
        ),
        (failing(ProviderError("gone")), {"model": "m", "input": "a"}, 502, "gone"),
        (failing(ZeroDivisionError("secret")), {"model": "m", "input": "a"}, 500, "the reason is in the log"),
    ],
)
async def test_refusals(embedders, body, status, words, caplog):
    """A client gets a status and words in its own wire's form, and of our own faults no more than that."""
    async with asking(embedders) as ask:
        head, sent = await ask("/v1/embeddings", body)
    assert head.status == status
    assert words in json.loads(sent)["error"]["message"]
    assert head.headers.get("retry-after") == ("2" if status == 429 else None)
    assert b"secret" not in sent


async def test_only_post():
    """Vectors are asked for with POST."""
    async with asking(ScriptedEmbedder()) as ask:
        head, _ = await ask("/v1/embeddings", None, "GET")
    assert (head.status, head.headers["allow"]) == (405, "POST")
