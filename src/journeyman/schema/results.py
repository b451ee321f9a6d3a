"""How a tool's return value is shown to a model."""

from __future__ import annotations

from typing import Any, cast

import msgspec
from pydantic_core import PydanticSerializationError, to_json

from ..data import CallerError


def result_text(value: Any) -> str:
    """A value as the words that a model reads: a string as it is, anything else as compact JSON.

    None is `null`, as it would be inside a list: an empty text reads like a failure to many models and is refused by some
    providers, and a word such as "done" would claim more than the tool did. What JSON has no form for appears as its
    type in angle brackets, without its address or contents, so that the same run always shows the same words.
    Raises `CallerError` for bytes and for what cannot be written at all (a structure that contains itself).
    """
    match value:
        case str():
            return _sendable(str.__str__(value))  # the value of a string enum, not its name
        case bytes() | bytearray() | memoryview():
            kind = _type_name(cast("object", value))
            raise CallerError(
                f"a tool returned {kind}, which a model cannot read; "
                "return text (decode it), or an Image, Audio, Video or Document with a media type"
            )
        case _:
            pass
    try:
        return to_json(value, fallback=_plain).decode()
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        raise CallerError(f"a tool returned a {_type_name(value)} that cannot be written as JSON: {error}") from error


def _sendable(text: str) -> str:
    # File names that are no UTF-8 come out of the standard library with lone surrogates, which no wire can carry; they
    # are written as escapes, so that they can be seen.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return f"<{_type_name(value)}>"


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
