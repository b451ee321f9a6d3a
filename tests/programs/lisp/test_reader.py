"""The reader: every literal, every error at its place."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.programs import ProgramFault
from journeyman.programs.lisp import forms
from journeyman.programs.lisp.reader import MAX_DEPTH, MAX_SOURCE, read


def _one(text: str) -> forms.Form:
    (form,) = read(text)
    return form


def _fault(text: str) -> tuple[str, int | None, int | None, str]:
    with pytest.raises(ProgramFault) as caught:
        read(text)
    error = caught.value.error
    return error.reason, error.line, error.column, error.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("nil", None),
        ("true", True),
        ("-17", -17),
        ("+5", 5),
        ("42N", 42),
        ("0xFF", 255),
        ("2.5e10", 2.5e10),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("##Inf", math.inf),
        ("##-Inf", -math.inf),
        (r'"a\n\t\"\\b\u00e9"', 'a\n\t"\\bé'),
        ('"two\nlines"', "two\nlines"),
        (r"\a", "a"),
        (r"\newline", "\n"),
        (r"\space", " "),
        (r"\u03bb", "λ"),
        (r"\o101", "A"),
        (r"\(", "("),
    ],
)
def test_literals_are_read(text: str, value: object):
    """Each notation of Clojure's reader that the language has gives its value."""
    form = _one(text)
    assert isinstance(form, forms.Literal)
    assert form.value == value
    assert type(form.value) is type(value)


def test_not_a_number_is_read():
    """##NaN is the float that is not equal to itself."""
    form = _one("##NaN")
    assert isinstance(form, forms.Literal)
    assert math.isnan(form.value)  # type: ignore[arg-type]


def test_places_are_those_of_the_first_character():
    """Lines and columns count from 1; commas, comments and discarded forms take room and mean nothing."""
    form = _one("; about\n #_(not this) ^:private\n  (f, x\n   :k) ;; end")
    assert isinstance(form, forms.ListForm)
    assert (form.line, form.column) == (3, 3)
    assert [(item.line, item.column) for item in form.items] == [(3, 4), (3, 7), (4, 4)]


def test_collections_and_prefixes_are_read():
    """Vectors, maps, sets, patterns, quotes and vars become forms of their kind."""
    assert isinstance(_one("[1 [2]]"), forms.VectorForm)
    assert isinstance(_one("{:a 1 :b 2}"), forms.MapForm)
    assert isinstance(_one("#{1 2}"), forms.SetForm)
    assert _one(r'#"\d+\"x"') == forms.Regex(r'\d+"x')
    assert forms.shown(_one("'(a b)")) == "(quote (a b))"
    assert forms.shown(_one("#'x")) == "(var x)"
    assert read("#_ #_ a b") == ()


def test_short_functions_become_functions():
    """#() takes as many parameters as its highest placeholder, and the rest where %& stands."""
    assert forms.shown(_one("#(+ % %2)")) == "(fn [%1 %2] (+ %1 %2))"
    assert forms.shown(_one("#(f %&)")) == "(fn [& %&] (f %&))"
    assert forms.shown(_one("#(42)")) == "(fn [] 42)"
    assert forms.shown(_one("#(g)")) == "(fn [] (g))"


@pytest.mark.parametrize(
    ("text", "reason", "line", "column", "said"),
    [
        ("(+ 1 2))", "parse_error", 1, 8, "closes nothing"),
        ("(map inc [1 2]]", "parse_error", 1, 15, "the ( of line 1, column 1"),
        ("(let [x 1\n  (+ x 1)", "parse_error", 1, 6, "never closed"),
        ("(a\n #{1 2", "parse_error", 2, 2, "a } is missing"),
        ('(str "abc)', "parse_error", 1, 6, "never closed"),
        ("{:a}", "parse_error", 1, 1, "pairs"),
        ("{:a 1 :a 2}", "parse_error", 1, 7, "stands twice"),
        ("#{1 1.0}", "parse_error", 1, 5, "stands twice"),
        ("{[1 :a] 1 [1 :a] 2}", "parse_error", 1, 11, "stands twice"),
        (":a/b", "parse_error", 1, 1, "no namespaces"),
        ("::a", "parse_error", 1, 1, "no namespaces"),
        (":", "parse_error", 1, 1, "letters, digits"),
        ("1/3", "parse_error", 1, 1, "divide with"),
        ("1.5M", "parse_error", 1, 1, "write a float"),
        ("017", "parse_error", 1, 1, "no number"),
        ("%", "parse_error", 1, 1, "only within #( )"),
        ("#(map #(inc %) %)", "parse_error", 1, 7, "(fn [x] …)"),
        ('"\\ud800"', "parse_error", 1, 1, "half a character"),
        ("\\ud800", "parse_error", 1, 1, "half a character"),
        ("1\n  \ud800", "parse_error", 2, 3, "half of a character"),
        ("\\nonsense", "parse_error", 1, 1, "newline"),
        ("\\", "parse_error", 1, 1, "missing"),
        ("(f '", "parse_error", 1, 1, "never closed"),
        ("(f ')", "parse_error", 1, 5, "nothing follows"),
        ("1 '", "parse_error", 1, 3, "nothing follows"),
        ("@state", "unsupported", 1, 1, "no atoms"),
        ("`(a ~b)", "unsupported", 1, 1, "no macros"),
        ("#inst", "unsupported", 1, 1, "no tag"),
        ("9" * 5000, "size_exceeded", 1, 1, "4000"),
        ("(" * (MAX_DEPTH + 1), "depth_exceeded", 1, MAX_DEPTH + 1, "nested deeper"),
    ],
)
def test_errors_have_their_place_and_say_what_to_do(text: str, reason: str, line: int, column: int, said: str):
    """What is no program is told with its reason, line and column."""
    found = _fault(text)
    assert found[:3] == (reason, line, column)
    assert said in found[3]


def test_a_program_has_a_size():
    """A text that is too long is not read at all."""
    assert _fault(" " * (MAX_SOURCE + 1))[0] == "size_exceeded"


@given(st.text(alphabet="()[]{}#\"'\\;:%&^@~` \nabx019/.-+?*_,λ", max_size=40))
def test_any_text_is_a_program_or_a_fault(text: str):
    """No text makes the reader fail in another way."""
    try:
        read(text)
    except ProgramFault as fault:
        assert fault.error.line is not None  # noqa: PT017  (either outcome is right)


ATOMS = st.sampled_from(["nil", "true", "-1", "2.5", '"a\\"b"', ":k", "x", "f?", r"\a", '#"a\\d"', "##Inf"])
FORMS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("({})".format, st.lists(inner, max_size=3).map(" ".join))
        | st.builds("[{}]".format, st.lists(inner, max_size=3).map(" ".join))
    ),
    max_leaves=12,
)


@given(FORMS)
def test_a_form_that_is_shown_reads_as_itself(text: str):
    """Functions outlive a program as text: reading what was shown gives the same form."""
    form = _one(text)
    again = _one(forms.shown(form))
    assert forms.shown(again) == forms.shown(form)
