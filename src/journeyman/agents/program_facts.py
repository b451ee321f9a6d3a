"""A program as the journal has it: from where it can be run again, and what is kept of it while it waits."""

from __future__ import annotations

import hashlib
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from ..data import Text, ToolResult
from ..journal import CallState, ProgramSuspended, RunState
from ..programs import Answer, Answered, Failed, Offer, ProgramCall, Suspended, Waits

KEPT_SNAPSHOT = 65_536
"""Bytes of a snapshot, with what was printed before it, up to which it is kept; above, the program is run again instead."""


def as_it_stands(
    state: RunState, call: CallState, code: str, offer: Offer, seconds: float
) -> tuple[Suspended, dict[int, Any]]:
    """A program from what the journal says of it, and the answers that it has not been given."""
    calls, last = state.calls_of(call.call.id), call.suspended
    kept = last
    if kept is not None and (len(calls) > kept.calls or not kept.version):
        # It went on from there and was cut off. What it has called since is known, but no snapshot tells where it stood.
        kept = None
    since = -1 if kept is None else kept.seq
    late = {number for number, item in enumerate(calls) if kept is not None and item.done_at > since}
    heard = () if last is None else last.heard
    # What it had not heard of where it waited, it hears of in the order of its calls: a snapshot knows no other.
    done = sorted(
        (item.done_at if last is None else max(item.done_at, last.seq), number)
        for number, item in enumerate(calls)
        if item.phase == "done"
    )
    order = (*heard, *(number for _, number in done if number not in heard))
    suspended = Suspended(
        source=code,
        language=offer.language,
        data={**offer.data, **state.data},
        memory=state.memory,
        limits=replace(offer.limits, cpu_seconds=seconds if kept is None else kept.cpu_seconds),
        calls=tuple(_recorded(number, item, waits=number in late) for number, item in enumerate(calls)),
        settled=order if kept is None else kept.heard,
        clock=call.began / 1e6,
        seed=int.from_bytes(hashlib.sha256(f"{call.began} {call.call.id}".encode()).digest()[:4], "big"),
        output="" if kept is None else kept.output,
        version="" if kept is None else kept.version,
        snapshot=b"" if kept is None else kept.snapshot,
        signature=b"" if kept is None else kept.signature,
    )
    return suspended, {number: _given(calls[number]) for number in order if number in late}


def _recorded(number: int, call: CallState, *, waits: bool) -> ProgramCall:
    made = ProgramCall(number, call.call.name, msgspec.json.decode(call.call.arguments))
    if waits:
        return replace(made, state="waiting", info=call.info)
    answer = answer_of(call)
    match answer:
        case Answered(value):
            return replace(made, state="done", value=value)
        case Failed(message):
            return replace(made, state="failed", message=message)
        case Waits(info):
            return replace(made, state="waiting", info=info)
        case _:
            assert_never(answer)


def _given(call: CallState) -> Any:
    answer = answer_of(call)
    return answer.value if isinstance(answer, Answered) else answer


def answer_of(call: CallState) -> Answer:
    """What a program hears of a call."""
    result = call.result
    if result is None:
        return Waits(call.info)
    text = result.content if isinstance(result.content, str) else _words(result)
    if result.is_error:
        return Failed(text)
    return Answered(_value(text) if call.structured else text)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # An interceptor of the agent has put words in its place.
        return text


def _words(result: ToolResult) -> str:
    kinds = [
        part.text if isinstance(part, Text) else f"<{type(part).__name__.lower()}>"
        for part in result.content
        if not isinstance(part, str)
    ]
    return "".join(kinds)


def suspension(call_id: str, suspended: Suspended, seconds: float) -> ProgramSuspended:
    """What is kept of a program that waits."""
    fact = ProgramSuspended(
        call_id=call_id,
        calls=len(suspended.calls),
        heard=suspended.settled,
        seconds=seconds,
        cpu_seconds=suspended.limits.cpu_seconds,
    )
    if len(suspended.snapshot) + len(suspended.output) > KEPT_SNAPSHOT:
        return fact
    return replace(
        fact,
        snapshot=suspended.snapshot,
        signature=suspended.signature,
        version=suspended.version,
        output=suspended.output,
    )
