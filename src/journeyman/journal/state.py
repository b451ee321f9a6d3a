"""What a run is after some of its facts: the value that `fold` makes and `decide` reads."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..data import Failure, Limits, Message, ModelUsage, ToolCall, ToolResult, Usage
from .facts import Checkpoint, Instruction, Parent, PendingReason, ProgramFinished, ProgramSuspended

Status = Literal["running", "paused", "waiting", "finished", "stopped", "cancelled", "errored"]
"""`waiting` is for somebody outside to answer a call; the last four are ends."""

ENDED: frozenset[Status] = frozenset({"finished", "stopped", "cancelled", "errored"})

Phase = Literal["planned", "started", "pending", "done"]


class CallState(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A tool call of the current turn and how far it has come.

    `attempt` counts how often it was started; `child` is the run that carries it out, `counted` what of that run's usage
    is in the usage of this one, and `turns` how many of its requests are in `turns_below`. `arguments` are those with which it is made, where they are no longer the model's own:
    `prepared` by the agent, or `edited` by who `approved` it. While it waits, `reason` says for what, `since` is the number of
    the fact that said so, and `deadline`, `response` and `poll_every` are as in `ToolPending`.

    `parent` is the call whose program made this one, and `spoken` says that it is a program that stood in the words of an
    answer. `began` is when it was started first (microseconds since 1970), `done_at` the number of the fact that gave its
    result, and `structured` says that this is a value's JSON. `suspended` is where the program that it runs waited last, and
    `seconds` for how long that computed; `ended` is what is to be kept of it.
    """

    call: ToolCall
    phase: Phase = "planned"
    attempt: int = 0
    result: ToolResult | None = None
    in_doubt: bool = False
    asked_retry: bool = False
    info: Any = None
    child: str | None = None
    counted: tuple[ModelUsage, ...] = ()
    turns: int = 0
    arguments: str | None = None
    prepared: bool = False
    approved: bool = False
    edited: bool = False
    reason: PendingReason = "pending"
    since: int = -1
    deadline: int | None = None
    response: str = ""
    poll_every: float | None = None
    parent: str = ""
    spoken: bool = False
    began: int = 0
    done_at: int = -1
    structured: bool = False
    suspended: ProgramSuspended | None = None
    seconds: float = 0.0
    ended: ProgramFinished | None = None

    @property
    def made(self) -> ToolCall:
        """The call with the arguments with which it is made."""
        if self.arguments is None:
            return self.call
        return ToolCall(self.call.id, self.call.name, self.arguments)

    @property
    def waits_for_child(self) -> bool:
        """Whether it is another run that somebody has to answer."""
        return self.phase == "pending" and self.child is not None and self.reason in ("child", "pending")

    @property
    def waits_inside(self) -> bool:
        """Whether what somebody has to answer is another call: of the run below it, or of the program that it runs."""
        return self.waits_for_child or (self.phase == "pending" and self.reason == "program")


class Standing(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What was decided for every call of a tool in a run."""

    tool: str
    approved: bool
    reason: str = ""


class Returned(msgspec.Struct, frozen=True, gc=False):
    """What a program gave as the run's output, or why it gave up."""

    value: Any = None
    failed: str = ""


class RunState(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A run after its first `next_seq` facts.

    `messages` is the whole history, that of continued runs included; `calls` are the tool calls of the last answer while
    any of them is open; `requested` says that a request left and no answer came yet, `retries` how often in a row
    the model was asked to mend something, `resumed_at` when the present stretch of work began. `used` includes children.
    `model_retries` counts the requests that were sent again because they had failed, `in_doubt` those that failed or were
    cut off on the way to an answer and may have been charged for, which `used` cannot tell. `standing` is what was decided
    for all calls of a tool. Of the run's programs, `data` is what they may read, `memory` what they have defined, and
    `returned` the output that one of them gave; `programs` is how many have ended. `turns_below` counts the requests of the runs below this one.
    """

    run: str
    next_seq: int
    status: Status
    agent: str
    model: str
    fingerprint: str
    instructions: tuple[Instruction, ...]
    limits: Limits
    messages: tuple[Message, ...]
    started_at: int
    updated_at: int
    resumed_at: int = 0
    parent: Parent | None = None
    continues: Checkpoint | None = None
    conversation: str | None = None
    tags: tuple[str, ...] = ()
    inherited: int = 0
    calls: tuple[CallState, ...] = ()
    requested: bool = False
    iterations: int = 0
    tool_calls: int = 0
    retries: int = 0
    model_retries: int = 0
    in_doubt: int = 0
    standing: tuple[Standing, ...] = ()
    signatures: dict[str, str] | None = None
    data: dict[str, Any] = {}
    memory: dict[str, Any] = {}
    returned: Returned | None = None
    programs: int = 0
    turns_below: int = 0
    used: tuple[ModelUsage, ...] = ()
    finish: str | None = None
    output: Any = None
    failure: Failure | None = None

    @property
    def usage(self) -> Usage:
        """All tokens, whatever the model."""
        return sum((item.usage for item in self.used), Usage())

    @property
    def ended(self) -> bool:
        """Whether nothing more can happen in the run."""
        return self.status in ENDED

    def call(self, call_id: str) -> CallState | None:
        """The open turn's call with this id."""
        return next((call for call in self.calls if call.call.id == call_id), None)

    def calls_of(self, call_id: str) -> tuple[CallState, ...]:
        """The calls that the program of this call made, in its order."""
        return tuple([call for call in self.calls if call.parent == call_id])
