"""Programs in Python that end by `return` at the top level, or by `fail`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from journeyman import Pending
from journeyman.programs import Outcome, ProgramFault, Sandbox, Scope
from journeyman.programs.python import Python

pytestmark = pytest.mark.asyncio(loop_scope="module")
Run = Callable[..., Awaitable[Outcome]]


def double(n: int) -> int:
    """Twice as many."""
    return 2 * n


def ask(what: str) -> str:
    """Ask a human."""
    raise Pending({"what": what})


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    return sandbox.run


RETURNS = [
    ("return 5", 5),
    ("return", None),
    ("return\n1 / 0", None),
    ("return (1 + 2)", 3),
    ("return(1 + 2) * 3", 9),
    ("return ((1), (2))", (1, 2)),
    ("return 1, 2", (1, 2)),
    ("return *[1, 2], 3", (1, 2, 3)),
    ("return [\n    1,\n    2,\n]", [1, 2]),
    ("return {\n    'a': 1,  # one\n}  # all", {"a": 1}),
    ("return 'a' \\\n    'b'", "ab"),
    ('return """a\nb"""', "a\nb"),
    ("return 'ä' + 'ö'; 1 / 0", "äö"),
    ("return 1 if data else 2", 2),
    ("return lambda: 1", None),
    ("return (lambda x: x + 1)(1)", 2),
    ("return f'{[x for x in [1]]}'", "[1]"),
    ("return [x * 2 for x in [1, 2]]", [2, 4]),
    ("return {1, 2}", {1, 2}),
    ("return print('x')", None),
    ("if True: return 1", 1),
    ("if False:\n    return 1\nelse:\n    return 2", 2),
    ("for i in [1, 2, 3]:\n    if i == 2:\n        return i\n1 / 0", 2),
    ("for i in [1]: return i", 1),
    ("while True:\n    return 1", 1),
    ("for i in []:\n    pass\nelse:\n    return 3", 3),
    ("match 1:\n    case 1: return 'one'", "one"),
    ("try:\n    return 1\nexcept Exception:\n    return 2", 1),
    ("try:\n    return 1\nexcept:\n    return 2", 1),
    ("try:\n    return 1\nexcept BaseException:\n    return 2", 1),
    ("try:\n    return 1\nexcept (ValueError, BaseException) as e:\n    return 2", 1),
    ("try:\n    1 / 0\nexcept:\n    return 2", 2),
    ("try:\n    1 / 0\nexcept BaseException as e:\n    return str(e)", "division by zero"),
    ("try:\n    return 1\nfinally:\n    print('end')", 1),
    ("try:\n    return 1\nfinally:\n    return 2", 2),
    ("try:\n    x = 1\nexcept:\n    x = 2\nelse:\n    return x\n1 / 0", 1),
    ("def f():\n    return 1\nreturn f() + 1", 2),
    ("def f():\n    def g():\n        return 1\n    return g() + 1\nreturn f() + 1", 3),
    ("async def f():\n    return 1\nreturn await f()", 1),
    ("class A:\n    def m(self):\n        return 1\nreturn A().m()", 1),
    ("def f():\n    return 1\nf()\n7", 7),
    ("x = 1; return x", 1),
    ("return double(2)", 4),
    ("return await double(2)", 4),
    ("import asyncio\nreturn await asyncio.gather(double(1), double(2))", [2, 4]),
    ("for i in [1, 2]:\n    if double(i) == 4:\n        return i", 2),
]


@pytest.mark.parametrize(("code", "value"), RETURNS)
async def test_return_at_the_top_level_gives_the_value_and_ends_the_program(run: Run, code: str, value: Any):
    """Wherever it stands outside of functions, with and without tools; none of the program's own `except` takes it for an error."""
    outcome = await run(code, tools=[double] if "double" in code else [])
    assert outcome.error is None, outcome.error
    assert outcome.returned is ("7" not in code)
    if "lambda: 1" in code:
        assert outcome.value.startswith("<function")
    else:
        assert (outcome.value, type(outcome.value)) == (value, type(value))


async def test_a_returned_value_is_known_from_that_of_the_last_expression(run: Run):
    """Only `return` says that this is what the program was for."""
    assert (await run("5")).returned is False
    assert (await run("def f():\n    return 5\nf()")).returned is False
    assert (await run("return 5")).returned is True
    assert (await run("return 1 / 0")).returned is False


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("return 1 / 0", 1, 8),
        ("x = 0\nif True:\n    return 1 / x", 3, 12),
        ("return (1 /\n        0)", 1, 9),
        ("return [\n  1,\n  1 / 0]", 3, 3),
        ("return 1, 2 / 0", 1, 11),
        ("return 'ä', 1 / 0", 1, 13),
        ("if False:\n    return (1,\n            2)\n1 / 0", 4, 1),
        ("try:\n    return 1\nexcept: pass\nfinally:\n    1 / 0", 5, 5),
        ("return double('a')", 1, 15),
        ("x = 1\nreturn double(n=x, m=2)", 2, 20),
    ],
)
async def test_an_error_in_what_is_returned_is_told_with_its_own_place(run: Run, code: str, line: int, column: int):
    """Lines and columns are those of the source, also on lines after a return."""
    error = (await run(code, tools=[double])).error
    assert error is not None
    assert (error.line, error.column) == (line, column)


@pytest.mark.parametrize("code", ["class A:\n    return 5", "x = [return 5]", "lambda: return 5", "return return 5"])
async def test_return_is_still_no_expression_and_no_part_of_a_class(run: Run, code: str):
    """What Python refuses is refused."""
    error = (await run(code)).error
    assert error is not None
    assert error.reason in ("parse_error", "unsupported")


async def test_a_program_returns_after_it_has_waited(sandbox: Sandbox):
    """From its snapshot, and run again from its recorded calls."""
    outcome = await sandbox.run("try:\n    return [ask('x')]\nexcept:\n    return 'lost'", tools=[ask])
    assert outcome.suspended is not None
    assert outcome.returned is False
    bare = msgspec.structs.replace(outcome.suspended, snapshot=b"", signature=b"")
    for suspended in (outcome.suspended, bare):
        done = await sandbox.resume(suspended, {0: "yes"}, tools=[ask])
        assert (done.value, done.returned) == (["yes"], True)


# An error that has come by a try is placed at the end of it (monty 1.4.0).
FAILURES = [
    ("fail('no way')", "no way", 1, 1),
    ("x = 1\nfail(f'only {x}')\n1 / 0", "only 1", 2, 1),
    ("def f(x):\n    if x:\n        fail('deep')\nf(1)\n2", "deep", 3, 9),
    ("try:\n    fail('caught?')\nexcept Exception:\n    2", "caught?", None, None),
    ("try:\n    fail('caught?')\nexcept:\n    2", "caught?", None, None),
    ("try:\n    fail('caught?')\nexcept BaseException as e:\n    2", "caught?", None, None),
    ("try:\n    fail('end')\nfinally:\n    print('cleaned')", "end", None, None),
    ("async def f():\n    fail('later')\nawait f()", "later", 2, 5),
    ("for i in [1, 2]:\n    fail(i)", "1", 2, 5),
    ("fail({'a': [1]})", "{'a': [1]}", 1, 1),
    ("fail('')", "the program said no more", 1, 1),
    ("(lambda: fail('l'))()", "l", 1, 10),
    ("str = None\nfail(3)", "3", 2, 1),
    ("double(2)\nfail('with tools')", "with tools", 2, 1),
]


@pytest.mark.parametrize(("code", "message", "line", "column"), FAILURES)
async def test_fail_ends_the_program_with_its_reason(
    run: Run, code: str, message: str, line: int | None, column: int | None
):
    """From wherever it is called, and past the program's own `except`; the place is that of the call."""
    outcome = await run(code, tools=[double] if "double" in code else [])
    error = outcome.error
    assert error is not None
    assert (error.reason, error.message) == ("failed", message)
    if line is not None:
        assert (error.line, error.column) == (line, column)
    assert outcome.value is None
    assert outcome.returned is False


@pytest.mark.parametrize(("code", "reason"), [("fail()", "arity_error"), ("fail('a', 'b')", "arity_error")])
async def test_fail_takes_one_reason(run: Run, code: str, reason: str):
    """A wrong call of it is an error like any other, with and without the type checker."""
    for tools in ([], [double]):
        error = (await run(f"{code}\n{'double(1)' if tools else ''}", tools=tools)).error
        assert error is not None
        assert error.reason == reason


async def test_a_tool_called_fail_is_the_tool(run: Run):
    """What was granted comes before what the language brings."""

    def fail(reason: str) -> str:
        return reason * 2

    outcome = await run("fail('ha')", tools=[fail])
    assert (outcome.error, outcome.value) == (None, "haha")


async def test_a_program_without_them_carries_nothing_for_them():
    """Neither definition is there for nothing."""
    prelude = Python().compile("def f():\n    return 1", Scope()).prelude
    assert "__return__" not in prelude
    assert "fail" not in Python().compile("1", Scope()).prelude
    assert "def fail" in Python().compile("fail(1)", Scope()).prelude
    with pytest.raises(ProgramFault):
        Python().compile("return return", Scope())
