"""How much may begin within a minute, in any order of events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.data import CallerError
from journeyman.models.around.window import MINUTE, Window

arrivals = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 150), st.integers(0, 150)), max_size=40)


def let_in(window: Window, plan: list[tuple[float, int, int]], *, correct: bool) -> list[tuple[float, int]]:
    """When each request begins and what it counts as: each comes some seconds after the one before began."""
    now = 0.0
    begun: list[tuple[float, int]] = []
    for gap, estimate, real in plan:
        now += gap
        rounds = 0
        while (seconds := window.wait(now, estimate)) > 0:
            now += seconds
            rounds += 1
            assert rounds < 50, "a wait that was sat out must bring it nearer"
        grant = window.take(now, estimate)
        if correct:
            window.correct(grant, min(real, grant.tokens))
        begun.append((now, grant.tokens))
    return begun


def most_in_a_minute(begun: list[tuple[float, int]]) -> tuple[int, int]:
    """The most requests and tokens that any 60 seconds held."""
    spans = [[tokens for at, tokens in begun if start <= at < start + MINUTE - 1e-6] for start, _ in begun]
    return max(map(len, spans), default=0), max(map(sum, spans), default=0)


@given(arrivals, st.none() | st.integers(1, 6), st.none() | st.integers(1, 300), st.booleans())
@settings(max_examples=200)
def test_no_minute_holds_more_than_the_limits(plan, requests, tokens, correct):
    """Wherever the minute begins, and whether estimates were too high or not."""
    begun = let_in(Window(requests, tokens), plan, correct=correct)
    most = most_in_a_minute(begun)
    assert requests is None or most[0] <= requests
    assert tokens is None or most[1] <= tokens


@given(arrivals, st.integers(1, 6), st.integers(1, 300))
def test_nobody_waits_longer_than_a_minute(plan, requests, tokens):
    """However large the request: one that could never fit counts as the whole limit."""
    window = Window(requests, tokens)
    now = 0.0
    for gap, estimate, _ in plan:
        now += gap
        seconds = window.wait(now, estimate)
        assert seconds <= MINUTE + 1e-6
        now += seconds
        while window.wait(now, estimate) > 0:
            now += 0.001
        window.take(now, estimate)


@given(arrivals)
def test_without_limits_nobody_waits(plan):
    """And the window forgets what is older than a minute."""
    window = Window()
    begun = let_in(window, plan, correct=False)
    assert [at for at, _ in begun] == pytest.approx([sum(gap for gap, _, _ in plan[: n + 1]) for n in range(len(plan))])
    window.wait(1e9, 0)
    assert not window._grants
    assert window._tokens == 0


def test_it_lets_in_as_soon_as_there_is_room():
    """Three a minute: the fourth waits until the first is a minute old, not longer."""
    window = Window(3)
    for at in (0.0, 10.0, 20.0):
        assert window.wait(at, 0) == 0
        window.take(at, 0)
    assert window.wait(20.0, 0) == pytest.approx(40.0)
    assert window.wait(60.0, 0) == 0


def test_tokens_wait_for_as_many_as_it_takes():
    """A large request waits for several small ones to be forgotten."""
    window = Window(None, 100)
    for at, tokens in ((0.0, 30), (10.0, 30), (20.0, 30)):
        window.take(at, tokens)
    assert window.wait(20.0, 10) == 0
    assert window.wait(20.0, 11) == pytest.approx(40.0)
    assert window.wait(20.0, 60) == pytest.approx(50.0)
    assert window.wait(20.0, 1000) == pytest.approx(60.0)


def test_a_correction_counts_at_once_and_once():
    """Downwards it makes room; upwards the next one waits; of a request that is forgotten nothing changes."""
    window = Window(None, 100)
    grant = window.take(0.0, 100)
    window.correct(grant, 40)
    assert window.wait(1.0, 60) == 0
    window.correct(grant, 500)
    assert window.wait(1.0, 1) == pytest.approx(59.0)
    assert window.wait(60.0, 100) == 0
    window.correct(grant, 0)
    assert window._tokens == 0


def test_when_the_provider_has_had_enough():
    """Nobody is let in for so long, but never longer than a minute, whatever a hostile server says."""
    window = Window(10)
    window.close(0.0, 5)
    assert window.wait(0.0, 0) == 5
    window.close(0.0, 1)
    assert window.wait(0.0, 0) == 5
    window.close(0.0, 1e12)
    assert window.wait(0.0, 0) == MINUTE
    assert window.wait(60.0, 0) == 0


@pytest.mark.parametrize("name", ["requests", "tokens"])
def test_a_limit_of_nothing_is_refused(name):
    """It would let nobody in for ever."""
    with pytest.raises(CallerError, match=f"{name}_per_minute=0"):
        Window(**{name: 0})
