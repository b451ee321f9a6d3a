"""Which log an address means."""

from __future__ import annotations

from typing import Any, cast

from ..data import CallerError
from ..journal import Log


def log_at(url: str) -> Log:
    """The log at an address, not yet opened; raises `CallerError` for an address that is none."""
    if url == "memory:":
        from .log_memory import MemoryLog  # noqa: PLC0415  (each is imported when it is used)

        return MemoryLog()
    scheme, found, path = url.partition(":///")
    path, _, choice = path.partition("?synchronous=")
    if scheme == "sqlite" and found and path:
        from .log_sqlite import SqliteLog  # noqa: PLC0415  (likewise)

        return SqliteLog(path, synchronous=cast("Any", choice.upper() or "FULL"))
    return _shared_log(url)


def _shared_log(url: str) -> Log:
    scheme, _, path = url.partition(":")
    if scheme == "file" and path.strip("/"):
        from .log_files import FilesLog, directory_of  # noqa: PLC0415  (likewise)

        return FilesLog(directory_of(url))
    if scheme in ("postgresql", "postgres") and path.startswith("//"):
        from .log_postgres import PostgresLog  # noqa: PLC0415  (likewise)

        return PostgresLog(url)
    if scheme in ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss") and path.startswith("//"):
        from .log_objects import ObjectsLog  # noqa: PLC0415  (likewise)

        return ObjectsLog(url)
    # Not the address itself, which may hold a password.
    raise CallerError(
        f'{scheme}: is no address of a journal; use "memory:", "sqlite:///runs.db", "sqlite:////abs/path.db", '
        '"file:///directory", "postgresql://user@host/database" or "s3://bucket/prefix"'
    )
