"""The words for what is wrong."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from journeyman.schema.adapting import adapt, record
from journeyman.schema.faults import fault_lines, objects_at, prefix, shown


def lines(hint, text, data):
    adapter, schema = adapt(hint, "it")
    with pytest.raises(ValidationError) as caught:
        adapter.validator.validate_json(text)
    return fault_lines(caught.value.errors(), data, schema)


class Model(BaseModel):
    name: str
    items: list[int] = []


class Other(BaseModel):
    kind: int


@pytest.mark.parametrize(
    ("hint", "line"),
    [
        (int, 'x: expected int, got "?"'),
        (float, 'x: expected number, got "?"'),
        (Decimal, 'x: expected number, got "?"'),
        (bool, 'x: expected true or false, got "?"'),
        (dt.date, 'x: expected date such as 2026-01-31, got "?"'),
        (dt.time, 'x: expected time such as 13:45:00, got "?"'),
        (dt.datetime, 'x: expected date and time such as 2026-01-31T13:45:00Z, got "?"'),
        (uuid.UUID, 'x: expected UUID, got "?"'),
        (Model, 'x: expected object, got "?"'),
        (dict[str, int], 'x: expected object, got "?"'),
        (list[int], 'x: expected array, got "?"'),
        (None, 'x: expected null, got "?"'),
        (int | list[int], 'x: expected int or array, got "?"'),
        (list[int] | list[bool], 'x: expected array, got "?"'),
        (int | bool, 'x: expected int or true or false, got "?"'),
        (Annotated[str, Field(min_length=2)], 'x: String should have at least 2 characters, got "?"'),
        (Annotated[str, Field(pattern="^a")], "x: String should match pattern '^a', got \"?\""),
    ],
)
def test_expectations(hint, line):
    """Each fault says what was expected in the words of JSON, and what was found."""
    assert lines(record("r", {"x": hint}), '{"x": "?"}', {"x": "?"}) == [line]


def test_paths_leave_out_the_branches_of_unions():
    """A path is a way through the data, not through the type."""
    data = {"x": [{"name": 1, "items": [2, "a"]}]}
    text = '{"x": [{"name": 1, "items": [2, "a"]}]}'
    assert lines(record("r", {"x": list[Model | Other]}), text, data) == [
        "x[0].name: expected string, got 1",
        'x[0].items[1]: expected int, got "a"',
        "x[0].kind: required, but missing",
    ]


def test_keys_that_are_numbers():
    """A key of dict[int, ...] is a string in the data."""
    assert lines(dict[int, int], '{"1": "a"}', {"1": "a"}) == ['["1"]: expected int, got "a"']


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"colour": int}, "color: unknown name; did you mean colour?"),
        ({"apples": int, "pears": int}, "color: unknown name; the known names are apples, pears"),
        ({}, "color: unknown name; there are none to give"),
    ],
)
def test_unknown_names(fields, line):
    """An unknown name comes with the one that was meant, or with those there are."""
    assert line in lines(record("r", fields), '{"color": 1}', {"color": 1})


def test_assertions_of_validators():
    """A validator's own words are told as they are, on one line."""

    def refuse(value: Any) -> Any:
        raise AssertionError(f"no {value},\n  really")

    hint = record("r", {"x": Annotated[int, BeforeValidator(refuse)]})
    assert lines(hint, '{"x": 1}', {"x": 1}) == ["x: no 1, really, got 1"]

    def silent(_: Any) -> Any:
        raise AssertionError

    hint = record("r", {"x": Annotated[int, BeforeValidator(silent)]})
    assert lines(hint, '{"x": 1}', {"x": 1}) == ["x: refused, got 1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("abc", '"abc"'),
        ("two\nlines", '"two\\nlines"'),
        ([1, None], "[1,null]"),
        (b"\xff", "bytes"),
        ("x" * 98, '"' + "x" * 98 + '"'),
        ("x" * 99, '"' + "x" * 99 + "… (101 characters)"),
    ],
)
def test_shown(value, text):
    """A wrong value is quoted up to a length, and a cut is marked."""
    assert shown(value) == text


def test_prefix():
    """Paths are written as a person would write them, odd and endless keys quoted."""
    assert prefix(()) == ""
    assert prefix(("a", 0, "b c", "d")) == 'a[0]["b c"].d: '
    assert len(prefix(("x" * 5_000,))) < 150


def test_objects_at():
    """The objects that may stand at a path are found through references, unions, lists, tuples and maps."""
    hint = record("r", {"x": dict[str, list[Model | Other]], "y": tuple[int, Model], "z": int})
    schema = adapt(hint, "it")[1]

    def names(*path):
        return sorted(name for place in objects_at(schema, path) for name in place["properties"])

    assert names() == ["x", "y", "z"]
    assert names("x", "any", 3) == ["items", "kind", "name"]
    assert names("y", 1) == ["items", "name"]
    assert names("y", 0) == names("y", 7) == names("z", "a") == names("w") == []


def test_objects_in_a_recursive_union():
    """Each place counts once, however many ways lead to it, so depth does not double the work."""
    both = {"properties": {"next": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]}}}
    schema = {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}], "$defs": {"A": both, "B": dict(both)}}
    assert len(objects_at(schema, ("next",) * 150)) == 2
