"""Facts as lines for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import assert_never

import msgspec

from ....data import Media, Message, Opaque, Part, Text, Thinking, ToolCall, ToolResult
from ....journal import (
    ChildFinished,
    ChildStarted,
    Fact,
    HistoryChanged,
    ModelDropped,
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    Noted,
    ProgramFinished,
    ProgramSuspended,
    RetryAsked,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolCalled,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
)
from .clean import clean, cut, one_line
from .live import SHOWN
from .screen import Piece, Screen, short, tokens

Said = tuple[str, Sequence[str]]
"""What a fact says in a few words, and the texts that it holds."""


def tell_fact(screen: Screen, fact: Fact, how: str = "") -> None:
    """A fact on one line, cut to a bearable length; `how` says how to see the rest."""
    shown = "  ".join(one_line(text) for text in _flat(said_by(fact)) if text)
    screen.line(*_start(fact), f"  {cut(shown, SHOWN, how)}")


def tell_whole_fact(screen: Screen, fact: Fact) -> None:
    """A fact and all its texts."""
    head, texts = said_by(fact)
    screen.line(*_start(fact), f"  {one_line(head)}")
    for text in texts:
        screen.line("      " + clean(text).replace("\n", "\n      "))


def _flat(said: Said) -> tuple[str, ...]:
    head, texts = said
    return (head, *texts)


def _start(fact: Fact) -> tuple[Piece, ...]:
    moment = datetime.fromtimestamp(fact.at / 1e6).astimezone().strftime("%H:%M:%S.%f")[:-3]
    style = "red" if isinstance(fact, RunFailed) else "bold"
    return (f"{fact.seq:>4}  {moment}  ", "dim"), (f"{type(fact).__name__:<14}", style)


def said_by(fact: Fact) -> Said:  # noqa: C901, PLR0911, PLR0912  (a table with a row per kind)
    """What a fact says."""
    match fact:
        case RunStarted():
            return _started(fact)
        case ModelRequested():
            return f"{fact.model}, call {fact.iteration}, after {fact.history} messages", ()
        case ModelResponded():
            response = fact.response
            used = (
                tokens(response.usage) if response.saved is None else f"from the cache, saved {tokens(response.saved)}"
            )
            return f"{response.finish or 'no reason'}, {used}", list(parts_of(response.message))
        case ModelRetried():
            head = f"{fact.model}, attempt {fact.attempt} in {fact.delay:.1f} s{_doubt(in_doubt=fact.in_doubt)}"
            return head, [fact.failure.message]
        case ModelSwitched():
            return f"to {fact.model}{_doubt(in_doubt=fact.in_doubt)}", [fact.failure.message] if fact.failure else []
        case ModelHedged():
            return f"{fact.model}, a second request after {fact.delay:.1f} s", ()
        case ModelDropped():
            spent = "" if fact.usage is None else f", {tokens(fact.usage)}"
            head = f"{fact.model} was not needed any more{spent}{_doubt(in_doubt=fact.in_doubt)}"
            return head, [fact.failure.message] if fact.failure else []
        case ToolCalled():
            return f"{fact.name} ({fact.call_id})", [fact.arguments]
        case ToolStarted():
            again = f", attempt {fact.attempt}" if fact.attempt > 1 else ""
            return f"{fact.name} ({fact.call_id}){again}", [fact.failure.message] if fact.failure else []
        case ToolFinished():
            left = ", it may still be at work" if fact.abandoned else ""
            return f"({fact.result.call_id}){_marks(fact.result, asks_retry=fact.asks_retry)}{left}", [fact.result.text]
        case ToolPending():
            told = [] if fact.info is None else [_json(fact.info)]
            return f"({fact.call_id}) {_WHY[fact.reason]}", [fact.response, *told] if fact.response else told
        case ToolResolved():
            return f"({fact.call_id})", ["to be run again" if fact.result is None else fact.result.text]
        case ToolPrepared():
            return f"({fact.call_id}) before_tool changed the arguments", [fact.arguments]
        case ToolDecided():
            return _decided(fact)
        case ProgramSuspended():
            kept = f", {len(fact.snapshot):,} bytes" if fact.snapshot else ""
            return f"({fact.call_id}) after {fact.calls} calls{kept}", ()
        case ProgramFinished():
            ended = "gave up" if fact.failed else "returned" if fact.returned else "ended"
            return f"({fact.call_id}) {ended}, {fact.seconds * 1000:.1f} ms", [fact.failed] if fact.failed else ()
        case ChildStarted():
            return f"run {short(fact.run)} of {fact.agent} ({fact.call_id})", ()
        case ChildFinished():
            return f"run {short(fact.run)} ({fact.call_id})", [
                f"{item.model}: {tokens(item.usage)}" for item in fact.used
            ]
        case RetryAsked():
            return "the model is asked to mend its answer", [fact.reason]
        case HistoryChanged():
            new = [text for message in fact.messages for text in parts_of(message)]
            return f"{fact.by} kept {fact.kept} messages and added {len(fact.messages)}", new
        case Noted():
            return fact.topic, [] if fact.data is None else [_json(fact.data)]
        case RunPaused() | RunResumed():
            return "", ()
        case RunFinished():
            return fact.reason, [] if fact.output is None else [_json(fact.output)]
        case RunFailed():
            return fact.failure.type, [fact.failure.message, *_abandoned(fact.abandoned)]
        case RunCancelled():
            return "", list(_abandoned(fact.abandoned))
        case _:
            assert_never(fact)


_WHY = {
    "pending": "waits for somebody",
    "in_doubt": "nobody knows how it ended",
    "approval": "waits for an approval",
    "child": "waits for the run below",
    "program": "waits for its own calls",
}


def _decided(fact: ToolDecided) -> Said:
    done = "approved" if fact.approved else "rejected"
    always = ", and so for this tool from now on" if fact.always else ""
    return f"({fact.call_id}) {done}{always}", [text for text in (fact.reason, fact.arguments) if text]


def parts_of(message: Message) -> Iterator[str]:
    """The parts of a message, each as text."""
    for part in message.parts:
        yield _part(part)


def _part(part: Part) -> str:
    match part:
        case Text(text):
            return text
        case Thinking(text):
            return f"(thinks) {text}"
        case ToolCall():
            return f"→ {part.name}({part.arguments})"
        case ToolResult():
            return f"({part.call_id}){_marks(part)} {part.text}"
        case Opaque():
            return f"({part.dialect}) {_json(part.data)}"
        case Media():
            size = 0 if part.data is None else len(part.data)
            return f"({part.media_type}) {part.url or f'{size:,} bytes'}"


def _started(fact: RunStarted) -> Said:
    head = [f"agent {fact.agent}, {fact.model}"]
    if fact.parent is not None:
        head.append(f"below run {short(fact.parent.run)}")
    if fact.continues is not None:
        head.append(f"goes on from run {short(fact.continues.run)} at {fact.continues.seq}")
    if fact.tags:
        head.append(f"tags {', '.join(fact.tags)}")
    texts = [f"{item.label}: {item.text}" for item in fact.instructions or ()]
    texts += [f"{message.role}: {text}" for message in fact.input for text in parts_of(message)]
    return ", ".join(head), texts


def _marks(result: ToolResult, *, asks_retry: bool = False) -> str:
    if asks_retry:
        return " asks to try again"
    return " failed" if result.is_error else ""


def _doubt(*, in_doubt: bool) -> str:
    return ", may be charged all the same" if in_doubt else ""


def _abandoned(names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"cut off and maybe still at work: {', '.join(names)}"


def _json(value: object) -> str:
    return json.dumps(msgspec.to_builtins(value, enc_hook=str), ensure_ascii=False)
