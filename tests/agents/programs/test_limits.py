"""The limits of a run, of its programs and of a turn: each breach says which it was, and leaves a run that can go on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman import Agent, LimitExceeded, Limits, Pending, ScriptedModel, resume, tool
from journeyman.adapters import sandbox_monty_turns
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import Message, ModelRequest, ModelResponse, ToolCall, Usage
from journeyman.journal import ProgramFinished, RunFailed, ToolCalled, ToolFinished, load
from journeyman.programs import ProgramLimits, Programs

BOTH = pytest.mark.parametrize("language", ["python", "lisp"])

FIVE = {
    "python": "import asyncio\nreturn list(await asyncio.gather(*[async_tools.look(at=i) for i in range(5)]))",
    "lisp": "(return (pmap (fn [i] (tool/look {:at i})) (range 5)))",
}
CHILD = {"python": 'return clerk(task="t")', "lisp": '(return (tool/clerk {:task "t"}))'}
FOREVER = {"python": "while True:\n    pass", "lisp": "(println (reduce + (map inc (range 100000000))))"}


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def program(code: str, call_id: str = "p") -> ToolCall:
    return ToolCall(call_id, "run_program", json.dumps({"code": code}))


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [result.text for message in messages for result in message.tool_results]


@BOTH
async def test_max_tool_calls_counts_those_of_programs_and_stops_them_before_they_are_made(language: str) -> None:
    """Five calls side by side where three are left: three are made and recorded, the run fails with the limit's name, value
    and parameter, and taken up with more it makes the other two and gives the program's value.
    """
    log, calls = MemoryLog(), list[int]()

    @tool
    async def look(at: int) -> int:
        """Look; not idempotent."""
        calls.append(at)
        return at * 10

    agent = Agent(turns(program(FIVE[language])), programs=Programs(language=language, tools=[look]), journal=log)
    with pytest.raises(LimitExceeded, match=r"tool calls.*max_tool_calls=4") as caught:
        await agent.run("go", limits=Limits(max_tool_calls=4))
    run = str(caught.value.run_id)
    assert calls == [0, 1, 2]
    facts = (await load(log, run)).facts
    assert sum(isinstance(fact, ToolFinished) for fact in facts) == 3
    assert isinstance(facts[-1], RunFailed)
    with pytest.raises(LimitExceeded, match="max_tool_calls=4"):
        await resume(run, agent=agent)
    result = await resume(run, agent=agent, limits=Limits(max_tool_calls=6))
    assert result.output == [0, 10, 20, 30, 40]
    assert sorted(calls) == [0, 1, 2, 3, 4]


@BOTH
async def test_the_cost_of_a_sub_agent_in_a_program_counts_for_the_run(language: str) -> None:
    """What an agent below a program costs is held against `max_cost` of the run above, whose next request is refused."""
    answer = ModelResponse(Message.assistant("dear"), usage=Usage(input=1), finish="stop", cost=2_000_000_000)
    clerk = Agent(ScriptedModel([answer]), name="clerk")
    code = (
        CHILD[language].replace("return ", "print(", 1) + ")"
        if language == "python"
        else f"(println {CHILD[language][8:]}"
    )
    programs = Programs(language=language, tools=[clerk.as_tool()])
    log = MemoryLog()
    free = ModelResponse(Message("assistant", (program(code),)), usage=Usage(), finish="tool_calls", cost=0)
    last = ModelResponse(Message.assistant("Done."), usage=Usage(), finish="stop", cost=0)
    agent = Agent(ScriptedModel([free, last], name="openai:gpt-4o-mini"), name="boss", programs=programs, journal=log)
    with pytest.raises(LimitExceeded, match=r"cost.*max_cost=1") as caught:
        await agent.run("go", limits=Limits(max_cost=1))
    result = await resume(str(caught.value.run_id), agent=agent, limits=Limits(max_cost=3))
    assert result.output == "Done."
    assert "dear" in texts(result.messages)[0]


@BOTH
async def test_the_calls_of_one_program_are_limited(language: str) -> None:
    """`ProgramLimits.tool_calls` is told to the model, with its value; what was called before it stays recorded."""
    calls: list[int] = []

    @tool
    async def look(at: int) -> int:
        """Look."""
        calls.append(at)
        return at

    programs = Programs(language=language, tools=[look], limits=ProgramLimits(tool_calls=3))
    result = await Agent(turns(program(FIVE[language]), "Done."), programs=programs).run("go")
    assert "call_limit_exceeded" in texts(result.messages)[0]
    assert "tool_calls=3" in texts(result.messages)[0]
    assert len(calls) <= 3
    assert sum(isinstance(fact, ToolCalled) for fact in result.facts) == len(calls)


@BOTH
async def test_the_time_of_one_program_is_limited(language: str) -> None:
    """`cpu_seconds` is told to the model, with its value, and the next program has its own."""
    programs = Programs(language=language, tools=[], limits=ProgramLimits(cpu_seconds=0.05))
    again = "print(1)" if language == "python" else "(println 1)"
    result = await Agent(turns(program(FOREVER[language]), program(again, "q"), "Done."), programs=programs).run("go")
    assert "cpu_seconds=0.05" in texts(result.messages)[0]
    assert "printed:\n1" in texts(result.messages)[1]


@BOTH
async def test_the_programs_of_one_answer_share_their_time(language: str) -> None:
    """Two programs that never end, in one answer: each has half of `turn_cpu_seconds`, whose name and value the model is told;
    those of the next answer begin anew.
    """
    programs = Programs(language=language, turn_cpu_seconds=0.1)
    both = [program(FOREVER[language], "p"), program(FOREVER[language], "q")]
    again = "print(1)" if language == "python" else "(println 1)"
    result = await Agent(turns(both, program(again, "r"), "Done."), programs=programs).run("go")
    first, second, third = texts(result.messages)
    assert "turn_cpu_seconds=0.1" in first
    assert "turn_cpu_seconds=0.1" in second
    assert "printed:\n1" in third
    spent = [fact.seconds for fact in result.facts if isinstance(fact, ProgramFinished)]
    assert len(spent) == 3
    assert max(spent) < 1


@BOTH
async def test_the_programs_of_one_answer_do_not_depend_on_each_other(language: str) -> None:
    """Side by side, each finds what was there before the answer, and what they define is kept in their order, whichever is
    quicker; each counts as one of `max_turns`, and of those that are too many none is run.
    """
    codes = {
        "python": ["import asyncio\nawait asyncio.gather(async_tools.slow())\nx = 1\ny = 1", "x = 2", "x = 3"],
        "lisp": ["(tool/slow {}) (def x 1) (def y 1)", "(def x 2)", "(def x 3)"],
    }[language]

    @tool
    async def slow() -> None:
        """Nothing, but it takes a call."""

    calls = [program(code, name) for code, name in zip(codes, "abc", strict=True)]
    model = turns(calls, "Done.")
    programs = Programs(language=language, tools=[slow], max_turns=2)
    result = await Agent(model, programs=programs).run("go")
    assert result.state.memory["x"] == 2
    assert result.state.memory["y"] == 1
    first, second, third = texts(result.messages)
    assert "max_turns=2" in third
    assert "was not run" in third
    assert "stored" in first
    assert "stored" in second
    assert result.state.programs == 2


@BOTH
async def test_a_program_that_waits_is_not_one_too_many_later(language: str) -> None:
    """The last that `max_turns` allows waits while the one beside it ends: it goes on all the same when it is answered."""

    @tool
    async def ask() -> str:
        """Ask."""
        raise Pending

    log = MemoryLog()
    wait = "print(ask())" if language == "python" else "(println (tool/ask {}))"
    short = "print(1)" if language == "python" else "(println 1)"
    programs = Programs(language=language, tools=[ask], max_turns=2)
    agent = Agent(turns([program(wait, "w"), program(short, "s")], "Done."), programs=programs, journal=log)
    waiting = await agent.run("go")
    assert waiting.state.programs == 1
    result = await resume(waiting.run_id, agent=agent, answers={"w.0": "they agree"})
    assert result.output == "Done."
    assert "printed:\nthey agree" in texts(result.messages)[0]
    assert result.state.programs == 2


class Ticking:
    """A clock that is a second later each time that it is read."""

    def __init__(self) -> None:
        self.at = 0.0

    def perf_counter(self) -> float:
        self.at += 1
        return self.at


@BOTH
@pytest.mark.parametrize("snapshots", [True, False])
async def test_running_again_what_was_run_takes_nothing_off_the_time_of_a_turn(
    language: str,
    snapshots: bool,  # noqa: FBT001  (a parameter of the test)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program that waits six times has computed in seven stretches, with its snapshots and without: each beginning that is
    run again would take it over the eight seconds of its turn.
    """
    monkeypatch.setattr(sandbox_monty_turns, "time", Ticking())

    @tool
    async def ask(number: int) -> str:
        """Ask."""
        raise Pending(number)

    log = MemoryLog()
    waits = {
        "python": "for number in range(6):\n    print(ask(number=number))",
        "lisp": "(doseq [n (range 6)] (println (tool/ask {:number n})))",
    }[language]
    programs = Programs(language=language, tools=[ask], turn_cpu_seconds=8)
    secret = "the secret of all of them"
    agent = Agent(turns(program(waits), "Done."), name="a", programs=programs, journal=log, secret=secret)
    result = await agent.run("go")
    for number in range(6):
        # With a secret of its own each time, no snapshot can be taken up.
        secret = secret if snapshots else f"the secret with the number {number}"
        agent = Agent(turns(program(waits), "Done."), name="a", programs=programs, journal=log, secret=secret)
        result = await resume(result.run_id, agent=agent, answers={f"p.{number}": "yes"})
    assert result.output == "Done."
    (finished,) = [fact for fact in result.facts if isinstance(fact, ProgramFinished)]
    assert finished.seconds == 7
