"""What an agent does with a prompt, tools and limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest

from journeyman import (
    Agent,
    Callbacks,
    CallerError,
    LimitExceeded,
    Limits,
    Message,
    ModelError,
    ModelRetry,
    ProviderError,
    Rates,
    RunContext,
    ScriptedModel,
    Settings,
    set_model_rates,
    tool,
)
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest, ModelResponse, Text, ToolCall, Usage
from journeyman.journal import ChildFinished, ChildStarted, RunFailed, RunStarted, ToolFinished, load


def call(name: str, arguments: str = "{}", call_id: str = "c1") -> ToolCall:
    return ToolCall(call_id, name, arguments)


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def test_a_run_calls_tools_until_the_model_answers() -> None:
    """The model's call is carried out, its result goes back, and the answer is the output."""
    model = ScriptedModel([call("add", '{"a": 2, "b": 3}'), "It is 5."])
    result = await Agent(model, tools=[add], system_prompt="You add.").run("2 + 3?")
    assert result.output == "It is 5."
    assert result.status == "finished"
    assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]
    assert [step.kind for step in result.steps] == ["tool_call", "tool_result", "output"]
    assert result.steps[1].content == "5"
    assert [message.role for message in model.requests[1].messages] == ["system", "user", "assistant", "tool"]


async def test_words_before_a_tool_call_do_not_end_the_run() -> None:
    """Only a whole answer without tool calls is final, whatever was streamed before (pydantic-ai #3574)."""
    model = ScriptedModel([[Text("Let me see."), call("add", '{"a": 1, "b": 1}')], "2"])
    async with Agent(model, tools=[add]).run_stream("1 + 1?") as stream:
        words = "".join([text async for text in stream.text()])
    assert words == "Let me see.2"
    assert stream.result.output == "2"


async def test_tools_of_one_turn_run_at_the_same_time() -> None:
    """Two tools that wait for each other both get done."""
    first, second = asyncio.Event(), asyncio.Event()

    async def left() -> str:
        """Wait for the right."""
        first.set()
        await second.wait()
        return "left"

    async def right() -> str:
        """Wait for the left."""
        second.set()
        await first.wait()
        return "right"

    model = ScriptedModel([[call("left", call_id="1"), call("right", call_id="2")], "both"])
    result = await Agent(model, tools=[left, right]).run("go")
    assert [item.text for item in result.messages[2].tool_results] == ["left", "right"]


async def test_a_failing_tool_neither_cancels_nor_loses_its_siblings() -> None:
    """Each outcome stands alone (deepagents #694)."""
    failed = asyncio.Event()

    async def breaks() -> str:
        """Break."""
        failed.set()
        raise ValueError("no such city")

    async def works() -> str:
        """Work, after the other has failed."""
        await failed.wait()
        return "fine"

    model = ScriptedModel([[call("breaks", call_id="1"), call("works", call_id="2")], "so be it"])
    result = await Agent(model, tools=[breaks, works]).run("go")
    broken, fine = result.messages[2].tool_results
    assert broken.is_error
    assert "ValueError: no such city" in broken.text
    assert not fine.is_error
    assert fine.text == "fine"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (call("sub"), "there is no tool 'sub'; the tools are: add"),
        (call("add", '{"a": 1}'), "b"),
        (call("add", '{"a": "one", "b": 2}'), "a"),
        (call("add", '{"a": 1, "b"'), "JSON"),
    ],
)
async def test_a_wrong_call_goes_back_to_the_model(asked: ToolCall, told: str) -> None:
    """An unknown tool, wrong arguments and broken JSON are results that the model can act on."""
    result = await Agent(ScriptedModel([asked, "I see."]), tools=[add]).run("go")
    (answer,) = result.messages[2].tool_results
    assert answer.is_error
    assert told in answer.text
    assert result.output == "I see."


async def test_calls_without_an_id_or_with_the_same_id_are_told_apart() -> None:
    """Servers that give no ids, or one twice, do not confuse results."""
    twice = [
        call("add", '{"a": 1, "b": 1}', ""),
        call("add", '{"a": 2, "b": 2}', "x"),
        call("add", '{"a": 3, "b": 3}', "x"),
    ]
    result = await Agent(ScriptedModel([twice, "done"]), tools=[add]).run("go")
    results = result.messages[2].tool_results
    assert [item.text for item in results] == ["2", "4", "6"]
    assert [item.call_id for item in results] == [item.id for item in result.messages[1].tool_calls]
    assert len({item.call_id for item in results} - {""}) == 3


async def test_model_retry_asks_again_within_its_budget() -> None:
    """`ModelRetry` sends its words back; a turn without it begins the budget anew."""
    attempts = []

    async def guess(number: int) -> str:
        """Guess."""
        attempts.append(number)
        if number < 3:
            raise ModelRetry("higher")
        return "right"

    script = [call("guess", f'{{"number": {n}}}') for n in (1, 2, 3)]
    result = await Agent(ScriptedModel([*script, "found"]), tools=[guess], max_retries=2).run("go")
    assert result.output == "found"
    assert attempts == [1, 2, 3]
    assert result.state.retries == 0


async def test_a_model_that_does_not_mend_its_calls_ends_the_run() -> None:
    """Beyond `max_retries` the run fails with the last reason and the parameter that sets the limit."""

    async def guess() -> str:
        """Guess."""
        raise ModelRetry("higher")

    agent = Agent(ScriptedModel([call("guess")] * 3), tools=[guess], max_retries=1)
    with pytest.raises(ModelError, match=r"max_retries=1; last: higher"):
        await agent.run("go")


async def test_dependencies_reach_tools_and_prompts_that_ask() -> None:
    """The first parameter gets the context if its type asks for it; the model never hears of it."""

    @dataclass
    class Shop:
        name: str

    @tool
    def stock(context: RunContext[Shop], product: str) -> str:
        """Tell the stock."""
        return f"{context.deps.name}: 3 {product} ({context.tool_name}, {context.attempt})"

    def prompt(context: RunContext[Shop]) -> str:
        return f"You work for {context.deps.name}."

    model = ScriptedModel([call("stock", '{"product": "tea"}'), "3"])
    agent = Agent(model, tools=[stock], system_prompt=["Be brief.", prompt], deps_type=Shop)
    result = await agent.run("stock?", deps=Shop("Tea & Co"))
    assert result.messages[2].tool_results[0].text == "Tea & Co: 3 tea (stock, 1)"
    assert [message.text for message in model.requests[0].messages[:2]] == ["Be brief.", "You work for Tea & Co."]
    assert "context" not in str(stock.spec.parameters)


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_prompt_functions_may_be_async_and_take_nothing(kind: str) -> None:
    """A function without parameters is called without any; an async one is awaited."""

    def plain() -> str:
        return "Plainly."

    async def later() -> str:
        return "Later."

    functions: dict[str, Callable[[], str | Awaitable[str]]] = {"plain": plain, "async": later}
    model = ScriptedModel(["ok"])
    await Agent(model, system_prompt=functions[kind]).run("go")
    assert model.requests[0].messages[0].text == {"plain": "Plainly.", "async": "Later."}[kind]


async def test_the_iteration_limit_names_itself() -> None:
    """The error says limit, value and parameter, and the journal keeps it."""
    agent = Agent(ScriptedModel([call("add", '{"a": 1, "b": 1}')] * 3), tools=[add], max_iterations=2)
    with pytest.raises(LimitExceeded, match="max_iterations=2") as caught:
        await agent.run("go")
    assert (caught.value.limit, caught.value.value, caught.value.parameter) == ("iterations", 2, "max_iterations")
    assert caught.value.run_id is not None


async def test_the_limit_on_tool_calls_stops_before_any_tool_runs() -> None:
    """An answer with more calls than are left runs none of them."""
    ran = []

    async def note(n: int) -> str:
        """Note."""
        ran.append(n)
        return "noted"

    calls = [call("note", f'{{"n": {n}}}', str(n)) for n in range(3)]
    with pytest.raises(LimitExceeded, match="max_tool_calls=2"):
        await Agent(ScriptedModel([calls]), tools=[note], max_tool_calls=2).run("go")
    assert ran == []


async def test_the_token_limit_stops_before_the_next_request() -> None:
    """What was used counts at once: no request leaves beyond the limit."""
    spent = ModelResponse(Message("assistant", (call("add", '{"a": 1, "b": 1}'),)), Usage(input=90, output=20))
    model = ScriptedModel([spent, "never"])
    with pytest.raises(LimitExceeded, match=r"max_tokens=100 \(110 used\)"):
        await Agent(model, tools=[add], max_tokens=100).run("go")
    assert len(model.requests) == 1


async def test_the_cost_limit_counts_at_list_prices() -> None:
    """`max_cost` is in dollars; the prices are the user's own, if there are any."""
    set_model_rates("scripted:priced", Rates(input=Decimal(1), output=Decimal(10)))
    spent = ModelResponse(Message("assistant", (call("add", '{"a": 1, "b": 1}'),)), Usage(input=1_000_000))
    model = ScriptedModel([spent, "never"], name="scripted:priced")
    with pytest.raises(LimitExceeded, match=r"max_cost=0\.5"):
        await Agent(model, tools=[add], max_cost=0.5).run("go")
    result = await Agent(ScriptedModel(["hi"], name="scripted:priced")).run("two words")
    assert result.cost == Decimal("0.000012")


async def test_a_cost_limit_without_a_price_is_refused() -> None:
    """A budget that cannot be kept is no budget: the run ends with words on what to do, not with a guess."""
    model = ScriptedModel([call("add", '{"a": 1, "b": 1}'), "x"], name="scripted:unpriced")
    with pytest.raises(CallerError, match="set_model_rates"):
        await Agent(model, tools=[add], max_cost=1).run("go")


async def test_the_deadline_cuts_off_what_is_under_way() -> None:
    """A tool that takes too long is cancelled, and the error names the deadline."""
    cancelled = asyncio.Event()

    async def slow() -> str:
        """Take long."""
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    with pytest.raises(LimitExceeded, match=r"deadline=0\.02"):
        await Agent(ScriptedModel([call("slow")]), tools=[slow], deadline=0.02).run("go")
    assert cancelled.is_set()


@pytest.mark.parametrize("deadline", [None, 60.0])
async def test_somebody_elses_timeout_is_not_the_deadline(deadline: float | None) -> None:
    """A model that raises `TimeoutError` fails the run as it is; only the run's own deadline is told as one."""
    log = MemoryLog()
    agent = Agent(ScriptedModel([TimeoutError("the model took too long")]), journal=log, deadline=deadline)
    with pytest.raises(TimeoutError, match="took too long"):
        await agent.run("go")
    (row,) = (await log.runs()).rows
    failure = (await load(log, row.run)).state.failure
    assert failure is not None
    assert failure.type == "TimeoutError"


async def test_a_provider_error_ends_the_run_and_is_kept() -> None:
    """The error comes out as it is; the journal holds its kind and status."""
    log = MemoryLog()
    agent = Agent(ScriptedModel([ProviderError("overloaded", status=529)]), journal=log)
    with pytest.raises(ProviderError, match="overloaded") as caught:
        await agent.run("go")
    assert caught.value.run_id is not None
    loaded = await load(log, caught.value.run_id)
    assert isinstance(loaded.facts[-1], RunFailed)
    assert loaded.state.failure is not None
    assert (loaded.state.failure.type, loaded.state.failure.status) == ("ProviderError", 529)


async def test_an_answer_that_was_cut_off_says_so() -> None:
    """Nothing is cut without a mark: `finish` is `length`."""
    cut = ModelResponse(Message.assistant("The answer is fo"), finish="length")
    assert (await Agent(ScriptedModel([cut])).run("go")).finish == "length"


async def test_an_empty_answer_is_asked_for_again() -> None:
    """A model that says nothing is told so once, and a content filter ends the run."""
    result = await Agent(ScriptedModel(["", "now"])).run("go")
    assert result.output == "now"
    filtered = ModelResponse(Message("assistant", ()), finish="content_filter")
    with pytest.raises(ModelError, match="content filter"):
        await Agent(ScriptedModel([filtered])).run("go")


async def test_history_by_result_is_continued_by_reference() -> None:
    """The second run's journal holds what is new and a reference, and the model hears everything."""
    log = MemoryLog()
    model = ScriptedModel(["one", "two"])
    agent = Agent(model, journal=log, system_prompt="Count.")
    first = await agent.run("first")
    second = await agent.run("second", history=first)
    assert [message.text for message in second.messages] == ["first", "one", "second", "two"]
    assert [message.text for message in second.new_messages] == ["second", "two"]
    started = second.facts[0]
    assert isinstance(started, RunStarted)
    assert (started.continues, started.instructions) == (first.checkpoint, None)
    assert [message.text for message in started.input] == ["second"]
    loaded = await load(log, second.run_id)
    assert loaded.state.messages == second.messages
    assert [item.text for item in loaded.state.instructions] == ["Count."]


async def test_history_by_messages_or_from_another_journal_is_written_down() -> None:
    """What cannot be referred to is part of the new run."""
    given = (Message.user("a"), Message.assistant("b"))
    result = await Agent(ScriptedModel(["d"])).run("c", history=given)
    assert [message.text for message in result.messages] == ["a", "b", "c", "d"]
    elsewhere = await Agent(ScriptedModel(["f"]), journal=MemoryLog()).run("e", history=result)
    started = elsewhere.facts[0]
    assert isinstance(started, RunStarted)
    assert (len(started.input), started.continues) == (5, None)


async def test_a_fork_continues_the_conversation_and_leaves_the_original_alone() -> None:
    """Each run of the copy goes on from the one before; the original's runs stay apart."""
    model = ScriptedModel(["1", "2", "3", "4"])
    agent = Agent(model)
    await agent.run("a")
    copy = agent.fork()
    assert [message.text for message in (await copy.run("b")).messages] == ["a", "1", "b", "2"]
    assert [message.text for message in (await copy.run("c")).messages] == ["a", "1", "b", "2", "c", "3"]
    assert [message.text for message in (await agent.run("d")).messages] == ["d", "4"]


async def test_runs_in_parallel_fail_one_by_one() -> None:
    """A failed run is a result with its error; the others have their outputs, in the order of the pairs."""
    good = Agent(ScriptedModel(["fine"]), name="good")
    bad = Agent(ScriptedModel([ProviderError("down", status=500)]), name="bad")
    first, second = await Agent.run_parallel([(bad, "x"), (good, "y")])
    assert (first.status, first.output) == ("errored", None)
    assert isinstance(first.error, ProviderError)
    with pytest.raises(ProviderError):
        first.raise_for_error()
    assert second.raise_for_error().output == "fine"


async def test_a_prompt_that_fails_in_parallel_is_an_error_of_that_run_alone() -> None:
    """A run that cannot even begin does not take the others with it."""

    def broken() -> str:
        raise KeyError("tenant")

    bad = Agent(ScriptedModel([]), system_prompt=broken)
    first, second = await Agent.run_parallel([(bad, "x"), (Agent(ScriptedModel(["fine"])), "y")])
    assert isinstance(first.error, KeyError)
    assert first.status == "errored"
    assert second.output == "fine"


async def test_an_agent_as_a_tool_has_a_linked_journal_and_counts_in_the_parents() -> None:
    """The child's run names its parent, the parent's names the child, and usage and cost are those of both."""
    log = MemoryLog()
    expert = Agent(ScriptedModel(["Paris."]), name="expert", system_prompt="You know.")
    model = ScriptedModel([call("expert", '{"task": "capital of France"}'), "It is Paris."])
    result = await Agent(model, tools=[expert.as_tool()], journal=log).run("capital?")
    assert result.messages[2].tool_results[0].text == "Paris."
    (started,) = [fact for fact in result.facts if isinstance(fact, ChildStarted)]
    (ended,) = [fact for fact in result.facts if isinstance(fact, ChildFinished)]
    child = (await load(log, started.run)).state
    assert child.parent is not None
    assert (child.parent.run, child.parent.call_id, child.agent) == (result.run_id, "c1", "expert")
    assert ended.used == child.used
    own = sum((item.usage for item in (await load(log, started.run)).state.used), Usage())
    assert result.usage.total_tokens > own.total_tokens > 0


async def test_limits_cover_children() -> None:
    """One ledger for the tree: a child cannot spend what its parent may not (pydantic-ai #3352)."""
    greedy = ModelResponse(Message("assistant", (call("add", '{"a": 1, "b": 1}'),)), Usage(input=500))
    child_model = ScriptedModel([greedy, "never"])
    child = Agent(child_model, name="child", tools=[add])
    model = ScriptedModel([call("child", '{"task": "x"}'), "never"])
    with pytest.raises(LimitExceeded, match="max_tokens=100"):
        await Agent(model, tools=[child.as_tool()], max_tokens=100).run("go")
    assert (len(child_model.requests), len(model.requests)) == (1, 1)


async def test_a_failing_child_is_a_result_for_its_parent() -> None:
    """The parent's model hears what happened and goes on; what the child used is counted."""
    child = Agent(ScriptedModel([ProviderError("down", status=500)]), name="child")
    model = ScriptedModel([call("child", '{"task": "x"}'), "I could not ask."])
    result = await Agent(model, tools=[child.as_tool()]).run("go")
    (answer,) = result.messages[2].tool_results
    assert answer.is_error
    assert "ProviderError: down" in answer.text
    assert result.output == "I could not ask."


async def test_a_child_outside_of_a_run_is_refused() -> None:
    """The tool of an agent needs a run around it."""
    with pytest.raises(CallerError, match="within a run"):
        await Agent(ScriptedModel([])).as_tool().function(RunContext(deps=None), "x")


async def test_explain_shows_what_would_leave_and_sends_nothing() -> None:
    """Every part is labelled with its origin, and the user's words stand unchanged in a part of their own."""
    explained = Agent(ScriptedModel([]), tools=[add], system_prompt="Be brief.").explain("1 + 1?")
    assert [part.origin for part in explained.parts] == ["system_prompt", "tool:add", "user"]
    assert explained.parts[-1].content == "1 + 1?"
    assert explained.request is None
    assert "1 + 1?" in str(explained)


async def test_an_agent_says_which_option_it_does_not_know() -> None:
    """A typo in an option is told at once."""
    with pytest.raises(CallerError, match="max_iteration"):
        Agent(ScriptedModel([]), max_iteration=3)  # type: ignore[call-overload]
    with pytest.raises(CallerError, match="not both"):
        Agent(ScriptedModel([]), limits=Limits(), max_tokens=3)


async def test_there_must_be_something_to_ask() -> None:
    """Neither prompt nor history is a mistake of the caller's."""
    with pytest.raises(CallerError, match="nothing to ask"):
        await Agent(ScriptedModel([])).run(None)


async def test_two_runs_of_one_agent_do_not_meet() -> None:
    """Nothing of a run is kept in the agent."""

    def echo(request: ModelRequest) -> str:
        return request.messages[-1].text.upper()

    agent = Agent(ScriptedModel([echo] * 20))
    results = await asyncio.gather(*(agent.run(f"word {n}") for n in range(20)))
    assert [result.output for result in results] == [f"WORD {n}" for n in range(20)]


async def test_a_tool_that_swallows_cancellation_does_not_save_the_run() -> None:
    """Cancelling a run ends it, even where a tool takes the cancellation for its own."""
    entered = asyncio.Event()

    async def stubborn() -> str:
        """Do not stop."""
        entered.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "still here"
        return ""

    model = ScriptedModel([call("stubborn"), "never"])
    task = asyncio.ensure_future(Agent(model, tools=[stubborn]).run("go"))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(model.requests) == 1


async def test_results_are_kept_as_they_come_and_read_in_the_order_of_the_calls() -> None:
    """A fast tool's result is durable before a slow sibling's, and the model reads results in the order in which it asked."""
    early_is_kept = asyncio.Event()

    async def late() -> str:
        """Come second."""
        await early_is_kept.wait()
        return "late"

    async def early() -> str:
        """Come first."""
        return "early"

    model = ScriptedModel([[call("late", call_id="1"), call("early", call_id="2")], "ok"])
    callbacks = Callbacks(on_tool_end=lambda *_: early_is_kept.set())
    result = await Agent(model, tools=[late, early], callbacks=callbacks).run("go")
    finished = [fact.result.text for fact in result.facts if isinstance(fact, ToolFinished)]
    assert finished == ["early", "late"]
    assert [item.text for item in result.messages[2].tool_results] == ["late", "early"]


async def test_settings_reach_the_model() -> None:
    """What was set is asked for, and what was not is left to the provider."""
    model = ScriptedModel(["ok"])
    await Agent(model, settings=Settings(temperature=0.2, max_tokens=9)).run("go")
    assert model.requests[0].settings == Settings(temperature=0.2, max_tokens=9)
