"""A log in an object store does what every log must, whoever else writes and wherever it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import importlib
import logging
import sys
import traceback
from collections.abc import AsyncGenerator, Callable, Generator, Sequence

import boto3
import obstore
import pytest
from moto.server import ThreadedMotoServer
from msgspec.structs import replace
from obstore.store import MemoryStore

from journeyman.adapters import log_objects
from journeyman.adapters.log_objects import ObjectsLog, _Objects
from journeyman.adapters.log_objects_store import Store
from journeyman.adapters.log_objects_tiles import Head, body_of
from journeyman.adapters.log_threads import Polling, ThreadedLog
from journeyman.compose import open_journal
from journeyman.data import CallerError, Conflict, CorruptJournal, JourneymanError, Message, ModelResponse
from journeyman.journal import Fact, ModelResponded, RunCancelled, RunQuery, RunResumed, encode_fact
from journeyman.testing import log_kit, log_kit_shared
from journeyman.testing.log_kit import DAMAGE_CHECKS, LOG_CHECKS, DamageCheck, LogCheck
from journeyman.testing.log_kit_shared import SHARED_CHECKS, SharedCheck
from journeyman.testing.log_probes import finished, follow, listening, names, read, some_run


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
async def log(store: MemoryStore) -> AsyncGenerator[ObjectsLog]:
    async with ObjectsLog(store, poll=0.01) as log:
        yield log


@pytest.mark.parametrize("check", LOG_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: LogCheck, log: ObjectsLog):
    """A log in an object store passes each check of the kit."""
    await check(log)


@pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
async def test_shares(check: SharedCheck, log: ObjectsLog, store: MemoryStore):
    """Two logs in one store pass each check of the kit for that."""
    async with ObjectsLog(store, poll=0.01) as other:
        await check(log, other)


@pytest.mark.parametrize("check", DAMAGE_CHECKS, ids=lambda check: check.__name__)
async def test_finds_damage(check: DamageCheck, log: ObjectsLog, store: MemoryStore):
    """A log in an object store finds the damages of the kit."""

    async def rewrite(run: str, seq: int, damage: Callable[[bytes], bytes]) -> None:
        [entry] = obstore.list(store, f"facts/{run}").collect()
        lines = bytes(obstore.get(store, entry["path"]).bytes()).split(b"\n")
        lines[seq + 1] = damage(lines[seq + 1])
        obstore.put(store, entry["path"], b"\n".join(lines))

    await check(log, rewrite)


# --- who comes too late, and what is cut off ----------------------------------------------------------------------------


def keys(store: MemoryStore, prefix: str = "facts") -> list[str]:
    return [entry["path"] for entry in obstore.list(store, prefix).collect()]


async def finish(log: ObjectsLog, facts: list[Fact]) -> None:
    for fact in facts:
        await log.append("r", fact.seq, [fact])


async def test_a_finished_run_is_put_together(store: MemoryStore):
    """Of the many objects of a run that has finished one is left, from which it is read and listed whole."""
    facts = [*some_run(60), finished(60)]
    async with ObjectsLog(store) as log:
        await finish(log, facts)
    assert keys(store) == ["facts/r/000000-0000000000", "facts/r/000000-swept"]
    async with ObjectsLog(store) as log:
        assert await read(log, "r") == facts
        assert await follow(log, "r", 30) == facts[31:]
        [row] = (await log.runs(RunQuery(status="finished"))).rows
        assert row.facts == 61


async def test_objects_stay_of_a_size(store: MemoryStore, monkeypatch: pytest.MonkeyPatch):
    """Objects are put together up to a size, so that no reader has to hold a long run."""
    monkeypatch.setattr(log_objects, "TOGETHER", 2000)
    facts = [*some_run(60), finished(60)]
    async with ObjectsLog(store) as log:
        await finish(log, facts)
    sizes = [entry["size"] for entry in obstore.list(store, "facts").collect()]
    assert 3 < len(sizes) < 12
    assert max(sizes) < 2400
    async with ObjectsLog(store) as log:
        assert await read(log, "r") == facts
        assert await read(log, "r", 40) == facts[41:]


async def test_a_run_that_may_go_on_is_left_as_it_is(store: MemoryStore):
    """A run that was cancelled can be resumed, so its objects stay, and it goes on."""
    facts: list[Fact] = [*some_run(10), RunCancelled(seq=10, at=10)]
    async with ObjectsLog(store) as log:
        await finish(log, facts)
    assert len(keys(store)) == 11
    async with ObjectsLog(store) as log:
        await log.append("r", 11, [RunResumed(seq=11, at=11)])
        assert len(await read(log, "r")) == 12


class Cut(Store):
    """A store of which, after some changes, none succeeds: as if the process ended there."""

    def __init__(self, store: MemoryStore, changes: int) -> None:
        super().__init__(store, "a store")
        self.left = changes

    def put(self, key: str, data: bytes) -> None:
        self._count()
        super().put(key, data)

    def create(self, key: str, data: bytes) -> bool:
        self._count()
        return super().create(key, data)

    def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._count()
            super().remove([key])

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise JourneymanError("cut off")


@pytest.mark.parametrize("changes", range(14))
async def test_putting_together_may_be_cut_off_anywhere(
    changes: int, store: MemoryStore, monkeypatch: pytest.MonkeyPatch
):
    """A run of which objects are being put together is whole at any moment, from any cursor, and keeps late writers out."""
    monkeypatch.setattr(log_objects, "TOGETHER", 1000)
    facts = [*some_run(10), finished(10)]
    monkeypatch.setattr(Store, "later", lambda _, __: None)
    async with ObjectsLog(store) as log:
        await finish(log, facts)
    with contextlib.suppress(JourneymanError):
        _Objects(Cut(store, changes))._put_together("r", 0)
    async with ObjectsLog(store) as log:
        for after in range(-1, 11):
            assert await read(log, "r", after) == facts[after + 1 :]
            assert await follow(log, "r", after) == facts[after + 1 :]
        with pytest.raises(Conflict):
            await log.append("r", 5, [facts[5]])


@pytest.mark.parametrize("deleted", [False, True])
async def test_who_comes_too_late_is_refused(deleted: bool, store: MemoryStore):  # noqa: FBT001  (of a pair)
    """A writer that knew half of a run, before its objects were put together or deleted, gets a conflict and leaves nothing."""
    facts = [*some_run(20), finished(20)]
    async with ObjectsLog(store) as slow:
        for fact in facts[:8]:
            await slow.append("r", fact.seq, [fact])
        async with ObjectsLog(store) as log:
            await log.append("r", 8, facts[8:9])
            await finish(log, facts[9:])
            if deleted:
                await log.delete("r")
        before = keys(store)
        assert not any(key.endswith("0008") for key in before)
        with pytest.raises(Conflict):
            await slow.append("r", 8, facts[8:9])
        assert keys(store) == before


async def test_what_a_late_writer_left_is_not_read(store: MemoryStore):
    """An object between those that count, of a writer that ended before it could remove it, is passed over."""
    facts = [*some_run(20), finished(20)]
    async with ObjectsLog(store) as log:
        await finish(log, facts)
    ghost = body_of(Head(8, 9, "x"), [encode_fact("r", replace(facts[8], at=999))])
    obstore.put(store, "facts/r/000000-0000000008", ghost)
    async with ObjectsLog(store) as log:
        for after in (-1, 6, 7, 8, 19):
            assert await read(log, "r", after) == facts[after + 1 :]


@pytest.mark.parametrize("changes", range(7))
async def test_a_deletion_may_be_cut_off_anywhere(changes: int, store: MemoryStore):
    """A deletion that was cut off can be repeated; meanwhile the run is there as a whole or not at all."""
    facts = some_run(4)
    async with ObjectsLog(store) as log:
        await finish(log, facts)
        with contextlib.suppress(JourneymanError):
            _Objects(Cut(store, changes)).delete("r")
    async with ObjectsLog(store) as log:
        with contextlib.suppress(CallerError):
            assert await read(log, "r") == facts
        with contextlib.suppress(CallerError):
            await log.delete("r")
        with pytest.raises(CallerError, match="there is no run"):
            await read(log, "r")
        assert (await log.runs()).rows == ()
        await log.append("r", 0, facts[:2])
        assert await read(log, "r") == facts[:2]
        assert (await log.runs()).rows[0].facts == 2


class Lossy(Store):
    """A store whose next answer to a creation is lost, before or after it is carried out."""

    lost: str | None = None

    def _create(self, key: str, data: bytes) -> bool:
        lost, self.lost = self.lost, None
        if lost == "before":
            raise JourneymanError("cut off")
        created = super()._create(key, data)
        if lost == "after":
            raise JourneymanError("cut off")
        return created


def over(store: Store) -> ThreadedLog:
    """A log over a store with faults."""
    objects = _Objects(store)
    return ThreadedLog("test", lambda: (objects, Polling(objects.marks, 0.01)), 4)


async def test_an_append_that_was_cut_off_is_settled_by_reading(store: MemoryStore):
    """An append whose answer was lost is a success if it is there, and an error that says so if it is not; no other's is ours."""
    facts = some_run(4)
    lossy = Lossy(store, "a store")
    async with over(lossy) as log, ObjectsLog(store) as other:
        await log.append("r", 0, facts[:1])
        lossy.lost = "after"
        await log.append("r", 1, facts[1:2])
        lossy.lost = "before"
        with pytest.raises(JourneymanError, match="cut off") as caught:
            await log.append("r", 2, facts[2:3])
        assert "not been stored yet" in "".join(caught.value.__notes__)
        await log.append("r", 2, facts[2:3])
        await other.append("r", 3, facts[3:])
        lossy.lost = "before"
        with pytest.raises(Conflict):
            await log.append("r", 3, facts[3:])
        assert await read(log, "r") == facts


class Fenceless(Store):
    """A store that passes over the condition of a write."""

    def _create(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True


async def test_a_store_without_a_fence_is_refused(store: MemoryStore):
    """Where a second writer would not be stopped, nothing is written at all."""
    async with over(Fenceless(store, "a store")) as log:
        with pytest.raises(CallerError, match="If-None-Match"):
            await log.append("r", 0, some_run(1))
    assert keys(store) == []


class Counting(Store):
    """A store that remembers what was asked of it."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store, "a store")
        self.got: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.got.append(key)
        return super().get(key)


async def test_only_what_is_new_is_read(store: MemoryStore):
    """A follower gets each object once, and a list only the rows that have changed."""
    facts = some_run(30)
    counting = Counting(store)
    async with over(counting) as log, ObjectsLog(store) as other:
        await other.append("r", 0, facts[:1])
        async with listening(log, "r") as heard:
            await heard.next()
            for fact in facts[1:]:
                await other.append("r", fact.seq, [fact])
                await heard.next()
        assert sorted(counting.got) == sorted(key for key in keys(store) if "swept" not in key)
        for number in range(5):
            await other.append(f"f{number}", 0, [*some_run(1), finished(1)])
        await log.runs()
        counting.got.clear()
        await other.append("f5", 0, [*some_run(1), finished(1)])
        await log.runs(RunQuery(status="finished"))
        assert len([key for key in counting.got if key.startswith("rows/")]) == 1


async def test_a_run_may_end_before_its_last_fact(log: ObjectsLog):
    """A follower that begins behind the end of a run that was cancelled is told of it, whatever came in afterwards."""
    late = ModelResponded(seq=3, at=3, response=ModelResponse(Message.assistant("x" * 50_000)))
    facts: list[Fact] = [*some_run(2), RunCancelled(seq=2, at=2), late]
    await log.append("r", 0, facts[:2])
    await log.append("r", 2, facts[2:3])
    await log.append("r", 3, facts[3:])
    for after in (-1, 2, 3, 9):
        assert await follow(log, "r", after) == facts[after + 1 :]


async def test_a_row_that_cannot_be_written_is_none_the_worse(store: MemoryStore, monkeypatch: pytest.MonkeyPatch):
    """Facts are stored though the row's request fails, and the row is made up from them; so it is where it is damaged."""
    facts = some_run(40)
    cut = Cut(store, 1000)
    async with over(cut) as log, ObjectsLog(store) as other:
        await log.append("r", 0, facts[:1])
        cut.left = 1
        await log.append("r", 1, facts[1:])
        assert cut.left == -1
        assert (await other.runs()).rows[0].facts == 40
        [row] = keys(store, "rows")
        obstore.put(store, row, b"{")
        with pytest.raises(CorruptJournal, match="makes it anew"):
            await other.runs()
        cut.left = 1000
        await other.append("r", 40, [finished(40)])
        assert await names(other, RunQuery(status="finished")) == ["r"]


async def test_strange_objects_are_told(log: ObjectsLog, store: MemoryStore):
    """What is none of ours among a run's objects is named."""
    await log.append("r", 0, some_run(1))
    obstore.put(store, "facts/r/notes", b"")
    with pytest.raises(CorruptJournal, match="facts/r/notes"):
        await read(log, "r")


async def test_a_missing_object_is_found(log: ObjectsLog, store: MemoryStore):
    """A run of which an object is gone is damaged, and not short."""
    await finish(log, some_run(5))
    obstore.delete(store, "facts/r/000000-0000000002")
    with pytest.raises(CorruptJournal, match="fact 2 is missing"):
        await read(log, "r")


# --- addresses, and S3 over HTTP ----------------------------------------------------------------------------------------

SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture(scope="module")
def endpoint() -> Generator[str]:
    """A server that speaks S3, with a bucket."""
    logging.getLogger("werkzeug").disabled = True
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key=SECRET
    ).create_bucket(Bucket="bucket")
    yield url
    server.stop()


@pytest.fixture
def address(endpoint: str, request: pytest.FixtureRequest) -> str:
    """A prefix of the test's own."""
    prefix = hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    return f"s3://bucket/{prefix}?endpoint={endpoint}&region=us-east-1&access_key_id=a&secret_access_key={SECRET}"


OVER_HTTP: tuple[LogCheck, ...] = (
    log_kit.facts_come_back_in_order,
    log_kit.an_empty_batch_writes_nothing,
    log_kit.a_follower_hears_what_is_appended,
    log_kit.a_deleted_run_is_gone,
    log_kit.words_come_back_unchanged,
    log_kit.lists_answer_every_query,
    log_kit.a_large_fact_comes_back,
)


@pytest.mark.parametrize("check", OVER_HTTP, ids=lambda check: check.__name__)
async def test_conforms_over_http(check: LogCheck, address: str):
    """A log in S3 passes what the kit asks of its requests."""
    async with ObjectsLog(address, poll=0.02) as log:
        await check(log)


async def test_the_server_is_the_fence(address: str):
    """Of two logs that write the same place of one bucket at once, one gets it and the other a conflict."""
    facts = some_run(4)
    async with ObjectsLog(address) as log, ObjectsLog(address) as other:
        for fact in facts:
            mark = replace(fact, at=fact.at + 100)
            done = await asyncio.gather(
                log.append("r", fact.seq, [fact]), other.append("r", fact.seq, [mark]), return_exceptions=True
            )
            assert sorted(type(outcome) for outcome in done if outcome is not None) == [Conflict]
            assert await read(log, "r", fact.seq - 1) == [(fact, mark)[done.index(None)]]


HTTP_SHARED: tuple[SharedCheck, ...] = (
    log_kit_shared.a_follower_hears_the_other,
    log_kit_shared.a_deletion_by_the_other_is_noticed,
    log_kit_shared.a_run_begun_anew_by_the_other_is_another,
    log_kit_shared.a_finished_run_is_read_by_all,
)


@pytest.mark.parametrize("check", HTTP_SHARED, ids=lambda check: check.__name__)
async def test_shares_over_http(check: SharedCheck, address: str):
    """Two logs in one bucket are fenced off from each other by the server."""
    async with open_journal(address) as log, ObjectsLog(address, poll=0.02) as other:
        await check(other, log)


async def test_secrets_are_shown_nowhere(endpoint: str):
    """Neither a log nor an error, of a wrong address or of a server that refuses, shows a secret."""
    wrong = f"s3://nowhere/x?endpoint={endpoint}&region=us-east-1&access_key_id=a&secret_access_key={SECRET}"
    async with ObjectsLog(wrong) as log:
        assert SECRET not in repr(log)
        assert repr(log) == "ObjectsLog('s3://nowhere/x')"
        with pytest.raises(JourneymanError) as caught:
            await log.append("r", 0, some_run(1))
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    for bad in (f"s3://bucket/x?colour={SECRET}", f"s3:///?secret_access_key={SECRET}", f"gopher://{SECRET}"):
        with pytest.raises(CallerError, match="no address") as caught_too:
            ObjectsLog(bad)
        assert SECRET not in "".join(traceback.format_exception(caught_too.value))


def test_the_package_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    """Without obstore the error says what to install."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "journeyman.adapters.log_objects_store")
    with pytest.raises(CallerError, match=r"journeyman\[objects\]"):
        importlib.import_module("journeyman.adapters.log_objects_store")
