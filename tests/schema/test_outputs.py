"""What an agent's output type comes to."""

import dataclasses
import datetime as dt
import enum
import json
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar, Union

import pytest
import typing_extensions
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Field, computed_field

from journeyman.data import CallerError, ModelError
from journeyman.schema import OutputError, output_schema

T = TypeVar("T")


class Forecast(BaseModel):
    city: str
    high: float
    notes: list[str] = []


class Page(BaseModel, Generic[T]):
    items: list[T]


@dataclasses.dataclass
class Point:
    x: int
    y: Decimal = Decimal("0.5")


class Movie(TypedDict):
    name: str
    out: dt.date


class Mood(enum.Enum):
    CALM = "calm"
    WILD = "wild"


class Span(NamedTuple):
    start: int
    end: int


class Awkward(BaseModel):
    """Aliases on both sides, and a field that is computed."""

    first: int = Field(alias="FIRST")
    second: int = Field(validation_alias=AliasChoices("zwei", "two"), serialization_alias="deux")

    @computed_field
    @property
    def total(self) -> int:
        return self.first + self.second


Short = Annotated[str, Field(max_length=3)]


@pytest.mark.parametrize(
    ("output_type", "name", "allows_text", "shape"),
    [
        (str, "text", True, None),
        (Short, "text", True, None),
        (Forecast, "Forecast", False, "object"),
        (Page[int], "Page_int", False, "object"),
        (Point, "Point", False, "object"),
        (Movie, "Movie", False, "object"),
        (dict[str, int], "final_result", False, "object"),
        (int, "final_result", False, "wrapped"),
        (bool, "final_result", False, "wrapped"),
        (list[Forecast], "final_result", False, "wrapped"),
        (Literal["a", "b"], "final_result", False, "wrapped"),
        (Mood, "Mood", False, "wrapped"),
        (Span, "Span", False, "wrapped"),
        (Forecast | Point, "final_result", False, "wrapped"),
        (Optional[Forecast], "final_result", False, "wrapped"),  # noqa: UP045  (the old spelling is the case)
        (Forecast | str, "Forecast", True, "object"),
        (Union[str, Forecast, int], "final_result", True, "wrapped"),  # noqa: UP007  (the old spelling is the case)
        (Short | Mood, "Mood", True, "wrapped"),
        (Annotated[Forecast, Field(description="One.")], "Forecast", False, "object"),
        (Annotated[Forecast | str, "either"], "Forecast", True, "object"),
        (str | None, "final_result", True, "wrapped"),
        (None, "final_result", False, "wrapped"),
        (typing_extensions.TypeAliasType("Answer", Forecast | str), "Forecast", True, "object"),
    ],
)
def test_what_a_type_comes_to(output_type, name, allows_text, shape):
    """Each type has a name, a schema of an object (or none) and says whether words will do."""
    output = output_schema(output_type)
    assert (output.name, output.allows_text) == (name, allows_text)
    if shape is None:
        assert output.schema is None
        return
    assert output.schema["type"] == "object"
    assert (list(output.schema.get("properties", {})) == ["result"]) is (shape == "wrapped")


VALUES = [
    (str, "words"),
    (str, '{"city": 1}'),
    (Forecast, Forecast(city="Rome", high=31.5, notes=["hot"])),
    (Point, Point(1, Decimal("2.25"))),
    (Movie, {"name": "M", "out": dt.date(1931, 5, 11)}),
    (int, 3),
    (float, 1.0),
    (bool, False),
    (Mood, Mood.WILD),
    (Literal["a", "b"], "a"),
    (Span, Span(1, 2)),
    (list[Point], [Point(1), Point(2)]),
    (tuple[int, str], (1, "a")),
    (set[int], {1, 2}),
    (dict[str, int], {"result": 1}),
    (dict[str, Any] | list[int], {"result": {"result": 1}}),
    (Forecast | None, None),
    (Forecast | str, "words"),
    (Forecast | str, Forecast(city="Rome", high=1)),
    (Mood | str, Mood.CALM),
    (Mood | str, "calm"),
    (dt.date | str, dt.date(2026, 1, 31)),
    (dt.date | str, "2026-01-31"),
    (Short, "abc"),
    (Awkward, Awkward(FIRST=1, two=2)),
]


@pytest.mark.parametrize(("output_type", "value"), VALUES)
def test_dump_and_load(output_type, value):
    """What is dumped is JSON and loads as the same value of the same type; text stays apart from what looks like it."""
    output = output_schema(output_type)
    dumped = json.loads(json.dumps(output.dump(value)))
    loaded = output.load(dumped)
    assert loaded == value
    assert type(loaded) is type(value)


@pytest.mark.parametrize(
    ("output_type", "value"), [pair for pair in VALUES if not isinstance(pair[1], str) or pair[0] is not str]
)
def test_check_takes_what_was_dumped(output_type, value):
    """The JSON of what is dumped is an answer that checks, too, wherever the value is not words."""
    output = output_schema(output_type)
    dumped = output.dump(value)
    if isinstance(dumped, str):
        assert output.check(dumped) == value
    else:
        assert output.check(json.dumps(dumped)) == value


@given(
    value=st.dictionaries(st.text(max_size=4), st.integers() | st.lists(st.text(max_size=4), max_size=3), max_size=4)
)
def test_free_form_values_come_back(value):
    """Free-form objects come back whole, also those that look like our own wrapping."""
    output = output_schema(dict[str, Any] | list[Any])
    assert output.check(json.dumps(output.dump(value))) == value


@pytest.mark.parametrize(
    ("output_type", "value"), [(Forecast, "x"), (int, "x"), (str, 3), (Short, 3), (Forecast | str, 3)]
)
def test_dump_refuses_other_types(output_type, value):
    """A value of another type is not written as if it were one."""
    with pytest.raises(CallerError, match="the output cannot be written as JSON"):
        output_schema(output_type).dump(value)


def test_load_after_the_type_has_changed():
    """What was dumped under an older type and does not fit the new one is said so."""
    with pytest.raises(OutputError, match="city: required, but missing"):
        output_schema(Forecast).load({"high": 1})
    with pytest.raises(OutputError, match="expected string, got 3"):
        output_schema(str).load(3)


@pytest.mark.parametrize("text", ["words", "", '"quoted"', '{"a": 1}', "```\nx\n```"])
def test_words_are_never_changed(text):
    """Where only words will do, the answer is the answer."""
    assert output_schema(str).check(text) == text


def test_words_with_a_constraint():
    """Words may have to fit a constraint."""
    assert output_schema(Short).check("abc") == "abc"
    with pytest.raises(OutputError, match=r'the answer cannot be used:\n- String should have at most 3 .*, got "abcd"'):
        output_schema(Short).check("abcd")


@pytest.mark.parametrize(
    "text",
    [
        "It is [1] hot.",
        "[1]",
        '"x"',
        '{"city": "Rome", "high": 1} is what I think',
        'I think:\n```json\n{"city": "Rome", "high": 1}\n```',
        "{not json}",
        "",
    ],
)
def test_words_beside_json(text):
    """Where words will do, an answer that is not as a whole a JSON object is words, unchanged."""
    assert output_schema(Forecast | str).check(text) == text


@pytest.mark.parametrize("text", ['{"city": "Rome", "high": 1}', '```json\n{"city": "Rome", "high": "1"}\n```'])
def test_an_object_where_words_will_do(text):
    """An answer that is as a whole an object is meant as one, and has to fit."""
    assert output_schema(Forecast | str).check(text) == Forecast(city="Rome", high=1)
    with pytest.raises(OutputError, match="high: expected number"):
        output_schema(Forecast | str).check(text.replace("1", "hot") if '"1"' in text else text.replace("1", '"hot"'))


@pytest.mark.parametrize(
    ("output_type", "text", "shown"),
    [
        (str, "so fa", "so fa"),
        (Forecast | str, "so fa", "so fa"),
        (Forecast | str, '{"city": "Rome", "hi', {"city": "Rome"}),
        (Forecast, '{"city": "Rome", "high": 3', {"city": "Rome"}),
        (Forecast, 'Here:\n```json\n{"city": "Rome",', {"city": "Rome"}),
        (Forecast, "Here", None),
        (list[Forecast], '{"result": [{"city": "Rome"}, {"ci', [{"city": "Rome"}, {}]),
        (list[int], "[1, 2", [1]),
        (list[int], '{"res', None),
    ],
)
def test_partial(output_type, text, shown):
    """An unfinished answer shows what is complete, as plain data."""
    assert output_schema(output_type).partial(text) == shown


def test_types_that_json_cannot_carry():
    """An output type that JSON cannot carry is named at its first use."""
    output = output_schema(type)
    with pytest.raises(CallerError, match="the output type final_result cannot be given to a model"):
        _ = output.schema


def test_errors_are_the_models_fault():
    """A bad answer is the model's to mend, with a line for each fault."""
    with pytest.raises(OutputError) as caught:
        output_schema(list[Forecast]).check('{"result": [{"city": 1, "high": "abc"}]}')
    assert isinstance(caught.value, ModelError)
    assert str(caught.value).splitlines() == [
        "the answer cannot be used:",
        "- result[0].city: expected string, got 1",
        '- result[0].high: expected number, got "abc"',
    ]
