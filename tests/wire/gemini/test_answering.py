"""Whole answers of the Gemini API."""

import json

import pytest

from journeyman.data import Audio, Document, Image, Opaque, ProviderError, Text, Thinking, ToolCall, Usage, Video
from journeyman.wire.gemini import Gemini
from journeyman.wire.http import HttpReply

WIRE = Gemini()
JSON = {"content-type": "application/json; charset=UTF-8"}


def own(**data):
    return Opaque("gemini", data)


def decoded(body, status=200):
    return WIRE.decode(HttpReply(status, JSON, body if isinstance(body, bytes) else json.dumps(body).encode()))


def answer(*parts, **candidate):
    content = {"parts": list(parts), "role": "model"}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0, **candidate}], "responseId": "r1"}


def parts_of(*parts):
    return decoded(answer(*parts)).message.parts


def test_words_thoughts_and_names():
    """Text and thoughts are told apart, and the names of the model and of the answer are kept."""
    response = decoded(
        answer({"text": "Hm.", "thought": True}, {"text": "Hello", "thoughtSignature": "c2ln"})
        | {"modelVersion": "m-1"}
    )
    assert response.message.parts == (Thinking("Hm.", own()), Text("Hello", own(thoughtSignature="c2ln")))
    assert (response.model, response.raw_id, response.finish) == ("m-1", "r1", "stop")


def test_an_answer_of_nothing():
    """A model that used up its tokens by thinking gave an answer without parts."""
    response = decoded({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]})
    assert (response.message.parts, response.finish) == ((), "length")


def test_parts_that_came_apart_stay_apart():
    """Texts are not put together, because a signature counts for the part that it stands in; empty ones say nothing."""
    parts = parts_of({"text": "a"}, {"text": "b", "thoughtSignature": "c2ln"}, {"text": ""}, {"text": "c"})
    assert parts == (Text("a"), Text("b", own(thoughtSignature="c2ln")), Text("c"))


def test_an_empty_text_with_a_signature_stays():
    """A signature in a part without words goes back in that part."""
    assert parts_of({"text": "", "thoughtSignature": "c2ln"}) == (Text("", own(thoughtSignature="c2ln")),)


def test_calls():
    """Arguments are JSON without the reply's indentation, signature and id are kept, and the answer ends with calls."""
    body = answer({"functionCall": {"name": "f", "id": "x1", "args": "ARGS"}, "thoughtSignature": "c2ln"})
    text = json.dumps(body, indent=2).replace('"ARGS"', '{\n  "b": 1.50,\n  "a": "x  y"\n}').encode()
    response = decoded(text)
    assert response.message.parts == (ToolCall("x1", "f", '{"b":1.50,"a":"x  y"}', own(thoughtSignature="c2ln")),)
    assert response.finish == "tool_calls"


def test_calls_without_ids():
    """Each gets an id of its own, the same one whenever the answer is read, and another one in another answer."""
    twice = answer(*[{"functionCall": {"name": "f"}}] * 2)
    first, second = decoded(twice).message.tool_calls
    assert first.id != second.id
    assert decoded(twice).message.tool_calls == (first, second)
    assert (first.arguments, first.origin) == ("{}", own(_form={"bare": True}))
    other = decoded(twice | {"responseId": "r2"}).message.tool_calls[0]
    assert other.id != first.id


def test_calls_of_answers_without_ids():
    """Where even the answer has no id, the size of its prompt tells it from other turns."""
    bare = {"candidates": answer({"functionCall": {"name": "f"}})["candidates"]}
    ids = {
        decoded(bare | {"usageMetadata": {"promptTokenCount": count}}).message.tool_calls[0].id for count in (10, 20)
    }
    assert len(ids) == 2


def test_a_call_of_nothing():
    """An empty call, with which a stream of arguments ends, is none."""
    assert parts_of({"functionCall": {}}, {"text": "x"}) == (Text("x"),)


def test_media():
    """Pictures, sounds, films and other files are what their types say."""
    parts = parts_of(
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}, "thoughtSignature": "c2ln"},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}},
        {"inlineData": {"mimeType": "text/csv", "data": "YSxi", "displayName": "a.csv"}},
    )
    assert parts == (
        Image("image/png", b"\x89PN"),
        Audio("audio/wav", b"\0\0\0", origin=own(thoughtSignature="c2ln")),
        Video("video/mp4", url="gs://b/v", origin=own()),
        Document("text/csv", b"a,b", name="a.csv", origin=own(inlineData={"displayName": "a.csv"})),
    )


@pytest.mark.parametrize(
    "part",
    [
        {"executableCode": {"language": "PYTHON", "code": "1+1", "id": "c1"}, "thoughtSignature": "c2ln"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}},
        {"toolCall": {"toolType": "FILE_SEARCH", "id": "t"}},
        {"thought": True, "inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"inlineData": {"mimeType": "image/png", "data": "no base64!"}},
        {"inlineData": {"data": "iVBO"}},
        {"yetToCome": {"a": [1]}},
        {},
    ],
    ids=lambda part: next(iter(part), "empty"),
)
def test_what_has_no_noun_is_kept_whole(part):
    """Blocks of the provider's own, pictures that were only thought of, and whatever is new."""
    assert parts_of(part) == (Opaque("gemini", part),)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "other"),
        ("UNEXPECTED_TOOL_CALL", "other"),
        ("SOMETHING_NEW", "other"),
        ("FINISH_REASON_UNSPECIFIED", None),
    ],
)
def test_finish(reason, finish):
    """Why an answer ended; what our word for it does not say is kept."""
    response = decoded(answer({"text": "a"}, finishReason=reason, finishMessage="because"))
    assert response.finish == finish
    if reason == "STOP":
        assert response.message.origin is None
    elif reason in ("MAX_TOKENS", "SAFETY", "FINISH_REASON_UNSPECIFIED"):
        assert response.message.origin == own(finishMessage="because")
    else:
        assert response.message.origin == own(finishReason=reason, finishMessage="because")


def test_usage():
    """Cached tokens are a part of the prompt, thoughts are none of the words, and what tools put in is kept apart."""
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 80,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 5,
        "toolUsePromptTokenCount": 30,
        "totalTokenCount": 142,
    }
    response = decoded(answer({"text": "a"}) | {"usageMetadata": counts})
    assert response.usage == Usage(input=20, cache_read=80, output=7, reasoning=5)
    assert response.message.origin == own(usageMetadata={"toolUsePromptTokenCount": 30})


def test_usage_that_contradicts_itself():
    """No bucket is negative."""
    counts = {"promptTokenCount": 5, "cachedContentTokenCount": 9, "candidatesTokenCount": -1}
    assert decoded(answer({"text": "a"}) | {"usageMetadata": counts}).usage == Usage(cache_read=5)


def test_grounding_and_its_kin_are_kept():
    """What the provider tells beside the words is in the origin of the message; what says nothing is not."""
    sources = {"groundingChunks": [{"web": {"uri": "https://e.org"}}]}
    response = decoded(answer({"text": "a"}, groundingMetadata=sources, safetyRatings=[], avgLogprobs=-0.5))
    assert response.message.origin == own(groundingMetadata=sources, avgLogprobs=-0.5)


def test_other_candidates_are_not_heard():
    """Only the first candidate is the answer."""
    body = answer({"text": "a"})
    body["candidates"].append({"content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS", "index": 1})
    response = decoded(body)
    assert (response.message.text, response.finish) == ("a", "stop")


def test_a_blocked_prompt():
    """A prompt that was blocked has an answer without candidates, which says so."""
    response = decoded({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}})
    assert (response.message.parts, response.finish, response.usage.input) == ((), "content_filter", 4)
    assert response.message.origin == own(promptFeedback={"blockReason": "SAFETY"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b'{"candidates":[]}',
        b'{"candidates":[{"content":{"parts":[{"text":"\xff"}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":7}}]}}]}',
        b'{"candidates":[{"content":{"parts":[{"_form":{}}]}}]}',
        b'{"candidates":' + b"[" * 100_000,
        b'{"candidates":[{"content":{"parts":[{"x":' + b"[" * 3000 + b"]" * 3000 + b"}]}}]}",
    ],
    ids=range(10),
)
def test_unreadable(body):
    """What is no answer is the provider's error, with its status and body."""
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        decoded(body)
    assert (caught.value.status, caught.value.kind) == (200, "server")


def test_an_error_in_an_answer():
    """An error that came with status 200 is one."""
    with pytest.raises(ProviderError, match=r"^overloaded$") as caught:
        decoded({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})
    assert (caught.value.status, caught.value.kind) == (503, "overloaded")
