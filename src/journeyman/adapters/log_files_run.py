"""The file of one run in a `FilesLog`: how it is locked, where its last whole batch ends, how a batch is added.

A line of JSON per fact. The lines of a batch end with a space before the newline, which JSON ignores, all but the last: so a
batch that a crash cut short is known for one, even if it was cut between two lines. It is never read, and the next append
cuts it off.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..data import JourneymanError

Mark: TypeAlias = tuple[int, int, int]
"""A file's inode, size and time of change: what differs once another process has written."""

BLOCK = 4096
"""How much of a file's end is read first to find its last batch; eight times as much, and so on, where that is too little."""

BUFFER = 64 * 1024

HEAD = 256
"""How many of a file's first bytes tell it from another of the same name: the first fact's time is among them."""

BETWEEN = b" \n"
SPACE = ord(" ")


def mark_of(stat: os.stat_result) -> Mark:
    """A file's mark."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


class RunFile(NamedTuple):
    """A run's file while it is open."""

    fd: int

    def mark(self) -> Mark:
        """What differs once somebody has written."""
        return mark_of(os.fstat(self.fd))

    def head(self) -> bytes:
        """Its first bytes."""
        os.lseek(self.fd, 0, os.SEEK_SET)
        return os.read(self.fd, HEAD)

    def end(self) -> int:
        """Where the last whole batch ends, 0 if there is none."""
        size = os.fstat(self.fd).st_size
        length = BLOCK
        while True:
            start = max(0, size - length)
            os.lseek(self.fd, start, os.SEEK_SET)
            found = _last_end(_read(self.fd, size - start))
            if found > 1 or start == 0:
                return start + found if found > 1 else 0
            length *= 8

    def lines(self, start: int, end: int) -> Generator[bytes]:
        """The lines between two places, with their ends."""
        with open(self.fd, "rb", buffering=BUFFER, closefd=False) as file:
            file.seek(start)
            while start < end:
                line = file.readline()
                if not line:
                    return
                start += len(line)
                yield line

    def lines_back(self, end: int) -> Generator[bytes]:
        """The lines before a place, the last one first."""
        length = BLOCK
        while end > 0:
            start = max(0, end - length)
            os.lseek(self.fd, start, os.SEEK_SET)
            lines = _read(self.fd, end - start).splitlines(keepends=True)
            # The first line of a block may have begun before it.
            whole = lines if start == 0 else lines[1:]
            for line in reversed(whole):
                yield line
                end -= len(line)
            length = BLOCK if whole else length * 8

    def ends_line(self, place: int) -> bool:
        """Whether a line ends there."""
        os.lseek(self.fd, max(0, place - 1), os.SEEK_SET)
        return place > 0 and os.read(self.fd, 1) == b"\n"

    def add(self, lines: Sequence[bytes], end: int) -> int:
        """Add a batch at the end, durably, and say where it ends; the file stays as it was if that fails."""
        data = memoryview(BETWEEN.join(lines) + b"\n")
        after = end + len(data)
        if os.fstat(self.fd).st_size != end:
            os.ftruncate(self.fd, end)
        try:
            os.lseek(self.fd, end, os.SEEK_SET)
            while data:
                data = data[os.write(self.fd, data) :]
            os.fsync(self.fd)
        except OSError:
            # A batch without its last line would not be read, but one that only could not be made durable would.
            os.ftruncate(self.fd, end)
            raise
        return after


def _read(fd: int, count: int) -> bytes:
    parts: list[bytes] = []
    while count > 0 and (part := os.read(fd, count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _last_end(data: bytes) -> int:
    """The place after the last newline that ends a batch; 1 or less where none can be told."""
    newline = data.rfind(b"\n")
    while newline > 0 and data[newline - 1] == SPACE:
        newline = data.rfind(b"\n", 0, newline - 1)
    return newline + 1


@contextlib.contextmanager
def opened(path: Path, flags: int, wait: Callable[[], bool]) -> Generator[RunFile | None]:
    """The file, or None where there is none: locked against all others if it may be written, else against writers.

    `wait` says how long to try. The lock belongs to the open file and goes with it, also when the process dies.
    """
    writes = flags != os.O_RDONLY
    while True:
        try:
            fd = os.open(path, flags | _FLAGS, 0o666)
        except FileNotFoundError:
            yield None
            return
        try:
            while not _lock(fd, shared=not writes):
                if not wait():
                    raise JourneymanError(
                        f"another process kept {path} locked for longer than lock_timeout; nothing was stored"
                    )
            # Whoever deleted it may have had the lock before: then this is no longer the file of that name.
            if os.fstat(fd).st_nlink:
                yield RunFile(fd)
                return
        finally:
            # That ends the lock as well.
            os.close(fd)


_FLAGS: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


if sys.platform == "win32":
    import msvcrt

    # Windows keeps everybody else from touching what is locked, so that is a byte where no fact will ever be.
    _FAR = 1 << 62

    def _lock(fd: int, *, shared: bool) -> bool:  # noqa: ARG001  (there are no shared ones)
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    # Not `lockf`: its locks belong to the process, and are gone as soon as any of its threads closes the file.
    def _lock(fd: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable; Windows does so by itself, and cannot open one."""
    if sys.platform != "win32":
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
