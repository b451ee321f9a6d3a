"""What the Ollama dialect makes of answers, whole and line by line, and of broken ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Image,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from journeyman.wire.http import HttpReply
from journeyman.wire.ollama import Ollama

WIRE = Ollama()
NOW = "2026-01-02T03:04:05.678901234Z"
END = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 5043500667,
    "load_duration": 5025959,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 325953000,
    "eval_count": 290,
    "eval_duration": 4709213000,
}


def own(**data: Any) -> Opaque:
    return Opaque("ollama", data)


def line(done: dict[str, Any] | None = None, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "", **message}
    return {"model": "qwen3", "created_at": NOW, "message": said, **({"done": False} if done is None else done)}


def call(name: str, arguments: Any, **keys: Any) -> dict[str, Any]:
    return {**keys, "function": {"name": name, "arguments": arguments}}


def decoded(body: Any, status: int = 200, **headers: str) -> ModelResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WIRE.decode(HttpReply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data))


def lines(*payloads: Any) -> bytes:
    made = [payload if isinstance(payload, bytes) else json.dumps(payload).encode() for payload in payloads]
    return b"".join(item + b"\n" for item in made)


def streamed(*payloads: Any) -> ModelResponse:
    decoder = WIRE.decoder(HttpReply(200, {"content-type": "application/x-ndjson"}))
    decoder.feed(lines(*payloads))
    return decoder.finish()


def test_a_whole_answer():
    """Thoughts, words, pictures and calls find their places, in the order in which models make them."""
    calls = [call("f", {"x": 1.50}, id="call_1"), call("g", {}, id="call_2")]
    answer = decoded(line(END, content="Yes", thinking="hm", tool_calls=calls, images=["R0lGODlh"]))
    assert answer.message.parts == (
        Thinking("hm", own()),
        Text("Yes"),
        Image("image/gif", b"GIF89a"),
        ToolCall("call_1", "f", '{"x": 1.5}'),
        ToolCall("call_2", "g", "{}"),
    )
    assert answer.message.origin is None
    assert (answer.usage, answer.finish) == (Usage(input=26, output=290), "tool_calls")
    assert (answer.model, answer.raw_id) == ("qwen3", None)


def test_a_stream_folds_to_the_answer():
    """Pieces become deltas at once; several calls come in one line or in several; what follows the end is not heard."""
    first, second, third = call("f", {"x": 1}, id="a"), call("g", {}, id="b"), call("f", {}, id="c")
    decoder = WIRE.decoder()
    data = lines(
        line(thinking="h"),
        line(thinking="m"),
        line(content="Y"),
        b"",
        line(content="es"),
        line(tool_calls=[first, second]),
        line(tool_calls=[third]),
        line(END),
        line(content="never heard"),
        {"error": "nor this"},
    )
    assert decoder.feed(data) == [
        ThinkingDelta("h"),
        ThinkingDelta("m"),
        TextDelta("Y"),
        TextDelta("es"),
        ToolCallDelta(0, "a", "f", '{"x": 1}'),
        ToolCallDelta(1, "b", "g", "{}"),
        ToolCallDelta(2, "c", "f", "{}"),
    ]
    assert decoder.finish() == decoded(line(END, content="Yes", thinking="hm", tool_calls=[first, second, third]))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
calls = st.lists(st.tuples(st.text("fg", min_size=1), st.dictionaries(words, st.integers()), st.booleans()), max_size=4)


@given(st.lists(st.tuples(words, words), max_size=5), calls, st.lists(st.integers(1, 40)), st.booleans())
def test_any_answer_is_the_same_whole_and_cut_anywhere(said, called, cuts, returns):
    """The fold of a stream, cut at any bytes, is what decoding the whole body gives, ids of our making included."""
    made = [
        call(name, arguments, **({"id": f"call_{at}"} if named else {}))
        for at, (name, arguments, named) in enumerate(called)
    ]
    payloads = [line(thinking=thought, content=text) for thought, text in said]
    data = lines(*payloads, *[line(tool_calls=[item]) for item in made], line(END))
    if returns:
        data = data.replace(b"\n", b"\r\n")
    decoder = WIRE.decoder()
    for cut in cuts:
        decoder.feed(data[:cut])
        data = data[cut:]
    decoder.feed(data)
    thinking, content = "".join(thought for thought, _ in said), "".join(text for _, text in said)
    assert decoder.finish() == decoded(line(END, content=content, thinking=thinking, tool_calls=made))


def test_calls_without_ids_get_some():
    """They are the same for the same answer, and differ within it and from those of other turns."""
    twice = [call("f", {}), call("f", {})]
    first, second = decoded(line(END, tool_calls=twice)).message.tool_calls
    again = decoded(line(END, tool_calls=twice)).message.tool_calls
    later = decoded(line(END, tool_calls=twice) | {"created_at": "2026-01-02T03:04:06Z"}).message.tool_calls
    assert (first, second) == again
    assert len({made.id for made in (first, second, *later)}) == 4
    assert first.id.startswith("ollama_")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"x": [1, {"y": None}]}, '{"x": [1, {"y": null}]}'),
        ('{"x": 1}', '{"x": 1}'),
        ("not json", "not json"),
        (None, "{}"),
        ("", "{}"),
        ([1], "[1]"),
    ],
)
def test_arguments_keep_their_text(arguments, text):
    """Arguments are the very text of the object, or of the string that some servers send."""
    assert decoded(line(END, tool_calls=[call("f", arguments, id="a")])).message.tool_calls[0].arguments == text


@pytest.mark.parametrize(
    ("end", "finish", "kept"),
    [
        ({"done": True, "done_reason": "stop"}, "stop", None),
        ({"done": True, "done_reason": "length"}, "length", None),
        ({"done": True, "done_reason": "load"}, "other", "load"),
        ({"done": True, "done_reason": "unload"}, "other", "unload"),
        ({"done": True}, "stop", None),
    ],
)
def test_reasons_of_the_end(end, finish, kept):
    """Each reason means what Ollama's source says; one that says more than our word is kept."""
    answer = decoded(line(end))
    assert (answer.finish, answer.message.origin) == (finish, own(done_reason=kept) if kept else None)
    assert streamed(line(end)) == answer


def test_a_call_that_was_cut_is_no_reason_to_go_on():
    """An answer that reached its limit did, whatever is in it."""
    end = {"done": True, "done_reason": "length"}
    assert decoded(line(end, tool_calls=[call("f", {}, id="a")])).finish == "length"


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"prompt_eval_count": 10, "prompt_eval_cached_count": 4, "eval_count": 3}, Usage(6, 4, output=3)),
        ({"prompt_eval_count": 3, "prompt_eval_cached_count": 9}, Usage(0, 3)),
        ({"prompt_eval_count": -3, "eval_count": 1e300}, Usage(output=2**53)),
        ({}, Usage()),
    ],
)
def test_usage(counts, usage):
    """What was in the cache is counted once."""
    assert decoded(line({"done": True, **counts})).usage == usage


def test_log_probabilities_are_kept():
    """What was asked for has no noun, and is in the origin, from a whole answer and from a stream."""
    first, second = {"token": "Y", "logprob": -0.1}, {"token": "es", "logprob": -0.2}
    answer = decoded(line(END, content="Yes") | {"logprobs": [first, second]})
    assert answer.message.origin == own(logprobs=[first, second])
    said = line(content="Y") | {"logprobs": [first]}, line(content="es") | {"logprobs": [second]}
    assert streamed(*said, line(END)) == answer


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"RIFF0000WEBP", "image/webp"),
        (b"BM", "image/bmp"),
        (b"", "image/*"),
    ],
)
def test_pictures_tell_what_they_are(beginning, kind):
    """The wire has bytes alone."""
    from journeyman.wire.ollama.media import image_json, image_of

    assert image_of(image_json(Image("image/x", beginning))) == Image(kind, beginning)


@pytest.mark.parametrize(
    ("status", "sent", "kind", "message"),
    [
        (400, {"error": "model is required"}, "invalid_request", "model is required"),
        (401, {"error": "unauthorized", "signin_url": "https://x.test"}, "authentication", "unauthorized"),
        (404, {"error": "model 'x' not found"}, "not_found", "model 'x' not found"),
        (429, {"error": {"message": "slow down"}}, "rate_limit", "slow down"),
        (500, {"data": "x"}, "server", "the provider answered with status 500: "),
        (503, {"message": "server busy"}, "overloaded", "server busy"),
    ],
)
def test_error_replies(status, sent, kind, message):
    """Each status is its kind, with Ollama's words and the time after which to come again."""
    with pytest.raises(ProviderError) as caught:
        decoded(sent, status, retry_after="3")
    error = caught.value
    assert (error.status, error.kind, error.retry_after) == (status, kind, 3.0)
    assert error.message.startswith(message)


BROKEN = [
    b"",
    b"<html>",
    b"[]",
    b"{}",
    b'{"message": 1}',
    b'{"message": {"content": "\xff"}}',
    b'{"message": {"tool_calls": [{}]}}',
    b'{"message": {"images": ["?"]}}',
    b'{"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"\xff": 1}}}]}}',
    b"[" * 9000,
]


@pytest.mark.parametrize("data", BROKEN)
@pytest.mark.parametrize("status", [200, 502])
def test_unreadable_replies(data, status):
    """Whatever comes instead of an answer is a `ProviderError` that says what came."""
    with pytest.raises(ProviderError) as caught:
        decoded(data, status)
    assert (caught.value.status, caught.value.kind) == (status, "server")


@pytest.mark.parametrize("data", [item for item in BROKEN if item not in (b"", b"{}")])
def test_unreadable_lines(data):
    """A line that cannot be read breaks the stream, and is told."""
    with pytest.raises(ProviderError, match="unreadable") as caught:
        streamed(line(content="So"), data)
    assert caught.value.kind == "stream"


@pytest.mark.parametrize(
    ("sent", "status", "kind", "message"),
    [
        ({"error": "model runner has unexpectedly stopped"}, None, "server", "model runner has unexpectedly stopped"),
        ({"error": "slow down", "status": 429}, 429, "rate_limit", "slow down"),
        ({"error": {"message": "busy"}, "status_code": 503}, 503, "overloaded", "busy"),
        ({"error": ["?"]}, None, "server", "the provider broke off"),
    ],
)
def test_an_error_with_a_good_status(sent, status, kind, message):
    """An `error` is one also in a stream that began well, and in a whole answer."""
    for reading in (lambda: streamed(line(content="So"), sent), lambda: decoded(sent)):
        with pytest.raises(ProviderError, match=message) as caught:
            reading()
        assert (caught.value.status, caught.value.kind) == (status, kind)


@pytest.mark.parametrize("payloads", [[], [line(content="So")], [line(content="So"), b'{"model"'], [{}]])
def test_a_stream_that_is_cut_off(payloads):
    """Without the line that is done, a stream is broken."""
    with pytest.raises(ProviderError) as caught:
        streamed(*payloads)
    assert caught.value.kind == "stream"


def test_the_last_line_needs_no_end():
    """A server that forgets it is heard."""
    decoder = WIRE.decoder()
    decoder.feed(lines(line(content="So"), line(END))[:-1])
    assert decoder.finish().message.text == "So"


def test_answers_in_the_other_form():
    """An answer that came whole is read from a stream's decoder, and one in lines by whoever reads it whole."""
    decoder = WIRE.decoder(HttpReply(200, {"content-type": "application/json; charset=utf-8"}))
    assert decoder.feed(json.dumps(line(END, content="Hi")).encode()) == []
    assert decoder.finish().message.text == "Hi"
    stream = lines(line(content="H"), line(content="i"), line(END))
    assert decoded(stream, content_type="application/x-ndjson").message.text == "Hi"
    with pytest.raises(ProviderError, match="no end"):
        decoded(lines(line(content="H")), content_type="application/x-ndjson")
    refused = WIRE.decoder(HttpReply(404, {"content-type": "application/x-ndjson"}))
    refused.feed(b'{"error": "model not found"}')
    with pytest.raises(ProviderError, match="model not found"):
        refused.finish()
