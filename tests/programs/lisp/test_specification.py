"""What the language's specification and Clojure's documentation say of the corners: names, reading, printing, numbers, keys."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.data import ToolSpec

SHADOWED = [
    ("(def count 3) count", 3),
    ("(def count (count [1 2 3])) count", 3),
    ("(defn count [x] 7) (count [1])", 7),
    ("(defn max [a b] :mine) [(max 1 2) (map max [1] [2])]", ["mine", ["mine"]]),
    ("(defn f [xs] (count xs)) (def a (f [1 2])) (def count 5) [a count]", [2, 5]),
    ("(map inc [1 2]) (def map {:a 1}) (map :a)", 1),
    ("(when true (def first last)) (first [1 2])", 2),
    ("(defn sum [xs] (reduce + xs)) (sum [1 2])", 3),
    ("(let [count 9] (def x count)) [x (count [1])]", [9, 1]),
    ("(do (defonce last 4) last)", 4),
]

READ = [
    (r'"a\qb"', "a\\qb"),
    (r'(re-find (re-pattern "\d+") "a12")', "12"),
    (r'"a\\b\"c\n"', 'a\\b"c\n'),
    (r'"\u00e9"', "é"),
    (":größe->1!", "größe->1!"),
]

VALUES = [
    # text of numbers, as Java writes doubles
    ("(str 1.0E7)", "1.0E7"),
    ("(str 9999999.0)", "9999999.0"),
    ("(str 0.001)", "0.001"),
    ("(str 0.0001)", "1.0E-4"),
    ("(str -1.5E10)", "-1.5E10"),
    ("(str 1.2345678912345E12)", "1.2345678912345E12"),
    ("(str 1.0E100)", "1.0E100"),
    ("(pr-str [1.0 -0.0 ##Inf ##-Inf ##NaN])", "[1.0 -0.0 ##Inf ##-Inf ##NaN]"),
    ("(str ##Inf ##-Inf ##NaN)", "Infinity-InfinityNaN"),
    ('(str nil :a "b" [nil "c" :d] {:k "v"} #{"s"})', ':ab[nil "c" :d]{:k "v"}#{"s"}'),
    (r'(pr-str "a\"b\n")', r'"a\"b\n"'),
    ('(pr-str #"a.b" nil true)', '#"a.b" nil true'),
    ('(str (LocalDate/parse "2024-01-02"))', "2024-01-02"),
    # largest and smallest, as ClojureScript compares
    ("[(max nil 1) (min nil 1) (min true false) (max 1 true)]", [1, None, False, True]),
    ('[(max "a" 1) (max 1 "a") (max :a :b)]', ["a", "a", "a"]),
    ("[(max 1 2.5 -3) (min 1 2.5 -3) (max 5)]", [2.5, -3, 5]),
    ("(map NaN? [(max 1 ##NaN) (max ##NaN 1) (min 1 ##NaN 2)])", [True, True, True]),
    # keys: a hyphen in a keyword finds an underscore of JSON
    ('[(:turn-summaries {"turn_summaries" 1}) (get {"a_b" 2} :a-b) (map :a-b [{"a_b" 3}])]', [1, 2, [3]]),
    ('[(contains? {"a_b" 2} :a-b) (:a-b {} :none) (:a-b {"a-b" 1 "a_b" 2})]', [True, "none", 1]),
    ('[(sort-by "n" [{:n 2} {:n 1}]) (keys (group-by "n" [{:n 2} {"n" 1}]))]', [[{"n": 1}, {"n": 2}], [1, 2]]),
    # what kind of thing something is
    ("[(type nil) (type 'a) (type 1) (type 1.5) (type :a) (type \"a\") (type [])]",
     [None, "unknown", "number", "number", "keyword", "string", "vector"]),
    ('(type (LocalDate/parse "2024-01-02"))', "java_object"),
    ('[(counted? "ab") (indexed? "ab") (reversible? "ab") (indexed? {})]', [True, True, True, False]),
    ("(map ifn? [inc :a {} #{} [] nil 1])", [True, True, True, True, False, False, False]),
    # text to values
    ('[(parse-double " 1.5") (parse-double "1.5 ") (parse-double "1.5") (parse-double "1e3")]', [None, None, 1.5, 1000.0]),
    ('(Double/parseDouble " 1.5 ")', 1.5),
    ('(re-seq #"z" "abc")', []),
    ('(json/parse-lines "{\\"a\\":1}\\n\\nnull\\nnot json\\n")', [{"a": 1}, None, None]),
    ('(json/parse-lines "{\\"a\\":1}" true)', [{"a": 1}]),
    ('(json/generate-string {:a {1 ["b" nil]}})', '{"a":{"1":["b",null]}}'),
    ('[(keyword "a-b?") (keyword :x)]', ["a-b?", "x"]),
    ('(def x "doc" {:since 1} 10) x', 10),
    ("(apply + 1 #{2 3})", 6),
]  # fmt: skip

REFUSED = [
    (":a.b", "parse_error"),
    (":a%", "parse_error"),
    (":a/b", "parse_error"),
    ("(let [.contains 1] 1)", "parse_error"),
    ("(def .contains 1)", "parse_error"),
    ("(def -main [] 1)", "parse_error"),
    ("(defonce x)", "parse_error"),
    ("(ns my.app (:require [clojure.string :as str]))", "unbound_var"),
    ("(Math/bit-and 1 1)", "unbound_var"),
    ("(set/trim 1)", "unbound_var"),
    ("(sort > {:a 1})", "type_error"),
    ('(split "a, b" ", ")', "type_error"),
    ("(apply + nil)", "type_error"),
    ('(apply str "abc")', "type_error"),
    ("(apply +)", "arity_error"),
    ("(apply max {})", "arity_error"),
    ("(json/generate-string {1.5 1})", "type_error"),
    ("(json/generate-string {[1] 1})", "type_error"),
    ('(keyword "1a")', "runtime_error"),
    ('(keyword "a b")', "runtime_error"),
    ('(Instant/parse "2024-01-02T00:00:00")', "value_error"),
    ("(dir 5)", "type_error"),
    ("(doc)", "arity_error"),
    ("(apropos :word)", "type_error"),
    ("(pmap (fn [x] (return x)) [1 2])", "runtime_error"),
    ("(pcalls #(fail :no))", "runtime_error"),
    ("(tool/get {:f inc})", "type_error"),
]

ASKED = [
    ("(doc map)", None, "(map f xs & more)\n"),
    ('(doc "map")', None, "(map f xs & more)\n"),
    ("(doc 'map)", None, "(map f xs & more)\n"),
    ('(map doc ["filter" "nothing"])', [None, None], '(filter f xs)\nNo documentation found for "nothing".\n'),
    ("(doc tool/get)", None, "(tool/get {:id}): Gives one.\n"),
    ("(source map)", None, 'No source found for "map".\n'),
    ("[(dir) (dir str) (export-meta map)]", [[], [], None], ""),
    ('[(apropos "") (apropos "  ") (apropos "[a") (apropos "sort-")]', [[], [], [], ["sort-by"]], ""),
    ("[(fn? doc) (fn? dir) (fn? apropos)]", [True, True, True], ""),
    ("(defn doc [x] (inc x)) (doc 1)", 2, ""),
]


@pytest.mark.parametrize(("code", "value"), SHADOWED)
def test_a_program_may_define_what_the_library_has(evaluate: Any, code: str, value: object):
    """The program's own meaning counts from its definition on, and the library's before it."""
    came = evaluate(code)
    assert came.error is None, came.error
    assert came.value == value


def test_a_shadowing_definition_is_there_for_the_next_program(evaluate: Any):
    """What was defined anew stays so, and what was not is the library's again."""
    first = evaluate("(defn count [x] :mine) (def x 1)")
    came = evaluate("[(count [1 2]) (first [x])]", memory=first.memory)
    assert came.value == ["mine", 1]


def test_a_kept_function_uses_the_library_until_it_is_defined_anew(evaluate: Any):
    """What an earlier program's function names means the same as in the program that calls it."""
    kept = evaluate("(defn size [xs] (count xs))").memory
    came = evaluate("(def a (size [1 2])) (defn count [xs] :mine) [a (size [1 2])]", memory=kept)
    assert came.error is None, came.error
    assert came.value == [2, "mine"]


@pytest.mark.parametrize(("code", "value"), [*READ, *VALUES])
def test_corners_come_to_what_is_specified(evaluate: Any, code: str, value: object):
    """Each has its value, and of its own type: 1 is not 1.0, and not true."""
    came = evaluate(code)
    assert came.error is None, came.error
    assert repr(came.value) == repr(value)


@pytest.mark.parametrize(("code", "reason"), REFUSED)
def test_corners_are_refused_with_their_reason(evaluate: Any, code: str, reason: str):
    """What the language has not is told as such, and never done in another way."""
    came = evaluate(code, tools={"get": dict})
    assert came.error is not None, came.value
    assert came.error.reason == reason, came.error


@pytest.mark.parametrize(("code", "value", "printed"), ASKED)
def test_a_program_can_ask_what_there_is(evaluate: Any, code: str, value: object, printed: str):
    """doc prints how a name is called; apropos and dir give names; they are functions like others."""
    schema = {"type": "object", "properties": {"id": {}}, "required": ["id"]}
    came = evaluate(code, tools={"get": dict}, specs=(ToolSpec("get", "Gives one.", schema),))
    assert came.error is None, came.error
    assert (came.value, came.printed) == (value, printed)


def test_describe_sums_up_rows(evaluate: Any):
    """The shape of data, by field: types, examples, how many rows have it, and the range of its numbers."""
    came = evaluate('(describe [{:a 1 :b "x"} {:a 2.5 :b ""} {:a nil}])')
    assert came.value == {
        "type": "vector",
        "count": 3,
        "scanned": 3,
        "item_types": {"map": 3},
        "key_types": {"keyword": 5},
        "keys": {
            ":a": {
                "types": {"integer": 1, "float": 1, "nil": 1},
                "examples": [1, 2.5, None],
                "range": {"min": 1, "max": 2.5},
                "distinct_count": 3,
                "present": 3,
                "pct": 100.0,
            },
            ":b": {
                "types": {"string": 2},
                "examples": ["x", ""],
                "non_empty": 1,
                "distinct_count": 2,
                "present": 2,
                "pct": 66.7,
            },
        },
    }


def test_describe_follows_paths_as_deep_as_asked(evaluate: Any):
    """A path joins the keys that lead to a value; vectors on the way are gone through."""
    came = evaluate("(describe {:a {:b [{:c 1} {:c 2}]}} {:paths true :depth 3})")
    assert sorted(came.value["paths"]) == [":a", ":a.:b", ":a.:b.:c"]
    assert came.value["paths"][":a.:b.:c"]["value_count"] == 2
    shallow = evaluate("(describe {:a {:b 1}} {:paths true})")
    assert sorted(shallow.value["paths"]) == [":a"]


def test_describe_is_bounded(evaluate: Any):
    """A long vector is looked at in part, and a long text shown in part."""
    came = evaluate('[(describe (range 2000)) (describe (apply str (repeat 500 "x")))]')
    assert (came.value[0]["scanned"], came.value[0]["truncated"]) == (1000, True)
    assert len(came.value[1]["sample"]) < 150


def test_return_leaves_the_history_of_values(evaluate: Any):
    """*1 is what the last program without return came to."""
    memory: dict[str, Any] = {}
    for code in ("10", "(return 20)"):
        memory = evaluate(code, memory=memory).memory
    assert evaluate("*1", memory=memory).value == 10
