"""What an agent's output type comes to: the schema for the model, and the way back from its JSON to the user's type."""

from __future__ import annotations

import re
import types
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Union, cast, get_args, get_origin

from ..data import JsonObject

if TYPE_CHECKING:
    from .answers import Answers

_DEFAULT_NAME = "final_result"


@dataclass(frozen=True, eq=False)
class OutputSchema:
    """What an agent's output type comes to.

    `name` is the type's name, or `final_result` where it has none that means anything to a model. `allows_text` says
    that an answer in words will do (the type is `str`, or a union with it in it). The types are read at the first use of
    anything else, which raises `CallerError` for a type that JSON cannot carry.
    """

    name: str
    allows_text: bool
    _structured: Any = None
    _text: Any = None

    @cached_property
    def schema(self) -> JsonObject | None:
        """The JSON Schema of an object (what is none stands in it as `result`), or None where only words will do."""
        return self._answers.schema if self._answers else None

    def check(self, json_text: str) -> Any:
        """A model's answer as a value of the output type; raises `OutputError`.

        JSON may stand in a code fence or between words; it has to be the only JSON value there that fits. Where words
        will do, an answer that is not as a whole a JSON object is taken as words, unchanged.
        """
        if self._answers is None or (self.allows_text and not self._answers.is_object(json_text)):
            return json_text if self._text is str else self._texts.check_text(json_text)
        return self._answers.check(json_text)

    def dump(self, value: Any) -> Any:
        """The value as JSON data that `schema` describes, or the string itself where it is one and words will do.

        Raises `CallerError` for a value that is not of the output type. Fields go by their Python names.
        """
        if self.allows_text and type(value) is str:
            return value
        return (self._answers or self._texts).dump(value)

    def load(self, dumped: Any) -> Any:
        """The value that `dump` was given; raises `OutputError` if the type has changed since and takes it no more."""
        if self.allows_text and isinstance(dumped, str):
            return dumped
        return (self._answers or self._texts).load(dumped)

    def partial(self, json_text: str) -> Any | None:
        """What an unfinished answer holds so far, as plain data (see `complete_fields`); words as they are."""
        if self._answers is None or (self.allows_text and not json_text.lstrip().startswith(("{", "```"))):
            return json_text
        return self._answers.partial(json_text)

    @cached_property
    def _answers(self) -> Answers | None:
        return None if self._structured is None else self._made(self._structured)

    @cached_property
    def _texts(self) -> Answers:
        return self._made(self._text)

    def _made(self, hint: Any) -> Answers:
        # Here, because this imports pydantic, which an agent that answers in words need not wait for.
        from .answers import Answers  # noqa: PLC0415

        return Answers(hint, self.name)


def output_schema(output_type: Any) -> OutputSchema:
    """What an output type comes to: `str`, a model, dataclass, TypedDict, Literal, enum, number, container or union."""
    members = _members(output_type)
    text = [member for member in members if _is_text_type(member)]
    structured = [member for member in members if member not in text]
    if not structured:
        return OutputSchema("text", allows_text=True, _text=text[0])
    whole = cast("Any", Union)[tuple(structured)] if text else output_type
    return OutputSchema(
        _name(structured[0]) if len(structured) == 1 else _DEFAULT_NAME,
        allows_text=bool(text),
        _structured=type(None) if whole is None else whole,
        _text=text[0] if text else None,
    )


def _members(hint: Any) -> list[Any]:
    inner: Any = hint
    if get_origin(hint) is Annotated and _is_union(get_args(hint)[0]):
        inner = get_args(hint)[0]
    while type(inner).__name__ == "TypeAliasType" and get_origin(inner) is None:
        inner = inner.__value__  # `type Answer = Forecast | str`, of Python 3.12
    if not _is_union(inner):
        return [hint if inner is None or get_origin(hint) is Annotated else inner]
    return [below for member in get_args(inner) for below in _members(member)]


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in {Union, types.UnionType}


def _is_text_type(hint: Any) -> bool:
    return hint is str or (get_origin(hint) is Annotated and get_args(hint)[0] is str)


def _name(hint: Any) -> str:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if not isinstance(hint, type) or hint.__module__ in {"builtins", "types"} or isinstance(hint, types.GenericAlias):
        return _DEFAULT_NAME
    # Providers take letters, digits, _ and -, at most 64; a generic model is called Page[int].
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", hint.__name__).strip("_")[:64] or _DEFAULT_NAME
