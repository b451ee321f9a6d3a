"""Where a command's words go: people's to the terminal, machines' as JSON to standard output, diagnostics to standard error."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ....data import Usage
from ..flags import Shown
from .clean import clean

Piece = str | tuple[str, str]
"""Words, or words and their style."""

_WIDE = 100_000

_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode
# JSON leaves these as they are, and some terminals act on them; inside a string the escape means the same.
_ACTED_ON = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # rich would end the process with 1, and unfinished runs with it; `main` knows better.
        raise BrokenPipeError


class Screen:
    """What one command writes to. Everything is cleaned on the way."""

    def __init__(self, shown: Shown) -> None:
        self.json = shown.json
        self.debug = shown.debug
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)
        # Where standard output is not read by a person, it holds nothing but what was asked for.
        self.notes = self.out if self.out.is_terminal and not self.json else self.err

    @property
    def live(self) -> bool:
        """Whether somebody watches standard output."""
        return self.notes is self.out

    def narrate(self) -> None:
        """From now on everything goes to standard output, because it is one story."""
        self.notes = self.out

    def line(self, *pieces: Piece) -> None:
        """A line of what was asked for."""
        self.out.print(_text(pieces), soft_wrap=True)

    def note(self, *pieces: Piece) -> None:
        """A line about it; machines are spared it."""
        if not self.json:
            self.notes.print(_text(pieces), soft_wrap=True)

    def error(self, *pieces: Piece) -> None:
        """A line of a diagnostic."""
        self.err.print(_text(pieces), soft_wrap=True)

    def words(self, text: str) -> None:
        """More of a text that is on its way, cleaned by whoever hands it over; not styled, since this is done for each token."""
        self.out.file.write(text)
        self.out.file.flush()

    def faint(self, text: str) -> None:
        """More of a text that is only in passing, such as a model's thoughts."""
        self.out.print(Text(text, "dim"), end="", soft_wrap=True)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Rows under heads; heads that begin with > are aligned to the right."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        for head in heads:
            right = head.startswith(">")
            table.add_column(head.lstrip(">"), justify="right" if right else "left", no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self.out.print(table)

    def object(self, value: Any) -> None:
        """A value as one line of JSON."""
        self.raw(_encode(value))

    def raw(self, json: bytes) -> None:
        """A line that is JSON already."""
        text = json.decode("utf-8", "replace")
        self.out.file.write(_ACTED_ON.sub(lambda found: f"\\u{ord(found.group()):04x}", text) + "\n")
        self.out.file.flush()


def _console(file: TextIO) -> Console:
    # No markup, no emoji codes, no highlighting: words that come from outside are words.
    console = _Console(file=file, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        # What is piped is for programs, and those do not like cut or wrapped lines.
        console = _Console(file=file, markup=False, emoji=False, highlight=False, width=_WIDE)
    return console


def _text(pieces: Sequence[Piece]) -> Text:
    text = Text()
    for piece in pieces:
        words, style = (piece, "") if isinstance(piece, str) else piece
        text.append(clean(words), style)
    return text


def money(dollars: Decimal | None) -> str:
    """Dollars with at least three digits that say something; a price that nobody knows is not nothing."""
    if dollars is None:
        return "price unknown"
    if not dollars:
        return "$0.00"
    return f"${dollars:,.{min(9, max(2, 2 - dollars.adjusted()))}f}"


def tokens(usage: Usage) -> str:
    """Tokens in words."""
    cached = f" ({usage.cache_read:,} from the cache)" if usage.cache_read else ""
    return f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out"


def seconds(milliseconds: float) -> str:
    """A duration."""
    if milliseconds < 1000:  # noqa: PLR2004  (a second)
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds / 1000:.1f} s"


def moment(at: int) -> str:
    """A time in microseconds since 1970 as the local date and time."""
    return datetime.fromtimestamp(at / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def short(run: str) -> str:
    """The end of a run's id, which tells runs apart; its beginning is the time."""
    return run[-8:]
