"""What is forgiven in a model's JSON, and what is not."""

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field

from journeyman.schema.adapting import adapt, record
from journeyman.schema.coercions import Misfit, check_json


class Item(BaseModel):
    id: int
    tags: list[str] = []


class Named(BaseModel):
    name: str
    mood: Literal["a", "b"] = "a"
    child: "Named | None" = None
    size: int = 3


def set_value(value):
    if value is None:
        raise ValueError("it must\nbe set")
    return value


def check(hint, text):
    adapter, schema = adapt(hint, "it")
    return check_json(adapter.validator.validate_json, text, lambda: schema)


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (list[int], '"[1, 2]"', [1, 2]),
        (record("r", {"x": list[int]}), '{"x": " [1, 2]"}', {"x": [1, 2]}),
        (record("r", {"x": Item}), '{"x": "{\\"id\\": 1}"}', {"x": Item(id=1)}),
        (record("r", {"x": Item | None}), '{"x": "{\\"id\\": 1}"}', {"x": Item(id=1)}),
        (record("r", {"x": dict[str, int] | list[int]}), '{"x": "[1]"}', {"x": [1]}),
        (record("r", {"x": set[int], "y": tuple[int, int]}), '{"x": "[1]", "y": "[1, 2]"}', {"x": {1}, "y": (1, 2)}),
        (list[Item], '["{\\"id\\": 1, \\"tags\\": \\"[]\\"}"]', [Item(id=1)]),
        (list[list[int]], json.dumps(json.dumps([json.dumps([1])])), [[1]]),
    ],
)
def test_json_inside_strings(hint, text, value):
    """An object or list written as JSON inside a string is read, wherever it is and however often it was wrapped."""
    assert check(hint, text) == value


@pytest.mark.parametrize(
    ("hint", "text", "value"),
    [
        (record("r", {"x": str}), '{"x": "[1, 2]"}', {"x": "[1, 2]"}),
        (record("r", {"x": str | list[int]}), '{"x": "[1, 2]"}', {"x": "[1, 2]"}),
        (record("r", {"x": Any}), '{"x": "{}"}', {"x": "{}"}),
        (record("r", {"x": str | None}), '{"x": null}', {"x": None}),
    ],
)
def test_what_fits_is_not_touched(hint, text, value):
    """A string that looks like JSON stays a string where a string fits, and null stays null where it fits."""
    assert check(hint, text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"name": "a", "size": null}', Named(name="a")),
        ('{"name": "a", "mood": null}', Named(name="a")),
        ('{"name": "a", "child": {"name": "b", "size": null, "mood": null}}', Named(name="a", child=Named(name="b"))),
        ('{"name": "a", "child": "{\\"name\\": \\"b\\", \\"size\\": null}"}', Named(name="a", child=Named(name="b"))),
    ],
)
def test_null_for_a_default(text, value):
    """Null for a field with a default that takes no null means the default, at any depth."""
    assert check(Named, text) == value


def test_null_for_a_default_in_a_union():
    """In a union, too, and where every branch complains of the same null."""
    hint = record("r", {"x": list[Named | Item]})
    assert check(hint, '{"x": [{"name": "a", "size": null}]}') == {"x": [Named(name="a")]}
    assert check(Either, '{"x": null, "y": 1}') == Either(y=1)


class Either(BaseModel):
    x: int | list[int] = 7
    y: int


@pytest.mark.parametrize(
    ("hint", "text", "lines"),
    [
        (Item, '{"id": null}', ["id: expected int, got null"]),
        (dict[str, int], '{"a": null}', ["a: expected int, got null"]),
        (list[int], "[1, null]", ["[1]: expected int, got null"]),
        (int, "null", ["expected int, got null"]),
        (record("r", {"x": list[int]}), '{"x": "[1, 2"}', ['x: expected array, got "[1, 2"']),
        (record("r", {"x": list[int]}), '{"x": "a, b"}', ['x: expected array, got "a, b"']),
        (record("r", {"x": list[int]}), '{"x": "[\\"a\\"]"}', ['x[0]: expected int, got "a"']),
        (record("r", {"x": list[int]}), '{"x": "{}"}', ["x: expected array, got {}"]),
        (record("r", {"x": Literal["a"]}), '{"x": "[1]"}', ["x: expected 'a', got \"[1]\""]),
    ],
)
def test_what_is_not_forgiven(hint, text, lines):
    """Null without a default, null in free-form data and text that is no JSON are told, and nothing is made up."""
    with pytest.raises(Misfit) as caught:
        check(hint, text)
    assert caught.value.lines == lines
    assert caught.value.is_json


def test_a_validator_that_refuses_null_is_heard():
    """The default does not get around a validator of the user's that saw the null and refused it."""

    class Model(BaseModel):
        x: Annotated[int | None, AfterValidator(set_value)] = None

    with pytest.raises(Misfit) as caught:
        check(Model, '{"x": null}')
    assert caught.value.lines == ["x: it must be set, got null"]


def test_far_too_many_faults():
    """Where a thousand things are wrong no repair is tried, and the first faults are told with a count of the rest."""
    with pytest.raises(Misfit) as caught:
        check(list[list[int]], json.dumps(["[1]"] * 1_001))
    assert len(caught.value.lines) == 21
    assert caught.value.lines[-1] == "and about 981 more faults"
    assert check(list[list[int]], json.dumps(["[1]"] * 1_000)) == [[1]] * 1_000


def test_words_that_look_like_no_number():
    """NaN inside a string is only a word."""
    assert check(record("r", {"x": str}), '{"x": "NaN and -Infinity"}') == {"x": "NaN and -Infinity"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not valid JSON: EOF while parsing a value at line 1 column 0"),
        ('{\n  "x": 1,\n  y: 2\n}', "not valid JSON: key must be a string at line 3 column 3, near `y: 2`"),
        ('{"ä": 1, "é": }', 'not valid JSON: expected value at line 1 column 17, near `{"ä": 1, "é": }`'),
        ("[" * 300, f"not valid JSON: recursion limit exceeded at line 1 column 202, near `{'[' * 48}`"),
    ],
)
def test_bad_json_is_told_with_its_place(text, line):
    """What is no JSON is told with line, column and the words around."""
    with pytest.raises(Misfit) as caught:
        check(dict[str, int], text)
    assert (caught.value.lines, caught.value.is_json) == ([line], False)


WIDE = record(
    "wide",
    {"a": int, "b": list[Item], "c": Named | None, "d": dict[str, int | str], "e": Annotated[int, Field(default=1)]},
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("[1]"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "c", "d", "e", "id", "name", "tags", "child", "size"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


def told(hint, text):
    """What a model is told of a text, or nothing where it fits."""
    try:
        checked = check(hint, text)
    except Misfit as misfit:
        return misfit.lines
    return [] if isinstance(checked, dict) else ["not a dict"]


@given(value=JSON)
def test_anything_either_fits_or_is_told(value):
    """Whatever a model writes is either checked or told in lines of words; nothing else comes out."""
    lines = told(WIDE, json.dumps(value))
    assert all(line and "\n" not in line and line != "not a dict" for line in lines)


@given(text=st.text(max_size=30))
def test_any_text_either_fits_or_is_told(text):
    """The same holds for text that is no JSON."""
    lines = told(dict[str, Any], text)
    assert all(line and "\n" not in line and line != "not a dict" for line in lines)
