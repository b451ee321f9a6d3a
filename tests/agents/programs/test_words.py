"""Models without tool calling: their programs stand in their words."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman import Agent, ScriptedModel, tool
from journeyman.data import Message, ModelError, ToolCall
from journeyman.journal import ToolCalled
from journeyman.observe import ToolEnd, ToolStart
from journeyman.programs import Programs
from journeyman.providers import Capabilities

NO_TOOLS = Capabilities(tools=False)


@tool
def orders_of(customer: int) -> list[int]:
    """The orders of a customer."""
    return [customer * 10, customer * 10 + 1]


def speaking(*lines: Any) -> ScriptedModel:
    return ScriptedModel(lines, capabilities=NO_TOOLS)


def agent_of(model: ScriptedModel, language: str = "lisp", **options: Any) -> Agent[Any]:
    return Agent(model, programs=Programs(language=language, tools=[orders_of], **options))


def last(model: ScriptedModel) -> Message:
    """What the model was sent last."""
    return model.requests[-1].messages[-1]


RUN = {
    "a lisp block": ("lisp", "I look.\n\n```lisp\n(println (tool/orders_of {:customer 1}))\n```\nWait."),
    "a clojure block": ("lisp", "```clojure\n(println (tool/orders_of {:customer 1}))\n```"),
    "a ptc-lisp block": ("lisp", "```ptc-lisp\n(println (tool/orders_of {:customer 1}))\n```"),
    "a block without a name": ("lisp", "```\n(println (tool/orders_of {:customer 1}))\n```"),
    "a bare form": ("lisp", "(println (tool/orders_of {:customer 1}))"),
    "a form between words": ("lisp", "First I look.\n\n(println (tool/orders_of {:customer 1}))\n\nThen I answer."),
    "two blocks": ("lisp", "```lisp\n(def n 1)\n```\nand\n```lisp\n(println (tool/orders_of {:customer n}))\n```"),
    "unseen characters": ("lisp", "```lisp\n\ufeff(print\u200bln\u00a0(tool/orders_of {:customer\u00a01}))\u200b\n```"),
    "a python block": ("python", "I look.\n\n```python\nprint(orders_of(customer=1))\n```\nWait."),
    "a py block": ("python", "```py\nprint(orders_of(customer=1))\n```"),
    "another system's lines": ("python", "```python\r\nx = 1\r\nprint(orders_of(customer=x))\r\n```\r\n"),
}


@pytest.mark.parametrize(("language", "said"), RUN.values(), ids=list(RUN))
async def test_a_program_in_words_is_run_and_told_in_words(language: str, said: str):
    """Its tools are called; what it printed comes back as words that are marked as the framework's, in the frame."""
    model = speaking(said, "Ten and eleven.")
    result = await agent_of(model, language).run("Which?")
    assert result.output == "Ten and eleven."
    assert (last(model).role, model.requests[1].messages[-2].text) == ("user", said)
    told = last(model).text
    assert told.startswith('<program_output untrusted="true">\nprinted:\n[10')
    assert "11]" in told
    assert told.endswith("</program_output>\n\nThis is turn 2.")
    assert all(part.origin is not None for part in last(model).parts)


@pytest.mark.parametrize(
    ("language", "said", "value"),
    [
        ("lisp", "```lisp\n(return “a “quoted” word”)\n```", None),
        ("lisp", "```lisp\n(return “typed on a phone”)\n```", "typed on a phone"),
        ("python", "```python\nreturn “it’s”\n```", "it’s"),  # noqa: RUF001  (what phones make of it)
    ],
)
async def test_typographic_quotes_are_mended_where_they_stand_for_strings(language: str, said: str, value: str | None):
    """And are left alone within them; what cannot be told apart is an error for the model."""
    model = speaking(said, "I give up.")
    result = await agent_of(model, language).run("go")
    assert result.output == (value or "I give up.")


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("```python\nprint(1)\n```", "write the program in PTC-Lisp, in a block that begins with ```lisp"),
        ("```lisp\n(println 1)", "its fence is not closed"),
        ("```lisp\n```", "the block of the program is empty"),
    ],
)
async def test_what_was_meant_as_a_program_and_is_none_is_asked_for_again(said: str, says: str):
    """With the reason; it is no program that was run, and after `max_retries` the run gives up."""
    model = speaking(said, "No program, then.")
    result = await agent_of(model).run("go")
    assert result.output == "No program, then."
    assert says in last(model).text
    assert result.state.programs == 0
    with pytest.raises(ModelError, match="max_retries=2"):
        await agent_of(speaking(said, said, said)).run("go")


async def test_words_without_a_program_are_the_answer():
    """Also with parentheses, data and other languages in them."""
    for said in ("It is done (see above).", 'Here:\n```json\n{"a": 1}\n```', "(Note that this is all.)"):
        assert (await agent_of(speaking(said)).run("go")).output == said


async def test_words_are_no_answer_where_a_program_has_to_give_it():
    """The model is told how; the program's value is the output, checked."""
    model = speaking("It is 5.", "```lisp\n(return 5)\n```")
    result = await agent_of(model, signature=":int").run("go")
    assert result.output == 5
    assert last(model).text == (
        "Your answer does not do as the output. Write a program in a ```lisp block that gives it with `(return value)`."
    )


async def test_a_model_with_tools_is_asked_for_a_call_of_the_tool():
    """Its words are answers, whatever stands in them, and where they do not do it is told of run_program."""
    said = "```lisp\n(return 5)\n```"
    assert (await agent_of(ScriptedModel([said])).run("go")).output == said
    model = ScriptedModel([said, ToolCall("1", "run_program", '{"code": "(return 5)"}')])
    assert (await agent_of(model, signature=":int").run("go")).output == 5
    assert "Call run_program with a program that gives it with `(return value)`" in last(model).text


async def test_what_a_program_defines_is_known_in_the_words_after_it():
    """A bare form that calls a function of the program before is one."""
    model = speaking("(defn twice [x] (* 2 x))", "So:\n\n(twice 21)\n", "(return *1)")
    assert (await agent_of(model).run("go")).output == 42


async def test_a_model_that_calls_tools_all_the_same_is_heard():
    """Some take to it by themselves: a call is made as any other."""
    model = speaking(ToolCall("1", "run_program", '{"code": "(return (tool/orders_of {:customer 1}))"}'))
    assert (await agent_of(model).run("go")).output == [10, 11]


async def test_a_block_that_was_taken_back_is_said_to_be_left_out():
    """Of two programs that each return, the last is run, and the note tells it."""
    model = speaking(
        '```lisp\n(return 1)\n```\nNo, wait:\n```lisp\n(fail "no")\n```\nor\n```lisp\n(println 3)\n```', "ok"
    )
    result = await agent_of(model).run("go")
    assert result.output == "ok"
    told = last(model).text
    assert "printed:\n3" in told
    below = told.split("</program_output>")[1]
    assert "left out" in below or "not run" in below


async def test_a_program_in_words_is_a_call_of_the_run():
    """Announced on the journal by its answer's number; an interface can nest what it calls below it."""
    said = "Now:\n```lisp\n(tool/orders_of {:customer 1})\n```"
    async with agent_of(speaking(said, "ok")).run_stream("go") as stream:
        events = [event async for event in stream.events()]
    starts = [event for event in events if isinstance(event, ToolStart)]
    assert [(item.name, item.call_id, item.parent) for item in starts] == [
        ("run_program", "program_1", ""),
        ("orders_of", "program_1.0", "program_1"),
    ]
    ends = [event for event in events if isinstance(event, ToolEnd)]
    assert [(item.name, item.call_id) for item in ends] == [("orders_of", "program_1.0"), ("run_program", "program_1")]
    called = [fact for fact in stream.result.facts if isinstance(fact, ToolCalled)]
    assert [(fact.call_id, fact.parent) for fact in called] == [("program_1", ""), ("program_1.0", "program_1")]
    kinds = [(step.kind, step.tool) for step in stream.result.steps]
    assert kinds == [
        ("think", ""),
        ("tool_call", "run_program"),
        ("tool_call", "orders_of"),
        ("tool_result", "orders_of"),
        ("tool_result", "run_program"),
        ("output", ""),
    ]
