"""How amounts, durations and tables are shown."""

from decimal import Decimal

import pytest

from journeyman.apps.cli.flags import Shown
from journeyman.apps.cli.view.screen import Screen, money, seconds, tokens
from journeyman.data import Usage


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [
        (None, "price unknown"),
        (Decimal(0), "$0.00"),
        (Decimal("0.000000125"), "$0.000000125"),
        (Decimal("0.00012345"), "$0.000123"),
        (Decimal("0.0123"), "$0.0123"),
        (Decimal("0.5"), "$0.500"),
        (Decimal("3.456"), "$3.46"),
        (Decimal("12345.6"), "$12,345.60"),
    ],
)
def test_small_amounts_are_not_rounded_away(dollars, shown):
    """Three digits that say something, at least cents, at most nano-dollars; an unknown price is not zero."""
    assert money(dollars) == shown


def test_durations_are_in_the_unit_that_fits():
    """Milliseconds below a second, seconds from there on."""
    assert (seconds(3.14159), seconds(999.94), seconds(1000)) == ("3.1 ms", "999.9 ms", "1.0 s")


def test_cached_tokens_are_mentioned_where_there_are_any():
    """They are part of what went in."""
    assert (
        tokens(Usage(input=1000, cache_read=500, output=7, reasoning=3))
        == "1,500 tokens in (500 from the cache), 10 out"
    )
    assert tokens(Usage(input=1)) == "1 tokens in, 0 out"


def test_a_piped_table_is_not_cut(capsys, monkeypatch):
    """Whatever the width of the terminal, cells that are piped are whole, and markup in them is text."""
    monkeypatch.setenv("COLUMNS", "20")
    Screen(Shown()).table(("name", ">number"), [("x" * 200, "[red]1[/red]")])
    out = capsys.readouterr().out
    assert "x" * 200 in out
    assert "[red]1[/red]" in out


def test_long_lines_are_not_broken(capsys, terminal, monkeypatch):
    """A terminal wraps lines itself; what is copied from it has no breaks in it."""
    monkeypatch.setenv("COLUMNS", "20")
    Screen(Shown()).line("word " * 20)
    assert "word " * 20 in capsys.readouterr().out


def test_a_character_that_cannot_be_shown_does_not_break_a_command(process, served):
    """A terminal without Unicode gets question marks."""
    served(["naïve ✓ 漢"])
    done = process("run", "hi", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert (done.code, done.out) == (0, "na?ve ? ?\n")
