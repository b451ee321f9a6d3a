"""A program that waits in the middle of an expression, kept as text, and taken up by another process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from journeyman.data import CallerError, ReplayMismatch, ToolSpec
from journeyman.programs import (
    Answer,
    Answered,
    Failed,
    Grant,
    Outcome,
    ProgramCall,
    ProgramLimits,
    Suspended,
    Waits,
    open_sandbox,
)

KEY = bytes(range(32))
NUMBER = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}

# Five calls, three of them side by side, two of those pending.
PROGRAM = """
import asyncio
import random

print("begin")
seen = [random.random()]
first = double(data["start"])
async def chain(x):
    asked = await async_tools.ask(x)
    seen.append(asked)
    return asked
three = await asyncio.gather(async_tools.double(first), chain(10), chain(20))
print("three", three)
last = double(sum(three))
[first, three, last, seen, len({"b", "a", "c"})]
"""


def grant(pending: frozenset[str]) -> Grant:
    """`double` and `ask` (which gives one more); those named in `pending` are answered from outside."""

    async def call(name: str, arguments: dict[str, Any], call_id: int) -> Answer:
        return Waits({"x": arguments["x"]}) if name in pending else Answered(result(name, arguments["x"]))

    return Grant([ToolSpec("double", "", NUMBER), ToolSpec("ask", "", NUMBER)], call)


def result(name: str, x: int) -> int:
    return x * 2 if name == "double" else x + 1


def answer(call: ProgramCall) -> Any:
    return result(call.name, call.arguments["x"])


RESUME = """
import asyncio, sys
sys.path[:0] = {path!r}
import importlib.util
import msgspec
from journeyman.programs import Suspended, open_sandbox
spec = importlib.util.spec_from_file_location("suspending", {file!r})
suspending = importlib.util.module_from_spec(spec)
spec.loader.exec_module(suspending)

async def main():
    suspended, answers, pending = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[Suspended, dict[int, object], list[str]])
    async with open_sandbox(processes=1, key=suspending.KEY) as sandbox:
        outcome = await sandbox.resume(suspended, answers, tools=suspending.grant(frozenset(pending)))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))

asyncio.run(main())
"""


def resume_elsewhere(suspended: Suspended, answers: Mapping[int, Any], pending: frozenset[str]) -> Outcome:
    """Resume in a process that has never seen the program."""
    code = RESUME.format(path=[path for path in sys.path if path], file=__file__)
    given = msgspec.json.encode((suspended, answers, sorted(pending)))
    done = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Outcome)


async def begun(pending: frozenset[str]) -> Outcome:
    async with open_sandbox(processes=1, key=KEY) as sandbox:
        return await sandbox.run(PROGRAM, tools=grant(pending), data={"start": 1})


def without_snapshot(suspended: Suspended) -> Suspended:
    return msgspec.structs.replace(suspended, snapshot=b"")


@pytest.mark.parametrize("keep", [True, False], ids=["snapshot", "no snapshot"])
@pytest.mark.parametrize("pending", [{"ask"}, {"ask", "double"}], ids=["two pending", "all pending"])
async def test_a_program_goes_on_in_another_process_at_every_step(pending: set[str], *, keep: bool):
    """Suspended at each pending call and taken up elsewhere with one answer at a time, it comes to the same as without."""
    asked = frozenset(pending)
    outcome = await begun(asked)
    steps = 0
    while (suspended := outcome.suspended) is not None:
        kept = suspended if keep else without_snapshot(suspended)
        last = suspended.waiting[-1]  # not in the order of the calls, to make it harder
        outcome = resume_elsewhere(kept, {last.id: answer(last)}, asked)
        steps += 1
    assert outcome.error is None
    assert steps == (2 if pending == {"ask"} else 5)
    assert [(call.id, call.name) for call in outcome.calls] == [
        (0, "double"),
        (1, "double"),
        (2, "ask"),
        (3, "ask"),
        (4, "double"),
    ]
    first, three, final, seen, size = outcome.value
    assert (first, three, final, size) == (2, [4, 11, 21], 72, 3)
    assert seen[1:] == [21, 11]  # heard of in the order of the answers
    assert outcome.printed == "begin\nthree [4, 11, 21]\n"


async def test_the_suspended_program_is_the_same_with_and_without_its_snapshot():
    """Chance and the clock are part of what is recorded: both ways come to equal values."""
    suspended = (await begun(frozenset({"ask"}))).suspended
    assert suspended is not None
    answers = {call.id: answer(call) for call in suspended.waiting}
    async with open_sandbox(processes=1, key=KEY) as sandbox:
        with_it = await sandbox.resume(suspended, answers, tools=grant(frozenset()))
        without = await sandbox.resume(without_snapshot(suspended), answers, tools=grant(frozenset()))
    assert with_it.value == without.value
    assert with_it.output == without.output


@pytest.mark.parametrize(
    "changed",
    [
        {"snapshot": b"\x00" * 2000},
        {"signature": b""},
        {"signature": bytes(32)},
        {"version": "monty 0.0.1, 1"},
    ],
)
async def test_a_snapshot_that_is_not_ours_is_never_loaded(changed: dict[str, Any]):
    """A forged, foreign or outdated snapshot is left alone; the program is run again and comes to the same."""
    suspended = (await begun(frozenset({"ask"}))).suspended
    assert suspended is not None
    spoilt = msgspec.structs.replace(suspended, **changed)
    async with open_sandbox(processes=1, key=KEY) as sandbox:
        assert not sandbox._is_ours(spoilt)
        outcome = await sandbox.resume(
            spoilt, {call.id: answer(call) for call in suspended.waiting}, tools=grant(frozenset())
        )
    assert outcome.value[:3] == [2, [4, 11, 21], 72]


async def test_a_snapshot_of_another_program_is_not_taken_for_this_one_s():
    """The signature covers source, data and calls, so that snapshots cannot be exchanged."""
    suspended = (await begun(frozenset({"ask"}))).suspended
    assert suspended is not None
    async with open_sandbox(processes=1, key=KEY) as sandbox:
        assert sandbox._is_ours(suspended)
        assert not sandbox._is_ours(msgspec.structs.replace(suspended, source="1 + 1"))
        assert not sandbox._is_ours(msgspec.structs.replace(suspended, data={"start": 2}))
    async with open_sandbox(processes=1) as other:
        assert not other._is_ours(suspended)


async def test_recorded_calls_are_not_made_again():
    """Run again without its snapshot, a program gets its recorded results: no tool runs twice."""
    suspended = (await begun(frozenset({"ask"}))).suspended
    assert suspended is not None
    made: list[int] = []

    async def call(name: str, arguments: dict[str, Any], call_id: int) -> Answer:
        made.append(call_id)
        return Answered(result(name, arguments["x"]))

    again = Grant(grant(frozenset()).tools, call)
    async with open_sandbox(processes=1) as sandbox:
        await sandbox.resume(suspended, {call.id: answer(call) for call in suspended.waiting}, tools=again)
    assert made == [4]


async def test_a_changed_program_is_found_out_before_it_calls_anything():
    """A source that does not repeat the recorded calls raises ReplayMismatch, and makes no call of its own."""
    suspended = (await begun(frozenset({"ask"}))).suspended
    assert suspended is not None
    made: list[int] = []

    async def call(name: str, arguments: dict[str, Any], call_id: int) -> Answer:
        made.append(call_id)
        return Answered(0)

    changed = msgspec.structs.replace(suspended, source="double(99)")
    aside = msgspec.structs.replace(
        suspended, source="import asyncio\nawait asyncio.gather(async_tools.double(98), async_tools.double(99))"
    )
    nothing = msgspec.structs.replace(suspended, source="1 + 1")
    async with open_sandbox(processes=1) as sandbox:
        for other in (changed, aside, nothing):
            with pytest.raises(ReplayMismatch, match="double"):
                await sandbox.resume(other, tools=Grant(grant(frozenset()).tools, call))
    assert made == []


async def test_answers_may_be_failures():
    """A pending call that is answered with `Failed` raises in the program, which may go on."""
    code = "try:\n    ask(1)\nexcept RuntimeError as error:\n    said = str(error)\nsaid"
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run(code, tools=grant(frozenset({"ask"})))
        assert outcome.suspended is not None
        outcome = await sandbox.resume(outcome.suspended, {0: Failed("refused")})
    assert outcome.value == "refused"
    assert outcome.calls[0].state == "failed"


async def test_an_answer_to_what_does_not_wait_is_the_caller_s_error():
    """So is an answer that JSON has no form for, and a stored suspension without its tools."""
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run("ask(1)", tools=grant(frozenset({"ask"})))
        suspended = outcome.suspended
        assert suspended is not None
        with pytest.raises(CallerError, match="call 7 does not wait for an answer; the calls that do: 0"):
            await sandbox.resume(suspended, {7: 1})
        with pytest.raises(CallerError, match="the answer to call 0"):
            await sandbox.resume(suspended, {0: object()})
        stored = msgspec.json.decode(msgspec.json.encode(suspended), type=Suspended)
        assert stored == suspended
        with pytest.raises(CallerError, match="tools="):
            await sandbox.resume(stored, {0: 1})
        again = await sandbox.resume(suspended)  # nothing is answered yet
        assert again.suspended is not None
        assert (await sandbox.resume(again.suspended, {0: 5})).value == 5


async def test_the_dump_of_a_typical_program_is_small():
    """Under 16 KB: what is kept is the program's own state and not a copy of the interpreter."""
    suspended = (await begun(frozenset({"ask"}))).suspended
    assert suspended is not None
    assert len(suspended.snapshot) < 16_384


async def test_computing_time_is_counted_across_waits():
    """A snapshot carries the time that was used before it, so that waiting does not renew the limit."""
    code = "i = 0\nwhile True:\n    sum(range(200_000))\n    ask(i)\n    i += 1"
    limits = ProgramLimits(cpu_seconds=0.1, tool_calls=1_000)
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run(code, tools=grant(frozenset({"ask"})), limits=limits)
        while (suspended := outcome.suspended) is not None:
            outcome = await sandbox.resume(suspended, {call.id: 0 for call in suspended.waiting})
    assert outcome.error is not None
    assert (outcome.error.reason, outcome.error.parameter) == ("timeout", "cpu_seconds")
