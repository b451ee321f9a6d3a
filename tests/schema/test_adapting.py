"""From Python types to validators and schemas."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal, Union

import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field

from journeyman.data import CallerError
from journeyman.schema.adapting import adapt, mapped, record, tidy


class Movie(typing.TypedDict):
    """A film."""

    title: str
    year: typing.NotRequired[int]
    parts: list[Part]


class Part(typing.TypedDict, total=False):
    name: typing.Required[str]
    length: int


class Strict(typing.TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")
    x: int


class Extended(typing_extensions.TypedDict):
    x: int


class Loop(typing.TypedDict):
    inner: Loop | None


MOVIE = {
    "type": "object",
    "description": "A film.",
    "properties": {
        "title": {"type": "string"},
        "year": {"type": "integer"},
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "length": {"type": "integer"}},
                "required": ["name"],
            },
        },
    },
    "required": ["title", "parts"],
}


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (Movie, MOVIE),
        (list[Movie], {"type": "array", "items": MOVIE}),
        (typing.List[Movie], {"type": "array", "items": MOVIE}),  # noqa: UP006  (the old spelling is the case)
        (Movie | None, {"anyOf": [MOVIE, {"type": "null"}]}),
        (Union[Movie, None], {"anyOf": [MOVIE, {"type": "null"}]}),  # noqa: UP007  (the old spelling is the case)
        (Annotated[Movie, Field(description="One.")], {**MOVIE, "description": "One."}),
        (dict[str, Movie], {"type": "object", "additionalProperties": MOVIE}),
        (tuple[Literal["a"], ...], {"type": "array", "items": {"const": "a", "type": "string"}}),
    ],
)
def test_typed_dicts_of_the_standard_library(hint, schema):
    """typing.TypedDict can be used anywhere in a type, also on Python 3.11, where pydantic refuses it."""
    assert adapt(hint, "it")[1] == schema


def test_typed_dict_keeps_its_configuration():
    """A TypedDict's own pydantic configuration counts."""
    assert adapt(Strict, "it")[1]["additionalProperties"] is False


def test_one_typed_dict_twice():
    """A type that is used in two places is one definition."""
    schema = adapt(record("pair", {"a": Part, "b": Part}), "it")[1]
    assert schema["properties"] == {"a": {"$ref": "#/$defs/Part"}, "b": {"$ref": "#/$defs/Part"}}
    assert list(schema["$defs"]) == ["Part"]


def test_typed_dict_inside_itself():
    """A TypedDict that holds itself either works or says whose it has to be; on 3.11 it has to be typing_extensions'."""
    try:
        schema = adapt(Loop, "it")[1]
    except CallerError as error:
        assert "typing_extensions.TypedDict" in str(error)  # noqa: PT017  (one of two outcomes, by Python version)
    else:
        assert schema["properties"]["inner"]["anyOf"][1] == {"type": "null"}
    assert adapt(Extended, "it")[0].validate_json('{"x": "1"}') == {"x": 1}


class Pet(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    title: str
    friend: Pet | None = None


def test_tagged_unions():
    """A tagged union keeps its branches and loses OpenAPI's discriminator, which points at definitions by name."""
    schema = adapt(Annotated[Pet | Dog, Field(discriminator="kind")], "it")[1]
    assert schema["oneOf"][0] == {"$ref": "#/$defs/Pet"}
    assert schema["oneOf"][1]["properties"]["title"] == {"type": "string"}
    assert "discriminator" not in schema
    assert list(schema["$defs"]) == ["Pet"]


class Node(BaseModel):
    """A node."""

    children: list[Node] = []
    odd: Any = object()


def test_recursive_root():
    """A recursive type is an object at the root, not a reference to one, and an odd default is no warning."""
    schema = adapt(Node, "it")[1]
    assert schema["type"] == "object"
    assert schema["properties"] == {
        "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []},
        "odd": {},
    }
    assert schema["$defs"]["Node"]["description"] == "A node."


def test_record_refuses_what_is_no_number():
    """NaN and infinity are no JSON, so a record takes them from strings neither."""
    adapter, _ = adapt(record("r", {"x": float}), "it")
    with pytest.raises(ValueError, match="finite"):
        adapter.validate_json('{"x": "NaN"}')


def test_tidy_leaves_odd_places_alone():
    """What stands where a schema should be but is none is left as it is."""
    schema = {"type": "array", "items": True, "title": "T", "prefixItems": [True, {"title": "x", "type": "null"}]}
    assert tidy(schema) == {"type": "array", "items": True, "prefixItems": [True, {"type": "null"}]}


def test_mapped_reaches_every_subschema_and_no_data():
    """Subschemas are changed; constants, defaults and enums that look like schemas are not."""
    schema = {
        "properties": {"enum": {"a": 1}},
        "anyOf": [{"a": 2}],
        "items": {"a": 3},
        "$defs": {"D": {"a": 4}},
        "default": {"items": {"a": 5}},
        "enum": [{"a": 6}],
    }
    assert mapped(schema, lambda below: below["a"]) == {
        "properties": {"enum": 1},
        "anyOf": [2],
        "items": 3,
        "$defs": {"D": 4},
        "default": {"items": {"a": 5}},
        "enum": [{"a": 6}],
    }
