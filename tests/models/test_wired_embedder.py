"""Embeddings over a wire, end to end: encoded, carried over loopback, decoded."""

import traceback

import pytest
from msgspec.structs import replace

from journeyman.compose import open_embedder
from journeyman.data import HIDDEN, CallerError, EmbeddingRequest, ProviderError
from journeyman.models import EmbedderOptions, ScriptedEmbedder, WiredEmbedder
from journeyman.providers import VENDORS, Vendor
from journeyman.testing import Fault, provider_twin

KEY = "sk-a-key-that-is-long-enough"
NAMES = [
    "openai:text-embedding-3-small",
    "openai-responses:text-embedding-3-small",
    "mistral:mistral-embed",
    "gemini:gemini-embedding-001",
    "vertex:text-embedding-005",
    "cohere:embed-v4.0",
    "ollama:nomic-embed-text",
    "bedrock:amazon.titan-embed-text-v2:0",
    "bedrock:cohere.embed-english-v3",
    "compatible:some-model",
]
EACH = pytest.mark.parametrize("name", NAMES)


def embedder_at(twin, name, **options):
    # Ollama's and OpenAI's wires are told apart by the vendor; the twin speaks all of them at one address.
    return open_embedder(name, base_url=twin.url, api_key=KEY, options=EmbedderOptions(**options))


@EACH
async def test_vectors(name):
    """Texts go out and vectors come back in their order, on the wire of each vendor, in batches where it wants them."""
    said = [f"{number} text" for number in range(5)]
    scripted = ScriptedEmbedder(lambda text: [float(text[0]), 0.1])
    async with provider_twin([], embedder=scripted) as twin:
        found = await embedder_at(twin, name).embed(said, "query")
    assert [row[0] for row in found.vectors] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert found.vectors.width == 2
    assert sorted(text for request in twin.embedded for text in request.inputs) == said
    assert {request.model for request in twin.embedded} == {name.partition(":")[2]}
    assert found.usage.input == 10


@EACH
async def test_dimensions(name):
    """Vectors of another length are asked for in each vendor's words."""
    async with provider_twin([]) as twin:
        await embedder_at(twin, name, dimensions=16).embed("a")
    (asked,) = twin.embedded
    # Mistral's key is not OpenAI's, whose wire the twin speaks.
    mistral = name.startswith("mistral")
    assert (asked.extra.data.get("output_dimension") if mistral else asked.dimensions) == 16


@EACH
async def test_errors(name):
    """An error has its kind, names who was asked and which texts, and shows no key that the provider repeats."""
    faults = {0: Fault(status=429, message=f"wrong key {KEY}, dear", retry_after=3)}
    async with provider_twin([], faults=faults) as twin:
        with pytest.raises(ProviderError) as caught:
            await embedder_at(twin, name, batch_size=1, max_concurrent=1).embed(["a", "b"])
    error = caught.value
    assert (error.status, error.kind, error.retry_after) == (429, "rate_limit", 3.0)
    vendor = name.partition("-")[0].partition(":")[0]
    assert error.message.startswith(vendor)
    assert error.message.endswith(f"wrong key {HIDDEN}, dear (texts 1 to 1 of 2)")
    shown = "".join(traceback.format_exception(error))
    assert KEY not in f"{shown} {error.body} {error!r} {error.args}"


@EACH
@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(cut=5), Fault(malformed=True)])
async def test_broken_connections(name, fault):
    """A connection that breaks, and an answer that does, are errors of the provider's, and nothing foreign leaks."""
    async with provider_twin([], faults={0: fault}) as twin:
        with pytest.raises(ProviderError) as caught:
            await embedder_at(twin, name).embed("a")
    assert caught.value.kind in ("connection", "stream", "server")


async def test_connections_of_ones_own():
    """Inside `async with` the embedder has connections of its own, and works after it, too."""
    async with provider_twin([]) as twin:
        async with embedder_at(twin, NAMES[0]) as embedder:
            first = await embedder.embed("a")
        assert (await embedder.embed("a")).vectors == first.vectors


def test_preview():
    """What would leave can be seen, with the key hidden."""
    embedder = open_embedder(NAMES[0], base_url="http://127.0.0.1:9", api_key=KEY)
    assert isinstance(embedder.model, WiredEmbedder)
    shown = embedder.model.preview(EmbeddingRequest("", ("a",)))
    assert shown.path == "http://127.0.0.1:9/embeddings"
    assert b'"text-embedding-3-small"' in shown.body
    assert HIDDEN in shown.headers.values()
    assert KEY not in repr(shown)


async def test_missing_key(monkeypatch):
    """A key that is missing is an error of the first request, and names the variable."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    embedder = open_embedder(NAMES[0])
    with pytest.raises(CallerError, match="OPENAI_API_KEY"):
        await embedder.embed("a")


@pytest.mark.parametrize("name", ["anthropic:claude-haiku-4-5", "deepseek:deepseek-chat"])
def test_vendors_without_embeddings(name):
    """Who gives no embeddings is refused at once, with the name of somebody who does."""
    with pytest.raises(CallerError, match=r"gives no embeddings; .*openai:text-embedding-3-small"):
        open_embedder(name)


async def test_signed_requests(monkeypatch):
    """A vendor whose requests are signed gets each of them signed, and a model by another name is asked for by that."""

    async def sign(request):
        return replace(request, headers={**request.headers, "x-signature": str(len(request.body))})

    vendor = Vendor(name="signing", dialect="cohere", base_url=None, url_env="SIGNING_URL", authorize=lambda _: sign)
    monkeypatch.setitem(VENDORS, "signing", vendor)
    async with provider_twin([]) as twin:
        embedder = open_embedder("signing:m", base_url=twin.url)
        await embedder.respond(EmbeddingRequest("another", ("a",)))
    (sent,) = twin.raw
    assert sent.headers["x-signature"] == str(len(sent.body))
    assert twin.embedded[0].model == "another"
