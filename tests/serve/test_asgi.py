"""The little of ASGI that our apps need."""

import pytest

from journeyman.serve.asgi import raw_path, request_of


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        ({"path": "/a b", "raw_path": b"/a%20b", "query_string": b""}, "/a%20b"),
        ({"path": "/a b", "query_string": b"alt=sse"}, "/a%20b?alt=sse"),
        ({"path": "/x"}, "/x"),
        ({"path": "/x", "query_string": b"alt=sse&key=AIza-secret&b=1"}, "/x?alt=sse&b=1"),
        ({"path": "/x", "query_string": b"key=AIza-secret"}, "/x"),
    ],
)
def test_the_path_as_it_was_sent(scope, path):
    """Path and query are told as they came, also by servers that do not, and never with a key in them."""
    assert raw_path(scope) == path


def test_a_request_is_kept_without_what_proves_its_sender():
    """None of the headers in which clients send keys, tokens and cookies is kept."""
    names = ["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "x-amz-security-token"]
    raw = [(name.encode(), b"secret") for name in [*names, "accept"]]
    request = request_of({"method": "POST", "headers": raw}, "/x", b"")
    assert request.headers == {"accept": "secret"}
