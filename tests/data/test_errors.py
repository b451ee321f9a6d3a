"""Errors say who can mend them and survive a journal."""

from __future__ import annotations

import copy
import pickle

import msgspec
import pytest

from journeyman.data import (
    Bug,
    CallerError,
    Conflict,
    CorruptJournal,
    Failure,
    InDoubt,
    JourneymanError,
    LimitExceeded,
    ModelError,
    ProviderError,
    ReplayMismatch,
    failure_of,
)


@pytest.mark.parametrize("kind", [CallerError, CorruptJournal, ModelError, Conflict, InDoubt, ReplayMismatch, Bug])
def test_all_errors_have_one_root(kind):
    """One `except JourneymanError` is enough, and no error claims a run that it does not know."""
    error = kind("words")
    assert isinstance(error, JourneymanError)
    assert error.run_id is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (None, "connection"),
        (400, "invalid_request"),
        (401, "authentication"),
        (403, "permission"),
        (404, "not_found"),
        (408, "timeout"),
        (422, "invalid_request"),
        (429, "rate_limit"),
        (500, "server"),
        (502, "server"),
        (503, "overloaded"),
        (529, "overloaded"),
    ],
)
def test_a_status_tells_the_kind(status, kind):
    """Where nobody knows better."""
    assert ProviderError("no", status=status).kind == kind


def test_a_kind_that_is_known_wins():
    """A stream breaks without a status."""
    assert ProviderError("no", kind="stream").kind == "stream"
    assert ProviderError("no", status=400, kind="rate_limit").kind == "rate_limit"


def test_a_body_is_kept_up_to_4000_characters():
    """A page of HTML does not fill the log."""
    assert len(ProviderError("no", status=500, body="x" * 9000).body) == 4000


def test_a_limit_error_names_limit_value_and_parameter():
    """Its words tell what to do."""
    error = LimitExceeded("cost", 0.5, "max_cost", used="$0.61")
    assert str(error) == "the limit on cost was reached: max_cost=0.5 ($0.61 used); raise max_cost to go on"
    assert (error.limit, error.value, error.parameter, error.used) == ("cost", 0.5, "max_cost", "$0.61")
    assert "used" not in str(LimitExceeded("time", 3, "deadline"))


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301  (our own bytes)
@pytest.mark.parametrize(
    "error",
    [
        LimitExceeded("tokens", 10, "max_tokens", used=12),
        ProviderError("no", status=429, retry_after=2.0, body="{}"),
        CallerError("no"),
    ],
)
def test_errors_cross_process_borders(error, again):
    """A pool of workers gives the same error back, with the run that it belongs to."""
    error.run_id = "r1"
    found = again(error)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (ProviderError("no", status=503), Failure("ProviderError", "no", status=503)),
        (ProviderError("cut", kind="stream"), Failure("ProviderError", "cut")),
        (ValueError("bad"), Failure("ValueError", "bad")),
        (ModelError("bad"), Failure("ModelError", "bad")),
        (KeyboardInterrupt(), Failure("KeyboardInterrupt", "")),
    ],
)
def test_a_journal_keeps_what_an_error_says(error, failure):
    """Its type, its words and its status, in JSON and back."""
    assert failure_of(error) == failure
    assert msgspec.json.decode(msgspec.json.encode(failure), type=Failure) == failure


def test_a_journal_keeps_the_parameter_of_a_limit():
    """So that an interface can offer to raise it."""
    failure = failure_of(LimitExceeded("tokens", 10, "max_tokens"))
    assert failure.type == "LimitExceeded"
    assert failure.parameter == "max_tokens"
    assert "max_tokens=10" in failure.message
