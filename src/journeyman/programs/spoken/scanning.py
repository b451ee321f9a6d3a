"""A model's text to prose and fenced blocks, with its thoughts and its tokens left out.

Fences are those of CommonMark (0.31.2, section 4.5), with the slips of models: a fence on the last line of the code, a block that
begins where the one before was not closed, code on the line of the opening fence.
"""

from __future__ import annotations

import re
import textwrap
from typing import Final

import msgspec

_FENCE: Final = re.compile(r"[ \t]*+(?:(?:[-*+]|\d{1,9}[.)])[ \t]++)*+(`{3,}|~{3,})[ \t]*+(.*)", re.DOTALL)
_TAGS: Final = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad"
_THINKS: Final = re.compile(rf"[ \t]*<(?:{_TAGS})>", re.IGNORECASE)
_THOUGHT: Final = re.compile(rf"</(?:{_TAGS})>", re.IGNORECASE)
# `<|im_end|>` and its like, also with DeepSeek's full-width bars.
_TOKEN: Final = re.compile(r"<[|\uff5c][^|\uff5c<>\n]{1,60}[|\uff5c]>")
_LABEL: Final = re.compile(r"[\w.+#-]{1,40}")
_LINES: Final = re.compile(r"\r\n?")


class Block(msgspec.Struct, frozen=True):
    """A fenced block: its label in lower case, what is in it, and all of it as it was written."""

    label: str
    code: str
    raw: str
    closed: bool = True


class Scanned(msgspec.Struct, frozen=True):
    """A text in pieces, in their order.

    `thinking` says that it ended within a thought, `mended` that its lines ended as those of other systems do.
    """

    pieces: tuple[str | Block, ...]
    thinking: bool = False
    mended: bool = False

    @property
    def blocks(self) -> list[Block]:
        """The fenced ones."""
        return [piece for piece in self.pieces if isinstance(piece, Block)]


def scanned(text: str, labels: frozenset[str]) -> Scanned:
    """The pieces of a text; `labels` are those that begin a program, even where a block was left open."""
    scanner = _Scanner(labels)
    plain = _LINES.sub("\n", text)
    for line in plain.split("\n"):
        scanner.line(line)
    return scanner.finished(mended=plain is not text and plain != text)


class _Open(msgspec.Struct):
    """A block that is being read."""

    fence: str
    label: str
    lines: list[str]
    raw: list[str]


class _Scanner:
    def __init__(self, labels: frozenset[str]) -> None:
        self._labels = labels
        self._pieces: list[str | Block] = []
        self._prose: list[str] = []
        self._open: _Open | None = None
        self._thinking = False
        self._thought = False

    def line(self, line: str) -> None:
        if self._thinking:
            self._think(line)
        elif self._open is not None:
            self._within(line, self._open)
        else:
            self._outside(line)

    def finished(self, *, mended: bool) -> Scanned:
        if self._open is not None:
            self._end_at_last(self._open)
        self._end_prose()
        return Scanned(tuple(self._pieces), self._thinking, mended)

    def _think(self, line: str) -> None:
        if end := _THOUGHT.search(line):
            self._thinking = False
            self._outside(line[end.end() :])

    def _outside(self, line: str) -> None:
        at = 0
        if not self._thought and not _THINKS.match(line) and (end := _alone(line)):
            # Templates that open the thought in the prompt leave the model to close it.
            self._forget()
            at = end.end()
        while begin := _THINKS.match(line, at):
            self._thought = True
            if (end := _THOUGHT.search(line, begin.end())) is None:
                self._thinking = True
                return
            at = end.end()
        bare = _TOKEN.sub("", line[at:])
        if not self._begin(bare):
            self._prose.append(bare)

    def _forget(self) -> None:
        self._thought = True
        self._pieces.clear()
        self._prose.clear()
        self._open = None

    def _begin(self, line: str) -> bool:
        found = _FENCE.match(line)
        if found is None:
            return False
        fence, info = found[1], found[2].strip()
        label, rest = _label(info)
        if "`" in info and fence[0] == "`":
            # Code between words in CommonMark; with a known label and the fence at its end it is a block on one line.
            if label not in self._labels or not rest.endswith(fence):
                return False
            self._end_prose()
            self._pieces.append(Block(label, rest.removesuffix(fence).strip(), line))
            return True
        self._end_prose()
        begun = label in self._labels and rest.startswith("(")
        self._open = _Open(fence, label, [rest] if begun else [], [line])
        return True

    def _within(self, line: str, block: _Open) -> None:
        bare = _TOKEN.sub("", line).strip()
        mark, least = block.fence[0], len(block.fence)
        if len(bare) >= least and not bare.strip(mark):
            block.raw.append(line)
            self._close(block)
        elif bare.startswith(mark) and self._begins_again(bare, block):
            self._close(block)
            self._outside(line)
        elif bare.startswith("</") and not self._thought and _THOUGHT.fullmatch(bare):
            self._forget()
        else:
            block.raw.append(line)
            block.lines.append(line if not line.endswith((">", "> ")) else _without_token(line))

    def _begins_again(self, line: str, block: _Open) -> bool:
        found = _FENCE.match(line)
        return found is not None and len(found[1]) == len(block.fence) and found[2].strip().lower() in self._labels

    def _close(self, block: _Open, *, closed: bool = True) -> None:
        lines = block.lines
        first = next((line for line in lines if line.strip()), "")
        code = "\n".join(lines)
        # A block in a list is indented with it.
        code = textwrap.dedent(code) if first[:1] in (" ", "\t") else code
        self._pieces.append(Block(block.label, code, "\n".join(block.raw), closed))
        self._open = None

    def _end_at_last(self, block: _Open) -> None:
        """End a block that nothing closed: a fence may stand at the end of its last line."""
        while block.lines and not block.lines[-1].strip():
            block.lines.pop()
        last = block.lines[-1].rstrip() if block.lines else ""
        if last.endswith(block.fence):
            block.lines[-1] = last.removesuffix(block.fence)
            self._close(block)
        else:
            self._close(block, closed=False)

    def _end_prose(self) -> None:
        if self._prose:
            self._pieces.append("\n".join(self._prose))
            self._prose = []


def _alone(line: str) -> re.Match[str] | None:
    """A closing tag at the beginning or the end of a line: elsewhere a text may speak of one."""
    found = _THOUGHT.search(line) if "</" in line else None
    ends = found is not None and (not line[: found.start()].strip() or not line[found.end() :].strip())
    return found if ends else None


def _label(info: str) -> tuple[str, str]:
    """The first word of what stands behind a fence, also as `{.python}`, and the rest."""
    inner = info.lstrip("{. \t")
    found = _LABEL.match(inner)
    return (found[0].lower(), inner[found.end() :].strip()) if found else ("", info)


def _without_token(line: str) -> str:
    line = line.rstrip()
    while (found := _TOKEN.search(line[-64:])) and line.endswith(found[0]):
        line = line.removesuffix(found[0]).rstrip()
    return line
