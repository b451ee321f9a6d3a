"""The rows of a log in SQLite say each thing once, and nothing is lost by it."""

import contextlib
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from journeyman.adapters import log_sqlite_rows
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.adapters.log_sqlite_rows import Lines, insert_row, line_of, stored_summary
from journeyman.adapters.log_sqlite_schema import LINES, ROWS, SHIFT
from journeyman.adapters.log_sqlite_schema_1 import carry_out
from journeyman.data import CorruptJournal, Message, ModelResponse, Usage
from journeyman.journal import (
    Checkpoint,
    Fact,
    ModelRequested,
    ModelResponded,
    RunFinished,
    RunQuery,
    RunStarted,
    RunSummary,
    codec,
    decode_fact,
    encode_fact,
)
from journeyman.testing.log_probes import finished, read, some_run, started

from ..journal.strategies import facts, words
from .sqlite_probes import rows

REQUESTED = ModelRequested(seq=4, at=5, model="m", history=1, iteration=2)
START = RunStarted(seq=0, at=7, agent="a", model="m", fingerprint="f", input=(), conversation="c", tags=("t",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


@pytest.fixture
async def log(path: Path) -> AsyncGenerator[SqliteLog]:
    async with SqliteLog(path) as log:
        yield log


def lines_of(run: str, fact: Fact) -> Lines:
    """What reads that fact's line, by what the run's row says."""
    first = fact if isinstance(fact, RunStarted) else START
    return Lines(run, first.agent, first.conversation, first.at)


def numbered(fact: Fact, seq: int) -> Fact:
    return replace(fact, seq=0 if isinstance(fact, RunStarted) else seq)


@given(words, facts, st.integers(1, 2**32))
def test_a_fact_comes_back_as_it_was(run: str, fact: Fact, seq: int):
    """Every fact of every kind is the same after its line, whatever its run is called."""
    fact = numbered(fact, seq)
    assert lines_of(run, fact).fact(fact.seq, line_of(run, fact).encode()) == fact


@given(words, facts, st.integers(1, 2**32))
def test_a_line_that_says_more_means_the_same(run: str, fact: Fact, seq: int):
    """The whole line of a fact, as files of schema 1 hold it, is read as that fact."""
    fact = numbered(fact, seq)
    assert lines_of(run, fact).fact(fact.seq, encode_fact(run, fact)) == fact


@given(facts, st.data())
def test_a_damaged_line_is_a_fact_or_an_error(fact: Fact, data: st.DataObject):
    """However the bytes of a line are changed, reading it gives a fact of that number or `CorruptJournal`."""
    fact = numbered(fact, 4)
    line = bytearray(line_of("r", fact).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line)))
        removed = data.draw(st.integers(0, 8))
        line[place : place + removed] = data.draw(st.binary(max_size=4) | st.sampled_from([b"null", b"-1", b"[", b'"']))
    try:
        found = lines_of("r", fact).fact(fact.seq, bytes(line))
    except CorruptJournal:
        return
    assert found.seq == fact.seq


def test_a_line_says_what_its_row_does_not():
    """Neither run, number nor version is in a line; nor, in the first, what stands in columns."""
    assert line_of("r", REQUESTED) == '{"kind":"ModelRequested","at":5,"model":"m","history":1,"iteration":2}'
    assert line_of("r", RunFinished(seq=3)) == '{"kind":"RunFinished"}'
    assert line_of("r", START) == '{"kind":"RunStarted","model":"m","fingerprint":"f","input":[],"tags":["t"]}'


def test_a_version_that_is_not_the_first_is_said(monkeypatch: pytest.MonkeyPatch):
    """Lines of a later version name it, so that those which name none stay what they were."""
    unsaid = line_of("r", REQUESTED).encode()
    monkeypatch.setattr(codec, "VERSION", 2)
    monkeypatch.setattr(log_sqlite_rows, "VERSION", 2)
    monkeypatch.setattr(codec, "MIGRATIONS", {1: lambda raw: {**raw, "model": "as 1 meant it"}})
    said = line_of("r", REQUESTED).encode()
    assert said.startswith(b'{"v":2,"kind":"ModelRequested"')
    lines = lines_of("r", REQUESTED)
    assert lines.fact(4, said) == REQUESTED
    assert lines.fact(4, unsaid) == replace(REQUESTED, model="as 1 meant it")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"null",
        b'[{"kind":"RunPaused"}]',
        b'x"kind":"RunPaused"}',
        b'{"kind":"RunImagined"}',
        b'{"kind":"RunPaused","seq":5}',
        b'{"kind":"RunPaused","run":"other"}',
        b'{"v":1000,"kind":"RunPaused"}',
    ],
)
def test_what_is_no_line_is_damage(line: bytes):
    """Text that is no fact's line, or says another run or number than its row, is an error."""
    with pytest.raises(CorruptJournal):
        lines_of("r", REQUESTED).fact(4, line)


def read_back(summary: RunSummary) -> RunSummary:
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        carry_out(db, LINES + ROWS)
        insert_row(db, 3, summary)
        db.execute("INSERT INTO lines VALUES (?, '{}')", ((3 << SHIFT) + summary.facts - 1,))
        row = db.execute(f"SELECT {log_sqlite_rows.SELECTED} FROM runs").fetchone()  # noqa: S608  (names of columns)
        return stored_summary(db, row)[1]


FULL = RunSummary(
    run="r",
    agent="a",
    model="m",
    status="waiting",
    started_at=1,
    updated_at=2,
    facts=3,
    pending=4,
    usage=Usage(5, 6, 7, 8, 9),
    parent="p",
    conversation="c",
    tags=("t", 'quoted " and ü'),
    prompt="hello\n",
)


def test_a_row_has_all_that_a_list_shows():
    """Each field of a summary, and each bucket of its usage, has a column: one that is added without is noticed here."""
    defaults = {field.name: field.default for field in fields(RunSummary)}
    assert all(getattr(FULL, name) != default for name, default in defaults.items())
    assert all(getattr(FULL.usage, field.name) for field in fields(Usage))
    assert read_back(FULL) == FULL


def test_a_row_with_only_what_it_must_have_comes_back():
    """Fields that are not set come back as not set."""
    plain = RunSummary(run="", agent="", model="", status="running", started_at=0, updated_at=0, facts=1)
    assert read_back(plain) == plain


async def test_numbers_beyond_64_bits_stop_no_run(log: SqliteLog):
    """A provider that claims more tokens than can be counted, or a fact from beyond all times, is stored; lists show the most."""
    huge = 1 << 70
    response = ModelResponse(Message.assistant("x"), Usage(input=huge, output=1))
    run: list[Fact] = [*some_run(2), ModelResponded(seq=2, at=huge, response=response), finished(3)]
    await log.append("r", 0, run[:2])
    await log.append("r", 2, run[2:3])
    await log.append("r", 3, run[3:])
    assert await read(log, "r") == run
    [row] = (await log.runs()).rows
    assert (row.usage, row.status) == (Usage(input=(1 << 63) - 1, output=1), "finished")


async def test_the_view_shows_whole_lines(log: SqliteLog, path: Path):
    """What people see of a fact in an SQLite shell is a line that stands for itself, as in an export."""
    run: list[Fact] = [started(at=9, conversation="c'\"", agent='a "b"'), *some_run(4)[1:], RunFinished(seq=4)]
    await log.append("r '\"", 0, run)
    await log.append("s", 0, [started(at=0)])
    for name, facts_there in (("r '\"", run), ("s", [started(at=0)])):
        found = rows(path, "SELECT seq, at, kind, fact FROM facts WHERE run = ? ORDER BY seq", name)
        assert [decode_fact(line.encode()) for *_, line in found] == [(name, fact) for fact in facts_there]
        assert [row[:3] for row in found] == [(fact.seq, fact.at, type(fact).__name__) for fact in facts_there]


async def test_the_view_shows_a_lines_own_version(log: SqliteLog, path: Path):
    """A line of a later version is shown with that version, and with it only."""
    await log.append("r", 0, some_run(2))
    rows(path, """UPDATE lines SET fact = '{"v":2,"kind":"RunPaused"}' WHERE id & 4294967295 = 1""")
    [(line,)] = rows(path, "SELECT fact FROM facts WHERE seq = 1")
    assert line == '{"run":"r","seq":1,"v":2,"kind":"RunPaused"}'


TURNS = 200
BAR = 300_000
"""Bytes, of 200 turns with 28,000 bytes of words: the issue's bar, as `bench/durable.py` measures it over HTTP."""


async def test_a_conversation_of_200_turns_fits(path: Path):
    """Each turn costs the same, and 200 of them with their indexes less than 0.3 MB."""
    conversation = "01a1ff8b526860a5a40463596b"
    sizes: list[int] = []
    async with SqliteLog(path, synchronous="OFF") as log:
        for turn in range(TURNS):
            run, at = f"01a1ff8b567d6b219be5{turn:06}", 1_795_288_684_157_128 + turn * 30_000_000
            asked = Message.user(f"When will my order {turn} be at my door, please?")
            told = (
                f"Order {turn} was packed this morning, left our warehouse at noon and will be at your door by Friday."
            )
            response = ModelResponse(
                Message.assistant(told),
                Usage(input=20 + 40 * turn, output=24),
                model="gpt-5-mini-2025-08-07",
                raw_id=f"chatcmpl-CkT{turn:06}Xq7VnB2mWzLs8RfJpYdE4u",
            )
            before = Checkpoint(f"01a1ff8b567d6b219be5{turn - 1:06}", 3) if turn else None
            start = RunStarted(
                seq=0,
                at=at,
                agent="agent",
                model="openai:talk",
                fingerprint="584474c593ff6c7f",
                input=(asked,),
                instructions=None,
                continues=before,
                conversation=conversation,
            )
            requested = ModelRequested(seq=1, at=at + 50, model="openai:talk", history=2 * turn + 1, iteration=1)
            await log.append(run, 0, [start, requested])
            await log.append(run, 2, [ModelResponded(seq=2, at=at + 9000, response=response)])
            await log.append(run, 3, [RunFinished(seq=3, at=at + 9100)])
            if turn + 1 in (TURNS // 2, TURNS):
                [(pages,)] = rows(path, "PRAGMA page_count")
                sizes.append(pages * 4096)
        assert len((await log.runs(RunQuery(conversation=conversation, limit=1000))).rows) == TURNS
    half, whole = sizes
    assert whole < BAR
    assert whole < 2 * half + 4096


def test_lines_are_json_that_others_can_read():
    """A line is an object of JSON by itself, for `json_extract` and whoever else reads the file."""
    assert msgspec.json.decode(line_of("r", START)) == {
        "kind": "RunStarted",
        "model": "m",
        "fingerprint": "f",
        "input": [],
        "tags": ["t"],
    }
