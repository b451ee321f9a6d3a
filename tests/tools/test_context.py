"""What a tool may know and raise."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from journeyman.data import CallerError, JourneymanError, Progress
from journeyman.tools import ModelRetry, Pending, RunContext


def test_the_key_of_a_call_is_that_of_its_run_and_call():
    """A second attempt has the same, another call another one."""
    first = RunContext(None, run_id="r", call_id="c", attempt=1)
    assert first.idempotency_key == dataclasses.replace(first, attempt=2).idempotency_key == "r:0:c"
    assert dataclasses.replace(first, call_id="d").idempotency_key != first.idempotency_key
    assert dataclasses.replace(first, turn=2).idempotency_key != first.idempotency_key


def test_progress_goes_to_whoever_listens():
    """With the call that it belongs to; without a listener nothing happens."""
    heard: list[Progress] = []
    RunContext(None, call_id="c", report=heard.append).progress("half", 0.5)
    RunContext(None, call_id="c").progress("unheard")
    assert heard == [Progress("c", "half", 0.5)]


def test_a_context_is_not_cancelled_by_itself():
    """Each context has its own event."""
    one, two = RunContext(1), RunContext(2)
    one.cancelled.set()
    assert not two.cancelled.is_set()


def test_a_pending_call_says_what_it_waits_for():
    """Its information stays with it, across processes too."""
    error = Pending({"ask": "boss"})
    assert isinstance(error, JourneymanError)
    assert pickle.loads(pickle.dumps(error)).info == {"ask": "boss"}  # noqa: S301  (our own bytes)
    assert Pending().info is None


def test_a_retry_carries_its_reason():
    """The reason is its text."""
    with pytest.raises(JourneymanError, match="too long"):
        raise ModelRetry("too long")


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf"), True, "tomorrow", None.__class__])
def test_a_deadline_is_a_time_to_come(deadline: Any) -> None:
    """Whatever else a tool's code gives is a `CallerError` that says what is wanted, and no error of Python's own."""
    with pytest.raises(CallerError, match="a number of seconds from now, more than 0, or a datetime"):
        Pending(deadline=deadline)
