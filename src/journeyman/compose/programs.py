"""Sandboxes and languages for programs that models write."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from ..data import CallerError, Secret
from ..programs import Language, ProgramLimits
from .connections import held_by_loop, let_go

if TYPE_CHECKING:
    from ..adapters.sandbox_monty import MontySandbox


def open_sandbox(
    *,
    processes: int | None = None,
    key: bytes | None = None,
    limits: ProgramLimits = ProgramLimits(),  # noqa: B008  (a frozen value)
) -> MontySandbox:
    """A sandbox for programs that nobody has to trust; `async with` opens it, and closes it at the end.

    At most `processes` programs compute at the same time, by default as many as there are processors. `limits` are those of
    programs that are run without their own. Sandboxes with the same `key` (32 random bytes, kept secret) take up each
    other's snapshots; with another, suspended programs are run again from their recorded calls.
    """
    from ..adapters.sandbox_monty import MontySandbox  # noqa: PLC0415  (an adapter is imported when it is used)

    return MontySandbox(language, processes=processes, key=key, limits=limits)


_OWN_KEY = secrets.token_bytes(32)
"""Signs the snapshots of a process without a secret: nobody else can take them up, and nobody has to."""


async def loop_sandbox(secret: Secret | None = None) -> MontySandbox:
    """The sandbox that all programs of agents in the running event loop share; its workers end with the loop.

    With a `secret`, processes that have the same one take up each other's snapshots.
    """
    key = _OWN_KEY if secret is None else _derived(secret)
    place = ("sandbox", key)
    opening = held_by_loop(place, lambda: asyncio.ensure_future(_opened(key)), _close_opened)
    try:
        return await asyncio.shield(opening)
    except Exception:
        let_go(place)
        raise


def _derived(secret: Secret) -> bytes:
    return hmac.new(secret.reveal().encode(), b"journeyman program snapshots", hashlib.sha256).digest()


async def _opened(key: bytes) -> MontySandbox:
    return await open_sandbox(key=key).__aenter__()


async def _close_opened(opening: asyncio.Future[MontySandbox]) -> None:
    if opening.done() and not opening.cancelled() and opening.exception() is None:
        await opening.result().close()


@functools.cache
def language(name: str) -> Language:
    """A language of programs: `python`, or `lisp` (also asked for as `clojure` and `ptc-lisp`); else `CallerError`."""
    match name:
        case "python":
            from ..programs.python import Python  # noqa: PLC0415  (the parser is imported when it is used)

            return Python()
        case "lisp" | "clojure" | "ptc-lisp":
            from ..programs.lisp import Lisp  # noqa: PLC0415  (likewise)

            return Lisp()
        case _:
            raise CallerError(f"there is no language {name!r}; the languages are: python, lisp")
