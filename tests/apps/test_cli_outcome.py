"""Errors become exit codes and a line that says what to do next."""

import pytest

from journeyman.apps.cli.flags import Shown
from journeyman.apps.cli.outcome import carry_out, tell
from journeyman.apps.cli.view.screen import Screen
from journeyman.data import (
    Bug,
    CallerError,
    Conflict,
    CorruptJournal,
    JourneymanError,
    LimitExceeded,
    ModelError,
    ProviderError,
)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CallerError("write a prompt"), 2, "error: write a prompt"),
        (CorruptJournal("line 3"), 1, "error: line 3"),
        (ModelError("gave up"), 1, "error: gave up"),
        (ProviderError("no", status=403), 1, "next:  journeyman doctor"),
        (ProviderError("cut", kind="stream"), 1, "error: cut"),
        (LimitExceeded("tokens", 5, "max_tokens"), 1, "next:  raise --max-tokens"),
        (Conflict("taken"), 1, "another process is at work on this run"),
        (Bug("odd"), 1, "error: odd"),
        (JourneymanError(), 1, "error: JourneymanError"),
        (KeyError("x"), 1, "error: KeyError: 'x'"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ModelError("\x1b[2J[bold]long " * 200), 1, "more characters, --debug shows all"),
    ],
)
def test_an_error_has_its_code_and_words(capsys, error, code, said):
    """1 for what failed, 2 for what the caller has to mend, 130 for an interrupt; on standard error, in two lines at most."""
    assert tell(Screen(Shown()), error) == code
    out, err = capsys.readouterr()
    assert said in err
    assert (out, "\x1b" in err) == ("", False)
    assert len(err.splitlines()) <= 2


def test_an_error_of_a_run_names_the_run(capsys):
    """The next step is to look at it, in the journal where it is; one that nobody kept cannot be looked at."""
    error = ModelError("gave up")
    error.run_id = "0123456789abcdef"
    tell(Screen(Shown()), error, "sqlite:///my.db")
    tell(Screen(Shown()), error, "memory:")
    first, then, last = capsys.readouterr().err.splitlines()
    assert then == "next:  journeyman runs show 89abcdef --journal sqlite:///my.db"
    assert first == last == "error: gave up"


def test_a_reader_that_is_gone_is_not_told(capsys):
    """Nothing can be said to somebody who does not listen; the entry point decides."""

    async def work(screen):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        carry_out(Shown(), work)
    assert capsys.readouterr() == ("", "")
