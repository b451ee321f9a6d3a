"""Where journals are kept: the `Log` protocol and what can be asked of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from ..data import Usage
from .facts import Fact
from .state import Status

_T = TypeVar("_T")


class RunSummary(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A run in a list; times are in microseconds since 1970.

    `facts` is the number of facts, `pending` that of the tool calls that wait for an answer from outside.
    """

    run: str
    agent: str
    model: str
    status: Status
    started_at: int
    updated_at: int
    facts: int
    pending: int = 0
    usage: Usage = Usage()
    parent: str | None = None
    conversation: str | None = None
    tags: tuple[str, ...] = ()
    prompt: str = ""


class RunQuery(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which runs to list, newest first; None asks for all. `before` is the `next` of the page before."""

    status: Status | None = None
    agent: str | None = None
    tag: str | None = None
    conversation: str | None = None
    started_after: int | None = None
    started_before: int | None = None
    limit: int = 50
    before: str | None = None


class Page(msgspec.Struct, Generic[_T], frozen=True):
    """Some rows, and the cursor of the next page or None."""

    rows: tuple[_T, ...]
    next: str | None = None


class Log(Protocol):
    """An append-only store of runs.

    `append` writes all facts or none, after which they are durable; `at` is the number that the first of them must
    get. Raises `Conflict` if the run does not end just before `at`: another writer was there. `read` and `watch` give the
    facts after a number in order; `watch` goes on until the run ends for good. Reading an unknown run raises `CallerError`,
    a damaged one `CorruptJournal`.
    """

    async def append(self, run: str, at: int, facts: Sequence[Fact]) -> None: ...
    def read(self, run: str, after: int = -1) -> AsyncIterator[Fact]: ...
    def watch(self, run: str, after: int = -1) -> AsyncIterator[Fact]: ...
    async def runs(self, query: RunQuery = ...) -> Page[RunSummary]: ...
    async def delete(self, run: str) -> None: ...
    async def close(self) -> None: ...
