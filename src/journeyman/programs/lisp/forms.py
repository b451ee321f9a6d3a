"""What the reader reads: forms, each with its place in the source."""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec

from ..outcome import ProgramError, ProgramFault, Reason


class Symbol(msgspec.Struct, frozen=True, gc=False):
    """A name. `special` marks a name that an expansion made: nothing in the program can shadow it."""

    name: str
    line: int = 1
    column: int = 1
    special: bool = False


class Keyword(msgspec.Struct, frozen=True, gc=False):
    """`:name`, without the colon."""

    name: str
    line: int = 1
    column: int = 1


class Literal(msgspec.Struct, frozen=True, gc=False):
    """nil, a boolean, a number, a string; a character is a string of one character."""

    value: bool | int | float | str | None
    line: int = 1
    column: int = 1


class Regex(msgspec.Struct, frozen=True, gc=False):
    """`#"pattern"`."""

    pattern: str
    line: int = 1
    column: int = 1


class ListForm(msgspec.Struct, frozen=True):
    """`( … )`: a call, a special form, or nothing."""

    items: tuple[Form, ...]
    line: int = 1
    column: int = 1


class VectorForm(msgspec.Struct, frozen=True):
    """`[ … ]`."""

    items: tuple[Form, ...]
    line: int = 1
    column: int = 1


class MapForm(msgspec.Struct, frozen=True):
    """`{ … }`: keys and values in turn."""

    items: tuple[Form, ...]
    line: int = 1
    column: int = 1


class SetForm(msgspec.Struct, frozen=True):
    """`#{ … }`."""

    items: tuple[Form, ...]
    line: int = 1
    column: int = 1


Form: TypeAlias = Symbol | Keyword | Literal | Regex | ListForm | VectorForm | MapForm | SetForm


def fault_at(form: Form, reason: Reason, message: str) -> ProgramFault:
    """Make the error that a form is wrong, with its place."""
    return ProgramFault(ProgramError(reason, message, form.line, form.column))


def require(form: ListForm, least: int, message: str, most: int | None = None) -> None:
    """Refuse a form that has too few arguments, or too many."""
    given = len(form.items) - 1
    if given < least or (most is not None and given > most):
        raise fault_at(form, "arity_error", f"{message}; this one has {given}")


def argument(form: ListForm, index: int) -> Form:
    """One of a form's items, or nil where it is left out."""
    return form.items[index] if index < len(form.items) else Literal(None, form.line, form.column)


def special(name: str, at: Form) -> Symbol:
    """Make a name that no binding of the program shadows."""
    return Symbol(name, at.line, at.column, special=True)


def call(head: str, at: Form, *rest: Form) -> ListForm:
    """Make a special form or a call of the library at a form's place."""
    return ListForm((special(head, at), *rest), at.line, at.column)


def identity(form: Form) -> object:
    """What makes two literal forms the same key; None for a form whose value is only known when it runs.

    A number and a float of the same value are one key, as in the running program; true is not 1.
    """
    match form:
        case Literal():
            return (type(form.value) is bool, type(form.value) is str, form.value)
        case Keyword():
            return (":", form.name)
        case VectorForm():
            return _identity_of_items("[", form.items)
        case _:
            return None


def _identity_of_items(tag: str, items: tuple[Form, ...]) -> object:
    parts = tuple(identity(item) for item in items)
    return None if None in parts else (tag, parts)


_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"})


def shown(form: Form) -> str:  # noqa: C901, PLR0911  (a line for each form)
    """A form as text that reads as the same form."""
    match form:
        case Symbol():
            return form.name
        case Keyword():
            return f":{form.name}"
        case Literal():
            return _shown_literal(form.value)
        case Regex():
            return '#"' + form.pattern.replace('"', '\\"') + '"'
        case ListForm():
            return f"({_shown_items(form.items)})"
        case VectorForm():
            return f"[{_shown_items(form.items)}]"
        case MapForm():
            return "{" + _shown_items(form.items) + "}"
        case SetForm():
            return "#{" + _shown_items(form.items) + "}"


def _shown_items(items: tuple[Form, ...]) -> str:
    return " ".join(shown(item) for item in items)


def _shown_literal(value: object) -> str:
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value.translate(_ESCAPES)}"'
        case float() if not math.isfinite(value):
            return "##NaN" if math.isnan(value) else "##Inf" if value > 0 else "##-Inf"
        case _:
            return repr(value)
