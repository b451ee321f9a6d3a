"""What is restored for a program, and what it costs one that names nothing of it."""

from __future__ import annotations

from typing import Any

from journeyman.programs import Compiled, Scope
from journeyman.programs.python import Python


def compiled(code: str, **memory: Any) -> Compiled:
    return Python().compile(code, Scope(memory=memory))


def test_a_program_pays_for_what_it_names_alone():
    """Neither code nor inputs are there for what it does not read, or binds before it could."""
    rows = {"rows": [1], "f": {"~": "made", "source": "def f():\n    return 1"}}
    assert compiled("1 + 1", **rows) == compiled("1 + 1")
    assert compiled("rows = 2", **rows) == compiled("rows = 2")
    assert compiled("rows = 2\nrows", **rows) == compiled("rows = 2\nrows")
    assert compiled("def rows():\n    return 1\nrows()", **rows).inputs == {}
    assert compiled("rows", **rows).inputs == {"__memory__": {"rows": [1]}}
    assert compiled("rows = rows + [1]", **rows).inputs == {"__memory__": {"rows": [1]}}
    assert compiled("rows += [1]", **rows).inputs == {"__memory__": {"rows": [1]}}
    assert compiled("def g():\n    return rows\ng()\nrows = 1", **rows).inputs == {"__memory__": {"rows": [1]}}
    assert "__keep__" not in compiled("[x for x in data]").prelude
    assert "__keep__" not in compiled("n + 1", n=1).prelude
