"""What clients send is a body, a cursor or a name, or a refusal, whatever it was."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman import Agent
from journeyman.data import Limits
from journeyman.journal import RunQuery
from journeyman.models import ScriptedModel
from journeyman.serve.refusals import Refusal
from journeyman.serve.runs.bodies import (
    Answers,
    Branch,
    Narrower,
    Start,
    body_as,
    cursor_of,
    key_of,
    listing_of,
    name_of,
    query_of,
    run_id,
    run_of_key,
)

KINDS = pytest.mark.parametrize("kind", [Start, Branch, Answers])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["prompt", "at", "answers", "tags"]), inner)
    ),
)


def outcome(read, *given):
    """What comes of something that a client sent: a value, or the status of the refusal."""
    try:
        return read(*given)
    except Refusal as refusal:
        return refusal.status


@KINDS
@settings(max_examples=50)
@given(raw=st.binary() | ANY.map(lambda value: json.dumps(value).encode()))
def test_any_body(kind, raw):
    """Any bytes are a body or a refusal with 400."""
    found = outcome(body_as, kind, raw)
    assert found == 400 or isinstance(found, kind)


@KINDS
def test_deep_body(kind):
    """A body that is nested too deep is refused."""
    with pytest.raises(Refusal):
        body_as(kind, b'{"answers":{"a":' + b"[" * 100_000)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": ""},
        {"prompt": []},
        {"prompt": "Hi", "wat": 1},
        {"prompt": "Hi", "tags": ["x"] * 21},
        {"prompt": "Hi", "tags": [""]},
        {"prompt": "Hi", "tags": ["mine", "queue:runs"]},
        {"prompt": "Hi", "conversation": "x" * 201},
        {"prompt": "Hi", "limits": {"wat": 1}},
        {"prompt": [{"type": "tool_result", "call_id": "c1", "content": "yes"}]},
        {"prompt": [{"type": "thinking", "text": "hm"}]},
        {"prompt": [{"type": "opaque", "dialect": "anthropic", "data": {}}]},
        {"prompt": [{"type": "image", "media_type": "image/png"}]},
        {"prompt": [{"type": "image", "media_type": "image/png", "data": "not base64!"}]},
        {"prompt": [{"type": "image", "media_type": "image/png", "url": "http://169.254.169.254/"}]},
        {"prompt": [{"type": "text", "text": "Hi", "origin": {"type": "opaque", "dialect": "journeyman", "data": {}}}]},
    ],
)
async def test_start_that_is_none(opened, body):
    """A run is not begun with what is unknown, too much, not the user's to say, or would be fetched from here."""
    client = opened(Agent(ScriptedModel([]), name="helper"))
    assert (await client.post("/runs", body)).refusal[0] == 400


@given(st.text() | st.from_regex(r"[A-Za-z0-9_.-]{1,140}", fullmatch=True))
def test_ids(text):
    """An id is one that `create` may have given a run, or there is no such run; what means other places is none."""
    found = outcome(run_id, text)
    fits = 0 < len(text) <= 200 and text.isprintable() and text.strip(".") != ""
    fits = fits or (text.strip(".") == "" and 3 <= len(text) <= 200)
    assert found == (text if fits else 404)


@given(st.text())
def test_ids_of_keys(key):
    """A key stands for one run, whose id can be asked for."""
    assert run_id(run_of_key(key)) == run_of_key(key)


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "x" * 256, "a\n"])
def test_key_that_is_none(key):
    """A key is a word of ASCII that is not too long."""
    with pytest.raises(Refusal):
        key_of({"idempotency-key": key})


@given(st.text() | st.integers().map(str))
def test_any_cursor(text):
    """Any text is a cursor from -1 up or a refusal with 400."""
    found = outcome(cursor_of, {"after": text}, {})
    assert found == 400 or found == int(text)
    assert -1 <= found < 2**31


@given(st.binary())
def test_any_query(raw):
    """Any query of an address is a question for runs or a refusal with 400."""
    found = outcome(lambda: listing_of(query_of(raw, ("status", "limit", "before"))))
    assert found == 400 or isinstance(found, RunQuery)


def test_query_that_is_too_long():
    """A query of very many parameters is refused."""
    with pytest.raises(Refusal):
        query_of(b"limit=1&" * 30, ("limit",))


@given(st.text())
def test_any_name(text):
    """A watcher's name can be shown in a line, or it is refused."""
    assert outcome(name_of, {"name": text}) == (text if text.isprintable() and len(text) <= 64 else 400)


NUMBERS = st.none() | st.integers(0, 100)


@given(
    st.builds(Narrower, max_tokens=NUMBERS, max_iterations=NUMBERS),
    st.builds(Limits, max_tokens=NUMBERS, max_iterations=NUMBERS),
)
def test_narrower(asked, own):
    """A limit is never wider than the agent's nor than what was asked, and others stay."""
    both = asked.within(own)
    for name in ("max_tokens", "max_iterations"):
        given = [limit for limit in (getattr(asked, name), getattr(own, name)) if limit is not None]
        assert getattr(both, name) == min(given, default=None)
    assert both.max_retries == own.max_retries
