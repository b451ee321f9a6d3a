"""Reading unfinished JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.schema import complete_fields

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"price": 12', {}),
        ('{"price": 12.', {}),
        ('{"price": 1e', {}),
        ('{"price": -', {}),
        ('{"price": 12,', {"price": 12}),
        ('{"price": 12 ', {"price": 12}),
        ('{"price": 12}', {"price": 12}),
        ('{"name": "Ro', {}),
        ('{"name": "Room 12', {}),
        ('{"name": "caf\\u00e', {}),
        ('{"name": "Rome", "ag', {"name": "Rome"}),
        ('{"ok": tru', {}),
        ('{"ok": true', {"ok": True}),
        ('{"a": {"b": "x", "c": "y', {"a": {"b": "x"}}),
        ("[1, 2", [1]),
        ("[1, 2]", [1, 2]),
    ],
)
def test_only_what_is_complete(text, shown):
    """A string or a number at the end is not shown before something follows it."""
    assert complete_fields(text) == shown


@pytest.mark.parametrize("text", ["", "12", "12.5", '"abc', "tru", "Sure, here it is", "[NaN", "{'a': 1"])
def test_nothing_to_show(text):
    """What is not yet, or never will be, JSON shows nothing."""
    assert complete_fields(text) is None


def kept(part, whole):
    """Whether everything that was shown is still there in the end."""
    match part, whole:
        case dict(), dict():
            return all(name in whole and kept(value, whole[name]) for name, value in part.items())
        case list(), list():
            return len(part) <= len(whole) and all(map(kept, part, whole))
        case _:
            return type(part) is type(whole) and part == whole


@given(value=st.dictionaries(st.text(), JSON), at=st.integers(min_value=0))
def test_what_is_shown_stays(value, at):
    """Whatever is shown at any moment is a part of the final value: nothing is ever shown and then changed."""
    text = json.dumps(value)
    shown = complete_fields(text[: at % (len(text) + 1)])
    assert shown is None or kept(shown, value)
