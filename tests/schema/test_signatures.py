"""Signatures: read, written, checked, described, chained."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import pickle
import subprocess
import sys
from decimal import Decimal
from typing import Any, Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from journeyman.data import CallerError, ModelError
from journeyman.schema import InputMismatch, OutputMismatch, Signature, SignatureMismatch, signature_of
from journeyman.schema.signatures import Field, FieldType, ListOf, Maybe, Record, Scalar
from journeyman.schema.signatures.shapes import SCALARS

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True)
SCALAR_TYPES = st.sampled_from(SCALARS).map(Scalar)


def _optional(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[FieldType]:
    return inner | inner.map(lambda found: found if isinstance(found, Maybe) else Maybe(found))


def _records(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Record]:
    return st.dictionaries(NAMES, inner, max_size=4).map(
        lambda fields: Record(tuple(Field(name, type_) for name, type_ in fields.items()))
    )


TYPES = st.recursive(
    _optional(SCALAR_TYPES), lambda inner: _optional(inner.map(ListOf) | _records(inner)), max_leaves=12
)
SIGNATURES = st.builds(lambda inputs, output: Signature(inputs.fields, output), _records(TYPES), TYPES)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


class Order(BaseModel):
    order_id: int
    tags: list[str] = []
    due: dt.date | None = None


class Page(TypedDict):
    items: list[Order]


@dataclasses.dataclass
class Customer:
    id: int
    name: str


def faults_of(signature: str, value: Any) -> tuple[str, ...]:
    with pytest.raises(OutputMismatch) as caught:
        Signature.parse(signature).check_output(value)
    return caught.value.faults


# --- text -----------------------------------------------------------------------------------------------------------------


def test_a_signature_has_inputs_by_name_and_an_output():
    """The issue's own example is read into the types that it says."""
    signature = Signature.parse("(user {id :int}, limit :int?) -> [{order_id :int}]")
    assert signature.inputs == {
        "user": Record((Field("id", Scalar("int")),)),
        "limit": Maybe(Scalar("int")),
    }
    assert signature.output == ListOf(Record((Field("order_id", Scalar("int")),)))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("{total :float}", "{total :float}"),
        (":int", ":int"),
        ("() -> :string", ":string"),
        ("-> :string", ":string"),
        ("(a :int)->:any", "(a :int) -> :any"),
        ("{a :int b {c :string?}}", "{a :int, b {c :string?}}"),  # commas are blanks
        ("{}", "{}"),
        ("[{}]", "[{}]"),
        ("[:map]?", "[:map]?"),
        (
            "(query :string,\n options {limit :int?, sort :string?}) ->\n {results [{id :int, score :float}], total :int}",
            "(query :string, options {limit :int?, sort :string?}) -> {results [{id :int, score :float}], total :int}",
        ),
        (
            "{user {id :int, address {city :string, zip :string}}}",
            "{user {id :int, address {city :string, zip :string}}}",
        ),
        ("{summary :string, _raw [:map]}", "{summary :string, _raw [:map]}"),
        ("(x-y :keyword, at :datetime) -> :list", "(x-y :keyword, at :datetime) -> :list"),
    ],
)
def test_every_form_of_the_notation_is_read_and_written_in_one_way(text: str, canonical: str):
    """Reading and writing gives the canonical text, which reads as the same."""
    signature = Signature.parse(text)
    assert str(signature) == canonical
    assert Signature.parse(canonical) == signature


@given(SIGNATURES)
def test_what_is_written_reads_as_the_same(signature: Signature):
    """`parse` is the inverse of `str`."""
    assert Signature.parse(str(signature)) == signature


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("(a :strng) -> :int", "line 1, column 4", "there is no type :strng; did you mean :string?"),
        ("{a :integer}", "line 1, column 4", "did you mean :int?"),
        ("{a :number}", "line 1, column 4", "did you mean :float?"),
        ("{a :xyzzy}", "line 1, column 4", "the types are :string, :int, :float"),
        ("{a\n  int}", "line 2, column 3", "types begin with a colon: write :int"),
        ("{:id :int}", "line 1, column 2", "without a colon: write id :type"),
        ("{id: int}", "line 1, column 4", "no colon between them"),
        ("(a :int)", "line 1, column 9", "-> and the type of the output are missing"),
        ("(a :int", "line 1, column 8", "a field or ) is missing"),
        ("", "line 1, column 1", "a type is missing"),
        ("[]", "line 1, column 2", "[:any]"),
        ("[:int :int]", "line 1, column 7", "one type of items"),
        ("{a :int, a :int}", "line 1, column 10", "there is a field a already"),
        ("{a}", "line 1, column 3", "the type of a is missing"),
        (":int??", "line 1, column 6", "one ? is enough"),
        (":int :int", "line 1, column 6", "should end here"),
        ("{9 :int}", "line 1, column 2", "a name and a type"),
        ("(a :int) -> ", "line 1, column 13", "a type is missing"),
    ],
)
def test_a_slip_is_told_with_its_place_and_what_was_meant(text: str, place: str, words: str):
    """The error names line and column, and says how to write it."""
    with pytest.raises(CallerError) as caught:
        Signature.parse(text)
    assert place in str(caught.value)
    assert words in str(caught.value)


@given(st.text(alphabet="()[]{}:?->, \nintsrgx_\ud800\u200b", max_size=60) | st.text(max_size=60))
def test_no_text_raises_anything_else(text: str):
    """Whatever a text is, it is a signature or a CallerError."""
    try:
        signature = Signature.parse(text)
    except CallerError:
        return
    assert Signature.parse(str(signature)) == signature


@pytest.mark.parametrize(
    "text", ["[" * 9_000, "{a " * 3_000, "(" * 9_000, ":int" * 5_000, ":" + "x" * 9_000, "[" * 33 + ":int" + "]" * 33]
)
def test_size_and_depth_are_bounded(text: str):
    """Deep, long and unending texts are refused."""
    with pytest.raises(CallerError):
        Signature.parse(text)


def test_depth_up_to_the_bound_is_read():
    """32 lists within each other are a signature."""
    assert Signature.parse("[" * 32 + ":int" + "]" * 32).check_output([]) == []


# --- values ---------------------------------------------------------------------------------------------------------------


def test_faults_carry_the_path_and_the_value():
    """The words are those that the issue asks for."""
    signature = "{results [{id :int, customer {id :int}?}]}"
    assert faults_of(signature, {"results": [{"id": "abc"}]}) == ('results[0].id: expected int, got string "abc"',)
    assert faults_of(signature, {"results": [{"id": 1}, {"id": 2, "customer": {"id": None}}]}) == (
        "results[1].customer.id: expected int, got nil",
    )


@pytest.mark.parametrize(
    ("signature", "value", "fault"),
    [
        (":int", 1.5, "expected int, got float 1.5"),
        (":int", 42.0, "expected int, got float 42.0"),  # as PTC-Lisp has it: nothing is lost silently
        (":int", True, "expected int, got bool true"),
        (":float", "3.14", 'expected float, got string "3.14"'),
        (":bool", 1, "expected bool, got int 1"),
        (":string", ["a"], "expected string, got list of 1"),
        (":string", {1, 2}, "expected string, got set of 2"),
        (":string", {}, "expected string, got map with nothing in it"),
        (":string", {f"k{n}": 0 for n in range(9)}, "expected string, got map with k0, k1, k2, k3 … (9 keys)"),
        (":string", {(1,): 0}, "expected string, got map with … (1 keys)"),
        (":string", dt.timedelta(1), "expected string, got timedelta"),
        (":float", 10**400, "expected float, got int"),
        (":map", {True: 1, "true": 2}, "the map has two keys that are written 'true'"),
        (":map", [1, 2], "expected map, got list of 2"),
        (":list", {"a": 1}, "expected list, got map with a"),
        ("[:int]", {1, "x"}, '[1]: expected int, got string "x"'),
        (":datetime", "tomorrow", 'expected datetime, got string "tomorrow"'),
        (":keyword", 5, "expected keyword, got int 5"),
        ("{a :int}", None, "expected map, got nil"),
        ("{a :int}", {}, "a: required, but missing"),
        ("{amount :int}", {"amunt": 1}, "amount: required, but missing; there is 'amunt'"),
        (":float", float("nan"), "a float that is nan: JSON has no form for it"),
        (":any", [float("inf")], "[0]: a float that is inf: JSON has no form for it"),
        (":int", 2**64, "an int of 65 bits: JSON keeps 64; give it as a string"),
        (":any", {"a": b"x"}, "a: a bytes has no form in JSON"),
        (":map", {(1, 2): 3}, "a key of the map is a tuple: JSON has only strings for keys"),
        (":map", {1: 2, "1": 3}, "the map has two keys that are written '1'"),
        (":string", "\ud800", "half of a character stands in the string: no UTF-8 has it"),
    ],
)
def test_what_does_not_fit_is_told(signature: str, value: Any, fault: str):
    """One line says what was wanted and what is there."""
    assert faults_of(signature, value) == (fault,)


@pytest.mark.parametrize(
    ("signature", "value", "result"),
    [
        (":float", 42, 42.0),
        ("[:int]", (1, 2), [1, 2]),
        ("[:int]", {3, 1, 2}, [1, 2, 3]),
        (":list", {"b", "a"}, ["a", "b"]),
        (":any", {"x": {frozenset({1}), 2}}, {"x": [2, [1]]}),
        (":datetime", dt.datetime(2026, 1, 31, 13, 45, tzinfo=dt.UTC), "2026-01-31T13:45:00+00:00"),
        (":datetime", dt.date(2026, 1, 31), "2026-01-31"),
        (":datetime", "2026-01-31T13:45:00Z", "2026-01-31T13:45:00Z"),
        (":string", dt.date(2026, 1, 31), "2026-01-31"),
        (":keyword", "pending", "pending"),
        ("{id :int, email :string?}", {"id": 1}, {"id": 1}),
        ("{id :int, email :string?}", {"id": 1, "email": None}, {"id": 1, "email": None}),
        ("{was_improved :bool}", {"was-improved": True}, {"was_improved": True}),
        ("{was-improved :bool}", {"was_improved": True}, {"was-improved": True}),
        ("{id :int}", {"id": 1, "more": {1}}, {"id": 1, "more": [1]}),
        ("{}", {"anything": 1}, {"anything": 1}),
        (":map", {1: "a", 2.5: "c", dt.date(2026, 1, 1): "d"}, {"1": "a", "2.5": "c", "2026-01-01": "d"}),
        ("{id :int, name :string}", Customer(1, "Ada"), {"id": 1, "name": "Ada"}),
        (":any", Decimal("1.50"), "1.50"),
        (":int?", None, None),
    ],
)
def test_what_fits_comes_out_as_json_has_it(signature: str, value: Any, result: Any):
    """Sets, tuples, dates and other spellings of names become plain data of the signature."""
    found = Signature.parse(signature).check_output(value)
    assert found == result
    assert type(found) is type(result)


def test_inputs_are_read_out_of_strings_where_models_quote_them():
    """PTC-Lisp's coercion rules hold for inputs, and for nothing else."""
    signature = Signature.parse("(id :int, ratio :float, on :bool, deep [{n :int}], note :string?) -> :any")
    given_ = {"id": "-42", "ratio": "3.14", "on": "true", "deep": [{"n": "7"}]}
    assert signature.check_inputs(given_) == {"id": -42, "ratio": 3.14, "on": True, "deep": [{"n": 7}]}


@pytest.mark.parametrize(
    ("signature", "text"),
    [
        (":int", "4.0"),
        (":int", "hello"),
        (":int", "1" * 5_000),
        (":float", "1e9999"),
        (":float", "nan"),
        (":bool", "yes"),
        (":float", "1_0"),
    ],
)
def test_strings_that_say_something_else_stay_wrong(signature: str, text: str):
    """Nothing is guessed: no floats for ints, no words for booleans, no numbers that JSON lacks."""
    with pytest.raises(InputMismatch) as caught:
        Signature.parse(f"(x {signature}) -> :any").check_inputs({"x": text})
    assert len(str(caught.value)) < 300


def test_who_can_mend_it_is_in_the_type():
    """Inputs are the caller's, outputs the model's, and both are one error for those who do not care."""
    signature = Signature.parse("(a :int) -> :int")
    with pytest.raises(CallerError):
        signature.check_inputs({})
    with pytest.raises(ModelError):
        signature.check_output("x")
    for error in (InputMismatch(("a: missing",)), OutputMismatch(("one", "two"))):
        assert isinstance(error, SignatureMismatch)
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
        assert (again.faults, str(again)) == (error.faults, str(error))


def test_values_in_faults_are_cut():
    """60 characters of a string are quoted, and its length is told."""
    (fault,) = faults_of("{a :int}", {"a": "x" * 5_000})
    assert fault == f'a: expected int, got string "{"x" * 60}…" (5,000 characters)'
    (fault,) = faults_of(":int", "two\nlines")
    assert fault == 'expected int, got string "two\\nlines"'


def test_values_of_hidden_fields_are_not_in_faults():
    """What is hidden from models is not told them by way of an error."""
    assert faults_of("{_token :int, _deep {x :int}}", {"_token": "secret-1", "_deep": {"x": "secret-2"}}) == (
        "_token: expected int, got string",
        "_deep.x: expected int, got string",
    )


def test_faults_are_bounded_in_number():
    """A list of a thousand wrong items is told in 21 lines."""
    faults = faults_of("[:int]", ["x"] * 1_000)
    assert len(faults) == 21
    assert faults[-1] == "and more of the kind"


@pytest.mark.parametrize("signature", [":any", ":list", "[:list]"])
def test_depth_of_values_is_bounded(signature: str):
    """A list within lists without end is a fault, not a crash."""
    deep: list[Any] = []
    deep.append(deep)
    (fault,) = faults_of(signature, deep)
    assert "nested deeper than 200" in fault


@given(JSON)
def test_json_data_passes_any_unchanged(value: Any):
    """`:any` takes whatever JSON has and changes nothing."""
    assert Signature.parse(":any").check_output(value) == value


@given(SIGNATURES, JSON)
def test_a_check_gives_data_or_a_mismatch(signature: Signature, value: Any):
    """No value raises anything else, and what has passed passes again and is then the same."""
    try:
        found = signature.check_output(value)
    except OutputMismatch:
        return
    assert signature.check_output(found) == found


def test_sets_have_one_order_in_every_process():
    """Python shuffles the hashes of strings from process to process; the list does not show it."""
    code = (
        "from journeyman.schema import Signature;"
        "print(Signature.parse(':list').check_output({'b', 'a', ('c', 1), 3, None, frozenset({'x', 'y'})}))"
    )
    runs = {
        subprocess.run(  # noqa: S603  (our own interpreter)
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


# --- Python types ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Order, "{order_id :int, tags [:string]?, due :datetime?}"),
        (list[Order], "[{order_id :int, tags [:string]?, due :datetime?}]"),
        (Page, "{items [{order_id :int, tags [:string]?, due :datetime?}]}"),
        (Customer, "{id :int, name :string}"),
        (str, ":string"),
        (int | None, ":int?"),
        (Literal["a", "b"], ":string"),
        (int | str, ":any"),
        (dict[str, int], ":map"),
        (Any, ":any"),
        ("(a :int) -> :bool", "(a :int) -> :bool"),
    ],
)
def test_a_python_type_is_a_signature_of_its_output(source: Any, text: str):
    """`signature_of` tells what the type comes to in a signature's words."""
    assert str(signature_of(source)) == text


def test_a_signature_stands_for_itself():
    """Making a signature of one gives it back."""
    signature = Signature.parse(":int")
    assert signature_of(signature) is signature


@pytest.mark.parametrize("source", [None, 5, object(), "no signature"])
def test_what_is_no_signature_is_the_callers_fault(source: Any):
    """Neither a text nor a type: CallerError."""
    with pytest.raises(CallerError):
        signature_of(source)


@pytest.mark.parametrize(
    ("source", "value", "result"),
    [
        (Order, {"order_id": 1, "due": dt.date(2026, 1, 31)}, Order(order_id=1, due=dt.date(2026, 1, 31))),
        (Order, {"order-id": 1}, Order(order_id=1)),
        (list[Order], ({"order_id": 1},), [Order(order_id=1)]),
        (set[int], {2, 1}, {1, 2}),
        (int, 5, 5),
        (str, "words", "words"),
        (Order | None, None, None),
        (Literal["a"], "a", "a"),
        (Customer, Customer(1, "Ada"), Customer(1, "Ada")),
    ],
)
def test_an_output_of_a_python_type_is_checked_into_it(source: Any, value: Any, result: Any):
    """The value becomes the user's type, and survives being stored."""
    signature = signature_of(source)
    found = signature.check_output(value)
    assert found == result
    assert signature.load(signature.dump(found)) == result
    assert signature.load(json.loads(json.dumps(signature.dump(found)))) == result


def test_data_of_a_python_type_has_its_own_shape():
    """A list is a list for the next step, and not an object with one in it."""
    assert signature_of(list[Order]).dump([Order(order_id=1)]) == [{"order_id": 1, "tags": [], "due": None}]
    assert signature_of(int | None).dump(5) == 5
    assert signature_of(Order).dump(Order(order_id=1)) == {"order_id": 1, "tags": [], "due": None}
    assert signature_of(Order | str).dump("words") == "words"


@pytest.mark.parametrize(
    ("source", "value", "fault"),
    [
        (Order, {"order_id": "abc"}, 'order_id: expected int, got "abc"'),
        (Page, {"items": [{"order_id": 1}, {"order_id": "abc"}]}, 'items[1].order_id: expected int, got "abc"'),
        (list[Order], [{"order_id": "abc"}], '[0].order_id: expected int, got "abc"'),
        (int, "abc", 'expected int, got "abc"'),
        (str, 5, "expected string, got 5"),
        (Order, float("nan"), "a float that is nan: JSON has no form for it"),
    ],
)
def test_an_output_that_is_not_of_the_python_type_is_told_with_its_path(source: Any, value: Any, fault: str):
    """The path begins at the value, also where the check has to put it into an object."""
    with pytest.raises(OutputMismatch) as caught:
        signature_of(source).check_output(value)
    assert caught.value.faults == (fault,)


def test_several_faults_of_a_python_type_are_told_apart():
    """Each has a line of its own."""
    with pytest.raises(OutputMismatch) as caught:
        signature_of(Customer).check_output({"id": "x", "nam": "Ada"})
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["id", "name"]


# --- schemas and prompts --------------------------------------------------------------------------------------------------


def test_the_json_schemas_say_what_the_notation_says():
    """Fields are required unless a ? says that they are not."""
    signature = Signature.parse("(user {id :int}, limit :int?) -> [{at :datetime, any :any?}]")
    assert signature.input_schema() == {
        "type": "object",
        "properties": {
            "user": {
                "type": "object",
                "properties": {"id": {"type": "integer"}},
                "required": ["id"],
                "additionalProperties": False,
            },
            "limit": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
        "required": ["user"],
        "additionalProperties": False,
    }
    assert signature.output_schema() == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"at": {"type": "string", "format": "date-time"}, "any": {}},
            "required": ["at"],
            "additionalProperties": False,
        },
    }


@given(st.data(), SIGNATURES)
def test_values_of_the_types_pass_unchanged(data: st.DataObject, signature: Signature):
    """Whatever is made by the notation's own rules is taken as it is, as output and as inputs."""
    output = data.draw(_values(signature.output))
    assert signature.check_output(output) == output
    inputs = data.draw(_values(Record(signature.parameters)))
    assert signature.check_inputs(inputs) == inputs


_LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(),
    "int": st.integers(-(2**63), 2**64 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "keyword": st.text(min_size=1),
    "datetime": st.datetimes().map(dt.datetime.isoformat),
    "any": JSON,
    "map": st.dictionaries(st.text(max_size=6), JSON, max_size=3),
    "list": st.lists(JSON, max_size=3),
}


def _values(type_: FieldType) -> st.SearchStrategy[Any]:
    match type_:
        case Scalar(name):
            return _LEAVES[name]
        case ListOf(inner):
            return st.lists(_values(inner), max_size=3)
        case Maybe(inner):
            return st.none() | _values(inner)
        case Record(fields):
            required = {field.name: _values(field.type) for field in fields if field.required}
            others = {field.name: _values(field.type) for field in fields if not field.required}
            return st.fixed_dictionaries(required, optional=others)


def test_a_prompt_in_lisp_says_how_inputs_are_named():
    """The model sees data/name, the types, and what has to be returned."""
    signature = Signature.parse("(user {id :int}, limit :int?) -> [{order_id :int}]")
    assert signature.describe("lisp") == (
        "Inputs:\n- data/user {id :int}\n- data/limit :int?\nReturn: [{order_id :int}]\n"
        "(a type with ? may be nil, and such a key may be left out)"
    )
    assert Signature.parse(":int").describe("lisp") == "Return: :int"


def test_a_prompt_in_python_is_python_with_typed_dictionaries():
    """The stub names a class for each map, and is code that runs."""
    text = Signature.parse(
        "(user {id :int, first-name :string}, limit :int?) -> [{order_id :int, at :datetime?}]"
    ).describe("python")
    assert 'DataUser = TypedDict("DataUser", {"id": int, "first-name": str})' in text
    assert "class Data(TypedDict):\n    user: DataUser\n    limit: NotRequired[int | None]" in text
    assert "class ResultItem(TypedDict):\n    order_id: int\n    at: NotRequired[str | None]" in text
    assert text.endswith("data: Data\nresult: list[ResultItem]")


@given(SIGNATURES)
def test_a_prompt_in_python_always_runs(signature: Signature):
    """Whatever names a signature has, the stub is Python in which every name is there."""
    names: dict[str, Any] = {}
    exec("from typing import *", names)  # noqa: S102  (our own text, under test)
    exec(signature.describe("python"), names)  # noqa: S102  (likewise)
    assert "result" in names["__annotations__"]


def test_hidden_fields_are_for_programs_and_callers():
    """`public` leaves them out at every depth; the signature itself keeps and checks them."""
    signature = Signature.parse("(q :string, _key :string) -> {n :int, _ids [:int], rows [{a :int, _b :int}?]}")
    assert str(signature.public) == "(q :string) -> {n :int, rows [{a :int}?]}"
    assert faults_of(str(signature), {"n": 1, "rows": []}) == ("_ids: required, but missing",)
    value = {"n": 1, "_ids": [7], "_more": 8, "rows": [None, {"a": 1, "_b": 2}]}
    assert signature.visible(signature.check_output(value)) == {"n": 1, "rows": [None, {"a": 1}]}
    assert signature_of(list[Customer]).visible([Customer(1, "Ada")]) == [{"id": 1, "name": "Ada"}]


# --- chains ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "following"),
    [
        (":int", ":int"),  # nothing is asked for
        ("{n :int}", "(n :int) -> :any"),
        ("{n :int, more :any}", "(n :float, extra :string?) -> :any"),
        ("{order-id :int}", "(order_id :int) -> :any"),
        (":map", "(n :int) -> :any"),
        (":any", "(n :int, m :int) -> :any"),
        ("[{id :int}]", "(orders [{id :int}], limit :int?) -> :any"),  # the only required input takes the whole
        (":string", "(text :string?) -> :any"),
        (":int", "(x :any) -> :any"),
        ("{a :keyword, b :string, c :datetime}", "(a :string, b :datetime, c :string) -> :any"),
        ("{a :list, b [:int], c :map, d {x :int}}", "(a [:int], b :list, c {x :int}, d :map) -> :any"),
        ("{a [:int]}?", "(a [:int]?) -> :any"),
        ("{}", "(a :int?) -> :any"),
    ],
)
def test_steps_that_fit_together(given_: str, following: str):
    """Nothing is said against what may fit."""
    assert Signature.parse(given_).fits(Signature.parse(following)) == []


@pytest.mark.parametrize(
    ("given_", "following", "fault"),
    [
        ("{result :int}", "(n :int) -> :any", "n: required, but not in the output; there is result"),
        ("{n :string}", "(n :int) -> :any", "n: expected :int, gets :string"),
        ("{n :float}", "(n :int) -> :any", "n: expected :int, gets :float"),
        ("{n :int?}", "(n :int) -> :any", "n: expected :int, gets :int?, which may be nil"),
        ("{u {id :string}}", "(u {id :int}) -> :any", "u.id: expected :int, gets :string"),
        ("{xs [{id :string}]}", "(xs [{id :int}]) -> :any", "xs[].id: expected :int, gets :string"),
        ("[:int]", "(a :int, b :int) -> :any", "the output is [:int], no map: it cannot be given to a, b by name"),
        ("[:int]", "(n :int) -> :any", "n: expected :int, gets [:int]"),
        ("{n :int}?", "(n :int) -> :any", "the output may be nil ({n :int}?), and n must be given"),
        ("{n :any?}", "(n :int) -> :any", "n: expected :int, gets :any?, which may be nil"),
        ("{}", "(n :int) -> :any", "n: required, but not in the output; the map has no fields"),
    ],
)
def test_steps_that_cannot_fit_are_told_before_they_run(given_: str, following: str, fault: str):
    """The line names the input, what it needs and what it would get."""
    assert Signature.parse(given_).fits(Signature.parse(following)) == [fault]


def test_a_python_types_defaults_are_there_for_the_next_step():
    """A field that a model may leave out is in the value all the same, by its default."""
    assert signature_of(Order).fits(Signature.parse("(order_id :int, tags [:string]) -> :any")) == []
    assert signature_of(Order).fits(Signature.parse("(due :datetime) -> :any")) != []


@pytest.mark.parametrize(
    ("signature", "value", "inputs"),
    [
        ("(n :int) -> :any", {"n": 1, "more": 2}, {"n": 1, "more": 2}),
        ("(orders [:int], limit :int?) -> :any", [1, 2], {"orders": [1, 2]}),
        ("(order_id :int) -> :any", Order(order_id=3), {"order_id": 3, "tags": [], "due": None}),
        ("(text :string) -> :any", "words", {"text": "words"}),
        (":any", [1], {}),
    ],
)
def test_a_value_becomes_the_inputs_of_the_next_step(signature: str, value: Any, inputs: dict[str, Any]):
    """By name where it is a map or a model, else whole."""
    assert Signature.parse(signature).inputs_from(value) == inputs


def test_a_value_that_no_input_takes_is_a_mismatch():
    """A list cannot be given to two inputs."""
    with pytest.raises(InputMismatch, match="expected a map with a, b; a list names none of them"):
        Signature.parse("(a :int, b :int) -> :any").inputs_from([1])


@given(SIGNATURES, SIGNATURES, JSON)
def test_chains_never_raise_anything_else(first: Signature, second: Signature, value: Any):
    """Neither the check before nor the one at the time."""
    assert all(isinstance(line, str) for line in first.fits(second))
    with contextlib.suppress(InputMismatch):
        second.inputs_from(value)
