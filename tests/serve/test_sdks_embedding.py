"""The official SDKs take us for their provider's embeddings: these are clients that others wrote."""

import contextlib
import inspect
import json
import os

import boto3
import cohere
import httpx
import ollama
import openai
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.auth.credentials import AnonymousCredentials
from google.genai.errors import APIError
from google.genai.types import EmbedContentConfig, HttpOptions

from journeyman.models import ScriptedEmbedder
from journeyman.testing import Fault, provider_twin

KINDS = pytest.mark.parametrize("kind", ["sync", "async"])
TEXTS = ["1 one", "2 two", "3 three"]
VECTORS = [[1.0, 0.25], [2.0, 0.25], [3.0, 0.25]]
FAILURES = [(400, "invalid"), (401, "who"), (404, "no such model"), (429, "slow down"), (500, "broken")]


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """The SDKs would take proxies and keys from the environment even to this machine."""
    for name in os.environ:
        if name.lower().endswith("_proxy") or name.startswith(("AWS_", "GOOGLE_", "OLLAMA_", "CO_")):
            monkeypatch.delenv(name)


def twin_of(**options):
    """A provider in another thread, as providers are, that numbers vectors as the texts are numbered."""
    return provider_twin([], embedder=ScriptedEmbedder(lambda text: [float(text[0]), 0.25]), **options)


def failing():
    return twin_of(faults={turn: Fault(status=status, message=words) for turn, (status, words) in enumerate(FAILURES)})


async def done(value):
    """What a call came to, of either kind."""
    return await value if inspect.isawaitable(value) else value


def rounded(rows):
    return [list(row) for row in rows]


@contextlib.asynccontextmanager
async def carrier(kind):
    """What carries an SDK's requests, closed at the end."""
    if kind == "sync":
        with httpx.Client() as transport:
            yield transport
    else:
        async with httpx.AsyncClient() as transport:
            yield transport


# --- OpenAI -----------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def openai_client(kind, twin):
    where = {"base_url": twin.url, "api_key": "test", "max_retries": 0}
    if kind == "sync":
        with openai.OpenAI(**where) as client:
            yield client.embeddings
    else:
        async with openai.AsyncOpenAI(**where) as client:
            yield client.embeddings


@KINDS
@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}], ids=str)
async def test_openai(kind, form):
    """Vectors come in the form that was asked for, by default as the SDK decodes them from base64 by itself."""
    with twin_of() as twin:
        async with openai_client(kind, twin) as embeddings:
            found = await done(embeddings.create(model="m", input=TEXTS, dimensions=2, **form))
    (asked,) = twin.embedded
    assert (asked.model, asked.inputs, asked.dimensions) == ("m", tuple(TEXTS), 2)
    if form.get("encoding_format") == "base64":
        assert all(isinstance(item.embedding, str) for item in found.data)
    else:
        assert [list(item.embedding) for item in found.data] == VECTORS
    assert [item.index for item in found.data] == [0, 1, 2]
    assert (found.model, found.usage.prompt_tokens, found.usage.total_tokens) == ("m", 6, 6)


@KINDS
async def test_openai_errors(kind):
    """Each failure is the SDK's own, with our words in it."""
    with failing() as twin:
        async with openai_client(kind, twin) as embeddings:
            for status, words in FAILURES:
                with pytest.raises(openai.APIStatusError, match=words) as caught:
                    await done(embeddings.create(model="m", input="1"))
                assert caught.value.status_code == status


# --- Cohere -----------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def cohere_client(kind, twin):
    where = {"api_key": "test", "base_url": twin.url, "max_retries": 0}
    async with carrier(kind) as transport:
        made = cohere.ClientV2 if kind == "sync" else cohere.AsyncClientV2
        yield made(**where, httpx_client=transport)


@KINDS
async def test_cohere(kind):
    """Vectors come by the kinds of numbers that were asked for, with what is billed."""
    with twin_of() as twin:
        async with cohere_client(kind, twin) as client:
            kinds = ["float", "base64"]
            found = await done(client.embed(model="m", texts=TEXTS, input_type="search_query", embedding_types=kinds))
    assert found.embeddings.float_ == VECTORS
    assert len(found.embeddings.base64) == 3
    assert found.meta.billed_units.input_tokens == 6
    assert (twin.embedded[0].purpose, twin.embedded[0].inputs) == ("query", tuple(TEXTS))


@KINDS
async def test_cohere_errors(kind):
    """Each failure is the SDK's own, with its status."""
    with failing() as twin:
        async with cohere_client(kind, twin) as client:
            for status, words in FAILURES:
                with pytest.raises(cohere.core.api_error.ApiError) as caught:
                    await done(client.embed(model="m", texts=TEXTS, input_type="search_query"))
                assert caught.value.status_code == status
                assert words in str(caught.value.body)


# --- Ollama -----------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def ollama_client(kind, twin):
    client = (ollama.Client if kind == "sync" else ollama.AsyncClient)(host=twin.url)
    try:
        yield client
    finally:
        # Left to the garbage collector, its connections would be closed some time or never.
        await done(client.close())


@KINDS
async def test_ollama(kind):
    """Both of Ollama's ways to ask for vectors give them."""
    with twin_of() as twin:
        async with ollama_client(kind, twin) as client:
            found = await done(client.embed(model="m", input=TEXTS, truncate=True))
            old = await done(client.embeddings(model="m", prompt="4 four"))
    assert rounded(found.embeddings) == VECTORS
    assert (found.model, found.prompt_eval_count) == ("m", 6)
    assert list(old.embedding) == [4.0, 0.25]


@KINDS
async def test_ollama_errors(kind):
    """Each failure is the SDK's own, with its status and our words."""
    with failing() as twin:
        async with ollama_client(kind, twin) as client:
            for status, words in FAILURES:
                with pytest.raises(ollama.ResponseError, match=words) as caught:
                    await done(client.embed(model="m", input="1"))
                assert caught.value.status_code == status


# --- Google -----------------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def google(kind, twin, *, vertex=False):
    async with carrier(kind) as transport:
        named = {"httpx_client" if kind == "sync" else "httpx_async_client": transport}
        options = HttpOptions(base_url=twin.url, **named)
        if vertex:
            # Anonymous credentials: no token is fetched, as no Google is there.
            proof = AnonymousCredentials()
            proof.token = "test"
            client = genai.Client(vertexai=True, project="p", location="l", credentials=proof, http_options=options)
        else:
            client = genai.Client(api_key="test", http_options=options)
        yield (client if kind == "sync" else client.aio).models


@KINDS
async def test_gemini(kind):
    """A batch of texts comes back as the SDK's embeddings, with the task and the length that it asked for."""
    config = EmbedContentConfig(task_type="RETRIEVAL_DOCUMENT", output_dimensionality=2, title="Numbers")
    with twin_of() as twin:
        async with google(kind, twin) as models:
            found = await done(models.embed_content(model="gemini-embedding-001", contents=TEXTS, config=config))
    assert [item.values for item in found.embeddings] == VECTORS
    (asked,) = twin.embedded
    assert (asked.model, asked.inputs) == ("gemini-embedding-001", tuple(TEXTS))
    assert (asked.purpose, asked.dimensions) == ("document", 2)


@KINDS
@pytest.mark.parametrize("model", ["text-embedding-005", "gemini-embedding-2"])
@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]], ids=["batch", "one"])
async def test_vertex(kind, model, texts):
    """The same on Vertex AI, at the methods that the SDK chooses for older and newer models."""
    config = EmbedContentConfig(task_type="RETRIEVAL_QUERY", output_dimensionality=2)
    with twin_of() as twin:
        contents = [genai.types.Content(role="user", parts=[genai.types.Part(text=text)]) for text in texts]
        given = contents if model.startswith("gemini") else texts
        async with google(kind, twin, vertex=True) as models:
            found = await done(models.embed_content(model=model, contents=given, config=config))
    assert [item.values for item in found.embeddings] == VECTORS[: len(texts)]
    (asked,) = twin.embedded
    assert (asked.model, asked.inputs, asked.purpose, asked.dimensions) == (model, tuple(texts), "query", 2)


@KINDS
async def test_google_errors(kind):
    """Each failure is the SDK's own, with its status and our words."""
    with failing() as twin:
        async with google(kind, twin) as models:
            for status, words in FAILURES:
                with pytest.raises(APIError, match=words) as caught:
                    await done(models.embed_content(model="m", contents="1"))
                assert caught.value.code == status


# --- Amazon -----------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def bedrock(twin):
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=twin.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    with contextlib.closing(client):
        yield client


def invoked(client, model, body):
    return json.loads(client.invoke_model(modelId=model, body=json.dumps(body))["body"].read())


def test_bedrock():
    """Each maker's model is asked and answers in its own body."""
    with twin_of() as twin, bedrock(twin) as client:
        titan = invoked(client, "amazon.titan-embed-text-v2:0", {"inputText": "2 two", "dimensions": 256})
        several = invoked(client, "cohere.embed-english-v3", {"texts": TEXTS, "input_type": "search_query"})
        nova = invoked(
            client,
            "amazon.nova-2-multimodal-embeddings-v1:0",
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {
                    "embeddingPurpose": "GENERIC_RETRIEVAL",
                    "text": {"truncationMode": "END", "value": "3 three"},
                },
            },
        )
    assert (titan["embedding"], titan["inputTextTokenCount"]) == (VECTORS[1], 2)
    assert several["embeddings"] == VECTORS
    assert nova["embeddings"][0]["embedding"] == VECTORS[2]
    assert [request.model for request in twin.embedded] == [
        "amazon.titan-embed-text-v2:0",
        "cohere.embed-english-v3",
        "amazon.nova-2-multimodal-embeddings-v1:0",
    ]


def test_bedrock_errors():
    """Each failure is the SDK's own, with its status and our words."""
    with failing() as twin, bedrock(twin) as client:
        for status, words in FAILURES:
            with pytest.raises(ClientError, match=words) as caught:
                invoked(client, "amazon.titan-embed-text-v2:0", {"inputText": "1"})
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
