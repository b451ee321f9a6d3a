"""Tapes in files: written, read again, damaged."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, Message, ModelRequest, ModelResponse, Text, ToolSpec
from journeyman.models.tapes import Exchange, Scrubber, Started, Tape, TapeWriter, question_of, read_form

SCRUB = Scrubber({})
ANSWER = ModelResponse(Message.assistant("Yes."))


def ask(*words, tools=()):
    return question_of(ModelRequest("", tuple(Message.user(word) for word in words), tools), "v:m", SCRUB)


def written(path, questions, *, append=False):
    """One track of exchanges with these questions, in turn."""
    with TapeWriter.open(path, SCRUB, append=append) as writer:
        track = writer.number("track")
        writer.write(Started(track=track, run="r", agent="a", fingerprint="f", said="s"))
        before = None
        for question in questions:
            writer.write_exchange(Exchange(track=track, hash="", frame=0, response=ANSWER), question, before)
            before = question
    return Tape.load(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tape.jsonl"


@given(st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=1, max_size=6))
def test_every_request_can_be_shown_again(tmp_path_factory, histories):
    """However the requests of a track share their messages, each is put together again, and under its own hash."""
    path = tmp_path_factory.mktemp("tape") / "tape.jsonl"
    questions = [ask(*words) for words in histories]
    tape = written(path, questions)
    for number, question in enumerate(questions):
        assert tape.exchanges[number].hash == question.hash
        assert tape.asked(number) == read_form(question.frame, question.messages)
        assert tape.exchange(number).response == ANSWER


def test_a_tape_grows_with_what_is_new(path):
    """A run of 200 turns takes about as much room for its last turns as for its first."""
    words = [f"word number {n}" for n in range(200)]
    tools = tuple(ToolSpec(f"tool_{n}", "long " * 50) for n in range(20))
    written(path, [ask(*words[: n + 1], tools=tools) for n in range(200)])
    sizes = [len(line) for line in path.read_bytes().splitlines()]
    assert sum(sizes[-20:]) < 1.5 * sum(sizes[5:25])
    assert sum("tool_7" in line for line in path.read_text().splitlines()) == 1


def test_runs_side_by_side_do_not_make_a_tape_grow(path):
    """Where two runs take turns on a tape, a request is still told by what is new in it."""
    before = {}
    with TapeWriter.open(path, SCRUB) as writer:
        for track in range(2):
            writer.write(Started(track=track, run=f"r{track}", agent="a", fingerprint="f", said="s"))
        for n in range(100):
            for track in range(2):
                question = ask(*[f"{track} says {m}" for m in range(n + 1)])
                entry = Exchange(track=track, hash="", frame=0, response=ANSWER)
                writer.write_exchange(entry, question, before.get(track))
                before[track] = question
    lines = [len(line) for line in path.read_bytes().splitlines() if b'"exchange"' in line]
    assert max(lines) < 1.2 * min(lines)
    assert len(Tape.load(path).asked(199)["messages"]) == 100


def test_appending_goes_on_with_what_is_known(path):
    """Messages and tracks of the tape so far are not told again, and numbers go on."""
    written(path, [ask("one", "two")])
    tape = written(path, [ask("one", "two", "three")], append=True)
    assert [track.track for track in tape.tracks] == [0, 1]
    assert path.read_text().count('"kind":"message"') == 3
    assert [len(tape.asked(number)["messages"]) for number in range(2)] == [2, 3]


def test_a_torn_last_line_is_told_and_left_out(path, caplog):
    """Wherever the last line breaks off, the lines before it are read, with a warning that names it."""
    written(path, [ask("one"), ask("one", "two")])
    data = path.read_bytes()
    last = data.rindex(b"\n", 0, -1) + 1
    for end in range(last + 1, len(data) - 1, 7):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            tape = Tape.of(data[:end], "torn")
        assert len(tape.exchanges) == 1
        assert tape.whole == last
        assert "breaks off in line 7" in caplog.text


@pytest.mark.parametrize(
    ("number", "line", "problem"),
    [
        (1, '{"kind":"tape","v":99,"form":1}', "upgrade journeyman"),
        (1, '{"kind":"tape","v":0,"form":1}', "upgrade journeyman"),
        (1, '{"kind":"tape","v":1,"form":77}', "form 77"),
        (1, "# Notes", "malformed"),
        (2, "not JSON", "malformed"),
        (2, '{"kind":"track","track":5,"run":"r","agent":"a","fingerprint":"","said":""}', "not the next one"),
        (2, '{"kind":"telepathy"}', "kind"),
        (3, '{"kind":"frame","frame":0,"form":[]}', "none of a request"),
        (3, '{"kind":"frame","frame":0,"form":{"messages":[],"tools":3}}', "none of a request"),
        (4, '{"kind":"message","told":0,"message":{"role":"user"}}', "no message"),
        (4, '{"kind":"message","told":3,"message":{"role":"user","parts":[]}}', "not the next one"),
        (5, '{"kind":"exchange","track":0,"hash":"h","frame":7}', "no frame 7"),
        (5, '{"kind":"exchange","track":9,"hash":"h","frame":0}', "no track 9"),
        (5, '{"kind":"exchange","track":0,"hash":"h","frame":0,"told":[[0,4]]}', "not before it"),
        (5, '{"kind":"exchange","track":0,"hash":"h","frame":0,"keep":3}', "keeps 3 messages of 0"),
        (5, '{"kind":"moment","track":4,"at":1}', "no track 4"),
        (5, '{"kind":"exchange","hash":"h","frame":0,"told":' + json.dumps([[0, 0]] * 1_000_001) + "}", "more than"),
    ],
)
def test_damage_is_told_with_its_line(path, number, line, problem):
    """A line that is no entry, or that refers to what is not there, is named with what is wrong."""
    written(path, [ask("one"), ask("one", "two")])
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(CallerError, match=f"damaged in line {number}: .*{problem}"):
        Tape.load(path)


def test_what_is_no_tape_is_told(path):
    """An empty file and an absent one say what to do."""
    path.touch()
    with pytest.raises(CallerError, match="is empty"):
        Tape.load(path)
    with pytest.raises(CallerError, match="cannot be read"):
        Tape.load(path.parent / "absent.jsonl")
    with pytest.raises(CallerError, match="cannot be written"):
        TapeWriter.open(path.parent, SCRUB)


def test_a_tape_that_changes_under_its_reader_is_told(path):
    """A file that is overwritten while it is replayed does not give other answers."""
    tape = written(path, [ask("one")])
    path.write_bytes(b" " * 2000)
    with pytest.raises(CallerError, match="was changed while it was read, in line 5"):
        tape.exchange(0)
    Path(path).unlink()
    with pytest.raises(CallerError, match="was changed"):
        tape.asked(0)


def test_secrets_of_a_request_are_hidden_before_it_is_hashed():
    """The same question with another key of the same shape has the same hash; without a key the hash is the plain one."""
    from journeyman.models import request_hash

    one, other = (ask(f"my key is sk-{letter * 20}") for letter in "ab")
    assert one.hash == other.hash
    request = ModelRequest("", (Message("user", (Text("plain"),)),))
    assert question_of(request, "v:m", SCRUB).hash == request_hash(request, "v:m")
