"""Whether what one step gives is what the next one takes, known before either has run."""

from __future__ import annotations

from typing import Final

from .shapes import Field, FieldType, ListOf, Maybe, Record, Scalar, alike, written

# Keywords and dates are strings where values are plain JSON; whether a string is a date is seen when it is there.
_WIDER: Final = {
    ("int", "float"),
    ("keyword", "string"),
    ("string", "keyword"),
    ("datetime", "string"),
    ("string", "datetime"),
}


def whole_taker(inputs: tuple[Field, ...]) -> Field | None:
    """The input that takes a value which is no map: the only required one, or the only one; None where it is not clear."""
    required = [field for field in inputs if field.required]
    candidates = required or list(inputs)
    return candidates[0] if len(candidates) == 1 else None


def misfits(given: FieldType, inputs: tuple[Field, ...]) -> list[str]:
    """What of the inputs an output cannot satisfy, a line for each place."""
    if not inputs:
        return []
    if isinstance(given, Maybe):
        if any(field.required for field in inputs):
            return [f"the output may be nil ({written(given)}), and {_names(inputs)} must be given"]
        given = given.of
    match given:
        case Record():
            return _between(given.fields, inputs, "")
        case Scalar("any" | "map"):
            return []
        case Scalar() | ListOf():
            taker = whole_taker(inputs)
            if taker is None:
                return [f"the output is {written(given)}, no map: it cannot be given to {_names(inputs)} by name"]
            return _compare(given, taker.type, taker.name)


def _between(given: tuple[Field, ...], wanted: tuple[Field, ...], path: str) -> list[str]:
    there = {alike(field.name): field for field in given}
    lines: list[str] = []
    for field in wanted:
        place = f"{path}.{field.name}" if path else field.name
        source = there.get(alike(field.name))
        if source is not None:
            lines.extend(_compare(source.type, field.type, place))
        elif field.required:
            known = f"there is {_names(given)}" if given else "the map has no fields"
            lines.append(f"{place}: required, but not in the output; {known}")
    return lines


def _compare(given: FieldType, wanted: FieldType, path: str) -> list[str]:  # noqa: PLR0911  (a line for each pair)
    if isinstance(wanted, Maybe):
        return _compare(given.of if isinstance(given, Maybe) else given, wanted.of, path)
    if wanted == Scalar("any"):
        return []
    if isinstance(given, Maybe):
        return [f"{path}: expected {written(wanted)}, gets {written(given)}, which may be nil"]
    match given, wanted:
        case ListOf(), ListOf():
            return _compare(given.of, wanted.of, f"{path}[]")
        case Record(), Record():
            return _between(given.fields, wanted.fields, path)
        case _ if _may_fit(given, wanted):
            return []
        case _:
            return [f"{path}: expected {written(wanted)}, gets {written(given)}"]


def _may_fit(given: FieldType, wanted: FieldType) -> bool:
    match given, wanted:
        case Scalar(name), Scalar(other):
            return name in (other, "any") or (name, other) in _WIDER
        case (Scalar("any" | "list"), ListOf()) | (Scalar("any" | "map"), Record()):
            return True  # what is in it is seen when it is there
        case (ListOf(), Scalar("list")) | (Record(), Scalar("map")):
            return True
        case _:
            return False


def _names(fields: tuple[Field, ...]) -> str:
    names = [field.name for field in fields]
    return ", ".join(names[:12]) + (" …" if len(names) > 12 else "")  # noqa: PLR2004  (a line's worth)
