"""OpenAI's embeddings and what compatible vendors do otherwise."""

import base64
import json
import struct
import sys

import pytest

from journeyman.data import CallerError, EmbeddingRequest, EmbeddingResponse, Opaque, ProviderError, Usage, Vectors
from journeyman.wire import EmbeddingQuirks, HttpReply, HttpRequest, embedding_dialect
from journeyman.wire.embedding.forms import in_base64

OPENAI = embedding_dialect("openai")
TWO = EmbeddingRequest("m", ("a", "b"))


def reply(body, status=200, **headers):
    return HttpReply(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())


def sent(request, dialect=OPENAI):
    return json.loads(dialect.encode(request).body)


def parse(body, dialect=OPENAI):
    return dialect.parse(HttpRequest("POST", "/embeddings", {}, json.dumps(body).encode()))


def packed(*numbers):
    """As OpenAI writes a vector in base64: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def answer(*embeddings, **others):
    data = [{"object": "embedding", "index": index, "embedding": item} for index, item in enumerate(embeddings)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return {"object": "list", "data": data, "model": "m-1", "usage": usage, **others}


def test_request():
    """All texts go in one list, and the vectors are asked for in base64."""
    request = OPENAI.encode(TWO)
    assert (request.method, request.path) == ("POST", "/embeddings")
    assert json.loads(request.body) == {"model": "m", "input": ["a", "b"], "encoding_format": "base64"}
    assert sent(EmbeddingRequest("m", ("a",), dimensions=256))["dimensions"] == 256


def test_purposes_have_no_place():
    """OpenAI knows no purposes, so that none is sent."""
    assert sent(EmbeddingRequest("m", ("a", "b"), purpose="query")) == sent(TWO)


def test_extras():
    """Keys of this dialect are sent, those of another are not."""
    assert sent(EmbeddingRequest("m", ("a",), extra=Opaque("openai", {"user": "u"})))["user"] == "u"
    assert "user" not in sent(EmbeddingRequest("m", ("a",), extra=Opaque("cohere", {"user": "u"})))


def test_quirks():
    """A vendor's own keys are used both ways: Mistral's for the length, NVIDIA's for the purpose."""
    dialect = embedding_dialect(
        "openai",
        EmbeddingQuirks(dimensions="output_dimension", purpose=("input_type", "query", "passage"), most_inputs=9),
    )
    body = sent(EmbeddingRequest("m", ("a",), 64, "document"), dialect)
    assert (body["output_dimension"], body["input_type"]) == (64, "passage")
    found = parse(body, dialect)
    assert (found.dimensions, found.purpose) == (64, "document")
    assert dialect.limit("m").inputs == 9
    odd = {"model": "m", "input": ["a"], "input_type": ["query"]}
    assert sent(parse(odd, dialect), dialect) == odd


def test_limit():
    """No more texts go into one request than OpenAI takes."""
    assert OPENAI.limit("text-embedding-3-small").inputs == 2048


@pytest.mark.parametrize("form", [[0.5, -1.0], packed(0.5, -1.0)], ids=["numbers", "base64"])
def test_answer(form):
    """Vectors come as numbers or in base64, with the name of the model and the tokens."""
    response = OPENAI.decode(reply(answer(form, form)))
    assert response.vectors.tolist() == [[0.5, -1.0]] * 2
    assert (response.usage, response.model, response.cost) == (Usage(input=5), "m-1", None)


def test_order():
    """The vectors are put into the order of their indexes; without indexes they stay as they came."""
    body = answer([1.0], [2.0])
    body["data"].reverse()
    assert OPENAI.decode(reply(body)).vectors.tolist() == [[1.0], [2.0]]
    for item in body["data"]:
        item["index"] = 0
    assert OPENAI.decode(reply(body)).vectors.tolist() == [[2.0], [1.0]]
    for item in body["data"]:
        del item["index"]
    assert OPENAI.decode(reply(body)).vectors.tolist() == [[2.0], [1.0]]


def test_sparse_answer():
    """A server that tells neither usage nor model is understood; Mistral's id and OpenRouter's price are kept."""
    response = OPENAI.decode(reply({"data": [{"embedding": [1]}], "model": None, "usage": None}))
    assert response == EmbeddingResponse(Vectors.of([[1.0]]))
    stated = OPENAI.decode(reply(answer([1.0], id="e-1", usage={"total_tokens": 7, "cost": 0.00000014})))
    assert (stated.usage.input, stated.raw_id, stated.cost) == (7, "e-1", 140)
    assert OPENAI.decode(reply(answer([1.0], usage={"cost": -1}))).cost is None


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"embedding": packed(1.0)[:-1]}]},
        {"data": [{"embedding": "Zm8="}]},
        {"data": [{"embedding": ""}]},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]},
        {"data": [{"embedding": ["x"]}]},
        {"data": [{"embedding": {}}]},
        {"data": [{}]},
        {"data": {}},
        {"data": []},
        {},
        [],
        None,
    ],
)
def test_answers_that_are_none(body):
    """What holds no vectors of one length is an error of the provider's."""
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        OPENAI.decode(reply(body))
    assert (caught.value.status, caught.value.kind) == (200, "server")


def test_error_with_status_200():
    """A gateway's error that came with status 200 is told in its own words."""
    with pytest.raises(ProviderError, match="no credits"):
        OPENAI.decode(reply({"error": {"message": "no credits", "code": 402}}))


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "input": "a"},
        {"model": "m", "input": ["a"]},
        {"model": "m", "input": ["a", "b"], "encoding_format": "float", "dimensions": 3, "user": "u"},
        {"model": "m", "input": "a", "encoding_format": "base64"},
        {"model": "m", "input": ["a"], "dimensions": None},
        {"model": "m", "input": ["a"], "input_type": "query"},
    ],
)
def test_requests_come_out_as_they_went_in(body):
    """A client's request, parsed and encoded, is the same JSON."""
    assert sent(parse(body)) == body


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"input": "a"}, "`model` is missing"),
        ({"model": 1, "input": "a"}, "`model` is missing"),
        ({"model": "m"}, "`input` is no text"),
        ({"model": "m", "input": []}, "`input` is no text"),
        ({"model": "m", "input": {"a": 1}}, "`input` is no text"),
        ({"model": "m", "input": [1, 2]}, r"`input\[0\]` is tokens; only texts"),
        ({"model": "m", "input": [[1, 2]]}, r"`input\[0\]` is tokens; only texts"),
        ({"model": "m", "input": ["a", None]}, r"`input\[1\]` is no text"),
        ({"model": "m", "input": "a", "encoding_format": "int8"}, "encoding_format"),
        ([], "no JSON object"),
    ],
)
def test_requests_that_are_none(body, words):
    """A client is told which key is wrong, and in what."""
    with pytest.raises(CallerError, match=words):
        parse(body)


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_rendering(form):
    """A client gets the form that it asked for, and reads from it what was given."""
    body = {"model": "m", "input": ["a", "b"]} | ({"encoding_format": form} if form else {})
    given = EmbeddingResponse(Vectors.of([[0.25, 0.1], [1.0, 2.0]]), Usage(input=3), "m-2")
    rendered = OPENAI.render(given, parse(body))
    assert isinstance(json.loads(rendered.body)["data"][1]["embedding"], str if form == "base64" else list)
    assert OPENAI.decode(rendered) == given


def test_rendered_base64_is_little_endian():
    """Base64 is what OpenAI's clients expect, wherever we run."""
    request = parse({"model": "m", "input": "a", "encoding_format": "base64"})
    body = json.loads(OPENAI.render(EmbeddingResponse(Vectors.of([[0.5, -2.0]])), request).body)
    assert body["data"] == [{"object": "embedding", "index": 0, "embedding": packed(0.5, -2.0)}]
    assert (body["object"], body["model"]) == ("list", "m")


def test_text_that_json_cannot_carry():
    """Half of a surrogate pair is the caller's mistake, not a foreign exception."""
    with pytest.raises(CallerError, match="cannot be written as JSON"):
        OPENAI.encode(EmbeddingRequest("m", ("\ud800",)))


def test_machines_of_the_other_byte_order(monkeypatch):
    """Base64 is little-endian on the wire, whatever the machine's own order is."""
    row = Vectors.of([[0.5, -2.0]])[0]
    little = base64.b64encode(row.tobytes()).decode()
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    assert in_base64(row) == base64.b64encode(struct.pack(">2f", 0.5, -2.0)).decode() != little
    assert OPENAI.decode(reply(answer(in_base64(row)))).vectors.tolist() == [[0.5, -2.0]]
