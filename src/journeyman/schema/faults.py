"""What is wrong with a model's JSON, in words that the model can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from ..data import CallerError, JsonObject, ModelError
from .results import result_text

Path = tuple[str | int, ...]
Detail = Mapping[str, Any]
"""One of pydantic's error details: `type`, `loc`, `msg`, `input`, perhaps `ctx`."""

MAX_LINES = 20
"""So many faults are told at once; the rest is counted."""

MAX_SHOWN = 100
"""So many characters of a wrong value are quoted, and the length of the whole is told."""

_WANTED = {
    "int_type": "int",
    "int_parsing": "int",
    "int_from_float": "int (a whole number)",
    "float_type": "number",
    "float_parsing": "number",
    "decimal_type": "number",
    "decimal_parsing": "number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "string",
    "none_required": "null",
    "list_type": "array",
    "tuple_type": "array",
    "set_type": "array",
    "frozen_set_type": "array",
    "dict_type": "object",
    "mapping_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
    "dataclass_type": "object",
    "date_type": "date such as 2026-01-31",
    "date_parsing": "date such as 2026-01-31",
    "date_from_datetime_parsing": "date such as 2026-01-31",
    "time_type": "time such as 13:45:00",
    "time_parsing": "time such as 13:45:00",
    "datetime_type": "date and time such as 2026-01-31T13:45:00Z",
    "datetime_parsing": "date and time such as 2026-01-31T13:45:00Z",
    "datetime_from_date_parsing": "date and time such as 2026-01-31T13:45:00Z",
    "uuid_type": "UUID",
    "uuid_parsing": "UUID",
}


class ArgumentsError(ModelError):
    """The model's arguments for a tool do not fit; the message tells it how to mend them, one line for each fault."""


class OutputError(ModelError):
    """The model's answer does not fit the output type; the message tells it how to mend it, one line for each fault."""


def fault_lines(details: Sequence[Detail], data: Any, schema: JsonObject) -> list[str]:
    """A line for each place that is wrong: its path, what was expected there and what was found.

    Branches of a union that fail at the same place share a line. `data` is the JSON that was checked and `schema` the
    schema that it was checked against, for the names that could have been meant.
    """
    places: dict[Path, tuple[list[str], str]] = {}
    for at, detail in enumerate(details):
        if len(places) > MAX_LINES:
            return [*_lines(places)[:MAX_LINES], f"and about {len(details) - at + 1} more faults"]
        path = path_in(data, detail)
        wanted, found = _wanted(detail, path, schema), _found(detail)
        seen, _ = places.setdefault(path, ([], found))
        if wanted not in seen:
            seen.append(wanted)
    return _lines(places)


def _lines(places: Mapping[Path, tuple[list[str], str]]) -> list[str]:
    return [f"{prefix(path)}{_or(wanted)}{found}" for path, (wanted, found) in places.items()]


def path_in(data: Any, detail: Detail) -> Path:
    """Where in the data an error lies; pydantic's own location also names the branches of unions, which are left out."""
    location: Path = detail["loc"]
    steps: list[str | int] = []
    for step in location:
        found = _step_into(data, step)
        if found is not None:
            data = data[found]
            steps.append(found)
    if detail["type"] == "missing":
        steps.append(location[-1])
    return tuple(steps)


def _step_into(data: Any, step: str | int) -> str | int | None:
    match data:
        case list():
            return step if isinstance(step, int) and step < len(cast("Sequence[Any]", data)) else None
        case dict():
            # The keys of a dict[int, ...] are numbers in a location, but strings in JSON.
            return str(step) if str(step) in data else None
        case _:
            return None


def prefix(path: Path) -> str:
    """A path as a person would write it, `items[0].id: `, or nothing for the whole."""
    text = ""
    for step in path:
        if isinstance(step, str) and step.isidentifier() and len(step) <= MAX_SHOWN:
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return f"{text}: " if text else ""


def shown(value: Any) -> str:
    """A value as JSON, at most `MAX_SHOWN` characters of it, with a mark where it was cut."""
    try:
        text = f'"{value}"' if isinstance(value, str) else result_text(value)
    except CallerError:
        text = type(value).__name__  # what a validator of the user's made of the JSON
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text)} characters)"
    return cut.replace("\n", "\\n")


def objects_at(schema: JsonObject, path: Path) -> list[JsonObject]:
    """The object schemas that may apply at a path: more than one where there are unions, none for free-form data."""
    places = list(_branches([schema], schema))
    for step in path:
        places = list(_branches([_below(place, step) for place in places], schema))
    return [place for place in places if "properties" in place]


def _branches(places: Iterable[Any], root: JsonObject) -> Iterator[JsonObject]:
    # Each place once, however many ways lead to it: in a recursive union they double with every step.
    pending, seen = list(places), set[int]()
    while pending:
        place: Any = pending.pop()
        if not isinstance(place, dict) or id(cast("JsonObject", place)) in seen:
            continue
        place = cast("JsonObject", place)
        seen.add(id(place))
        if reference := place.get("$ref"):
            pending.append(root.get("$defs", {}).get(reference.removeprefix("#/$defs/")))
        for key in ("anyOf", "oneOf", "allOf"):
            pending.extend(place.get(key, ()))
        yield place


def _below(place: JsonObject, step: str | int) -> Any:
    if isinstance(step, str):
        return place.get("properties", {}).get(step, place.get("additionalProperties"))
    first: list[Any] = place.get("prefixItems", [])
    return first[step] if step < len(first) else place.get("items")


def _wanted(detail: Detail, path: Path, schema: JsonObject) -> str:
    kind: str = detail["type"]
    message: str = detail["msg"]
    if kind == "missing":
        return "required, but missing"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return f"unknown name{_meant(str(path[-1]) if path else '', objects_at(schema, path[:-1]))}"
    if kind in _WANTED:
        return f"expected {_WANTED[kind]}"
    if kind in {"value_error", "assertion_error"}:
        # The words of a validator of the user's, which may have several lines.
        return " ".join(message.partition(", ")[2].split()) or "refused"
    rest = message.removeprefix("Input should be ")
    if kind.startswith(("greater_than", "less_than")):
        return f"expected a value {rest}"
    return f"expected {rest}" if rest != message else message


def _found(detail: Detail) -> str:
    return "" if detail["type"] in {"missing", "extra_forbidden"} else f", got {shown(detail['input'])}"


def _or(wanted: list[str]) -> str:
    first, *rest = wanted
    return " or ".join([first, *(words.removeprefix("expected ") for words in rest)])


def _meant(name: str, objects: Iterable[JsonObject]) -> str:
    known = list(dict.fromkeys(key for place in objects for key in place["properties"]))
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; the known names are {', '.join(known[:MAX_LINES])}" if known else "; there are none to give"
