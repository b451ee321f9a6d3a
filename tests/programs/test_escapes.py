"""A corpus of programs that try to get out, or to hurt whoever runs them: none succeeds, each ends by itself."""

from __future__ import annotations

import asyncio
import os
import resource
from typing import Any

import pytest

from journeyman.programs import Outcome, ProgramLimits, open_sandbox

LIMITS = ProgramLimits(cpu_seconds=0.2, memory_bytes=32_000_000)
SECRET = "the-host's-own-secret"
GONE = {"type_error", "unbound_var", "not_allowed", "unsupported", "parse_error", "runtime_error", "value_error"}
BOUNDED = {"timeout", "memory_exceeded", "size_exceeded", "depth_exceeded", "loop_limit_exceeded", "parse_error"}

# What would show the inside of the interpreter or of the host.
WALKS = [
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__[1].__subclasses__()",
    "[].__class__.__base__",
    "type([]).__mro__",
    "type(1).__subclasses__(type(1))",
    "(lambda: 0).__globals__",
    "(lambda: 0).__code__.co_consts",
    "(lambda: 0).__closure__",
    "print.__self__",
    "print.__self__.__import__('os')",
    "(1).__reduce_ex__(2)",
    "object.__getattribute__([], '__class__').__base__",
    "getattr([], '__class__').__base__",
    "getattr((), '__cl' + 'ass__').__bases__",
    "'{0.__class__.__mro__}'.format(1)",
    "'{0.__class__.__init__.__globals__}'.format(print)",
    "'{a.__globals__[os]}'.format(a=lambda: 0)",
    "f'{(lambda: 0).__globals__}'",
    "'%(x)s' % (lambda: 0).__dict__",
    "data.__class__.__base__",
    "tools.__class__.__init__.__globals__",
    "peek.__closure__[0].cell_contents",
    "__tool__.__closure__",
    "__tool__.__globals__",
    "__builtins__",
    "__builtins__['open']('/etc/passwd')",
    "__loader__",
    "__spec__.loader",
    "globals()['__builtins__']",
    "vars(print)",
    "dir(__tool__)",
    "class A:\n    pass\nA.__class__.__base__",
    "class A:\n    pass\nA().__dict__['__class__']",
    "try:\n    1 / 0\nexcept Exception as e:\n    frame = e.__traceback__.tb_frame\nframe.f_back.f_globals",
    "import sys\nsys._getframe(1).f_globals",
    "import sys\nsys.modules['os']",
    "import sys\nsys.settrace(print)",
    "import functools\nfunctools.partial.__class__.__base__.__subclasses__()",
    "async def f():\n    pass\nf().cr_frame.f_globals",
    "(x for x in [1]).gi_frame.f_back",
]

# What would reach files, processes, the environment or the network.
REACHES = [
    "open('/etc/passwd').read()",
    "open('/proc/self/environ').read()",
    "open('../../../../etc/passwd')",
    "open('/tmp/journeyman-was-here', 'w').write('x')",
    "exec(\"open('/etc/passwd')\")",
    "eval(\"open('/etc/passwd').read()\")",
    "compile('1', '', 'eval')",
    "__import__('os').system('id')",
    "import os\nos.system('id')",
    "import os\nos.popen('id')",
    "import os\nos.environ['JOURNEYMAN_SECRET']",
    "import os\nos.getenv('JOURNEYMAN_SECRET')",
    "import os\nos.listdir('/')",
    "import os\nos.remove('/etc/passwd')",
    "import os\nos.kill(1, 9)",
    "import os\nos.fork()",
    "import os\nos.urandom(8)",
    "from pathlib import Path\nPath('/etc/passwd').read_text()",
    "from pathlib import Path\nPath('/tmp/journeyman-was-here').write_text('x')",
    "from pathlib import Path\nlist(Path('/').iterdir())",
    "import subprocess\nsubprocess.run(['id'])",
    "import socket\nsocket.create_connection(('127.0.0.1', 80))",
    "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')",
    "import http.client",
    "import ctypes\nctypes.string_at(0)",
    "import pickle\npickle.loads(b\"cos\\nsystem\\n(S'id'\\ntR.\")",
    "import marshal\nmarshal.loads(b'')",
    "import shelve",
    "import importlib\nimportlib.import_module('os')",
    "import inspect\ninspect.currentframe()",
    "import gc\ngc.get_objects()",
    "import threading\nthreading.Thread(target=print).start()",
    "import multiprocessing",
    "import signal\nsignal.raise_signal(9)",
    "import builtins\nbuiltins.open",
    "import code\ncode.interact()",
    "import pydantic_monty",
    "import journeyman",
    "from tools import os",
    "import tools.os",
    "input()",
    "breakpoint()",
    "exit()",
    "quit()",
    "help()",
]

# What would take time, memory or room without end.
BOMBS = [
    "while True: pass",
    "try:\n    while True: pass\nexcept BaseException:\n    pass\nwhile True: pass",
    "while True:\n    try:\n        'a' * 10**10\n    except BaseException:\n        pass",
    "'a' * 10**10",
    "'a' * (1 << 62)",
    "b'a' * 10**10",
    "[0] * 10**10",
    "(0,) * 10**10",
    "list(range(10**10))",
    "set(range(10**9))",
    "sum(range(10**13))",
    "max(range(10**13))",
    "sorted(range(10**9), key=lambda x: -x)",
    "10 ** 10 ** 10",
    "2 ** (2 ** 40)",
    "1 << (1 << 40)",
    "x = 3\nwhile True: x = x * x",
    "int('9' * 10**6)",
    "str(10 ** 10**6)",
    "'%0100000000000d' % 1",
    "'{:>100000000000}'.format(1)",
    "f'{1:>100000000000}'",
    "'x'.ljust(10**11)",
    "'x'.replace('x', 'y' * 10**5) * 10**8",
    "','.join(['a' * 10**6] * 10**6)",
    "x = 'a'\nwhile True: x += x",
    "x = []\nwhile True: x = [x, x, 'a' * 1000]",
    "x = {}\ni = 0\nwhile True:\n    i += 1\n    x[i] = i",
    "[[y for y in range(10**6)] for x in range(10**6)]",
    "def f(n): return f(n + 1)\nf(0)",
    "f = lambda n: f(n + 1) + f(n + 1)\nf(0)",
    "def f(n): return n if n < 2 else f(n - 1) + f(n - 2)\nf(60)",
    "async def f(): return await f()\nawait f()",
    "import asyncio\nasync def f():\n    await asyncio.gather(f(), f())\nawait f()",
    "import itertools\nlist(itertools.count())",
    "import itertools\nlen(list(itertools.product(range(1000), repeat=5)))",
    "import re\nre.match(r'(a|aa)+$', 'a' * 40 + 'b').group()",
    "import re\nre.compile('(' * 10**5)",
    "import json\njson.loads('[' * 10**6)",
    "['a' * 10**6] * 10**5",
    "{'a': ['b' * 10**6] * 10**5}",
    "(['a' * 10**6] * 10**5, {1})",
    "[10 ** 4000] * 10**5",
    "x = [1]\nfor i in range(60): x = [x, x]\nx",
    "x = [{1}]\nfor i in range(60): x = [x, x]\nx",
    "x = {1}\nfor i in range(10**5): x = (x,)\nx",
    "peek(['a' * 10**6] * 10**5)",
    "raise ValueError('a' * 10**7)",
    "nothing(['a' * 10**6] * 10**5)",
    "[" * 5000,
    "(" * 5000 + ")" * 5000,
    "-" * 50_000 + "1",
    "not " * 15_000 + "1",
    "1" + "+1" * 30_000,
    "a" + ".b" * 30_000,
    "a" + "[0]" * 20_000,
    "lambda: " * 5000 + "1",
    "9" * 60_000,
    "'" + "a" * 65_000 + "'" * 1000,
    "x = " + "[1, " * 10_000 + "]" * 10_000,
    "if 1:\n" + "".join(" " * n + "if 1:\n" for n in range(1, 300)) + " " * 301 + "pass",
    "f'" + "{" * 5000,
    "\x00",
    "exec('while True: pass')",
]


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYMAN_SECRET", SECRET)


def peek(what: Any) -> str:
    """Look."""
    return f"saw {len(what)}"


async def attempt(code: str) -> Outcome:
    # The timeout is no measurement: it tells a program that ends from one that does not.
    async with asyncio.timeout(30), open_sandbox(processes=1, limits=LIMITS) as sandbox:
        outcome = await sandbox.run(code, tools=[peek], data={"a": 1})
        after = await sandbox.run("1 + 1")
    assert after.value == 2  # the sandbox is as good as before
    return outcome


@pytest.mark.parametrize("code", WALKS)
async def test_nothing_leads_from_a_value_to_the_interpreter(code: str):
    """No walk over attributes, frames, formats or closures comes to anything."""
    outcome = await attempt(code)
    assert outcome.error is not None, outcome.value
    assert outcome.error.reason in GONE, outcome.error


@pytest.mark.parametrize("code", REACHES)
async def test_nothing_reaches_the_outside(code: str):
    """Files, processes, environment, network, pickles and prompts are not there, and nothing is written."""
    outcome = await attempt(code)
    assert outcome.ok is False or outcome.value is None, outcome.value
    assert SECRET not in repr(outcome)
    assert "root:" not in repr(outcome)
    assert "journeyman-was-here" not in os.listdir("/tmp")  # noqa: S108, PTH208  (pathlib is no better here)


@pytest.mark.parametrize("code", BOMBS, ids=lambda code: code[:30])
async def test_a_bomb_ends_with_its_program(code: str):
    """Time, memory, depth and size are bounded inside, and what comes out does not fill the host's memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await attempt(code)
    assert outcome.error is not None, repr(outcome.value)[:100]
    assert outcome.error.reason in BOUNDED | GONE | {"tool_error", "arithmetic_error"}
    assert len(outcome.error.message) < 3_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kilobytes


@pytest.mark.parametrize(
    "name", ["open", "eval", "print", "data", "tools", "len", "__tool__", "__value__", "import", "1st"]
)
async def test_a_tool_s_name_shadows_nothing_that_the_sandbox_needs(name: str):
    """Tools named like builtins or like our own names are called as tools, and the rest works as before."""
    from journeyman.data import ToolSpec
    from journeyman.programs import Answered, Grant

    async def call(name: str, arguments: dict[str, Any], call_id: int) -> Answered:
        return Answered([name, arguments])

    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    written = {"import": "_import", "1st": "_1st"}.get(name, name)
    code = f"got = tools.{written}(a=1)\nfor i in range(3): i\n[got, data['k']]"
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run(code, tools=Grant([ToolSpec(name, "", schema)], call), data={"k": 2})
    assert outcome.error is None
    assert outcome.value == [[name, {"a": 1}], 2]


async def test_what_a_program_sees_does_not_tell_how_tools_are_called():
    """Of the names that it sees none leads to those by which calls leave the sandbox unmeasured."""
    code = """
seen = [name for name in locals() if name.startswith("_k")]
found = []
for name in seen:
    for kind in ("call", "later", "c", "l"):
        for digits in (name[2:], name[2:26], name[5:], name[5:29]):
            try:
                exec("_" + kind + digits + "(['peek', {'x': 1}])")
                found.append(name)
            except NameError:
                pass
[len(seen) > 0, found]
"""
    outcome = await attempt(code)
    # What is reached answers with another error than that there is no such name.
    assert (outcome.error, outcome.value, outcome.calls) == (None, [True, []], ())


async def test_a_program_cannot_forge_what_the_sandbox_does_with_its_value():
    """Rebound builtins and names of ours do not let a value out unmeasured."""
    code = "len = lambda x: 0\nrepr = str = dict = list = type = isinstance = print = 5\n__tool__ = None\n['a' * 10**6] * 10**5"
    outcome = await attempt(code)
    assert outcome.error is not None
    assert outcome.error.reason in ("size_exceeded", "memory_exceeded", "timeout")  # whichever the machine meets first


async def test_an_output_flood_is_cut_with_a_mark():
    """A program that prints without end is stopped by its time, and a bounded part of what it printed is kept, the newest."""
    outcome = await attempt("i = 0\nwhile True:\n    i += 1\n    print('x' * 100_000, i)")
    assert outcome.error is not None
    assert len(outcome.printed) < LIMITS.output_bytes + 200
    assert "left out: output_bytes=16,384" in outcome.printed
    assert LIMITS.output_bytes < len(outcome.output) <= 1_000_000
    assert outcome.output.endswith("\n")


@pytest.mark.parametrize(
    "code", ["import re\nre.compile('a{1000}{1000}{1000}')", "x = []\nfor i in range(10**3): x = [x]\nlen(repr(x))"]
)
async def test_what_looks_like_a_bomb_and_is_none_comes_to_a_value(code: str):
    """Patterns are compiled when they are used, and a text may be as long as memory has room for."""
    assert (await attempt(code)).error is None


async def test_the_corpus_runs_in_other_processes():
    """The interpreter is not in this process."""
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run("import os\nos.getpid()")
    assert outcome.error is not None or outcome.value != os.getpid()
