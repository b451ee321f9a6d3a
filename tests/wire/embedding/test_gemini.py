"""Google's embeddings: the Gemini API's two methods."""

import json

import pytest

from journeyman.data import CallerError, EmbeddingRequest, EmbeddingResponse, Opaque, ProviderError, Usage, Vectors
from journeyman.wire import HttpReply, HttpRequest, embedding_dialect

GEMINI = embedding_dialect("gemini")
BATCH = "/models/gemini-embedding-001:batchEmbedContents"
SINGLE = "/v1beta/models/gemini-embedding-001:embedContent"


def parse(body, path=BATCH):
    return GEMINI.parse(HttpRequest("POST", path, {}, json.dumps(body).encode()))


def asked(text, **others):
    return {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}, **others}


def test_request():
    """Each text is a request of its own in a batch, with its task and the length of its vector."""
    request = GEMINI.encode(EmbeddingRequest("gemini-embedding-001", ("a", "b"), 768, "query"))
    assert (request.method, request.path) == ("POST", BATCH)
    told = {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 768}
    assert json.loads(request.body) == {"requests": [asked("a", **told), asked("b", **told)]}
    assert GEMINI.limit("gemini-embedding-001").inputs == 100


def test_other_tasks():
    """A task that is no purpose goes with each text; a name that brings its `models/` has it once."""
    request = EmbeddingRequest(
        "models/gemini-embedding-001", ("a",), extra=Opaque("gemini", {"taskType": "CLUSTERING"})
    )
    sent = GEMINI.encode(request)
    assert sent.path == BATCH
    assert json.loads(sent.body) == {"requests": [asked("a", taskType="CLUSTERING")]}


@pytest.mark.parametrize(
    "body",
    [
        {"embeddings": [{"values": [0.5, 1]}, {"values": [2, 3]}], "usageMetadata": {"promptTokenCount": 4}},
        {"embeddings": [{"values": [0.5, 1], "shape": [2]}, {"values": [2, 3]}], "usageMetadata": None},
    ],
)
def test_answer(body):
    """A batch is answered in the order of its texts; usage is counted where it is told."""
    response = GEMINI.decode(HttpReply(200, {}, json.dumps(body).encode()))
    assert response.vectors.tolist() == [[0.5, 1.0], [2.0, 3.0]]
    assert response.usage == Usage(input=4 if body["usageMetadata"] else 0)


def test_single_answer():
    """`embedContent` answers with one vector."""
    response = GEMINI.decode(HttpReply(200, {}, b'{"embedding": {"values": [0.5]}}'))
    assert response == EmbeddingResponse(Vectors.of([[0.5]]))


@pytest.mark.parametrize("body", [{"embeddings": [{}]}, {"embedding": {"values": None}}, {"embeddings": [None]}])
def test_vectors_that_are_missing(body):
    """An embedding without its values is an error of the provider's."""
    with pytest.raises(ProviderError, match="cannot be read"):
        GEMINI.decode(HttpReply(200, {}, json.dumps(body).encode()))


def test_google_errors():
    """Google's error is told in its own words; compatible gateways wrap it in a list."""
    error = {
        "error": {"code": 400, "message": "at most 100 requests can be in one batch", "status": "INVALID_ARGUMENT"}
    }
    for body in (error, [error]):
        with pytest.raises(ProviderError, match=r"^at most 100 requests can be in one batch$"):
            GEMINI.decode(HttpReply(400, {}, json.dumps(body).encode()))
    assert json.loads(GEMINI.render_error(429, "slow down").body)["error"] == {
        "code": 429,
        "message": "slow down",
        "status": "RESOURCE_EXHAUSTED",
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (BATCH, {"requests": [asked("a"), asked("b")]}),
        (
            BATCH,
            {
                "requests": [
                    asked("a", taskType="RETRIEVAL_DOCUMENT", title="A"),
                    asked("b", taskType="RETRIEVAL_DOCUMENT"),
                ]
            },
        ),
        (BATCH, {"requests": [asked("a", taskType="SEMANTIC_SIMILARITY", outputDimensionality=8)]}),
        (BATCH, {"requests": [asked("a", content={"role": "user", "parts": [{"text": "a"}]})]}),
        (SINGLE, {"content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY"}),
        (
            SINGLE,
            {
                "content": {"parts": [{"text": "a"}]},
                "embedContentConfig": {"taskType": "RETRIEVAL_QUERY", "outputDimensionality": 9, "title": "A"},
            },
        ),
        (
            BATCH,
            {
                "requests": [
                    {"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"taskType": "CLUSTERING"}},
                    {
                        "content": {"parts": [{"text": "b"}]},
                        "embedContentConfig": {"taskType": "CLUSTERING", "autoTruncate": True},
                    },
                ]
            },
        ),
        (
            SINGLE,
            {"content": {"parts": [{"text": "a"}], "role": "user"}, "outputDimensionality": 9, "autoTruncate": True},
        ),
    ],
)
def test_requests_come_out_as_they_went_in(path, body):
    """A client's request, parsed and encoded, is the same JSON at the same place."""
    sent = GEMINI.encode(parse(body, path))
    assert json.loads(sent.body) == body
    assert path.endswith(sent.path)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (BATCH, {}, "`requests` is no list"),
        (BATCH, {"requests": []}, "`requests` is no list"),
        (BATCH, {"requests": [3]}, r"requests\[0\] is not one text"),
        (BATCH, {"requests": [asked("a"), asked(None)]}, r"requests\[1\]` is no text"),
        (BATCH, {"requests": [asked("a"), asked("b", taskType="CLUSTERING")]}, "have to agree"),
        (BATCH, {"requests": [{"content": {"parts": [{"text": "a"}, {"text": "b"}]}}]}, "is not one text"),
        (BATCH, {"requests": [{"content": {"parts": [{"inlineData": {}}]}}]}, "is not one text"),
        (SINGLE, {"content": "a"}, "the request is not one text"),
        ("/models/m", {"requests": [asked("a")]}, "names no model and method"),
    ],
)
def test_requests_that_are_none(path, body, words):
    """A client is told what is wrong."""
    with pytest.raises(CallerError, match=words):
        parse(body, path)


def test_own_keys_in_a_part_of_a_batch():
    """What single texts had for themselves is not given to others when a batch is sent in parts."""
    request = parse({"requests": [asked("a", title="A"), asked("b")]})
    part = EmbeddingRequest(request.model, ("b",), extra=request.extra)
    assert json.loads(GEMINI.encode(part).body) == {"requests": [asked("b")]}


def test_rendering():
    """A client gets the form of the method that it asked."""
    given = EmbeddingResponse(Vectors.of([[0.5]]), Usage(input=2))
    batch = json.loads(GEMINI.render(given, parse({"requests": [asked("a")]})).body)
    single = json.loads(GEMINI.render(given, parse({"content": {"parts": [{"text": "a"}]}}, SINGLE)).body)
    assert batch == {"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 2}}
    assert single == {"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 2}}
