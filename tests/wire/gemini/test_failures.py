"""Errors of the Gemini API."""

import json

import pytest

from journeyman.data import ProviderError
from journeyman.wire.gemini import Gemini
from journeyman.wire.http import HttpReply

WIRE = Gemini()
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}
WRONG_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}


def refused(status, body, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(ProviderError) as caught:
        WIRE.decode(HttpReply(status, headers, body))
    return caught.value


def told(status, word, message="no", **more):
    return {"error": {"code": status, "message": message, "status": word, **more}}


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (400, "INVALID_ARGUMENT", "invalid_request"),
        (400, "FAILED_PRECONDITION", "invalid_request"),
        (401, "UNAUTHENTICATED", "authentication"),
        (403, "PERMISSION_DENIED", "permission"),
        (404, "NOT_FOUND", "not_found"),
        (429, "RESOURCE_EXHAUSTED", "rate_limit"),
        (500, "INTERNAL", "server"),
        (503, "UNAVAILABLE", "overloaded"),
        (504, "DEADLINE_EXCEEDED", "timeout"),
        (418, "SOMETHING_NEW", "invalid_request"),
    ],
)
def test_kinds(status, word, kind):
    """An error has the provider's words, its status and our kind for it."""
    error = refused(status, told(status, word, "not like this"))
    assert (error.message, error.status, error.kind) == ("not like this", status, kind)


def test_a_wrong_key():
    """Google calls a wrong key an invalid argument; to us it is what it is."""
    error = refused(400, told(400, "INVALID_ARGUMENT", "API key not valid.", details=[WRONG_KEY]))
    assert (error.kind, error.status) == ("authentication", 400)


def test_when_to_ask_again():
    """The delay is in the details of the error, unless a header says it."""
    body = told(429, "RESOURCE_EXHAUSTED", details=[{"@type": "x", "violations": []}, RETRY])
    assert refused(429, body).retry_after == 34.07
    assert refused(429, body, **{"retry-after": "5"}).retry_after == 5


@pytest.mark.parametrize("delay", ["soon", "-1s", "nans", "infs", "s", 7, None])
def test_a_delay_that_is_none(delay):
    """What is no duration says nothing."""
    body = told(429, "RESOURCE_EXHAUSTED", details=[{"retryDelay": delay}])
    assert refused(429, body).retry_after is None


def test_an_error_in_a_list():
    """A stream that was asked for as a list refuses in one."""
    error = refused(429, [told(429, "RESOURCE_EXHAUSTED", "slower", details=[RETRY])])
    assert (error.message, error.kind, error.retry_after) == ("slower", "rate_limit", 34.07)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"\xff", b"[]", b'{"error":"down"}', b"[" * 9999])
def test_an_error_in_other_words(body):
    """A proxy's page is an error, too."""
    error = refused(502, body)
    assert (error.status, error.kind) == (502, "server")
    assert error.message


@pytest.mark.parametrize("details", ["x", [1], {"a": 1}, [[]], [{"reason": 5}]])
def test_strange_details(details):
    """Details of another shape are passed over."""
    assert refused(400, told(400, "INVALID_ARGUMENT", details=details)).kind == "invalid_request"
