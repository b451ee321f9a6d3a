"""Finding a model's answer in what it wrote, and checking it against the output type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from ..data import CallerError, JsonObject
from .adapting import adapt, record
from .coercions import Misfit, check_json, read_json
from .faults import OutputError, fault_lines
from .partial import complete_fields

_WRAP = "result"
_OPENING = re.compile(r"[{\[]")
# Possessive, and content with a string that never ends: a scan of a text that a model made must not go back.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)
_FENCE = "```"
_STEPS = {"{": 1, "[": 1, "}": -1, "]": -1}
_SUBJECT = "the answer"


class Answers:
    """The structured answers of one output type; what is no object stands in one, as `result`."""

    def __init__(self, hint: Any, name: str) -> None:
        adapter, schema = adapt(hint, f"the output type {name}")
        self._adapter = adapter
        self._wrapped = schema.get("type") != "object"
        self._validator = adapter.validator
        if self._wrapped:
            whole, schema = adapt(record(name, {_WRAP: hint}), f"the output type {name}")
            self._validator = whole.validator
        self.schema: JsonObject = schema

    def check(self, text: str) -> Any:
        """The answer in a text; raises `OutputError`."""
        try:
            return self._unwrapped(check_json(self._validate, text, self._own_schema))
        except Misfit as misfit:
            return self._found(text, misfit)

    def check_text(self, text: str) -> Any:
        """An answer in words, against a type such as Annotated[str, Field(max_length=80)]."""
        try:
            return self._adapter.validator.validate_python(text)
        except ValidationError as error:
            lines = fault_lines(cast("Any", error.errors(include_url=False)), text, {})
            raise OutputError(Misfit(lines).message(_SUBJECT)) from None

    def is_object(self, text: str) -> bool:
        """Whether a text is meant as a JSON object and nothing else."""
        text = _without_fence(text).strip()
        if not (text.startswith("{") and text.endswith("}")):
            return False
        try:
            read_json(text)
        except Misfit:
            return False
        return True

    def dump(self, value: Any) -> Any:
        """JSON data of the schema's shape; raises `CallerError` for a value of another type."""
        try:
            # By name and with round_trip, so that aliases for output only and computed fields do not stand in the way
            # back.
            data = self._adapter.dump_python(value, mode="json", by_alias=False, round_trip=True, warnings="error")
        except PydanticSerializationError as error:
            raise CallerError(f"the output cannot be written as JSON: {' '.join(str(error).split())}") from error
        return {_WRAP: data} if self._wrapped else data

    def load(self, dumped: Any) -> Any:
        """The value of what `dump` gave; raises `OutputError`."""
        return self.check(to_json(dumped).decode())

    def partial(self, text: str) -> Any | None:
        """The complete fields of an unfinished answer, which may begin with words or a fence."""
        start = _OPENING.search(text)
        data = complete_fields(text[start.start() :]) if start else None
        return cast("JsonObject", data).get(_WRAP) if self._wrapped and isinstance(data, dict) else data

    def _found(self, text: str, whole: Misfit) -> Any:
        if whole.is_json and (not self._wrapped or _is_wrapper(text)):
            raise OutputError(whole.message(_SUBJECT)) from None
        fits: list[tuple[Any, Any]] = []
        longest, fault = 0, whole
        for piece in [text] if whole.is_json else _pieces(text):
            try:
                data, value = read_json(piece), self._piece(piece)
            except Misfit as misfit:
                # The longest piece is the answer; a shorter one beside it is a footnote such as [1].
                if misfit.is_json and len(piece) > longest:
                    longest, fault = len(piece), misfit
                continue
            if fits and data != fits[0][0]:
                raise OutputError(f"{_SUBJECT}: it holds several JSON values that could be meant; give exactly one")
            fits.append((data, value))
        if fits:
            return fits[0][1]
        if not whole.is_json and not _OPENING.search(text):
            raise OutputError(f"{_SUBJECT}: there is no JSON in it; answer with JSON only") from None
        raise OutputError(fault.message(_SUBJECT)) from None

    def _piece(self, text: str) -> Any:
        try:
            return self._unwrapped(check_json(self._validate, text, self._own_schema))
        except Misfit as misfit:
            if not self._wrapped or _is_wrapper(text):
                raise
            # The value alone, without the object around it that the schema asks for.
            bare = f'{{"{_WRAP}": {text}}}'
            try:
                return self._unwrapped(check_json(self._validate, bare, self._own_schema))
            except Misfit as again:
                raise again from misfit

    def _validate(self, text: str | bytes) -> Any:
        return self._validator.validate_json(text, by_alias=True, by_name=True)

    def _unwrapped(self, value: Any) -> Any:
        return value[_WRAP] if self._wrapped else value

    def _own_schema(self) -> JsonObject:
        return self.schema


def _is_wrapper(text: str) -> bool:
    data = read_json(text)
    return isinstance(data, dict) and _WRAP in data


def _without_fence(text: str) -> str:
    text = text.strip()
    opening, newline, inner = text.partition("\n")
    if newline and opening.startswith(_FENCE) and inner.endswith(_FENCE):
        return inner.removesuffix(_FENCE)
    return text


def _pieces(text: str) -> Iterator[str]:
    """The outermost bracketed pieces of a text, or what a fence around it holds.

    A piece whose end is missing ends the search: what is inside it is a part of an answer, not an answer.
    """
    opening = _OPENING.search(text)
    if not opening:
        yield _without_fence(text)
    while opening:
        end = _end_of(text, opening.start())
        if end is None:
            return
        yield text[opening.start() : end]
        opening = _OPENING.search(text, end)


def _end_of(text: str, start: int) -> int | None:
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += _STEPS.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None
