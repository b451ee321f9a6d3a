"""Being Ollama: what a client reads of our answers, whole and line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Audio,
    CallerError,
    Image,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    Part,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    deltas_of,
)
from journeyman.wire import Stamp, dialect
from journeyman.wire.http import HttpReply
from journeyman.wire.ollama import Ollama

WIRE = Ollama()


def own(**data: Any) -> Opaque:
    return Opaque("ollama", data)


def response(*parts: Part, origin: Opaque | None = None, **fields: Any) -> ModelResponse:
    fields = {"usage": Usage(input=3, cache_read=1, output=2), "model": "qwen3", **fields}
    return ModelResponse(Message("assistant", parts, origin), **fields)


def lines(data: bytes) -> list[dict[str, Any]]:
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.splitlines()]


def read(data: bytes) -> ModelResponse:
    decoder = WIRE.decoder()
    decoder.feed(data)
    return decoder.finish()


FULL = response(
    Thinking("hm", own()),
    Text("Yes"),
    Image("image/gif", b"GIF89a"),
    ToolCall("a", "f", '{"x": 1}'),
    ToolCall("ollama_1", "g", "{}"),
    origin=own(logprobs=[{"token": "Yes"}]),
    finish="tool_calls",
)


def test_a_whole_answer_has_the_shape_of_the_wire():
    """Name, time, reason and counts are where Ollama's reference has them; times that nobody measured are zero."""
    answer = response(Text("Hi"), model="")
    reply = WIRE.render(answer, Stamp("7", created=1_767_323_045, request=ModelRequest("m", ())))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(reply.body) == {
        "model": "m",
        "created_at": "2026-01-02T03:04:05Z",
        "message": {"role": "assistant", "content": "Hi"},
        "done": True,
        "done_reason": "stop",
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 4,
        "prompt_eval_cached_count": 1,
        "prompt_eval_duration": 0,
        "eval_count": 2,
        "eval_duration": 0,
    }
    assert json.loads(WIRE.render(answer).body)["created_at"] == "1970-01-01T00:00:00Z"


def test_a_stream_has_the_lines_of_the_wire():
    """Words and thoughts as they come, a sign of life while a call does, calls whole, and a last line that is done."""
    renderer = WIRE.renderer(Stamp(request=ModelRequest("m", ())))
    deltas = [ThinkingDelta("h"), ThinkingDelta("m"), TextDelta(""), TextDelta("Yes"), ToolCallDelta(0, "a", "f")]
    answer = response(Thinking("hm"), Text("Yes"), ToolCall("a", "f"), ToolCall("b", "g", "not json"))
    made = lines(b"".join(map(renderer.feed, deltas)) + renderer.finish(answer))
    messages = [{key: value for key, value in line["message"].items() if key != "role"} for line in made]
    assert messages == [
        {"content": "", "thinking": "h"},
        {"content": "", "thinking": "m"},
        {"content": ""},
        {"content": "Yes"},
        {"content": ""},
        {"content": "", "tool_calls": [{"id": "a", "function": {"index": 0, "name": "f", "arguments": {}}}]},
        {
            "content": "",
            "tool_calls": [{"id": "b", "function": {"index": 1, "name": "g", "arguments": {"_raw": "not json"}}}],
        },
        {"content": ""},
    ]
    assert [line["done"] for line in made] == [False] * 7 + [True]
    assert [line["model"] for line in made] == ["m"] * 7 + ["qwen3"]
    assert {line["message"]["role"] for line in made} == {"assistant"}


def test_nothing_is_lost_on_the_way_around():
    """What we render of an answer, whole, as a stream, and fed delta by delta, decodes to the same answer."""
    assert WIRE.decode(WIRE.render(FULL)) == FULL
    assert read(WIRE.renderer().finish(FULL)) == FULL
    renderer = WIRE.renderer(Stamp(request=ModelRequest("qwen3", ())))
    fed = b"".join(map(renderer.feed, deltas_of(FULL.message)))
    assert read(fed + renderer.finish(FULL)) == FULL


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
arguments = st.dictionaries(words, st.integers(), max_size=2).map(json.dumps)


@given(words | st.just(""), words | st.just(""), st.lists(st.tuples(words, arguments), max_size=3), st.booleans())
def test_any_answer_survives(thought, text, calls, fed):
    """Words, thoughts and calls come out of a stream as they went in."""
    parts: list[Part] = [Thinking(thought, own())] if thought else []
    parts += [Text(text)] if text else []
    parts += [ToolCall(f"call_{at}", name, written) for at, (name, written) in enumerate(calls)]
    answer = response(*parts, finish="tool_calls" if calls else "stop")
    renderer = WIRE.renderer(Stamp(request=ModelRequest("qwen3", ())))
    stream = b"".join(map(renderer.feed, deltas_of(answer.message))) if fed else b""
    assert read(stream + renderer.finish(answer)) == answer
    assert WIRE.decode(WIRE.render(answer)) == answer


@pytest.mark.parametrize(
    ("finish", "origin", "reason"),
    [
        ("stop", None, "stop"),
        ("tool_calls", None, "stop"),
        ("length", None, "length"),
        ("content_filter", None, "stop"),
        ("other", None, "stop"),
        (None, None, "stop"),
        ("other", own(done_reason="load"), "load"),
        ("length", own(done_reason="load"), "length"),
    ],
)
def test_reasons(finish, origin, reason):
    """Our word is Ollama's, or the very one that Ollama said."""
    assert json.loads(WIRE.render(response(finish=finish, origin=origin)).body)["done_reason"] == reason


def test_answers_of_other_models():
    """Thoughts need no signature here, and what only others understand is left out."""
    other = Opaque("anthropic", {"signature": "s"})
    answer = response(Thinking("h", other), other, Text("H"), Thinking("m"), Text("i"))
    assert json.loads(WIRE.render(answer).body)["message"] == {"role": "assistant", "content": "Hi", "thinking": "hm"}
    assert read(WIRE.renderer().finish(answer)).message.parts == (Thinking("hm", own()), Text("Hi"))


def test_what_cannot_be_answered():
    """The wire has a place for pictures as bytes, and for no other media."""
    for part in (Audio("audio/wav", b"x"), Image("image/png", url="https://x.test/1.png"), Text("\ud800")):
        with pytest.raises(CallerError):
            WIRE.render(response(part))


def test_errors():
    """An error is an `error` with its status, or a line of a stream that had begun."""
    with pytest.raises(ProviderError) as caught:
        WIRE.decode(WIRE.render_error(429, "slow down"))
    assert (caught.value.status, caught.value.message, caught.value.kind) == (429, "slow down", "rate_limit")
    renderer = WIRE.renderer()
    with pytest.raises(ProviderError, match="it fell over"):
        read(renderer.feed(TextDelta("So")) + renderer.fail(500, "it fell over"))


def test_it_is_found_by_its_name():
    """`dialect` knows it, and it says what its streams are."""
    assert isinstance(dialect("ollama"), Ollama)
    assert (WIRE.name, WIRE.stream_type) == ("ollama", "application/x-ndjson")
    assert WIRE.decoder(HttpReply(200, {"content-type": WIRE.stream_type})).feed(b"") == []
