"""Finding the answer in what a model wrote."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from journeyman.schema import OutputError, output_schema


class Item(BaseModel):
    id: int
    name: str = ""


@pytest.mark.parametrize(
    "text",
    [
        '{"id": 1}',
        '  {"id": 1}\n',
        '```json\n{"id": 1}\n```',
        '```\n{"id": 1}```',
        '```json\r\n{"id": 1}\r\n```',
        'Sure! Here you are:\n\n```json\n{"id": 1}\n```\nAnything else?',
        'The answer is {"id": 1}.',
        'See [1] and {the docs}: {"id": 1}',
        'He said "use {braces}": {"id": 1}',
        '{"id": 1} (that is, {"id": 1})',
        '"{\\"id\\": 1}"',
        '{"id": "1", "name": null}',
    ],
)
def test_found(text):
    """JSON is found in fences and between words, past brackets that hold no JSON or something else."""
    assert output_schema(Item).check(text) == Item(id=1)


def test_strings_with_brackets():
    """Brackets and quotes inside strings are no structure."""
    text = 'So: {"id": 1, "name": "a } ] \\" { ```"} ok'
    assert output_schema(Item).check(text) == Item(id=1, name='a } ] " { ```')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"result": [1, 2]}', [1, 2]),
        ("[1, 2]", [1, 2]),
        ("```json\n[1, 2]\n```", [1, 2]),
        ('{"result": "[1, 2]"}', [1, 2]),
        ('Words {"result": [1, 2]} words', [1, 2]),
    ],
)
def test_wrapped_values(text, value):
    """What is no object is taken with the object around it or without."""
    assert output_schema(list[int]).check(text) == value


@pytest.mark.parametrize(("text", "value"), [("42", 42), ("```\n42\n```", 42), ('{"result": 42}', 42), ('"42"', 42)])
def test_bare_scalars(text, value):
    """A bare value is taken where it is the whole answer, in a fence or not."""
    assert output_schema(int).check(text) == value


@pytest.mark.parametrize(
    ("output_type", "text", "message"),
    [
        (int, "The answer is 42.", "the answer: there is no JSON in it; answer with JSON only"),
        (Item, "", "the answer: there is no JSON in it"),
        (Item, '{"id": 1', 'not valid JSON: EOF while parsing an object at line 1 column 8, near `{"id": 1`'),
        (Item, '{"items": [{"id": 1}', "not valid JSON: EOF while parsing a list"),
        (Item, '{id: {"id": 1}}', "not valid JSON: key must be a string at line 1 column 2"),
        (Item, '{"id": NaN}', "not valid JSON: expected value at line 1 column 8"),
        (Item, '{"id": 1} or {"id": 2}', "it holds several JSON values that could be meant; give exactly one"),
        (list[int], "[1] and [2] make 3", "it holds several JSON values"),
        (Item, 'See [1]: {"id": "abc"} and [2].', '- id: expected int, got "abc"'),
        (list[int], '{"result": [1, "abc"]}', '- result[1]: expected int, got "abc"'),
        (list[int], '[1, "abc"]', '- result[1]: expected int, got "abc"'),
        (list[int], '{"values": [1]}', '- result: expected array, got {"values":[1]}'),
        (Item, '{"id": "\ud800"}', "half of a surrogate pair"),
    ],
)
def test_not_found(output_type, text, message):
    """What is cut off, ambiguous or of another shape is told; a part of a broken answer is never taken for it."""
    with pytest.raises(OutputError) as caught:
        output_schema(output_type).check(text)
    assert message in str(caught.value)


WORDS = st.text(alphabet="abc ,.:;!?'\n", max_size=20)
VALUES = st.dictionaries(
    st.text(max_size=5), st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=4)), min_size=1
)


@given(before=WORDS, value=VALUES, after=WORDS, fenced=st.booleans())
def test_any_object_is_found_between_words(before, value, after, fenced):
    """An object between words without brackets is found, whatever it holds."""
    text = json.dumps(value)
    text = f"{before}\n```json\n{text}\n```\n{after}" if fenced else f"{before}{text}{after}"
    assert output_schema(dict[str, Any]).check(text) == value


@given(value=VALUES, cut=st.integers(min_value=1))
def test_a_cut_answer_is_never_taken(value, cut):
    """An answer that was cut off anywhere is refused, never read as a smaller answer."""
    text = json.dumps({"outer": [value, value]})
    with pytest.raises(OutputError):
        output_schema(dict[str, Any]).check(text[: len(text) - 1 - cut % (len(text) - 1)])


@given(text=st.text(alphabet='{}[]"\\ 1a`\n', max_size=40))
def test_any_text_either_fits_or_is_told(text):
    """Whatever a model writes is an answer or an OutputError."""
    try:
        found = output_schema(dict[str, Any]).check(text)
    except OutputError as error:
        found = str(error)
    assert isinstance(found, dict) or found.startswith("the answer")
