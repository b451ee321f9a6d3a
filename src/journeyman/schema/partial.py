"""Reading JSON that is still being written."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

_NUMBER = "0123456789.eE+-"


def complete_fields(json_text: str) -> Any | None:
    """The values of an unfinished JSON text that are complete so far, or None where there is nothing to show.

    A string or a number at the end is not shown before something follows it: `{"price": 12` may become 1250. Objects and
    lists are shown with the members that are complete. Text that is not the beginning of any JSON gives None. The whole
    text is read each time, so calling it for each of n deltas costs n squared; the caller decides how often it looks.
    """
    # The reader under this drops an unfinished string by itself, but shows an unfinished number. Cutting the characters
    # of a number off the end is right inside a string, too, since that string is unfinished and not shown anyway.
    head = json_text.rstrip(_NUMBER)
    tail = json_text[len(head) :]
    ends_in_number = any(character.isdigit() or character == "-" for character in tail)
    try:
        return from_json(head if ends_in_number else json_text, allow_partial=True, allow_inf_nan=False)
    except ValueError:
        return None
