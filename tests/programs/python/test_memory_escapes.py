"""Memory is data from a model: nothing in it is taken for more than a program could have written itself."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from journeyman.programs import Outcome, ProgramLimits, Sandbox
from journeyman.programs.feedback import size_of
from journeyman.programs.python.values import about

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = ProgramLimits(cpu_seconds=0.2, memory_bytes=32_000_000)


def made(source: str) -> dict[str, str]:
    return {"~": "made", "source": source}


def value(tagged: Any) -> dict[str, Any]:
    return {"~": "value", "value": tagged}


Attempt = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def attempt(sandbox: Sandbox) -> Attempt:
    async def attempt(*programs: str, memory: Any = None) -> Outcome:
        outcome = Outcome(memory=memory or {})
        # The timeout is no measurement: it tells a program that ends from one that does not.
        async with asyncio.timeout(30):
            for program in programs:
                outcome = await sandbox.run(program, memory=outcome.memory, limits=LIMITS)
            assert (await sandbox.run("1 + 1")).value == 2  # the sandbox is as good as before
        return outcome

    return attempt


# Definitions that are none, or that would make more than their name; each is the entry of `x`.
NO_DEFINITIONS = [
    made("import os\nos.system('id')"),
    made("def x():\n    pass\nprint('more')"),
    made("def y():\n    pass"),
    made("x = open('/etc/passwd')"),
    made("x = __tool__('peek', {})"),
    made("print('x')"),
    made("x"),
    made(""),
    made("def x(:"),
    made("if 1:\n    x = 1\n    y = 2"),
    made("if 1:\n    import os\n    x = os"),
    made("if x():\n    def x():\n        pass"),
    made("if 1:\n    def x(): pass\nelse:\n    print('y')"),
    made("class x(dict):\n    pass"),
    made("import a, x"),
    made("from os import *"),
    made("x = y = lambda: 1"),
    made("\x00"),
    made("(" * 5000),
    made("-" * 50_000 + "1"),
    {"~": "made"},
    {"~": "made", "source": 5},
    {"~": "made", "source": ["def x(): pass"]},
    {"~": "fn", "source": "(fn [x] x)", "locals": {}},
]
# Tags that say nothing, or that a host would have to be careful with.
NO_VALUES = [
    value({"~": "object", "value": "os"}),
    value({"~": "pickle", "value": "gASVAAAA"}),
    value({"~": "__import__", "value": "os"}),
    value({"~": "set", "value": [[]]}),
    value({"~": "set", "value": 5}),
    value({"~": "dict", "value": [[[], 1]]}),
    value({"~": "dict", "value": [1]}),
    value({"~": "int", "value": "zz"}),
    value({"~": "int", "value": 5.5}),
    value({"~": "float", "value": "wide"}),
    value({"~": "bytes", "value": "0"}),
    value({"~": "datetime", "value": "yesterday"}),
    value({"~": "timedelta", "value": [10**30]}),
    value({"~": "timedelta", "value": 5}),
    value({"~": "Decimal", "value": "x"}),
    value({"~": "Decimal"}),
    value({"~": ["set"], "value": []}),
    value({"~": "value", "value": 1}),
    value({"~": "defaultdict", "value": [], "of": "__import__('os').system"}),
    value({"~": "defaultdict", "value": [], "of": "open"}),
    value({"~": "defaultdict", "value": [], "of": ["list"]}),
    value({"~": "deque", "value": [], "of": "print('x')"}),
    value({"~": "deque", "value": [], "of": True}),
    value({"~": "pattern", "value": "a", "of": "print('x')"}),
    value([{"~": "Counter", "value": []}]),
    {"~": "value"},
    {"~": "later than us"},
    {"~": None},
    {"~": "lost"},
    {"~": "lost", "kind": ["x"], "why": {}},
]


@pytest.mark.parametrize("entry", NO_DEFINITIONS + NO_VALUES, ids=lambda entry: str(entry)[:50])
async def test_what_no_program_leaves_behind_is_a_name_that_is_not_bound(attempt: Attempt, entry: Any):
    """It is never run, never made, and an error only for a program that names it."""
    outcome = await attempt("x", memory={"x": entry})
    assert outcome.error is not None
    assert outcome.error.reason in ("unbound_var", "size_exceeded")
    assert outcome.printed == ""
    assert (await attempt("5", memory={"x": entry})).value == 5
    assert isinstance(about("x", entry), str)
    assert isinstance(size_of(entry), str)


# What runs while a definition is made again can do no more than any program, and ends like one.
HOSTILE = [
    "def x(a=().__class__.__bases__):\n    pass",
    "def x(a='{0.__class__}'.format(1)):\n    pass",
    "def x(a=open('/etc/passwd')):\n    pass",
    "def x(a=__import__('os').system('id')):\n    pass",
    "@open('/etc/passwd').read\ndef x():\n    pass",
    "@__builtins__\ndef x():\n    pass",
    "def x(a='a' * 10 ** 10):\n    pass",
    "def x(a=10 ** 10 ** 10):\n    pass",
    "def x(a=[y for y in range(10 ** 12)]):\n    pass",
    "class x:\n    k = 2 ** 2 ** 40",
    "@x\ndef x():\n    pass",
    "def x(a=x):\n    pass",
    "import os.system as x",
    "from pathlib.Path import read_text as x",
    "import pydantic_monty as x",
    "import journeyman as x",
    "async def x(a=await __later__('peek', {})):\n    pass",
    "x = lambda a=exec('while True: pass'): a",
]


@pytest.mark.parametrize("source", HOSTILE)
async def test_a_definition_is_made_within_the_limits_and_the_walls_of_a_program(attempt: Attempt, source: str):
    """Whatever its defaults and decorators do, and however they came into memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await attempt("x", memory={"x": made(source)})
    assert outcome.error is not None, outcome.value
    assert "root:" not in repr(outcome)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kilobytes


FORGED = [
    "__keep__ = lambda value, found: {'__kept__': [['x', 'made', 'import os']], 'plain': [], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [['x', 'plain', '['], ['y', 'tagged', '5', '6', '7'], [], 5], 'plain': 5, 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': 5, 'plain': ['{\"x\": '], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [], 'plain': ['[1]', 'x', 'not a name', '__value__'], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [], 'plain': ['{\"import\": 1, \"__x\": 2, \"data\": 3, \"a b\": 4}'], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [], 'plain': ['{\"x\": ' + '[' * 5000 + ']' * 5000 + '}', 'x'], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [], 'plain': ['{\"x\": \"' + chr(92) + 'ud800\"}', 'x'], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [['x', 'tagged', '{\"~\": \"set\", \"value\": [[]]}']], 'plain': [], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [['x', 'lost', 'a' * 10**5, 'b' * 10**5]], 'plain': [], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [['x', 'made', 'def x(): pass #' + 'a' * 100_000]], 'plain': [], 'value': 1}\nx = 1\n1",
    "__keep__ = lambda *a: {'__kept__': [['x', 'made', 5], ['x', 5, 'a'], [5, 'made', 'a']], 'plain': [], 'value': 1}\nx = 1\n1",
    "__value__ = {'__kept__': [['x', 'made', 'import os']], 'plain': [], 'value': 1}",
    "__made__ = __before__ = __locals__ = __keep__ = 5\nx = 1\n1",
    "__locals__ = lambda: {'x': print, 'y': 5}\nx = 1\n1",
    "__made__[0] = print\ndef x(): pass\nx = print\n1",
    "def x(): pass\n__made__ = {0: x, 1: 2}\n1",
]  # fmt: skip


@pytest.mark.parametrize("code", FORGED)
async def test_a_program_that_forges_its_memory_gets_what_it_could_have_kept(attempt: Attempt, code: str):
    """What it leaves is bounded JSON under names that are names, and reading it hurts nobody."""
    outcome = await attempt(code)
    written = msgspec.json.encode(outcome.memory)
    assert len(written) < 70_000
    for name in outcome.memory:
        assert name.isidentifier()
        assert name not in ("import", "data", "__x", "__value__")
        after = await attempt(name, memory=outcome.memory)
        assert after.error is not None or after.value is not None


@pytest.mark.parametrize(
    "code",
    [
        "x = [0] * 10 ** 6",
        "x = [1]\nfor i in range(60): x = [x, x]",
        "x = [{1}]\nfor i in range(60): x = [x, x]",
        "x = {}\nfor i in range(60): x = {'a': x, 'b': x}",
        "x = [['a' * 10 ** 6] * 10 ** 5]",
        "x = (['a' * 10 ** 6] * 10 ** 5, {1})",
        "x = {(10 ** 4000, i) for i in range(1000)}",
        "x = 1 << 20_000_000",
        "x = [i * (2 ** 61 - 1) for i in range(50_000)]\ny = set(x[:3000])",
        "a = b = c = d = ['a' * 1000] * 900",
        "\n".join(f"v{n} = {n}" for n in range(3_000)),
        "\n".join(f"def f{n}(): pass" for n in range(2_500)),
        "\n".join(f"@a\n@b{n}(1)" for n in range(3_000)) + "\ndef f(): pass",
        "if 1:\n" + "\n".join(f"    def f{n}(): pass" for n in range(2_000)),
    ],
    ids=lambda code: code[:40],
)
async def test_a_bomb_left_behind_ends_with_its_program_or_is_lost(attempt: Attempt, code: str):
    """Its name is bound to what is larger than it looks, or there are more names than anybody needs."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await attempt(code, "1")
    assert outcome.value == 1
    assert len(msgspec.json.encode(outcome.memory)) < 2 * LIMITS.value_bytes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kilobytes


async def test_many_definitions_are_not_read_before_they_are_found_too_long(attempt: Attempt):
    """Memory may have more of them than one program may name."""
    memory = {f"f{n}": made(f"def f{n}():\n    return f{n + 1}  # {'x' * 30_000}") for n in range(40)}
    outcome = await attempt("f0", memory=memory)
    assert outcome.error is not None
    assert (outcome.error.reason, outcome.error.parameter) == ("size_exceeded", "source_bytes")
