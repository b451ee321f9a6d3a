"""Text to signatures.

The notation is PTC-Lisp's (its documentation, "Signature Syntax"), a little wider: commas are blanks, as in Clojure, any type may
be optional, and there are `:list` and `:datetime`. The text may come from anywhere: it is bounded in size and depth.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

import msgspec

from ...data import CallerError
from .shapes import NAME, SCALARS, Field, FieldType, ListOf, Maybe, Record, Scalar

MAX_TEXT: Final = 10_000
MAX_DEPTH: Final = 32
_TOKEN: Final = re.compile(rf"[\s,]+|->|:[A-Za-z0-9_-]*|{NAME.pattern}|.", re.DOTALL)
_BLANK: Final = re.compile(r"[\s,]")
_NEAR: Final = 20
_SCALARS: Final = {f":{name}": Scalar(name) for name in SCALARS}

_MEANT: Final = {
    "str": "string",
    "text": "string",
    "uuid": "string",
    "integer": "int",
    "long": "int",
    "number": "float",
    "double": "float",
    "decimal": "float",
    "boolean": "bool",
    "symbol": "keyword",
    "atom": "keyword",
    "enum": "keyword",
    "date": "datetime",
    "time": "datetime",
    "timestamp": "datetime",
    "instant": "datetime",
    "dict": "map",
    "object": "map",
    "json": "map",
    "array": "list",
    "vector": "list",
    "set": "list",
    "seq": "list",
    "nil": "any",
    "null": "any",
    "none": "any",
}


def parse(text: str) -> tuple[tuple[Field, ...], FieldType]:
    """Inputs and output of a signature; raises `CallerError` with the place of what is wrong."""
    if len(text) > MAX_TEXT:
        raise CallerError(f"a signature may have {MAX_TEXT:,} characters, and this one has {len(text):,}")
    return _Parser(text).signature()


class _Token(msgspec.Struct, frozen=True, gc=False):
    text: str
    at: int


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [
            _Token(found[0], found.start()) for found in _TOKEN.finditer(text) if not _BLANK.match(found[0])
        ]
        self._next = 0

    def signature(self) -> tuple[tuple[Field, ...], FieldType]:
        inputs: tuple[Field, ...] = ()
        if self._sees("("):
            self._take()
            inputs = self._fields(")", 0)
            if not self._sees("->"):
                self._refuse("-> and the type of the output are missing after the inputs; write -> :any for any output")
        if self._sees("->"):
            self._take()
        output = self._type(0)
        if self._next < len(self._tokens):
            self._refuse("the signature should end here")
        return inputs, output

    def _fields(self, closer: str, depth: int) -> tuple[Field, ...]:
        fields: dict[str, Field] = {}
        while not self._sees(closer):
            token = self._peek(f"a field or {closer}")
            if not NAME.fullmatch(token.text):
                self._refuse(_not_a_name(token.text, closer))
            if token.text in fields:
                self._refuse(f"there is a field {token.text} already")
            self._take()
            fields[token.text] = Field(token.text, self._type(depth, of=token.text))
        self._take()
        return tuple(fields.values())

    def _type(self, depth: int, of: str = "") -> FieldType:
        if depth > MAX_DEPTH:
            self._refuse(f"types are nested deeper than {MAX_DEPTH}; write :map for what is further in")
        token = self._peek(f"the type of {of}" if of else "a type")
        inner = self._inner(token, depth, of)
        if not self._sees("?"):
            return inner
        self._take()
        if self._sees("?"):
            self._refuse("one ? is enough")
        return Maybe(inner)

    def _inner(self, token: _Token, depth: int, of: str) -> Scalar | ListOf | Record:
        if token.text == "[":
            self._take()
            if self._sees("]"):
                self._refuse("a list needs the type of its items; write [:any] for a list of anything")
            item = self._type(depth + 1)
            if not self._sees("]"):
                self._refuse("a list has one type of items, and ] after it")
            self._take()
            return ListOf(item)
        if token.text == "{":
            self._take()
            return Record(self._fields("}", depth + 1))
        known = _SCALARS.get(token.text)
        if known is None:
            self._refuse(_no_type(token.text, of))
        self._take()
        return known

    def _sees(self, text: str) -> bool:
        return self._next < len(self._tokens) and self._tokens[self._next].text == text

    def _peek(self, wanted: str) -> _Token:
        if self._next == len(self._tokens):
            self._refuse(f"{wanted} is missing")
        return self._tokens[self._next]

    def _take(self) -> None:
        self._next += 1

    def _refuse(self, message: str) -> NoReturn:
        at = self._tokens[self._next].at if self._next < len(self._tokens) else len(self._text)
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        rest = self._text[at : at + _NEAR].split("\n", 1)[0]
        near = f" (at {rest!r})" if rest else " (at the end)"
        raise CallerError(f"the signature cannot be read: line {line}, column {column}: {message}{near}")


def _not_a_name(text: str, closer: str) -> str:
    if text.startswith(":") and len(text) > 1:
        return f"names of fields stand without a colon: write {text[1:]} :type"
    return f"a field is a name and a type, as in id :int; or {closer} is missing"


def _no_type(text: str, of: str) -> str:
    name = text.removeprefix(":")
    if not text.startswith(":"):
        if NAME.fullmatch(text) and (name in SCALARS or name.lower() in _MEANT):
            return f"types begin with a colon: write :{_meant(name)}"
        return f"the type of {of} is missing" if of else "a type is missing: one of " + _known()
    if not name:
        return "a name and its type have no colon between them: write name :type" if of else "a type follows the colon"
    meant = _meant(name)
    return f"there is no type {text}; " + (f"did you mean :{meant}?" if meant else f"the types are {_known()}")


def _meant(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  (slow to import, and wanted for errors alone)

    lower = name.lower()[:_NEAR]
    return _MEANT.get(lower) or next(iter(get_close_matches(lower, SCALARS, n=1)), "")


def _known() -> str:
    return f"{', '.join(f':{name}' for name in SCALARS)}, [type], {{name type}}"
