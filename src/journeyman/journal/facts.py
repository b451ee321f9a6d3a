"""The facts of a run: a closed union, a struct per kind; what is stored, and all that is stored.

To add a kind: write the struct, add it to `Fact`, say in `fold.advance` what it does to the state. A changed meaning of
an existing kind needs a new `VERSION` and a migration in `codec`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..data import Failure, Limits, Message, ModelResponse, ModelUsage, ToolResult, Usage


class Checkpoint(msgspec.Struct, frozen=True, gc=False):
    """A place in a run: after the fact with this number. Any prefix of a run can be resumed or forked."""

    run: str
    seq: int


class Parent(msgspec.Struct, frozen=True, gc=False):
    """The run and the tool call that started this run."""

    run: str
    call_id: str


class Instruction(msgspec.Struct, frozen=True, gc=False):
    """Words that the developer or the framework adds before the user's; `label` says where they come from."""

    label: str
    text: str


class Stamped(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What every fact has: its number in the run and its time in microseconds since 1970 (UTC).

    A fact that is not yet recorded has the number -1.
    """

    seq: int = -1
    at: int = 0


class RunStarted(Stamped, frozen=True, gc=False, kw_only=True, tag="RunStarted"):
    """A run begins.

    `input` is what is new; with `continues` the history before it is that of another run up to a checkpoint, by
    reference. `instructions` is None where they equal those of the run that is continued.
    """

    agent: str
    model: str
    fingerprint: str
    input: tuple[Message, ...]
    instructions: tuple[Instruction, ...] | None = ()
    limits: Limits = Limits()
    parent: Parent | None = None
    continues: Checkpoint | None = None
    conversation: str | None = None
    tags: tuple[str, ...] = ()


class ModelRequested(Stamped, frozen=True, gc=False, kw_only=True, tag="ModelRequested"):
    """A request is about to leave: the run's instructions and the first `history` messages of its history."""

    model: str
    history: int
    iteration: int


class ModelResponded(Stamped, frozen=True, gc=False, kw_only=True, tag="ModelResponded"):
    """A model answered."""

    response: ModelResponse


class ModelRetried(Stamped, frozen=True, gc=False, kw_only=True, tag="ModelRetried"):
    """A request failed and is about to leave again, after a wait of `delay` seconds, as attempt number `attempt`.

    `in_doubt` says that the attempt that failed may have been carried out and charged for: nobody knows.
    """

    model: str
    attempt: int
    delay: float
    failure: Failure
    in_doubt: bool = False


class ModelSwitched(Stamped, frozen=True, gc=False, kw_only=True, tag="ModelSwitched"):
    """From here on another model answers this request, and is charged for it.

    `failure` is what was wrong with the one before, None where this one was only quicker; `in_doubt` is as in
    `ModelRetried`.
    """

    model: str
    failure: Failure | None = None
    in_doubt: bool = False


class ModelHedged(Stamped, frozen=True, gc=False, kw_only=True, tag="ModelHedged"):
    """The request is about to leave a second time, beside the first, which gave nothing for `delay` seconds."""

    model: str
    delay: float


class ModelDropped(Stamped, frozen=True, gc=False, kw_only=True, tag="ModelDropped"):
    """One of two requests that were under way side by side is not needed any more.

    `usage` is what it used, where it had answered already; `failure` says that it had failed. `in_doubt` is as in
    `ModelRetried`: it was cut off, and providers charge for what they have worked out by then.
    """

    model: str
    usage: Usage | None = None
    cost: int | None = None
    failure: Failure | None = None
    in_doubt: bool = False


class ToolStarted(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolStarted"):
    """A tool is about to run; without an outcome after a crash, the call is in doubt."""

    call_id: str
    name: str
    attempt: int = 1


class ToolFinished(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolFinished"):
    """A tool ran, or failed, or could not be run; `asks_retry` counts against the retry budget."""

    result: ToolResult
    asks_retry: bool = False


class ToolPending(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolPending"):
    """A call waits for somebody outside: the tool said so, or nobody knows how it ended (`reason` is `in_doubt`)."""

    call_id: str
    reason: Literal["pending", "in_doubt"] = "pending"
    info: Any = None


class ToolResolved(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolResolved"):
    """Somebody outside said what a waiting call came to; `result` is None where the tool is to be run again."""

    call_id: str
    result: ToolResult | None


class ChildStarted(Stamped, frozen=True, gc=False, kw_only=True, tag="ChildStarted"):
    """A tool call is carried out by another run, with a journal of its own."""

    call_id: str
    # In a line `run` is the run that the fact belongs to, so the other one needs a name of its own there.
    run: str = msgspec.field(name="child")
    agent: str


class ChildFinished(Stamped, frozen=True, gc=False, kw_only=True, tag="ChildFinished"):
    """A child run ended; `used` is what it used, its own children included, since it was last counted."""

    call_id: str
    run: str = msgspec.field(name="child")
    used: tuple[ModelUsage, ...] = ()


class RetryAsked(Stamped, frozen=True, gc=False, kw_only=True, tag="RetryAsked"):
    """The answer does not do as an output; `reason` goes back to the model, as the result of `call_id` if there is one."""

    reason: str
    call_id: str | None = None


class RunPaused(Stamped, frozen=True, gc=False, kw_only=True, tag="RunPaused"):
    """The caller paused the run, or a single step of it is done."""


class RunResumed(Stamped, frozen=True, gc=False, kw_only=True, tag="RunResumed"):
    """The run goes on after a pause, a wait, a crash, an error or a cancellation; `limits` replaces those it had."""

    limits: Limits | None = None


class RunFinished(Stamped, frozen=True, gc=False, kw_only=True, tag="RunFinished"):
    """The run has its output, or was stopped; `output` is None where it is the text of the last message."""

    output: Any = None
    reason: Literal["output", "stopped"] = "output"


class RunFailed(Stamped, frozen=True, gc=False, kw_only=True, tag="RunFailed"):
    """The run ended with an error; `abandoned` names tools that were cut off and may still be at work."""

    failure: Failure
    abandoned: tuple[str, ...] = ()


class RunCancelled(Stamped, frozen=True, gc=False, kw_only=True, tag="RunCancelled"):
    """The run was cut off; `abandoned` names tools that ignored it and may still be at work."""

    abandoned: tuple[str, ...] = ()


Fact = (
    RunStarted
    | ModelRequested
    | ModelResponded
    | ModelRetried
    | ModelSwitched
    | ModelHedged
    | ModelDropped
    | ToolStarted
    | ToolFinished
    | ToolPending
    | ToolResolved
    | ChildStarted
    | ChildFinished
    | RetryAsked
    | RunPaused
    | RunResumed
    | RunFinished
    | RunFailed
    | RunCancelled
)
