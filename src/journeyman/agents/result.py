"""What a run came to."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from ..compose import cost
from ..data import JourneymanError, Message, Usage, dollars
from ..journal import Checkpoint, Fact, Log, RunState
from ..observe import AgentStep, plain_output, steps_of
from ..schema.signatures import Signature
from .waiting import PendingCall

Output = TypeVar("Output", covariant=True)  # noqa: PLC0105  (a user sees this name in hints; Output_co says nothing)


@dataclass(frozen=True)
class RunResult(Generic[Output]):
    """A run at rest: finished, stopped, paused, waiting, or (from `run_parallel`) failed.

    `output` is None unless the run is finished. `error` is set in results of `run_parallel` alone; everything else raises
    it. `pending` are the calls that somebody has to answer, those of runs below this one included, `wakes_at` is when
    something can be done without an answer (a deadline is over, a tool can be asked again), None for never. `signature` is what
    the output comes from a program for, where it does.
    """

    output: Output
    state: RunState = field(repr=False)
    facts: Sequence[Fact] = field(repr=False)
    journal: str | Log = field(repr=False)
    error: BaseException | None = None
    pending: tuple[PendingCall, ...] = ()
    wakes_at: datetime | None = None
    signature: Signature | None = field(default=None, repr=False)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.state.run

    @property
    def status(self) -> str:
        """`finished`, `stopped`, `paused`, `waiting`, `cancelled` or `errored`."""
        return self.state.status

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole history, that of continued runs included."""
        return self.state.messages

    @property
    def new_messages(self) -> tuple[Message, ...]:
        """What this run added."""
        return self.state.messages[self.state.inherited :]

    @property
    def usage(self) -> Usage:
        """Tokens of this run and its children."""
        return self.state.usage

    @property
    def cost(self) -> Decimal | None:
        """Dollars for this run and its children; None if one of the prices is not known."""
        nano = cost(self.state.used)
        return None if nano is None else dollars(nano)

    @property
    def return_value(self) -> Any:
        """What a program of the run returned as its output; None where none did."""
        return None if self.state.returned is None else self.state.returned.value

    @property
    def finish(self) -> str | None:
        """Why the last answer ended; `length` says that it was cut off."""
        return self.state.finish

    @functools.cached_property
    def steps(self) -> tuple[AgentStep, ...]:
        """What the agent thought, called, got and gave."""
        return steps_of(
            self.facts, lambda stored, text: self.output if self.output is not None else plain_output(stored, text)
        )

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the run rests."""
        return Checkpoint(self.state.run, self.state.next_seq - 1)

    def raise_for_error(self) -> RunResult[Output]:
        """The result itself, or the run's error raised."""
        if self.error is not None:
            raise self.error
        return self


def with_run_id(error: BaseException, run: str) -> BaseException:
    """The error, telling which run met it."""
    if isinstance(error, JourneymanError):
        error.run_id = run
    return error
