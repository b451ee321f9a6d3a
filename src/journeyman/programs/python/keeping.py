"""What a program leaves behind for the next one: gathered in the sandbox at its end, and read here.

Values that JSON can hold as they are cross in one text, which costs a few native calls whatever their size; where there are others,
`tagging.monty` writes them with tags (`values.py`). What is too large, or has no form, is marked as lost with
the reason, so that whoever names it later can be told.
"""

from __future__ import annotations

import functools
import keyword
from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Any, Final, cast

import msgspec

from ..limits import ProgramLimits
from .reading import Definition, Reading, may_be_kept
from .restoring import Restored
from .values import TAG, is_shallow, is_tagged

# What it needs of the builtins it takes before a program, or what is restored for it, can give their names to something else.
# Each line costs every program that binds a name 3 microseconds (monty 1.4.0), so what few programs need is a text until then.
_KEEPING: Final = """\
import json as __json__
__locals__, __repr__, __made__, __before__ = locals, repr, {{}}, {{}}
def __keep__(value, found, dumps=__json__.dumps, loads=__json__.loads, repr=repr, type=type, len=len, str=str, list=list, dict=dict, all=all, exec=exec, TypeError=TypeError, ValueError=ValueError, RecursionError=RecursionError):
 rest = {{name: found[name] for name in {names!r} if name in found}}
 kept = []
{definitions} try:
{notes}  if all([len(rest[name]) <= {limit} for name in rest if type(rest[name]) in (str, list, dict)]):
   text = dumps(rest, allow_nan=False, ensure_ascii=False)
   if len(dumps([text, list(rest), kept, value])) <= {limit} - 50 and '"~"' not in text and repr(loads(text)) == repr(rest):
    return {{"__kept__": kept, "plain": [text] + list(rest), "value": value}}
 except (TypeError, ValueError, RecursionError):
  pass
 space = {{}}
 exec({tagging}, space)
 return space["gathered"](value, kept, rest, {limit})
"""
_DEFINITIONS: Final = """\
 for number, name, source in {sources!r}:
  if name in rest and number in __made__ and __made__[number] is rest[name]:
   rest.pop(name)
   if source:
    kept.append([name, "made", source])
"""
_NOTES: Final = """\
  for name in __before__:
   if name in rest and repr(rest[name]) == __before__[name]:
    rest.pop(name)
"""


class Kept(msgspec.Struct, frozen=True):
    """The names of a program of which something is kept, and the definitions among them."""

    names: tuple[str, ...] = ()
    made: tuple[Definition, ...] = ()

    def prelude(self, restored: Restored, limits: ProgramLimits) -> str:
        """What runs before the program, with the code that restores what it names."""
        if not self.names:
            return restored.prelude
        again = [name for name in self.names if name in restored.made]
        sources = [(number, item.name, item.source) for number, item in enumerate(self.made)]
        sources += [(number, name, "") for number, name in enumerate(again, len(self.made))]
        keeping = _KEEPING.format(
            names=self.names,
            limit=limits.value_bytes,
            tagging=_tagging(),
            definitions=_DEFINITIONS.format(sources=sources) if sources else "",
            notes=_NOTES if restored.noted else "",
        )
        notes = [f"__before__[{name!r}] = __repr__({name})\n" for name in restored.noted]
        marks = [f"__made__[{number}] = {name}\n" for number, name in enumerate(again, len(self.made))]
        return "".join([keeping, restored.prelude, *notes, *marks])


def kept_by(program: Reading, restored: Restored, tools: Collection[str]) -> Kept:
    """What is kept of a program: of what it binds, and of what it was given and may have changed."""
    bound = {**program.bound(), **dict.fromkeys(restored.changeable)}
    names = {name: None for name in bound if may_be_kept(name) and name not in tools}
    made = [item for item in program.definitions() if item.name in names] if names else []
    return Kept(tuple(names), tuple(made))


@functools.cache
def _tagging() -> str:
    """The rest, as a literal."""
    text = files(__package__ or __name__.rpartition(".")[0]).joinpath("tagging.monty").read_text("utf-8")
    return repr(text.replace("    ", " "))  # it is stored with each program that waits


def kept_of(value: object, memory: Mapping[str, object], limits: ProgramLimits) -> tuple[object, Mapping[str, object]]:
    """A program's own value, and the memory that it leaves behind.

    A program can bind `__value__` itself. What it says of memory then is no less trusted than what it could have kept anyway.
    """
    if not isinstance(value, dict):
        return value, memory
    handed = cast("dict[object, Any]", value)
    if handed.keys() != {"__kept__", "plain", "value"}:
        return handed, memory
    left = dict(memory)
    left.update(_plain(handed["plain"]))
    for item in cast("list[object]", handed["__kept__"]) if isinstance(handed["__kept__"], list) else ():
        match item:
            case [str(name), str(form), str(text)] if _is_name(name):
                left[name] = _entry(form, text, "", limits)
            case [str(name), str(form), str(text), str(why)] if _is_name(name):
                left[name] = _entry(form, text, why, limits)
            case _:
                pass
    return cast("object", handed["value"]), left


def _plain(handed: object) -> dict[str, object]:
    """The values of names that JSON holds as they are, from one text."""
    text, *names = cast("list[object]", handed) if isinstance(handed, list) and handed else [object()]
    try:
        values = msgspec.json.decode(text, type=dict[str, Any]) if isinstance(text, str) else {}
    except (msgspec.DecodeError, RecursionError, ValueError):
        return {name: lost("value", "too deep") for name in names if isinstance(name, str) and _is_name(name)}
    return {
        name: value if is_shallow(value, cast("str", text)) else lost(type(value).__name__, "too deep")
        for name, value in values.items()
        if _is_name(name)
    }


def _is_name(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and may_be_kept(name)


def _entry(form: str, text: str, why: str, limits: ProgramLimits) -> object:
    match form:
        case "plain" | "tagged":
            return _value(text, is_plain=form == "plain")
        case "made" if len(text) <= limits.source_bytes:
            return {TAG: "made", "source": text}
        case "lost":
            return lost(text, why)
        case _:
            return lost("value", "too large")


def lost(kind: str, why: str) -> dict[str, str]:
    """What memory says of a value that is not kept."""
    return {TAG: "lost", "kind": kind[:80], "why": why[:80]}


def _value(text: str, *, is_plain: bool) -> object:
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return lost("value", "too deep")
    if not is_shallow(value, text):
        return lost(type(value).__name__, "too deep")
    if is_plain:
        return value
    # Only a program that has tampered with what gathers its names writes tags that say nothing.
    return {TAG: "value", "value": value} if is_tagged(value) else lost("value", "no value")
