"""Corners that an independent reading of the specification, of Java's documentation and of ClojureScript's answers turned up."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.programs import ProgramLimits, Scope
from journeyman.programs.lisp import Lisp

TEXTS = [
    # a half is rounded away from zero, by the digits that are shown (java.util.Formatter: RoundingMode.HALF_UP)
    ('(format "%.0f %.0f %.1f" 2.5 0.5 0.25)', "3 1 0.3"),
    ('(format "%.2f %.2f" 1.005 -2.675)', "1.01 -2.68"),
    ('(format "%.2f %.1f %.2f" 99.999 -0.04 0.0)', "100.00 -0.0 0.00"),
    ('(format "%,.2f %,.0f" 1234567.891 1234.5)', "1,234,567.89 1,235"),
    ('(format "%08.2f %+.1f" -3.14159 2.25)', "-0003.14 +2.3"),
    ('(format "%.1e %.0e %e" 9.96 5.0 0.0)', "1.0e+01 5e+00 0.000000e+00"),
    ('(format "%g %g %.3g" 0.0001 0.00001 999.6)', "0.000100000 1.00000e-05 1.00e+03"),
    ('(format "%.3f %.10f" 1e-7 1e-7)', "0.000 0.0000001000"),
    # parts of times
    ('(format "%tF %<tT" (Instant/parse "2024-02-05T07:08:09.123Z"))', "2024-02-05 07:08:09"),
    ('(format "%tB %<te, %<tY|%<TB" (LocalDate/parse "2024-02-05"))', "February 5, 2024|FEBRUARY"),
    ('(format "%tL %<tp %<tI" (Instant/parse "2024-02-05T07:08:09.123Z"))', "123 am 07"),
    ('(format "%tQ" (java.util.Date. 1234))', "1234"),
    # times as Java writes and reads them (java.time.Instant, java.time.Duration)
    ('(str (Instant/parse "2024-01-02T03:04:05.120+01:00"))', "2024-01-02T02:04:05.120Z"),
    ('(str (Instant/parse "2024-01-02T24:00:00Z"))', "2024-01-03T00:00:00Z"),
    ('(str (Instant/parse "2016-12-31T23:59:60Z"))', "2016-12-31T23:59:59Z"),
    ('(str (java.util.Date. "January 2, 1970") (java.util.Date. "1 Jan 1970 00:00:01"))',
     "1970-01-02T00:00:00Z1970-01-01T00:00:01Z"),
    # patterns that can match nothing: Java's Matcher finds that at the end of a match, too
    ('(str/replace "abc" #".*" "x")', "xx"),
    ('(str/replace "abc" #"x*" "-")', "-a-b-c-"),
    (r'(str/replace "2024-05" #"(?<y>\d+)-(?<m>\d+)" "${m}/${y}")', "05/2024"),
    # text that needs no printer is the same text
    ('(str "a" 1 (str/join "," [1 2]) (count [1 2]) (name :k))', "a11,22k"),
    ('(let [str (fn [& xs] "mine")] (str "a" 1))', "mine"),
    ('(defn count [x] :mine) (str "n: " (count [1]))', "n: :mine"),
]  # fmt: skip

VALUES = [
    ('(re-seq #".*" "abc")', ["abc", ""]),
    ('(re-seq #"[^,]*" "a,b")', ["a", "", "b", ""]),
    ('(re-seq #"(a)?(b)?" "ab")', [["ab", "a", "b"], ["", None, None]]),
    (r'(re-seq #"^\s*$" "")', [""]),
    ('[(str/split ",," #",") (str/split "hello" #"[a-z]") (str/split "" #",")]', [[], [], [""]]),
    ('[(str/split "ab" #"" -1) (str/split "abc" #"" 2)]', [["a", "b", ""], ["a", "bc"]]),
    # the rest of clojure.core's ways with nil, vectors and many arguments
    ("[(merge nil nil) (merge nil {:a 1} nil) (merge [1] nil) (merge {:a 1} [:b 2] nil)]",
     [None, {"a": 1}, [1, None], {"a": 1, "b": 2}]),
    ('(let [m {"a" 1}] [(merge m {:a 2} {[1] 3}) m])', [{"a": 2, (1,): 3}, {"a": 1}]),
    ("[(into nil nil) (into nil [1 2])]", [None, [2, 1]]),
    ("[(range nil 5) (range nil) (range 1 nil) (range nil -3 -1)]", [[None, 1, 2, 3, 4], [], [], [None, -1, -2]]),
    ("[(count (range 0 1 0.1)) (last (range 0 1 0.1)) (range 1 0 -0.5)]", [11, 0.9999999999999999, [1, 0.5]]),
    ("[(nthrest {:a 1 :b 2} 1) (nthnext {:a 1} 1)]", [[["b", 2]], None]),
    ("[(dorun (map inc [1])) (doall (map inc [1]))]", [None, [2]]),
    ("[(rseq [1 2]) (rseq [])]", [[2, 1], None]),
    ("[(sort (comparator >) [1 3 2]) ((comparator <) 1 2) ((comparator <) 2 2)]", [[3, 2, 1], -1, 0]),
    ("(trampoline (fn f [n] (if (pos? n) #(f (dec n)) :end)) 50)", "end"),
    ('[(.indexOf [5 3 9] 9) (.indexOf [5] 1) (.indexOf "abc" "c")]', [2, -1, 2]),
    # Java's hexadecimal numbers (Double.valueOf)
    ('(map Double/parseDouble ["0x1.8p1" "-0x.8p0" "0x1p-2" "0x1p99999"])', [3.0, -0.5, 0.25, float("inf")]),
    ('(parse-double "0x1p1")', None),
    ('(.toEpochDay (.plusDays (LocalDate/parse "2024-01-01") ##NaN))', 19723),
    ('(map type [(LocalDate/parse "2024-01-01") (Duration/between (java.util.Date. 0) (java.util.Date. 1))])',
     ["java_object", "java_object"]),
]  # fmt: skip

SPANS = [
    ("2024-01-02T01:02:03.5Z", "PT25H2M3.5S"),
    ("2024-01-01T00:00:00Z", "PT0S"),
    ("2023-12-31T23:58:30Z", "PT-1M-30S"),
    ("2024-01-01T01:00:00Z", "PT1H"),
    ("2024-01-01T00:00:00.000001Z", "PT0.000001S"),
]

REFUSED = [
    ('(format "%tx" (java.util.Date. 0))', "value_error"),
    ('(format "%tY" 5)', "type_error"),
    ('(Double/parseDouble "0x1.8")', "value_error"),
    ('(Double/parseDouble "0xp1")', "value_error"),
    ('(str/replace "a" #"(a)" "${")', "value_error"),
    ('(Instant/parse "2024-01-02T24:00:01Z")', "value_error"),
    ('(java.util.Date. "Jan 1 00:00:00 GMT 20")', "value_error"),
    ('(.indexOf 123 "x")', "type_error"),
]

BRANCHES = [
    # the specification: "writes within branches (via def) are isolated and discarded"
    ("(def x 5) [(pmap (fn [_] (def x 6) x) [1 2]) x]", [[6, 6], 5]),
    ("[(pcalls #(do (def y 1) y)) y]", [[1], None]),
    ("(defn f [] (def c 3) c) [(pmap (fn [_] (f)) [1]) (f) c]", [[3], 3, 3]),
    ("(def b 1) [(pmap (fn [x] (def b x) (pmap (fn [y] (def b (+ b y)) b) [1 2])) [10 20]) b]", [[[11, 12], [21, 22]], 1]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "text"), TEXTS)
def test_text_is_as_java_writes_it(evaluate: Any, code: str, text: str):
    """Numbers, times and replaced text come out as Java's own classes put them."""
    came = evaluate(code)
    assert came.error is None, came.error
    assert came.value == text


@pytest.mark.parametrize(("code", "value"), VALUES)
def test_values_are_those_of_clojure(evaluate: Any, code: str, value: object):
    """What Clojure gives at the edges of a function's arguments, this language gives too."""
    came = evaluate(code)
    assert came.error is None, came.error
    assert came.value == value


@pytest.mark.parametrize(("end", "text"), SPANS)
def test_a_duration_is_text_wherever_it_is_written(evaluate: Any, end: str, text: str):
    """str, JSON and a tool's arguments have a duration in ISO 8601, as java.time.Duration writes it."""
    given: list[Any] = []

    def keep(d: Any) -> None:
        given.append(d)

    code = f"""(let [d (Duration/between (Instant/parse "2024-01-01T00:00:00Z") (Instant/parse "{end}"))]
                 (tool/keep {{:d d}})
                 [(str d) (json/generate-string [d])])"""
    came = evaluate(code, tools={"keep": keep})
    assert came.error is None, came.error
    assert came.value == [text, f'["{text}"]']
    assert given == [text]


@pytest.mark.parametrize(("code", "reason"), REFUSED)
def test_what_java_refuses_is_refused(evaluate: Any, code: str, reason: str):
    """It is told as an error of the argument, and no value is made up."""
    came = evaluate(code)
    assert came.error is not None, came.value
    assert came.error.reason == reason, came.error


@pytest.mark.parametrize(("code", "value"), BRANCHES)
def test_what_a_branch_defines_stays_in_it(evaluate: Any, code: str, value: object):
    """A def within pmap or pcalls is there for its branch, and for nothing after it."""
    came = evaluate(code)
    assert came.error is None, came.error
    assert came.value == value


def test_a_branch_that_waits_for_tools_begins_each_time_as_the_first(evaluate: Any):
    """A branch is run again for each of its tool calls; what it defines does not add up."""
    code = """(def n 0)
              [(pmap (fn [i] (def n (inc n)) (tool/get {:i i}) (def n (inc n)) (tool/get {:i i}) n) [1 2]) n]"""
    came = evaluate(code, tools={"get": lambda i: i})
    assert came.error is None, came.error
    assert came.value == [[2, 2], 0]
    assert came.memory["n"] == 0


def test_what_a_branch_defines_is_not_kept_for_the_next_program(evaluate: Any):
    """Memory has what the program itself defined."""
    came = evaluate("(def a 1) (pmap (fn [x] (def a x) (def b x)) [7])", memory={"c": 3})
    assert (came.memory["a"], came.memory["c"], "b" in came.memory) == (1, 3, False)


def test_merging_many_maps_takes_time_in_proportion(evaluate: Any):
    """(apply merge …) of thousands of maps copies none of them twice: within the limits of one program."""
    came = evaluate("(count (apply merge (map (fn [i] {(str i) i}) (range 10000))))")
    assert came.value == 10_000


def test_text_of_what_is_known_brings_no_printer():
    """A program that joins strings and counts loads nothing to print maps and dates with."""
    scope = Scope(tools=(), data={}, memory={}, limits=ProgramLimits())
    assert "def _pr(" not in Lisp().compile('(println (str "n: " (count [1 2])) 5)', scope).prelude
    assert "def _pr(" in Lisp().compile('(let [x {:a 1}] (str "x: " x))', scope).prelude
