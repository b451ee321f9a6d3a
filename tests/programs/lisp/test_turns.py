"""What reaches from one program to the next, to tools, and to whoever reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, ToolSpec
from journeyman.programs import ProgramFault, Raised, Scope
from journeyman.programs.lisp import Lisp
from journeyman.programs.lisp.values import for_host, for_memory, from_memory


def _turns(evaluate: Any, *codes: str, **given: Any) -> Any:
    """Run programs one after the other, with the memory of the one before."""
    came = None
    for code in codes:
        memory = came.memory if came else {}
        # What is stored is stored as JSON.
        came = evaluate(code, memory=msgspec.json.decode(msgspec.json.encode(memory)), **given)
    return came


@pytest.mark.parametrize(
    ("codes", "value"),
    [
        (["(def a 1) (def b {:x [a]})", "[a b]"], [1, {"x": [1]}]),
        (["(def s #{1 :k [2 {:a 3}]}) (def m {[1 2] :pair nil 0 true 1})", "[(count s) (contains? s [2 {:a 3}]) (m [1 2]) (m true)]"], [3, True, "pair", 1]),
        (["(def k :word)", "[(keyword? k) (= k :word)]"], [True, True]),
        (['(def d (LocalDate/parse "2024-02-29")) (def n ##NaN) (def i ##-Inf)', "[(str d) (NaN? n) (neg? i)]"], ["2024-02-29", True, True]),
        (["(def t (java.util.Date. 1000)) (def l (Duration/between t t))", "[(.getTime t) (.toMillis l)]"], [1000, 0]),
        (["(defn twice [x] (* 2 x))", "(defn four-times [x] (twice (twice x)))", "(map four-times [1 2])"], [4, 8]),
        (["(let [k 10 ks [1 2]] (defn f [x] (+ x k (count ks))))", "(f 1)"], 13),
        (["(def inc-str (comp str inc))", "(inc-str 1)"], "2"),
        (["(defn a [n] (if (pos? n) (b (dec n)) :done)) (defn b [n] (a n))", "(a 3)"], "done"),
        (['(def f (fn [s] (str/upper-case (str s "\\n\\"" #{1} #"a\\d" \\a))))', '(f "x")'], 'X\n"#{1}A\\DA'),
        (["1", "2", "3", "[*1 *2 *3]"], [3, 2, 1]),
        (["*1"], None),
        (["(def x 1)", "(defonce x 5)", "x"], 1),
        (["(def x 1)", "(def x (inc x))", "x"], 2),
        (["(def x 1)", "(return (def x 2))", "x"], 2),
        (["(defn area [{:keys [w h] :or {h 1}}] (* w h))", "(area {:w 3})"], 3),
    ],
)  # fmt: skip
def test_definitions_and_results_persist(evaluate: Any, codes: list[str], value: object):
    """Values, functions and what they closed over are there for the next program; so are the last three results."""
    came = _turns(evaluate, *codes)
    assert came.error is None, came.error
    assert came.value == value


@pytest.mark.parametrize("last", ["(def x 2) (nope)", "(def x 2) (+ 1 nil)", "(def x 2) (fail :why)", "(def x 2"])
def test_a_failed_program_leaves_everything_as_it_was(evaluate: Any, last: str):
    """Definitions of a program count when it has come to its end, and not before."""
    first = evaluate("(def x 1)")
    failed = evaluate(last, memory=first.memory)
    assert failed.error is not None
    assert failed.memory == first.memory


def test_what_cannot_be_kept_is_told_when_it_is_missed(evaluate: Any):
    """A function made by other functions, or by a tool's answer, is gone; its name says so."""
    for code in (
        "(def f ((fn [g] (fn [x] (g x))) inc))",
        "(let [g (fn [x] x)] (defn f [x] (g x)))",
        "(def f (partial + (tool/n {})))",
    ):
        came = _turns(evaluate, code, "(f 1)", tools={"n": lambda: 1})
        if came.error is None:
            assert came.value == 2  # its source could be kept
        else:
            assert came.error.reason == "unbound_var"
            assert "define it again" in came.error.message


def test_a_large_result_is_not_kept_as_a_result(evaluate: Any):
    """*1 is for looking at; large values have names."""
    came = _turns(evaluate, "(range 10000)", "*1")
    assert "too large for *1" in came.value


def test_a_remembered_function_has_its_arity(evaluate: Any):
    """A wrong call of a function of an earlier program is refused at its place."""
    came = _turns(evaluate, "(defn f [x y] x)", "(do\n  (f 1))")
    assert (came.error.reason, came.error.line, came.error.column) == ("arity_error", 2, 3)


def test_memory_of_another_kind_is_refused():
    """What no program of ours has left behind is not guessed at."""
    with pytest.raises(CallerError, match="unknown kind"):
        from_memory({"~": "code", "value": 1})


KEYS = st.sampled_from(["a", "\ufdd0a", 1, 2.5, None, ("b", True), ("v", 1, "x"), ("s", frozenset({1}))])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["\ufdd0k", "\ufdd1v", 1.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.just("~"), inner, max_size=3) | st.sets(KEYS),
    max_leaves=8,
)


@given(VALUES)
def test_memory_gives_back_what_it_was_given(value: object):
    """Every value of the language survives being JSON."""
    assert from_memory(msgspec.json.decode(msgspec.json.encode(for_memory(value)))) == value


def test_the_host_sees_plain_values():
    """Keywords and strings are one to the host; keys and members are what Python can hash."""
    inside = {"\ufdd0a": ["\ufdd1v", "\ufdd2s"], ("b", True): {("v", 1, ("v", 2)), ("m", frozenset({("\ufdd0k", 1)}))}}
    assert for_host(inside) == {"a": ["#'v", "s"], True: {(1, (2,)), frozenset({("k", 1)})}}
    assert for_host(("v", 1)) == ["v", 1]


SEARCH = ToolSpec(
    "search_all", "Search.", {"type": "object", "properties": {"max_results": {}, "q": {}}, "required": ["q"]}
)
ONE = ToolSpec("one", "", {"type": "object", "properties": {"id": {"type": "integer"}}})


def test_tools_get_plain_arguments(evaluate: Any):
    """Keywords arrive as strings, under the names that the tool's schema has; sets and dates arrive as JSON has them."""
    seen: list[Any] = []

    def search_all(**arguments: Any) -> Any:
        seen.append(arguments)
        return {"hits": [1, 2]}

    code = """
      (def args {:q :word :max-results 3})
      [(:hits (tool/search-all {:q "x" :max-results #{1}}))
       (tool/search_all args)
       (tool/search-all :q [:a {:b nil}])
       (tool/search-all)
       (tool/search-all {:q (LocalDate/parse "2024-01-02")})
       (tool/one 5)
       (mapv tool/one [{:id 6} {:id 7}])]
    """
    came = evaluate(code, tools={"search_all": search_all, "one": lambda id: id}, specs=(SEARCH, ONE))  # noqa: A006
    assert came.error is None, came.error
    assert came.value[0] == [1, 2]
    assert came.value[5:] == [5, [6, 7]]
    assert seen == [
        {"q": "x", "max_results": [1]},
        {"q": "word", "max_results": 3},
        {"q": ["a", {"b": None}]},
        {},
        {"q": "2024-01-02"},
    ]


def test_a_tool_takes_a_map(evaluate: Any):
    """Loose arguments that are no pairs are refused."""
    came = evaluate("(let [a 1] (tool/search-all a))", tools={"search_all": dict}, specs=(SEARCH,))
    assert came.error.reason == "arity_error"


@pytest.mark.parametrize(
    ("code", "value", "together"),
    [
        ("(pmap #(tool/get {:id %}) [1 2 3])", [2, 3, 4], [3]),
        ("(pmap (fn [i] (tool/get {:id (tool/get {:id i})})) [1 2])", [3, 4], [2, 2]),
        ("(pmap tool/get [{:id 1} {:id 2}])", [2, 3], [2]),
        ("(pcalls #(tool/get {:id 1}) #(+ 1 1) #(mapv (fn [i] (tool/get {:id i})) [7 8]))", [2, 2, [8, 9]], [2, 1]),
        ("(defn get-all [ids] (pmap (fn [i] (tool/get {:id i})) ids)) (map get-all [[1 2] [3 4]])", [[2, 3], [4, 5]], [2, 2]),
        ("(pmap (fn [x] (pmap #(tool/get {:id %}) [x (inc x)])) [1 10])", [[2, 3], [11, 12]], [4]),
        ("(pmap (fn [x] (reduce (fn [acc i] (+ acc (tool/get {:id i}))) 0 (range x))) [1 2])", [1, 3], [2, 1]),
        ("(pmap + [1 2] [10 20 30])", [11, 22], []),
        ("(pmap :a [{:a 1}])", [1], []),
        ("(pcalls)", [], []),
    ],
)  # fmt: skip
def test_branches_call_tools_together(evaluate: Any, code: str, value: object, together: list[int]):
    """All branches' calls are made at once, round by round, however deep in functions they stand."""
    rounds: list[int] = []
    tools = {"get": lambda id: id + 1, "*together*": rounds.append}  # noqa: A006  (the tool's own parameter)
    came = evaluate(code, tools=tools, specs=(ToolSpec("get"),))
    assert came.error is None, came.error
    assert came.value == value
    assert rounds == together


def test_branches_print_once_and_in_order(evaluate: Any):
    """A branch that is run again for its next answer has printed nothing until it is done."""
    code = '(pmap (fn [i] (println "a" i) (tool/get {:id i}) (println "b" i)) [1 2])'
    came = evaluate(code, tools={"get": lambda id: id})  # noqa: A006
    assert came.printed == "a 1\nb 1\na 2\nb 2\n"


def test_printing_shows_values_as_lisp_writes_them(evaluate: Any):
    """Strings stand plain at the top and quoted within; nothing is printed twice."""
    came = evaluate('(println "a" :b {:c "d" :a [nil 1.0]}) (print 1) (prn "x" 2) (run! println [1 2])')
    assert came.printed == 'a :b {:a [nil 1.0] :c "d"}\n1"x" 2\n1\n2\n'


def test_the_loop_bound_can_be_lowered_and_not_raised(evaluate: Any):
    """A program's own limit counts where it is below the language's."""
    low = evaluate("(loop [i 0] (recur (inc i)))", loop_steps=50)
    assert (low.error.limit, low.error.parameter) == (50, "loop_steps")
    high = evaluate("(loop [i 0] (if (< i 20000) (recur (inc i)) i))", loop_steps=1_000_000)
    assert (high.error.reason, high.error.limit) == ("loop_limit_exceeded", 10_000)
    assert evaluate("(loop [i 0] (if (< i 10000) (recur (inc i)) i))").value == 10_000


def test_a_model_is_told_the_language_and_what_it_has():
    """The description names tools with their arguments, data and stored names with their shapes, and no values."""
    scope = Scope(
        tools=(SEARCH, ToolSpec("ping")),
        data={"orders": [{"id": 1, "secret": "x"}], "n": 1, "on": True, "none": None, "empty": {}, "none_yet": []},
        memory={"f": {"~": "fn", "source": "", "locals": {}}, "s": {"~": "set", "value": []}, "t": "text", "*1": 5},
    )
    text = Lisp().describe(scope)
    assert "(tool/search_all {:max_results?, :q}): Search." in text
    assert "- (tool/ping)\n" in text
    assert "- data/orders: a vector of 1, each a map of :id, :secret" in text
    assert "- f: a function\n- s: a set\n- t: a string of 4" in text
    assert "*1: " not in text
    assert Lisp().describe(Scope()) == text.split("\n\nTools:")[0]
    assert Lisp().name == "lisp"


def test_exceptions_without_a_story_are_told_as_they_are():
    """What is not known to come from the library is passed on with its place."""
    told = Lisp().fault(Raised("RuntimeError", "odd", 3, 4), Scope())
    assert (told.reason, told.message, told.line, told.column) == ("runtime_error", "odd", 3, 4)
    assert Lisp().fault(Raised("KeyError", ""), Scope()).message == "KeyError"
    assert (
        Lisp().fault(Raised("TypeError", "f_3() takes 2 positional arguments but 3 were given"), Scope()).reason
        == "arity_error"
    )
    assert (
        Lisp().fault(Raised("TypeError", "can only concatenate list"), Scope()).message
        == "+ needs numbers, got a vector"
    )


def test_a_value_nested_too_deep_is_an_error():
    """What cannot be carried over is told, and memory stays."""
    deep: Any = []
    for _ in range(5_000):
        deep = [deep]
    finished = Lisp().finish({"value": deep}, Scope(memory={"x": 1}))
    assert finished.error is not None
    assert finished.error.reason == "depth_exceeded"
    assert Lisp().finish(3, Scope()).value == 3


def test_source_that_is_nested_by_its_sugar_is_refused():
    """Expansion has a bound of its own."""
    with pytest.raises(ProgramFault, match="depth_exceeded"):
        Lisp().compile("(some-> 1 " + "inc " * 3000 + ")", Scope())
