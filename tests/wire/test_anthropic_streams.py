"""What the Messages dialect makes of answers in pieces, and of broken ones."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Message,
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
from journeyman.wire.anthropic import Anthropic
from journeyman.wire.http import HttpReply

WIRE = Anthropic()


def own(**data):
    return Opaque("anthropic", data)


def body(*content: dict[str, Any], **keys: Any) -> bytes:
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": content,
        "stop_reason": "end_turn",
    }
    return json.dumps(answer | keys).encode()


def decoded(data: bytes, status: int = 200, **headers: str) -> ModelResponse:
    return WIRE.decode(HttpReply(status, headers, data))


def events(*payloads: Any) -> bytes:
    out = b""
    for payload in payloads:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        name = payload["type"] if isinstance(payload, dict) else "ping"
        out += b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return out


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "model": "m", "content": [], "usage": usage}}


def block(index: int, **content_block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content_block}


def delta(index: int, kind: str, **keys: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **keys}}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def end(reason: str | None = "end_turn", usage: Any = None, **keys: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    ending = {"type": "message_delta", "delta": {"stop_reason": reason, **keys}, "usage": usage}
    return ending, {"type": "message_stop"}


def streamed(*payloads: Any) -> ModelResponse:
    decoder = WIRE.decoder()
    decoder.feed(events(*payloads))
    return decoder.finish()


def test_a_stream_folds_to_the_answer():
    """Pieces become deltas at once, and whole parts at the end; counts at the end replace those from the start."""
    stream = [
        start(input_tokens=3, cache_read_input_tokens=4, output_tokens=1),
        {"type": "ping"},
        block(0, type="thinking", thinking="", signature=""),
        delta(0, "thinking_delta", thinking="hm"),
        delta(0, "signature_delta", signature="sig"),
        stop(0),
        block(1, type="text", text="", citations=None),
        delta(1, "text_delta", text="so"),
        delta(1, "citations_delta", citation={"n": 1}),
        delta(1, "text_delta", text=" be it"),
        delta(1, "citations_delta", citation={"n": 2}),
        stop(1),
        block(2, type="tool_use", id="a", name="f", input={}),
        delta(2, "input_json_delta", partial_json=""),
        delta(2, "input_json_delta", partial_json='{"a"'),
        delta(2, "input_json_delta", partial_json=": 1}"),
        stop(2),
        block(3, type="tool_use", id="b", name="g", input={}),
        stop(3),
        block(4, type="server_tool_use", id="s", name="web_search", input={}),
        delta(4, "input_json_delta", partial_json='{"query": "q"}'),
        stop(4),
        block(5, type="compaction", content=None),
        delta(5, "compaction_delta", content="short", encrypted_content="e"),
        stop(5),
        {"type": "a new event"},
        *end("tool_use", {"input_tokens": 5, "output_tokens": 9}, container={"id": "c"}),
        b"[DONE]",
    ]
    decoder = WIRE.decoder()
    assert decoder.feed(events(*stream)) == [
        ThinkingDelta(""),
        ThinkingDelta("hm"),
        TextDelta("so"),
        TextDelta(" be it"),
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(0, arguments='{"a"'),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, "b", "g"),
        ToolCallDelta(1, arguments="{}"),
    ]
    assert decoder.finish() == ModelResponse(
        Message(
            "assistant",
            (
                Thinking("hm", own(signature="sig")),
                Text("so be it", own(citations=[{"n": 1}, {"n": 2}])),
                ToolCall("a", "f", '{"a": 1}'),
                ToolCall("b", "g"),
                own(type="server_tool_use", id="s", name="web_search", input={"query": "q"}),
                own(type="compaction", content="short", encrypted_content="e"),
            ),
            own(container={"id": "c"}),
        ),
        Usage(5, 4, output=9),
        "tool_calls",
        "m",
        "msg_1",
    )


def test_blocks_may_begin_with_words_and_come_in_any_order():
    """What a block starts with counts, and its index says where it stands."""
    response = streamed(
        start(),
        block(1, type="text", text="b"),
        block(0, type="text", text="a"),
        delta(1, "text_delta", text="!"),
        stop(7),
        *end(),
    )
    assert response.message.parts == (Text("a"), Text("b!"))


def test_broken_input_of_tools_is_kept():
    """A call's arguments stay as they were written, a server's tool keeps its text in an object."""
    response = streamed(
        start(),
        block(0, type="tool_use", id="a", name="f", input={}),
        delta(0, "input_json_delta", partial_json='{"a'),
        block(1, type="server_tool_use", id="s", name="w", input={}),
        delta(1, "input_json_delta", partial_json='{"q'),
        *end("max_tokens"),
    )
    assert response.message.parts == (
        ToolCall("a", "f", '{"a'),
        own(type="server_tool_use", id="s", name="w", input={"_raw": '{"q'}),
    )


def test_the_model_that_took_over_is_the_one_that_answered():
    """A fallback in the middle of a stream renames the answer, as it does in a whole one."""
    fallback = {"type": "fallback", "from": {"model": "m"}, "to": {"model": "n"}}
    response = streamed(start(), block(0, **fallback), block(1, type="fallback"), *end())
    assert response.model == "n"
    assert response.message.parts[0] == Opaque("anthropic", fallback)


@pytest.mark.parametrize("named", [True, False])
def test_an_error_within_a_stream_is_a_provider_error(named):
    """A stream can fail after a good status; some proxies name the event only outside its data."""
    error: dict[str, Any] = {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    data = json.dumps({"type": "error", **error} if named else error).encode()
    with pytest.raises(ProviderError, match="Overloaded") as caught:
        WIRE.decoder().feed(b"event: error\ndata: %b\n\n" % data)
    assert (caught.value.kind, caught.value.status) == ("overloaded", None)


def test_an_error_of_an_unknown_type_has_words_all_the_same():
    """An error is never empty."""
    with pytest.raises(ProviderError, match="broke off with odd") as caught:
        streamed({"type": "error", "error": {"type": "odd"}})
    assert caught.value.kind == "server"


@pytest.mark.parametrize(
    ("payloads", "words"),
    [
        ([], "ended before"),
        ([start(), block(0, type="text", text="a")], "ended before"),
        ([*end()], "ended before"),
        ([start(), delta(0, "text_delta", text="a")], "never begun"),
        ([start(), block(0, type="text", text=""), {"type": "content_block_delta", "index": 0}], "never begun"),
        ([start(), block(0, type="text", text=""), delta(0, "thinking_delta", thinking="a")], "takes text"),
        ([start(), block(0, type="text", text=""), delta(0, "odd"), block(0)], "lacks `type`"),
        ([start(), block(0, type="tool_use", id="a"), *end()], "lacks `name`"),
        ([start(), block(0, type="thinking", thinking=""), delta(0, "odd", thinking=1), *end()], "unreadable event"),
        (
            [start(), block(0, type="text", text=""), delta(0, "odd", citations={"a": 1}), delta(0, "odd", text=1)],
            "unreadable",
        ),
        ([b"{"], "unreadable event"),
        ([b"[" * 100_000], "unreadable event"),
        ([b"[DONE]"], "ended before"),
    ],
)
def test_a_stream_that_is_none_is_a_provider_error(payloads, words):
    """A stream that breaks off or makes no sense is told from an answer."""
    with pytest.raises(ProviderError, match=words) as caught:
        streamed(*payloads)
    assert caught.value.kind == "stream"


def test_a_block_that_was_patched_into_nonsense_is_a_provider_error():
    """Deltas of unknown kinds are trusted only as far as the whole block can be read."""
    with pytest.raises(ProviderError, match="block that cannot be read"):
        streamed(start(), block(0, type="tool_use", id="a", name="f", input={}), delta(0, "odd", id=[]), *end())


def test_the_reason_alone_ends_a_stream():
    """Some servers forget the last event; an answer whose reason is known is whole."""
    assert streamed(start(), end()[0]).finish == "stop"
    assert streamed(start(), end(None)[1]).finish is None


@pytest.mark.parametrize(
    ("head", "data", "words"),
    [
        (HttpReply(200, {"content-type": "application/json"}), body({"type": "text", "text": "a"}), None),
        (HttpReply(529, {"content-type": "text/html"}), b"<html>", "529"),
    ],
)
def test_a_plain_answer_to_a_request_for_a_stream_is_read_as_what_it_is(head, data, words):
    """Errors, and servers that cannot stream, answer with one body."""
    decoder = WIRE.decoder(head)
    assert decoder.feed(data[:5]) == decoder.feed(data[5:]) == []
    if words is None:
        assert decoder.finish().message.text == "a"
        return
    with pytest.raises(ProviderError, match=words):
        decoder.finish()


STREAM = events(
    start(input_tokens=3),
    block(0, type="thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="hé"),
    delta(0, "signature_delta", signature="sig"),
    stop(0),
    block(1, type="text", text=""),
    delta(1, "text_delta", text="so 🙂"),
    delta(1, "citations_delta", citation={"n": 1}),
    stop(1),
    block(2, type="tool_use", id="a", name="f", input={}),
    delta(2, "input_json_delta", partial_json='{"a": 1}'),
    stop(2),
    *end("tool_use", {"output_tokens": 9}),
)
BODY = body(
    {"type": "thinking", "thinking": "hé", "signature": "sig"},
    {"type": "text", "text": "so 🙂", "citations": [{"n": 1}]},
    {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}},
    stop_reason="tool_use",
    usage={"input_tokens": 3, "output_tokens": 9},
)
PLACES = st.lists(st.integers(0, 10**6), max_size=12)
CHANGES = st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4), st.integers(0, 9)), max_size=4)


def fed(data: bytes, places: list[int]) -> ModelResponse:
    decoder = WIRE.decoder()
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for first, last in pairwise(edges):
        decoder.feed(data[first:last])
    return decoder.finish()


def changed(data: bytes, changes: list[tuple[int, bytes, int]]) -> bytes:
    for place, new, gone in changes:
        at = place % (len(data) + 1)
        data = data[:at] + new + data[at + gone :]
    return data


@given(PLACES)
def test_a_stream_is_the_same_answer_wherever_it_is_cut(places):
    """Cuts in the middle of a letter, a line or an event change nothing: it is the answer of the whole body."""
    assert fed(STREAM, places) == decoded(BODY)


@given(PLACES, CHANGES)
def test_a_corrupt_answer_is_read_or_is_a_provider_error(places, changes):
    """Whatever bytes come, nothing else gets out."""
    for read in (lambda: fed(changed(STREAM, changes), places), lambda: decoded(changed(BODY, changes))):
        try:
            assert isinstance(read(), ModelResponse)
        except ProviderError as error:
            assert error.message  # noqa: PT017  (either outcome is right, nothing else is)
