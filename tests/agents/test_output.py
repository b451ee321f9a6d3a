"""What `output_type` gives, and how a model is brought to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import pytest
from pydantic import BaseModel

from journeyman import Agent, Callbacks, CallerError, ModelError, OutputError, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import resume
from journeyman.data import Text, ToolCall
from journeyman.providers import Capabilities

NATIVE = Capabilities(json_schema=True)
BY_TOOL = Capabilities(json_schema=False)


class City(BaseModel):
    name: str
    people: int


@dataclass
class Point:
    x: int
    y: int


class Row(TypedDict):
    key: str


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        (City, '{"name": "Bonn", "people": 336000}', City(name="Bonn", people=336000)),
        (Point, '{"x": 1, "y": 2}', Point(1, 2)),
        (Row, '{"key": "a"}', {"key": "a"}),
        (Literal["yes", "no"], '{"result": "no"}', "no"),
        (list[Point], '{"result": [{"x": 1, "y": 2}]}', [Point(1, 2)]),
        (int, '{"result": 3}', 3),
        (bool, '{"result": true}', True),
    ],
)
@pytest.mark.parametrize("capabilities", [NATIVE, BY_TOOL], ids=["native", "tool"])
async def test_outputs_have_the_type_that_was_asked_for(
    kind: Any, said: str, value: Any, capabilities: Capabilities
) -> None:
    """Both ways, the provider's JSON mode and the output tool, end with a value of the user's type."""
    line: Any = said if capabilities is NATIVE else ToolCall("o", "final_result", said)
    model = ScriptedModel([line], capabilities=capabilities)
    result = await Agent(model, output_type=kind).run("go")
    assert result.output == value
    asked = model.requests[0]
    assert (asked.output is not None) == (capabilities is NATIVE)
    assert ([spec.name for spec in asked.tools] == ["final_result"]) == (capabilities is BY_TOOL)


async def test_a_model_without_a_schema_mode_must_call_a_tool() -> None:
    """With the output tool, the model is told that it must call one; with native JSON it is left free."""
    model = ScriptedModel([ToolCall("o", "final_result", '{"x": 1, "y": 2}')], capabilities=BY_TOOL)
    await Agent(model, output_type=Point).run("go")
    choice = model.requests[0].settings.tool_choice
    assert choice is not None
    assert choice.mode == "required"


@pytest.mark.parametrize("capabilities", [NATIVE, BY_TOOL], ids=["native", "tool"])
async def test_what_does_not_fit_goes_back_with_its_path(capabilities: Capabilities) -> None:
    """The model reads what is wrong and where, and its next try counts."""
    wrong, right = '{"name": "Bonn", "people": "many"}', '{"name": "Bonn", "people": 336000}'
    lines: list[Any] = [wrong, right]
    if capabilities is BY_TOOL:
        lines = [ToolCall("1", "final_result", wrong), ToolCall("2", "final_result", right)]
    model = ScriptedModel(lines, capabilities=capabilities)
    result = await Agent(model, output_type=City).run("go")
    assert result.output == City(name="Bonn", people=336000)
    told = model.requests[1].messages[-1]
    words = told.text or told.tool_results[0].text
    assert "people" in words
    assert "many" in words


async def test_a_model_that_never_fits_ends_the_run() -> None:
    """Beyond the retry budget the last complaint is the error."""
    agent = Agent(ScriptedModel(['{"x": 1}'] * 3, capabilities=NATIVE), output_type=Point, max_retries=2)
    with pytest.raises(ModelError, match=r"(?s)max_retries=2.*y"):
        await agent.run("go")


async def test_text_where_the_tool_was_asked_for_is_read_if_it_fits() -> None:
    """Some models write the JSON instead of calling the tool; words that are no JSON are sent back."""
    model = ScriptedModel(["I think so.", 'Here: {"x": 1, "y": 2}'], capabilities=BY_TOOL)
    result = await Agent(model, output_type=Point).run("go")
    assert result.output == Point(1, 2)
    assert "final_result" in model.requests[1].messages[-1].text


@pytest.mark.parametrize("said", ["words", ToolCall("o", "final_result", '{"x": 1, "y": 2}')])
async def test_a_union_with_text_leaves_the_choice_to_the_model(said: Any) -> None:
    """`str | Point`: words are words, a call of the output tool is a Point."""
    model = ScriptedModel([said], capabilities=NATIVE)
    result: Any = await Agent(model, output_type=str | Point).run("go")
    assert result.output == ("words" if said == "words" else Point(1, 2))
    assert model.requests[0].settings.tool_choice is None


async def test_tools_of_the_same_turn_run_before_the_output_counts() -> None:
    """Whatever the model asked for beside its output is carried out."""
    noted: list[str] = []

    @tool
    async def note(text: str) -> str:
        """Note something."""
        noted.append(text)
        return "noted"

    said = [ToolCall("o", "final_result", '{"x": 1, "y": 2}'), ToolCall("n", "note", '{"text": "a"}')]
    result = await Agent(ScriptedModel([said], capabilities=BY_TOOL), tools=[note], output_type=Point).run("go")
    assert (result.output, noted) == (Point(1, 2), ["a"])


async def test_a_check_may_refuse_or_change_the_output() -> None:
    """`check` sends its complaint to the model, and what it returns is the output."""

    def shorten(text: str) -> str:
        if len(text) > 10:
            raise OutputError("at most 10 characters")
        return text.strip(".")

    model = ScriptedModel(["far too many words", "few words."])
    result = await Agent(model, check=shorten).run("go")
    assert result.output == "few words"
    assert model.requests[1].messages[-1].text == "at most 10 characters"


async def test_a_structured_output_can_be_read_back_from_the_journal() -> None:
    """A finished run that is resumed gives its output again, as the user's type and without a request."""
    log = MemoryLog()
    agent = Agent(ScriptedModel(['{"x": 1, "y": 2}'], capabilities=NATIVE), output_type=Point, journal=log)
    result = await agent.run("go")
    again = await resume(result.run_id, agent=agent)
    assert again.output == result.output == Point(1, 2)


async def test_a_conversation_goes_on_after_an_output_tool() -> None:
    """The output tool's call gets a result, for no provider takes a history with an unanswered call."""
    lines = [ToolCall("o", "final_result", '{"x": 1, "y": 2}'), ToolCall("p", "final_result", '{"x": 3, "y": 4}')]
    model = ScriptedModel(lines, capabilities=BY_TOOL)
    agent = Agent(model, output_type=Point)
    first = await agent.run("a")
    second = await agent.run("b", history=first)
    assert second.output == Point(3, 4)
    assert [message.role for message in model.requests[1].messages] == ["user", "assistant", "tool", "user"]


async def test_partial_results_show_only_complete_fields() -> None:
    """While the output is written, a field is shown when it is complete (instructor #1993)."""
    model = ScriptedModel(['{"name": "New York", "people": 8000000}'], capabilities=NATIVE)
    async with Agent(model, output_type=City).run_stream("go") as stream:
        seen = [event.value async for event in stream.events() if event.kind == "partial_result"]
    assert seen[0] == {"name": "New York"}
    assert all(value.get("name", "New York") == "New York" for value in seen)
    assert stream.result.output == City(name="New York", people=8000000)


async def test_outputs_reach_callbacks_and_steps_as_the_users_type() -> None:
    """`on_output`, the output event and the last step hold the value, not its JSON."""
    heard: list[Any] = []
    callbacks = Callbacks(on_output=heard.append)
    model = ScriptedModel([[Text('{"x": 1, "y": 2}')]], capabilities=NATIVE)
    async with Agent(model, output_type=Point, callbacks=callbacks).run_stream("go") as stream:
        events = [event async for event in stream.events()]
    assert heard == [Point(1, 2)]
    assert events[-1].kind == "output"
    assert events[-1].value == Point(1, 2)
    assert stream.result.steps[-1].content == Point(1, 2)


async def test_names_that_clash_and_models_without_tools_are_refused() -> None:
    """A tool named like the output tool, and tools for a model that has none, are mistakes that are told at once."""

    @tool
    def final_result() -> str:
        """Clash."""
        return ""

    with pytest.raises(CallerError, match="final_result"):
        await Agent(ScriptedModel([], capabilities=BY_TOOL), tools=[final_result], output_type=Point).run("go")
    mute = ScriptedModel([], capabilities=Capabilities(tools=False))
    with pytest.raises(CallerError, match="cannot call tools"):
        await Agent(mute, tools=[final_result]).run("go")


@pytest.mark.parametrize("with_tools", [True, False])
async def test_a_mode_that_excludes_tools_is_not_used_beside_them(with_tools: bool) -> None:  # noqa: FBT001  (a parameter)
    """Some vendors take a response schema or tools, and refuse both: beside tools the output comes by a tool, too."""

    @tool
    def look() -> str:
        """Look."""
        return "seen"

    line: Any = ToolCall("o", "final_result", '{"x": 1, "y": 2}') if with_tools else '{"x": 1, "y": 2}'
    model = ScriptedModel([line], capabilities=Capabilities(schema_beside_tools=False))
    result = await Agent(model, tools=[look] if with_tools else [], output_type=Point).run("go")
    assert result.output == Point(1, 2)
    assert (model.requests[0].output is None) is with_tools
