"""The parameters of a function as one JSON object, and the check of what a model gives."""

import dataclasses
import datetime as dt
import enum
import functools
import pathlib
import typing
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, Optional

import pytest
import typing_extensions
from pydantic import BaseModel, Field

from journeyman.data import CallerError, ModelError
from journeyman.schema import ArgumentsError, describe_function


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Place(BaseModel):
    """A place on the map."""

    name: str
    near: "Place | None" = None


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Filters(typing.TypedDict, total=False):
    since: dt.date
    tag: typing.Required[str]


class Span(NamedTuple):
    start: int
    end: int = 9


def check(hint, text, default=...):
    """The value of a parameter `x` with this hint."""
    return tool_with(hint, default).check(text)


def tool_with(hint, default=...):
    def tool(x): ...

    tool.__annotations__ = {"x": hint}
    if default is not ...:
        tool.__defaults__ = (default,)
    return describe_function(tool)


def schema_of(hint, default=...):
    return tool_with(hint, default).parameters["properties"]["x"]


@pytest.mark.parametrize(
    ("hint", "json", "value"),
    [
        (str, '"a"', "a"),
        (int, "3", 3),
        (int, '"3"', 3),
        (float, "3", 3.0),
        (bool, '"true"', True),
        (str | None, "null", None),
        (Optional[int], "4", 4),  # noqa: UP045  (the old spelling is the case)
        (Colour, '"red"', Colour.RED),
        (Literal["a", 1], "1", 1),
        (Place, '{"name": "A", "near": {"name": "B"}}', Place(name="A", near=Place(name="B"))),
        (Point, '{"x": 1}', Point(1)),
        (Filters, '{"tag": "t", "since": "2026-01-31"}', {"tag": "t", "since": dt.date(2026, 1, 31)}),
        (list[Filters], '[{"tag": "t"}]', [{"tag": "t"}]),
        (Span, "[1]", Span(1)),
        (Span, '{"start": 1, "end": 2}', Span(1, 2)),
        (dt.datetime, '"2026-01-31T10:00:00Z"', dt.datetime(2026, 1, 31, 10, tzinfo=dt.UTC)),
        (uuid.UUID, '"00000000-0000-0000-0000-000000000001"', uuid.UUID(int=1)),
        (Decimal, '"0.10"', Decimal("0.10")),
        (pathlib.Path, '"a/b"', pathlib.Path("a/b")),
        (list[int], "[1, 2]", [1, 2]),
        (set[int], "[1, 1]", {1}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Any, '{"a": [1]}', {"a": [1]}),
        (Annotated[int, Field(ge=0)], "0", 0),
    ],
)
def test_types(hint, json, value):
    """Every type that JSON can carry is checked into that type."""
    checked = check(hint, f'{{"x": {json}}}')["x"]
    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str | None, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (Colour, {"type": "string", "enum": ["red", "blue"]}),
        (
            Annotated[int, Field(ge=0, description="How many.")],
            {"type": "integer", "minimum": 0, "description": "How many."},
        ),
        (Annotated[str, "plain words"], {"type": "string", "description": "plain words"}),
        (Annotated[str, 3, typing_extensions.Doc("a doc")], {"type": "string", "description": "a doc"}),
        (Annotated[str, "loose", Field(description="set")], {"type": "string", "description": "set"}),
    ],
)
def test_schemas(hint, schema):
    """Schemas have no titles, definitions that are used once stand where they are used."""
    assert schema_of(hint) == schema


def test_schema_of_a_dataclass():
    """A dataclass is an object in its place, with the fields that have a default not required."""
    schema = schema_of(Point)
    assert schema["properties"] == {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}}
    assert (schema["type"], schema["required"]) == ("object", ["x"])


def test_recursive_model_keeps_its_definition():
    """A recursive type needs a definition and keeps it."""
    parameters = tool_with(Place).parameters
    assert parameters["properties"]["x"] == {"$ref": "#/$defs/Place"}
    assert parameters["$defs"]["Place"]["description"] == "A place on the map."


@pytest.mark.parametrize(
    ("hint", "default", "written"),
    [
        (int, 3, 3),
        (str | None, None, None),
        (Colour, Colour.RED, "red"),
        (Point, Point(1), {"x": 1, "y": 0}),
        (set[int], {1}, [1]),
    ],
)
def test_defaults_in_the_schema(hint, default, written):
    """A default is told to the model as JSON, and left to the function when the model gives nothing."""
    assert schema_of(hint, default)["default"] == written
    assert check(hint, "{}", default) == {}


@pytest.mark.parametrize("default", [object(), float("inf"), b"\xff"])
def test_defaults_that_json_cannot_write(default):
    """A default that JSON cannot write is not told to the model, and the parameter still may be left out."""
    assert "default" not in schema_of(Any, default)
    assert check(Any, "{}", default) == {}


def test_field_as_default():
    """Field in the place of a default says description, bounds and default, as pydantic's users write it."""

    def tool(
        city: str = Field(description="Where."),
        days: int = Field(default=2, ge=1),
        tags: list[str] = Field(default_factory=list),  # noqa: B008  (how pydantic's users write it is the case)
    ): ...

    schema = describe_function(tool)
    assert schema.parameters["required"] == ["city"]
    assert schema.parameters["properties"]["city"] == {"type": "string", "description": "Where."}
    assert schema.parameters["properties"]["days"] == {"type": "integer", "minimum": 1, "default": 2}
    assert schema.check('{"city": "x"}') == {"city": "x", "days": 2, "tags": []}


def test_names_that_models_would_refuse():
    """Any parameter name will do, also those that pydantic gives a meaning of its own."""

    def tool(_private: int, schema: int, json: int, copy: int, model_x: int, model_config: int, total: int): ...

    names = ["_private", "schema", "json", "copy", "model_x", "model_config", "total"]
    schema = describe_function(tool)
    assert list(schema.parameters["properties"]) == names
    text = "{" + ", ".join(f'"{name}": {at}' for at, name in enumerate(names)) + "}"
    assert schema.check(text) == {name: at for at, name in enumerate(names)}


def test_alias():
    """A parameter may go by another name with the model than in Python."""

    def tool(limit: Annotated[int, Field(alias="maxItems")] = 3): ...

    schema = describe_function(tool)
    assert list(schema.parameters["properties"]) == ["maxItems"]
    assert schema.check('{"maxItems": 1}') == {"limit": 1}


def test_descriptions():
    """A description in a Field wins over one in the docstring, and that over the docstring of the type."""

    def tool(a: Annotated[int, Field(description="field")], b: Point, c: int):
        """Do it.

        Args:
            a: docstring
            b: docstring
        """

    properties = describe_function(tool).parameters["properties"]
    assert [properties[name].get("description") for name in "abc"] == ["field", "docstring", None]


@pytest.mark.parametrize("text", ["", "  \n", '""', "null", "{}", "None"])
def test_no_arguments(text):
    """Models write no arguments in many ways."""

    def tool(a: int = 1): ...

    assert describe_function(tool).check(text) == {}


@pytest.mark.parametrize("text", ["", "null"])
def test_no_arguments_where_some_are_required(text):
    """No arguments at all is told as what is missing, not as bad JSON."""
    with pytest.raises(ArgumentsError, match=r"tool cannot be used:\n- x: required, but missing$"):
        check(int, text)


def test_arguments_inside_a_string():
    """All arguments as JSON inside a JSON string are accepted."""
    assert check(int, '"{\\"x\\": 1}"') == {"x": 1}


def test_the_parameter_at_fault_is_named():
    """The error names the parameter that is at fault, not its neighbours."""

    def tool(good: int, bad: Callable[[int], str]): ...

    with pytest.raises(CallerError, match=r"tool: parameter 'bad' .*Callable"):
        _ = describe_function(tool).parameters


def test_extra_arguments():
    """**kwargs takes other names, each checked, and the schema says so."""

    def tool(a: int, **rest: int): ...

    schema = describe_function(tool)
    assert schema.parameters["additionalProperties"] == {"type": "integer"}
    assert schema.check('{"a": 1, "b": "2"}') == {"a": 1, "b": 2}
    with pytest.raises(ArgumentsError, match=r"- c: expected int, got \"x\""):
        schema.check('{"a": 1, "c": "x"}')


def test_extra_arguments_of_any_type():
    """**kwargs: Any allows everything, and says so."""

    def tool(**rest: Any): ...

    assert describe_function(tool).parameters["additionalProperties"] is True
    assert describe_function(tool).check('{"b": [1]}') == {"b": [1]}


class Owner:
    def method(self, ctx: int, key: str, **rest: str): ...


def test_extra_arguments_cannot_take_what_the_call_fills():
    """Through **kwargs a model cannot set the context, the instance or what a partial has bound."""
    tool = describe_function(functools.partial(Owner().method, key="secret"), context_type=int)
    assert tool.check('{"other": "x"}') == {"other": "x"}
    for name in ("self", "ctx", "key"):
        with pytest.raises(ArgumentsError, match=f"method cannot be used:\n- {name}: unknown name"):
            tool.check(f'{{"{name}": "x"}}')


def test_errors_are_for_the_model():
    """An error has a line for each fault, with path, expectation and finding, and is the model's fault."""

    def search(city: str, days: Annotated[int, Field(le=7)], items: list[Point], colour: Colour = Colour.RED): ...

    with pytest.raises(ArgumentsError) as caught:
        describe_function(search).check(
            '{"city": 3, "days": 9, "items": [{"x": "abc"}, {"y": 1}], "color": "red", "colour": "pink"}'
        )
    assert isinstance(caught.value, ModelError)
    assert str(caught.value).splitlines() == [
        "the arguments of search cannot be used:",
        "- city: expected string, got 3",
        "- days: expected a value less than or equal to 7, got 9",
        '- items[0].x: expected int, got "abc"',
        "- items[1].x: required, but missing",
        "- colour: expected 'red' or 'blue', got \"pink\"",
        "- color: unknown name; did you mean colour?",
    ]
    assert "pydantic" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"x": 1',
            'the arguments of tool: not valid JSON: EOF while parsing an object at line 1 column 7, near `{"x": 1`',
        ),
        ("{'x': 1}", "not valid JSON: key must be a string at line 1 column 2"),
        ('{"x": NaN}', "not valid JSON: expected value at line 1 column 7"),
        ('{"x": 1} and', "not valid JSON: trailing characters at line 1 column 10"),
        ("[1]", "expected object, got [1]"),
        ('{"x": "\ud800"}', "half of a surrogate pair"),
    ],
)
def test_bad_json(text, message):
    """What is not JSON, or no object, is told with its position."""
    with pytest.raises(ArgumentsError) as caught:
        check(int, text)
    assert message in str(caught.value)


class Unfinished(BaseModel):
    x: "NeverDefined"  # noqa: F821  (that it is not defined is the case)


class Raising:
    @classmethod
    def __get_pydantic_core_schema__(cls, *_):
        raise KeyError("oops")


@pytest.mark.parametrize(
    ("hint", "reason"),
    [
        (Callable[[int], str], "parameter 'x' .*Callable.* cannot be given to a model: Cannot generate a JsonSchema"),
        (ArgumentsError, r"parameter 'x' \(ArgumentsError\) cannot be given"),
        (Unfinished, r"parameter 'x' \(Unfinished\) .*not fully defined"),
        (Raising, r"parameter 'x' \(Raising\) cannot be given to a model: KeyError: 'oops'"),
    ],
)
def test_types_that_no_model_can_give(hint, reason):
    """A type that JSON cannot carry names function and parameter."""
    with pytest.raises(CallerError, match=f"tool: {reason}"):
        check(hint, "{}")
