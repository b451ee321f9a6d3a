"""The library: it is not linted or typed as Python, so these are its checks."""

from __future__ import annotations

import ast
import builtins
from typing import Any

import pytest

from journeyman.programs.lisp.library import Arity, library, part
from journeyman.programs.lisp.naming import builtin, builtin_names, mangled, unmangled

OUTSIDE = {"__tool__", "__later__", "__docs", "__names"}


def test_every_name_is_there():
    """Whatever a piece refers to is a piece, a local, a builtin of the subset, or given by the sandbox."""
    for piece in library().values():
        bound = {node.arg for node in ast.walk(piece.node) if isinstance(node, ast.arg)}
        bound |= {
            node.id for node in ast.walk(piece.node) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        bound |= {node.name for node in ast.walk(piece.node) if isinstance(node, ast.FunctionDef)}
        bound |= {node.name for node in ast.walk(piece.node) if isinstance(node, ast.ExceptHandler) and node.name}
        unknown = {name for name in piece.names - bound if name not in library() and not hasattr(builtins, name)}
        assert unknown <= OUTSIDE, (piece.name, unknown)


def test_every_piece_loads(pool: Any):
    """The interpreter takes the whole library, and each function's plain form."""
    plain = [name for name, piece in library().items() if piece.callables]
    with pool.checkout(limits={"max_feed_duration_secs": 5.0, "max_memory": 64_000_000}) as session:
        session.feed_run(part(library()))
        session.feed_run(part([], plain))


def test_a_program_brings_only_what_it_needs():
    """Adding two numbers brings no strings, maps or dates."""
    brought = {line.split("(")[0] for line in part(["_add"]).splitlines() if line.startswith("def ")}
    assert brought == {"def _add", "def _wrong", "def _say"}
    assert part([]) == ""


def test_a_plain_function_leaves_out_what_makes_functions_of_data():
    """Where the compiler knows that an argument is a function, nothing asks again."""
    piece = library()["l_map"]
    assert piece.callables == {0: "_fn"}
    assert "_fn" in piece.names
    assert "_fn" not in piece.plain.names
    assert "def _fn" not in part([], ["l_map"])
    assert "def _fn" in part(["l_not_any_p"], ["l_map"])


@pytest.mark.parametrize(
    ("name", "piece"),
    [
        ("map", "l_map"),
        ("mapv", "l_map"),
        ("clojure.core/map", "l_map"),
        ("clojure.string/upper-case", "l_upper_case"),
        ("str/join", "l_join"),
        ("clojure.string/replace", "l_str__replace"),
        ("replace", "l_replace"),
        ("clojure.string/reverse", "l_str__reverse"),
        ("clojure.set/union", "l_union"),
        ("clojure.walk/postwalk", "l_postwalk"),
        ("Math/sqrt", "l_Math__sqrt"),
        ("clojure.math/sqrt", "l_Math__sqrt"),
        (".indexOf", "l_dot_indexOf"),
        ("java.util.Date.", "l_java_dot_util_dot_Date_dot_"),
        ("+", "l_add"),
        ("not=", "l_not_eq"),
        ("empty?", "l_empty_p"),
    ],
)
def test_names_find_their_piece(name: str, piece: str):
    """Lisp's names, their namespaces and their other names lead to one function."""
    assert builtin(name) == piece


@pytest.mark.parametrize(
    "name", ["l_map", "_seq", "open", "__tool__", "eval", "list?", "unknown/map", "a b", "/x", "x/"]
)
def test_names_of_the_inside_are_no_names_of_the_language(name: str):
    """A program cannot name the library's own pieces, nor Python's builtins."""
    assert builtin(name) is None


def test_known_names_are_names():
    """Every name that may be proposed for a misspelt one means something."""
    wrong = [name for name in builtin_names() if builtin(name) is None]
    assert not [name for name in wrong if not name.isupper() and "/" not in name and name != "NaN"]


def test_names_become_identifiers_and_back():
    """No two names become one Python name, whatever is in them."""
    names = ["a-b", "a_b", "a?b", "λ", "x'", "->x", "a_2d_b"]
    assert len({mangled(name) for name in names}) == len(names)
    assert all(f"d_{mangled(name)}".isidentifier() for name in names)
    assert unmangled(mangled("empty-ish?")) == "empty-ish?"


def test_arities_are_told_in_words():
    """An arity says how many arguments are right."""
    assert str(Arity(1, 1)) == "1 argument"
    assert str(Arity(2, 2)) == "2 arguments"
    assert str(Arity(1, 3)) == "1 to 3 arguments"
    assert str(Arity(1, None)) == "at least 1 arguments"
    assert Arity(1, None).takes(9)
    assert not Arity(1, 2).takes(3)
