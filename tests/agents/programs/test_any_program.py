"""Whatever a program calls, and wherever it is suspended, cut off and taken up: it comes to what it comes to when run straight."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman import Agent, ModelRetry, Pending, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ToolCall
from journeyman.journal import Fact, ProgramSuspended, ToolCalled, load
from journeyman.programs import Programs

SECRETS = ["the one of this machine", "and that of the other"]


class Call(msgspec.Struct, frozen=True):
    """A call of a tool; `plain` ones let the whole program wait, branches beside them included."""

    tool: Literal["now", "later", "fails"]
    plain: bool


class Many(msgspec.Struct, frozen=True):
    """Parts one after another, or side by side."""

    parts: tuple[Call | Many, ...]
    beside: bool


Node = Call | Many

TREES = st.recursive(
    st.builds(Call, st.sampled_from(["now", "later", "fails"]), st.booleans()),
    lambda nodes: st.builds(Many, st.lists(nodes, min_size=1, max_size=3).map(tuple), st.booleans()),
    max_leaves=7,
)


def python(node: Node, numbers: Iterator[int], lines: list[str]) -> str:
    """The name of a coroutine function for a node; what each call is given tells in which order answers were heard."""
    number = next(numbers)
    name = f"n{number}"
    match node:
        case Call("now" | "later" | "fails", plain):
            how = f"{node.tool}(" if plain else f"await async_tools.{node.tool}("
            body = [
                "    try:",
                f"        value = {how}number={number}, heard=list(heard))",
                "    except RuntimeError:",
                "        value = 'failed'",
                f"    heard.append({number})",
                "    return value",
            ]
        case Many(parts, beside):
            names = [python(part, numbers, lines) for part in parts]
            each = ", ".join(f"{item}()" if beside else f"await {item}()" for item in names)
            body = [f"    return list(await asyncio.gather({each}))" if beside else f"    return [{each}]"]
    lines += [f"async def {name}():", *body]
    return name


def lisp(node: Node, numbers: Iterator[int]) -> str:
    number = next(numbers)
    match node:
        case Call(tool):
            # A failing tool ends a Lisp program.
            return f"(tool/{'now' if tool == 'fails' else tool} {{:number {number} :heard []}})"
        case Many(parts, beside):
            each = [lisp(part, numbers) for part in parts]
            return f"(pcalls {' '.join(f'(fn [] {item})' for item in each)})" if beside else f"[{' '.join(each)}]"


def code_of(language: str, node: Node) -> str:
    numbers = iter(range(1000))
    if language == "lisp":
        return f"(return {lisp(node, numbers)})"
    lines = ["import asyncio", "heard = []"]
    name = python(node, numbers, lines)
    return "\n".join([*lines, f"return await {name}()"])


def agent(
    language: str, node: Node, calls: Counter[str], secret: str = SECRETS[0], *, waits: bool = True
) -> Agent[Any]:
    @tool(idempotent=True)
    async def now(number: int, heard: list[int]) -> dict[str, int]:
        """Give a value at once."""
        calls[f"now {number} {heard}"] += 1
        return {"value": number}

    @tool(idempotent=True)
    async def later(number: int, heard: list[int]) -> dict[str, int]:
        """Give a value some day."""
        calls[f"later {number} {heard}"] += 1
        if waits:
            raise Pending(number)
        return {"value": number}

    @tool(idempotent=True)
    async def fails(number: int, heard: list[int]) -> dict[str, int]:
        """Fail."""
        calls[f"fails {number} {heard}"] += 1
        raise ModelRetry("no")

    call = ToolCall("p", "run_program", json.dumps({"code": code_of(language, node)}))
    programs = Programs(language=language, tools=[now, later, fails])
    return Agent(ScriptedModel([call] * 99), name="any", programs=programs, secret=secret)


async def cut(log: MemoryLog, run: str, at: int, *, bare: bool) -> MemoryLog:
    """A journal as a crash would have left it, or one from which the snapshots are gone."""
    facts: list[Fact] = [
        msgspec.structs.replace(fact, snapshot=b"") if bare and isinstance(fact, ProgramSuspended) else fact
        for fact in (await load(log, run)).facts[:at]
    ]
    other = MemoryLog()
    await other.append(run, 0, facts)
    return other


async def by_and_by(language: str, node: Node, random: Random) -> tuple[Any, Sequence[Fact]]:
    """The output of a run that is suspended, cut off, and answered in some order."""
    calls: Counter[str] = Counter()
    log = MemoryLog()
    result = await agent(language, node, calls).run("go", journal=log)
    crashes = 3
    while result.status != "finished":
        run, answers = result.run_id, {}
        taker = agent(language, node, calls, random.choice(SECRETS))
        if crashes and random.random() < 0.4:
            crashes -= 1
            log = await cut(log, run, random.randint(3, result.state.next_seq), bare=random.random() < 0.5)
        else:
            assert result.pending, "it waits, and for nothing"
            for call in random.sample(result.pending, random.randint(1, len(result.pending))):
                answers[call.id] = {"value": call.info}
        result = await resume(run, agent=taker, journal=log, answers=answers)
    return result.output, result.facts


@pytest.mark.parametrize("language", ["python", "lisp"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=TREES, random=st.randoms(use_true_random=False))
async def test_a_program_comes_to_what_it_comes_to_when_run_straight(language: str, node: Node, random: Random) -> None:
    """Calls in sequence and side by side, that answer, fail or wait, answered in any order, one or several at a time, with
    crashes in between, with snapshots, without them and with those of another machine: the same value, from the same calls.
    """
    made: Counter[str] = Counter()
    straight = await agent(language, node, made, waits=False).run("go", journal=MemoryLog())
    output, facts = await by_and_by(language, node, random)
    assert output == straight.output
    names = Counter(fact.name for fact in facts if isinstance(fact, ToolCalled))
    assert names == Counter(name.split()[0] for name in made.elements())
