"""What a model is told of the language, and of what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ...data import ToolSpec
from ..language import Scope
from .values import TAG

_SHOWN_KEYS: Final = 12
_ABOUT: Final = """\
Write PTC-Lisp: ordinary Clojure for working with data, without macros, mutable state, exceptions, lazy sequences, or Java beyond
strings, numbers and dates. The value of the last expression is the program's value; (return x) ends a program with x at once,
(fail reason) ends it without a value. What you (def) or (defn) is there for the next program, unless this one fails. (println x)
shows values. *1 *2 *3 are the values of earlier programs.

- Of clojure.core there is what works on data: let, fn, defn, if, cond, case, for, doseq, loop/recur (10,000 rounds), ->, ->>, some->,
  map, filter, reduce, group-by, sort-by, frequencies, partition, get-in, assoc-in, update, merge, select-keys …; of clojure.string
  (as str/join), clojure.set and clojure.walk most; Math/sqrt and its like; #"regex"; format; json/parse-string.
- Besides: (sum-by :k xs) (avg-by :k xs) (min-by :k xs) (max-by :k xs) (distinct-by :k xs) (pluck :k xs), and predicates as
  (where :status = "active"), (all-of p q), (any-of p q), (none-of p). (describe x) sums up the shape of data; (doc name) prints how a
  function is called, (apropos "part") gives names.
- :name finds "name" too, so data from tools is read with keywords. Missing data is nil; / gives a float; first and rest do not take a
  map: use seq, keys or vals. A function has one list of parameters.
- Tools: (tool/name {:key value}). (pmap f xs) and (pcalls f g) make the calls within them at the same time."""


def described(scope: Scope) -> str:
    """The language in a page, then the tools, data and stored names of this program."""
    parts = [_ABOUT]
    if scope.tools:
        parts.append("\n".join(["Tools:", *(f"- {about_tool(tool)}" for tool in scope.tools)]))
    if scope.data:
        parts.append("\n".join(["Data:", *(f"- data/{name}: {_shape(value)}" for name, value in scope.data.items())]))
    stored = [f"- {name}: {_shape(value)}" for name, value in scope.memory.items() if not name.startswith("*")]
    if stored:
        parts.append("\n".join(["Stored by earlier programs:", *stored]))
    return "\n\n".join(parts)


def about_tool(tool: ToolSpec) -> str:
    """How a tool is called, and what it says of itself."""
    properties = tool.parameters.get("properties")
    required = tool.parameters.get("required")
    names = list(cast("Mapping[str, Any]", properties)) if isinstance(properties, Mapping) else []
    needed = set(cast("Sequence[str]", required)) if isinstance(required, list) else set[str]()
    shown = ", ".join(f":{name}" if name in needed else f":{name}?" for name in names)
    about = f": {tool.description}" if tool.description else ""
    return f"(tool/{tool.name}{f' {{{shown}}}' if shown else ''}){about}"


def _shape(value: object) -> str:  # noqa: PLR0911  (a line for each kind)
    """What a value is, in a few words: it may be large, and it may be secret."""
    match value:
        case dict():
            entries = cast("dict[str, Any]", value)
            if entries.get(TAG) in ("fn", "lost"):
                return "a function"
            if TAG in entries:
                return f"a {entries[TAG]}"
            keys = ", ".join(f":{key}" for key in list(entries)[:_SHOWN_KEYS])
            return f"a map of {keys}{' …' if len(entries) > _SHOWN_KEYS else ''}" if entries else "an empty map"
        case list():
            items = cast("list[object]", value)
            return f"a vector of {len(items)}{f', each {_shape(items[0])}' if items else ''}"
        case str():
            return f"a string of {len(value)}"
        case None:
            return "nil"
        case bool():
            return "a boolean"
        case _:
            return "a number"
