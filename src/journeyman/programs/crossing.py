"""What may cross between host and sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, cast

import msgspec

from ..data import CallerError
from .outcome import KEPT_OUTPUT


def as_json_has_it(value: Any) -> Any:
    """A value as it would come back from JSON: what a program gets is what a journal can repeat.

    Raises `ValueError`, with words for whoever gave the value, where JSON has no form for it.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"a {type(value).__name__} cannot cross into a program: {error}") from error


def data_as_json(data: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """A caller's mapping in that form; raises `CallerError`."""
    if not data:
        return {}
    try:
        plain = as_json_has_it(data)
    except ValueError as error:
        raise CallerError(f"{what}: {error}; give what JSON has a form for") from error
    if not isinstance(plain, dict):
        raise CallerError(f"{what} is a mapping of names to values, not a {type(data).__name__}")
    return cast("dict[str, Any]", plain)


class Output:
    """What a program prints: the newest of it, within a bound."""

    def __init__(self, text: str = "") -> None:
        self._pieces = [text]
        self._held = len(text)

    def add(self, text: str) -> None:
        """Take more; called from whichever thread the program runs in."""
        self._pieces.append(text)
        self._held += len(text)
        if self._held > 2 * KEPT_OUTPUT:  # not at every piece, which would copy the whole each time
            self._pieces = [self.text]
            self._held = len(self._pieces[0])

    @property
    def text(self) -> str:
        """All that is kept."""
        return "".join(self._pieces)[-KEPT_OUTPUT:]


def shortened(text: str, limit: int) -> str:
    """The newest `limit` bytes of a text, with a mark that says what is missing and where it is."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= limit:
        return text
    newest = whole[len(whole) - limit :].decode("utf-8", "ignore")
    return f"[… {len(text) - len(newest):,} characters before this are left out: output_bytes={limit:,}]\n{newest}"


_SHOWN_KEYS = 12
_SHOWN_KEY = 40
_SHOWN_DEPTH = 3


def kind_of(value: object, depth: int = 0) -> str:
    """What a value is, in a few words for a model: its type, its length, its keys; few however much there is of it."""
    match value:
        case list() if value and depth < _SHOWN_DEPTH:
            first = value[0]  # pyright: ignore[reportUnknownVariableType]
            return f"list of {len(value)} ({kind_of(first, depth + 1)})"  # pyright: ignore[reportUnknownArgumentType]
        case dict() if value:
            first = islice(cast("dict[str, Any]", value), _SHOWN_KEYS)
            more = ", …" if len(value) > _SHOWN_KEYS else ""  # pyright: ignore[reportUnknownArgumentType]
            return f"dict with {', '.join(map(quoted, first))}{more}"
        case _:
            return type(value).__name__


def quoted(name: str) -> str:
    """A name that may be anybody's, as a string literal of bounded length."""
    return repr(name if len(name) <= _SHOWN_KEY else f"{name[:_SHOWN_KEY]}…")
