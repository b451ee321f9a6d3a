"""Whatever happens in a tool becomes an outcome that the model can act on."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import threading
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel

from journeyman.data import Audio, Bug, CallerError, Conflict, Document, Image, Text, ToolCall, ToolResult, Video
from journeyman.tools import Done, ModelRetry, Pending, RunContext, Waits, call_tool, tool, unknown_tool

who = contextvars.ContextVar("who", default="nobody")


def no_context() -> RunContext[Any]:
    raise AssertionError("nobody asked for the context")


async def outcome_of(function: Any, arguments: str = "{}", context: Any = no_context):
    return await call_tool(tool(name="t")(function), ToolCall("c", "t", arguments), context)


async def result_of(function: Any, arguments: str = "{}") -> ToolResult:
    outcome = await outcome_of(function, arguments)
    assert isinstance(outcome, Done)
    # What cannot be written down again would end the run.
    assert msgspec.json.decode(msgspec.json.encode(outcome.result), type=ToolResult) == outcome.result
    assert outcome.result.call_id == "c"
    return outcome.result


def both(function):
    """The function as it is, and as an async one."""

    @functools.wraps(function)
    async def later(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return pytest.mark.parametrize("function", [function, later], ids=["sync", "async"])


def add(a: int, b: int = 2) -> int:
    """Add."""
    return a + b


@both(add)
async def test_arguments_are_checked_and_defaults_are_the_functions(function):
    """Numbers arrive as numbers, and what the model leaves out has its default."""
    assert (await result_of(function, '{"a": 1}')).content == "3"
    assert (await result_of(function, '{"a": "4", "b": 6}')).content == "10"


@both(add)
@pytest.mark.parametrize("arguments", ["{}", '{"a": "many"}', '{"a": 1, "c": 2}', '{"a": 1', "[]", ""])
async def test_bad_arguments_are_told_to_the_model(function, arguments):
    """The tool is not called, and the error says what does not fit."""
    result = await result_of(function, arguments)
    assert result.is_error
    assert "t" in result.text


def only_by_position(a: int, b: int = 5, /, *, c: int = 1) -> int:
    """Add."""
    return a * 100 + b * 10 + c


async def test_positional_parameters_are_given_by_position():
    """A function may refuse names."""
    assert (await result_of(only_by_position, '{"a": 1, "c": 3}')).content == "153"


def fail() -> None:
    """Fail."""
    raise ValueError("no such file")


@both(fail)
async def test_an_error_of_a_tool_is_a_result(function, caplog):
    """The model reads its type and words, the log has the traceback."""
    result = await result_of(function)
    assert result.is_error
    assert result.text == "t failed: ValueError: no such file"
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def leave() -> None:
    """Leave."""
    raise SystemExit(2)


@both(leave)
async def test_a_tool_cannot_end_the_program(function):
    """A command-line parser inside a tool calls sys.exit; the run goes on."""
    result = await result_of(function)
    assert (result.is_error, result.text) == (True, "t failed: SystemExit: 2")


def stop() -> None:
    """Stop."""
    raise StopIteration("over")


@both(stop)
async def test_the_end_of_an_iterator_is_a_failure(function):
    """It does not end anybody's generator."""
    result = await result_of(function)
    assert result.is_error
    assert "StopIteration" in result.text


def try_again() -> None:
    """Retry."""
    raise ModelRetry("say it in French")


@both(try_again)
async def test_a_tool_may_ask_the_model_again(function):
    """The reason goes to the model, and the outcome counts as a retry."""
    outcome = await outcome_of(function)
    assert outcome == Done(ToolResult("c", "say it in French", is_error=True), asks_retry=True)


def ask() -> None:
    """Ask."""
    raise Pending({"who": ["boss"]})


def give() -> Pending:
    """Ask."""
    return Pending("boss")


@both(ask)
async def test_a_raised_pending_waits(function):
    """With its information."""
    assert await outcome_of(function) == Waits({"who": ["boss"]})


@both(give)
async def test_a_returned_pending_waits(function):
    """It is the same as a raised one."""
    assert await outcome_of(function) == Waits("boss")


@pytest.mark.parametrize("info", [object(), {1, object()}, "\ud800"])
async def test_a_pending_that_no_journal_can_hold_is_a_failure(info):
    """It is told at once, instead of ending the run when it is written down."""

    def wait() -> None:
        """Wait."""
        raise Pending(info)

    result = await result_of(wait)
    assert result.is_error
    assert "cannot be written as JSON" in result.text


@pytest.mark.parametrize("kind", [Conflict, Bug])
async def test_what_no_model_can_mend_comes_out(kind):
    """Another writer, or a fault of ours, ends the run."""

    async def broken() -> None:
        """Break."""
        raise kind("no")

    with pytest.raises(kind):
        await outcome_of(broken)


# --- what a tool returns ------------------------------------------------------------------------------------------------


@dataclass
class Point:
    x: int


class Model(BaseModel):
    x: int


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("words", "words"),
        ("", ""),
        (None, "null"),
        (5, "5"),
        ([1, 2], "[1,2]"),
        (["a", "b"], '["a","b"]'),
        ((), "[]"),
        ({"a": None}, '{"a":null}'),
        (Point(1), '{"x":1}'),
        (Model(x=1), '{"x":1}'),
        ("caf\udce9", "caf\\udce9"),
    ],
)
async def test_values_are_shown_as_words_or_json(value, text):
    """A string as it is, anything else as JSON, and always what a wire can carry."""

    def returning() -> Any:
        """Give it."""
        return value

    result = await result_of(returning)
    assert (result.content, result.is_error) == (text, False)


async def test_text_that_no_wire_can_carry_is_mended_everywhere(caplog: pytest.LogCaptureFixture):
    """In errors, retries and parts as well as in plain results."""
    # What is logged goes from one test process to another, and half a surrogate pair cannot.
    caplog.set_level(logging.CRITICAL, "journeyman")

    def failing() -> None:
        """Fail."""
        raise OSError("caf\udce9")

    def asking() -> None:
        """Ask."""
        raise ModelRetry("caf\udce9")

    def parts() -> Any:
        """Give parts."""
        return [Text("caf\udce9"), "caf\udce9"]

    for function in (failing, asking, parts):
        assert "caf\\udce9" in (await result_of(function)).text


PICTURE = Image("image/png", b"\x89\xff")


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (PICTURE, (PICTURE,)),
        (Audio("audio/wav", b"\xff"), (Audio("audio/wav", b"\xff"),)),
        (Video("video/mp4", b"\xff"), (Video("video/mp4", b"\xff"),)),
        (Document("application/pdf", b"\xff"), (Document("application/pdf", b"\xff"),)),
        (Text("a"), (Text("a"),)),
        ([PICTURE, "a caption"], (PICTURE, Text("a caption"))),
        (("a caption", PICTURE), (Text("a caption"), PICTURE)),
        ([{"size": 3}, PICTURE, None], (Text('{"size":3}'), PICTURE, Text("null"))),
    ],
)
async def test_media_reach_the_model_as_media(value, content):
    """Alone or among words, wherever in the list they stand; whatever else is in the list is shown as text."""

    def returning() -> Any:
        """Give it."""
        return value

    result = await result_of(returning)
    assert (result.content, result.is_error) == (content, False)


class Knot(list):
    """A list that holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self.append(self)


@pytest.mark.parametrize("value", [b"\xff", bytearray(b"a"), Knot(), [b"\xff"], [PICTURE, b"\xff"]])
async def test_what_cannot_be_shown_is_a_failure(value):
    """Bytes and knots end no run; the model, and the log, hear why."""

    def returning() -> Any:
        """Give it."""
        return value

    result = await result_of(returning)
    assert result.is_error
    assert "a tool returned" in result.text


# --- sync and async -----------------------------------------------------------------------------------------------------


async def test_sync_tools_run_beside_the_loop():
    """In a thread that has the tool's name."""

    def where() -> str:
        """Tell where."""
        return threading.current_thread().name

    assert (await result_of(where)).content == "tool t"


async def test_context_variables_reach_a_tool():
    """Whatever the caller has set."""
    who.set("me")

    def ask_who() -> str:
        """Tell who."""
        return who.get()

    assert (await result_of(ask_who)).content == "me"


async def test_an_async_function_behind_a_plain_decorator_is_awaited():
    """Many decorators hide that a function is async; its result is still its result."""

    async def inner(a: int) -> int:
        """Double."""
        await asyncio.sleep(0)
        return a * 2

    @functools.wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        return inner(*args, **kwargs)

    assert not tool(outer).is_async
    assert (await result_of(outer, '{"a": 2}')).content == "4"


# --- the context --------------------------------------------------------------------------------------------------------


async def test_the_context_is_injected():
    """As the first parameter; the model's arguments fill the others."""

    async def use(ctx: RunContext[str], n: int) -> str:
        """Use it."""
        return ctx.deps * n

    def use_too(ctx: "RunContext[str]", n: int) -> str:  # noqa: UP037  (text inside of text is what is tried)
        """Use it."""
        return ctx.deps * n

    def use_by_name(*, ctx: RunContext[str], n: int) -> str:
        """Use it."""
        return ctx.deps * n

    for function in (use, use_too, use_by_name):
        outcome = await outcome_of(function, '{"n": 2}', lambda: RunContext("ab"))
        assert outcome == Done(ToolResult("c", "abab"))


async def test_a_model_cannot_forge_the_context():
    """An argument of that name is refused."""

    def use(ctx: RunContext[str], n: int) -> str:
        """Use it."""
        return ctx.deps

    outcome = await outcome_of(use, '{"n": 1, "ctx": {"deps": "mine"}}', lambda: RunContext("ours"))
    assert isinstance(outcome, Done)
    assert outcome.result.is_error


# --- cancellation -------------------------------------------------------------------------------------------------------


def cancel() -> None:
    """Cancel."""
    raise asyncio.CancelledError


@both(cancel)
async def test_a_tool_that_cancels_itself_has_failed(function):
    """Nobody has cancelled the run, so it goes on."""
    result = await result_of(function)
    assert (result.is_error, result.text) == (True, "t failed: it was cancelled from within")


async def test_an_awaited_task_that_was_cancelled_is_a_failure():
    """The tool did not catch it, and it is still not the run's cancellation."""

    async def waits_for_another() -> None:
        """Wait."""
        task = asyncio.ensure_future(asyncio.sleep(0))
        task.cancel()
        await task

    assert (await result_of(waits_for_another)).is_error


async def test_a_tool_may_have_a_timeout_of_its_own():
    """It is an error like any other."""

    async def slow() -> None:
        """Be slow."""
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    assert "TimeoutError" in (await result_of(slow)).text


@pytest.mark.parametrize("is_async", [False, True])
async def test_real_cancellation_comes_out(is_async):
    """A run that is cut off does not go on with a failed tool."""
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    async def wait_here() -> None:
        """Wait."""
        started.set()
        await asyncio.Event().wait()

    def wait_there() -> None:
        """Wait."""
        loop.call_soon_threadsafe(started.set)
        release.wait()

    task = asyncio.create_task(outcome_of(wait_here if is_async else wait_there))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()


# --- tools that are not there -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("known", "words"), [(["a", "b"], "the tools are: a, b"), ([], "the tools are: none")])
def test_an_unknown_tool_is_answered_with_the_known_ones(known, words):
    """So that the model can choose again."""
    outcome = unknown_tool(ToolCall("c", "x"), lambda: known)
    assert outcome.result == ToolResult("c", f"there is no tool 'x'; {words}", is_error=True)
    assert not outcome.asks_retry


async def test_a_hint_that_cannot_be_used_is_the_callers_error():
    """It is raised where the tool is described, before any model is asked."""

    def odd(x: "Nowhere") -> None:  # noqa: F821, UP037  (the point of the test)
        """Be odd."""

    with pytest.raises(CallerError, match="Nowhere"):
        _ = tool(odd).spec
