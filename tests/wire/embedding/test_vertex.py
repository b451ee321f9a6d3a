"""Vertex AI's embeddings."""

import json

import pytest

from journeyman.data import CallerError, EmbeddingRequest, Opaque, ProviderError, Usage
from journeyman.wire import HttpReply, HttpRequest, embedding_dialect

VERTEX = embedding_dialect("vertex")
PATH = "/models/text-embedding-005:predict"


def parse(body):
    return VERTEX.parse(
        HttpRequest("POST", "/v1/projects/p/locations/l/publishers/google" + PATH, {}, json.dumps(body).encode())
    )


def test_request():
    """Each text is an instance with its task; the length of the vectors is a parameter of all."""
    request = VERTEX.encode(EmbeddingRequest("text-embedding-005", ("a", "b"), 256, "document"))
    assert request.path == PATH
    assert json.loads(request.body) == {
        "instances": [
            {"content": "a", "task_type": "RETRIEVAL_DOCUMENT"},
            {"content": "b", "task_type": "RETRIEVAL_DOCUMENT"},
        ],
        "parameters": {"outputDimensionality": 256},
    }


@pytest.mark.parametrize(
    ("model", "inputs"), [("text-embedding-005", 250), ("gemini-embedding-001", 1), ("gemini-embedding-2-preview", 1)]
)
def test_limits(model, inputs):
    """The older models take many texts a request, those named gemini-embedding take one."""
    assert VERTEX.limit(model).inputs == inputs


def test_newer_models():
    """Models after gemini-embedding-001 are asked with `embedContent`, and their answers are understood."""
    extra = Opaque("vertex", {"autoTruncate": False})
    request = VERTEX.encode(EmbeddingRequest("gemini-embedding-2-preview", ("a",), 768, "query", extra))
    assert request.path == "/models/gemini-embedding-2-preview:embedContent"
    assert json.loads(request.body) == {
        "content": {"parts": [{"text": "a"}]},
        "embedContentConfig": {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 768, "autoTruncate": False},
    }
    plain = VERTEX.encode(EmbeddingRequest("gemini-embedding-2-preview", ("a",)))
    assert json.loads(plain.body) == {"content": {"parts": [{"text": "a"}]}}
    body = {"embedding": {"values": [1.5]}, "usageMetadata": {"promptTokenCount": 3}, "truncated": False}
    response = VERTEX.decode(HttpReply(200, {}, json.dumps(body).encode()))
    assert (response.vectors.tolist(), response.usage) == ([[1.5]], Usage(input=3))


def test_answer():
    """The tokens of all texts are added up; Vertex writes them with a decimal point."""
    predictions = [
        {"embeddings": {"values": [0.5, 1], "statistics": {"truncated": False, "token_count": 4.0}}},
        {"embeddings": {"values": [2, 3], "statistics": {"truncated": True, "token_count": 2048}}},
    ]
    body = {"predictions": predictions, "metadata": {"billableCharacterCount": 9}}
    response = VERTEX.decode(HttpReply(200, {}, json.dumps(body).encode()))
    assert response.vectors.tolist() == [[0.5, 1.0], [2.0, 3.0]]
    assert response.usage == Usage(input=2052)


@pytest.mark.parametrize("predictions", [[], [{}], [{"embeddings": {}}], [{"embeddings": {"values": "x"}}]])
def test_answers_that_are_none(predictions):
    """A prediction without a vector is an error of the provider's."""
    with pytest.raises(ProviderError, match="cannot be read"):
        VERTEX.decode(HttpReply(200, {}, json.dumps({"predictions": predictions}).encode()))


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"content": "a"}]},
        {"instances": [{"content": "a", "task_type": "RETRIEVAL_QUERY"}], "parameters": {"outputDimensionality": 9}},
        {
            "instances": [
                {"content": "a", "task_type": "CODE_RETRIEVAL_QUERY"},
                {"content": "b", "task_type": "CODE_RETRIEVAL_QUERY"},
            ]
        },
        {"instances": [{"content": "a", "title": "A"}, {"content": "b"}], "parameters": {"autoTruncate": True}},
        {"instances": [{"content": "a", "task_type": None}]},
    ],
)
def test_requests_come_out_as_they_went_in(body):
    """A client's request, parsed and encoded, is the same JSON."""
    assert json.loads(VERTEX.encode(parse(body)).body) == body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "`instances` is no list"),
        ({"instances": ["a"]}, r"`instances\[0\].content` is no text"),
        ({"instances": [{"image": {}}]}, r"`instances\[0\].content` is no text"),
        ({"instances": [{"content": "a"}, {"content": "b", "task_type": "CLUSTERING"}]}, "agree in task_type"),
    ],
)
def test_requests_that_are_none(body, words):
    """A client is told what is wrong."""
    with pytest.raises(CallerError, match=words):
        parse(body)
