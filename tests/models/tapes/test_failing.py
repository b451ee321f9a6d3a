"""Errors on a tape come back under their own names and words."""

from __future__ import annotations

import pytest

from journeyman.data import (
    CallerError,
    Conflict,
    JourneymanError,
    LimitExceeded,
    ModelError,
    ProviderError,
    failure_of,
)
from journeyman.models.tapes import Raised, error_of, raised_of


class OfTheirOwnError(Exception):
    """An error that this package has never heard of."""


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("no", status=429, retry_after=2.5, body="wait"),
        ProviderError("cut", kind="stream"),
        LimitExceeded("tokens", 100, "max_tokens", used=120),
        LimitExceeded("cost", __import__("decimal").Decimal("0.50"), "max_cost", used="$0.6"),
        CallerError("wrong"),
        ModelError("bad"),
        Conflict("other"),
        TimeoutError("late"),
        KeyError("key"),
        ValueError(""),
        OfTheirOwnError("odd"),
    ],
)
def test_an_error_comes_back(error):
    """A journal cannot tell the error from the tape from the one that was raised."""
    again = error_of(raised_of(error))
    assert failure_of(again) == failure_of(error)
    assert str(again) == str(error)
    if type(error).__module__.startswith(("journeyman", "builtins")) and not isinstance(error, KeyError):
        assert type(again) is type(error)
    if isinstance(error, ProviderError):
        assert vars(again) == vars(error)


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "eval", "UnicodeDecodeError", "__import__", "x y"])
def test_a_tape_does_not_choose_what_runs(name):
    """Names that are no plain errors become errors of ours and nothing else."""
    assert isinstance(error_of(Raised(name, "words")), JourneymanError)


def test_an_unknown_kind_of_failure_is_no_kind():
    """A kind that this version does not know is worked out of the status."""
    error = error_of(Raised("ProviderError", "no", status=429, kind="new"))
    assert isinstance(error, ProviderError)
    assert error.kind == "rate_limit"
