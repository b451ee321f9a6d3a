# ruff: noqa: ASYNC240  (small files of the test itself)
"""A log in a directory does what every log must, and a crash, a full disk or another process does not hurt it."""

import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from journeyman.adapters.log_files import FilesLog, directory_of
from journeyman.adapters.log_files_run import opened
from journeyman.compose import open_journal
from journeyman.data import CallerError, CorruptJournal, JourneymanError, Message, ModelResponse
from journeyman.journal import Fact, ModelResponded, RunCancelled, RunQuery, encode_fact
from journeyman.testing.log_kit import DAMAGE_CHECKS, LOG_CHECKS, DamageCheck, LogCheck
from journeyman.testing.log_kit_shared import SHARED_CHECKS, SharedCheck
from journeyman.testing.log_probes import finished, follow, names, read, some_run

from .sqlite_probes import python


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
async def log(home: Path) -> AsyncGenerator[FilesLog]:
    async with FilesLog(home, poll=0.01) as log:
        yield log


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck, log: FilesLog):
    """A log in files passes each check of the kit."""
    await check(log)


@pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
async def test_shares(check: SharedCheck, log: FilesLog, home: Path):
    """Two logs in one directory pass each check of the kit for that."""
    async with FilesLog(home, poll=0.01) as other:
        await check(log, other)


@pytest.mark.parametrize("check", DAMAGE_CHECKS, ids=lambda check: check.__name__)
async def test_finds_damage(check: DamageCheck, log: FilesLog, home: Path):
    """A log in files finds the damages of the kit."""

    async def rewrite(run: str, seq: int, damage: Callable[[bytes], bytes]) -> None:
        path = home / f"{run}.jsonl"
        lines = path.read_bytes().split(b"\n")
        end = b" " if lines[seq].endswith(b" ") else b""
        lines[seq] = damage(lines[seq].removesuffix(b" ")) + end
        path.write_bytes(b"\n".join(lines))

    await check(log, rewrite)


async def test_a_file_is_lines_of_json(log: FilesLog, home: Path):
    """A run is a file of its name, a fact a line, and what is appended changes nothing before it."""
    facts = some_run(5)
    await log.append("r-1", 0, facts[:3])
    before = (home / "r-1.jsonl").read_bytes()
    await log.append("r-1", 3, facts[3:])
    text = (home / "r-1.jsonl").read_bytes()
    assert text.startswith(before)
    assert [json.loads(line) for line in text.splitlines()] == [json.loads(encode_fact("r-1", fact)) for fact in facts]


@pytest.mark.parametrize("torn", ["no newline", "no last line", "a hole", "nothing but a first line"])
async def test_a_torn_batch_is_no_fact(torn: str, log: FilesLog, home: Path):
    """What a crash left of a batch is not read, not followed, not listed, and cut off by the next append."""
    facts = some_run(8)
    await log.append("r", 0, facts[:3])
    path = home / "r.jsonl"
    whole = path.read_bytes()
    lines = [encode_fact("r", fact) for fact in facts[3:6]]
    rest = {
        "no newline": b" \n".join(lines),
        "no last line": b" \n".join(lines[:2]) + b" \n",
        "a hole": lines[0] + b" \n" + bytes(5000),
        "nothing but a first line": lines[0][:7],
    }[torn]
    path.write_bytes(whole + rest)
    for each in (log, FilesLog(home)):
        assert await read(each, "r") == facts[:3]
        assert (await each.runs()).rows[0].facts == 3
    await log.append("r", 3, facts[3:])
    assert path.read_bytes() == whole + b" \n".join(encode_fact("r", fact) for fact in facts[3:]) + b"\n"
    assert await read(FilesLog(home), "r") == facts


async def test_a_run_that_never_began_is_none(log: FilesLog, home: Path):
    """A file with a torn first batch holds no run, and the run can begin in it."""
    home.mkdir()
    facts = some_run(2)
    (home / "r.jsonl").write_bytes(encode_fact("r", facts[0]) + b" \n")
    assert (await log.runs()).rows == ()
    with pytest.raises(CallerError, match="there is no run"):
        await read(log, "r")
    await log.append("r", 0, facts)
    assert await read(log, "r") == facts


FULL = """
import asyncio, resource, sys
from journeyman.adapters.log_files import FilesLog
from journeyman.data import JourneymanError, Message, ModelResponse
from journeyman.journal import ModelResponded
from journeyman.testing.log_probes import read, some_run
facts = some_run(4)
large = ModelResponded(seq=2, at=2, response=ModelResponse(Message.assistant("x" * 100_000)))
async def main():
    async with FilesLog(sys.argv[1]) as log:
        await log.append("r", 0, facts[:2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        for run, at, batch in (("r", 2, [large]), ("new", 0, [*facts[:2], large])):
            try:
                await log.append(run, at, batch)
            except JourneymanError as error:
                print("is full" in str(error), type(error).__name__)
        await log.append("r", 2, facts[2:])
        print(await read(log, "r") == facts)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
async def test_a_full_disk_leaves_the_file_as_it_was(home: Path):
    """A batch that finds no room is refused as a whole; the run goes on with one that does; a new run leaves no file."""
    assert await python(FULL, home) == (0, "True JourneymanError\nTrue JourneymanError\nTrue\n")
    assert sorted(path.name for path in home.glob("*.jsonl")) == ["r.jsonl"]


async def test_rows_may_be_lost_or_damaged(log: FilesLog, home: Path):
    """Without its row, or with one that is damaged or speaks of more than there is, a run is listed as it is."""
    facts = [*some_run(40), finished(40)]
    for fact in facts:
        await log.append("r", fact.seq, [fact])
    [row] = (await log.runs()).rows
    for damage in (b"", b"{}", b'{"end":9999999,"summary":', None):
        path = home / "r.row"
        good = path.read_bytes()
        if damage is None:
            path.unlink()
        else:
            path.write_bytes(damage)
        assert (await FilesLog(home).runs()).rows == (row,)
        path.write_bytes(good)
    path.write_bytes(good.replace(b'"end":', b'"end":1'))
    assert (await FilesLog(home).runs()).rows == (row,)


async def test_lists_read_rows_and_ends(log: FilesLog, home: Path):
    """A list does not read the runs themselves: what is damaged before the row's place is not even noticed."""
    for fact in some_run(100):
        await log.append("r", fact.seq, [fact])
    [row] = (await log.runs()).rows
    path = home / "r.jsonl"
    text = path.read_bytes()
    path.write_bytes(text[:1000] + b"#" * 50 + text[1050:])
    assert (await FilesLog(home).runs()).rows == (row,)
    with pytest.raises(CorruptJournal):
        await read(log, "r")


async def test_a_run_may_end_before_its_last_fact(log: FilesLog):
    """A follower that begins behind the end of a run that was cancelled is told of it, whatever came in afterwards."""
    late = ModelResponded(seq=3, at=3, response=ModelResponse(Message.assistant("x" * 50_000)))
    facts: list[Fact] = [*some_run(2), RunCancelled(seq=2, at=2), late]
    await log.append("r", 0, facts[:2])
    await log.append("r", 2, facts[2:3])
    await log.append("r", 3, facts[3:])
    for after in (-1, 2, 3, 9):
        assert await follow(log, "r", after) == facts[after + 1 :]


async def test_names_stay_in_the_directory(log: FilesLog, home: Path):
    """Whatever a run is called, its file is in the directory, and two runs never share one."""
    runs = ["../up", "/etc/x", "R", "r", "con", "CON", "a" * 500, "ä", ".", "", "x.jsonl", "a/b", "a\\b", "~r"]
    facts = some_run(2)
    for run in runs:
        await log.append(run, 0, facts)
    assert sorted(await names(log, RunQuery())) == sorted(runs)
    for run in runs:
        assert await read(log, run) == facts
    assert len(list(home.glob("*.jsonl"))) == len({path.name.lower() for path in home.glob("*.jsonl")}) == len(runs)
    assert [path.name for path in home.parent.iterdir()] == [home.name]


async def test_a_file_of_another_name_is_told(log: FilesLog, home: Path):
    """A run's file that was copied is not listed as a second run."""
    await log.append("r", 0, some_run(2))
    (home / "copy.jsonl").write_bytes((home / "r.jsonl").read_bytes())
    with pytest.raises(CorruptJournal, match=r"copy\.jsonl"):
        await log.runs()


async def test_other_files_are_left_alone(log: FilesLog, home: Path):
    """What is in the directory besides runs is not touched and not listed; and deleting leaves nothing of a run."""
    home.mkdir()
    (home / "notes.txt").write_text("mine")
    for fact in some_run(40):
        await log.append("r", fact.seq, [fact])
    await log.delete("r")
    assert [path.name for path in home.iterdir()] == ["notes.txt"]


async def test_a_lock_that_stays_is_told(home: Path):
    """A file that another keeps locked is an error that names the limit, and nothing is written."""
    facts = some_run(3)
    async with FilesLog(home, lock_timeout=0.02) as log:
        await log.append("r", 0, facts[:2])
        with opened(home / "r.jsonl", os.O_RDWR, lambda: False):
            with pytest.raises(JourneymanError, match="lock_timeout"):
                await log.append("r", 2, facts[2:])
        await log.append("r", 2, facts[2:])
        assert await read(log, "r") == facts


async def test_what_is_no_directory_is_told(tmp_path: Path):
    """A journal in the place of a file is the caller's error, for writers and for lists."""
    (tmp_path / "file").write_text("")
    async with FilesLog(tmp_path / "file") as log:
        with pytest.raises(CallerError, match="see to its directory"):
            await log.append("r", 0, some_run(1))
        with pytest.raises(CallerError, match="see to its directory"):
            await log.runs()


async def test_an_unused_log_leaves_nothing(home: Path):
    """A log that only reads makes no directory."""
    async with FilesLog(home) as log:
        assert (await log.runs()).rows == ()
        with pytest.raises(CallerError, match="there is no run"):
            await follow(log, "r")
    assert not home.exists()


async def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`file:///` is followed by an absolute path, `file:` by a relative one; another machine is refused."""
    async with open_journal(f"file://{tmp_path}/with%20space") as log:
        await log.append("r", 0, some_run(1))
    assert (tmp_path / "with space" / "r.jsonl").exists()
    monkeypatch.chdir(tmp_path)
    async with open_journal("file:runs") as log:
        await log.append("r", 0, some_run(1))
    assert (tmp_path / "runs" / "r.jsonl").exists()
    assert directory_of("file:///C:/runs") == Path("C:/runs")
    assert directory_of("file://localhost/runs") == Path("/runs")
    with pytest.raises(CallerError, match="another machine"):
        directory_of("file://server/share")
