"""The first difference between two requests, by its path."""

from __future__ import annotations

import pytest

from journeyman.models.tapes.differing import Difference, first_difference


def form(*parts, **other):
    return {"asked": "v:m", "messages": [{"role": "user", "parts": list(parts)}], "tools": [], "settings": {}, **other}


def text(words):
    return {"type": "text", "text": words}


@pytest.mark.parametrize(
    ("expected", "got", "difference"),
    [
        (form(text("a")), form(text("a")), None),
        (form(text("a")), form(text("b")), ("messages[0].parts[0].text", '"a"', '"b"')),
        (
            form(text("a")),
            form(text("a"), text("b")),
            ("messages[0].parts[1]", "nothing", '{"type":"text","text":"b"}'),
        ),
        (
            form(text("a"), text("b")),
            form(text("a")),
            ("messages[0].parts[1]", '{"type":"text","text":"b"}', "nothing"),
        ),
        (form(asked="v:m"), form(asked="v:n"), ("model", '"v:m"', '"v:n"')),
        (form(settings={"seed": 1}), form(settings={"seed": 2}), ("settings.seed", "1", "2")),
        (form(settings={"seed": 1}), form(), ("settings.seed", "1", "nothing")),
        (form(), form(settings={"seed": True}), ("settings.seed", "nothing", "true")),
        (form(settings={"seed": 1}), form(settings={"seed": True}), ("settings.seed", "1", "true")),
        (form(tools=[{"name": "a"}]), form(tools=[]), ("tools[0]", '{"name":"a"}', "nothing")),
        (form(extra=1), form(extra=[2]), ("extra", "1", "[2]")),
        (form(text("a"), settings={"x": 1}), form(text("b")), ("messages[0].parts[0].text", '"a"', '"b"')),
    ],
)
def test_the_first_difference_is_found(expected, got, difference):
    """Words, added and missing things and other types are each named by their path; what was said comes first."""
    found = first_difference(expected, got)
    assert found == (None if difference is None else Difference(*difference))


def test_long_texts_are_shown_where_they_differ():
    """Of a long prompt the words around the difference are shown, with marks where something is left out."""
    found = first_difference(form(text("x" * 500 + "old" + "y" * 500)), form(text("x" * 500 + "new" + "y" * 500)))
    assert found is not None
    assert len(found.expected) < 130
    assert "xold" in found.expected
    assert "xnew" in found.got
    assert found.got.startswith("…")
    assert found.got.endswith("…")


def test_a_longer_text_differs_at_its_end():
    """One text may be the beginning of the other."""
    found = first_difference(form(text("ab")), form(text("abc")))
    assert found == Difference("messages[0].parts[0].text", '"ab"', '"abc"')


def test_what_nests_too_deep_is_told_all_the_same():
    """A difference that is too deep to walk to is still a difference."""
    one, other = "x", "y"
    for _ in range(100_000):
        one, other = [one], [other]
    found = first_difference({"extra": one}, {"extra": other})
    assert found is not None
    while isinstance(one, list):
        one, other = one[0], other[0]
