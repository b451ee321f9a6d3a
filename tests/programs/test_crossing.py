"""What may cross between host and sandbox."""

from __future__ import annotations

import ast
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError
from journeyman.programs import Grant, ProgramLimits
from journeyman.programs.crossing import Output, as_json_has_it, data_as_json, kind_of, quoted, shortened
from journeyman.programs.likeness import did_you_mean
from journeyman.programs.outcome import KEPT_OUTPUT, ProgramError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_what_json_has_crosses_unchanged(value: object):
    """Nothing is lost of what JSON can hold."""
    assert as_json_has_it(value) == value


def test_other_values_cross_in_their_json_form_or_not_at_all():
    """Dates are text, tuples are lists; what has no form is refused with its type."""
    assert as_json_has_it({"at": dt.date(2020, 1, 2), "pair": (1, 2)}) == {"at": "2020-01-02", "pair": [1, 2]}
    for value in (object(), "\ud800"):
        with pytest.raises(ValueError, match="cannot cross"):
            as_json_has_it(value)
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="cannot cross"):
        as_json_has_it(deep)
    with pytest.raises(CallerError, match="data is a mapping"):
        data_as_json([1], "data")  # type: ignore[arg-type]


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30)), st.integers(0, 100))
def test_a_shortened_text_is_its_newest_part_with_a_mark(pieces: list[str], limit: int):
    """What fits is left alone; what does not ends as the whole does and says how much is missing."""
    output = Output()
    for piece in pieces:
        output.add(piece)
    whole = "".join(pieces)
    assert output.text == whole
    short = shortened(whole, limit)
    if len(whole.encode()) <= limit:
        assert short == whole
    else:
        mark, _, newest = short.partition("\n")
        assert whole.endswith(newest)
        assert len(newest.encode()) <= limit
        assert mark.startswith(f"[… {len(whole) - len(newest):,} characters")


def test_output_is_bounded():
    """However much is printed, only the newest part is held."""
    output = Output()
    for number in range(300):
        output.add(f"{number:>10000}")
    assert len(output.text) == KEPT_OUTPUT
    assert output.text.endswith("299")
    assert sum(map(len, output._pieces)) <= 2 * KEPT_OUTPUT + 10_000


def test_a_likeness_is_guessed_only_where_it_costs_little():
    """Close names are named; a long name is not compared at all."""
    assert did_you_mean("serch", ["search", "sort"]) == "; did you mean 'search'?"
    assert did_you_mean("xyz", ["search"]) == ""
    assert did_you_mean("a" * 10_000, ["a" * 10_000]) == ""


def test_an_error_reads_as_one_line():
    """Reason, place and message; a limit with its parameter and value."""
    assert str(ProgramError("type_error", "no", 3, 4)) == "type_error: line 3, column 4: no"
    limit = ProgramError.of_limit("loop_limit_exceeded", "steps of loops", "loop_steps", ProgramLimits())
    assert str(limit) == "loop_limit_exceeded: the limit on steps of loops was reached: loop_steps=1,000,000"


def test_a_grant_s_tools_have_names_of_their_own():
    """Two of one name are the caller's error."""
    from journeyman.data import ToolSpec

    with pytest.raises(CallerError, match="one name"):
        Grant([ToolSpec("a"), ToolSpec("a")])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "NoneType"),
        (5, "int"),
        ([], "list"),
        ({}, "dict"),
        ([{"a": 1, "b": 2}, 5], "list of 2 (dict with 'a', 'b')"),
        ([[[[["deep"]]]]], "list of 1 (list of 1 (list of 1 (list)))"),
        ({"x" * 99: 1}, f"dict with '{'x' * 40}…'"),
        ({str(n): n for n in range(10_000)}, f"dict with {', '.join(repr(str(n)) for n in range(12))}, …"),
    ],
)
def test_a_kind_is_told_in_few_words(value: object, words: str):
    """However deep, wide or long-named a value is: its keys may be anybody's, and they stand in a prompt."""
    assert kind_of(value) == words


@given(st.text())
def test_a_quoted_name_is_one_line_of_bounded_length(name: str):
    """Nothing in it begins a line of its own, or ends the quotes."""
    shown = quoted(name)
    assert len(shown.splitlines()) == 1
    assert len(ast.literal_eval(shown)) <= 41
