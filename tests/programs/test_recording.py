"""What a program called and heard, and how it is known again."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, ReplayMismatch
from journeyman.programs import Answered, Failed, ProgramCall, Waits
from journeyman.programs.recording import Recording

CALLS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2)), max_size=12)


@given(CALLS, st.randoms(use_true_random=False))
def test_the_same_calls_get_the_same_ids_and_answers_again(calls: list[tuple[str, int]], chance: random.Random):
    """Whatever order the answers came in, the replay tells them in that order and makes no new call."""
    first = Recording()
    first.restart()
    ids = [first.make(name, {"x": x})[0] for name, x in calls]
    assert ids == list(range(len(calls)))
    order = chance.sample(ids, len(ids))
    for call_id in order:
        first.answer(call_id, Answered(call_id * 10))
    heard = []
    while (following := first.next_heard(ids)) is not None:
        heard.append((following, first.heard(following)))
    assert [call_id for call_id, _ in heard] == order

    again = Recording(first.calls, first.settled)
    again.restart()
    assert [again.make(name, {"x": x}) for name, x in calls] == [(call_id, False) for call_id in ids]
    assert not again.catching_up
    repeated = []
    while (following := again.next_heard(ids)) is not None:
        repeated.append((following, again.heard(following)))
    assert repeated == heard
    assert again.calls == first.calls


@given(CALLS, st.randoms(use_true_random=False))
def test_calls_side_by_side_are_known_in_any_order(calls: list[tuple[str, int]], chance: random.Random):
    """A journal may tell the order of parallel calls a little differently: each finds a record of the same arguments."""
    recorded = tuple(ProgramCall(i, name, {"x": x}, "done", value=x) for i, (name, x) in enumerate(calls))
    again = Recording(recorded)
    again.restart()
    for name, x in chance.sample(calls, len(calls)):
        call_id, is_new = again.make(name, {"x": x})
        assert not is_new
        assert again.answer_of(call_id) == Answered(x)
    again.expect_caught_up()


def test_what_is_not_repeated_is_a_mismatch():
    """It names the call that was expected."""
    again = Recording((ProgramCall(0, "a", {"x": 1}, "done", value=1),))
    again.restart()
    assert again.make("a", {"x": 2}) == (1, True)
    assert again.catching_up
    with pytest.raises(ReplayMismatch, match=r'call 0, a\({"x":1}\)') as caught:
        again.expect_caught_up()
    assert caught.value.path == "calls[0]"


@pytest.mark.parametrize(
    ("answer", "state"), [(Answered(1), "done"), (Failed("no"), "failed"), (Waits({"by": "Ann"}), "waiting")]
)
def test_an_answer_is_what_it_was(answer: Any, state: str):
    """Values, failures and waits are told apart, and only the first two are heard of."""
    recording = Recording()
    call_id, _ = recording.make("a", {})
    assert recording.answer_of(call_id) is None
    recording.answer(call_id, answer)
    assert recording.call(call_id).state == state
    assert recording.answer_of(call_id) == answer
    assert (recording.next_heard([call_id]) is None) is (state == "waiting")


def test_an_incomplete_record_is_the_caller_s_error():
    """Ids count from 0, or something is missing."""
    with pytest.raises(CallerError, match="count from 0"):
        Recording((ProgramCall(1, "a", {}),))
