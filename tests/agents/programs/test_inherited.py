"""What runs with programs have from the run before, and which of several programs has the last word."""

from __future__ import annotations

import asyncio
import json

from journeyman import Agent, Conversation, ScriptedModel, tool
from journeyman.data import ToolCall
from journeyman.journal import RunStarted
from journeyman.programs import Programs
from journeyman.providers import Capabilities


def program(code: str, call_id: str = "1") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": code}))


async def test_a_run_that_goes_on_is_told_of_the_data_that_it_inherits():
    """In the same words as the run before, so that nothing is written again, and the prompt's prefix is the same."""
    model = ScriptedModel(["one", "two"])
    talk = Conversation(model, programs=Programs(language="lisp", signature=None))
    await talk.ask("go", data={"orders": [1]})
    result = await talk.ask("and?")
    first, second = ([item.text for item in request.messages[:2]] for request in model.requests)
    assert second == first
    assert "data/orders" in first[1]
    assert isinstance(result.facts[0], RunStarted)
    assert (result.facts[0].data, result.facts[0].instructions) == (None, None)


async def test_inputs_are_inherited_with_the_data():
    """Whoever has given them once need not again."""
    model = ScriptedModel([program("(return data/id)"), program("(return (inc data/id))", "2")])
    talk = Conversation(model, programs=Programs(language="lisp", signature="(id :int) -> :int"))
    assert (await talk.ask("go", data={"id": "5"})).output == 5
    assert (await talk.ask("and?")).output == 6


async def test_of_programs_that_return_in_one_answer_the_first_counts_and_not_the_quickest():
    """The first one waits until the second has ended."""
    done = asyncio.Event()

    @tool
    async def wait() -> int:
        """Wait for the other program."""
        await done.wait()
        return 1

    @tool
    async def go() -> None:
        """Let the other go on, a moment after this program has ended."""
        asyncio.get_running_loop().call_later(0.05, done.set)

    model = ScriptedModel([[program("(return (tool/wait))"), program("(tool/go) (return 2)", "2")]])
    result = await Agent(model, programs=Programs(language="lisp", tools=[wait, go])).run("go")
    assert result.output == 1


def test_a_model_without_tools_is_offered_none_for_its_output():
    """A type that words may have as well is given by words or by a program."""
    model = ScriptedModel([], capabilities=Capabilities(tools=False))
    assert Agent(model, output_type=str | int, programs=Programs()).plan.specs == ()
