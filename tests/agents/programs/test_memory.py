"""What programs define: from turn to turn, from run to run and into branches; and what that costs the journal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman import Agent, Conversation, Pending, ScriptedModel, fork, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import ProgramFinished, encode_fact, load
from journeyman.programs import Programs

BOTH = pytest.mark.parametrize("language", ["python", "lisp"])


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 200)


def program(language: str, python: str, lisp: str, call_id: str = "p") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": python if language == "python" else lisp}))


def set_to(language: str, value: int, call_id: str = "p") -> ToolCall:
    return program(language, f"x = {value}", f"(def x {value})", call_id)


def shown(language: str, call_id: str = "p") -> ToolCall:
    return program(language, "print('x is', x)", '(println "x is" x)', call_id)


def texts(result: Any) -> list[str]:
    return [item.text for message in result.messages for item in message.tool_results]


@BOTH
async def test_what_a_program_defines_is_there_for_those_after_it(language: str) -> None:
    """In the next turns of the run, in the runs of the conversation after it, and not in another conversation."""
    model = turns(set_to(language, 1), shown(language), "One.", shown(language), "Two.")
    conversation = Conversation(model, programs=Programs(language=language))
    first = await conversation.ask("go")
    assert "x is 1" in texts(first)[1]
    second = await conversation.ask("and now?")
    assert second.output == "Two."
    assert "x is 1" in texts(second)[-1]
    other = Conversation(turns(shown(language), "Unknown."), programs=Programs(language=language))
    assert "unbound_var" in texts(await other.ask("go"))[0]


@BOTH
async def test_an_error_takes_back_what_its_program_has_defined(language: str) -> None:
    """The one before it keeps its own."""
    fails = program(language, "x = 2\ny = 3\n1 / 0", "(def x 2) (def y 3) (/ 1 0)")
    model = turns(set_to(language, 1), fails, shown(language), "Done.")
    result = await Agent(model, programs=Programs(language=language)).run("go")
    assert "arithmetic_error" in texts(result)[1]
    assert "x is 1" in texts(result)[2]
    assert "y" not in result.state.memory


@BOTH
async def test_a_branch_has_what_was_defined_before_it(language: str) -> None:
    """Neither more nor less: a branch from before a definition knows nothing of it, and the two do not share theirs."""
    log = MemoryLog()
    model = turns(set_to(language, 1), set_to(language, 2), shown(language), "Done.")
    agent = Agent(model, programs=Programs(language=language), journal=log)
    whole = await agent.run("go")
    ends = [fact.seq for fact in whole.facts if isinstance(fact, ProgramFinished)]
    later = turns(*[""] * 1, shown(language), "Seen.", set_to(language, 9), "Set.")
    teller = Agent(later, programs=Programs(language=language), journal=log)
    branch = await (await fork(whole.run_id, at=ends[0] + 1, agent=teller, prompt="look")).result()
    assert "x is 1" in texts(branch)[-1]
    assert (await load(log, whole.run_id)).state.memory["x"] == 2
    empty = await fork(whole.run_id, at=0, agent=agent)
    assert "x" not in empty.snapshot.memory
    assert (await empty.result()).state.memory["x"] == 2


@BOTH
async def test_a_value_of_another_kind_is_another_value(language: str) -> None:
    """One, one point nought and true are equal to Python and not to a program that looks."""
    ask = program(language, "print(repr(x))", "(println x)")
    to_float = program(language, "x = 1.0", "(def x 1.0)")
    to_true = program(language, "x = True", "(def x true)")
    model = turns(set_to(language, 1), to_float, ask, to_true, ask, "Done.")
    result = await Agent(model, programs=Programs(language=language)).run("go")
    assert "printed:\n1.0" in texts(result)[2]
    assert "printed:\ntrue" in texts(result)[4].lower()


@BOTH
async def test_a_journal_grows_with_what_is_new_in_memory(language: str) -> None:
    """A large value is written once, whatever is defined beside it afterwards, and what is forgotten is no longer there."""
    large = program(language, "big = list(range(2000))", "(def big (vec (range 2000)))")
    many = [set_to(language, number, f"p{number}") for number in range(30)]
    result = await Agent(turns(large, *many, "Done."), programs=Programs(language=language), max_iterations=99).run(
        "go"
    )
    assert result.state.memory["x"] == 29
    sizes = [len(encode_fact(result.run_id, fact)) for fact in result.facts if isinstance(fact, ProgramFinished)]
    assert sizes[0] > 5_000
    assert max(sizes[1:]) < 1_000


@BOTH
async def test_what_waits_sees_what_was_there_when_it_began(language: str) -> None:
    """A program that waits, and one beside it that ends: run again without a snapshot it does not see the other's definitions,
    and afterwards what both have defined is there, in the order of the calls.
    """

    @tool
    async def ask() -> str:
        """Ask."""
        raise Pending

    waits = program(
        language,
        "before = x\nanswer = ask()\nx = 5\nprint(before)",
        "(def before x) (def answer (tool/ask {})) (def x 5) (println before)",
    )
    model = turns(set_to(language, 1), [waits, set_to(language, 7, "q")], shown(language), "Done.")
    programs = Programs(language=language, tools=[ask])
    log = MemoryLog()
    agent = Agent(model, name="a", programs=programs, journal=log)
    waiting = await agent.run("go")
    assert waiting.state.memory["x"] == 1
    elsewhere = Agent(model, name="a", programs=programs, journal=log, secret="another process has another")
    result = await resume(waiting.run_id, agent=elsewhere, answers={"p.0": "yes"})
    assert "printed:\n1\n" in texts(result)[1]
    assert "x is 7" in texts(result)[3]
    assert result.state.memory["answer"] == "yes"


@BOTH
async def test_a_turn_that_is_left_open_keeps_what_its_programs_have_defined(language: str) -> None:
    """The conversation goes on while a call beside the program still waits: what the model was told is stored, is stored."""

    @tool
    async def ask() -> str:
        """Ask."""
        raise Pending

    log = MemoryLog()
    model = turns([set_to(language, 4), ToolCall("a", "ask")], shown(language), "Done.")
    agent = Agent(model, tools=[ask], programs=Programs(language=language, tools=[]), journal=log)
    waiting = await agent.run("go")
    assert waiting.status == "waiting"
    result = await agent.run("never mind", history=waiting)
    assert "x is 4" in texts(result)[-1]
