"""Errors: as replies, and inside answers that began well."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.data import ProviderError
from journeyman.wire import HttpReply
from journeyman.wire.openai_chat import OpenAIChat

CHAT = OpenAIChat()


def failure(status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ProviderError) as caught:
        CHAT.decode(HttpReply(status, headers or {}, raw))
    return caught.value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "no such model", "type": "t", "code": "model_not_found"}}, "no such model"),
        ({"error": "no such model"}, "no such model"),
        ({"object": "error", "message": "bad", "type": "invalid_request_error"}, "bad"),
        ({"message": {"detail": [{"msg": "field required"}]}}, "field required"),
        ({"detail": [{"msg": "a"}, {"msg": "b"}, 3]}, "a; b"),
        ({"detail": "Not Found"}, "Not Found"),
        ([{"error": {"code": 400, "message": "API key not valid", "status": "X"}}], "API key not valid"),
        (
            {"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "boom"}}},
            "Provider returned error: boom",
        ),
    ],
)
def test_the_provider_s_own_words_are_found(body: Any, message: str) -> None:
    """Wherever a vendor puts its message, it becomes ours."""
    error = failure(400, body)
    assert error.message == message
    assert (error.status, error.kind) == (400, "invalid_request")
    assert json.loads(error.body) == body


@pytest.mark.parametrize("body", [b"", b"<html>x</html>", b"{}", b"\xff", b'{"error":' * 40 + b'"x"' + b"}" * 40])
def test_an_error_without_words_is_described(body: bytes) -> None:
    """Where no message is found, the status and the beginning of the body are told."""
    error = failure(503, body)
    assert error.message.startswith("the provider answered with status 503: ")
    assert (body.decode("utf-8", "replace") or "nothing")[:300] in error.message
    assert error.kind == "overloaded"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "inf", "retry-after": "3"}, 3.0),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds and milliseconds are read; a date cannot be counted from without a clock."""
    assert failure(429, {"error": "slow down"}, headers).retry_after == seconds


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ({"message": "m", "code": 502}, 502, "server"),
        ({"message": "m", "code": 429}, 429, "rate_limit"),
        ({"message": "m", "type": "rate_limit_exceeded"}, None, "rate_limit"),
        ({"message": "m", "type": "server_error", "code": "overloaded"}, None, "overloaded"),
        ({"message": "m", "type": "invalid_request_error"}, None, "invalid_request"),
        ({"message": "m", "code": "invalid_api_key"}, None, "authentication"),
        ({"message": "m", "code": "insufficient_quota"}, None, "rate_limit"),
        ({"message": "m", "code": 7}, None, "server"),
        ("m", None, "server"),
    ],
)
def test_an_error_with_status_200_is_one(error: Any, status: int | None, kind: str) -> None:
    """Its code is the status of whoever failed, else its words say what kind it is: in a body, and in a stream."""
    body = json.dumps({"error": error}).encode()
    decoder = CHAT.decoder()
    with pytest.raises(ProviderError) as streamed:
        decoder.feed(b"data: " + body + b"\n\n")
    for got in (failure(200, body), streamed.value):
        assert (got.message, got.status, got.kind, got.body) == ("m", status, kind, body.decode())


def test_an_error_may_stand_in_the_choice_or_in_the_place_of_the_answer() -> None:
    """OpenRouter has it in the choice, vLLM where the answer should be, others name the event."""
    assert failure(200, {"choices": [{"error": {"message": "m", "code": 502}}]}).status == 502
    assert failure(200, {"object": "error", "message": "m", "code": 404}).status == 404
    decoder = CHAT.decoder()
    with pytest.raises(ProviderError, match="too slow"):
        decoder.feed(b'event: error\ndata: {"reason": {}, "detail": "too slow"}\n\n')
    assert failure(200, {"error": {"type": {"deep": 1}}}).message.startswith("the provider broke off: {")
