"""Tools as Python sees them."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, ToolSpec
from journeyman.programs.python.stubs import checked_stubs, definitions, python_name, signatures, type_of


@pytest.mark.parametrize(
    ("schema", "written"),
    [
        ({"type": "string"}, "str"),
        ({"type": "integer"}, "int"),
        ({"type": "number"}, "float"),
        ({"type": "boolean"}, "bool"),
        ({"type": "null"}, "None"),
        ({"type": "array", "items": {"type": "string"}}, "list[str]"),
        ({"type": "array"}, "list[Any]"),
        ({"type": "object"}, "dict[str, Any]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "str | None"),
        ({"type": ["string", "null"]}, "str | None"),
        ({"enum": ["a", 1]}, "Literal['a', 1]"),
        ({"const": "a"}, "Literal['a']"),
        ({"enum": [1.5]}, "Any"),
        ({"$ref": "#/$defs/Row"}, "dict[str, Any]"),
        ({"$ref": "#/$defs/Loop"}, "Any"),
        ({"$ref": "#/nowhere"}, "Any"),
        ({"type": "strange"}, "Any"),
        ({}, "Any"),
        (True, "Any"),
    ],
)
def test_a_schema_is_written_as_a_type(schema: Any, written: str):
    """JSON Schema 2020-12's words as Python's, and Any where there is none."""
    root = {"$defs": {"Row": {"type": "object"}, "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}]}}}
    assert type_of(schema, root) == written


NAMES = st.sampled_from(
    ["search", "get-user", "import", "1st", "open", "data", "tools", "print", "größe", "a.b", "__x", "None"]
)


@given(st.lists(NAMES, unique=True), st.lists(st.sampled_from(["q", "from", "a-b", "self", "limit"]), unique=True))
def test_stubs_and_definitions_are_python(names: list[str], properties: list[str]):
    """Whatever tools and arguments are called, what is written of them parses."""
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in properties},
        "required": properties[:1],
    }
    found = signatures([ToolSpec(name, 'It\'s """quoted"""', schema) for name in names])
    ast.parse(checked_stubs(found))
    ast.parse(definitions(found, frozenset(found) | {"tools", "async_tools"}))


def test_only_what_is_mentioned_is_defined():
    """A program carries the tools that it names, and no others."""
    found = signatures([ToolSpec("search"), ToolSpec("fetch")])
    assert definitions(found, frozenset()) == ""
    assert "fetch" not in definitions(found, frozenset({"search"}))


def test_names_that_come_to_one_are_the_caller_s_error():
    """`a-b` and `a.b` would be one function."""
    assert python_name("a-b") == python_name("a.b") == "a_b"
    with pytest.raises(CallerError, match=r"'a-b' and 'a.b' are both 'a_b'"):
        signatures([ToolSpec("a-b"), ToolSpec("a.b")])
