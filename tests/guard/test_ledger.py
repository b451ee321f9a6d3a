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
