"""Schemas in the form of OpenAI's strict mode."""

import copy
import enum
from typing import Annotated, Any, Literal

import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel, Field

from journeyman.schema import output_schema, strict_schema

STRING = {"type": "string"}


def obj(required=(), /, **properties):
    return {"type": "object", "properties": properties, "required": list(required)}


class Kind(enum.Enum):
    A = "a"
    B = "b"


class Leaf(BaseModel):
    """A leaf."""

    kind: Kind
    size: int = Field(ge=0, description="How big.")


class Tree(BaseModel):
    name: str
    leaf: Leaf = Field(description="The best one.")
    leaves: list[Leaf]
    parent: "Tree | None"


def test_agrees_with_openai():
    """For types whose fields are all required, OpenAI's own client makes the same objects closed and the same required."""

    def facts(schema, definitions):
        if "$ref" in schema and len(schema) == 1 and schema["$ref"] != "#/$defs/Tree":
            schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
        below = [
            *schema.get("properties", {}).items(),
            *enumerate(schema.get("anyOf", ())),
            ("items", schema.get("items")),
        ]
        return (
            schema.get("additionalProperties"),
            schema.get("required"),
            schema.get("enum"),
            {name: facts(place, definitions) for name, place in below if place},
        )

    ours = strict_schema(output_schema(Tree).schema)
    theirs = to_strict_json_schema(Tree)
    theirs = {**theirs["$defs"]["Tree"], "$defs": theirs["$defs"]}
    assert facts(ours, ours["$defs"]) == facts(theirs, theirs["$defs"])


def test_references_stand_alone():
    """What stands beside a reference is merged into what it refers to, since OpenAI refuses it there."""
    result = strict_schema(output_schema(Tree).schema)
    assert result["properties"]["leaf"]["description"] == "The best one."
    assert result["properties"]["leaf"]["properties"]["size"] == {
        "type": "integer",
        "minimum": 0,
        "description": "How big.",
    }
    assert result["properties"]["parent"] == {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]}


def test_reference_to_what_is_being_unfolded():
    """A definition that refers to itself with a description keeps the reference and loses the description."""
    node = obj(["next"], next={"$ref": "#/$defs/Node", "description": "The one behind."})
    schema = {**obj(["head"], head={"$ref": "#/$defs/Node", "description": "First."}), "$defs": {"Node": node}}
    result = strict_schema(schema)
    assert result["properties"]["head"]["properties"]["next"] == {"$ref": "#/$defs/Node"}
    assert result["properties"]["head"]["description"] == "First."


def test_optional_properties_take_null():
    """A property that may be missing is required in strict mode, and null stands for missing."""
    result = strict_schema(obj(["a"], a=STRING, b={"type": "integer", "default": 3, "description": "How many."}))
    assert result == {
        "type": "object",
        "properties": {
            "a": STRING,
            "b": {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "How many."},
        },
        "required": ["a", "b"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "place",
    [
        {"type": "null"},
        {"type": ["string", "null"]},
        {"const": None},
        {"anyOf": [STRING, {"type": "null"}]},
        {"$ref": "#/$defs/Nullable"},
    ],
)
def test_what_takes_null_already(place):
    """A property that takes null is not made to take it twice."""
    schema = {**obj(x=place), "$defs": {"Nullable": {"type": ["integer", "null"]}}}
    assert strict_schema(schema)["properties"]["x"] == place


def test_reference_is_made_nullable():
    """An optional reference becomes a choice between it and null."""
    schema = {**obj(x={"$ref": "#/$defs/S"}), "$defs": {"S": STRING}}
    assert strict_schema(schema)["properties"]["x"] == {"anyOf": [{"$ref": "#/$defs/S"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        ({**STRING, "minLength": 1, "maxLength": 9, "title": "T", "examples": ["x"]}, STRING),
        ({**STRING, "format": "date-time"}, {**STRING, "format": "date-time"}),
        ({**STRING, "format": "path"}, STRING),
        ({**STRING, "pattern": "^a+$"}, {**STRING, "pattern": "^a+$"}),
        ({**STRING, "pattern": "^(?!a)"}, STRING),
        ({"type": "array", "items": STRING, "uniqueItems": True}, {"type": "array", "items": STRING}),
        ({"type": "array", "items": False}, {"type": "array", "items": False}),
        ({"oneOf": [STRING, {"type": "integer"}], "discriminator": {}}, {"anyOf": [STRING, {"type": "integer"}]}),
        ({"enum": ["a", 1]}, {"enum": ["a", 1]}),
        ({"type": "integer", "minimum": 0, "multipleOf": 5}, {"type": "integer", "minimum": 0, "multipleOf": 5}),
    ],
)
def test_keywords(place, kept):
    """Keywords that strict mode refuses are left out, those that it takes stay."""
    assert strict_schema(obj(["x"], x=place))["properties"]["x"] == kept


def test_properties_named_like_keywords():
    """A property may be called `title` or `default`; only keywords are left out."""
    result = strict_schema(obj(["title", "default"], title=STRING, default=STRING))
    assert result["properties"] == {"title": STRING, "default": STRING}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": STRING},
        {"anyOf": [obj(), obj()]},
        {"type": "object"},
        {"type": "object", "additionalProperties": STRING},
        {"type": "object", "additionalProperties": {}},
        {**obj(), "additionalProperties": True},
        {**obj(), "patternProperties": {"^x": STRING}},
        obj(["x"], x={}),
        obj(["x"], x=True),
        obj(x=True),
        obj(["x"], x={"description": "Anything."}),
        obj(["x"], x={"type": "object"}),
        obj(["x"], x={"type": ["object", "null"]}),
        obj(["x"], x={"type": "array"}),
        obj(["x"], x={"type": "array", "prefixItems": [STRING], "maxItems": 1}),
        obj(["x"], x={"allOf": [STRING, {"maxLength": 3}]}),
        obj(["x"], x={"$ref": "#/elsewhere", "description": "d"}),
        {"type": "object", "properties": []},
        {"type": "object", "properties": {"x": {"type": "array", "items": [3]}}},
    ],
)
def test_what_has_no_strict_form(schema):
    """Free-form data, shapes that strict mode does not know, and what is no schema have no strict form."""
    assert strict_schema(schema) is None


def nested(depth):
    schema = STRING
    for _ in range(depth):
        schema = obj(["x"], x=schema)
    return schema


def test_limits_of_the_provider():
    """Beyond the provider's limits there is no strict form; at them there is."""
    assert strict_schema(nested(10))
    assert strict_schema(nested(11)) is None
    assert strict_schema(obj(**dict.fromkeys(map(str, range(5_000)), STRING)))
    assert strict_schema(obj(**dict.fromkeys(map(str, range(5_001)), STRING))) is None
    assert strict_schema(obj(["x"], x={"enum": list(range(1_000))}))
    assert strict_schema(obj(["x"], x={"enum": list(range(1_001))})) is None
    assert strict_schema(obj(["x"], x={"const": "y" * 119_999}))
    assert strict_schema(obj(["x"], x={"const": "y" * 120_000})) is None


def test_depth_through_references():
    """Nesting counts through references, and a recursive type counts once."""
    chain = {
        f"D{n}": obj(["x", "y"], x={"$ref": f"#/$defs/D{n + 1}"}, y={"$ref": f"#/$defs/D{n + 1}"}) for n in range(10)
    }
    chain["D10"] = obj(["x"], x=STRING)
    assert strict_schema({**obj(["x"], x={"$ref": "#/$defs/D1"}), "$defs": chain}) is None
    assert strict_schema({**obj(["x"], x={"$ref": "#/$defs/D2"}), "$defs": chain})
    loop = {"Node": obj(["next"], next={"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]})}
    assert strict_schema({**obj(["x"], x={"$ref": "#/$defs/Node"}), "$defs": loop})


def test_definitions_that_double():
    """A schema that grows without bound when unfolded is given up, not unfolded."""
    both = {
        f"D{n}": obj(
            ["x", "y"],
            x={"$ref": f"#/$defs/D{n + 1}", "description": "l"},
            y={"$ref": f"#/$defs/D{n + 1}", "description": "r"},
        )
        for n in range(40)
    }
    both["D40"] = STRING
    assert strict_schema({**obj(["x"], x={"$ref": "#/$defs/D0", "description": "d"}), "$defs": both}) is None


def test_the_given_schema_is_left_alone():
    """The schema that is given is not changed."""
    schema = output_schema(Tree).schema
    before = copy.deepcopy(schema)
    strict_schema(schema)
    assert schema == before


class Plan(BaseModel):
    goal: str
    steps: Annotated[int, Field(le=9)] = 3
    mood: Literal["calm", "wild"] = "calm"
    inner: "Plan | None" = None
    notes: list["Note"] = []


class Note(BaseModel):
    text: str = "none"


def test_nulls_of_strict_answers_are_read_as_missing():
    """An answer in strict form, null wherever that is allowed, is read as if those fields were missing."""
    output = output_schema(Plan)
    assert strict_schema(output.schema)["required"] == ["goal", "steps", "mood", "inner", "notes"]
    text = '{"goal": "g", "steps": null, "mood": null, "inner": {"goal": "h", "steps": null, "notes": null}, "notes": [{"text": null}]}'
    value: Any = output.check(text)
    assert value == Plan(goal="g", inner=Plan(goal="h"), notes=[Note()])
