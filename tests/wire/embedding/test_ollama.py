"""Ollama's embeddings, new and old."""

import json

import pytest

from journeyman.data import CallerError, EmbeddingRequest, EmbeddingResponse, Opaque, ProviderError, Usage, Vectors
from journeyman.wire import HttpReply, HttpRequest, embedding_dialect

OLLAMA = embedding_dialect("ollama")
NEW, OLD = "/api/embed", "/api/embeddings"


def parse(body, path=NEW):
    return OLLAMA.parse(HttpRequest("POST", path, {}, json.dumps(body).encode()))


def test_request():
    """All texts go in one list; a purpose has no place."""
    extra = Opaque("ollama", {"keep_alive": "5m", "options": {"num_ctx": 8192}})
    request = OLLAMA.encode(EmbeddingRequest("nomic-embed-text", ("a", "b"), 256, "query", extra))
    assert request.path == NEW
    assert json.loads(request.body) == {
        "model": "nomic-embed-text",
        "input": ["a", "b"],
        "dimensions": 256,
        "keep_alive": "5m",
        "options": {"num_ctx": 8192},
    }


def test_answer():
    """The vectors, the model and the tokens are read, durations are not."""
    body = {
        "model": "m",
        "embeddings": [[0.5], [1]],
        "total_duration": 14143917,
        "load_duration": 1,
        "prompt_eval_count": 8,
    }
    response = OLLAMA.decode(HttpReply(200, {}, json.dumps(body).encode()))
    assert response == EmbeddingResponse(Vectors.of([[0.5], [1.0]]), Usage(input=8), "m")


def test_old_answer():
    """An old server's one vector is understood."""
    assert OLLAMA.decode(HttpReply(200, {}, b'{"embedding": [0.5]}')).vectors.tolist() == [[0.5]]


@pytest.mark.parametrize("body", [{"embeddings": []}, {"embeddings": [[]]}, {"embedding": []}, {"embedding": None}])
def test_answers_that_are_none(body):
    """Ollama answers an empty text with no vector, which is an error here and not an empty vector."""
    with pytest.raises(ProviderError, match="cannot be read"):
        OLLAMA.decode(HttpReply(200, {}, json.dumps(body).encode()))


def test_error():
    """Ollama tells of an error in one key."""
    with pytest.raises(ProviderError, match=r"^model 'x' not found$") as caught:
        OLLAMA.decode(HttpReply(404, {}, b'{"error": "model \'x\' not found"}'))
    assert caught.value.kind == "not_found"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (NEW, {"model": "m", "input": "a"}),
        (NEW, {"model": "m", "input": ["a", "b"], "truncate": False, "dimensions": 3}),
        (OLD, {"model": "m", "prompt": "a", "keep_alive": 0}),
    ],
)
def test_requests_come_out_as_they_went_in(path, body):
    """A client's request, parsed and encoded, is the same JSON at the same place."""
    again = OLLAMA.encode(parse(body, path))
    assert (again.path, json.loads(again.body)) == (path, body)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (NEW, {"model": "m", "prompt": "a"}, "`input` is no text"),
        (NEW, {"input": "a"}, "`model` is missing"),
        (OLD, {"model": "m", "prompt": ["a", "b"]}, "`prompt` is"),
        (OLD, {"model": "m", "input": "a"}, "`prompt` is no text"),
    ],
)
def test_requests_that_are_none(path, body, words):
    """A client is told what is wrong; no text of several is dropped."""
    with pytest.raises(CallerError, match=words):
        parse(body, path)


def test_rendering():
    """A client gets the form of the path that it asked."""
    given = EmbeddingResponse(Vectors.of([[0.5]]), Usage(input=2))
    new = json.loads(OLLAMA.render(given, parse({"model": "m", "input": "a"})).body)
    assert new == {"model": "m", "embeddings": [[0.5]], "prompt_eval_count": 2}
    assert json.loads(OLLAMA.render(given, parse({"model": "m", "prompt": "a"}, OLD)).body) == {"embedding": [0.5]}


def test_several_texts_in_the_old_form():
    """The old path cannot carry what it has no place for, and says where to go."""
    old = parse({"model": "m", "prompt": "a"}, OLD)
    with pytest.raises(CallerError, match="use /api/embed"):
        OLLAMA.encode(EmbeddingRequest("m", ("a", "b"), extra=old.extra))
