"""Functions that are told what happens, and can harm nothing."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from journeyman.data import (
    Failure,
    Message,
    ModelResponse,
    Progress,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
)
from journeyman.journal import ModelRequested, ModelResponded, RunFailed, RunFinished, ToolFinished, ToolStarted
from journeyman.observe import Callbacks, CallbackTap, Failed

REQUESTED = ModelRequested(seq=1, model="m", history=1, iteration=2)
CALL = ToolCall("1", "add", '{"a":1}')
ANSWER = ModelResponded(seq=2, response=ModelResponse(Message("assistant", (Thinking("hm"), Text("so"), CALL))))
STARTED = ToolStarted(seq=3, at=0, call_id="1", name="add")
FINISHED = ToolFinished(seq=4, at=1_500, result=ToolResult("1", "3"))
LAST = ModelResponded(seq=5, response=ModelResponse(Message.assistant("three")))
OVER = RunFinished(seq=6)
FAILED = RunFailed(seq=6, failure=Failure("ModelError", "no"))
RUN = [[REQUESTED], [ThinkingDelta("hm"), TextDelta("so"), ToolCallDelta(0, "1", "add")], [ANSWER, STARTED],
       [Progress("1", "half")], [FINISHED], [LAST, OVER, FAILED]]  # fmt: skip

TOLD = {
    "on_token": [("so",), ("three",)],
    "on_step": [
        ("think", "hm"), ("think", "so"), ("tool_call", ""), ("tool_result", "3"), ("output", "three"),
    ],
    "on_tool_start": [("add", '{"a":1}')],
    "on_tool_end": [("add", "3", 1.5)],
    "on_iteration": [(2,)],
    "on_output": [("three",)],
    "on_request": [(REQUESTED,)],
    "on_response": [(ANSWER.response,), (LAST.response,)],
    "on_error": [(Failed("ModelError", "no"),)],
    "on_stream_delta": [(ThinkingDelta("hm"),), (TextDelta("so"),), (ToolCallDelta(0, "1", "add"),)],
}  # fmt: skip


def hears(name: str, heard: list[Any]):
    def hear(*args: Any) -> None:
        heard.append((args[0].kind, args[0].content) if name == "on_step" else args)

    return hear


def later(function):
    async def hear(*args: Any) -> None:
        await asyncio.sleep(0)
        function(*args)

    return hear


def test_every_callback_is_tried_here():
    """The table above has them all."""
    assert {field.name for field in dataclasses.fields(Callbacks)} == set(TOLD)


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("is_async", [False, True])
async def test_each_callback_hears_of_its_events(name, is_async):
    """In order, sync or async, whichever others there are not."""
    heard: list[Any] = []
    function = hears(name, heard)
    tap = CallbackTap(Callbacks(**{name: later(function) if is_async else function}))
    for batch in RUN:
        tap(batch)
    await tap.drain()
    assert heard == TOLD[name]


async def test_sync_callbacks_are_called_at_once():
    """Nothing has to be awaited first."""
    heard: list[str] = []
    CallbackTap(Callbacks(on_token=heard.append))([TextDelta("a")])
    assert heard == ["a"]


async def test_async_callbacks_are_told_one_after_the_other():
    """A slow one is not overtaken by those that are told later, of whatever kind."""
    heard: list[str] = []
    release = asyncio.Event()

    async def slow(name: str, arguments: str) -> None:
        await release.wait()
        heard.append(f"start {name}")

    async def quick(name: str, result: str, duration: float) -> None:
        heard.append(f"end {name}")

    tap = CallbackTap(Callbacks(on_tool_start=slow, on_tool_end=quick))
    tap([ANSWER, STARTED])
    await asyncio.sleep(0)
    tap([FINISHED])
    await asyncio.sleep(0)
    assert heard == []
    release.set()
    await tap.drain()
    assert heard == ["start add", "end add"]


async def test_draining_waits_for_what_is_told_meanwhile():
    """Also after a first drain, and at once where there is nothing to wait for."""
    heard: list[str] = []

    async def token(text: str) -> None:
        await asyncio.sleep(0)
        heard.append(text)
        if text == "a":
            tap([TextDelta("b")])

    tap = CallbackTap(Callbacks(on_token=token))
    await tap.drain()
    tap([TextDelta("a")])
    await tap.drain()
    assert heard == ["a", "b"]
    tap([TextDelta("c")])
    await tap.drain()
    assert heard == ["a", "b", "c"]


@pytest.mark.parametrize("is_async", [False, True])
async def test_an_exception_in_a_callback_is_logged_and_harms_nothing(is_async, caplog):
    """The others, and the next calls of the same one, go on."""
    heard: list[str] = []

    def fail(text: str) -> None:
        heard.append(text)
        raise ValueError(f"cannot show {text}")

    tap = CallbackTap(Callbacks(on_token=later(fail) if is_async else fail, on_response=heard.append))
    tap([REQUESTED, TextDelta("a"), TextDelta("b")])
    tap([LAST])
    await tap.drain()
    assert [item for item in heard if isinstance(item, str)] == ["a", "b", "ree"]
    assert LAST.response in heard
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
        "cannot show a", "cannot show b", "cannot show ree",
    ]  # fmt: skip
    assert {record.message for record in caplog.records} == {"a callback failed; the run goes on"}


async def test_a_callback_that_is_cancelled_from_within_harms_nothing(caplog):
    """A connection of an interface may be cancelled by its own server; those behind it in the queue are still told."""
    heard: list[str] = []

    async def token(text: str) -> None:
        heard.append(text)
        raise asyncio.CancelledError

    tap = CallbackTap(Callbacks(on_token=token))
    tap([TextDelta("a"), TextDelta("b")])
    await tap.drain()
    assert heard == ["a", "b"]
    assert "cancelled from within" in caplog.text


async def test_a_loop_that_ends_ends_the_callbacks():
    """A real cancellation is not swallowed."""
    started = asyncio.Event()

    async def token(text: str) -> None:
        started.set()
        await asyncio.Event().wait()

    tap = CallbackTap(Callbacks(on_token=token))
    tap([TextDelta("a")])
    await started.wait()
    assert tap._pump is not None
    tap._pump.cancel()
    await tap.drain()
    assert tap._pump.cancelled()


async def test_an_output_is_given_as_its_users_type():
    """To `on_output` and to `on_step`."""
    heard: list[Any] = []
    tap = CallbackTap(
        Callbacks(on_output=heard.append, on_step=lambda step: heard.append(step.content)),
        lambda stored, text: (stored, text),
    )
    tap([LAST, OVER])
    assert heard == [(None, "three"), (None, "three")]


def test_what_hears_of_tokens_wants_a_stream():
    """Nothing else does."""
    assert Callbacks(on_token=lambda _: None).wants_stream
    assert Callbacks(on_stream_delta=lambda _: None).wants_stream
    assert not Callbacks(on_output=lambda _: None).wants_stream


def test_no_callbacks_are_none():
    """So that a run need not tell anybody."""
    assert not Callbacks().are_any()
    assert Callbacks(on_error=lambda _: None).are_any()
