"""`Log` in a directory: a file of JSON lines per run, to be read with any editor."""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import threading
from collections.abc import Collection, Generator, Hashable, Sequence
from pathlib import Path
from urllib.parse import unquote

from ..data import CallerError, JourneymanError
from ..journal import Fact, RunQuery, RunSummary
from .log_files_rows import ENDING, Known, checked, find_out, remove_row, store_row
from .log_files_run import Mark, RunFile, mark_of, opened, sync_directory
from .log_rules import Part, ended_with, matches, stem, taken, unknown
from .log_threads import PAGE_BYTES, PAGE_FACTS, Batch, Lookout, Medium, Place, Polling, Read, ThreadedLog, patience

KEPT = 16_384
"""Of how many runs the row is remembered."""

THREADS = 4
"""How many files are written or read at a time: while one waits for the disk, another is written."""


class FilesLog(ThreadedLog):
    """Runs in the files of one directory, which several processes of a machine may use at once.

    `<run>.jsonl` holds a run's facts, and `<run>.row` what lists show of it, which may be removed at any time. What was
    appended survives a loss of power. `lock_timeout` is how many seconds it waits for another process that writes the same
    run, `poll` how often followers look for what another process wrote. A list looks at every file of the directory, so
    for very many runs SQLite is the better place.
    """

    def __init__(self, directory: str | os.PathLike[str], *, lock_timeout: float = 5.0, poll: float = 0.1) -> None:
        path = Path(directory).absolute()

        def open_medium() -> tuple[Medium, Lookout]:
            medium = _Files(path, lock_timeout)
            return medium, Polling(medium.marks, poll)

        super().__init__(str(path), open_medium, THREADS)


def directory_of(url: str) -> Path:
    """The directory of `file:///absolute/path` or of `file:relative/path`; raises `CallerError` for one elsewhere."""
    path = unquote(url.removeprefix("file:"))
    if path.startswith("//"):
        host, slash, path = path[2:].partition("/")
        if host not in ("", "localhost") or not slash:
            raise CallerError(f"{url} names another machine; write file:///absolute/path or file:relative/path")
        path = "/" + path
    # Windows: file:///C:/runs.
    return Path(path[1:] if path[2:3] == ":" else path)


class _Files:
    def __init__(self, directory: Path, lock_timeout: float) -> None:
        self._directory = directory
        self._lock_timeout = lock_timeout
        self._lock = threading.Lock()
        self._known: dict[str, Known] = {}

    def append(self, batch: Batch) -> None:
        """Add a batch to its run's file."""
        path = self._path(batch.run)
        with self._explained(path):
            begins = batch.at == 0 and bool(batch.facts)
            if begins:
                self._directory.mkdir(parents=True, exist_ok=True)
            with self._opened(path, os.O_RDWR | (os.O_CREAT if begins else 0)) as file:
                try:
                    self._append(path, file, batch)
                finally:
                    # What was made for a batch that could not be written must not stay behind.
                    if begins and file is not None and file.mark()[1] == 0:
                        path.unlink()

    def reader(self, run: str, *, follows: bool) -> Read:
        """Reads a run from where it was left."""
        return _Reader(self, self._path(run), run, follows=follows).part

    def page(self, query: RunQuery, after: Place | None) -> list[RunSummary]:
        """Look at every run; files that have not changed since are not read again."""
        with self._explained(self._directory):
            rows = (row for row in self._rows() if matches(row, query))
            found = (row for row in rows if after is None or (row.started_at, row.run) < after)
            return heapq.nlargest(query.limit + 1, found, key=lambda row: (row.started_at, row.run))

    def delete(self, run: str) -> None:
        """Remove a run's files."""
        path = self._path(run)
        with self._explained(path), self._opened(path, os.O_RDWR) as file:
            if file is None or not file.end():
                raise unknown(run)
            self._forget(path)
            remove_row(path)
            # Emptied first: Windows lets nobody unlink what somebody else is reading, and an empty file is no run.
            os.ftruncate(file.fd, 0)
            with contextlib.suppress(PermissionError):
                path.unlink()
            sync_directory(self._directory)

    def close(self) -> None:
        """Nothing stays open."""

    def marks(self, runs: Collection[str]) -> dict[str, Hashable]:
        """What changes with the runs' files."""
        return {run: self._mark(run) for run in runs}

    def open_to_read(self, path: Path) -> contextlib.AbstractContextManager[RunFile | None]:
        """A run's file, as its last finished append left it."""
        return self._opened(path, os.O_RDONLY)

    def explained(self, path: Path) -> contextlib.AbstractContextManager[None]:
        """Turn the system's errors into ours."""
        return self._explained(path)

    def _mark(self, run: str) -> Mark | None:
        try:
            return mark_of(self._path(run).stat())
        except OSError:
            return None

    def _path(self, run: str) -> Path:
        return self._directory / (stem(run) + ENDING)

    def _opened(self, path: Path, flags: int) -> contextlib.AbstractContextManager[RunFile | None]:
        return opened(path, flags, patience(self._lock_timeout, 0.001))

    def _append(self, path: Path, file: RunFile | None, batch: Batch) -> None:
        known = None if file is None else self._known_of(path, file)
        end = 0 if known is None else known.summary.facts
        if end != batch.at:
            raise taken(batch.run, batch.at, end)
        if file is None or not batch.facts:
            return
        self._forget(path)
        after = file.add(batch.lines, 0 if known is None else known.end)
        if known is None:
            sync_directory(self._directory)
            known = Known.begun(batch.run, batch.facts, after, file.mark())
            stale = True
        else:
            stale = known.take(batch.facts, after, file.mark())
        if stale:
            store_row(path, known)
        self._remember(path, known)

    def _rows(self) -> Generator[RunSummary]:
        try:
            entries = os.scandir(self._directory)
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                if entry.name.endswith(ENDING):
                    known = self._look(entry)
                    if known is not None:
                        yield known.summary

    def _look(self, entry: os.DirEntry[str]) -> Known | None:
        known = self._known.get(entry.name)
        if known is not None:
            with contextlib.suppress(FileNotFoundError):
                if known.mark == mark_of(entry.stat()):
                    return known
        path = self._directory / entry.name
        with self.open_to_read(path) as file:
            known = None if file is None else self._known_of(path, file)
            if known is not None:
                self._remember(path, known)
            return known

    def _known_of(self, path: Path, file: RunFile) -> Known | None:
        """What is known of a run, or None where its file holds no whole batch."""
        known = self._known.get(path.name)
        if known is not None and known.mark == file.mark():
            return known
        end = file.end()
        return find_out(path, file, end) if end else None

    def _remember(self, path: Path, known: Known) -> None:
        with self._lock:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[path.name] = known

    def _forget(self, path: Path) -> None:
        with self._lock:
            self._known.pop(path.name, None)

    @contextlib.contextmanager
    def _explained(self, path: Path) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise _told(error, path) from error


class _Reader:
    """Reads a run page by page; it remembers where it stands, so that what it has read is not read again."""

    def __init__(self, files: _Files, path: Path, run: str, *, follows: bool) -> None:
        self._follows = follows
        self._files = files
        self._path = path
        self._run = run
        self._head = b""
        self._seq = 0
        self._place = 0
        self._ended: bool | None = None

    def part(self, after: int) -> Part:
        """The next facts."""
        with self._files.explained(self._path), self._files.open_to_read(self._path) as file:
            end = 0 if file is None else file.end()
            if file is None or not end:
                raise unknown(self._run)
            self._find(file, max(after + 1, 0), end)
            facts = self._facts(file, end)
            more = self._place < end
            if not more and self._ended is None and self._follows:
                self._ended = self._ends(file, end)
            return Part(facts, more, ended=not more and bool(self._ended))

    def _find(self, file: RunFile, first: int, end: int) -> None:
        """Stand before that fact, or at the end."""
        head = file.head()
        if head != self._head or first < self._seq or self._place > end:
            # Another file of the same name: the run was deleted, and begun anew.
            self._head = head
            self._seq = self._place = 0
            self._ended = None
        if self._seq < first:
            for line in file.lines(self._place, end):
                self._seq += 1
                self._place += len(line)
                self._ended = None
                if self._seq == first:
                    break

    def _facts(self, file: RunFile, end: int) -> Sequence[Fact]:
        facts: list[Fact] = []
        size = 0
        for line in file.lines(self._place, end):
            fact = checked(self._path, line, self._run, self._seq)
            facts.append(fact)
            self._seq += 1
            self._place += len(line)
            self._ended = ended_with(fact, before=self._ended)
            size += len(line)
            if len(facts) == PAGE_FACTS or size > PAGE_BYTES:
                break
        return facts

    def _ends(self, file: RunFile, end: int) -> bool:
        # Only where a reader began behind the last fact that says it.
        ended: bool | None = None
        seq = self._seq
        for line in file.lines_back(end):
            seq -= 1
            ended = ended_with(checked(self._path, line, self._run, seq), before=None)
            if ended is not None:
                break
        return bool(ended)


def _told(error: OSError, path: Path) -> JourneymanError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return JourneymanError(f"the disk with the journal {path} is full ({error}); nothing of this was stored")
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError) or error.errno == errno.EROFS:
        return CallerError(f"the journal {path} cannot be opened or written ({error}): see to its directory and rights")
    return JourneymanError(f"the journal {path} failed: {error}")
