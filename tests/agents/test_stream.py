"""Streams: read in part, twice, from other tasks, and by blocking code."""

from __future__ import annotations

import asyncio

import pytest

from journeyman import Agent, CallerError, ProviderError, ScriptedModel, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ToolCall


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def script() -> ScriptedModel:
    return ScriptedModel([ToolCall("1", "add", '{"a": 1, "b": 2}'), "It is three."])


async def test_text_comes_word_by_word_and_the_result_follows() -> None:
    """The words together are the answer."""
    async with Agent(script(), tools=[add]).run_stream("go") as stream:
        words = [text async for text in stream.text()]
    assert words == ["It", " is", " three."]
    assert stream.result.output == "It is three."


async def test_a_stream_is_read_twice_and_from_two_tasks() -> None:
    """Every reader has its own view; a second reading gives what was said, in larger pieces."""
    async with Agent(script(), tools=[add]).run_stream("go") as stream:

        async def read() -> str:
            return "".join([text async for text in stream.text()])

        both = await asyncio.gather(read(), read())
        assert [*both, await read()] == ["It is three."] * 3


async def test_leaving_early_cancels_the_run() -> None:
    """Whoever leaves the context has no more use for the run; its journal says so."""
    log = MemoryLog()
    model = ScriptedModel([ToolCall("1", "add", '{"a": 1, "b": 2}')] * 10)
    async with Agent(model, tools=[add], journal=log).run_stream("go") as stream:
        async for event in stream.events():
            if event.kind == "tool_end":
                break
    (row,) = (await log.runs()).rows
    assert row.status == "cancelled"
    with pytest.raises(CallerError, match="still at work"):
        _ = stream.result


async def test_the_result_can_be_had_without_reading() -> None:
    """`finish` waits for the run, whatever was read."""
    async with Agent(script(), tools=[add]).run_stream("go") as stream:
        assert (await stream.finish()).output == "It is three."


async def test_an_error_is_raised_where_reading_ends() -> None:
    """A reader of words cannot miss that the run failed."""

    async def read() -> None:
        async with Agent(ScriptedModel([ProviderError("down", status=500)])).run_stream("go") as stream:
            async for _ in stream.text():
                pass

    with pytest.raises(ProviderError, match="down"):
        await read()


async def test_an_error_that_nobody_read_is_raised_at_the_end() -> None:
    """Leaving the context after a failure raises it, once."""

    async def ignore() -> None:
        async with Agent(ScriptedModel([ProviderError("down", status=500)])).run_stream("go") as stream:
            async for _ in stream.run.facts():
                pass

    with pytest.raises(ProviderError, match="down"):
        await ignore()


async def test_an_error_of_the_body_is_not_hidden() -> None:
    """What the reader raises comes out, and the run is cancelled."""
    with pytest.raises(KeyError):
        async with Agent(script(), tools=[add]).run_stream("go"):
            raise KeyError("mine")


async def test_a_stream_is_opened_once_and_before_it_is_read() -> None:
    """Misuse is told, with what to do."""
    stream = Agent(ScriptedModel(["a"])).run_stream("go")
    with pytest.raises(CallerError, match="async with"):
        _ = stream.run
    async with stream:
        await stream.finish()
    with pytest.raises(CallerError, match="opened once"):
        async with stream:
            pass


async def test_iter_gives_steps_and_leaving_it_cancels() -> None:
    """Steps come as they happen; a `break` ends the run."""
    log = MemoryLog()
    steps = [step.kind async for step in Agent(script(), tools=[add]).iter("go")]
    assert steps == ["tool_call", "tool_result", "output"]
    iterator = Agent(script(), tools=[add], journal=log).iter("go")
    async for step in iterator:
        assert step.kind == "tool_call"
        break
    await iterator.aclose()  # type: ignore[attr-defined]
    (row,) = (await log.runs()).rows
    assert row.status == "cancelled"


def test_blocking_code_reads_streams_too() -> None:
    """`run_stream_sync` and `iter_sync` work without a loop."""
    with Agent(script(), tools=[add]).run_stream_sync("go") as stream:
        assert "".join(stream.text_sync()) == "It is three."
    assert stream.result.output == "It is three."
    assert [step.kind for step in Agent(script(), tools=[add]).iter_sync("go")] == [
        "tool_call",
        "tool_result",
        "output",
    ]
    with Agent(script(), tools=[add]).run_stream_sync("go") as second:
        assert [event.kind for event in second.events_sync()][-1] == "output"
        assert [step.kind for step in second.steps_sync()][-1] == "output"
        assert second.finish_sync().output == "It is three."
