"""Programs in worker processes: values, limits, tools, errors and workers."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
from pathlib import Path
from typing import Any

import pydantic
import pytest

from journeyman.data import CallerError
from journeyman.programs import Grant, Outcome, ProgramLimits, open_sandbox
from journeyman.tools import ModelRetry, Pending, RunContext, tool


async def run(code: str, **options: Any) -> Outcome:
    async with open_sandbox(processes=1) as sandbox:
        return await sandbox.run(code, **options)


def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


def echo(text: str) -> str:
    """Give it back."""
    return text


def broken(x: int) -> int:
    """Fail."""
    raise KeyError(x)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("1 + 1", 2),
        ("x = 5", None),
        ("", None),
        ("(1 + 2)", 3),
        ("x = 1; x + 1", 2),
        ("1,\n2", 2),
        ("[\n  1,\n  2,\n]", [1, 2]),
        ("'ä' + 'ö'", "äö"),
        ("{'a': (1, 2.5), 'b': {3}, None: b'x'}", {"a": (1, 2.5), "b": {3}, None: b"x"}),
        ("import datetime\n[datetime.date(2020, 1, 2), {1}]", [dt.date(2020, 1, 2), {1}]),
        ("10 ** 30", 10**30),
        ("print", "<built-in function print>"),
    ],
)
async def test_the_value_of_the_last_expression_comes_out_as_plain_python(code: str, value: Any):
    """Also where it stands in parentheses, over several lines or behind a semicolon; what is no data is its repr."""
    outcome = await run(code)
    assert outcome.error is None
    assert outcome.value == value


async def test_data_is_read_and_never_changed():
    """A program gets a copy, as JSON would have it."""
    data = {"rows": [{"n": 1}], "at": dt.date(2020, 1, 2)}
    outcome = await run("data['rows'][0]['n'] = 7\n[data['rows'], data['at']]", data=data)
    assert outcome.value == [[{"n": 7}], "2020-01-02"]
    assert data["rows"] == [{"n": 1}]


async def test_data_that_cannot_cross_is_the_caller_s_error():
    """Found out before the program runs, and named."""
    with pytest.raises(CallerError, match="data: a dict cannot cross into a program"):
        await run("1", data={"a": object()})


@pytest.mark.parametrize(
    ("code", "limits", "reason", "parameter"),
    [
        ("sum(range(10**12))", {"cpu_seconds": 0.1}, "timeout", "cpu_seconds"),
        ("'a' * 10**9", {"memory_bytes": 10_000_000}, "memory_exceeded", "memory_bytes"),
        ("while True: pass", {"loop_steps": 1000}, "loop_limit_exceeded", "loop_steps"),
        ("for i in range(2000):\n    if i: pass", {"loop_steps": 1000}, "loop_limit_exceeded", "loop_steps"),
        ("for i in range(20): double(i)", {"tool_calls": 10}, "call_limit_exceeded", "tool_calls"),
        ("def f(n): return f(n)\nf(1)", {"depth": 50}, "depth_exceeded", "depth"),
        ("'x' * 200", {"source_bytes": 5}, "size_exceeded", "source_bytes"),
        ("'x' * 2000", {"value_bytes": 1000}, "size_exceeded", "value_bytes"),
        ("[{1}, 'x' * 2000]", {"value_bytes": 1000}, "size_exceeded", "value_bytes"),
        ("echo('x' * 2000)", {"value_bytes": 1000}, "size_exceeded", "value_bytes"),
    ],
)
async def test_a_limit_that_is_reached_is_named(code: str, limits: dict[str, Any], reason: str, parameter: str):
    """With its value and the parameter that sets it."""

    error = (await run(code, tools=[double, echo], limits=ProgramLimits(**limits))).error
    assert error is not None
    assert (error.reason, error.parameter, error.limit) == (reason, parameter, limits[parameter])
    assert f"{parameter}=" in error.message


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", None, True])
def test_a_program_without_an_end_cannot_be_asked_for(value: Any):
    """There is no unlimited program."""
    with pytest.raises(CallerError, match="cpu_seconds"):
        ProgramLimits(cpu_seconds=value)
    with pytest.raises(CallerError, match="memory_bytes"):
        ProgramLimits(memory_bytes=value)


async def test_calls_beyond_the_limit_are_not_begun():
    """Calls of one gather are reserved before any of them starts: none runs where they are too many together."""
    made: list[int] = []

    async def note(x: int) -> int:
        """Note it."""
        made.append(x)
        return x

    code = "import asyncio\nawait asyncio.gather(*[note(x) for x in range(11)])"
    outcome = await run(code, tools=[note], limits=ProgramLimits(tool_calls=10))
    assert outcome.error is not None
    assert outcome.error.reason == "call_limit_exceeded"
    assert made == []


async def test_a_program_that_catches_its_call_limit_still_ends_in_it():
    """The limit is no exception that one can live with."""
    code = "for i in range(5):\n    try:\n        double(i)\n    except Exception:\n        pass\n'fine'"
    outcome = await run(code, tools=[double], limits=ProgramLimits(tool_calls=3))
    assert outcome.error is not None
    assert outcome.error.reason == "call_limit_exceeded"


@pytest.mark.parametrize(
    ("code", "reason", "line", "says"),
    [
        ("x = 1\ny = (", "parse_error", 2, "never closed"),
        ("def f(:\n  pass", "parse_error", 1, "invalid syntax"),
        ("class A(dict): pass", "unsupported", 1, "inheritance"),
        ("x = 1\ndouble(1)\ndoubel(2)", "unbound_var", 3, "did you mean 'double'?"),
        ("x = 1\nprnit(2)", "unbound_var", 2, "did you mean 'print'?"),
        ("double()", "arity_error", 1, "`x`"),
        ("double(y=1)", "arity_error", 1, "`y`"),
        ("double('1')", "type_error", 1, "`int`"),
        ("def f(x): return x\nf()", "arity_error", 1, "missing"),
        ("1 + 'a'", "type_error", 1, "TypeError"),
        ("x = {}\nx['a']", "value_error", 2, "KeyError"),
        ("\n\n1 / 0", "arithmetic_error", 3, "division"),
        ("raise RuntimeError('no')", "runtime_error", 1, "no"),
        ("import requests", "not_allowed", 1, "requests"),
        ("broken(1)", "tool_error", 1, "KeyError"),
        ("__tool__('doubel', {})", "unknown_tool", 1, "did you mean 'double'?"),
        ("list(map(double, [1]))", "unsupported", 1, "use a loop"),
        ("for i in range(3):\n    if i == 2:\n        x = i\n        1 / 0", "arithmetic_error", 4, "division"),
    ],
)
async def test_an_error_says_what_where_and_what_to_do(code: str, reason: str, line: int, says: str):
    """Reasons come from a closed list, places are those of the source as it was given."""
    error = (await run(code, tools=[double, broken])).error
    assert error is not None
    assert (error.reason, error.line) == (reason, line), error
    assert says in error.message


async def test_columns_are_those_of_the_source():
    """Where lines were added to count or to keep something, too."""
    for code, line, column in [
        ("x = [1]\nx[5]", 2, 1),
        ("x = 1; 1 / 0", 1, 8),
        ("while 1 / 0:\n    pass", 1, 7),
        ("for i in [0]:\n    y = 1 / i", 2, 9),
    ]:
        error = (await run(code)).error
        assert error is not None
        assert (error.line, error.column) == (line, column), code


async def test_a_failing_tool_can_be_caught():
    """The program hears RuntimeError with the tool's message, and goes on."""
    outcome = await run(
        "try:\n    broken(1)\nexcept RuntimeError as error:\n    said = str(error)\nsaid", tools=[broken]
    )
    assert outcome.value == "broken failed: KeyError: 1"
    assert [call.state for call in outcome.calls] == ["failed"]


class City(pydantic.BaseModel):
    name: str


@tool
def city(name: str) -> City:
    """A city."""
    return City(name=name)


def retry() -> str:
    """Ask for another try."""
    raise ModelRetry("try with an id")


def strange() -> object:
    """Return what JSON has no form for."""
    return object()


def half() -> str:
    """Return a lone surrogate."""
    return "\ud800"


def waiting() -> Pending:
    """Wait for something that is no JSON."""
    return Pending({"when": object()})


async def test_what_a_tool_gives_crosses_as_json_has_it():
    """Models become dicts; what has no form is a failure of that call alone."""
    assert (await run("city('Bonn')['name']", tools=[city])).value == "Bonn"
    for failing in (retry, strange, half, waiting):
        error = (await run(f"{failing.__name__}()", tools=[failing])).error
        assert error is not None
        assert error.reason == "tool_error", failing


async def test_a_tool_that_needs_a_run_is_refused():
    """Outside an agent there is no RunContext to give."""

    def needing(context: RunContext[None]) -> str:
        """Need it."""
        return context.run_id

    with pytest.raises(CallerError, match="RunContext"):
        await run("needing()", tools=[needing])


async def test_tools_run_side_by_side_and_not_more_than_allowed():
    """gather runs them at the same time, at most `parallel_tools` of them."""
    running, most = 0, 0
    both = asyncio.Event()

    async def meet(x: int) -> int:
        """Wait for the others."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            both.set()
        await both.wait()
        running -= 1
        return x

    code = "import asyncio\nawait asyncio.gather(*[meet(x) for x in range(9)])"
    outcome = await run(code, tools=[meet], limits=ProgramLimits(parallel_tools=3))
    assert outcome.value == list(range(9))
    assert most == 3


async def test_a_program_that_waits_holds_no_worker():
    """With one worker many programs wait for the same thing at once."""
    waiting, everybody = 0, asyncio.Event()

    async def meet(x: int) -> int:
        """Wait until all have come."""
        nonlocal waiting
        waiting += 1
        if waiting == 20:
            everybody.set()
        await everybody.wait()
        return x

    async with asyncio.timeout(60), open_sandbox(processes=1) as sandbox:
        outcomes = await asyncio.gather(
            *[sandbox.run("x = meet(data['x'])\nx + 1", tools=[meet], data={"x": x}) for x in range(20)]
        )
    assert [outcome.value for outcome in outcomes] == [x + 1 for x in range(20)]


def children() -> list[int]:
    """The processes that this one has started."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        found += [int(pid) for pid in path.read_text().split()]
    return found


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find the worker")
async def test_a_crashed_worker_is_an_error_of_its_program_alone():
    """The program that ran in it says so, and the next one has a worker again."""
    before = set(children())

    def kill(x: int) -> int:
        """Kill the workers."""
        for pid in set(children()) - before:
            os.kill(pid, signal.SIGKILL)
        return x

    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run("kill(1)", tools=[kill])
        assert outcome.error is not None
        assert outcome.error.reason == "crashed"
        assert (await sandbox.run("1 + 1")).value == 2


async def test_cancelling_a_program_frees_its_worker():
    """Cancelled in a tool or while it computes, it leaves a sandbox that works; its tools are cancelled with it."""
    begun, cancelled = asyncio.Event(), []

    async def forever() -> None:
        """Wait."""
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    def started() -> None:
        """Tell that it runs."""
        loop.call_soon_threadsafe(begun.set)

    loop = asyncio.get_running_loop()
    async with open_sandbox(processes=1) as sandbox:
        for code in (
            "forever()",
            "import asyncio\nawait asyncio.gather(forever(), forever())",
            "started()\nsum(range(10**12))",
        ):
            begun.clear()
            task = asyncio.create_task(
                sandbox.run(code, tools=[forever, started], limits=ProgramLimits(cpu_seconds=0.2))
            )
            await asyncio.wait([task, asyncio.create_task(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await sandbox.run("1 + 1")).value == 2
    assert cancelled


async def test_an_exception_of_a_grant_reaches_the_caller():
    """What a grant raises is not the program's to catch."""

    async def call(name: str, arguments: dict[str, Any], call_id: int) -> Any:
        raise LookupError("the journal is gone")

    from journeyman.data import ToolSpec

    grant = Grant([ToolSpec("f", "", {"type": "object"})], call)
    async with open_sandbox(processes=1) as sandbox:
        for code in ("try:\n    f()\nexcept Exception:\n    pass", "import asyncio\nawait asyncio.gather(f(), f())"):
            with pytest.raises(LookupError, match="the journal is gone"):
                await sandbox.run(code, tools=grant)
        assert (await sandbox.run("1 + 1")).value == 2


async def test_a_sandbox_that_is_not_open_says_so():
    """And so does an unknown language, a short key, and two tools of one Python name."""
    with pytest.raises(CallerError, match="async with open_sandbox"):
        await open_sandbox().run("1")
    with pytest.raises(CallerError, match="no language 'perl'"):
        await run("1", language="perl")
    with pytest.raises(CallerError, match="key"):
        open_sandbox(key=b"short")


async def test_a_model_is_told_of_tools_and_data():
    """Typed stubs with their descriptions, and what is in the data."""
    text = open_sandbox().describe(tools=[double], data={"rows": [{"id": 1}]})
    assert 'def double(x: int) -> Any:\n    """Twice the number."""' in text
    assert "`data` holds: 'rows': list of 1 (dict with 'id')" in text


async def test_closing_ends_what_still_runs():
    """A program that waits or computes when its sandbox is closed ends with an error that says so."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        """Wait."""
        begun.set()
        await go_on.wait()

    async with open_sandbox(processes=1) as sandbox:
        tasks = [asyncio.create_task(sandbox.run("wait()", tools=[wait])) for _ in range(2)]
        await asyncio.wait([*tasks, asyncio.create_task(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
    go_on.set()
    for task in tasks:
        with pytest.raises(CallerError, match="closed while a program ran"):
            await task


async def test_columns_count_characters():
    """An error behind words of another script is told at its own column, which is no count of bytes."""
    outcome = await run('"日本語"; nowhere')
    assert outcome.error is not None
    assert (outcome.error.reason, outcome.error.line, outcome.error.column) == ("unbound_var", 1, 8)


async def test_it_is_used_blocking_where_a_loop_is_running():
    """As in a notebook: with `with` and the blocking twins, also for a program that waits."""

    def ask() -> int:
        """Ask somebody."""
        raise Pending

    with open_sandbox(processes=1) as sandbox:
        outcome = sandbox.run_sync("ask() + 1", tools=[ask])
        assert outcome.suspended is not None
        assert sandbox.resume_sync(outcome.suspended, {0: 1}).value == 2
