"""Text to forms.

Follows Clojure's reader (clojure.org, "The Reader") as far as the language's specification goes. What Clojure reads and this
language leaves out is refused with the reason `unsupported`, so that whoever wrote it learns that it is not a slip of the pen.
"""

from __future__ import annotations

import math
import re
from typing import Final

from ..outcome import ProgramError, ProgramFault, Reason
from .forms import (
    Form,
    Keyword,
    ListForm,
    Literal,
    MapForm,
    Regex,
    SetForm,
    Symbol,
    VectorForm,
    fault_at,
    identity,
    special,
)

MAX_SOURCE: Final = 200_000
"""Characters of a program; a model's longest is some thousands."""
MAX_DEPTH: Final = 80
"""Forms within forms. Each costs the compiler a few frames of its own stack, and Python's default is 1,000."""

# A no-break space and a byte order mark come out of chat windows, and are meant as nothing.
_LONE = re.compile("[\ud800-\udfff]")
_BLANK = re.compile(r"(?:[\s,\ufeff\u200b]+|;[^\n]*|#![^\n]*)+")
_ATOM = re.compile(r"[^\s,\ufeff\u200b;\"()\[\]{}\\^`~@]+")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_CHARACTER = re.compile(r"\\(u[0-9a-fA-F]{4}|o[0-3]?[0-7]{1,2}|[a-z]{2,}|.)", re.DOTALL)
_INTEGER = re.compile(r"[+-]?(?:0|[1-9]\d*)N?")
_HEX = re.compile(r"[+-]?0[xX][0-9a-fA-F]+")
_FLOAT = re.compile(r"[+-]?\d+(?:\.\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)")
_NUMBERLIKE = re.compile(r"[+-]?\d")
_PLACEHOLDER = re.compile(r"%(?:[1-9]\d?|&)?")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_KEYWORD = re.compile(r"[\w+*<>=?!-]+")

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
_CHARACTERS = {
    "newline": "\n",
    "space": " ",
    "tab": "\t",
    "return": "\r",
    "backspace": "\b",
    "formfeed": "\f",
}
_CONSTANTS = {"nil": None, "true": True, "false": False}
_SYMBOLIC = {"##Inf": math.inf, "##-Inf": -math.inf, "##NaN": math.nan}
_CLOSERS = {"(": ")", "[": "]", "{": "}", "#{": "}", "#(": ")"}
_QUOTES = {"'": "quote", "#'": "var"}
_LEFT_OUT = {
    "`": "syntax quote: there are no macros",
    "~": "unquote: there are no macros",
    "@": "deref: there are no atoms, refs or futures; bind values with let, loop or reduce",
}


def read(source: str) -> tuple[Form, ...]:
    """Read a whole program; raises `ProgramFault` with the place where it is none."""
    if len(source) > MAX_SOURCE:
        raise ProgramFault(
            ProgramError("size_exceeded", f"a program may have {MAX_SOURCE} characters, this one has {len(source)}")
        )
    if not source.isascii() and (lone := _LONE.search(source)):
        line = source.count("\n", 0, lone.start()) + 1
        column = lone.start() - source.rfind("\n", 0, lone.start())
        raise ProgramFault(
            ProgramError("parse_error", "half of a character stands here: no UTF-8 has it", line, column)
        )
    return _Reader(source).program()


class _Open:
    """A collection that is being read: which bracket opened it, where, and what is in it so far."""

    __slots__ = ("bracket", "column", "items", "line", "prefixes")

    def __init__(self, bracket: str, line: int, column: int) -> None:
        self.bracket = bracket
        self.line = line
        self.column = column
        self.items: list[Form] = []
        self.prefixes: list[tuple[str, int, int]] = []


class _Reader:
    """A reader with a stack of its own: depth is bounded by a number and not by Python's recursion."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.line = 1
        self.line_start = 0
        self.stack = [_Open("", 1, 1)]
        self.placeholders: set[str] | None = None

    def program(self) -> tuple[Form, ...]:
        while self._skip_blank():
            self._step()
        innermost = self.stack[-1]
        if len(self.stack) > 1:
            closer = _CLOSERS[innermost.bracket]
            message = f"the {innermost.bracket} here is never closed: a {closer} is missing"
            raise ProgramFault(ProgramError("parse_error", message, innermost.line, innermost.column))
        if innermost.prefixes:
            prefix, line, column = innermost.prefixes[-1]
            raise ProgramFault(ProgramError("parse_error", f"nothing follows the {prefix} here", line, column))
        return tuple(innermost.items)

    def _fault(self, message: str, reason: Reason = "parse_error") -> ProgramFault:
        return ProgramFault(ProgramError(reason, message, self.line, self._column()))

    def _column(self) -> int:
        return self.at - self.line_start + 1

    def _advance(self, end: int) -> None:
        newlines = self.source.count("\n", self.at, end)
        if newlines:
            self.line += newlines
            self.line_start = self.source.rfind("\n", self.at, end) + 1
        self.at = end

    def _skip_blank(self) -> bool:
        if blank := _BLANK.match(self.source, self.at):
            self._advance(blank.end())
        return self.at < len(self.source)

    def _step(self) -> None:
        """Read one token: a bracket, a prefix, or a whole form without brackets."""
        one = self.source[self.at]
        two = self.source[self.at : self.at + 2]
        if one in "([{" or two in ("#{", "#("):
            self._open(one if one in "([{" else two)
        elif one in ")]}":
            self._close(one)
        elif one in "'^" or two in ("#'", "#_", "#^"):
            prefix = one if one in "'^" else two
            self.stack[-1].prefixes.append((prefix, self.line, self._column()))
            self._advance(self.at + len(prefix))
        elif one in _LEFT_OUT:
            raise self._fault(_LEFT_OUT[one], "unsupported")
        else:
            self._add(self._atom(one, two))

    def _open(self, bracket: str) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise self._fault(
                f"forms are nested deeper than {MAX_DEPTH}: give parts of it names with let or defn", "depth_exceeded"
            )
        if bracket == "#(":
            if self.placeholders is not None:
                raise self._fault("#( ) within #( ): write the inner one as (fn [x] …)")
            self.placeholders = set()
        self.stack.append(_Open(bracket, self.line, self._column()))
        self._advance(self.at + len(bracket))

    def _close(self, closer: str) -> None:
        innermost = self.stack[-1]
        if len(self.stack) == 1:
            raise self._fault(f"this {closer} closes nothing: one too many")
        if _CLOSERS[innermost.bracket] != closer:
            opened = f"the {innermost.bracket} of line {innermost.line}, column {innermost.column}"
            raise self._fault(f"this {closer} does not fit {opened}, which needs a {_CLOSERS[innermost.bracket]} first")
        if innermost.prefixes:
            raise self._fault(f"nothing follows the {innermost.prefixes[-1][0]} before this {closer}")
        self.stack.pop()
        self._advance(self.at + 1)
        self._add(self._collection(innermost))

    def _collection(self, done: _Open) -> Form:
        items, line, column = tuple(done.items), done.line, done.column
        if done.bracket == "(":
            return ListForm(items, line, column)
        if done.bracket == "[":
            return VectorForm(items, line, column)
        if done.bracket == "{":
            form = MapForm(items, line, column)
            if len(items) % 2:
                raise fault_at(
                    form, "parse_error", f"a map needs keys and values in pairs; this one has {len(items)} forms"
                )
            _refuse_doubles(items[::2], "key", "map")
            return form
        if done.bracket == "#{":
            _refuse_doubles(items, "element", "set")
            return SetForm(items, line, column)
        return self._short_function(ListForm(items, line, column))

    def _short_function(self, body: ListForm) -> Form:
        used, self.placeholders = self.placeholders or set(), None
        highest = max((int(name[1:]) for name in used if name != "%&"), default=0)
        names = [f"%{number}" for number in range(1, highest + 1)]
        if "%&" in used:
            names += ["&", "%&"]
        params = VectorForm(tuple(Symbol(name, body.line, body.column) for name in names), body.line, body.column)
        only = body.items[0] if len(body.items) == 1 else None
        # `#(42)` gives 42, as the specification has it: a value that nothing could call is what was meant.
        inner = body if only is None or isinstance(only, Symbol | ListForm) else only
        return ListForm((special("fn", body), params, inner), body.line, body.column)

    def _add(self, form: Form) -> None:
        """Put a form where it belongs, after the prefixes that stand before it have had their say."""
        top = self.stack[-1]
        while top.prefixes:
            prefix, line, column = top.prefixes.pop()
            if prefix == "#_":
                return
            if prefix in ("^", "#^"):
                # Metadata means nothing here: the form that follows it is the one that counts.
                return
            form = ListForm((special(_QUOTES[prefix], form), form), line, column)
        top.items.append(form)

    def _atom(self, one: str, two: str) -> Form:
        line, column = self.line, self._column()
        if one == '"' or two == '#"':
            return self._string(line, column, regex=one == "#")
        if one == "\\":
            return self._character(line, column)
        match = _ATOM.match(self.source, self.at)
        if match is None:  # pragma: no cover - every other character has been dealt with
            raise self._fault(f"{one!r} has no meaning here")
        text = match.group()
        form = self._from_text(text, line, column)
        self._advance(match.end())
        return form

    def _from_text(self, text: str, line: int, column: int) -> Form:
        if text in _CONSTANTS:
            return Literal(_CONSTANTS[text], line, column)
        if text[0] == ":":
            return self._keyword(text, line, column)
        if _NUMBERLIKE.match(text):
            return self._number(text, line, column)
        if text[0] == "#":
            if text in _SYMBOLIC:
                return Literal(_SYMBOLIC[text], line, column)
            raise self._fault(f"{text} is no tag of this language", "unsupported")
        if text[0] == "%":
            return self._placeholder(text, line, column)
        return Symbol(text, line, column)

    def _placeholder(self, text: str, line: int, column: int) -> Form:
        if self.placeholders is None or not _PLACEHOLDER.fullmatch(text):
            raise self._fault(f"{text} has a meaning only within #( )")
        name = "%1" if text == "%" else text
        self.placeholders.add(name)
        return Symbol(name, line, column)

    def _keyword(self, text: str, line: int, column: int) -> Form:
        name = text[1:]
        if not _KEYWORD.fullmatch(name):
            why = "a keyword is letters, digits and + - * < > = ? ! _"
            why = "keywords have no namespaces" if "/" in name or name[:1] == ":" else why
            raise self._fault(f"{text}: {why} in this language")
        return Keyword(name, line, column)

    def _number(self, text: str, line: int, column: int) -> Form:
        if len(text) > 4000:  # noqa: PLR2004  (the numbers of the notation)
            raise self._fault("a number may have 4000 digits", "size_exceeded")
        if _INTEGER.fullmatch(text):
            return Literal(int(text.rstrip("N")), line, column)
        if _FLOAT.fullmatch(text):
            return Literal(float(text), line, column)
        if _HEX.fullmatch(text):
            return Literal(int(text, 16), line, column)
        hint = "; there are no ratios: divide with (/ a b)" if "/" in text else ""
        hint = "; there are no decimals of their own: write a float" if text.endswith("M") else hint
        raise self._fault(f"{text} is no number of this language{hint}")

    def _string(self, line: int, column: int, *, regex: bool) -> Form:
        match = _STRING.match(self.source, self.at + regex)
        if match is None:
            raise self._fault("the string that begins here is never closed")
        text = match.group(1)
        form: Form = (
            Regex(text.replace('\\"', '"'), line, column) if regex else Literal(self._unescape(text), line, column)
        )
        self._advance(match.end())
        return form

    def _unescape(self, text: str) -> str:
        def replacement(match: re.Match[str]) -> str:
            name = match.group(1)
            if len(name) == 5:  # noqa: PLR2004  (the numbers of the notation)
                code = int(name[1:], 16)
                if 0xD800 <= code < 0xE000:  # noqa: PLR2004  (the numbers of the notation)
                    raise self._fault(f"\\{name} is half a character: write the character itself")
                return chr(code)
            # What is no escape stands for itself, backslash and all, so that "\\d+" is what its writer meant.
            return _ESCAPES.get(name, match.group())

        return _ESCAPE.sub(replacement, text) if "\\" in text else text

    def _character(self, line: int, column: int) -> Form:
        match = _CHARACTER.match(self.source, self.at)
        if match is None:
            raise self._fault("a character is missing after this \\")
        name = match.group(1)
        if len(name) == 1:
            value = name
        elif name in _CHARACTERS:
            value = _CHARACTERS[name]
        elif name[0] == "u" and len(name) == 5:  # noqa: PLR2004  (the numbers of the notation)
            value = chr(int(name[1:], 16))
        elif name[0] == "o" and name[1:].isdigit():
            value = chr(int(name[1:], 8))
        else:
            raise self._fault(f"\\{name} is no character: known names are {', '.join(_CHARACTERS)}")
        if "\ud800" <= value < "\ue000":
            raise self._fault(f"\\{name} is half a character: write the character itself")
        self._advance(match.end())
        return Literal(value, line, column)


def _refuse_doubles(keys: tuple[Form, ...], noun: str, where: str) -> None:
    """Refuse the same literal key twice, as Clojure's reader does: one of the two is a slip, and nobody knows which."""
    seen: set[object] = set()
    for key in keys:
        known = identity(key)
        if known is not None and known in seen:
            raise fault_at(key, "parse_error", f"this {noun} stands twice in the {where}")
        seen.add(known)
