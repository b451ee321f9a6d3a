"""What all wires of embeddings have in common."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, EmbeddingRequest, EmbeddingResponse, ProviderError, Usage, Vectors
from journeyman.wire import HttpReply, HttpRequest, embedding_dialect
from journeyman.wire.embedding import EMBEDDING_DIALECTS

MODELS = {
    "bedrock": [
        "amazon.titan-embed-text-v2:0",
        "amazon.titan-embed-image-v1",
        "amazon.nova-2-multimodal-embeddings-v1:0",
        "cohere.embed-english-v3",
        "eu.cohere.embed-v4:0",
    ],
    "cohere": ["embed-v4.0"],
    "gemini": ["gemini-embedding-001"],
    "ollama": ["nomic-embed-text:latest"],
    "openai": ["text-embedding-3-small"],
    "vertex": ["text-embedding-005", "gemini-embedding-001"],
}
EACH = pytest.mark.parametrize(("name", "model"), [(name, model) for name in MODELS for model in MODELS[name]])
PATHS = {
    "bedrock": "/model/amazon.titan-embed-text-v2%3A0/invoke",
    "cohere": "/v2/embed",
    "gemini": "/models/m:batchEmbedContents",
    "ollama": "/api/embed",
    "openai": "/embeddings",
    "vertex": "/models/m:predict",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(string.ascii_letters, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "model",
                    "input",
                    "texts",
                    "inputs",
                    "embeddings",
                    "embedding",
                    "data",
                    "values",
                    "requests",
                    "instances",
                    "content",
                    "parts",
                    "text",
                    "prompt",
                    "inputText",
                    "predictions",
                    "float",
                    "base64",
                    "embedding_types",
                    "parameters",
                    "taskType",
                    "singleEmbeddingParams",
                    "usage",
                    "meta",
                    "billed_units",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_every_name_has_a_dialect():
    """The names that are told are those that there are, and an unknown one is refused with the list of them."""
    assert set(MODELS) == set(EMBEDDING_DIALECTS)
    for name in EMBEDDING_DIALECTS:
        assert embedding_dialect(name).name == name
    with pytest.raises(CallerError, match="bedrock, cohere, gemini"):
        embedding_dialect("openai_chat")


@EACH
@pytest.mark.parametrize("purpose", [None, "query", "document"])
def test_what_is_asked_arrives(name, model, purpose):
    """A request, encoded and parsed, asks the same of the same model."""
    dialect = embedding_dialect(name)
    inputs = ("Grüße", "two")[: dialect.limit(model).inputs]
    found = dialect.parse(dialect.encode(EmbeddingRequest(model, inputs, 256, purpose)))
    named = model if name not in ("cohere", "ollama", "openai") else found.model
    assert (found.model, found.inputs, found.dimensions) == (named, inputs, 256)
    assert found.purpose in (purpose, None, "document")
    if name in ("gemini", "vertex", "cohere") and purpose:
        assert found.purpose == purpose


@EACH
@pytest.mark.parametrize("purpose", [None, "query"])
def test_requests_come_out_as_they_went_in(name, model, purpose):
    """What we send, parsed and encoded again, is the same request."""
    dialect = embedding_dialect(name)
    sent = dialect.encode(EmbeddingRequest(model, ("a", "b")[: dialect.limit(model).inputs], 256, purpose))
    again = dialect.encode(dialect.parse(sent))
    assert (again.path, json.loads(again.body)) == (sent.path, json.loads(sent.body))


@EACH
def test_what_is_answered_arrives(name, model):
    """A response, rendered and decoded, has the same vectors and the same tokens."""
    dialect = embedding_dialect(name)
    count = min(dialect.limit(model).inputs, 2)
    request = dialect.parse(dialect.encode(EmbeddingRequest(model, ("a", "b")[:count])))
    given = EmbeddingResponse(Vectors.of([[0.5, 0.1, -3.0], [1.0, 0.0, 2.5]][:count]), Usage(input=12))
    found = dialect.decode(dialect.render(given, request))
    assert (found.vectors, found.usage) == (given.vectors, given.usage)


@EACH
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_errors_arrive(name, model, status):
    """An error, rendered and decoded, has the same status and the same words."""
    dialect = embedding_dialect(name)
    with pytest.raises(ProviderError) as caught:
        dialect.decode(dialect.render_error(status, f"not {model}"))
    assert (caught.value.status, caught.value.message) == (status, f"not {model}")


@pytest.mark.parametrize("name", MODELS)
def test_wait_that_the_provider_asks_for(name):
    """A refusal tells how long to wait, and one without words of its own shows what came."""
    with pytest.raises(ProviderError, match="status 429: busy") as caught:
        embedding_dialect(name).decode(HttpReply(429, {"retry-after": "7"}, b"busy"))
    assert (caught.value.kind, caught.value.retry_after) == ("rate_limit", 7.0)


@pytest.mark.parametrize("name", MODELS)
@given(body=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_answers_that_are_none(name, body):
    """Whatever comes is vectors or an error of the provider's, and nothing else."""
    try:
        response = embedding_dialect(name).decode(HttpReply(200, {}, body))
    except ProviderError:
        return
    assert len(response.vectors) > 0


@pytest.mark.parametrize("name", MODELS)
@given(body=st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()), path=st.text(max_size=8))
def test_requests_that_are_none(name, body, path):
    """Whatever a client sends is a request for one text or more, or the client's mistake."""
    for where in (PATHS[name], path):
        try:
            request = embedding_dialect(name).parse(HttpRequest("POST", where, {}, body))
        except CallerError:
            continue
        assert request.inputs
        assert all(isinstance(text, str) for text in request.inputs)
        embedding_dialect(name).encode(request)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"model":1e999}', b"\xff"])
def test_bodies_that_mean_harm(name, body):
    """Deep nesting, numbers without end and bytes that are no text are refused as what they are."""
    dialect = embedding_dialect(name)
    with pytest.raises(CallerError):
        dialect.parse(HttpRequest("POST", PATHS[name], {}, body))
    with pytest.raises(ProviderError):
        dialect.decode(HttpReply(200, {}, body))
