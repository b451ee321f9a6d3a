"""Embedding models on Bedrock: the bodies of Titan, Nova and Cohere."""

import json

import pytest

from journeyman.data import CallerError, EmbeddingRequest, EmbeddingResponse, Opaque, ProviderError, Usage, Vectors
from journeyman.wire import HttpReply, HttpRequest, embedding_dialect

BEDROCK = embedding_dialect("bedrock")
TITAN = "amazon.titan-embed-text-v2:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"
COHERE = "eu.cohere.embed-v4:0"
COUNT = "x-amzn-bedrock-input-token-count"


def path(model):
    return f"/model/{model.replace(':', '%3A').replace('/', '%2F')}/invoke"


def parse(model, body):
    return BEDROCK.parse(HttpRequest("POST", path(model), {}, json.dumps(body).encode()))


def sent(request):
    return json.loads(BEDROCK.encode(request).body)


def test_titan():
    """Titan takes one text and the length of its vector; the id in the path is quoted as AWS's own tools do."""
    request = BEDROCK.encode(EmbeddingRequest(TITAN, ("a",), 512, "query", Opaque("bedrock", {"normalize": False})))
    assert request.path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    assert json.loads(request.body) == {"inputText": "a", "dimensions": 512, "normalize": False}
    assert BEDROCK.limit(TITAN).inputs == 1


def test_titan_of_one_length():
    """The first Titan has no other length, and the one for pictures says it elsewhere."""
    with pytest.raises(CallerError, match="leave out dimensions"):
        BEDROCK.encode(EmbeddingRequest("amazon.titan-embed-text-v1", ("a",), 512))
    assert sent(EmbeddingRequest("amazon.titan-embed-text-v1", ("a",))) == {"inputText": "a"}
    body = sent(EmbeddingRequest("amazon.titan-embed-image-v1", ("a",), 384))
    assert body == {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 384}}


@pytest.mark.parametrize(("purpose", "word"), [("query", "GENERIC_RETRIEVAL"), (None, "GENERIC_INDEX")])
def test_nova(purpose, word):
    """Nova takes one text, what it is for, and what to do if it is too long."""
    body = sent(EmbeddingRequest(NOVA, ("a",), 1024, purpose))
    assert body == {
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": word,
            "embeddingDimension": 1024,
            "text": {"truncationMode": "END", "value": "a"},
        },
    }


def test_cohere():
    """Cohere's models take many texts, also by the id of an inference profile and by its ARN."""
    for model in (COHERE, f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/{COHERE}"):
        assert BEDROCK.limit(model).inputs == 96
        body = sent(EmbeddingRequest(model, ("a", "b"), 256, "query"))
        assert body == {"texts": ["a", "b"], "input_type": "search_query", "output_dimension": 256}


@pytest.mark.parametrize(
    "model", ["anthropic.claude-3-haiku", "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"]
)
def test_ids_that_do_not_tell(model):
    """An id that does not tell whose model it is cannot be asked in anybody's words."""
    with pytest.raises(CallerError, match="does not tell whose embedding model"):
        BEDROCK.encode(EmbeddingRequest(model, ("a",)))


def test_several_texts():
    """Amazon's models are not silently asked about the first of several texts."""
    with pytest.raises(CallerError, match="takes one text a request, not 2"):
        BEDROCK.encode(EmbeddingRequest(TITAN, ("a", "b")))


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ({"embedding": [0.5, 1], "inputTextTokenCount": 3, "embeddingsByType": {"float": [0.5, 1]}}, [[0.5, 1.0]]),
        ({"embedding": [0.5, 1], "inputTextTokenCount": 3, "message": None}, [[0.5, 1.0]]),
        ({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5, 1]}]}, [[0.5, 1.0]]),
        ({"embeddings": [[0.5, 1], [2, 3]], "response_type": "embeddings_floats"}, [[0.5, 1.0], [2.0, 3.0]]),
        ({"embeddings": {"float": [[0.5, 1]]}, "response_type": "embeddings_by_type"}, [[0.5, 1.0]]),
    ],
    ids=["titan", "titan-image", "nova", "cohere", "cohere-by-type"],
)
@pytest.mark.parametrize("headers", [{COUNT: "3"}, {COUNT: "x"}, {}])
def test_answers(body, rows, headers):
    """Each maker's answer is understood; Bedrock's own header tells the tokens, Titan's body tells them, too."""
    response = BEDROCK.decode(HttpReply(200, headers, json.dumps(body).encode()))
    assert response.vectors.tolist() == rows
    told = headers.get(COUNT) == "3" or "inputTextTokenCount" in body
    assert response.usage == Usage(input=3 if told else 0)


@pytest.mark.parametrize(
    "body", [{"embedding": []}, {"embeddings": [{}]}, {"embeddings": []}, {"embeddings": [{"embedding": 1}]}]
)
def test_answers_that_are_none(body):
    """What holds no vector is an error of the provider's."""
    with pytest.raises(ProviderError, match="cannot be read"):
        BEDROCK.decode(HttpReply(200, {}, json.dumps(body).encode()))


PARAMS = {"embeddingPurpose": "GENERIC_INDEX", "text": {"truncationMode": "NONE", "value": "a"}}


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (TITAN, {"inputText": "a"}),
        (TITAN, {"inputText": "a", "dimensions": 256, "normalize": True, "embeddingTypes": ["float"]}),
        ("amazon.titan-embed-image-v1", {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 256}}),
        (
            NOVA,
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": PARAMS,
                "schemaVersion": "nova-multimodal-embed-v1",
            },
        ),
        (
            NOVA,
            {
                "taskType": "SINGLE_EMBEDDING",
                "singleEmbeddingParams": {**PARAMS, "embeddingPurpose": "CLUSTERING", "embeddingDimension": 256},
            },
        ),
        (COHERE, {"texts": ["a", "b"], "input_type": "search_query", "truncate": "NONE"}),
        (COHERE, {"texts": ["a"], "input_type": "clustering", "embedding_types": ["float"]}),
    ],
)
def test_requests_come_out_as_they_went_in(model, body):
    """A client's request, parsed and encoded, is the same JSON at the same place."""
    again = BEDROCK.encode(parse(model, body))
    assert (again.path, json.loads(again.body)) == (path(model), body)


@pytest.mark.parametrize(
    ("model", "body", "words"),
    [
        (TITAN, {}, "`inputText` is no text"),
        ("amazon.titan-embed-image-v1", {"inputText": "a", "inputImage": "AA=="}, "`inputImage` is not embedded"),
        (NOVA, {"singleEmbeddingParams": {"image": {}}}, "`singleEmbeddingParams.text.value` is no text"),
        (COHERE, {"images": ["data:"]}, "`images` are not embedded"),
        ("meta.llama", {"inputText": "a"}, "does not tell whose"),
    ],
)
def test_requests_that_are_none(model, body, words):
    """A client is told what is wrong."""
    with pytest.raises(CallerError, match=words):
        parse(model, body)


def test_rendering():
    """A client gets its maker's form, with the tokens in Bedrock's header."""
    given = EmbeddingResponse(Vectors.of([[0.5]]), Usage(input=3))
    titan = BEDROCK.render(given, parse(TITAN, {"inputText": "a"}))
    assert titan.headers[COUNT] == "3"
    assert json.loads(titan.body) == {
        "embedding": [0.5],
        "embeddingsByType": {"float": [0.5]},
        "inputTextTokenCount": 3,
    }
    nova = BEDROCK.render(given, parse(NOVA, {"singleEmbeddingParams": PARAMS}))
    assert json.loads(nova.body) == {"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5]}]}
    asked = {"texts": ["a"], "input_type": "search_query"}
    assert json.loads(BEDROCK.render(given, parse(COHERE, asked)).body)["embeddings"] == [[0.5]]
    by_type = parse(COHERE, {**asked, "embedding_types": ["float"]})
    assert json.loads(BEDROCK.render(given, by_type).body)["embeddings"] == {"float": [[0.5]]}
    assert BEDROCK.render_error(429, "slow").headers["x-amzn-errortype"] == "ThrottlingException"
