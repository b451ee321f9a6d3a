"""The objects that hold a run's facts in an `ObjectsLog`, and how they are read.

An append is one object, named by the number of its first fact: `facts/<run>/<generation>-<number>`. Its first line says
where it begins and ends and who wrote it; then there is a line per fact. An object covers all those after it that begin before
its end: so many small ones can be put together in the first of them, and removed one by one.

An object without content ends its generation: the run was deleted. Its facts go; it stays, so that a writer who has not
heard of it finds its place taken. A run that is begun anew is a new generation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from ..data import CorruptJournal
from ..journal import Fact, decode_fact
from .log_objects_store import Listed, Store
from .log_rules import Part, ended_with, stem, unknown
from .log_threads import PAGE_BYTES, PAGE_FACTS

SWEPT = "swept"
"""Stands in place of a number: objects of this generation may be removed, so that a new one must be looked at twice."""

AHEAD_OBJECTS = 64
AHEAD_BYTES = 4 * 1024 * 1024
"""How much is fetched at once."""

TRIES = 8


class Head(msgspec.Struct, frozen=True):
    """The first line of an object: its facts are number `at` up to, without it, number `end`; `append` is an id."""

    at: int
    end: int
    append: str


class Tile(msgspec.Struct, frozen=True):
    """An object of a run, by its name."""

    at: int
    key: str
    size: int


class Tiles(msgspec.Struct, frozen=True):
    """The objects of a run's last generation, in order."""

    generation: int
    tiles: Sequence[Tile] = ()
    swept: bool = False

    @property
    def alive(self) -> bool:
        """Whether there is a run."""
        return bool(self.tiles) and self.tiles[-1].size > 0


class Moved(Exception):
    """What was listed is no longer there."""


_decode_head = msgspec.json.Decoder(Head).decode
_encode_head = msgspec.json.Encoder().encode


def prefix_of(run: str) -> str:
    """Where a run's objects are."""
    return f"facts/{stem(run)}"


def key_of(run: str, generation: int, at: int | str) -> str:
    """The name of the object that begins with that fact."""
    return f"{prefix_of(run)}/{generation:06d}-{at if isinstance(at, str) else format(at, '010d')}"


def body_of(head: Head, lines: Sequence[bytes]) -> bytes:
    """An object's content."""
    return b"\n".join((_encode_head(head), *lines))


def head_of(key: str, data: bytes) -> Head:
    """What the first line says; raises `CorruptJournal`."""
    try:
        return _decode_head(data.split(b"\n", 1)[0])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptJournal(f"the object {key} does not begin as ours do: {error}") from error


def tiles_of(store: Store, run: str) -> Tiles:
    """List a run's objects."""
    last = 0
    tiles: list[Tile] = []
    swept = False
    for entry in store.listed(prefix_of(run)):
        generation, tile = _parsed(entry)
        if generation != last:
            last, tiles, swept = generation, [], False
        if tile is None:
            swept = True
        else:
            tiles.append(tile)
    return Tiles(last, tiles, swept)


def _parsed(entry: Listed) -> tuple[int, Tile | None]:
    generation, _, number = entry.key.rpartition("/")[2].partition("-")
    try:
        return int(generation), None if number == SWEPT else Tile(int(number), entry.key, entry.size)
    except ValueError as error:
        raise CorruptJournal(f"the object {entry.key} is none of ours; nothing else may be kept there") from error


class Reader:
    """Reads a run page by page; it remembers where it stands, so that it asks for what is new only."""

    def __init__(self, store: Store, run: str, *, follows: bool = False) -> None:
        self.generation = 0
        self._store = store
        self._run = run
        self._follows = follows
        self._placed = False
        self._swept = False
        self._next = 0  # the number of the fact that comes next, which is the first of the lines
        self._fetched = 0  # the number after the last of the lines
        self._lines: deque[bytes] = deque()
        self._tiles: deque[Tile] = deque()
        self._last: Tile | None = None
        self._ended: bool | None = None

    def part(self, after: int) -> Part:
        """The next facts."""
        for _ in range(TRIES):
            try:
                return self._part(max(after + 1, 0))
            except Moved:
                self._placed = False
        raise CorruptJournal(f"run {self._run}: fact {self._fetched} is missing, and others after it are there")

    def _part(self, first: int) -> Part:
        if not self._placed or first != self._next:
            self._place(first)
        elif not self._lines and not self._tiles:
            self._look_further()
        facts: list[Fact] = []
        size = 0
        while len(facts) < PAGE_FACTS and size <= PAGE_BYTES and self._has_lines():
            line = self._lines[0]
            facts.append(self._fact(line))
            # Only then: whoever reads on after a damaged line begins elsewhere.
            self._lines.popleft()
            self._next += 1
            size += len(line)
        more = bool(self._lines or self._tiles)
        if not more and self._ended is None and self._follows:
            self._ended = self._ends()
        return Part(facts, more, ended=not more and bool(self._ended))

    def _place(self, first: int) -> None:
        found = tiles_of(self._store, self._run)
        if not found.alive:
            raise unknown(self._run)
        tiles = found.tiles
        # Where objects were removed, one that a writer left who came too late may lie between those that count.
        start = 0 if found.swept else max((n for n, tile in enumerate(tiles) if tile.at <= first), default=0)
        self.generation = found.generation
        self._placed = True
        self._swept = found.swept
        self._next = first
        self._fetched = tiles[start].at
        self._lines.clear()
        self._tiles = deque(tiles[start:])
        self._last = tiles[-1]
        self._ended = None

    def _look_further(self) -> None:
        assert self._last is not None  # noqa: S101  (it has been placed; this tells the type checkers)
        for entry in self._store.listed(prefix_of(self._run), self._last.key):
            generation, tile = _parsed(entry)
            if generation != self.generation or tile is None or tile.size == 0:
                # Put together, deleted or begun anew.
                self._place(self._next)
                return
            self._tiles.append(tile)
            self._last = tile

    def _has_lines(self) -> bool:
        while not self._lines and self._tiles:
            self._fetch()
        return bool(self._lines)

    def _fetch(self) -> None:
        batch: list[Tile] = []
        size = 0
        # Where objects were put together, the first one may cover the others.
        most = 1 if self._swept else AHEAD_OBJECTS
        while self._tiles and self._tiles[0].at < self._fetched:
            self._tiles.popleft()
        while self._tiles and len(batch) < most and (not batch or size + self._tiles[0].size <= AHEAD_BYTES):
            tile = self._tiles.popleft()
            batch.append(tile)
            size += tile.size
        bodies = self._store.each(lambda tile: self._store.get(tile.key), batch)
        for tile, body in zip(batch, bodies, strict=True):
            self._take(tile, body)

    def _take(self, tile: Tile, body: bytes | None) -> None:
        if body is None or tile.at > self._fetched:
            raise Moved
        head = head_of(tile.key, body)
        if head.end <= self._fetched:
            return
        lines = body.split(b"\n")[1:]
        if head.at != tile.at or len(lines) != head.end - head.at:
            raise CorruptJournal(f"the object {tile.key} does not hold the facts that its first line says")
        self._lines.extend(lines[max(self._fetched, self._next) - head.at :])
        self._fetched = head.end

    def _fact(self, line: bytes) -> Fact:
        named, fact = decode_fact(line)
        if named != self._run or fact.seq != self._next:
            raise CorruptJournal(f"run {self._run}: where fact {self._next} belongs is fact {fact.seq} of run {named}")
        self._ended = ended_with(fact, before=self._ended)
        return fact

    def _ends(self) -> bool:
        # Only where a follower began behind the last fact that says it: the objects before it are read backwards.
        for tile in reversed(tiles_of(self._store, self._run).tiles):
            body = self._store.get(tile.key)
            if body is None:
                # Only of what is finished for good, or deleted, objects are removed.
                return tiles_of(self._store, self._run).alive
            for line in reversed(body.split(b"\n")[1:]):
                ended = ended_with(decode_fact(line)[1], before=None)
                if ended is not None:
                    return ended
        return False
