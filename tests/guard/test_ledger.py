"""What is used, held against the limits of every run above."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, LimitExceeded, Limits, ModelUsage, Usage
from journeyman.guard import Ledger


def a_dollar_a_token(used):
    return sum(item.usage.total_tokens for item in used) * 10**9


def never_asked(used):
    raise AssertionError("no limit in money is set")


def item(tokens, model="a:x"):
    return ModelUsage.of(model, Usage(input=tokens))


def test_a_page_without_limits_is_never_full():
    """And nobody asks for prices."""
    ledger = Ledger(Limits(), never_asked)
    ledger.charge(item(10**9))
    ledger.check()
    assert ledger.used == (item(10**9),)


@pytest.mark.parametrize(
    ("limits", "limit", "value", "parameter", "used"),
    [
        (Limits(max_tokens=10), "tokens", 10, "max_tokens", 10),
        (Limits(max_cost=10), "cost", 10, "max_cost", "$10.000000"),
        (Limits(max_cost=Decimal(10)), "cost", Decimal(10), "max_cost", "$10.000000"),
    ],
)
def test_a_full_page_names_its_limit(limits, limit, value, parameter, used):
    """The last token that fits fills it; the error says what was reached and what sets it."""
    ledger = Ledger(limits, a_dollar_a_token)
    ledger.charge(item(9))
    ledger.check()
    ledger.charge(item(1, "b:y"))
    with pytest.raises(LimitExceeded) as caught:
        ledger.check()
    error = caught.value
    assert (error.limit, error.value, error.parameter, error.used) == (limit, value, parameter, used)


def test_a_limit_below_a_cent_is_kept():
    """Costs are not rounded to nothing."""
    ledger = Ledger(Limits(max_cost=0.000_002), lambda used: sum(item.usage.input for item in used) * 1_000)
    ledger.charge(item(1))
    ledger.check()
    ledger.charge(item(1))
    with pytest.raises(LimitExceeded, match=r"\$0.000002 used"):
        ledger.check()


def test_what_a_child_uses_fills_the_pages_above():
    """A child with limits of its own, or none, cannot spend more than its parents have."""
    top = Ledger(Limits(max_tokens=10), never_asked)
    middle = Ledger(Limits(), never_asked, parent=top)
    child = Ledger(Limits(max_tokens=100), never_asked, parent=middle)
    child.charge(item(10))
    assert top.used == middle.used == child.used == (item(10),)
    with pytest.raises(LimitExceeded, match="max_tokens=10 "):
        child.check()


def test_a_full_child_does_not_fill_its_parent():
    """Each page has its own limit."""
    top = Ledger(Limits(max_tokens=100), never_asked)
    child = Ledger(Limits(max_tokens=10), never_asked, parent=top)
    child.charge(item(10))
    top.check()
    with pytest.raises(LimitExceeded, match="max_tokens=10 "):
        child.check()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1000))))
def test_a_page_holds_what_it_and_those_below_used(charges):
    """Whichever pages the charges come in at."""
    pages = [Ledger(Limits(), never_asked)]
    pages.append(Ledger(Limits(), never_asked, parent=pages[0]))
    pages.append(Ledger(Limits(), never_asked, parent=pages[1]))
    for level, tokens in charges:
        pages[level].charge(item(tokens))
    for level, page in enumerate(pages):
        total = sum(entry.usage.input for entry in page.used)
        assert total == sum(tokens for at, tokens in charges if at >= level)


def test_a_page_may_begin_with_what_was_used_before():
    """A run that is taken up again has not forgotten its costs."""
    ledger = Ledger(Limits(max_tokens=10), never_asked, used=(item(10),))
    with pytest.raises(LimitExceeded):
        ledger.check()


def test_a_limit_in_money_needs_prices():
    """An unknown price is not zero: the error names the models without one, each once, and two ways out."""
    ledger = Ledger(Limits(max_cost=5), lambda used: None if any("?" in item.model for item in used) else 0)
    ledger.charge(item(1, "a:known"))
    ledger.check()
    ledger.charge(item(1, "b:?"))
    ledger.charge(item(250_000, "b:?"))
    with pytest.raises(CallerError) as caught:
        ledger.check()
    words = str(caught.value)
    assert words.startswith("max_cost=5 cannot be kept: there is no price for b:?;")
    assert "set_model_rates" in words
    assert "max_tokens" in words


def test_one_request_too_many_is_refused_before_it_is_made():
    """A budget of two is two requests, and the error says what was reached and what sets it."""
    ledger = Ledger(Limits(turn_budget=2), never_asked)
    ledger.take_turn()
    ledger.take_turn()
    with pytest.raises(LimitExceeded, match="turn_budget=2 ") as caught:
        ledger.take_turn()
    assert (caught.value.value, caught.value.parameter, caught.value.used) == (2, "turn_budget", 2)
    assert ledger.turns == 2, "what was refused is not counted"


@given(st.lists(st.integers(0, 2), max_size=30), st.integers(1, 10))
def test_requests_of_runs_below_count_against_every_page_above(levels, budget):
    """However they are spread, no more are made than the topmost page allows; a page below may stop its own earlier."""
    pages = [Ledger(Limits(turn_budget=budget), never_asked)]
    pages.append(Ledger(Limits(), never_asked, parent=pages[0]))
    pages.append(Ledger(Limits(turn_budget=2), never_asked, parent=pages[1]))
    made = [0, 0, 0]
    for level in levels:
        try:
            pages[level].take_turn()
        except LimitExceeded:
            assert sum(made) == budget or (level == 2 and made[2] == 2)
        else:
            made[level] += 1
    assert [page.turns for page in pages] == [sum(made), made[1] + made[2], made[2]]


def test_requests_before_a_crash_are_counted_when_a_run_is_taken_up_again():
    """As its own, and as those of a run below it, of which the pages above have not heard."""
    top = Ledger(Limits(turn_budget=5), never_asked, turns=3)
    child = Ledger(Limits(), never_asked, turns=1, parent=top)
    child.count_turns(1)
    assert (top.turns, child.turns) == (4, 2)
    child.take_turn()
    with pytest.raises(LimitExceeded, match="turn_budget=5 "):
        top.take_turn()


@pytest.mark.parametrize(("most", "levels"), [(0, 0), (1, 1), (2, 2)])
def test_runs_below_each_other_are_counted_from_the_page_that_limits_them(most, levels):
    """With a depth of one there may be a run below, and none below that; pages above it do not count."""
    page = Ledger(Limits(max_depth=most), never_asked, parent=Ledger(Limits(), never_asked))
    for _ in range(levels):
        page.check_depth()
        page = Ledger(Limits(), never_asked, parent=page)
    with pytest.raises(LimitExceeded, match=f"max_depth={most} ") as caught:
        page.check_depth()
    assert caught.value.used == most + 1


def test_the_narrowest_depth_holds():
    """A run below may allow itself less than those above, and not more."""
    top = Ledger(Limits(max_depth=2), never_asked)
    wide = Ledger(Limits(max_depth=9), never_asked, parent=top)
    narrow = Ledger(Limits(max_depth=0), never_asked, parent=top)
    wide.check_depth()
    with pytest.raises(LimitExceeded, match="max_depth=2 "):
        Ledger(Limits(), never_asked, parent=wide).check_depth()
    with pytest.raises(LimitExceeded, match="max_depth=0 "):
        narrow.check_depth()
