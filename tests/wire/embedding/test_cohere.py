"""Cohere's embeddings."""

import base64
import json
import struct

import pytest

from journeyman.data import CallerError, EmbeddingRequest, EmbeddingResponse, Opaque, ProviderError, Usage, Vectors
from journeyman.wire import HttpReply, HttpRequest, embedding_dialect

COHERE = embedding_dialect("cohere")


def parse(body, path="/v2/embed"):
    return COHERE.parse(HttpRequest("POST", path, {}, json.dumps(body).encode()))


def sent(request):
    return json.loads(COHERE.encode(request).body)


def packed(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.parametrize(
    ("purpose", "word"), [("query", "search_query"), ("document", "search_document"), (None, "search_document")]
)
def test_request(purpose, word):
    """The wire insists on a purpose, and a text without one counts as a document."""
    request = COHERE.encode(EmbeddingRequest("embed-v4.0", ("a", "b"), 512, purpose))
    assert (request.method, request.path) == ("POST", "/v2/embed")
    assert json.loads(request.body) == {
        "model": "embed-v4.0",
        "texts": ["a", "b"],
        "input_type": word,
        "embedding_types": ["float"],
        "output_dimension": 512,
    }
    assert COHERE.limit("embed-v4.0").inputs == 96


def test_extras_win():
    """Another input type than the two purposes is asked for in the wire's own words."""
    extra = Opaque("cohere", {"input_type": "clustering", "truncate": "END"})
    body = sent(EmbeddingRequest("m", ("a",), extra=extra))
    assert (body["input_type"], body["truncate"]) == ("clustering", "END")


@pytest.mark.parametrize(
    "embeddings",
    [
        {"float": [[0.5, 1], [2, 3]]},
        {"base64": [packed(0.5, 1), packed(2, 3)]},
        {"float": [[0.5, 1], [2, 3]], "int8": [[1, 2], [3, 4]]},
        [[0.5, 1], [2, 3]],
    ],
)
def test_answer(embeddings):
    """Vectors come by kind of number, or, from the first version of the wire, as plain numbers."""
    body = {
        "id": "da6e531f",
        "texts": ["a", "b"],
        "embeddings": embeddings,
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 2.0}},
        "response_type": "embeddings_by_type",
    }
    response = COHERE.decode(HttpReply(200, {}, json.dumps(body).encode()))
    assert response == EmbeddingResponse(Vectors.of([[0.5, 1.0], [2.0, 3.0]]), Usage(input=2), raw_id="da6e531f")


def test_what_is_billed_is_counted():
    """Where tokens and billed units differ, usage is what is paid for; without either it is nothing."""
    meta = {"billed_units": {"input_tokens": 3}, "tokens": {"input_tokens": 9}}
    for told, tokens in ((meta, 3), ({"tokens": {"input_tokens": 9}}, 9), ({}, 0), (None, 0)):
        body = {"embeddings": {"float": [[1.0]]}, "meta": told}
        assert COHERE.decode(HttpReply(200, {}, json.dumps(body).encode())).usage.input == tokens


@pytest.mark.parametrize("embeddings", [None, {}, {"float": None, "int8": [[1]]}, {"float": [[]]}, "x", [["x"]]])
def test_answers_that_are_none(embeddings):
    """Bytes and bits are no vectors of ours, and nothing else passes for one."""
    with pytest.raises(ProviderError, match="cannot be read"):
        COHERE.decode(HttpReply(200, {}, json.dumps({"embeddings": embeddings}).encode()))


BASE = {"model": "m", "input_type": "search_query"}


@pytest.mark.parametrize(
    "body",
    [
        {**BASE, "texts": ["a"], "embedding_types": ["float", "base64"], "truncate": "START"},
        {**BASE, "texts": ["a", "b"]},
        {**BASE, "texts": ["a"], "input_type": "classification", "output_dimension": 256},
        {
            **BASE,
            "inputs": [{"content": [{"type": "text", "text": "a"}]}, {"content": [{"type": "text", "text": "b"}]}],
        },
    ],
)
def test_requests_come_out_as_they_went_in(body):
    """A client's request, parsed and encoded, is the same JSON."""
    assert sent(parse(body)) == body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({**BASE}, "`texts` is no text"),
        ({"texts": ["a"]}, "`model` is missing"),
        ({**BASE, "images": ["data:image/png;base64,AA=="]}, "`images` are not embedded"),
        ({**BASE, "texts": ["a"], "embedding_types": ["int8"]}, "`embedding_types` are"),
        ({**BASE, "texts": ["a"], "embedding_types": []}, "`embedding_types` are"),
        ({**BASE, "texts": ["a"], "embedding_types": [{}]}, "`embedding_types` are"),
        ({**BASE, "inputs": [{"content": [{"type": "image_url", "image_url": {}}]}]}, r"`inputs\[0\]` is not one text"),
        ({**BASE, "inputs": {"content": 1}}, "`inputs` is no list"),
    ],
)
def test_requests_that_are_none(body, words):
    """A client is told what is wrong."""
    with pytest.raises(CallerError, match=words):
        parse(body)


def test_rendering():
    """A client gets the kinds that it asked for, numbers if it named none, and its texts again."""
    given = EmbeddingResponse(Vectors.of([[0.5, 1.0]]), Usage(input=3), raw_id="id-1")
    body = json.loads(COHERE.render(given, parse({**BASE, "texts": ["a"], "embedding_types": ["base64"]})).body)
    assert body == {
        "id": "id-1",
        "response_type": "embeddings_by_type",
        "texts": ["a"],
        "embeddings": {"base64": [packed(0.5, 1.0)]},
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 3}},
    }
    default = json.loads(COHERE.render(given, parse({**BASE, "texts": ["a"]})).body)
    assert default["embeddings"] == {"float": [[0.5, 1.0]]}
    first = json.loads(COHERE.render(given, parse({**BASE, "texts": ["a"]}, "/v1/embed")).body)
    assert (first["embeddings"], first["response_type"]) == ([[0.5, 1.0]], "embeddings_floats")
