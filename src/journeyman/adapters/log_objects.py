"""`Log` in an object store: S3, Google Cloud Storage, Azure, and whatever speaks like one of them."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Collection, Hashable, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING

import msgspec

from ..data import CorruptJournal, JourneymanError
from ..journal import ENDED, RunQuery, RunSummary, decode_fact, summarize
from .log_objects_rows import Row, Rows, up_to_date
from .log_objects_store import Store, open_store
from .log_objects_tiles import SWEPT, TRIES, Head, Reader, Tile, Tiles, body_of, head_of, key_of, prefix_of, tiles_of
from .log_rules import taken, unknown
from .log_threads import Batch, Lookout, Medium, Place, Polling, Read, ThreadedLog

if TYPE_CHECKING:
    from obstore.store import ObjectStore

KEPT = 4096
"""Of how many runs at work the end is remembered; of any other it is read again."""

THREADS = 16
"""How many appends and reads may be under way; each waits for tens of milliseconds."""

STALE_FACTS = 32
STALE_BYTES = 64 * 1024
"""How far a run's row may lag behind its facts, where its status has not changed: writing it is a request more."""

FEW = 4
"""Of a run that is finished, this many objects are left as they are."""

TOGETHER = 4 * 1024 * 1024
"""Objects are put together to about this many bytes, so that none has to be read that is much larger than a page."""


class ObjectsLog(ThreadedLog):
    """Runs in a bucket, which any number of machines may use at once; or in any store of the package obstore.

    The address is `s3://bucket/prefix`, `gs://…` or `az://…`, with obstore's settings as parameters, such as
    `?region=eu-central-1` or `&endpoint=http://localhost:9000`; what is missing, credentials above all, comes from the
    environment. What it holds besides the place is shown nowhere.

    An append takes two requests, one of which creates an object if there is none: that is the fence. Lists ask for a small
    object per run, newest first, whatever they look for. `poll` is how often, in seconds, followers ask for what another
    process wrote, `timeout` how many seconds a request may take. It cannot be used in a forked child of a process that
    has used one.
    """

    def __init__(self, store: str | ObjectStore, *, timeout: float = 30.0, poll: float = 1.0) -> None:
        # An address is read at once, so that a wrong one is told of here and not in the middle of a run.
        made = open_store(store, timeout) if isinstance(store, str) else Store(store, repr(store))

        def open_medium() -> tuple[Medium, Lookout]:
            objects = _Objects(made)
            return objects, Polling(objects.marks, poll)

        super().__init__(made.name, open_medium, THREADS)


class _Tail(msgspec.Struct, frozen=True):
    """Where a run ends; None for the summary of one that is to begin. The row says what was when it had `stored` facts."""

    generation: int
    summary: RunSummary | None
    stored: int = 0
    bytes: int = 0

    @property
    def end(self) -> int:
        return 0 if self.summary is None else self.summary.facts


class _Objects:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = Rows(store)
        self._tails: dict[str, _Tail] = {}
        self._last: dict[str, str] = {}

    def append(self, batch: Batch) -> None:
        """Create an object where the run ends."""
        tail = self._tails.pop(batch.run, None)
        if tail is None or tail.end != batch.at:
            tail = self._checked_tail(batch)
        if not batch.facts:
            return
        for _ in range(TRIES):
            after = self._created(batch, tail)
            if after is not None:
                self._go_on(batch, tail, after)
                return
            tail = self._checked_tail(batch)
        raise taken(batch.run, batch.at, batch.at)

    def reader(self, run: str, *, follows: bool) -> Read:
        """Reads a run by listing its objects."""
        return Reader(self._store, run, follows=follows).part

    def page(self, query: RunQuery, after: Place | None) -> list[RunSummary]:
        """List the rows."""
        return self._rows.page(query, after)

    def delete(self, run: str) -> None:
        """End the run's generation, then remove its objects."""
        self._tails.pop(run, None)
        for _ in range(TRIES):
            found = tiles_of(self._store, run)
            if not found.alive:
                # What a deletion that was cut off has left; it is gone already.
                left = [tile.key for tile in found.tiles[:-1]]
                if not left:
                    raise unknown(run)
                self._store.remove(left)
                return
            if self._ended_generation(run, found):
                self._store.remove([tile.key for tile in found.tiles])
                return
        raise JourneymanError(f"run {run} was not deleted: others went on appending to it; try again")

    def close(self) -> None:
        """Finish what is under way."""
        self._store.close()

    def marks(self, runs: Collection[str]) -> dict[str, Hashable]:
        """The last object of each run, which is another after each append."""
        marks = dict(zip(runs, self._store.each(self._mark, runs), strict=True))
        self._last = {run: mark for run, mark in marks.items() if mark is not None}
        return dict(marks)

    def _mark(self, run: str) -> str | None:
        last = self._last.get(run)
        for entry in self._store.listed(prefix_of(run), last):
            last = entry.key
        return last

    def _ended_generation(self, run: str, found: Tiles) -> bool:
        """Fence all writers out; False if somebody was quicker."""
        last = self._store.get(found.tiles[-1].key)
        if last is None:
            return False
        # A run that is damaged can be deleted as well; its row may then stay, and is passed over.
        with contextlib.suppress(CorruptJournal):
            started_at = self._started_at(found)
            if started_at is not None:
                self._rows.remove(started_at, run)
        self._store.put(key_of(run, found.generation, SWEPT), b"")
        return self._store.create(key_of(run, found.generation, head_of(found.tiles[-1].key, last).end), b"")

    def _started_at(self, found: Tiles) -> int | None:
        first = self._store.get(found.tiles[0].key)
        if first is None:
            return None
        return decode_fact(first.split(b"\n", 2)[1])[1].at if b"\n" in first else None

    def _created(self, batch: Batch, tail: _Tail) -> RunSummary | None:
        """The run's summary after the batch, or None where another was there."""
        run, at = batch.run, batch.at
        summary = reduce(partial(summarize, run), batch.facts, tail.summary)
        assert summary is not None  # noqa: S101  (the batch was checked: fact 0 is RunStarted)
        if tail.summary is None:
            self._rows.write(Row(tail.generation, 0, summary))
        key = key_of(run, tail.generation, at)
        head = Head(at, at + len(batch.facts), uuid.uuid4().hex)
        if not self._is_ours_after_creating(key, head, body_of(head, batch.lines)):
            return None
        if self._store.exists(key_of(run, tail.generation, SWEPT)) and not self._counts(run, tail.generation, at):
            # We came too late: our place had been taken, and what was there was removed since.
            self._store.remove([key])
            return None
        return summary

    def _is_ours_after_creating(self, key: str, head: Head, body: bytes) -> bool:
        try:
            if self._store.create(key, body):
                return True
        except JourneymanError as error:
            # A request that was cut off may have been carried out: whose object is there now says it.
            if not self._store.exists(key):
                error.add_note(
                    "What was asked last has not been stored yet; a request that is still on its way may do so."
                )
                raise
        data = self._store.get(key)
        return bool(data) and head_of(key, data or b"") == head

    def _counts(self, run: str, generation: int, at: int) -> bool:
        """Whether an object of ours follows on the one before it, in a run of which objects may have been removed."""
        for _ in range(TRIES):
            found = tiles_of(self._store, run)
            if not found.alive or found.generation != generation:
                return False
            before = [tile for tile in found.tiles if tile.at < at]
            if not before:
                return at == 0
            data = self._store.get(before[-1].key)
            if data is not None:
                return head_of(before[-1].key, data).end == at
        return False

    def _go_on(self, batch: Batch, tail: _Tail, summary: RunSummary) -> None:
        size = tail.bytes + sum(map(len, batch.lines))
        changed = tail.summary is not None and tail.summary.status != summary.status
        if changed or summary.facts - tail.stored >= STALE_FACTS or size >= STALE_BYTES:
            self._store_row(Row(tail.generation, summary.facts, summary))
            tail = _Tail(tail.generation, summary, summary.facts)
        else:
            tail = _Tail(tail.generation, summary, tail.stored, size)
        if summary.status not in ENDED:
            if len(self._tails) >= KEPT:
                self._tails.clear()
            self._tails[batch.run] = tail
        elif summary.status == "finished":
            self._store.later(lambda: self._put_together(batch.run, tail.generation))

    def _store_row(self, row: Row) -> None:
        try:
            self._rows.write(row)
        except JourneymanError:
            # The facts are stored, and the row is only a summary of them: an older one does as well.
            return

    def _checked_tail(self, batch: Batch) -> _Tail:
        tail = self._tail(batch.run)
        if tail.end != batch.at:
            raise taken(batch.run, batch.at, tail.end)
        return tail

    def _tail(self, run: str) -> _Tail:
        for _ in range(TRIES):
            found = tiles_of(self._store, run)
            if not found.alive:
                return _Tail(found.generation + 1 if found.tiles else found.generation, None)
            started_at = self._started_at(found)
            row = None if started_at is None else self._rows.read(started_at, run)
            if row is not None and (row.generation != found.generation or not row.facts):
                row = None
            summary = up_to_date(self._store, run, found.generation, row.summary if row else None)
            if summary is not None:
                return _Tail(found.generation, summary, row.facts if row else 0)
        raise CorruptJournal(f"run {run}: its objects change faster than they can be read, or are damaged")

    def _put_together(self, run: str, generation: int) -> None:
        """Make few objects of the many of a run that is finished; whoever stops in the middle leaves the run whole."""
        # One does it, and only of what is final: two that wrote the same object could undo what the other added.
        if not self._store.create(key_of(run, generation, SWEPT), b""):
            return
        found = tiles_of(self._store, run)
        if not found.alive or found.generation != generation or len(found.tiles) < FEW:
            return
        kept: set[str] = set()
        group: list[tuple[Tile, list[bytes]]] = []
        end = size = 0
        for tile in found.tiles:
            body = self._store.get(tile.key)
            if body is None or head_of(tile.key, body).at != end:
                return
            end = head_of(tile.key, body).end
            group.append((tile, body.split(b"\n")[1:]))
            size += len(body)
            if size >= TOGETHER or tile is found.tiles[-1]:
                kept.add(self._store_group(group, end))
                group, size = [], 0
        self._store.remove([tile.key for tile in found.tiles if tile.key not in kept])

    def _store_group(self, group: Sequence[tuple[Tile, list[bytes]]], end: int) -> str:
        first = group[0][0]
        if len(group) > 1:
            lines = [line for _, lines in group for line in lines]
            self._store.put(first.key, body_of(Head(first.at, end, uuid.uuid4().hex), lines))
        return first.key
