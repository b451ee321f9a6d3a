"""Words from outside are harmless once they are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.apps.cli.view.clean import Cleaner, clean, cut, one_line

HOSTILE = st.text(
    alphabet=st.sampled_from("ab \n\r\t[]0;1mJ\\\x07\x1b\x9b\x9c\x9d\x00\x7f\u202e\u2066\ud800é"), max_size=60
)
ALLOWED = {"\n", "\t"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a new title\x07after", "after"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdata\x1b\\x", "x"),
        ("\x9b2Jgone", "gone"),
        ("\x1bcreset", "reset"),
        ("\x1b(Bcharset", "charset"),
        ("over\rwritten", "over\nwritten"),
        ("line\r\nline", "line\nline"),
        ("bell\x07 and null\x00", "bell and null"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("half \ud800 pair", "half  pair"),
        ("an escape without end \x1b]0;", "an escape without end 0;"),
        ("tab\tand\nnewline, ünïcode 漢字", "tab\tand\nnewline, ünïcode 漢字"),
    ],
)
def test_control_sequences_are_removed(text, shown):
    """Sequences go as a whole, single controls go by themselves, and everything else stays."""
    assert clean(text) == shown


@given(HOSTILE)
def test_nothing_that_a_terminal_acts_on_is_left(text):
    """Whatever comes, no control character but tab and newline is left, and neither is an override of direction."""
    left = clean(text)
    assert all(char in ALLOWED or (char >= " " and not "\x7f" <= char <= "\x9f") for char in left)
    assert not set(left) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ud800")


@given(st.lists(HOSTILE, max_size=6))
def test_a_text_in_pieces_is_cleaned_like_the_whole(pieces):
    """It does not matter where a stream is cut, in the middle of a sequence or of a line's end."""
    cleaner = Cleaner()
    shown = "".join([*map(cleaner.feed, pieces), cleaner.rest()])
    assert shown == clean("".join(pieces))


def test_a_sequence_without_end_does_not_hold_back_the_stream():
    """A title that is begun and never ended is given up after a thousand characters; what follows is shown."""
    cleaner = Cleaner()
    shown = cleaner.feed("\x1b]0;" + "x" * 2000) + cleaner.feed("more")
    assert shown.endswith("more")
    assert "\x1b" not in shown


def test_a_text_is_put_on_one_line():
    """Whitespace of any kind becomes single spaces."""
    assert one_line("  a\n\n b\x1b[1m\tc ") == "a b c"


def test_a_cut_says_how_much_is_missing():
    """A text that fits is left alone; another one tells how many characters are missing and how to see them."""
    assert cut("short", 5, "ask") == "short"
    assert cut("x" * 1505, 5, "ask for them") == "xxxxx… 1,500 more characters, ask for them"
    assert cut("x" * 6, 5) == "xxxxx… 1 more characters"
