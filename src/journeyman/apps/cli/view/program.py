"""What came of a program, for people and for machines."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

import msgspec
from rich.cells import cell_len

from ....programs import Outcome, ProgramCall, ProgramError
from .clean import clean, cut, one_line
from .live import call_words
from .screen import Screen

FAILED: Final = 1
WAITS: Final = 3

_LONGEST: Final = 600
_CALLS: Final = 20
_BEFORE, _AFTER = 80, 40
"""Columns of a marked line that are shown before and after its mark."""


class Source(NamedTuple):
    """A program as it was given: where it comes from, and its text."""

    name: str
    text: str


def tell_outcome(screen: Screen, outcome: Outcome, source: Source) -> int:
    """Show what a program printed, called and came to; gives the exit code."""
    if screen.json:
        screen.object(outcome_object(outcome))
    else:
        tell_printed(screen, outcome)
        if outcome.ok and outcome.value is not None:
            value: object = outcome.value
            screen.line(value if isinstance(value, str) else as_json(value))
    return tell_rest(screen, outcome, source)


def tell_printed(screen: Screen, outcome: Outcome) -> None:
    """What it printed, as it printed it."""
    if outcome.printed:
        screen.words(clean(outcome.printed if outcome.printed.endswith("\n") else f"{outcome.printed}\n"))


def tell_rest(screen: Screen, outcome: Outcome, source: Source) -> int:
    """Everything but output and value: calls, error, what it waits for; gives the exit code."""
    for call in outcome.calls[-_CALLS:]:
        screen.note(*_call_pieces(call))
    if len(outcome.calls) > _CALLS:
        screen.note((f"{len(outcome.calls) - _CALLS:,} earlier calls are left out; --json shows all", "dim"))
    if outcome.error is not None:
        tell_error(screen, outcome.error, source)
        return FAILED
    return 0 if outcome.suspended is None else WAITS


def tell_error(screen: Screen, error: ProgramError, source: Source) -> None:
    """An error with the line in which it is."""
    message = cut(one_line(error.message), _LONGEST, "--json shows all")
    screen.error(("error: ", "bold red"), f"{error.reason}: {message}")
    if error.line is not None:
        column = error.column or 1
        screen.error((f"  at {source.name}:{error.line}:{column}", "dim"))
        lines = source.text.split("\n", error.line)
        if 0 < error.line <= len(lines):
            for line in _marked(error.line, lines[error.line - 1], column):
                screen.error(line)
    if error.parameter is not None:
        screen.error(
            ("next:  ", "bold"), f"run it with a larger --{error.parameter.replace('_', '-')}, or have it do less"
        )


def _marked(number: int, text: str, column: int) -> tuple[str, str]:
    # One character for one character, so that the mark stands where the error is: a tab, a control character or a mark of
    # the writing direction becomes a blank.
    shown = "".join([char if char.isprintable() else " " for char in text])
    at = min(column - 1, len(shown))
    start, end = max(0, at - _BEFORE), at + _AFTER
    before = ("…" if start else "") + shown[start:at]
    after = shown[at:end] + ("…" if end < len(shown) else "")
    return f"{number:>5} | {before}{after}", f"      | {' ' * cell_len(before)}^"


def _call_pieces(call: ProgramCall) -> tuple[tuple[str, str], str]:
    words = call_words(call.name, as_json(call.arguments), "--json shows all")
    match call.state:
        case "done":
            return ("✓ ", "green"), words
        case "failed":
            return ("✗ ", "red"), f"{words}: {cut(one_line(call.message), _LONGEST)}"
        case "begun":
            return ("… ", "yellow"), f"{words}: still under way when the program ended"
        case _:
            info = "" if call.info is None else f": {cut(one_line(as_json(call.info)), _LONGEST)}"
            return ("waits for ", "yellow"), f"call {call.id}, {words}{info}"


def outcome_object(outcome: Outcome) -> dict[str, Any]:
    """An outcome for machines; what JSON has no form for is written as Python does."""
    status = "failed" if outcome.error is not None else "finished" if outcome.suspended is None else "waiting"
    return {
        "status": status,
        "value": msgspec.Raw(as_json(outcome.value).encode("utf-8", "replace")),
        "printed": outcome.printed,
        "error": outcome.error,
        "calls": [msgspec.Raw(as_json(msgspec.to_builtins(call)).encode("utf-8", "replace")) for call in outcome.calls],
        "waiting": [] if outcome.suspended is None else [call.id for call in outcome.suspended.waiting],
    }


def as_json(value: object) -> str:
    """A program's value as JSON: sets are lists, times are text, and of the rest what Python writes for it."""
    # Not msgspec: it refuses the large integers that programs like.
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError, RecursionError):
        return json.dumps(written(value), ensure_ascii=False)


def _plain(value: object) -> object:
    match value:
        case set() | frozenset():
            return sorted(cast("set[object]", value), key=written)  # sets have no order: the same each time
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            return written(value)


def written(value: object) -> str:
    """A value as Python writes it, if Python does."""
    try:
        return repr(value)
    except (ValueError, RecursionError) as error:  # an integer of more digits than Python writes
        return f"({type(value).__name__}: {error})"
