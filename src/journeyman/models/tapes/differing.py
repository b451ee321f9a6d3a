"""Where two requests part: the first field that differs, by its path."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ...data import JsonObject

_SHOWN = 120
"""Characters of a value that are shown; of a longer one, those around the place where it differs."""

_ABSENT = "nothing"


class Difference(msgspec.Struct, frozen=True):
    """`path` reads as in code, `messages[2].parts[0].text`; both values are shown as JSON, shortened with a mark."""

    path: str
    expected: str
    got: str


def first_difference(expected: JsonObject, got: JsonObject) -> Difference | None:
    """The first difference between two forms of requests, messages first, or None where there is none."""
    # What was said matters most to a reader.
    order = ("messages", "tools", "output", "settings", "asked")
    keys = (*order, *sorted((expected.keys() | got.keys()) - set(order)))
    try:
        for key in keys:
            # `asked` is the model's name as the user knows it; the form keeps it apart from the request's own.
            found = _differing("model" if key == "asked" else key, expected.get(key), got.get(key))
            if found is not None:
                return found
    except RecursionError:
        return Difference("", "a request", "another one, which differs deep within")
    return None


def _differing(path: str, expected: Any, got: Any) -> Difference | None:
    if isinstance(expected, dict) and isinstance(got, dict):
        return _in_objects(path, cast("JsonObject", expected), cast("JsonObject", got))
    if isinstance(expected, list) and isinstance(got, list):
        return _in_lists(path, cast("list[object]", expected), cast("list[object]", got))
    if isinstance(expected, str) and isinstance(got, str):
        return None if expected == got else Difference(path, *_around(expected, got))
    its, mine = cast("tuple[object, object]", (expected, got))
    # 1 and True are equal to Python, and two values in JSON.
    return None if type(its) is type(mine) and its == mine else Difference(path, _shown(its), _shown(mine))


def _in_objects(path: str, expected: JsonObject, got: JsonObject) -> Difference | None:
    for key in (*expected, *(key for key in got if key not in expected)):
        if key not in expected or key not in got:
            return Difference(f"{path}.{key}", _shown(expected.get(key)), _shown(got.get(key)))
        found = _differing(f"{path}.{key}", expected[key], got[key])
        if found is not None:
            return found
    return None


def _in_lists(path: str, expected: list[object], got: list[object]) -> Difference | None:
    for index, (its, mine) in enumerate(zip(expected, got, strict=False)):
        found = _differing(f"{path}[{index}]", its, mine)
        if found is not None:
            return found
    if len(expected) == len(got):
        return None
    index = min(len(expected), len(got))
    longer = expected if len(expected) > len(got) else got
    shown = (_shown(longer[index]), _ABSENT)
    return Difference(f"{path}[{index}]", *(shown if longer is expected else reversed(shown)))


def _around(expected: str, got: str) -> tuple[str, str]:
    place = next((at for at, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), None)
    place = min(len(expected), len(got)) if place is None else place
    start = max(0, place - _SHOWN // 2)
    return _part(expected, start), _part(got, start)


def _part(text: str, start: int) -> str:
    if len(text) <= _SHOWN:
        return _shown(text)
    end = start + _SHOWN
    return f"{'…' if start else ''}{_json(text[start:end])}{'…' if end < len(text) else ''}"


def _shown(value: object) -> str:
    if value is None:
        return _ABSENT
    text = _json(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
