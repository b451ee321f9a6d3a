"""Lisp programs that try to get out, or to hurt whoever runs them: none succeeds, each ends by itself."""

from __future__ import annotations

import asyncio

from journeyman.programs import Outcome, ProgramLimits, open_sandbox

LIMITS = ProgramLimits(cpu_seconds=0.2, memory_bytes=32_000_000)

# Names of Clojure, Java, Python and of the library's inside that mean nothing here: refused before anything runs.
UNKNOWN = [
    '(.getClass "a")',
    '(.. "a" getClass)',
    '(. "a" (getClass))',
    '(Class/forName "java.lang.Runtime")',
    "(java.lang.Runtime/getRuntime)",
    '(System/getenv "PATH")',
    '(System/getProperty "user.home")',
    "(System/exit 0)",
    '(slurp "/etc/passwd")',
    '(spit "/tmp/x" "y")',
    '(load-file "/etc/passwd")',
    '(load-string "(+ 1 2)")',
    "(eval '(+ 1 2))",
    '(read-string "#=(+ 1 2)")',
    "(resolve 'inc)",
    "(ns-resolve 'clojure.core 'eval)",
    "(intern 'user 'x 1)",
    "(alter-var-root #'inc (fn [_] dec))",
    '(require \'clojure.java.io) (clojure.java.io/reader "/etc/passwd")',
    '(clojure.java.shell/sh "ls")',
    '(import \'java.io.File) (java.io.File. "/etc")',
    '(new java.io.File "/etc")',
    "(Thread. (fn [] 1))",
    "(future 1)",
    "(atom 1)",
    "(proxy [Object] [])",
    "(reify Object)",
    "(gen-class)",
    "(defmacro m [] 1)",
    "(macroexpand '(when 1 2))",
    "(try (eval 1) (catch Exception e (.getStackTrace e)))",
    "open",
    '(open "/etc/passwd")',
    "__import__",
    '(__import__ "os")',
    "__tool__",
    '(__tool__ "x" {})',
    "__later__",
    "__value__",
    "__builtins__",
    "__end",
    "__defs",
    "__branch",
    "_seq",
    "(_tool 1 2)",
    "l_map",
    "(l_map inc [1])",
    "L_",
    "d_x",
    "r_",
    "h_1",
    "exec",
    '(exec "1")',
    "(getattr 1)",
    "(.__class__ 1)",
    "(.mro (type 1))",
    "os/environ",
    "sys/modules",
    '(os/system "ls")',
    '(subprocess/run "ls")',
    '(socket/create_connection ["127.0.0.1" 80])',
    '(pickle/loads "x")',
    "(time.sleep 10)",
    "(keyword/__init__ 1)",
    "(print. 1)",
    "data",
    "(keys data)",
    "tool",
    "(tool/none {})",
    "tool/__import__",
    "[print type open?]",
    "data/__class__",
]

# What looks like a way in and is plain data, or the program's own business.
HARMLESS = [
    ("(let [__value__ 5] __value__)", 5),
    ("(def __defs 5) __defs", 5),
    ("(def __end [[1 2]]) __end", [[1, 2]]),
    ("(def L_ 7) (defn F_ [x] x) [(map F_ [1]) L_]", [[1], 7]),
    ("(let [open inc exec dec] (open (exec 1)))", 1),
    ("(def x'';import_os 1\n)", "#'x''"),
    ('"\\ufdd0__class__"', "__class__"),
    ('(format "{0.__class__}" 1)', "{0.__class__}"),
    ('(str "{" (fn [] 1) "}")', "{#fn}"),
    ('(json/parse-string "{\\"a\\": __import__(1)}")', None),
    ("(name :__class__)", "__class__"),
    ('(str "\\u0000" "1:1" "\\u0000" "\\nimport os")', "\x001:1\x00\nimport os"),
    ("(get {:a 1} :__class__)", None),
    ('(:__globals__ {"x" 1})', None),
    ('(re-find #"(a+)+$" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")', None),
    ('(re-seq #"(x+x+)+y" (apply str (repeat 2000 "x")))', []),
    ("(bit-shift-left 1 100000000)", 1),
    ("(pow 10 1000000000)", float("inf")),
]

# What is refused while it runs: too much of something, with the limit's name.
BOUNDED = [
    ("(" * 5000, "depth_exceeded"),
    ("(-> 1" + " (-> 1" * 200 + ")" * 201, "depth_exceeded"),
    ('"' + "a" * 70_000 + '"', "size_exceeded"),
    ("9" * 30_000, "size_exceeded"),
    ('(apply str (repeat 100000000 "a"))', "memory_exceeded"),
    ("(repeat 1000000000 0)", "memory_exceeded"),
    ("(range 100000000000)", "memory_exceeded timeout"),
    ('(loop [s "ab"] (recur (str s s)))', "memory_exceeded"),
    ("(loop [x [1]] (recur (into x x)))", "memory_exceeded timeout"),
    ("(loop [x 2] (recur (* x x)))", "memory_exceeded timeout"),
    ("(reduce * (range 1 200000))", "timeout"),
    ('(format "%1000000000d" 1)', "value_error"),
    ('(format "%.999999999f" 1.0)', "value_error"),
    ("(loop [] (recur))", "loop_limit_exceeded"),
    ("((fn [i] (recur (inc i))) 0)", "loop_limit_exceeded"),
    ("(defn f [] (f)) (f)", "depth_exceeded"),
    ("(letfn [(a [] (b)) (b [] (a))] (a))", "depth_exceeded"),
    ("((fn [x] (x x)) (fn [x] (x x)))", "depth_exceeded"),
    ("(reduce (fn [a _] [a a]) [] (range 60))", "timeout size_exceeded memory_exceeded"),
    ("(str (reduce (fn [a _] [a]) [] (range 5000)))", "depth_exceeded"),
    ("(reduce (fn [a _] [a]) [] (range 100000))", "size_exceeded depth_exceeded"),
    ("(reduce (fn [a _] [a]) [] (range 900))", "size_exceeded depth_exceeded"),
    ('(println (apply str (repeat 10000000 "x")))', "memory_exceeded"),
    ("(for [a (range 1000) b (range 1000) c (range 1000)] 1)", "timeout memory_exceeded"),
    ("(combinations (range 100) 50)", "memory_exceeded timeout"),
    ("(tree-seq (fn [_] true) (fn [x] [x x]) 1)", "timeout memory_exceeded"),
    ("(take 1000000000 (range 1 5 0))", "memory_exceeded"),
    ("(pmap (fn [x] (loop [] (recur))) (range 100))", "loop_limit_exceeded"),
    ("(pmap (fn f [x] (pmap f [x x])) [1])", "depth_exceeded timeout"),
    ("(prewalk (fn [x] [x x]) 1)", "depth_exceeded"),
    ("(hash-map (reduce (fn [a _] [a]) [] (range 5000)) 1)", "depth_exceeded"),
    ("(def big (vec (range 3000000))) big", "memory_exceeded timeout"),
    ("(return (range 10000000))", "memory_exceeded timeout"),
    ("(range 500000)", "size_exceeded"),
    ("(java.util.Date. 99999999999999999999)", "arithmetic_error"),
    ('(.plusDays (LocalDate/parse "2024-01-01") 999999999999)', "arithmetic_error"),
    ("(rand-int 0)", "value_error"),
    ('(Integer/parseInt "9" -5)', "value_error"),
    ('(re-pattern (apply str (repeat 20000 "(")))', "value_error depth_exceeded memory_exceeded"),
    ("(doseq [i (range 9000)] (tool/none {}))", "unknown_tool"),
]  # fmt: skip


async def _outcomes(codes: list[str]) -> list[Outcome]:
    async with open_sandbox(processes=2) as sandbox:
        # All at once: one that hurt the others, or held their workers, would show.
        return await asyncio.gather(*(sandbox.run(code, language="lisp", limits=LIMITS) for code in codes))


async def test_names_of_other_worlds_mean_nothing():
    """No name of Java, Python, the interpreter or the library's inside is bound; each is refused at its place."""
    for code, outcome in zip(UNKNOWN, await _outcomes(UNKNOWN), strict=True):
        assert outcome.error is not None, (code, outcome.value)
        assert outcome.error.reason in ("unbound_var", "unknown_tool"), (code, outcome.error)
        assert outcome.error.line == 1
        assert not outcome.calls


async def test_what_looks_like_a_way_in_is_data():
    """Names of the inside can be bound like others, and text stays text."""
    codes = [code for code, _ in HARMLESS]
    for (code, value), outcome in zip(HARMLESS, await _outcomes(codes), strict=True):
        assert outcome.ok, (code, outcome.error)
        assert outcome.value == value, code


async def test_too_much_of_anything_ends_with_its_limit():
    """Bombs of text, numbers, depth, time and output end as errors that name what was reached; the sandbox goes on."""
    codes = [code for code, _ in BOUNDED]
    outcomes = await _outcomes([*codes, "(+ 1 2)"])
    for (code, reasons), outcome in zip(BOUNDED, outcomes, strict=False):
        assert outcome.error is not None, (code[:60], str(outcome.value)[:60])
        allowed = reasons.split()
        if {"memory_exceeded", "size_exceeded", "depth_exceeded"} & set(allowed):
            allowed.append("timeout")  # on a slow machine the clock comes first
        assert outcome.error.reason in allowed, (code[:60], outcome.error)
    assert outcomes[-1].value == 3


def test_the_corpus_is_large_enough():
    """At least 75 payloads are Lisp."""
    assert len(UNKNOWN) + len(HARMLESS) + len(BOUNDED) >= 75
