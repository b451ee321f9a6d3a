"""Values that are not what a signature says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ...data import CallerError, JourneymanError, ModelError

MAX_FAULTS: Final = 20
"""So many faults are told at once; the rest is mentioned."""
MAX_SHOWN: Final = 60
"""So many characters of a wrong value are quoted."""


class SignatureMismatch(JourneymanError):
    """Values are not what a signature says; `faults` has a line for each place, its path first.

    It is raised as one of two: `InputMismatch`, which the caller can mend, and `OutputMismatch`, which the model can.
    """

    subject = "the values"

    def __init__(self, faults: tuple[str, ...]) -> None:
        shown = f": {faults[0]}" if len(faults) == 1 else ":" + "".join(f"\n- {fault}" for fault in faults)
        super().__init__(f"{self.subject} do not fit the signature{shown}")
        self.faults = faults

    def __reduce__(self) -> tuple[Callable[..., SignatureMismatch], tuple[object, ...], dict[str, object]]:
        # Pools of processes hand errors over pickled, and by default they would be made again from the message.
        return type(self), (self.faults,), self.__dict__


class InputMismatch(SignatureMismatch, CallerError):
    """Inputs are not what a signature asks for."""

    subject = "the inputs"


class OutputMismatch(SignatureMismatch, ModelError):
    """A program's value is not what its signature promises; the faults tell the model how to mend it."""

    subject = "the returned values"


def kind_of(value: Any, *, secret: bool = False) -> str:  # noqa: PLR0911  (a line for each kind)
    """A value in a few words, for an error: its type, and as much of it as helps; of a secret one only the type."""
    match value:
        case None:
            return "nil"
        case bool():
            return f"bool {'true' if value else 'false'}" if not secret else "bool"
        case str():
            return "string" if secret else f"string {_quoted(value)}"
        case int() | float():
            # The text of a very long int costs time that grows with the square of its length.
            large = isinstance(value, int) and value.bit_length() > MAX_SHOWN
            return type(value).__name__ if secret or large else f"{type(value).__name__} {value}"
        case list() | tuple():
            return f"list of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
        case set() | frozenset():
            return f"set of {len(value)}"  # pyright: ignore[reportUnknownArgumentType]
        case dict():
            return f"map with {_keys(value)}"  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return type(value).__name__[:MAX_SHOWN]


def _quoted(text: str) -> str:
    cut = text[:MAX_SHOWN].replace("\n", "\\n").replace("\r", "\\r")
    return f'"{cut}"' if len(text) <= MAX_SHOWN else f'"{cut}…" ({len(text):,} characters)'


def _keys(value: dict[Any, Any]) -> str:
    if not value:
        return "nothing in it"
    names = [str(key)[:MAX_SHOWN] for key, _ in zip(value, range(4), strict=False) if isinstance(key, str)]
    text = ", ".join(names)[:MAX_SHOWN].replace("\n", "\\n")
    return text if len(names) == len(value) and text else f"{text} … ({len(value)} keys)".lstrip()
