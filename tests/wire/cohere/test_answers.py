"""What the Cohere dialect makes of answers, whole and in pieces, and of broken ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
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
from journeyman.wire.cohere import Cohere
from journeyman.wire.http import HttpReply

WIRE = Cohere()
USAGE = {"billed_units": {"input_tokens": 5, "output_tokens": 7}, "tokens": {"input_tokens": 71.0, "output_tokens": 9}}
CITATION = {"start": 0, "end": 3, "text": "Yes", "sources": [{"type": "tool", "id": "a:0", "tool_output": {"n": 1}}]}


def own(**data: Any) -> Opaque:
    return Opaque("cohere", data)


def body(*content: dict[str, Any], **keys: Any) -> bytes:
    message = {"role": "assistant", **({"content": content} if content else {}), **keys.pop("message", {})}
    return json.dumps({"id": "c-1", "message": message, "finish_reason": "COMPLETE", "usage": USAGE} | keys).encode()


def decoded(data: bytes, status: int = 200, **headers: str) -> ModelResponse:
    return WIRE.decode(HttpReply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data))


def events(*payloads: Any) -> bytes:
    out = b""
    for payload in payloads:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        name = payload.get("type", "x") if isinstance(payload, dict) else "x"
        out += b"event: %b\ndata: %b\n\n" % (name.encode(), data)
    return out


def event(kind: str, index: int | None = None, **message: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind}
    if index is not None:
        made["index"] = index
    return made | ({"delta": {"message": message}} if message else {})


def start() -> dict[str, Any]:
    return {
        "id": "c-1",
        **event("message-start", role="assistant", content=[], tool_plan="", tool_calls=[], citations=[]),
    }


def end(reason: str | None = "COMPLETE", **delta: Any) -> dict[str, Any]:
    return {"type": "message-end", "delta": {"finish_reason": reason, "usage": USAGE, **delta}}


def call(index: int, call_id: str, name: str, *pieces: str) -> list[dict[str, Any]]:
    begun = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
    grown = [event("tool-call-delta", index, tool_calls={"function": {"arguments": piece}}) for piece in pieces]
    return [event("tool-call-start", index, tool_calls=begun), *grown, event("tool-call-end", index)]


def streamed(*payloads: Any) -> ModelResponse:
    decoder = WIRE.decoder()
    decoder.feed(events(*payloads))
    return decoder.finish()


def test_a_whole_answer():
    """Blocks, plan, calls, citations, usage and finish find their places; what has no noun is in an origin."""
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": ""}},
    ]
    message = {"tool_plan": "First f.", "tool_calls": calls, "citations": [CITATION]}
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes"}, {"type": "table", "rows": 1}]
    answer = decoded(body(*content, message=message, finish_reason="TOOL_CALL"))
    assert answer.message.parts == (
        Thinking("hm", own()),
        Text("Yes"),
        own(type="table", rows=1),
        ToolCall("a", "f", '{"x": 1}'),
        ToolCall("b", "g", "{}"),
    )
    assert answer.message.origin == own(
        keys={"tool_plan": "First f.", "citations": [CITATION]}, billed_units={"input_tokens": 5, "output_tokens": 7}
    )
    assert (answer.usage, answer.finish, answer.raw_id, answer.model) == (
        Usage(input=71, output=9),
        "tool_calls",
        "c-1",
        "",
    )


def test_a_stream_folds_to_the_answer():
    """Pieces become deltas at once, and whole parts at the end; plan and citations come with the end."""
    stream = [
        start(),
        event("tool-plan-delta", tool_plan="First "),
        event("tool-plan-delta", tool_plan="f."),
        event("content-start", 0, content={"type": "thinking", "thinking": ""}),
        event("content-delta", 0, content={"thinking": "h"}),
        event("content-delta", 0, content={"thinking": "m"}),
        event("content-end", 0),
        event("content-start", 1, content={"type": "text", "text": "Y"}),
        event("content-delta", 1, content={"text": "es"}),
        event("content-end", 1),
        event("content-start", 2, content={"type": "table", "rows": 1}),
        event("content-end", 2),
        *call(0, "a", "f", '{"x"', ": 1}"),
        *call(1, "b", "g"),
        event("citation-start", 0, citations=CITATION),
        event("citation-end", 0),
        {"type": "something-new", "index": 1},
        {"type": "debug", "prompt": "<|START|>"},
        end("TOOL_CALL"),
        event("content-delta", 1, content={"text": "never heard"}),
        b"[DONE]",
    ]
    decoder = WIRE.decoder()
    assert decoder.feed(events(*stream)) == [
        ThinkingDelta("h"),
        ThinkingDelta("m"),
        TextDelta("Y"),
        TextDelta("es"),
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(0, arguments='{"x"'),
        ToolCallDelta(0, arguments=": 1}"),
        ToolCallDelta(1, "b", "g"),
    ]
    calls = [
        {"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "function": {"name": "g", "arguments": ""}},
    ]
    message = {"tool_plan": "First f.", "tool_calls": calls, "citations": [CITATION]}
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes"}, {"type": "table", "rows": 1}]
    assert decoder.finish() == decoded(body(*content, message=message, finish_reason="TOOL_CALL"))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
blocks = st.tuples(st.sampled_from(["text", "thinking"]), st.lists(words, max_size=4))
tool_calls = st.tuples(st.text("abc_1", min_size=1), st.text("fg", min_size=1), st.lists(words, max_size=4))


@given(st.lists(blocks, max_size=4), st.lists(tool_calls, max_size=3), words, st.lists(st.integers(1, 40)), st.data())
def test_any_answer_is_the_same_whole_and_cut_anywhere(content, calls, plan, cuts, data):
    """The fold of a stream, cut at any bytes and with any line ends, is what decoding the whole body gives."""
    payloads = [start(), event("tool-plan-delta", tool_plan=plan)]
    for index, (kind, pieces) in enumerate(content):
        payloads.append(event("content-start", index, content={"type": kind, kind: ""}))
        payloads += [event("content-delta", index, content={kind: piece}) for piece in pieces]
        payloads.append(event("content-end", index))
    for index, (call_id, name, pieces) in enumerate(calls):
        payloads += call(index, call_id, name, *pieces)
    stream = events(*payloads, end())
    if data.draw(st.booleans()):
        stream = stream.replace(b"\n", b"\r\n")
    decoder = WIRE.decoder(HttpReply(200, {"content-type": "text/event-stream"}))
    for cut in cuts:
        decoder.feed(stream[:cut])
        stream = stream[cut:]
    decoder.feed(stream)
    whole = [{"type": kind, kind: "".join(pieces)} for kind, pieces in content]
    wire_calls = [{"id": i, "function": {"name": n, "arguments": "".join(pieces)}} for i, n, pieces in calls]
    assert decoder.finish() == decoded(body(*whole, message={"tool_plan": plan, "tool_calls": wire_calls}))


def test_streams_of_servers_that_are_less_exact():
    """Blocks that nobody began, lists in the place of objects, and a reused index are read as they are meant."""
    answer = streamed(
        event("message-start"),
        event("content-delta", 0, content={"thinking": "hm"}),
        event("content-delta", 0, content={"text": "so"}),
        event("content-delta", content={"text": "!"}),
        event("tool-call-start", 0, tool_calls=[{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]),
        event("tool-call-start", 0, tool_calls=[{"function": {"name": "g"}}]),
        event("tool-call-delta", 0, tool_calls=[{"function": {"arguments": "{}"}}]),
        event("citation-start", 0, citations=[{"start": 0}, {"start": 1}]),
        event("citation-start", 1, role="assistant"),
        {"type": "message-end"},
    )
    assert answer.message.origin == own(keys={"citations": [{"start": 0}, {"start": 1}]})
    *said, first, second = answer.message.parts
    assert said == [Thinking("hm", own()), Text("so"), Text("!")]
    assert first == ToolCall("a", "f", '{"x":1}')
    assert (second.name, second.arguments) == ("g", "{}")
    assert second.id.startswith("call_")
    assert (answer.finish, answer.usage) == (None, Usage())


@pytest.mark.parametrize(
    ("reason", "finish", "kept"),
    [
        ("COMPLETE", "stop", None),
        ("STOP_SEQUENCE", "stop", "STOP_SEQUENCE"),
        ("MAX_TOKENS", "length", None),
        ("TOOL_CALL", "tool_calls", None),
        ("TIMEOUT", "other", "TIMEOUT"),
        ("ERROR_TOXIC", "content_filter", None),
        ("LATER", "other", "LATER"),
        (None, None, None),
    ],
)
def test_finish_reasons(reason, finish, kept):
    """Each reason means what Cohere's reference says; one that says more than our word is kept."""
    answer = decoded(body({"type": "text", "text": "x"}, finish_reason=reason, usage=None))
    assert answer.finish == finish
    assert answer.message.origin == (own(finish_reason=kept) if kept else None)


def test_calls_make_the_end_tool_calls():
    """A turn that ended normally, with calls in it, ended for them."""
    calls = [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]
    assert decoded(body(message={"tool_calls": calls})).finish == "tool_calls"
    assert decoded(body(message={"tool_calls": calls}, finish_reason="MAX_TOKENS")).finish == "length"


@pytest.mark.parametrize(
    ("usage", "counted", "kept"),
    [
        ({"tokens": {"input_tokens": 7, "output_tokens": 2}}, Usage(input=7, output=2), {}),
        ({"billed_units": {"input_tokens": 7, "output_tokens": 2}}, Usage(input=7, output=2), {}),
        ({"billed_units": {"search_units": 1}}, Usage(), {"billed_units": {"search_units": 1}}),
        ({"tokens": {"input_tokens": 7}, "cached_tokens": 5}, Usage(input=7), {"cached_tokens": 5}),
        ({"tokens": {"input_tokens": -7, "output_tokens": 1e300}}, Usage(output=2**53), {}),
        ({}, Usage(), {}),
    ],
)
def test_usage(usage, counted, kept):
    """Tokens are counted as the model saw them; the bill stands in for them, and is kept where it says otherwise."""
    answer = decoded(body({"type": "text", "text": "x"}, usage=usage))
    assert (answer.usage, answer.message.origin) == (counted, own(**kept) if kept else None)


def test_log_probabilities_are_kept():
    """What was asked for has no noun, and is in the origin, from a whole answer and from a stream."""
    item = {"text": "Y", "token_ids": [1], "logprobs": [-0.1]}
    answer = decoded(body({"type": "text", "text": "Y"}, logprobs=[item], usage=None))
    assert answer.message.origin == own(logprobs=[item])
    grown = {**event("content-delta", 0, content={"text": "Y"}), "logprobs": item}
    assert streamed(start(), grown, {"type": "message-end", "delta": {"finish_reason": "COMPLETE"}}) == answer


def test_empty_blocks_say_nothing():
    """Cohere refuses empty texts, and says them itself."""
    content = [{"type": "text", "text": ""}, {"type": "thinking", "thinking": ""}]
    assert decoded(body(*content)).message.parts == ()
    assert decoded(body(message={"content": None})).message.parts == ()
    assert decoded(body(message={"content": "as before"})).message.parts == (Text("as before"),)


@pytest.mark.parametrize(
    ("status", "sent", "kind", "message"),
    [
        (400, {"id": "x", "message": "invalid request: no"}, "invalid_request", "invalid request: no"),
        (401, {"message": "invalid api token"}, "authentication", "invalid api token"),
        (402, {"message": "no credit"}, "permission", "no credit"),
        (404, {"message": "model 'x' not found"}, "not_found", "model 'x' not found"),
        (429, {"message": "slow down"}, "rate_limit", "slow down"),
        (500, {"data": "x"}, "server", "the provider answered with status 500: "),
        (503, {"error": {"message": "busy"}}, "overloaded", "busy"),
        (504, {"detail": [{"msg": "too late"}]}, "timeout", "too late"),
    ],
)
def test_error_replies(status, sent, kind, message):
    """Each status is its kind, with Cohere's words and the time after which to come again."""
    with pytest.raises(ProviderError) as caught:
        decoded(json.dumps(sent).encode(), status, retry_after="3")
    error = caught.value
    assert (error.status, error.kind, error.retry_after) == (status, kind, 3.0)
    assert error.message.startswith(message)


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"{}", b'{"message": {"content": [1]}}', b'{"message": {"content": "\xff"}}', b"[" * 9000],
)
@pytest.mark.parametrize("status", [200, 502])
def test_unreadable_replies(data, status):
    """Whatever comes instead of an answer is a `ProviderError` that says what came."""
    with pytest.raises(ProviderError) as caught:
        decoded(data, status)
    assert (caught.value.status, caught.value.kind) == (status, "server")


@pytest.mark.parametrize("data", [b'{"message": "it broke"}', b'{"error": {"message": "it broke"}}'])
def test_an_error_with_a_good_status_is_an_error(data):
    """Cohere's error body is read as one also with status 200, whole and in a stream."""
    with pytest.raises(ProviderError, match="it broke"):
        decoded(data)
    with pytest.raises(ProviderError, match="it broke"):
        streamed(start(), data)


@pytest.mark.parametrize("last", [end("ERROR", error="overheated"), {"type": "error", "message": "overheated"}])
def test_an_error_inside_a_stream(last):
    """An answer that failed on its way is an error in the provider's words, whatever was said before."""
    with pytest.raises(ProviderError, match="overheated") as caught:
        streamed(start(), event("content-delta", 0, content={"text": "So"}), last)
    assert caught.value.kind == "server"


def test_a_failed_answer_is_no_answer():
    """`ERROR` as the reason is an error, also without words for it."""
    with pytest.raises(ProviderError, match="ERROR"):
        decoded(body({"type": "text", "text": "half an ans"}, finish_reason="ERROR"))
    with pytest.raises(ProviderError):
        streamed(start(), end("ERROR"))


@pytest.mark.parametrize("count", range(1, 6))
def test_a_stream_that_is_cut_off(count):
    """Without its end, a stream is broken wherever it was cut."""
    payloads = [start(), *call(0, "a", "f", "{"), b"[DONE]", b""][:count]
    with pytest.raises(ProviderError) as caught:
        streamed(*payloads)
    assert caught.value.kind == "stream"


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[]",
        b'{"type": 1}',
        b'{"type": "content-delta", "delta": {"message": {"content": {"text": 1}}}}',
        event("tool-call-delta", 3, tool_calls={"function": {"arguments": "{"}}),
        b"[" * 9000,
    ],
)
def test_unreadable_events(payload):
    """An event that cannot be read breaks the stream, and is told."""
    with pytest.raises(ProviderError, match="unreadable") as caught:
        streamed(start(), payload)
    assert caught.value.kind == "stream"


def test_an_answer_that_came_whole_though_a_stream_was_asked_for():
    """The head decides: JSON and errors are read whole."""
    decoder = WIRE.decoder(HttpReply(200, {"content-type": "application/json"}))
    data = body({"type": "text", "text": "hi"})
    assert decoder.feed(data[:9]) == []
    decoder.feed(data[9:])
    assert decoder.finish() == decoded(data)
    refused = WIRE.decoder(HttpReply(429, {"content-type": "text/event-stream"}))
    refused.feed(b'{"message": "slow down"}')
    with pytest.raises(ProviderError, match="slow down"):
        refused.finish()
