"""When a run that ended badly is restarted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError
from journeyman.queues import Policy, after_failure, is_worth_another_try

SECOND = 1_000_000


def test_the_wait_doubles_up_to_a_bound():
    """The wait before a restart is doubled each time, until it reaches `max_backoff`."""
    policy = Policy(max_restarts=5, backoff=2.0, max_backoff=10.0)
    waits: list[float] = []
    restarts: tuple[int, ...] = ()
    for second in range(5):
        again = after_failure(policy, restarts, second * SECOND)
        assert again is not None
        waits.append(again.delay)
        restarts = again.restarts
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0]


def test_too_many_within_the_time_are_the_last():
    """After `max_restarts` restarts within `within` seconds there is none any more."""
    policy = Policy(max_restarts=2, within=60.0)
    assert after_failure(policy, (0, 10 * SECOND), 59 * SECOND) is None


def test_restarts_of_long_ago_do_not_count():
    """A restart that is longer ago than `within` is forgotten."""
    policy = Policy(max_restarts=2, within=60.0, backoff=1.0)
    again = after_failure(policy, (0, 10 * SECOND), 61 * SECOND)
    assert again is not None
    assert again.restarts == (10 * SECOND, 61 * SECOND)
    assert again.delay == 2.0


@given(st.integers(0, 50), st.lists(st.integers(0, 10**15), max_size=60).map(sorted), st.integers(0, 10**15))
def test_what_is_kept_stays_small(most: int, restarts: list[int], now: int):
    """However often a run fails, no more times are kept than may count."""
    again = after_failure(Policy(max_restarts=most, max_backoff=7.0), tuple(restarts), now)
    assert again is None or (len(again.restarts) <= most and 0 <= again.delay <= 7.0)


def test_a_run_that_fails_for_ever_waits_no_endless_time():
    """A thousand restarts do not overflow the wait."""
    again = after_failure(Policy(max_restarts=5000, max_backoff=300.0), tuple(range(2000)), 3000)
    assert again is not None
    assert again.delay == 300.0


@pytest.mark.parametrize("failure", ["LimitExceeded", "CallerError", "ModelError"])
def test_what_would_fail_again_at_once_is_not_tried_again(failure: str):
    """A limit, the code or the prompt has to change first."""
    assert not is_worth_another_try(failure)


@pytest.mark.parametrize("failure", ["ProviderError", "TimeoutError", "KeyError"])
def test_what_may_go_by_is_tried_again(failure: str):
    """An outage, or an error that nobody foresaw, may be gone the next time."""
    assert is_worth_another_try(failure)


@pytest.mark.parametrize(
    "wrong", [{"max_restarts": -1}, {"within": 0}, {"backoff": -1.0}, {"max_backoff": float("nan")}]
)
def test_impossible_policies_are_refused(wrong: dict[str, float]):
    """A policy that cannot be kept is refused where it is made."""
    with pytest.raises(CallerError, match="Policy"):
        Policy(**wrong)
