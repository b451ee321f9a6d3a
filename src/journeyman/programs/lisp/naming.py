"""Names: how Lisp's become Python's, which are other names for the same, and what to say of those that are not there."""

from __future__ import annotations

import functools
import re
from typing import Final

from .library import library

_OPERATORS: Final = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "<": "lt",
    ">": "gt",
    "<=": "le",
    ">=": "ge",
    "=": "eq",
    "==": "num_eq",
    "not=": "not_eq",
}
_ALIASES: Final = {
    "+'": "+",
    "-'": "-",
    "*'": "*",
    "inc'": "inc",
    "dec'": "dec",
    "mapv": "map",
    "filterv": "filter",
    "list": "vector",
    "array-map": "hash-map",
    "sorted-map": "hash-map",
    "sorted-set": "hash-set",
    "upcase": "upper-case",
    "downcase": "lower-case",
    "clojure.string/reverse": "str/reverse",
    "integer?": "int?",
    "rational?": "int?",
    "double?": "float?",
    "decimal?": "ratio?",
    "seq?": "sequential?",
    "reversible?": "indexed?",
    "sorted?": "map-entry?",
    "parse-int": "parse-long",
    "partitionv": "partition",
    "partitionv-all": "partition-all",
    "ident?": "keyword?",
    "simple-keyword?": "keyword?",
    "biginteger": "long",
    "num": "identity",
    "bigint": "long",
    "unchecked-int": "int",
    "ceiling": "ceil",
    "sequence": "doall",
    "eduction": "doall",
    "System/nanoTime": "System/currentTimeMillis",
    "Float/parseFloat": "Double/parseDouble",
    "Double/valueOf": "Double/parseDouble",
    "Integer/valueOf": "Integer/parseInt",
    "Long/valueOf": "Long/parseLong",
    "String/valueOf": "str",
    "Math/floorMod": "mod",
    "java.util.Date": "java.util.Date.",
    "Date.": "java.util.Date.",
    "LocalDate/parse": "java.time.LocalDate/parse",
    "Instant/parse": "java.time.Instant/parse",
    "Duration/between": "java.time.Duration/between",
    "cheshire.core/parse-string": "json/parse-string",
    "cheshire.core/generate-string": "json/generate-string",
    "json/read-str": "json/parse-string",
    "json/write-str": "json/generate-string",
    "currentTimeMillis": "System/currentTimeMillis",
}
_NAMESPACES: Final = {
    "clojure.core": "",
    "core": "",
    "clojure.string": "str",
    "string": "str",
    "str": "str",
    "s": "str",
    "clojure.set": "set",
    "set": "set",
    "clojure.walk": "walk",
    "walk": "walk",
    "clojure.math": "Math",
    "math": "Math",
    "Math": "Math",
    "java.lang.Math": "Math",
    "StrictMath": "Math",
    "clojure.data.json": "json",
    "regex": "",
}
MEMBERS: Final = {
    "str": [
        "blank?",
        "capitalize",
        "ends-with?",
        "escape",
        "includes?",
        "index-of",
        "join",
        "last-index-of",
        "lower-case",
        "replace",
        "replace-first",
        "reverse",
        "split",
        "split-lines",
        "starts-with?",
        "trim",
        "trim-newline",
        "triml",
        "trimr",
        "upper-case",
    ],
    "set": [
        "difference",
        "index",
        "intersection",
        "join",
        "map-invert",
        "project",
        "rename",
        "rename-keys",
        "select",
        "subset?",
        "superset?",
        "union",
    ],
    "walk": ["keywordize-keys", "postwalk", "postwalk-replace", "prewalk", "prewalk-replace", "stringify-keys", "walk"],
}
"""What clojure.string, clojure.set and clojure.walk have, by the names that programs give these."""
CONSTANTS: Final = {
    "Double/POSITIVE_INFINITY": "math.inf",
    "Double/NEGATIVE_INFINITY": "-math.inf",
    "Double/NaN": "math.nan",
    "POSITIVE_INFINITY": "math.inf",
    "NEGATIVE_INFINITY": "-math.inf",
    "NaN": "math.nan",
    "Math/PI": "3.141592653589793",
    "Math/E": "2.718281828459045",
    "Long/MAX_VALUE": "9223372036854775807",
    "Long/MIN_VALUE": "-9223372036854775808",
    "Integer/MAX_VALUE": "2147483647",
    "Integer/MIN_VALUE": "-2147483648",
}
HINTS: Final = {
    "try": "there are no exceptions to catch: bad data gives nil; end a program with (fail reason)",
    "throw": "end a program with (fail reason)",
    "catch": "there are no exceptions to catch",
    "atom": "there is no mutable state: use reduce or loop",
    "swap!": "there is no mutable state: use reduce or loop",
    "reset!": "there is no mutable state: use reduce or loop",
    "volatile!": "there is no mutable state: use reduce or loop",
    "ref": "there is no mutable state: use reduce or loop",
    "agent": "there is no mutable state: use reduce or loop",
    "set!": "there is no mutable state: use reduce or loop",
    "deref": "there are no atoms, refs or futures",
    "future": "use pmap or pcalls",
    "promise": "use pmap or pcalls",
    "iterate": "sequences have an end here: use loop, reduce or (range start end)",
    "cycle": "sequences have an end here",
    "lazy-seq": "sequences have an end here",
    "eval": "there is no evaluation of data",
    "read-string": "there is no evaluation of data: parse-long, parse-double and json/parse-string read values",
    "defmacro": "there are no macros: write a function",
    "defmulti": "use case or cond",
    "defmethod": "use case or cond",
    "defprotocol": "use maps",
    "defrecord": "use maps",
    "deftype": "use maps",
    "slurp": "there are no files: call a tool",
    "spit": "there are no files: call a tool",
    "list?": "a list is a vector here: use vector? or sequential?",
    "list*": "use (concat [x y] xs)",
    "binding": "use let",
    "transduce": "there are no transducers: use map, filter and reduce",
    "completing": "there are no transducers: use map, filter and reduce",
    "assert": "use (when-not test (fail reason))",
    "data": "read one value of the context with data/name",
    "memory": "a stored value is read by its name alone",
    "tool": "call a tool with (tool/name {:key value})",
    "rand-seed": "there is none",
    "while": "use loop and recur",
    "new": "of Java's classes there is only (java.util.Date.)",
    "in-ns": "there is one namespace",
    "ns": "there is one namespace, and clojure.string, clojure.set and clojure.walk are there: leave the line out",
}
_PUNCTUATION: Final = {"-": "_", "?": "_p", "!": "_x", "/": "__", ".": "_dot_", "'": "_q"}
_MANGLED = re.compile(r"_([0-9a-f]+)_")
_PLAIN = re.compile(r"[^A-Za-z0-9]")


def mangled(name: str) -> str:
    """A name of a program as a part of a Python name; no two become the same, and none is anything else's."""
    return _PLAIN.sub(lambda match: f"_{ord(match.group()):x}_", name)


def unmangled(name: str) -> str:
    """The name that `mangled` was given."""
    return _MANGLED.sub(lambda match: chr(int(match.group(1), 16)), name)


def unbindable(name: str) -> bool:
    """Whether a symbol can be given no value: a constant, what has a namespace, a method of Java's."""
    return name in ("nil", "true", "false", "&") or "/" in name or name.startswith(".")


def _piece_name(name: str) -> str:
    if name in _OPERATORS:
        return f"l_{_OPERATORS[name]}"
    text = "".join(_PUNCTUATION.get(char, char) for char in name)
    return f"l_{text.lstrip('_')}" if name[0] == "." else f"l_{text}"


@functools.lru_cache(maxsize=4096)
def builtin(name: str) -> str | None:
    """The piece of the library that a Lisp name means, or None where there is none."""
    for candidate in _candidates(name):
        piece = _piece_name(_ALIASES.get(candidate, candidate))
        if piece in library() and piece.isidentifier():
            return piece
    return None


def _candidates(name: str) -> list[str]:
    namespace, slash, short = name.rpartition("/")
    if not slash or not namespace or not short:
        return [name]
    if namespace in _NAMESPACES:
        known = _NAMESPACES[namespace]
        if known == "Math" or (known in ("set", "walk") and short not in MEMBERS[known]):
            return [f"{known}/{short}"]
        # What has the same meaning in every namespace stands in the library without one.
        return [f"{known}/{short}" if known else short, short]
    return [name]


@functools.cache
def builtin_names() -> tuple[str, ...]:
    """Every Lisp name of the library, sorted."""
    operators = {f"l_{piece}": name for name, piece in _OPERATORS.items()}
    names = {*_ALIASES, *CONSTANTS}
    for piece in library():
        if piece in operators:
            names.add(operators[piece])
        elif piece.startswith("l_"):
            names.add(_lisp_name(piece[2:]))
    return tuple(sorted(names))


def _lisp_name(text: str) -> str:
    text = text.replace("__", "/").replace("_dot_", ".").removesuffix("_dot")
    text = f".{text[4:]}" if text.startswith("dot_") else text
    for ending, char in (("_p", "?"), ("_x", "!")):
        if text.endswith(ending):
            text = text.removesuffix(ending) + char
    return text.replace("_", "-")
