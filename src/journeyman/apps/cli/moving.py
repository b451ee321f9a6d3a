"""`journeyman runs export` and `import`: runs as files, from one journal into another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ...agents import export_run, import_run
from ...compose import open_journal
from ...data import CallerError
from .flags import JOURNAL, PLAIN, Journal, Shown
from .journals import existing, run_named
from .outcome import carry_out
from .view.screen import Screen

Id = Annotated[str, Parameter(help="The run's id, or as much of its beginning or end as is unmistakable.")]


def export_command(
    run: Id,
    /,
    *,
    to: Annotated[
        str | None, Parameter(help="The file to write; it must not be there. By default standard output.")
    ] = None,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Write a run as one JSON document, with the runs that it goes on from and those below it."""
    return carry_out(shown, lambda screen: _export(screen, run, to, journal))


def import_command(
    file: Annotated[
        str, Parameter(help="The file that export wrote; - reads it from standard input.", allow_leading_hyphen=True)
    ],
    /,
    *,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Put an exported run into a journal; nothing that is there is overwritten.

    It is believed as if it had been written here: import from those whom you would let write to the journal.
    """
    return carry_out(shown, lambda screen: _import(screen, file, journal))


async def _export(screen: Screen, run: str, to: str | None, journal: str) -> int:
    async with existing(journal) as log:
        name = await run_named(log, run)
        document = await export_run(name, journal=log)
    if to is None:
        screen.raw(document)
        return 0
    _write(to, document)
    if screen.json:
        screen.object({"run": name, "to": to, "bytes": len(document)})
    else:
        screen.note(f"{name}  {len(document):,} bytes")
    return 0


async def _import(screen: Screen, file: str, journal: str) -> int:
    document = _read(file)
    async with open_journal(journal) as log:
        name = await import_run(document, journal=log)
    if screen.json:
        screen.object({"run": name})
    else:
        screen.line(name)
    return 0


def _write(to: str, document: bytes) -> None:
    try:
        with Path(to).open("xb") as file:
            file.write(document)
    except OSError as error:
        raise CallerError(f"{to} cannot be written: {error.strerror or error}") from error


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CallerError(f"{file} cannot be read: {error.strerror or error}") from error
