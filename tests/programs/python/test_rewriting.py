"""What is changed in a model's Python before it runs, checked with CPython itself."""

from __future__ import annotations

import ast
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.programs import Compiled, ProgramFault, ProgramLimits, Scope
from journeyman.programs.python import Python
from journeyman.programs.python.reading import Reading
from journeyman.programs.python.rewriting import OVER, PREPARATION, rewritten


def execute(source: str, steps: int = 1000) -> dict[str, Any]:
    """What the rewritten program binds, run by CPython."""
    program = rewritten(Reading(source), [])
    names: dict[str, Any] = {}
    exec(PREPARATION.format(message=OVER, steps=steps), names)  # noqa: S102  (our own test programs)
    exec(compile(program.code, "<program>", "exec"), names)  # noqa: S102
    return names


PROGRAMS = [
    ("x = [1, 2]\nx", [1, 2]),
    ("(1 + 2)", 3),
    ("((1),\n 2)", (1, 2)),
    ("a = 1; b = 2; a + b", 3),
    ("'''a\nb'''", "a\nb"),
    ("x = 0\nwhile x < 3: x += 1\nx", 3),
    ("x = 0\nwhile (x <\n  3):\n    x += 1\nelse:\n    x = 10\nx", 10),
    ("x = 0\nfor i in range(3): x += i\nx", 3),
    ("x = 0\nfor i in (\n 1,\n 2\n): x += i\nx", 3),
    ("x = 0\nfor i in [1, 2]:\n    # a comment\n\n    if i > 1:\n        x += i\nx", 2),
    ("x = []\nfor i in [1]:\n    @x.append\n    def f(): pass\nlen(x)", 1),
    ("x = 0\nfor i in [1, 2]:\n\tfor j in [1, 2]:\n\t\twhile x < 0: pass\n\t\tx += 1\nx", 4),
    ("def f(n):\n    for i in range(n):\n        '''text'''\n        pass\n    return n\nf(2)", 2),
    ("x = 'ä' 'ö'; x + 'ü'", "äöü"),
    ("# nothing else", None),
    ("x = 0\r\nfor i in [1]:\r\n    x += i\r\nx", 1),
    ("x = 0\nwhile True:\n    x += 1\n    if x > 5: break\nx", 6),
    ("if 1:\n    for i in [7]: pass; y = i\ny", 7),
    ("f'{[i for i in [1]]}'", "[1]"),
    ("x = 0\nfor i in [1]: \\\n  x = i\nx", 1),
]


@pytest.mark.parametrize(("source", "value"), PROGRAMS)
def test_a_rewritten_program_means_the_same(source: str, value: Any):
    """And its last expression is kept."""
    assert execute(source).get("__value__") == value


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "while True:\n    pass",
        "for i in iter(int, 1): pass",
        "for i in iter(int, 1):\n    if i: pass",
    ],
)
def test_a_loop_without_an_end_has_one(loop: str):
    """Each kind of loop is counted, and together they have as many rounds as are allowed."""
    with pytest.raises(RuntimeError, match=OVER):
        execute(loop)
    execute("for i in range(9): pass", steps=9)
    with pytest.raises(RuntimeError, match=OVER):
        execute("for i in range(5): pass\nfor i in range(5): pass", steps=9)


STATEMENTS = st.sampled_from(
    [
        "x = 1",
        "x = (1 +\n  2)",
        "for i in [1]:\n    if x:\n        x = i",
        "while False:\n    pass",
        "",
        "# ö",
        "x = 1; y = x",
        "'''a\n\nb'''",
    ]
)


@given(
    st.lists(STATEMENTS, max_size=8),
    st.sampled_from(["1 / 0", "y = 'ä', 1 / 0", "for i in [0]:\n    1 / i", "x = 1; 1 / 0"]),
)
def test_an_error_is_placed_in_the_source(before: list[str], fault: str):
    """The line that CPython names in the rewritten code leads back to the line of the source."""
    source = "\n".join(["x = 1", *before, fault])
    expected = source.count("\n") + 1
    program = rewritten(Reading(source), [])
    names: dict[str, Any] = {}
    exec(PREPARATION.format(message=OVER, steps=1000), names)  # noqa: S102
    try:
        exec(compile(program.code, "<program>", "exec"), names)  # noqa: S102
    except ZeroDivisionError as error:
        line = traceback.extract_tb(error.__traceback__)[-1].lineno or 0
        assert Compiled(program.code, places=program.places).place_of(line, 1)[0] == expected
    else:
        pytest.fail("it divides by zero")


@given(st.text(max_size=60) | st.text("()[]{}:=;,\n \t'\"#\\fxi1@", max_size=60))
def test_any_text_is_a_program_or_a_parse_error(source: str):
    """Whatever a model writes, compiling ends, and raises nothing else; what comes out is Python again."""
    try:
        compiled = Python().compile(source, Scope())
    except ProgramFault as fault:
        refused = fault.error
    else:
        ast.parse(compiled.code)
        return
    assert refused.reason == "parse_error"
    assert refused.line is not None


@pytest.mark.parametrize(
    ("source", "awaited"),
    [
        ("await search(1)", "await async_tools.search(1)"),
        ("await tools.search(1)", "await async_tools.search(1)"),
        (
            "await asyncio.gather(search(1), tools.search(2))",
            "asyncio.gather(async_tools.search(1), async_tools.search(2))",
        ),
        ("await asyncio.gather(*[search(x) for x in y])", "gather(*[async_tools.search(x) for x in y])"),
        ("await async_tools.search(1)", "await async_tools.search(1)"),
        ("await other(search(1))", "await other(search(1))"),
        ("x = search(1)", "x = search(1)"),
        ("f'{await search(1)}'", "f'{await search(1)}'"),
    ],
)
def test_awaited_calls_of_tools_are_made_the_parallel_kind(source: str, awaited: str):
    """By whichever of its names a tool is called; what is not awaited stays as it is."""
    assert awaited in rewritten(Reading(source), ["search"]).code.replace("\n", "")


def test_importing_the_tools_does_no_harm():
    """There is no such module, and models import it all the same."""
    code = rewritten(
        Reading("import tools\nfrom tools import search as s, other\nimport tools as t\nimport json"), []
    ).code
    assert code == "pass\ns = tools.search; other = tools.other\nt = tools\nimport json"


def test_loops_alone_are_counted():
    """A program without loops carries nothing for them, and the limit is that of the run."""
    assert "__ticks__" not in Python().compile("x = 1", Scope()).prelude
    limited = Python().compile("while x: pass", Scope(limits=ProgramLimits(loop_steps=77)))
    assert "range(77)" in limited.prelude
