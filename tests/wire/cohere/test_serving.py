"""Being Cohere: what a client reads of our answers, whole and in pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
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
    ToolResult,
    Usage,
    deltas_of,
)
from journeyman.wire import Stamp, dialect
from journeyman.wire.cohere import Cohere
from journeyman.wire.http import HttpReply

WIRE = Cohere()


def own(**data: Any) -> Opaque:
    return Opaque("cohere", data)


def response(*parts: Part, origin: Opaque | None = None, **fields: Any) -> ModelResponse:
    fields = {"usage": Usage(input=3, output=2), "raw_id": "c-1", **fields}
    return ModelResponse(Message("assistant", parts, origin), **fields)


def events(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each of which has its type as its name too."""
    made = []
    for block in data.decode().removesuffix("\n\n").split("\n\n"):
        name, payload = block.split("\n")
        made.append(json.loads(payload.removeprefix("data: ")))
        assert name == f"event: {made[-1]['type']}"
    return made


def read(data: bytes) -> ModelResponse:
    decoder = WIRE.decoder()
    decoder.feed(data)
    return decoder.finish()


FULL = response(
    Thinking("hm", own()),
    Text("Yes"),
    own(type="table", rows=1),
    ToolCall("a", "f", '{"x": 1}'),
    ToolCall("b", "g", "not json"),
    origin=own(
        keys={"tool_plan": "First f.", "citations": [{"start": 0, "end": 3, "text": "Yes"}, {"start": 1}]},
        billed_units={"input_tokens": 1},
        cached_tokens=2,
        logprobs=[{"token_ids": [1]}],
    ),
    finish="tool_calls",
)


def test_a_whole_answer_has_the_shape_of_the_wire():
    """Ids, reasons and counts are where Cohere's reference has them."""
    reply = WIRE.render(response(Text("Hi"), raw_id=None, model="x"), Stamp("7", request=ModelRequest("m", ())))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    tokens = {"input_tokens": 3, "output_tokens": 2}
    assert json.loads(reply.body) == {
        "id": "chat-7",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        "finish_reason": "COMPLETE",
        "usage": {"billed_units": tokens, "tokens": tokens},
    }
    assert json.loads(WIRE.render(response(raw_id=None)).body)["id"] == "chat-0"


def test_a_stream_has_the_events_of_the_wire():
    """The order of events, and their numbers, are those of Cohere's pages on streaming."""
    renderer = WIRE.renderer(Stamp("7"))
    deltas = [
        ThinkingDelta("h"),
        ThinkingDelta("m"),
        TextDelta("Yes"),
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(0, arguments="{}"),
        ToolCallDelta(1, "b", "g"),
    ]
    answer = response(Thinking("hm"), Text("Yes"), ToolCall("a", "f"), ToolCall("b", "g"), finish="tool_calls")
    made = events(b"".join(map(renderer.feed, deltas)) + renderer.finish(answer))
    assert [(event["type"], event.get("index")) for event in made] == [
        ("message-start", None),
        ("content-start", 0),
        ("content-delta", 0),
        ("content-delta", 0),
        ("content-end", 0),
        ("content-start", 1),
        ("content-delta", 1),
        ("content-end", 1),
        ("tool-call-start", 0),
        ("tool-call-delta", 0),
        ("tool-call-end", 0),
        ("tool-call-start", 1),
        ("tool-call-end", 1),
        ("message-end", None),
    ]
    assert made[0]["id"] == "chat-7"
    assert made[8]["delta"]["message"]["tool_calls"] == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert made[-1]["delta"]["finish_reason"] == "TOOL_CALL"


def test_nothing_is_lost_on_the_way_around():
    """What we render of an answer, whole, as a stream, and fed delta by delta, decodes to the same answer."""
    assert WIRE.decode(WIRE.render(FULL)) == FULL
    assert read(WIRE.renderer().finish(FULL)) == FULL
    answer = response(
        *[part for part in FULL.message.parts if not isinstance(part, Opaque)], origin=FULL.message.origin
    )
    renderer = WIRE.renderer(Stamp())
    fed = b"".join(map(renderer.feed, deltas_of(answer.message)))
    again = read(fed + renderer.finish(answer))
    # The head of a stream leaves before the answer has a name.
    assert again == ModelResponse(answer.message, answer.usage, "tool_calls", raw_id="chat-0")


def test_what_deltas_did_not_tell_comes_with_the_end():
    """Blocks without a noun, and calls of which no delta spoke, follow the others."""
    renderer = WIRE.renderer()
    fed = renderer.feed(ThinkingDelta("hm")) + renderer.feed(TextDelta("Y")) + renderer.feed(TextDelta("es"))
    again = read(fed + renderer.finish(FULL))
    assert again.message == FULL.message


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
parts = st.lists(
    words.map(Text)
    | words.map(lambda text: Thinking(text, own()))
    | st.builds(ToolCall, st.text("ab", min_size=1), words, words),
    max_size=5,
)


@given(parts, st.booleans())
def test_any_answer_survives(made, fed):
    """Words, thoughts and calls come out of a stream as they went in, joined where they stood together."""
    answer = response(*made)
    renderer = WIRE.renderer()
    stream = b"".join(map(renderer.feed, deltas_of(answer.message))) if fed else b""
    again = read(stream + renderer.finish(answer)).message
    assert again.text == answer.message.text
    assert "".join(part.text for part in again.only(Thinking)) == "".join(
        part.text for part in answer.message.only(Thinking)
    )
    assert again.tool_calls == answer.message.tool_calls


@pytest.mark.parametrize(
    ("finish", "origin", "reason"),
    [
        ("stop", None, "COMPLETE"),
        ("length", None, "MAX_TOKENS"),
        ("content_filter", None, "ERROR_TOXIC"),
        ("other", None, "COMPLETE"),
        ("other", own(finish_reason="TIMEOUT"), "TIMEOUT"),
        ("stop", own(finish_reason="STOP_SEQUENCE"), "STOP_SEQUENCE"),
        ("length", own(finish_reason="STOP_SEQUENCE"), "MAX_TOKENS"),
        (None, None, None),
    ],
)
def test_reasons(finish, origin, reason):
    """Our word is Cohere's, or the very one that Cohere said."""
    assert json.loads(WIRE.render(response(finish=finish, origin=origin)).body)["finish_reason"] == reason


def test_answers_of_other_models():
    """Thoughts need no signature here, cached tokens are told, and what only others understand is left out."""
    other = Opaque("anthropic", {"signature": "s"})
    answer = response(
        Thinking("hm", other), other, Text("Hi"), ToolResult("a", "1"), usage=Usage(input=3, cache_read=4, reasoning=5)
    )
    body = json.loads(WIRE.render(answer).body)
    assert body["message"]["content"] == [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}]
    assert body["usage"]["tokens"] == {"input_tokens": 7, "output_tokens": 5}
    assert body["usage"]["cached_tokens"] == 4
    assert read(WIRE.renderer().finish(answer)).message.parts == (Thinking("hm", own()), Text("Hi"))


def test_pictures_cannot_be_answered():
    """The wire has no place for them."""
    with pytest.raises(CallerError, match="no answers with image"):
        WIRE.render(response(Image("image/png", b"x")))
    with pytest.raises(CallerError):
        WIRE.render(response(Text("\ud800")))


def test_errors():
    """An error is a `message` with its status, or the end of a stream that had begun."""
    with pytest.raises(ProviderError) as caught:
        WIRE.decode(WIRE.render_error(429, "slow down"))
    assert (caught.value.status, caught.value.message, caught.value.kind) == (429, "slow down", "rate_limit")
    renderer = WIRE.renderer()
    with pytest.raises(ProviderError, match="it fell over"):
        read(renderer.feed(TextDelta("So")) + renderer.fail(500, "it fell over"))


def test_it_is_found_by_its_name():
    """`dialect` knows it, and it says what its streams are."""
    assert isinstance(dialect("cohere"), Cohere)
    assert (WIRE.name, WIRE.stream_type) == ("cohere", "text/event-stream; charset=utf-8")
    assert WIRE.decoder(HttpReply(200, {"content-type": WIRE.stream_type})).feed(b"") == []
