"""Mending what word processors and chat windows make of code.

Only what stands outside of strings and comments is touched: within them a curly quote or a joiner is what somebody meant.
"""

from __future__ import annotations

import re
from typing import Final, Literal

# Zero-width space, joiners, word joiner, byte order marks, soft hyphen, the vowel separator, direction marks.
_NOTHING: Final = "\u200b\u200c\u200d\u2060\ufeff\ufffe\u00ad\u180e\u200e\u200f"
_BLANKS: Final = "\u00a0\u202f\u205f\u3000\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_DOUBLE: Final = "\u201c\u201d\u201e\u201f\uff02"
_SINGLE: Final = "\u2018\u2019\u201a\u201b\uff07"
_WIDE: Final = dict(zip("（）［］｛｝，；：＝＋", "()[]{},;:=+", strict=True))  # noqa: RUF001  (these are what is mended)
_REPLACED: Final = (
    dict.fromkeys(_NOTHING, "")
    | dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_DOUBLE, '"')
    | dict.fromkeys(_SINGLE, "'")
    | _WIDE
)
_SPOILT: Final = f"[{''.join(map(re.escape, _REPLACED))}]"
_ANY_SPOILT: Final = re.compile(_SPOILT)
# A string between curly quotes ends in its line, at a curly quote or, where another string begins after it, at a straight one.
_CURLY: Final = rf'[{_DOUBLE}](?:[^{_DOUBLE}"\n\\]++|\\.)*+(?:[{_DOUBLE}]|"(?=[^{_DOUBLE}\n]*+(?:$|\n|[\u201c\u201e])))'
_CURLY_AROUND: Final = rf"[{_DOUBLE}][^{_DOUBLE}\n]*+[{_DOUBLE}]"
CURLY_STRING: Final = f"(?:{_CURLY}|{_CURLY_AROUND})"
"""A pattern of strings between curly quotes."""
_CURLY_SINGLE: Final = rf"[{_SINGLE}][^{_SINGLE}\n]*+[{_SINGLE}]"

_LISP: Final = re.compile(
    rf'"(?:[^"\\]++|\\.)*+"?|;[^\n]*+|\\.|(?P<curly>{CURLY_STRING})|(?P<spoilt>{_SPOILT})', re.DOTALL
)
_PYTHON: Final = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:""")?|'
    r"'''(?:[^'\\]++|\\.|'(?!''))*+(?:''')?|"
    r'"(?:[^"\\\n]++|\\.)*+"?|'
    r"'(?:[^'\\\n]++|\\.)*+'?|"
    rf"#[^\n]*+|(?P<curly>{CURLY_STRING}|{_CURLY_SINGLE})|(?P<spoilt>{_SPOILT})",
    re.DOTALL,
)


def mended(code: str, language: Literal["lisp", "python"]) -> str:
    """The code with quotes, blanks and brackets as the language has them; code that has none other comes back as it is."""
    if code.isascii() or not _ANY_SPOILT.search(code):
        return code
    return (_LISP if language == "lisp" else _PYTHON).sub(_replacement, code)


def _replacement(found: re.Match[str]) -> str:
    if curly := found["curly"]:
        quote = "'" if curly[0] in _SINGLE else '"'
        return f"{quote}{_escaped(curly[1:-1], quote)}{quote}"
    return _REPLACED[found["spoilt"]] if found["spoilt"] else found[0]


def _escaped(text: str, quote: str) -> str:
    return re.sub(rf"(\\.)|{quote}", lambda found: found[1] or f"\\{quote}", text, flags=re.DOTALL)
