"""Agents that work together by values: as tools inside programs, and one step after the other."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel

from journeyman import Agent, RunContext, ScriptedModel, tool
from journeyman.agents import then
from journeyman.agents.chaining import then_sync
from journeyman.data import CallerError, LimitExceeded, ModelResponse, ToolCall
from journeyman.observe import Callbacks, Output, ToolEnd, ToolStart
from journeyman.programs import Programs, open_sandbox
from journeyman.providers import Capabilities


def program(code: str, call_id: str = "1") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": code}))


def heard(model: ScriptedModel) -> str:
    last = model.requests[-1].messages[-1]
    return last.text or "\n".join(result.text for result in last.tool_results)


def writing(*codes: str, name: str = "agent", **programs: Any) -> Agent[Any]:
    """An agent whose model writes these programs in Python, and then only words."""
    calls = [program(code, str(number)) for number, code in enumerate(codes)]
    return Agent(ScriptedModel([*calls, *["words"] * 5]), name=name, programs=Programs(**programs))


ADD = "(a :int, b :int?) -> {sum :int, rows [:int]}"


def adder() -> Agent[Any]:
    code = "return {'sum': data['a'] + (data.get('b') or 0), 'rows': [1, 2]}"
    calls = [program(code)] * 5
    return Agent(ScriptedModel(calls), name="adder", programs=Programs(signature=ADD))


# --- inside programs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("python", "r = adder(a=1, b=2)\nreturn r['sum'] + len(r['rows'])"),
        ("lisp", "(let [r (tool/adder {:a 1 :b 2})] (return (+ (:sum r) (count (:rows r)))))"),
    ],
)
async def test_an_agent_with_inputs_is_a_function_of_them(language: str, code: str):
    """A program calls it with its inputs and gets what it returned as a value; its request and its run are counted."""
    outer = writing(code, language=language, tools=[adder().as_tool()])
    result = await outer.run("go")
    assert result.output == 5
    inner = [fact for fact in result.facts if type(fact).__name__ == "ChildStarted"]
    assert len(inner) == 1
    assert result.state.turns_below == 1
    assert result.usage.output > ModelResponse(result.messages[1]).usage.output


async def test_an_agent_without_inputs_takes_a_task():
    """Its words are a string, its output_type a value."""

    class Count(BaseModel):
        n: int

    words = Agent(ScriptedModel(["It is 42."]), name="words")
    counts = Agent(
        ScriptedModel(['{"n": 5}'], capabilities=Capabilities(json_schema=True)), name="counts", output_type=Count
    )
    outer = writing("return [words(task='a'), counts(task='b')['n'] + 1]", tools=[words.as_tool(), counts.as_tool()])
    assert (await outer.run("go")).output == ["It is 42.", 6]


async def test_agents_run_side_by_side_inside_a_program():
    """Each is at work before any of them is done."""
    at_work, all_there = 0, asyncio.Event()

    @tool
    async def meet() -> int:
        """Wait for the others."""
        nonlocal at_work
        at_work += 1
        if at_work == 3:
            all_there.set()
        await all_there.wait()
        return at_work

    calls = [ToolCall("1", "meet", "{}")] * 3
    helper = Agent(ScriptedModel([*calls, "a", "b", "c"]), name="helper", tools=[meet])
    code = "(return (sort (pmap (fn [n] (tool/helper {:task (str n)})) [1 2 3])))"
    outer = writing(code, language="lisp", tools=[helper.as_tool()])
    async with asyncio.timeout(30):
        assert (await outer.run("go")).output == ["a", "b", "c"]


@pytest.mark.parametrize("inputs", ["a='x'", "b=1", "a=None", "a=1, b='y'"])
async def test_inputs_that_do_not_fit_begin_no_run(inputs: str):
    """The program hears where it is wrong."""
    inner = adder()
    outer = writing(f"return adder({inputs})", tools=[inner.as_tool()])
    result = await outer.run("go")
    assert result.output == "words"
    assert "error: " in heard(outer.model)  # type: ignore[arg-type]
    assert isinstance(inner.model, ScriptedModel)
    assert inner.model.requests == []


async def test_a_hidden_field_reaches_programs_and_no_other_model():
    """A program of the caller gets it; where the caller's model called the agent itself, it does not see it."""
    signature, code = "(id :int) -> {n :int, _key :string}", "return {'n': data['id'], '_key': 'k-9'}"
    outer = writing(
        "r = inner(id=1)\nreturn [r['n'], r['_key']]",
        tools=[writing(code, name="inner", signature=signature).as_tool()],
    )
    assert (await outer.run("go")).output == [1, "k-9"]
    assert "_key" not in outer.explain("go").parts[0].content
    model = ScriptedModel([ToolCall("1", "inner", '{"id": 1}'), "ok"])
    await Agent(model, tools=[writing(code, name="inner", signature=signature).as_tool()]).run("go")
    assert heard(model) == '{"n":1}'


async def test_another_model_cannot_replace_what_an_agent_is_given_by_its_developer():
    """Of the inputs that it makes up, those that the signature does not name find the agent's own data in their way."""
    inner = writing("return data['limit']", name="inner", signature="(id :int) -> :int", data={"limit": 1})
    model = ScriptedModel([ToolCall("1", "inner", '{"id": 1, "limit": 9}'), ToolCall("2", "inner", '{"id": 1}'), "ok"])
    result = await Agent(model, tools=[inner.as_tool()]).run("go")
    answers = [item.text for message in result.messages for item in message.tool_results]
    assert "the agent gives 'limit' itself" in answers[0]
    assert answers[1] == "1"


async def test_an_agent_that_gives_up_is_an_error_of_its_call():
    """Which the program can catch; it says which run it was and why."""
    inner = writing("fail('no such customer')", name="inner")
    code = "try:\n    inner(task='x')\nexcept RuntimeError as error:\n    return str(error)"
    result = await writing(code, tools=[inner.as_tool()]).run("go")
    assert result.output.startswith("inner failed: ")
    assert result.output.endswith("a program of the model gave up: no such customer")


# --- limits of the tree ---------------------------------------------------------------------------------------------------


def nested(**limits: Any) -> tuple[Agent[Any], Agent[Any], Agent[Any]]:
    leaf = Agent(ScriptedModel(["leaf"] * 5), name="leaf")
    middle = writing("return leaf(task='x')", name="middle", tools=[leaf.as_tool()])
    return writing("return middle(task='x')", name="top", tools=[middle.as_tool()], **limits), middle, leaf


async def test_agents_are_nested_as_deep_as_the_top_one_allows():
    """A run too deep is not begun; the program that wanted it hears which limit of whom it was."""
    top, _, _ = nested(max_depth=2)
    assert (await top.run("go")).output == "leaf"
    top, middle, leaf = nested(max_depth=1)
    assert (await top.run("go")).output == "words"
    assert "runs below each other was reached: max_depth=1 (2 used); raise max_depth to go on" in heard(middle.model)  # type: ignore[arg-type]
    assert isinstance(leaf.model, ScriptedModel)
    assert leaf.model.requests == []


async def test_all_runs_of_the_tree_share_the_budget_of_requests():
    """Three requests are enough for three agents; of two the last is refused, and so is any after it."""
    top, _, _ = nested(turn_budget=3)
    result = await top.run("go")
    assert (result.output, result.state.turns_below) == ("leaf", 2)
    top, _, leaf = nested(turn_budget=2)
    with pytest.raises(LimitExceeded) as caught:
        await top.run("go")
    assert (caught.value.value, caught.value.parameter) == (2, "turn_budget")
    assert isinstance(leaf.model, ScriptedModel)
    assert leaf.model.requests == []


async def test_more_programs_than_workers_are_inside_their_tools_at_once():
    """A program that waits for its tool gives its worker to another: with one worker, forty runs meet in their tools."""
    inside, everybody = 0, asyncio.Event()

    @tool
    async def meet(run: str) -> str:
        """Wait until all have come."""
        nonlocal inside
        inside += 1
        if inside == 40:
            everybody.set()
        await everybody.wait()
        return run

    async with asyncio.timeout(60), open_sandbox(processes=1) as sandbox:
        programs = Programs(language="lisp", tools=[meet], sandbox=sandbox)
        code = "(return (str (tool/meet {:run data/run}) (tool/meet {:run data/run})))"
        agent = Agent(ScriptedModel([program(code)] * 40), programs=programs)
        results = await asyncio.gather(*[agent.run("go", data={"run": str(n)}) for n in range(40)])
    assert [result.output for result in results] == [f"{n}{n}" for n in range(40)]


# --- one step after the other ---------------------------------------------------------------------------------------------


@dataclass
class Order:
    id: int
    note: str = ""


async def finished(code: str, signature: Any) -> Any:
    return await writing(code, signature=signature).run("go")


TAKES = "(xs [:int], k :int?) -> :int"
SUM = "return sum(data['xs'])"


async def test_the_next_step_reads_what_the_one_before_returned():
    """By name where it is a map, else as the one input that is required."""
    for code, signature in (("return [1, 2]", "[:int]"), ("return {'xs': [1, 2]}", "{xs [:int]}")):
        before = await finished(code, signature)
        assert (await then(writing(SUM, signature=TAKES), before)).output == 3
        assert (await then(writing(SUM, signature=TAKES), input=before.return_value)).output == 3


@pytest.mark.parametrize(
    ("value", "output"),
    [([1, 2], 3), ({"xs": [1]}, 1), ({"xs": [1], "more": "kept"}, 1), ((4, 5), 9), ({1, 2, 3}, 6)],
)
async def test_a_step_may_begin_with_any_value(value: Any, output: int):
    """As JSON would have it."""
    assert (await then(writing(SUM, signature=TAKES), value)).output == output


async def test_models_and_dataclasses_give_inputs_by_name():
    """Also to an agent that names no inputs, and also as the output of a step."""

    class Named(BaseModel):
        id: int

    for value in (Named(id=5), Order(5), {"id": 5}):
        assert (await then(writing("return data['id']", signature="(id :int) -> :int"), value)).output == 5
        assert (await then(writing("return data['id']"), value)).output == 5
    before = await finished("return {'id': 5}", Named)
    assert before.output == Named(id=5)
    assert (await then(writing("return data['id']", signature="(id :int) -> :int"), before)).output == 5


async def test_inputs_may_come_from_several_places():
    """What the agent's own data or data= gives is not asked of the step before, whose value comes on top."""
    signature, code = "(n :int, z :int) -> :int", "return data['n'] * 10 + data['z']"
    before = await finished("return 1", ":int")
    assert (await then(writing(code, signature=signature, data={"z": 2}), before)).output == 12
    assert (await then(writing(code, signature=signature), before, data={"z": 3})).output == 13
    assert (await then(writing(code, signature=signature, data=lambda: {"z": 4}), {"n": 1})).output == 14
    both = await finished("return {'n': 1, 'z': 5}", "{n :int, z :int}")
    assert (await then(writing(code, signature=signature), both, data={"z": 3})).output == 15


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1, "x"], 'xs[1]: expected int, got string "x"'),
        (5, "xs: expected list, got int 5"),
        (None, "xs: expected list, got nil"),
        ({"ys": [1]}, "xs: required, but missing"),
        (object(), "the input cannot be given to a program: value: a object has no form in JSON"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_before_anything_is_sent(value: Any, says: str):
    """With the path."""
    agent = writing(SUM, signature=TAKES)
    with pytest.raises(CallerError) as caught:
        await then(agent, value)
    assert says in str(caught.value)
    assert isinstance(agent.model, ScriptedModel)
    assert agent.model.requests == []


async def test_signatures_are_checked_where_they_meet():
    """Even where the value at hand would do: the next one may not."""
    before = await finished("return {'a': [], 'n': None}", "{a [:string], n :int?}")
    agent = writing("return 1", signature="(a [:int], n :int, z :int) -> :int")
    with pytest.raises(CallerError) as caught:
        await then(agent, before)
    for line in (
        "a[]: expected :int, gets :string",
        "n: expected :int, gets :int?",
        "z: required, but not in the output",
    ):
        assert line in str(caught.value)
    assert before.run_id in str(caught.value)


async def test_only_a_step_that_is_finished_is_gone_on_from():
    """And only by an agent whose programs can read an input, by a name."""
    stopped = await Agent(ScriptedModel([program("print(1)"), "x"]), mode="single_step", programs=Programs()).run("go")
    assert stopped.status == "paused"
    with pytest.raises(CallerError, match="is paused, not finished"):
        await then(writing("return 1"), stopped)
    with pytest.raises(CallerError, match="names no inputs that are still to be given, so a int has no name there"):
        await then(writing("return 1"), 5)
    with pytest.raises(CallerError, match="agent plain writes no programs"):
        await then(Agent(ScriptedModel([]), name="plain"), {"a": 1})


async def test_a_step_is_asked_in_words_of_its_own_if_it_is_given_some():
    """And takes the options of a run; the blocking twin does the same."""

    def deps_of(context: RunContext[str]) -> dict[str, str]:
        return {"who": context.deps}

    agent = writing("return data['who'] + data['x']", data=deps_of)
    result = await then(agent, {"x": "!"}, "Say it.", deps="Ada")
    assert (result.output, result.messages[0].text) == ("Ada!", "Say it.")
    assert then_sync(writing("return data['x']"), {"x": 1}).output == 1


# --- watching -------------------------------------------------------------------------------------------------------------


@tool
def look(x: int) -> int:
    """Look."""
    return x


async def test_an_interface_can_nest_what_a_program_calls():
    """Events and steps of the calls name the call that runs the program; the value comes as the run's output."""
    agent = Agent(ScriptedModel([program("(return (pmap (fn [x] (tool/look {:x x})) [1 2]))", "p")]), programs=Programs(language="lisp", tools=[look]))  # fmt: skip
    async with agent.run_stream("go") as stream:
        events = [event async for event in stream.events()]
    starts = [(item.call_id, item.name, item.parent) for item in events if isinstance(item, ToolStart)]
    assert starts == [("p", "run_program", ""), ("p.0", "look", "p"), ("p.1", "look", "p")]
    ends = [item.call_id for item in events if isinstance(item, ToolEnd)]
    assert sorted(ends[:2]) == ["p.0", "p.1"]
    assert ends[2:] == ["p"]
    assert events[-1] == Output([1, 2])


async def test_steps_and_callbacks_tell_of_a_program_s_calls():
    """As of any other call."""
    told: list[tuple[str, str]] = []
    callbacks = Callbacks(
        on_tool_start=lambda name, _: told.append(("start", name)),
        on_tool_end=lambda name, *_: told.append(("end", name)),
    )
    agent = Agent(
        ScriptedModel([program("(return (tool/look {:x 1}))")]),
        programs=Programs(language="lisp", tools=[look]),
        callbacks=callbacks,
    )
    steps = [(step.kind, step.tool, step.parent) async for step in agent.iter("go")]
    assert steps == [
        ("tool_call", "run_program", ""),
        ("tool_call", "look", "1"),
        ("tool_result", "look", ""),
        ("tool_result", "run_program", ""),
        ("output", "", ""),
    ]
    assert told == [("start", "run_program"), ("start", "look"), ("end", "look"), ("end", "run_program")]
