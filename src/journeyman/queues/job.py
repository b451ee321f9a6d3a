"""A job: take one run up where its journal ends, and leave it where it rests."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ..data import CallerError, Limits, Message
from ..journal import Checkpoint
from .policy import Policy

FIRST = 100
"""The priority of a job of which nothing else is said."""

LONGEST = 200
"""How many characters the names of queues, agents, tenants and keys may have; they stand in columns and indexes."""

_MOST = 1_000_000


def check_name(parameter: str, name: str, *, empty: bool = False) -> str:
    """Refuse a name that no database could keep."""
    if (not name and not empty) or len(name) > LONGEST or "\0" in name or not name.isprintable():
        raise CallerError(f"{parameter}={name[:LONGEST]!r}: 1 to {LONGEST} printable characters")
    return name


class Placement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where in the queue a run's jobs stand.

    Those of a lower `priority` start first, and among equals those of runs that have begun. A tenant has a lane of its own.
    """

    priority: int = FIRST
    tenant: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.priority <= _MOST:
            raise CallerError(f"priority={self.priority}: 0 (first) to {_MOST:,} (last)")
        check_name("tenant", self.tenant, empty=True)


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of work on a run; carrying it out twice is as good as once.

    `input` is what the run begins with, wherever it has not begun, `history` what was said before that, and `data` what its
    programs may read. `facts` is how many facts the run had when the job was
    made: what a journal holds beyond them is the job's own doing. `turn` counts the jobs that were made at the same
    place. `restarts` are the times of the restarts that count, in microseconds since 1970.
    """

    run: str
    agent: str
    input: tuple[Message, ...] = ()
    history: Checkpoint | None = None
    facts: int = 0
    turn: int = 0
    restarts: tuple[int, ...] = ()
    failures: int = 0
    policy: Policy = Policy()
    placement: Placement = Placement()
    limits: Limits | None = None
    conversation: str | None = None
    tags: tuple[str, ...] = ()
    data: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_name("run", self.run)
        check_name("agent", self.agent)

    @property
    def id(self) -> str:
        """The same for two jobs that are one."""
        return f"{self.run}:{self.facts}:{self.turn}"


def first_id(run: str) -> str:
    """The id of the job that begins a run."""
    return f"{run}:0:0"


def named_run(queue: str, agent: str, key: str) -> str:
    """The id of the one run that has this key: whoever asks for it, from wherever, gets the same.

    A row that says which keys are taken was rejected: it would have to be written together with the job, and be kept as long
    as somebody may ask again.
    """
    check_name("dedup_key", key)
    # A separator that no name holds, so that no two triples look alike.
    digest = hashlib.sha256(f"{queue}\0{agent}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"k{digest[:25]}"
