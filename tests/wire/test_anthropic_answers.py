"""What the Messages dialect makes of whole answers and of errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.data import (
    Message,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    Thinking,
    ToolCall,
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


def test_an_answer_becomes_parts():
    """Every known block has its noun, every other one travels whole, and unknown keys stay with their part."""
    search = {
        "type": "server_tool_use",
        "id": "s",
        "name": "web_search",
        "input": {"query": "q"},
        "caller": {"type": "direct"},
    }
    response = decoded(
        body(
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "d"},
            search,
            {"type": "text", "text": "so", "citations": [{"type": "x"}]},
            {"type": "text", "text": "plain", "citations": None},
            {"type": "tool_use", "id": "a", "name": "f", "input": {"b": 1, "a": 2}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "b", "name": "g", "input": {}, "caller": {"type": "code", "tool_id": "s"}},
            {"type": "tool_use", "id": "c", "name": "h"},
            stop_reason="tool_use",
            usage={"input_tokens": 5, "output_tokens": 7},
        )
    )
    assert response == ModelResponse(
        Message(
            "assistant",
            (
                Thinking("hm", own(signature="sig")),
                Opaque("anthropic", {"type": "redacted_thinking", "data": "d"}),
                Opaque("anthropic", search),
                Text("so", own(citations=[{"type": "x"}])),
                Text("plain"),
                ToolCall("a", "f", '{"b": 1, "a": 2}'),
                ToolCall("b", "g", "{}", own(caller={"type": "code", "tool_id": "s"})),
                ToolCall("c", "h"),
            ),
        ),
        Usage(5, output=7),
        "tool_calls",
        "m",
        "msg_1",
    )


@pytest.mark.parametrize(
    ("reason", "finish", "kept"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", {"stop_reason": "stop_sequence"}),
        ("max_tokens", "length", None),
        ("model_context_window_exceeded", "length", {"stop_reason": "model_context_window_exceeded"}),
        ("tool_use", "tool_calls", None),
        ("refusal", "content_filter", None),
        ("pause_turn", "other", {"stop_reason": "pause_turn"}),
        ("what comes next", "other", {"stop_reason": "what comes next"}),
        (None, None, None),
    ],
)
def test_why_an_answer_ended(reason, finish, kept):
    """Each reason has its finish, and what the finish cannot say is kept on the message."""
    response = decoded(body(stop_reason=reason))
    assert response.finish == finish
    assert response.message.origin == (Opaque("anthropic", kept) if kept else None)


def test_a_turn_with_calls_that_ended_normally_is_tool_calls():
    """The calls decide, not the word."""
    assert decoded(body({"type": "tool_use", "id": "a", "name": "f", "input": {}})).finish == "tool_calls"


def test_the_container_and_the_stop_sequence_are_kept():
    """What the next request may need stays with the turn."""
    keys = {"stop_sequence": "END", "stop_details": {"type": "refusal"}, "container": {"id": "c"}}
    assert decoded(body(**keys)).message.origin == own(**keys)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, Usage()),
        (
            {
                "input_tokens": 1,
                "cache_read_input_tokens": 2,
                "cache_creation_input_tokens": 3,
                "output_tokens": 10,
                "output_tokens_details": {"thinking_tokens": 4},
            },
            Usage(1, 2, 3, 6, 4),
        ),
        ({"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 9}}, Usage(reasoning=3)),
        ({"input_tokens": -1, "output_tokens": -2, "output_tokens_details": {"thinking_tokens": -3}}, Usage()),
        ({"input_tokens": 1, "output_tokens": 2, "output_tokens_details": None}, Usage(1, output=2)),
        ({"output_tokens": 2, "output_tokens_details": {"thinking_tokens": None}}, Usage(output=2)),
    ],
)
def test_no_token_is_counted_twice_or_below_zero(usage, expected):
    """Cached tokens stand beside the input on this wire, thoughts within the output."""
    assert decoded(body(usage=usage)).usage == expected


@pytest.mark.parametrize(
    ("status", "data", "headers", "expected"),
    [
        (
            429,
            b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}',
            {"retry-after": "7"},
            ("slow down", "rate_limit", 7.0),
        ),
        (
            400,
            b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}',
            {"retry-after-ms": "1500", "retry-after": "2"},
            ("busy", "overloaded", 1.5),
        ),
        (529, b"<html>", {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, ("status 529: <html>", "overloaded", None)),
        (500, b"", {"retry-after": "-1"}, ("status 500: nothing", "server", None)),
        (404, b'{"error":"no"}', {"retry-after": "inf"}, ('status 404: {"error":"no"}', "not_found", None)),
    ],
)
def test_error_answers_are_provider_errors(status, data, headers, expected):
    """The provider's own words, its kind of error, and when to come again."""
    with pytest.raises(ProviderError) as caught:
        decoded(data, status, **headers)
    error = caught.value
    assert error.message.endswith(expected[0])
    assert (error.kind, error.retry_after, error.status) == (*expected[1:], status)
    assert error.body == data.decode()


@pytest.mark.parametrize(
    ("data", "words", "kind"),
    [
        (b"", "cannot be read", "server"),
        (b"{}", "no `content`", "server"),
        (b"[" * 100_000, "cannot be read", "server"),
        (b'{"content":[{"type":"text","text":"\xff"}]}', "cannot be read", "server"),
        (b'{"content":[{"text":"x"}]}', "lacks `type`", "server"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}', "busy", "overloaded"),
    ],
)
def test_a_body_that_is_no_answer_is_a_provider_error(data, words, kind):
    """A good status does not make an answer."""
    with pytest.raises(ProviderError, match=words) as caught:
        decoded(data)
    assert caught.value.kind == kind
