"""The calls that somebody outside has to answer, of a whole tree of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ...compose import open_journal
from ...data import Secret
from ...journal import CallState, Log
from ...loop import blocking
from .going_on import Rest, tree_of
from .tokens import secret_of, token_of

Kind = Literal["pending", "approval", "in_doubt"]


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A tool call that somebody outside has to answer: of a run, or of one below it at any depth.

    `id` is what `answers` are given by: the ids of the calls that lead to it from the outermost run, joined by `/`. `kind`
    says what is wanted: the outcome (`pending`), an approval, or what happened (`in_doubt`: nobody knows whether it was
    carried out). `arguments` is JSON text, and what the call will be made with; `info` and `response` are what the tool
    said about the wait, to the caller and to the user. `token` proves that whoever answers was shown this very call; it is
    empty where no secret is set.
    """

    id: str
    tool: str
    arguments: str
    info: Any = None
    kind: Kind = "pending"
    run: str = ""
    call_id: str = ""
    agent: str = ""
    response: str = ""
    deadline: datetime | None = None
    token: str = field(default="", repr=False)

    @property
    def in_doubt(self) -> bool:
        """Whether nobody knows if it was carried out."""
        return self.kind == "in_doubt"


async def pending_calls(
    run_id: str, *, journal: str | Log, secret: str | Secret | None = None
) -> tuple[PendingCall, ...]:
    """What a run waits for, from its journal alone: its own calls and those of the runs below it.

    `secret` is for the tokens; by default that of the environment (JOURNEYMAN_SECRET). Raises `CallerError` for an unknown
    run.
    """
    async with open_journal(journal) as log:
        return calls_of(await tree_of(log, run_id), secret_of(secret))


def calls_of(tree: Sequence[Rest], secret: Secret | None) -> tuple[PendingCall, ...]:
    """The same of a tree that was read already."""
    return tuple(_pending(rest, call, secret) for rest, call in leaves(tree))


def leaves(tree: Sequence[Rest]) -> Iterator[tuple[Rest, CallState]]:
    """The calls themselves, and the runs that they are of."""
    for rest in tree:
        for call in rest.state.calls:
            if call.phase == "pending" and not call.waits_inside:
                yield rest, call


def address(path: tuple[str, ...], call_id: str) -> str:
    """What names a call in the tree; a `/` in a provider's own id is written as JSON pointers (RFC 6901) have it."""
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in (*path, call_id))


def parts_of(name: str) -> tuple[str, ...]:
    """The ids in an address."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in name.split("/"))


def moment(at: int) -> datetime:
    """A time of a journal; one that no calendar has becomes the last one that it has."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def kind_of(call: CallState) -> Kind:
    """What is wanted of whoever answers."""
    if call.in_doubt:
        return "in_doubt"
    return "approval" if call.reason == "approval" else "pending"


def _pending(rest: Rest, call: CallState, secret: Secret | None) -> PendingCall:
    made = call.made
    return PendingCall(
        id=address(rest.path, made.id),
        tool=made.name,
        arguments=made.arguments,
        info=call.info,
        kind=kind_of(call),
        run=rest.state.run,
        call_id=made.id,
        agent=rest.state.agent,
        response=call.response,
        deadline=None if call.deadline is None else moment(call.deadline),
        token=token_of(secret, rest.state.run, call),
    )


pending_calls_sync = blocking(pending_calls)
