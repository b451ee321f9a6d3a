"""Facts come back from their lines as they were, and nothing else does."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, CorruptJournal, Image, JsonObject, ToolResult
from journeyman.journal import (
    VERSION,
    Fact,
    ModelRequested,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolPending,
    codec,
    decode_fact,
    encode_fact,
)

from .strategies import facts, words

REQUESTED = ModelRequested(seq=4, at=5, model="m", history=1, iteration=2)
LINE = b'{"v":1,"run":"r","kind":"ModelRequested","seq":4,"at":5,"model":"m","history":1,"iteration":2}'

START = b'{"v":1,"run":"r","kind":"RunStarted","seq":0,"agent":"a","model":"m","fingerprint":"","input":[]}'


@given(words, facts)
def test_a_fact_comes_back_as_it_was(run: str, fact: Fact):
    """Every fact of every kind is the same after a line of JSON."""
    assert decode_fact(encode_fact(run, fact)) == (run, fact)


@given(words, facts)
def test_a_fact_is_one_line(run: str, fact: Fact):
    """No text in a fact breaks its line, so a file of lines can be cut at newlines."""
    line = encode_fact(run, fact)
    assert b"\n" not in line
    assert b"\r" not in line


@given(facts, st.data())
def test_a_damaged_line_is_a_fact_or_an_error(fact: Fact, data: st.DataObject):
    """However the bytes of a line are changed, reading it gives a fact or `CorruptJournal`, and nothing else."""
    line = bytearray(encode_fact("r", fact))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line)))
        removed = data.draw(st.integers(0, 8))
        line[place : place + removed] = data.draw(st.binary(max_size=4) | st.sampled_from([b"null", b"-1", b"[", b'"']))
    try:
        run, found = decode_fact(bytes(line))
    except CorruptJournal:
        return
    assert isinstance(run, str)
    assert isinstance(found, Fact)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_fact_or_an_error(line: bytes):
    """Bytes that were never a line are `CorruptJournal`."""
    with pytest.raises(CorruptJournal, match=r"cannot be read|version"):
        decode_fact(line)


def test_the_shape_of_a_line():
    """The envelope comes first, then the fact's own fields; a line of version 1 stays readable for ever."""
    assert encode_fact("r", REQUESTED) == LINE
    assert decode_fact(LINE) == ("r", REQUESTED)


def test_what_is_not_said_has_its_default():
    """Fields that equal their default are left out, and read as it."""
    assert encode_fact("r", RunFinished(seq=1)) == b'{"v":1,"run":"r","kind":"RunFinished","seq":1}'
    assert decode_fact(b'{"v":1,"run":"r","kind":"RunFinished","seq":1}') == ("r", RunFinished(seq=1, at=0))


def test_unknown_fields_are_ignored():
    """A field that a later release of the same version added does not make the line unreadable."""
    assert decode_fact(LINE[:-1] + b',"colour":"red"}') == ("r", REQUESTED)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"\xff", "malformed"),
        (LINE[:-1], "truncated"),
        (LINE + LINE, "trailing"),
        (LINE.replace(b'"v":1,', b""), "missing required field `v`"),
        (LINE.replace(b'"run":"r",', b""), "missing required field `run`"),
        (LINE.replace(b"ModelRequested", b"ModelDreamt"), "Invalid value 'ModelDreamt'"),
        (LINE.replace(b'"iteration":2', b'"iteration":"two"'), "Expected `int`"),
        (LINE.replace(b'"v":1', b'"v":0'), "0"),
        (LINE.replace(b'"v":1', b'"v":-5'), "-5"),
        (b'{"v":1,"run":"r","kind":"ToolPending","call_id":"c","info":' + b"[" * 100_000, "recursion"),
        (
            START[:-1] + b',"limits":{"max_tokens":-1}}',
            "use None for no limit",
        ),
        (
            b'{"v":1,"run":"r","kind":"ToolFinished","result":{"call_id":"c","content":[{"type":"image","media_type":"a/b"}]}}',
            "exactly one of them",
        ),
    ],
    ids=lambda item: item[:60] if isinstance(item, bytes) else item,
)
def test_what_cannot_be_read_says_why(line: bytes, reason: str):
    """A line that is damaged, unknown or against the nouns' own rules is `CorruptJournal`, with the reason and its begin."""
    with pytest.raises(CorruptJournal) as raised:
        decode_fact(line)
    assert reason in str(raised.value)
    assert line[:20].decode("utf-8", "replace") in str(raised.value)


@pytest.mark.parametrize("kind", get_args(Fact), ids=lambda kind: kind.__name__)
def test_no_fact_takes_a_name_of_the_envelope(kind: type[Fact]):
    """A fact that speaks of another run does not write it where its own run's name stands."""
    assert not {"v", "run", "kind"} & {field.encode_name for field in msgspec.structs.fields(kind)}


def test_a_newer_version_is_refused():
    """A line that a newer version wrote is not guessed at."""
    with pytest.raises(
        CorruptJournal, match=rf"^the journal was written in version 7, .* up to {VERSION}: upgrade it$"
    ):
        decode_fact(LINE.replace(b'"v":1', b'"v":7'))


def test_an_older_version_is_migrated(monkeypatch: pytest.MonkeyPatch):
    """A line of an older version goes through each migration up to this one."""

    def renamed(raw: JsonObject) -> JsonObject:
        raw["iteration"] = raw.pop("round")
        return raw

    def moved(raw: JsonObject) -> JsonObject:
        return {**raw, "history": raw["history"] + 1}

    monkeypatch.setattr(codec, "VERSION", 3)
    monkeypatch.setattr(codec, "MIGRATIONS", {1: renamed, 2: moved})
    old = LINE.replace(b"iteration", b"round")
    assert decode_fact(old) == ("r", ModelRequested(seq=4, at=5, model="m", history=2, iteration=2))
    assert decode_fact(LINE.replace(b'"v":1', b'"v":3')) == ("r", REQUESTED)
    with pytest.raises(CorruptJournal, match="round"):
        decode_fact(LINE)


@pytest.mark.parametrize(
    "value", [object(), "half of a pair: \ud800", {(1, 2): "a key"}], ids=["object", "surrogate", "key"]
)
def test_what_json_cannot_hold_is_the_callers_error(value: object):
    """A fact with something that JSON cannot hold is refused when it is written, and the error names the fact."""
    with pytest.raises(CallerError, match=r"^run r: ToolPending 3 cannot be written as JSON: "):
        encode_fact("r", ToolPending(seq=3, call_id="c", info=value))


def test_what_is_nested_too_deep_is_the_callers_error():
    """A value that nests beyond all measure is refused when it is written, not when it is read."""
    value: object = None
    for _ in range(100_000):
        value = [value]
    with pytest.raises(CallerError, match="ToolPending 3 cannot be written"):
        encode_fact("r", ToolPending(seq=3, call_id="c", info=value))


def test_bytes_are_kept():
    """Media travel in a line of JSON and come back as the same bytes."""
    picture = Image("image/png", data=bytes(range(256)))
    fact = ToolFinished(seq=1, result=ToolResult("c", (picture,)))
    _, found = decode_fact(encode_fact("r", fact))
    assert isinstance(found, ToolFinished)
    assert found.result.content == (picture,)


def test_a_start_needs_no_more_than_its_fields():
    """The first line of a journal can be written by hand."""
    assert decode_fact(START) == ("r", RunStarted(seq=0, agent="a", model="m", fingerprint="", input=()))
