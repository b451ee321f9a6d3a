"""Lines of input, until they are a whole program."""

from __future__ import annotations

import re
from typing import Final

_PARTS: Final = {
    "lisp": re.compile(r"""(?P<quote>")|(?P<skip>;[^\n]*|\\.)|(?P<open>[(\[{])|(?P<close>[)\]}])""", re.DOTALL),
    "python": re.compile(
        r"""(?P<quote>\"{3}|'{3}|"|')|(?P<skip>\#[^\n]*|\\.)|(?P<open>[(\[{])|(?P<close>[)\]}])""", re.DOTALL
    ),
}
_ENDS: Final = {
    quote: re.compile(rf"(?:\\.|(?!{quote})[^\\])*{quote}", re.DOTALL) for quote in ('"', "'", '"""', "'''")
}


class Lines:
    """Collects lines; each is looked at once.

    Brackets are counted outside of strings and comments. A surplus `)` does not keep an input open: the sandbox says where it
    is. In Python an indented block goes on until an empty line, as in Python's own prompt.
    """

    def __init__(self, language: str) -> None:
        self._python = language == "python"
        self._parts = _PARTS["python" if self._python else "lisp"]
        self._lines: list[str] = []
        self._depth = 0
        self._quote = ""
        self._block = False

    @property
    def text(self) -> str:
        """What has been collected."""
        return "".join(self._lines)

    def add(self, line: str) -> bool:
        """Take a line with its end; says whether the input is whole now."""
        self._lines.append(line)
        code = self._scan(line).rstrip()
        if self._depth > 0 or self._quote:
            return False
        if not self._python:
            return True
        if code.endswith("\\"):
            return False
        self._block = self._block or code.endswith(":") or code.startswith("@")
        return not self._block or not line.strip()

    def _scan(self, line: str) -> str:
        """Count the brackets of a line; gives it without strings and comments."""
        code: list[str] = []
        at = self._after_quote(line, 0) if self._quote else 0
        while found := self._parts.search(line, at):
            code.append(line[at : found.start()])
            at = found.end()
            match found.lastgroup:
                case "quote":
                    self._quote = found.group()
                    code.append("_")
                    at = self._after_quote(line, at)
                case "open":
                    self._depth += 1
                case "close":
                    self._depth -= 1
                    code.append(")")
                case _ if found.group().startswith("\\"):
                    code.append("\\")
                case _:
                    pass
        return "".join([*code, line[at:]])

    def _after_quote(self, line: str, at: int) -> int:
        """Where the open string ends; in Python only those in three quotes go on in the next line."""
        ends = _ENDS[self._quote].match(line, at)
        if ends is None:
            if self._python and len(self._quote) == 1:
                self._quote = ""
            return len(line)
        self._quote = ""
        return ends.end()


def is_whole(text: str, language: str) -> bool:
    """Whether a text of one or more lines is a whole program."""
    lines = Lines(language)
    whole = True
    for line in text.splitlines(keepends=True):
        whole = lines.add(line)
    return whole
