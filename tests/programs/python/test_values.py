"""Memory as it is written, read and described, whoever wrote it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.programs import ProgramFault, Raised, Scope, open_sandbox
from journeyman.programs.python import Python
from journeyman.programs.python.values import restored


def value(tagged: Any) -> dict[str, Any]:
    return {"~": "value", "value": tagged}


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4) | st.binary(max_size=3)
)
KEYS = st.integers() | st.text(max_size=3) | st.just("~") | st.tuples(st.integers(), st.booleans()) | st.none()
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.tuples(inner, inner)
        | st.sets(KEYS, max_size=3)
        | st.frozensets(KEYS, max_size=2)
    ),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, dict):
        return all(same(one[key], other[key]) for key in one)
    return not isinstance(one, list | tuple) or all(map(same, one, other))


@settings(max_examples=20, deadline=None)
@given(st.lists(DATA, min_size=10, max_size=20))
def test_memory_gives_back_what_it_was_given(given_values: list[Any]):
    """Whatever data a name holds, the next program finds it with the same types throughout."""
    names = [f"v{number}" for number in range(len(given_values))]

    async def both() -> Any:
        literal = "inf = 1e999\n" + "".join(
            f"{name} = {value!r}\n" for name, value in zip(names, given_values, strict=True)
        )
        async with open_sandbox(processes=1) as sandbox:
            memory = (await sandbox.run(literal)).memory
            return (await sandbox.run(f"[{', '.join(names)}]", memory=memory)).value

    assert same(asyncio.run(both()), given_values)


def test_members_with_one_hash_do_not_hold_the_host():
    """A set of numbers that Python's hash cannot tell apart would take time that grows with their square: it is refused."""
    alike = [{"~": "int", "value": hex(number * (2**61 - 1))} for number in range(3_000)]
    assert restored(value({"~": "set", "value": alike})) is None
    assert restored(value({"~": "dict", "value": [[member, 1] for member in alike]})) is None
    assert restored(value({"~": "set", "value": list(range(3_000))})) is not None


TAGS = [
    "value",
    "made",
    "lost",
    "set",
    "dict",
    "tuple",
    "int",
    "float",
    "bytes",
    "date",
    "datetime",
    "time",
    "timedelta",
]
TAGS += ["Decimal", "Counter", "defaultdict", "deque", "pattern"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["def x(): pass", "1.5", "2024-01-02"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["value", "of", "source", "kind", "why"]), inner, max_size=3)
        | st.builds(
            lambda tag, held, of: {"~": tag, "value": held, "of": of, "source": held},
            st.sampled_from(TAGS) | st.text(max_size=3),
            inner,
            inner,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["x", "y", "import", "a b", "__z", "data", "é"]), JSON))
def test_any_memory_is_read_without_another_error(memory: dict[str, Any]):
    """Compiling, describing and missing a name end in a result, or in a fault of the program."""
    scope = Scope(memory=memory)
    try:
        Python().compile("x\ny\ndef f():\n    global z\n    return é\nx = 1", scope)
    except ProgramFault as fault:
        refused = fault.error.reason
    else:
        refused = "size_exceeded"
    assert refused == "size_exceeded"
    assert isinstance(Python().describe(scope), str)
    assert Python().fault(Raised("NameError", "name 'x' is not defined"), scope).reason == "unbound_var"


@settings(max_examples=60, deadline=None)
@given(JSON, JSON, JSON)
def test_any_end_is_read_without_another_error(kept: Any, plain: Any, own: Any):
    """Whatever a program has bound to `__value__`, its memory can be written as JSON."""
    for handed in (kept, {"__kept__": kept, "plain": plain, "value": own}, {"__kept__": [["x", "tagged", kept], kept]}):
        finished = Python().finish(handed, Scope())
        msgspec.json.encode(finished.memory)


def test_memory_is_described_without_what_it_holds():
    """Names with types and sizes; functions as they are called; what is lost with the reason."""
    text = Python().describe(
        Scope(
            memory={
                "rows": [{"id": 1, "secret": "x"}],
                "total": {"~": "made", "source": "@cache\ndef total(order, tax=0):\n    return 1"},
                "A": {"~": "made", "source": "if 1:\n    class A:\n        pass"},
                "seen": {"~": "value", "value": {"~": "set", "value": [1]}},
                "c": {"~": "value", "value": {"~": "Counter", "value": [["x", 1]]}},
                "p": {"~": "value", "value": {"~": "pattern", "value": "x", "of": 0}},
                "it": {"~": "lost", "kind": "list_iterator", "why": "list_iterator"},
                "big": {"~": "lost", "kind": "list", "why": "too large"},
            }
        )
    )
    assert text.endswith(
        "Earlier programs left behind:\n"
        "- rows: list of 1 (dict with 'id', 'secret')\n- def total(order, tax=0):\n- class A:\n- seen: set of 1\n"
        "- c: Counter of 1\n- p: pattern\n- it: list_iterator, not kept\n- big: list, not kept (too large)"
    )


def test_many_names_are_counted():
    """A description has room for the latest of them."""
    text = Python().describe(Scope(memory={f"n{number}": number for number in range(50)}))
    assert "- n9: int" not in text
    assert text.endswith("- n10: int\n" + "".join(f"- n{number}: int\n" for number in range(11, 50)) + "- and 10 more")
