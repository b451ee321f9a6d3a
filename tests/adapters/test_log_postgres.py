"""A log in PostgreSQL does what every log must, from several machines and across a restart of the server."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import importlib
import itertools
import sys
import traceback
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from journeyman.adapters.log_postgres import CONNECTIONS, PostgresLog
from journeyman.adapters.log_postgres_schema import listing
from journeyman.compose import open_journal
from journeyman.data import CallerError, Conflict, CorruptJournal, JourneymanError
from journeyman.journal import RunQuery
from journeyman.testing.log_kit import DAMAGE_CHECKS, LOG_CHECKS, DamageCheck, LogCheck
from journeyman.testing.log_kit_shared import SHARED_CHECKS, SharedCheck
from journeyman.testing.log_probes import finished, listening, names, read, some_run

from .postgres_probes import PASSWORD, address, cutter, rows, server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def running() -> Generator[Any]:
    with server() as running:
        yield running


@pytest.fixture
def url(running: Any) -> str:
    """A schema of the test's own."""
    return address(running, f"test_{next(_numbers)}")


@pytest.fixture
async def log(url: str) -> AsyncGenerator[PostgresLog]:
    async with PostgresLog(url) as log:
        yield log


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck, log: PostgresLog):
    """A log in PostgreSQL passes each check of the kit."""
    await check(log)


@pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
async def test_shares(check: SharedCheck, log: PostgresLog, url: str):
    """Two logs in one schema pass each check of the kit for that."""
    async with PostgresLog(url) as other:
        await check(log, other)


@pytest.mark.parametrize("check", DAMAGE_CHECKS, ids=lambda check: check.__name__)
async def test_finds_damage(check: DamageCheck, log: PostgresLog, url: str):
    """A log in PostgreSQL finds the damages of the kit."""

    async def rewrite(run: str, seq: int, damage: Callable[[bytes], bytes]) -> None:
        [(number, line)] = rows(
            url, "SELECT number, fact FROM facts JOIN runs USING (number) WHERE run = %s AND seq = %s", run, seq
        )
        changed = damage(line.encode()).decode("utf-8", "replace")
        rows(url, "UPDATE facts SET fact = %s WHERE number = %s AND seq = %s", changed, number, seq)

    await check(log, rewrite)


async def test_a_run_outlives_its_log(url: str):
    """What was appended is read after the log was closed, by whoever opens its address."""
    facts = some_run(4)
    async with open_journal(url) as log:
        await log.append("r", 0, facts[:3])
    async with open_journal(url.replace("postgresql:", "postgres:")) as log:
        await log.append("r", 3, facts[3:])
        assert await read(log, "r") == facts


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize("seq", [0, 1])
async def test_an_append_that_was_cut_off_is_stored_once(cut: str, seq: int, running: Any, url: str):
    """Where the connection breaks before or after the server has stored an append, it is stored once, and told so."""
    facts = some_run(5)
    with cutter(running) as line:
        async with PostgresLog(line.address(url.rpartition("=")[2])) as log:
            await log.append("other", 0, facts[:1])
            await log.append("r", 0, facts[:seq])
            line.cut = cut
            await log.append("r", seq, facts[seq:3])
            assert line.cuts == 1
            await log.append("r", 3, facts[3:])
            assert await read(log, "r") == facts
            assert {row.run: row.facts for row in (await log.runs()).rows} == {"r": 5, "other": 1}


async def test_an_append_that_was_cut_off_may_have_lost(running: Any, url: str):
    """Where another took the place while the connection was broken, the append is refused, even with the same facts."""
    facts = some_run(3)
    schema = url.rpartition("=")[2]
    with cutter(running) as line:
        async with PostgresLog(line.address(schema)) as log, PostgresLog(url) as other:
            await log.append("r", 0, facts[:1])
            await other.append("r", 1, facts[1:2])
            # What it knows of the run is old, as of one that was slow.
            line.cut = "before"
            with pytest.raises(Conflict, match="has 2 facts"):
                await log.append("r", 1, facts[1:2])
            assert line.cuts == 1
            assert await read(other, "r") == facts[:2]


async def test_a_restart_of_the_server_is_a_pause(running: Any, url: str):
    """Appends, readers and followers go on after the server went down and came back."""
    facts = [*some_run(6), finished(6)]
    async with PostgresLog(url) as log, PostgresLog(url, poll=0.05) as other:
        await log.append("r", 0, facts[:2])
        async with listening(other, "r") as heard:
            assert [await heard.next(), await heard.next()] == facts[:2]
            await asyncio.to_thread(running.stop)
            append = asyncio.ensure_future(log.append("r", 2, facts[2:4]))
            await asyncio.to_thread(running.ensure_postgres_running)
            await append
            await log.append("r", 4, facts[4:])
            assert await heard.rest() == facts[2:]
        assert await read(log, "r") == facts


async def test_patience_ends(running: Any, url: str):
    """A server that stays away is an error that names the limit, and says that the outcome is not known."""
    facts = some_run(2)
    with cutter(running) as line:
        async with PostgresLog(line.address(url.rpartition("=")[2]), patience=0.05) as log:
            await log.append("r", 0, facts[:1])
            line.close()
            with pytest.raises(JourneymanError, match=r"0\.05 seconds \(patience\); whether .* is not known"):
                await log.append("r", 1, facts[1:])


async def test_notifications_are_enough(url: str):
    """A follower hears another process's appends without polling."""
    facts = [*some_run(4), finished(4)]
    async with PostgresLog(url, poll=3600) as log, PostgresLog(url) as other:
        await other.append("r", 0, facts[:1])
        async with listening(log, "r") as heard:
            await heard.next()
            while not rows(url, "SELECT 1 FROM followed WHERE run = 'r'"):  # noqa: ASYNC110  (the server knows it)
                await asyncio.sleep(0)
            for fact in facts[1:]:
                await other.append("r", fact.seq, [fact])
                assert await heard.next() == fact


async def test_a_lost_connection_is_made_anew_without_polling(url: str):
    """A follower whose connection breaks, again and again, misses nothing, though it never looks by itself."""
    facts = [*some_run(5), finished(5)]
    me = "application_name=follower"
    async with PostgresLog(f"{url}&{me}", poll=3600) as log, PostgresLog(url) as other:
        await other.append("r", 0, facts[:1])
        async with listening(log, "r") as heard:
            await heard.next()
            for fact in facts[1:]:
                rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'follower'")
                await other.append("r", fact.seq, [fact])
                assert await heard.next() == fact


async def test_followers_share_a_connection(url: str):
    """However many runs are followed, a log has one connection to listen on, and hears of each run."""
    names = [f"r{number}" for number in range(100)]
    asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'follower'"
    async with PostgresLog(f"{url}&application_name=follower") as log, PostgresLog(url) as other:
        await asyncio.gather(*(other.append(name, 0, some_run(1)) for name in names))
        async with contextlib.AsyncExitStack() as stack:
            heard = [await stack.enter_async_context(listening(log, name)) for name in names]
            assert [(await each.next()).seq for each in heard] == [0] * 100
            await asyncio.gather(*(other.append(name, 1, [finished(1)]) for name in names))
            assert [len(await each.rest()) for each in heard] == [1] * 100
            assert rows(url, asked)[0][0] <= CONNECTIONS + 1


async def test_polling_is_enough(url: str):
    """A follower hears what no notification told it, as where a proxy between us passes none on."""
    facts = [*some_run(4), finished(4)]
    async with PostgresLog(url, poll=0.01) as log, PostgresLog(url) as other:
        await other.append("r", 0, facts[:1])
        async with listening(log, "r") as heard:
            await heard.next()
            for fact in facts[1:]:
                rows(url, "DELETE FROM followed")
                await other.append("r", fact.seq, [fact])
                assert await heard.next() == fact


async def test_nobody_is_told_what_nobody_follows(log: PostgresLog, url: str):
    """Without a follower nothing is marked as followed, so that appends do not wait for each other's notifications."""
    await log.append("r", 0, some_run(2))
    await read(log, "r")
    assert rows(url, "SELECT * FROM followed") == []


async def test_tables_are_made_once(url: str):
    """Many that open a new schema at once all find it made."""
    logs = [PostgresLog(url) for _ in range(6)]
    await asyncio.gather(*(log.append(f"r{number}", 0, some_run(2)) for number, log in enumerate(logs)))
    assert len(await names(logs[0], RunQuery())) == 6
    await asyncio.gather(*(log.close() for log in logs))


async def test_schemas_are_apart(running: Any):
    """A run in one schema is unknown in another; names that need quotes are none the worse."""
    async with PostgresLog(address(running, "a%20%22b%22")) as one, PostgresLog(address(running, "a")) as another:
        await one.append("r", 0, some_run(2))
        assert await names(one, RunQuery()) == ["r"]
        assert await names(another, RunQuery()) == []


async def test_a_newer_schema_is_refused(log: PostgresLog, url: str):
    """Tables of a version that we do not know are not touched."""
    await log.append("r", 0, some_run(1))
    rows(url, "UPDATE journal SET version = 1000")
    async with PostgresLog(url) as other:
        with pytest.raises(CorruptJournal, match="upgrade it"):
            await other.append("r", 1, some_run(2)[1:])


async def test_tables_of_others_are_left_alone(url: str):
    """A schema with a table of a name of ours that is not ours is refused."""
    schema = url.rpartition("=")[2]
    rows(url, f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.runs (speed integer)")
    async with PostgresLog(url) as log:
        with pytest.raises(CallerError, match=r"name another one with \?schema="):
            await log.append("r", 0, some_run(1))


@pytest.mark.parametrize("schema", ["", "pg_mine", "x" * 64])
def test_a_schema_has_a_name(schema: str):
    """A name that PostgreSQL would cut, or keeps for itself, is refused at once."""
    with pytest.raises(CallerError, match=r"\?schema="):
        PostgresLog(f"postgresql://localhost/x?schema={schema}")


@pytest.mark.parametrize(
    "query",
    [
        RunQuery(),
        RunQuery(before="1:r"),
        RunQuery(status="waiting"),
        RunQuery(status="waiting", before="1:r"),
        RunQuery(agent="a"),
        RunQuery(conversation="c", before="1:r"),
        RunQuery(tag="t"),
        RunQuery(tag="t", before="1:r", status="waiting"),
        RunQuery(started_after=1, started_before=9),
    ],
    ids=str,
)
async def test_lists_come_out_of_an_index(query: RunQuery, log: PostgresLog, url: str):
    """No list has to be sorted, or needs a table from end to end."""
    await log.append("r", 0, some_run(1))
    place = (1, "r") if query.before else None
    statement, values = listing(url.rpartition("=")[2], query, place)
    with psycopg.connect(url.rpartition("&")[0], autocommit=True) as connection:
        # Of so few rows it would read all; this says that there is another way.
        connection.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        found = " ".join(row[0] for row in connection.execute(sql.SQL("EXPLAIN ") + statement, values))
    assert "Sort" not in found
    assert "Index" in found


async def test_what_is_too_large_is_the_callers_error(log: PostgresLog):
    """A name that no index can hold, and a moment beyond all years, are refused, and queries beyond all numbers are not."""
    with pytest.raises(CallerError, match="too large"):
        await log.append("r", 0, some_run(1, agent="".join(map(chr, range(1000, 9000)))))
    with pytest.raises(CallerError, match="too large"):
        await log.append("r", 0, some_run(1, at=1 << 63))
    await log.append("r", 0, some_run(1))
    far = 1 << 70
    assert await names(log, RunQuery(started_before=far, started_after=-far, limit=far, before=f"{far}:x")) == ["r"]
    assert await read(log, "r", far) == []
    assert await names(log, RunQuery(agent="half \ud800")) == []
    with pytest.raises(CallerError, match="there is no run"):
        await read(log, "half \ud800")


async def test_a_missing_fact_is_found(log: PostgresLog, url: str):
    """A run of which facts were removed behind our back is damaged, and not short."""
    await log.append("r", 0, some_run(6))
    rows(url, "DELETE FROM facts WHERE seq = 3")
    with pytest.raises(CorruptJournal, match="fact 3"):
        await read(log, "r")
    rows(url, "DELETE FROM facts WHERE seq > 3")
    with pytest.raises(CorruptJournal, match="fact 3 is missing of 6"):
        await read(log, "r", 2)


@pytest.mark.parametrize(
    "wrong",
    ["postgresql://u:{0}@[::1/x", "postgresql://u:x@{0}@h/x", "postgresql://u:{0}@h/x?colour={0}", "http://u:{0}@h"],
)
def test_a_wrong_address_is_not_repeated(wrong: str):
    """An address that cannot be read is refused at once, without a word of it."""
    with pytest.raises(CallerError, match="no address of PostgreSQL") as caught:
        PostgresLog(wrong.format(PASSWORD))
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


async def test_the_password_is_shown_nowhere(running: Any, url: str):
    """Neither a log nor an error of one that cannot be reached, or is not let in, shows the password."""
    host = url.partition("host=")[2].partition("&")[0]
    wrong = (
        f"postgresql://u:{PASSWORD}@127.0.0.1:1/x",
        f"postgresql://nobody:{PASSWORD}@/postgres?host={host}",
        f"postgresql://postgres:{PASSWORD}@/nowhere?host={host}",
    )
    for each in wrong:
        async with PostgresLog(each) as log:
            assert PASSWORD not in repr(log)
            with pytest.raises(CallerError, match="cannot be reached") as caught:
                await log.runs()
        assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    async with PostgresLog(url) as log:
        await log.append("r", 0, some_run(1))
        opened = log._use()
        assert PASSWORD not in repr((log, opened.medium, vars(opened.medium)))


async def test_rights_are_the_callers_to_mend(log: PostgresLog, running: Any, url: str):
    """A user who may not write is told so."""
    await log.append("r", 0, some_run(1))
    schema = url.rpartition("=")[2]
    rows(url, f"CREATE ROLE {schema}_reader LOGIN; GRANT USAGE ON SCHEMA {schema} TO {schema}_reader")
    rows(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {schema}_reader")
    async with PostgresLog(url.replace("//postgres:", f"//{schema}_reader:")) as other:
        assert len(await read(other, "r")) == 1
        with pytest.raises(CallerError, match="see to the rights"):
            await other.append("r", 1, some_run(2)[1:])


def test_the_package_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    """Without psycopg the error says what to install."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "psycopg":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "journeyman.adapters.log_postgres")
    with pytest.raises(CallerError, match=r"journeyman\[postgres\]"):
        importlib.import_module("journeyman.adapters.log_postgres")
