"""The facts of a run: a closed union, a struct per kind; what is stored, and all that is stored.

To add a kind: write the struct, add it to `Fact`, say in `fold.advance` what it does to the state. A changed meaning of
an existing kind needs a new `VERSION` and a migration in `codec`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from ..data import Failure, Limits, Message, ModelResponse, ModelUsage, ToolResult, Usage

PendingReason = Literal["pending", "in_doubt", "approval", "child", "program"]
"""Why a call waits; the last two wait for what is asked of somebody further in."""


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
    reference. `instructions` is None where they equal those of the run that is continued. `signatures` are short hashes
    of what `fingerprint` is made of, by name (`prompt`, `tool:look`, `output`), so that it can be said what changed; None
    where the fingerprint is that of the run that is continued. `data` is what the run's programs may read, None where that
    is what those of the run that is continued may read.
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
    signatures: dict[str, str] | None = None
    data: dict[str, Any] | None = None


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


class ToolCalled(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolCalled"):
    """Something else than a model's tool call made a call of a tool.

    With a `parent` it is the program that this call runs; whatever follows of the call is as with any other. Without one it is
    a program that stood in the words of an answer.
    """

    call_id: str
    name: str
    arguments: str
    parent: str = ""


class ToolStarted(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolStarted"):
    """A tool is about to run; without an outcome after a crash, the call is in doubt.

    `failure` is what was wrong with the attempt before, where the tool's `retries` are the reason for this one.
    """

    call_id: str
    name: str
    attempt: int = 1
    failure: Failure | None = None


class ToolFinished(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolFinished"):
    """A tool ran, or failed, or could not be run; `asks_retry` counts against the retry budget.

    `abandoned` says that its time was up, that it ignored its cancellation, and that it may still be at work. `structured` is
    said of a program's calls: the result is a value's JSON, and not words.
    """

    result: ToolResult
    asks_retry: bool = False
    abandoned: bool = False
    structured: bool = False


class ToolPrepared(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolPrepared"):
    """The agent's `before_tool` changed the arguments (JSON text) with which a call will be made."""

    call_id: str
    arguments: str


class ToolPending(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolPending"):
    """A call waits for somebody outside.

    The tool said so (`pending`), or it may not run before somebody has approved it, or nobody knows how it ended
    (`in_doubt`), or the run that carries it out waits itself (`child`; older journals say `pending`). `deadline` is when it
    stops waiting, in microseconds since 1970, or that is `seconds` after this fact. `response` is what the user can be told
    at once, `poll_every` after how many seconds the tool can be asked again.
    """

    call_id: str
    reason: PendingReason = "pending"
    info: Any = None
    deadline: int | None = None
    seconds: float | None = None
    response: str = ""
    poll_every: float | None = None

    @property
    def ends(self) -> int | None:
        """When it stops waiting, in microseconds since 1970; None where it waits for ever."""
        return self.deadline if self.seconds is None else self.at + round(self.seconds * 1e6)


class ToolResolved(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolResolved"):
    """Somebody outside said what a waiting call came to; `result` is None where the tool is to be run again.

    `structured` is as in `ToolFinished`.
    """

    call_id: str
    result: ToolResult | None
    structured: bool = False


class ToolDecided(Stamped, frozen=True, gc=False, kw_only=True, tag="ToolDecided"):
    """Somebody approved a call or rejected it; `arguments` are those with which it is to run, where they were edited.

    `always` has the same decided for every further call of this tool in this run.
    """

    call_id: str
    approved: bool
    reason: str = ""
    arguments: str | None = None
    always: bool = False


class ProgramSuspended(Stamped, frozen=True, gc=False, kw_only=True, tag="ProgramSuspended"):
    """A program can do nothing more before some of its calls are answered.

    Its calls and what came of them are on the journal for themselves, and are the truth. Beside them, `calls` is how many there were, `heard` are the numbers of
    those whose results it has been given, in that order; `snapshot`, as `signature` vouches for it, is where it stands (empty
    where that would take too much room) and `output` what it had printed by then. `seconds` is what it has computed so far, and
    `cpu_seconds` was its limit.
    """

    call_id: str
    calls: int = 0
    heard: tuple[int, ...] = ()
    snapshot: bytes = b""
    signature: bytes = b""
    version: str = ""
    output: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0


class ProgramFinished(Stamped, frozen=True, gc=False, kw_only=True, tag="ProgramFinished"):
    """A program ended.

    `defined` is what the programs after it will find, as far as it is new or changed, and `forgotten` what they no longer will.
    Both hold once the turn is over, so that the programs of one answer do not depend on which of them is quicker. `returned`
    says that it gave the run's output: `value`; `failed` is why it gave the run up. `seconds` is the time for which it computed.
    """

    call_id: str
    defined: dict[str, Any] = {}
    forgotten: tuple[str, ...] = ()
    returned: bool = False
    value: Any = None
    failed: str = ""
    seconds: float = 0.0


class ChildStarted(Stamped, frozen=True, gc=False, kw_only=True, tag="ChildStarted"):
    """A tool call is carried out by another run, with a journal of its own."""

    call_id: str
    # In a line `run` is the run that the fact belongs to, so the other one needs a name of its own there.
    run: str = msgspec.field(name="child")
    agent: str


class ChildFinished(Stamped, frozen=True, gc=False, kw_only=True, tag="ChildFinished"):
    """A child run ended; `used` is what it used, its own children included, since it was last counted, in `turns` requests."""

    call_id: str
    run: str = msgspec.field(name="child")
    used: tuple[ModelUsage, ...] = ()
    turns: int = 0


class RetryAsked(Stamped, frozen=True, gc=False, kw_only=True, tag="RetryAsked"):
    """The answer does not do as an output; `reason` goes back to the model, as the result of `call_id` if there is one."""

    reason: str
    call_id: str | None = None


class HistoryChanged(Stamped, frozen=True, gc=False, kw_only=True, tag="HistoryChanged"):
    """An interceptor of the agent (`by`) changed what the next request holds.

    The first `kept` messages stay, and `messages` come after them; `instructions` is None where they stay as they are.
    """

    by: str
    kept: int
    messages: tuple[Message, ...] = ()
    instructions: tuple[Instruction, ...] | None = None


class Noted(Stamped, frozen=True, gc=False, kw_only=True, tag="Noted"):
    """Something is written down beside the run, such as a checkpoint's name; it changes nothing of the run's state."""

    topic: str
    data: Any = None


class RunPaused(Stamped, frozen=True, gc=False, kw_only=True, tag="RunPaused"):
    """The caller paused the run, or a single step of it is done, or nothing can be done before calls are answered.

    `waits` is how many calls those are.
    """

    waits: int = 0


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
    | ToolCalled
    | ToolStarted
    | ToolFinished
    | ToolPrepared
    | ToolPending
    | ToolResolved
    | ToolDecided
    | ProgramSuspended
    | ProgramFinished
    | ChildStarted
    | ChildFinished
    | RetryAsked
    | HistoryChanged
    | Noted
    | RunPaused
    | RunResumed
    | RunFinished
    | RunFailed
    | RunCancelled
)
