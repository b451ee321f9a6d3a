"""Checking values against the types of a signature."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, assert_never, cast

from ..faults import Path
from .plain import Faults, in_order, plain, plain_keys
from .shapes import Field, FieldType, ListOf, Maybe, Record, Scalar, ScalarName, alike

_INT: Final = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_FLOAT: Final = re.compile(r"[+-]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][+-]?\d{1,4})?", re.ASCII)
_BOOLS: Final = {"true": True, "false": False}
_ABSENT: Final = object()


def check(value: Any, type_: FieldType, *, coerce: bool) -> tuple[Any, tuple[str, ...]]:
    """A value as JSON has it and of the type, and what is wrong with it: a line for each place."""
    checker = _Checker(coerce=coerce)
    try:
        found = checker.value(value, type_, ())
    except RecursionError:  # a shallow stack was left to us
        checker.faults.add((), "values are nested too deep")
        found = None
    return found, checker.faults.lines


class _Checker:
    def __init__(self, *, coerce: bool) -> None:
        self.faults = Faults()
        self._coerce = coerce

    def value(self, value: Any, type_: FieldType, path: Path) -> Any:
        match type_:
            case Scalar():
                return self._scalar(value, type_.name, path)
            case ListOf():
                return self._list(value, type_, path)
            case Record():
                return self._record(value, type_, path)
            case Maybe():
                return None if value is None else self.value(value, type_.of, path)
            case _:  # pragma: no cover
                assert_never(type_)

    def _list(self, value: Any, type_: ListOf, path: Path) -> Any:
        match value:
            case list() | tuple():
                items = cast("Iterable[Any]", value)
            case set() | frozenset():
                items = in_order(cast("Iterable[Any]", value))
            case _:
                self.faults.unfit(path, "list", value)
                return None
        return [self.value(item, type_.of, (*path, at)) for at, item in enumerate(items)]

    def _record(self, value: Any, type_: Record, path: Path) -> Any:
        mapping = _map(value)
        if mapping is None:
            self.faults.unfit(path, "map", value)
            return None
        entries = plain_keys(mapping, path, self.faults)
        spellings = {alike(name): name for name in entries}
        found: dict[str, Any] = {}
        taken: set[str] = set()
        for field in type_.fields:
            # Exactly as it is called, or as the other language spells it.
            name = field.name if field.name in entries else spellings.get(alike(field.name), "")
            given = entries.get(name, _ABSENT)
            taken.add(name)
            if given is not _ABSENT:
                found[field.name] = self.value(given, field.type, (*path, field.name))
            elif field.required:
                self.faults.add((*path, field.name), f"required, but missing{_likely(field, entries)}")
        # What a signature does not name is nobody's fault: it is data that somebody further on may want.
        rest = {name: plain(item, (*path, name), self.faults) for name, item in entries.items() if name not in taken}
        return {**found, **rest}

    def _scalar(self, value: Any, name: ScalarName, path: Path) -> Any:
        if name == "any":
            return plain(value, path, self.faults)
        fitting = _FITTING[name](value)
        if fitting is None and self._coerce and isinstance(value, str) and name in _READING:
            fitting = _READING[name](value)
        if fitting is None:
            self.faults.unfit(path, name, value)
            return None
        return plain(fitting, path, self.faults)


def _as_mapping(value: Any) -> Any:
    """A model, dataclass or the like as a mapping; None for what is none."""
    if value is None or isinstance(value, str | bytes | int | float | list | tuple | set | frozenset | date):
        return None
    faults = Faults()
    found = plain(value, (), faults)
    return cast("Any", found) if isinstance(found, dict) and not faults.lines else None


def _likely(field: Field, entries: Mapping[str, Any]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  (slow to import, and wanted for errors alone)

    names = [name for name, _ in zip(entries, range(50), strict=False) if len(name) <= 2 * len(field.name)]
    close = get_close_matches(field.name, names, n=1) if len(field.name) <= 60 else []  # noqa: PLR2004  (quadratic)
    return f"; there is {close[0]!r}" if close else ""


def _string(value: Any) -> Any:
    if isinstance(value, str):
        return value
    return value.isoformat() if isinstance(value, date) else None


def _int(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: Any) -> Any:
    if isinstance(value, float):
        return value
    if _int(value) is None:
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _bool(value: Any) -> Any:
    return value if isinstance(value, bool) else None


def _keyword(value: Any) -> Any:
    return value if isinstance(value, str) and value else None


def _datetime(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str) or len(value) > 40:  # noqa: PLR2004  (no form of ISO 8601 is longer)
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


def _map(value: Any) -> Any:
    return cast("Any", value) if isinstance(value, Mapping) else _as_mapping(value)


def _collection(value: Any) -> Any:
    return cast("Any", value) if isinstance(value, list | tuple | set | frozenset) else None


_FITTING: Final[Mapping[str, Callable[[Any], Any]]] = {
    "string": _string,
    "int": _int,
    "float": _float,
    "bool": _bool,
    "keyword": _keyword,
    "datetime": _datetime,
    "map": _map,
    "list": _collection,
}


def _read_int(text: str) -> Any:
    return int(text) if _INT.fullmatch(text.strip()) else None


def _read_float(text: str) -> Any:
    return float(text) if _FLOAT.fullmatch(text.strip()) else None


# Of inputs only, as PTC-Lisp has it ("Signature Syntax", coercion rules): models quote numbers.
_READING: Final[Mapping[str, Callable[[str], Any]]] = {
    "int": _read_int,
    "float": _read_float,
    "bool": lambda text: _BOOLS.get(text.strip()),
}
