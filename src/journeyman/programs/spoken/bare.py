"""Lisp that stands between words, without a fence around it.

A line that begins with a parenthesis is a program if what it calls is known, its brackets end with a line, and the reader takes
it. English begins with parentheses too, and many of Lisp's functions are English words; so where there is prose around it, a form
of nothing but plain words is taken for prose, unless it is a call that prose does not make.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest
from typing import Final

import msgspec

from ..lisp.forms import Form, Keyword, ListForm, MapForm, SetForm, Symbol, VectorForm
from ..lisp.reader import MAX_SOURCE, read
from ..outcome import ProgramFault
from .repairing import CURLY_STRING, mended

_BEGIN: Final = re.compile(r"^[ \t]{0,3}+[(（]", re.MULTILINE)  # noqa: RUF001  (brackets of full width are mended)
_HEAD: Final = re.compile(r"[^\s()\[\]{}\"';,`~@^\\]{1,60}+(?=[\s()\[\]{}\"“;:#])")
_PLACED: Final = re.compile(r"(?:tool|data|str|set|walk|clojure\.\w+|json|Math|java\.[\w.]+|[A-Z]\w*)/\S+")
_TOKEN: Final = re.compile(
    rf'"(?:[^"\\]++|\\.)*+"|"|{CURLY_STRING}|;[^\n]*+|\\.|[()\[\]{{}}（）［］｛｝]',  # noqa: RUF001  (likewise)
    re.DOTALL,
)
_STEPS: Final = dict.fromkeys("([{（［｛", 1) | dict.fromkeys(")]}）］｝", -1)  # noqa: RUF001  (likewise)
_REST: Final = re.compile(r"[ \t]*+(?:;[^\n]*+)?(?:\n|$)")
_NEXT: Final = re.compile(r"[ \t]*+[(（]")  # noqa: RUF001  (likewise)
_WORD: Final = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*[.,:!?…]*")  # noqa: RUF001  (an apostrophe)
_CALLS: Final = frozenset({"return", "fail", "println", "prn", "def", "defn"})
_ENDS: Final = (".", ":", "!", "…")
_WASTED: Final = 1_000_000
"""Characters that may be read in vain: what begins like a form and is none is not read for ever."""


class Bare(msgspec.Struct, frozen=True):
    """The forms that were found, the text without them, and what is wrong with those that were not.

    `unclosed` is the line at which a form begins that never ends.
    """

    forms: tuple[str, ...] = ()
    rest: str = ""
    unclosed: str | None = None
    too_long: bool = False


def forms_in(text: str, known: Collection[str] = ()) -> Bare:
    """The forms between words; `known` are names that programs before have defined."""
    if not _BEGIN.search(text):
        return Bare(rest=text)
    whole = text.strip()
    if whole[0] in "(（" and _is_program(whole):  # noqa: RUF001  (likewise)
        return Bare((whole,))
    return _Search(text, known).result()


def _is_program(text: str) -> bool:
    """Whether a text is nothing but calls, known or not."""
    try:
        forms = read(mended(text, "lisp"))
    except ProgramFault:
        return False
    return all(isinstance(form, ListForm) for form in forms) and not all(_words_only(form) for form in forms)


class _Search:
    def __init__(self, text: str, known: Collection[str]) -> None:
        self._text = text
        self._defined = set(known)
        self._wasted = 0
        self._unclosed: str | None = None

    def result(self) -> Bare:
        spans: list[tuple[int, int]] = []
        at = length = 0
        while self._wasted < _WASTED and (begin := _BEGIN.search(self._text, at)):
            at = begin.end()
            end = self._end_of_line_of_forms(begin.end() - 1)
            if end is not None:
                spans.append((begin.start(), end))
                at = end
                length += end - begin.start()
                if length > MAX_SOURCE:
                    return Bare(rest=self._text, too_long=True)
        return self._judged(spans)

    def _judged(self, spans: list[tuple[int, int]]) -> Bare:
        rest = "".join(self._text[end:begin] for end, begin in _between(spans, len(self._text)))
        # Nothing but forms, or a form that only code has, is a program; the others would be words in parentheses.
        surrounded = bool(re.search(r"\w", re.sub(r"(?m)^\s*+;.*+$", "", rest)))
        kept = [span for span in spans if not surrounded or not _is_prose(self._text[slice(*span)])]
        if len(kept) < len(spans):
            rest = "".join(self._text[end:begin] for end, begin in _between(kept, len(self._text)))
        return Bare(tuple(self._groups(kept)), rest, self._unclosed)

    def _groups(self, spans: list[tuple[int, int]]) -> Iterator[str]:
        """The forms between which nothing stands, together."""
        begun: int | None = None
        followers = [begin for begin, _ in spans[1:]]
        for (begin, end), following in zip_longest(spans, followers):
            begun = begin if begun is None else begun
            if following is None or self._text[end:following].strip():
                yield self._text[begun:end].strip()
                begun = None

    def _end_of_line_of_forms(self, start: int) -> int | None:
        """Where a line of forms ends, the first of which begins at `start`; None where there is none."""
        at = start
        while True:
            end = self._end_of_form(at)
            if end is None:
                return None
            if rest := _REST.match(self._text, end):
                return self._read(start, rest.end())
            following = _NEXT.match(self._text, end)
            if following is None:
                self._wasted += end - start
                return None
            at = following.end() - 1

    def _end_of_form(self, at: int) -> int | None:
        head = _HEAD.match(self._text, at + 1)
        if head is None or not (head[0] in self._defined or _known(head[0])):
            return None
        depth = 0
        for token in _TOKEN.finditer(self._text, at, at + MAX_SOURCE):
            if token[0] == '"':
                break  # a string that nothing ends
            depth += _STEPS.get(token[0], 0)
            if depth == 0:
                return token.end()
        self._wasted += min(len(self._text) - at, MAX_SOURCE)
        if self._unclosed is None:
            self._unclosed = self._text[at : at + 60].split("\n", 1)[0]
        return None

    def _read(self, start: int, end: int) -> int | None:
        try:
            forms = read(mended(self._text[start:end], "lisp"))
        except ProgramFault:
            self._wasted += end - start
            return None
        for form in forms:
            match form:
                case ListForm((Symbol(head), Symbol(name), *_)) if head.startswith("def"):
                    self._defined.add(name)
                case _:
                    pass
        return end


def _between(spans: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    ends = [0, *(end for _, end in spans)]
    begins = [*(begin for begin, _ in spans), length]
    return list(zip(ends, begins, strict=True))


@functools.lru_cache(maxsize=1024)
def _known(head: str) -> bool:
    # Here, because the library is read when its names are first asked for, and fenced programs need none of them.
    from ..lisp.naming import HINTS, builtin  # noqa: PLC0415
    from ..lisp.special_forms import TABLES  # noqa: PLC0415

    if _PLACED.fullmatch(head):
        return True
    if any(head in table for table in (TABLES.expressions, TABLES.statements, TABLES.expansions)):
        return True
    return builtin(head) is not None or (head in HINTS and not head.isalpha())


def _is_prose(text: str) -> bool:
    return all(_words_only(form) for form in read(mended(text, "lisp")))


def _words_only(form: Form) -> bool:
    match form:
        case ListForm((Symbol(head), *rest)):
            words = [item.name for item in rest if isinstance(item, Symbol) and _WORD.fullmatch(item.name)]
            if len(words) < len(rest) or not head.isalpha():
                return False
            said = len(words) > 2 or any(word.endswith(_ENDS) for word in words)  # noqa: PLR2004  (def takes two)
            return head not in _CALLS or said
        case ListForm((ListForm() as head, *rest)):
            return _words_only(head) and all(isinstance(item, Symbol) for item in rest)
        case ListForm((Keyword() | MapForm() | SetForm() | VectorForm(), *_)):
            return False
        case _:
            return True  # (1) and ("so") are how prose counts and quotes
