"""Descriptions of parameters, read from docstrings in the Google, NumPy and Sphinx styles."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterator

_HEADINGS = frozenset(
    {"args", "arguments", "params", "parameters", "keyword args", "keyword arguments", "other parameters"}
)
# A type in brackets may itself hold brackets and colons: "f (Callable[[int], str], optional): What to call".
_GOOGLE = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\(.*?\))?\s*:(?:\s+(.*))?$")
_NUMPY = re.compile(r"(\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_SPHINX = re.compile(r"[:@](?:param|parameter|arg|argument|key|keyword)\s+(?:[^:]*\s)?(\*{0,2}\w+)\s*:\s*(.*)$")
_FIELD = re.compile(r"[:@]\w+[^:]*:")
_UNDERLINE = re.compile(r"-{3,}\s*$")


def parameter_descriptions(docstring: str, names: Collection[str]) -> dict[str, str]:
    """What a docstring says about the parameters called `names`; those that it does not mention are left out.

    Lines of a paragraph are joined with a space, paragraphs with a newline. Only the given names count, so that a word
    with a colon inside a description is never taken for a parameter.
    """
    lines = inspect.cleandoc(docstring).splitlines()
    found: dict[str, list[str]] = {}
    for entry_names, body in _entries(lines, names):
        for name in entry_names:
            found.setdefault(name, body)
    return {name: text for name, body in found.items() if (text := _prose(body))}


def _entries(lines: list[str], names: Collection[str]) -> Iterator[tuple[list[str], list[str]]]:
    at = 0
    while at < len(lines):
        line = lines[at]
        underlined = at + 1 < len(lines) and _UNDERLINE.match(lines[at + 1].strip())
        heading = line.strip().removesuffix(":").lower()
        if heading in _HEADINGS and underlined:
            end = _end_of_numpy_section(lines, at + 2)
            yield from _section(lines[at + 2 : end], _NUMPY, names)
            at = end
        elif heading in _HEADINGS and line.rstrip().endswith(":"):
            end = _end_of_block(lines, at + 1, _indent(line))
            yield from _section(lines[at + 1 : end], _GOOGLE, names)
            at = end
        elif match := _SPHINX.match(line.strip()):
            end = _end_of_field(lines, at + 1, _indent(line))
            yield _known(match[1], names), [match[2], *lines[at + 1 : end]]
            at = end
        else:
            at += 1


def _section(
    lines: list[str], pattern: re.Pattern[str], names: Collection[str]
) -> Iterator[tuple[list[str], list[str]]]:
    level = min((_indent(line) for line in lines if line.strip()), default=0)
    current: list[str] = []
    body: list[str] = []
    for line in lines:
        match = pattern.match(line.strip()) if line.strip() and _indent(line) == level else None
        known = _known(match[1], names) if match else []
        if match and known:
            yield current, body
            current, body = known, [match[2] or "" if pattern is _GOOGLE else ""]
        elif line.strip() and _indent(line) == level:
            # An entry about something that is no parameter of ours: what follows it is not about the one before.
            yield current, body
            current, body = [], []
        else:
            body.append(line)
    yield current, body


def _known(text: str, names: Collection[str]) -> list[str]:
    found = (name.strip().lstrip("*") for name in text.split(","))
    return [name for name in found if name in names]


def _end_of_numpy_section(lines: list[str], start: int) -> int:
    for at in range(start, len(lines) - 1):
        if lines[at].strip() and _UNDERLINE.match(lines[at + 1].strip()):
            return at
    return len(lines)


def _end_of_block(lines: list[str], start: int, level: int) -> int:
    for at in range(start, len(lines)):
        if lines[at].strip() and _indent(lines[at]) <= level:
            return at
    return len(lines)


def _end_of_field(lines: list[str], start: int, level: int) -> int:
    for at in range(start, len(lines)):
        line = lines[at].strip()
        if _FIELD.match(line) or not line or _indent(lines[at]) < level:
            return at
    return len(lines)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _prose(lines: list[str]) -> str:
    paragraphs = "\n".join(line.strip() for line in lines).strip().split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())
