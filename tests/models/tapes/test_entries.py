"""The lines of a tape: there and back, and what is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, Image, Message, ModelResponse, Text, TextDelta, Thinking, ToolCall, ToolResult
from journeyman.journal import Checkpoint, Parent
from journeyman.models.tapes import Called, Drawn, Exchange, Moment, Raised, Started, decode_entry, encode_entry
from journeyman.models.tapes import entries as module

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, 2**53)
maybe = st.none() | numbers
plain = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
parts = st.one_of(
    st.builds(Text, words),
    st.builds(Thinking, words),
    st.builds(ToolCall, words, words, words),
    st.builds(Image, st.just("image/png"), data=st.binary(max_size=20)),
)
messages = st.builds(Message, st.just("assistant"), st.lists(parts, max_size=3).map(tuple))
raised = st.builds(Raised, words, words, status=maybe, retry_after=st.none() | st.floats(0, 1e6), body=words)
ranges = st.lists(st.tuples(numbers, numbers), max_size=3).map(tuple)
cuts = st.lists(st.integers(-99, 99) | st.tuples(st.integers(0, 9), st.integers(0, 99)), max_size=4).map(tuple)
entries = st.one_of(
    st.builds(
        Started,
        track=numbers,
        run=words,
        agent=words,
        fingerprint=words,
        said=words,
        parent=st.none() | st.builds(Parent, words, words),
        continues=st.none() | st.builds(Checkpoint, words, numbers),
        resumed=st.booleans(),
        within=maybe,
    ),
    st.builds(
        Exchange,
        track=maybe,
        hash=words,
        frame=numbers,
        keep=numbers,
        told=ranges,
        response=st.none() | st.builds(ModelResponse, messages),
        raised=st.none() | raised,
        cuts=st.none() | cuts,
        partial=st.lists(st.builds(TextDelta, words), max_size=2).map(tuple),
    ),
    st.builds(
        Called,
        track=maybe,
        call=numbers,
        call_id=words,
        attempt=numbers,
        name=words,
        arguments=words,
        result=st.none() | st.builds(ToolResult, words, words, st.booleans()),
        pending=st.booleans(),
        info=plain,
        by_run=st.booleans(),
        progress=st.lists(st.tuples(words, st.none() | st.floats(0, 1)), max_size=2).map(tuple),
    ),
    st.builds(Moment, track=numbers, at=numbers, fact=words, call_id=words),
    st.builds(Drawn, id=words, within=maybe),
)


@given(entries)
def test_an_entry_comes_back_as_it_was(entry):
    """Every kind of entry is one line of JSON, and reading it gives the same entry."""
    line = encode_entry(entry)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_entry(line) == entry


@given(st.binary(max_size=60))
def test_no_line_raises_anything_but_ours(line):
    """Whatever stands in a file, it is an entry or a CallerError."""
    with contextlib.suppress(CallerError):
        decode_entry(line)


def test_an_unknown_kind_is_refused():
    """A line of a kind that nobody knows is not passed over."""
    with pytest.raises(CallerError, match="kind"):
        decode_entry(b'{"kind":"telepathy"}\n')


def test_a_line_that_nests_too_deep_is_refused():
    """A line made to exhaust the stack is a CallerError, too."""
    with pytest.raises(CallerError):
        decode_entry(b'{"kind":"id","id":"x","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def test_what_json_cannot_hold_is_refused():
    """An object that a tool waits for with is told as ours, not as msgspec's."""
    with pytest.raises(CallerError, match="Called cannot be written"):
        encode_entry(Called(call=0, call_id="c", name="t", info=object()))


def test_an_older_version_is_brought_up(monkeypatch):
    """A line of version 0 goes through every migration up to the present one."""
    monkeypatch.setattr(module, "MIGRATIONS", {0: lambda raw: {**raw, "id": raw["id"].upper()}})
    assert decode_entry(json.dumps({"kind": "id", "id": "x"}).encode(), version=0) == Drawn(id="X")
