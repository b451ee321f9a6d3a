"""What a program in Python leaves behind for the next one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import pytest

from journeyman import Pending
from journeyman.programs import Outcome, ProgramLimits, Sandbox
from journeyman.programs.feedback import size_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def double(n: int) -> int:
    """Twice as many."""
    return 2 * n


def ask(what: str) -> str:
    """Ask a human."""
    raise Pending({"what": what})


Turns = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def turns(sandbox: Sandbox) -> Turns:
    async def turns(*programs: str, memory: Mapping[str, Any] | None = None, **options: Any) -> Outcome:
        """What the last of these programs comes to, each with the memory of those before it, which is written down in between."""
        outcome = Outcome(memory=memory or {})
        for program in programs:
            before = outcome.memory
            outcome = await sandbox.run(program, memory=msgspec.json.decode(msgspec.json.encode(before)), **options)
            if outcome.error is not None:
                assert outcome.memory == before
        return outcome

    return turns


VALUES = [
    ("x = 5", "x + 1", 6),
    ("x = y = [1]; x.append(2)", "(x, y)", ([1, 2], [1, 2])),
    ("a, (b, *c) = 1, (2, 3, 4)", "[a, b, c]", [1, 2, [3, 4]]),
    ("n: int = 4", "n", 4),
    ("n = 4\nn += 1", "n", 5),
    ("if (m := 6) > 5:\n    k = m", "[m, k]", [6, 6]),
    ("try:\n    x = int('a')\nexcept ValueError:\n    x = None", "x is None", True),
    ("try:\n    1 / 0\nexcept ZeroDivisionError:\n    x = 3", "x", 3),
    ("match 2:\n    case 1: x = 3\n    case n: x = 4", "x", 4),
    ("def f():\n    global g\n    g = 7\nf()", "g", 7),
    ("for i in [1, 2]:\n    last = i", "last", 2),
    ("_own = 1", "_own", 1),
    ("x = (1, (2, [3]))", "x", (1, (2, [3]))),
    ("x = {1: 'a', None: 'b', (1, 2): 'c', True: 'd'}", "x", {1: "d", None: "b", (1, 2): "c"}),
    ("x = {'~': 'made', 'source': 'import os'}", "x", {"~": "made", "source": "import os"}),
    ("x = [{'~': 1}]", "x", [{"~": 1}]),
    ("x = [{1}, frozenset({2}), b'\\x00a']", "x", [{1}, frozenset({2}), b"\x00a"]),
    ("x = [1e999, -1e999, 10 ** 30, -(2 ** 63), 2 ** 64]", "x", [float("inf"), float("-inf"), 10**30, -(2**63), 2**64]),
    ("x = 1e999 - 1e999", "x != x", True),
    ("x = 7 ** 9000", "x == 7 ** 9000", True),
    ("x = 'ä\\u2028\\U0001f600\"\\\\'", "x", 'ä\u2028\U0001f600"\\'),
    (
        "import datetime as d\nx = [d.datetime(2024, 1, 2, 3, 4, 5, 6, d.timezone.utc), d.date(2024, 1, 2), d.time(3, 4)]",
        "x",
        [dt.datetime(2024, 1, 2, 3, 4, 5, 6, dt.UTC), dt.date(2024, 1, 2), dt.time(3, 4)],
    ),
    ("from datetime import timedelta\nx = timedelta(days=-1, microseconds=5)", "x", dt.timedelta(-1, 0, 5)),
    ("from decimal import Decimal\nx = [Decimal('1.50')]", "str(x[0] + 1)", "2.50"),
    ("from collections import Counter\nx = Counter('aab')", "x.most_common(1)", [("a", 2)]),
    ("from collections import defaultdict\nx = defaultdict(list)\nx['a'].append(1)", "x['b'].append(2); x", {"a": [1], "b": [2]}),
    ("from collections import deque\nx = deque([1, 2], 2)", "x.append(3); list(x)", [2, 3]),
    ("import re\nx = re.compile('A+', re.I)", "x.search('xaay').group()", "aa"),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "value"), VALUES)
async def test_what_is_bound_at_the_top_level_is_there_for_the_next_program(
    turns: Turns, first: str, second: str, value: Any
):
    """By whichever statement, and with its type; also after a program in between that does not name it."""
    came = await turns(first, "other = 1", second)
    assert came.error is None, came.error
    assert came.value == value
    assert type(came.value) is type(value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("for i in [1]: pass", "i"),
        ("_ = 1", "_"),
        ("__own = 1", "__own"),
        ("def f():\n    inner = 1\nf()", "inner"),
        ("[x for x in [1]]", "x"),
        ("if False:\n    x = 1", "x"),
        ("class A:\n    x = 1", "x"),
    ],
)
async def test_what_is_not_of_the_top_level_is_not_kept(turns: Turns, first: str, second: str):
    """Loop variables, `_`, and what is local to something, as well as what was never bound."""
    came = await turns(first, second)
    assert came.error is not None
    assert came.error.reason == "unbound_var"


FUNCTIONS = [
    ("def f(x, y=2, *, z=3):\n    return x + y + z", "f(1)", 6),
    ("k = 3\ndef f(x):\n    return x * k", "k = 4; f(2)", 8),
    ("import math as m\ndef f(r):\n    return m.floor(r)", "f(2.5)", 2),
    ("def g(x):\n    return x + 1\ndef f(x):\n    return g(x) * 2", "f(1)", 4),
    ("def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)", "even(10)", True),
    ("f = lambda x: x + 1", "f(1)", 2),
    ("k = 2\nf: object = lambda x, y=k: x + y", "f(1)", 3),
    ("from math import sqrt as root, floor", "floor(root(17))", 4),
    ("import os.path", "os.path.join('a', 'b')", "a/b"),
    ("async def f(x):\n    return x + 1", "await f(1)", 2),
    ("def d(f):\n    return lambda x: f(x) * 10\n@d\ndef f(x):\n    return x + 1", "f(1)", 20),
    ("from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)", "f(40)", 102334155),
    ("class A:\n    k = 3\n    def __init__(self, x):\n        self.x = x\n    def go(self):\n        return self.x * A.k", "A(2).go()", 6),
    ("from dataclasses import dataclass, field\n@dataclass\nclass P:\n    x: int\n    y: list = field(default_factory=list)", "P(1).y", []),
    ("if True:\n    def f():\n        return '''a\nb'''\nelse:\n    def f():\n        return 0", "f()", "a\nb"),
    ("def f():\n    return 1\ndef f():\n    return 2", "f()", 2),
    ("def f():\n\treturn 'ä'  # and so on", "f()", "ä"),
    ("def f():\n    for i in [1, 2]:\n        yes = i\n    return yes", "f()", 2),
    ("items = []\ndef add(x):\n    items.append(x)\n    return len(items)", "add(1)\nadd(2)", 2),
    ("count = 0\ndef bump():\n    global count\n    count += 1\n    return count", "bump()\nbump()", 2),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "value"), FUNCTIONS)
async def test_functions_classes_and_imports_are_there_with_what_they_name(
    turns: Turns, first: str, second: str, value: Any
):
    """Whatever they name of earlier programs comes with them, in whichever order it was defined."""
    came = await turns(first, second)
    assert came.error is None, came.error
    assert came.value == value


async def test_what_kept_functions_change_is_kept(turns: Turns):
    """A list that a function fills, and a number that it counts up, go on from program to program, named or not."""
    first = "items = []\ncount = 0\ndef add(x):\n    global count\n    count += 1\n    items.append(x)"
    came = await turns(first, "add('a')", "add('b')", "(count, items)")
    assert came.value == (2, ["a", "b"])


async def test_the_definition_that_was_made_is_the_one_that_is_kept(turns: Turns):
    """Of several for one name, and where an earlier program's was not replaced after all."""
    branches = "def f():\n    return 1\nif data:\n    def f():\n        return 2"
    assert (await turns(branches, "f()")).value == 1
    assert (await turns("def f():\n    return 1", "if False:\n    def f():\n        return 2\nf()", "f()")).value == 1
    assert (await turns("def f():\n    return 1", "f = 5", "f")).value == 5


async def test_tools_in_kept_functions_are_those_of_the_program_that_calls_them(turns: Turns):
    """Also awaited, imported, and where the type checker reads the program first."""
    first = "from tools import double as twice\nasync def both(a, b):\n    import asyncio\n    return await asyncio.gather(double(a), double(b))\ndef one(x):\n    return double(n=x)"
    came = await turns(first, "[await both(1, 2), one(3), twice(4), double(5)]", tools=[double])
    assert came.error is None, came.error
    assert came.value == [[2, 4], 6, 8, 10]
    assert [call.name for call in came.calls] == ["double"] * 5
    gone = await turns(first, "one(3)", memory=(await turns(first, tools=[double])).memory)
    assert gone.error is not None
    assert gone.error.reason == "unbound_var"


async def test_a_name_of_a_tool_and_of_data_stands_for_what_was_granted(turns: Turns):
    """What a program binds to such a name is its own, and the next one finds the tool, the data and fail as they are."""
    came = await turns(
        "double = 1; data = 2; tools = 3\ndef fail(x):\n    pass", "[double(4), data]", tools=[double], data={"a": 1}
    )
    assert came.error is None, came.error
    assert came.value == [8, {"a": 1}]
    assert came.memory == {}
    assert (await turns("double(4)", memory={"double": 5}, tools=[double])).value == 8


async def test_a_program_that_fails_or_waits_leaves_memory_as_it_was(turns: Turns):
    """Whatever it bound or changed before."""
    memory = {"rows": [1], "k": 1}
    for last in ("1 / 0", "fail('no')", "while True: pass", "ask('x')", "nothing_like_it", "return object_"):
        came = await turns(f"rows.append(2)\nk = 2\nnew = 3\n{last}", memory=memory, tools=[ask])
        assert came.value is None
        assert came.memory == memory


async def test_what_a_program_binds_before_and_after_it_waited_is_kept(sandbox: Sandbox):
    """From its snapshot, and where it is run again from its recorded calls."""
    code = "rows.append('b')\nbefore = {1}\nsaid = ask('x')\nafter = said + '!'\ndef f():\n    return after\n[k for k in rows]"
    outcome = await sandbox.run(code, memory={"rows": ["a"]}, tools=[ask])
    stored = msgspec.json.encode(outcome.suspended)
    going_on = [outcome.suspended, msgspec.json.decode(stored, type=type(outcome.suspended))]
    going_on.append(msgspec.structs.replace(going_on[1], snapshot=b"", signature=b""))
    for suspended in going_on:
        done = await sandbox.resume(suspended, {0: "yes"}, tools=[ask])
        assert done.value == ["a", "b"]
        then = await sandbox.run("[rows, before, f()]", memory=done.memory)
        assert then.value == [["a", "b"], {1}, "yes!"]


async def test_a_return_keeps_what_was_bound_before_it(turns: Turns):
    """Also in the middle of a loop or a try; what would have been bound after it is not there."""
    for ending in ("return a", "for i in [1]:\n    return a", "try:\n    return a\nfinally:\n    c = 3"):
        came = await turns(f"a = {{1}}\ndef f():\n    return 2\n{ending}\nb = 3", "[a, f()]")
        assert came.value == [{1}, 2]
        missed = await turns(f"a = 1\n{ending}\nb = 3", "b")
        assert missed.error is not None


LOST = [
    ("x = iter([1])", "list_iterator, which is not kept: bind plain data"),
    ("class A:\n    pass\nx = A()", "A, which is not kept: bind plain data"),
    ("class A:\n    pass\nx = [A()]", "list, which holds something of type A and is not kept"),
    ("import math\nx = math", "module, which is not kept"),
    (
        "def make():\n    return lambda: 1\nx = make()",
        "function, which is not kept: functions are where def or lambda",
    ),
    ("def f():\n    return 1\nx = f", "function, which is not kept"),
    ("def x(a=double(1)):\n    return a", "function, which is not kept: functions are where def or lambda"),
    ("x = 'a' * 2_000_000", "str, which was too large to be kept"),
    ("x = [['a' * 1000] * 1000] * 3", "list, which was too large to be kept"),
    ("x = {'a' * 2_000_000}", "set, which was too large to be kept"),
    ("x = []\nfor i in range(200): x = [x]", "list, which was too deep to be kept"),
    ("x = []\nfor i in range(5000): x = [x]", "list, which was too deep to be kept"),
    ("x = {1}\nfor i in range(30): x = (x, x)", "tuple, which was too large to be kept"),
    ("x = {1}\nfor i in range(60): x = (x,)", "tuple, which was too deep to be kept"),
    ("x = [1]\nx.append(x)", "list, which was too deep to be kept"),
]


@pytest.mark.parametrize(("first", "why"), LOST)
async def test_what_cannot_be_kept_is_told_when_it_is_missed(turns: Turns, first: str, why: str):
    """The program that bound it succeeds; whoever names it later hears what it was, and what to do."""
    bound = await turns(first, tools=[double])
    assert bound.error is None, bound.error
    assert "not kept" in size_of(bound.memory["x"])
    for code in ("1\nx", "double(1)\nx"):  # the second is read by the type checker
        missed = await turns(code, memory=bound.memory, tools=[double])
        assert missed.error is not None
        assert (missed.error.reason, missed.error.line) == ("unbound_var", 2)
        assert (
            f"NameError: name 'x' is not defined: an earlier program bound it to something of type {why}"
            in missed.error.message
        )


async def test_a_lost_name_hurts_nobody_who_only_looks_like_it(turns: Turns):
    """A variable of a comprehension, a parameter or an attribute of the same name; and it can be bound again."""
    lost = (await turns("x = iter([1])")).memory
    assert (await turns("[x for x in [1]] + [(lambda x: x)(2)]", memory=lost)).value == [1, 2]
    assert (await turns("x = 3", "x", memory=lost)).value == 3


async def test_what_a_definition_needs_at_once_and_has_lost_is_told(turns: Turns):
    """A decorator that is gone makes the function a name that is not bound, and says so."""
    kept = await turns("def d(f):\n    return f\n@d\ndef f():\n    return 1", "d = iter([])")
    missed = await turns("f()", memory=kept.memory)
    assert missed.error is not None
    assert "defined it with what is not there any more: define it again" in missed.error.message


async def test_all_that_a_program_leaves_fits_into_value_bytes_with_its_value(turns: Turns):
    """What does not is lost by itself, and the rest is kept."""
    limits = ProgramLimits(value_bytes=10_000)
    came = await turns("a = 'a' * 4000\nb = 'b' * 4000\nc = 'c' * 4000\nd = 1\n'v' * 1000", limits=limits)
    assert came.error is None, came.error
    assert {name: size_of(kept) for name, kept in came.memory.items()} == {
        "a": "string of 4,000 characters",
        "b": "string of 4,000 characters",
        "c": "str, not kept (too large)",
        "d": "int",
    }
    assert (await turns("a = 'a' * 9000\n{1: {2}}", limits=limits)).memory["a"]["~"] == "lost"
    tight = await turns("a = 1\n'v' * 900", limits=ProgramLimits(value_bytes=1_000))
    assert (tight.error, len(tight.value)) == (None, 900)


async def test_definitions_of_earlier_programs_are_bounded_together(turns: Turns):
    """A program that names more of them than a program may be long is refused, with the limit."""
    limits = ProgramLimits(source_bytes=400)
    definitions = [f"def f{n}():\n    return '{'x' * 150}'" for n in range(4)]
    fits = await turns(*definitions, "f1() == f2()", limits=limits)
    assert fits.value is True
    refused = await turns("f0() + f1() + f2() + f3()", memory=fits.memory, limits=limits)
    assert refused.error is not None
    assert (refused.error.reason, refused.error.parameter) == ("size_exceeded", "source_bytes")


async def test_builtins_that_a_program_shadowed_stay_shadowed_and_hurt_nothing(turns: Turns):
    """Neither the end of a program, nor what is restored, nor a tool needs their names."""
    first = "len = str = list = dict = repr = type = locals = exec = [1]\nrange = next = print = {2}\nTypeError = ValueError = 3"
    second = "from collections import defaultdict\nmore = (1, {2})\nkept = defaultdict(set)\nfor i in len: double(1)\n(more, str)"
    came = await turns(first, second, "(more, kept, dict, print, TypeError)", tools=[double])
    assert came.error is None, came.error
    assert came.value == ((1, {2}), {}, [1], {2}, 3)


async def test_an_error_in_a_kept_function_is_told_where_it_was_called(turns: Turns):
    """Its own line is of a text that is gone, so its name is told with the place of the call."""
    came = await turns("def share(a, b):\n    # of two\n    return a / b", "x = 1\ny = share(x, 0)")
    assert came.error is not None
    assert (came.error.reason, came.error.line, came.error.column) == ("arithmetic_error", 2, 5)
    assert came.error.message == "ZeroDivisionError: division by zero (in share)"


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("x = 1\nx + 'a'", 2, 1),
        ("x = 1\n[1,\n x + 'a']", 3, 2),
        ("def f(): return 1\nimport math\nx = f() + 'a'", 3, 5),
        ("if 1:\n    def f():\n        return 1 + ''\nx = 2\nf()", 3, 16),
        ("@g\ndef f(): pass", 1, 2),
    ],
)
async def test_marks_in_the_code_move_no_error(turns: Turns, code: str, line: int, column: int):
    """The place of an error is that of the source, with what is put in for memory before and behind it."""
    came = await turns(code)
    assert came.error is not None
    assert (came.error.line, came.error.column) == (line, column)


async def test_loops_in_kept_functions_are_counted(turns: Turns):
    """A loop without an end has one, in whichever program it was written."""
    came = await turns("def f():\n    while True:\n        pass", "f()", limits=ProgramLimits(loop_steps=100))
    assert came.error is not None
    assert came.error.reason == "loop_limit_exceeded"


async def test_memory_is_json_and_unchanged_where_nothing_changed(turns: Turns):
    """So that a journal writes what is new, and nothing else."""
    first = await turns("rows = [1.5, 'a']\ntagged = {1}\ndef f():\n    return rows")
    json.dumps(dict(first.memory), allow_nan=False)
    second = await turns("f(); len(tagged)", memory=first.memory)
    assert second.memory == first.memory
