"""The limits of an agent's programs, as its model hears of them, and output that was too long to be told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman import Agent, Conversation, ScriptedModel, tool
from journeyman.data import ToolCall
from journeyman.journal import ProgramFinished
from journeyman.programs import Outcome, ProgramLimits, Programs
from journeyman.programs.untold import KEPT, untold


def program(code: str, call_id: str = "1") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": code}))


def heard(model: ScriptedModel, turn: int = -1) -> str:
    last = model.requests[turn].messages[-1]
    return last.text or "\n".join(result.text for result in last.tool_results)


@tool
def look(x: Any = None) -> int:
    """Look."""
    return 1


BREACHES: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "time in Python": ("python", "while True: pass", {"cpu_seconds": 0.05, "loop_steps": 10**9}, "timeout", "cpu_seconds=0.05"),
    "time in Lisp": ("lisp", "(reduce + (map inc (range 9999999)))", {"cpu_seconds": 0.05}, "timeout", "cpu_seconds=0.05"),
    "memory in Python": ("python", "x = 'a' * 10**8", {}, "memory_exceeded", "memory_bytes=64,000,000"),
    "memory in Lisp": ("lisp", '(str/join (repeat 100000000 "aa"))', {}, "memory_exceeded", "memory_bytes=64,000,000"),
    "rounds in Python": ("python", "i = 0\nwhile True: i += 1", {}, "loop_limit_exceeded", "loop_steps=1,000,000"),
    "rounds in Lisp": ("lisp", "(loop [i 0] (recur (inc i)))", {}, "loop_limit_exceeded", "10,000"),
    "fewer rounds in Lisp": ("lisp", "(loop [i 0] (recur (inc i)))", {"loop_steps": 99}, "loop_limit_exceeded", "loop_steps=99"),
    "calls in Python": ("python", "for i in range(200): look(x=i)", {}, "call_limit_exceeded", "tool_calls=100"),
    "calls in Lisp": ("lisp", "(mapv (fn [i] (tool/look {:x i})) (range 9))", {"tool_calls": 3}, "call_limit_exceeded", "tool_calls=3"),
    "depth in Python": ("python", "def f(n): return f(n + 1)\nf(0)", {}, "depth_exceeded", "depth=1,000"),
    "depth in Lisp": ("lisp", "(defn f [n] (+ 1 (f n))) (f 0)", {"depth": 50}, "depth_exceeded", "depth=50"),
    "source": ("python", "x = 1\n" * 20_000, {}, "size_exceeded", "source_bytes=65,536"),
    "a value in Python": ("python", "return 'a' * 2_000_000", {}, "size_exceeded", "value_bytes=1,048,576"),
    "a value in Lisp": ("lisp", '(return (str/join (repeat 9999 "aa")))', {"value_bytes": 999}, "size_exceeded", "value_bytes=999"),
    "arguments": ("python", "look(x='a' * 9_999)", {"value_bytes": 999}, "size_exceeded", "value_bytes=999"),
}  # fmt: skip


@pytest.mark.parametrize(("language", "code", "limits", "reason", "says"), BREACHES.values(), ids=list(BREACHES))
async def test_a_limit_that_is_reached_is_named_to_the_model(
    language: str, code: str, limits: dict[str, Any], reason: str, says: str
):
    """With its value and the parameter that sets it; the run goes on."""
    model = ScriptedModel([program(code), "I see."])
    # Time enough for the others on a machine with much to do.
    limits = {"cpu_seconds": 30, **limits}
    programs = Programs(language=language, tools=[look], limits=ProgramLimits(**limits), turn_cpu_seconds=30)
    assert (await Agent(model, programs=programs).run("go")).output == "I see."
    assert f"error: {reason}" in heard(model)
    assert says in heard(model)


async def test_calls_beyond_the_limit_are_not_begun():
    """They are reserved before they are scheduled: of nine side by side none is made where there may be three."""
    code = "import asyncio\nawait asyncio.gather(*[async_tools.look(x=i) for i in range(9)])"
    model = ScriptedModel([program(code), "I see."])
    agent = Agent(model, programs=Programs(tools=[look], limits=ProgramLimits(tool_calls=3)))
    result = await agent.run("go")
    assert "tool_calls=3" in heard(model)
    assert [step.tool for step in result.steps if step.kind == "tool_call"] == ["run_program"]


# --- output that was too long -----------------------------------------------------------------------------------------------

MANY = {
    "lisp": '(doseq [i (range 3000)] (println "line" i))',
    "python": "for i in range(3000): print('line', i)",
}
READ = {
    "lisp": "(println (subs last-output 0 6)) (println (count last-output))",
    "python": "print(last_output[:6])\nprint(len(last_output))",
}
WHOLE = "".join(f"line {n}\n" for n in range(3000))


@pytest.mark.parametrize("language", MANY)
async def test_output_that_is_cut_is_there_for_the_next_program(language: str):
    """The newest of it is told, with a mark, and how to get at the rest; the next program reads all of it."""
    model = ScriptedModel([program(MANY[language]), program(READ[language], "2"), "ok"])
    await Agent(model, programs=Programs(language=language)).run("go")
    inside, below = heard(model, 1).split("</program_output>")
    shown = inside.split("]\n", 1)[1].rstrip("\n")
    assert WHOLE.rstrip("\n").endswith(shown)
    assert "[… " in inside
    assert "left out: output_bytes=16,384]" in inside
    missing = len(WHOLE) - len(shown) - 1
    name = {"lisp": "last-output", "python": "last_output"}[language]
    assert f"{missing:,} characters of the output are not shown: all of it is kept in {name}, " in below
    assert heard(model, 2).startswith(f'<program_output untrusted="true">\nprinted:\nline 0\n{len(WHOLE)}\n')


async def test_what_was_cut_is_kept_until_something_else_is():
    """Over the turns, over an error, and into the next run of a conversation; a program that is told whole leaves it."""
    model = ScriptedModel(
        [
            program(f"{MANY['lisp']} (/ 1 0)"),
            program("(println (subs last-output 0 4096))", "2"),
            "one",
            program("(println (count last-output))", "3"),
            "two",
        ]
    )
    talk = Conversation(model, programs=Programs(language="lisp"))
    await talk.ask("go")
    assert "error: " in heard(model, 1)
    assert "kept in last-output" in heard(model, 1)
    assert "not shown" not in heard(model, 2), "the part that is proposed is told whole"
    await talk.ask("and?")
    assert f"printed:\n{len(WHOLE)}\n" in heard(model)


async def test_of_a_flood_the_newest_is_kept():
    """The journal does not grow with what a program prints beyond that, and the model is told of how much there is."""
    line = "x" * 99
    model = ScriptedModel([program(f'(doseq [_ (range 5000)] (println "{line}"))'), "ok"])
    result = await Agent(model, programs=Programs(language="lisp")).run("go")
    ended = next(fact for fact in result.facts if isinstance(fact, ProgramFinished))
    assert ended.defined["last-output"] == f"{line}\n" * (KEPT // 100)
    assert f"its last {KEPT:,} characters are kept in last-output, whose beginning " in heard(model)


@pytest.mark.parametrize("most", [0, 1, 3, 100, 16_384])
def test_the_part_that_is_proposed_is_never_cut_itself(most: int):
    """Whatever characters it is made of: else it would take the place of the rest."""
    output = "\U0001f600" * 10_000
    outcome = Outcome(printed="(cut)", output=output)
    kept, words = untold(outcome, "python", ProgramLimits(output_bytes=most))
    assert kept == {"last_output": output}
    part = int(words.split("[:")[1].split("]")[0])
    assert part >= 1
    assert len(output[:part].encode()) <= max(most, 4)
    assert untold(Outcome(printed="a", output="a"), "lisp", ProgramLimits()) == ({}, "")
