"""Python's exceptions in Lisp's words."""

from __future__ import annotations

import re
from typing import Final, cast, get_args

import msgspec

from ..language import Raised, Scope
from ..outcome import ProgramError, Reason
from .naming import unmangled
from .writing import KEYWORD

LOOP_STEPS: Final = 10_000
"""Rounds of one `loop`, or of one `fn` that recurs: the specification's bound, below `ProgramLimits.loop_steps`."""

_REASONS: Final[dict[str, Reason]] = {
    "TypeError": "type_error",
    "ValueError": "value_error",
    "IndexError": "value_error",
    "KeyError": "value_error",
    "ZeroDivisionError": "arithmetic_error",
    "OverflowError": "arithmetic_error",
    "ArithmeticError": "arithmetic_error",
    "NameError": "unbound_var",
    "UnboundLocalError": "unbound_var",
    "RecursionError": "depth_exceeded",
}
_SAID: Final = re.compile(r"(\w+): ?(.*)", re.DOTALL)
_ARITY: Final = re.compile(r"(\S+)\(\) (?:takes|missing) (.*)", re.DOTALL)
_UNDEFINED: Final = re.compile(r"name '(?:d_)?(\w+)' is not defined")
_OPERANDS: Final = re.compile(r"unsupported operand type\(s\) for (\S+?):? '(\w+)' and '(\w+)'")
_ORDER: Final = re.compile(r"'(\S+)' not supported between instances of '(\w+)' and '(\w+)'")
_JOIN: Final = re.compile(r"can only concatenate (\w+)")
_VALUE: Final = re.compile("\ufdd4<class '([^']*)'>\\|([^\ufdd4]*)\ufdd4")
_NAMES: Final = {
    "NoneType": "nil",
    "int": "a number",
    "float": "a number",
    "str": "a string or keyword",
    "list": "a vector",
    "dict": "a map",
    "set": "a set",
    "frozenset": "a set",
    "bool": "a boolean",
    "function": "a function",
    "tuple": "a vector",
}


def _in_words(found: re.Match[str]) -> str:
    """A value as a message tells it: its kind, and what it is where that is short."""
    kind, shown = found.group(1), found.group(2)
    if kind == "str":
        mark, rest = shown[1:2], shown[2:-1]
        if mark == "\ufdd0" or shown.startswith("'\\ufdd0"):
            return f"keyword :{rest.removeprefix('ufdd0') if mark != KEYWORD else rest}"
        return f"string {shown}" if shown else "a long string"
    if kind in ("int", "float"):
        return f"number {shown}"
    return _NAMES.get(kind, kind.rpartition(".")[2])


def told(raised: Raised, scope: Scope) -> ProgramError:
    """An exception as whoever wrote the program can understand it."""
    raised = msgspec.structs.replace(raised, message=_VALUE.sub(_in_words, raised.message))
    said = _SAID.fullmatch(raised.message)
    if said is not None and said.group(1) in get_args(Reason):
        reason = cast("Reason", said.group(1))
        if reason == "loop_limit_exceeded":
            return _loop_limit(scope).at(raised.line, raised.column)
        return ProgramError(reason, said.group(2), raised.line, raised.column)
    reason = _REASONS.get(raised.kind, "runtime_error")
    message = raised.message or raised.kind
    if reason == "type_error":
        reason, message = _type_error(message)
    elif reason == "unbound_var" and (undefined := _UNDEFINED.match(message)):
        message = f"{unmangled(undefined.group(1))} is used before it has a value"
    return ProgramError(reason, message, raised.line, raised.column)


def _loop_limit(scope: Scope) -> ProgramError:
    own = scope.limits.loop_steps
    if own <= LOOP_STEPS:
        return ProgramError.of_limit("loop_limit_exceeded", "rounds of a loop", "loop_steps", scope.limits)
    message = (
        f"the limit on rounds of one loop was reached: {LOOP_STEPS:,} (ProgramLimits.loop_steps can only lower it)"
    )
    return ProgramError("loop_limit_exceeded", message, limit=LOOP_STEPS, parameter="loop_steps")


def _type_error(message: str) -> tuple[Reason, str]:
    if arity := _ARITY.match(message):
        name = arity.group(1)
        shown = "this function" if name.startswith(("v_", "<", "l_", "_")) else unmangled(name.removeprefix("d_"))
        return "arity_error", f"{shown} is called with a wrong number of arguments: it {_counted(message)}"
    for pattern in (_OPERANDS, _ORDER):
        if found := pattern.match(message):
            operator, left, right = found.groups()
            return (
                "type_error",
                f"{operator} needs numbers, got {_NAMES.get(left, left)} and {_NAMES.get(right, right)}",
            )
    if joined := _JOIN.match(message):
        return "type_error", f"+ needs numbers, got {_NAMES.get(joined.group(1), joined.group(1))}"
    return "type_error", message


def _counted(message: str) -> str:
    given = message.partition(") ")[2].replace("missing", "lacks")
    return re.sub(r"required positional argument(s?): .*", r"argument\1", given).replace("positional ", "")
