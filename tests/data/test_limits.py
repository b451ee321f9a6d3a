"""Limits that cannot be nonsense."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from journeyman.data import CallerError, Limits


@pytest.mark.parametrize(
    "name",
    ["max_iterations", "max_cost", "max_tokens", "max_tool_calls", "max_retries", "max_model_retries", "deadline"],
)
@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), Decimal("NaN"), Decimal(-1), "1"])
def test_what_is_no_limit_is_refused(name, value):
    """Negative, infinite and unordered numbers and texts are refused by name, with the way to say "none"."""
    with pytest.raises(CallerError, match=rf"Limits\({name}=.*use None for no limit"):
        Limits(**{name: value})


def test_zero_and_none_are_limits():
    """Nothing at all, and no bound."""
    assert Limits(max_cost=0, max_iterations=0, deadline=0.0).max_nanodollars == 0
    assert Limits(max_iterations=None).max_nanodollars is None


@pytest.mark.parametrize("amount", [0.001, Decimal("0.001")])
def test_a_cost_below_a_cent_counts(amount):
    """A tenth of a cent is a million nano-dollars."""
    assert Limits(max_cost=amount).max_nanodollars == 1_000_000


@pytest.mark.parametrize("amount", [0.5, Decimal("0.1"), None, 1])
def test_limits_survive_json(amount):
    """They come back equal from a journal."""
    limits = Limits(max_cost=amount, deadline=3.5)
    assert msgspec.json.decode(msgspec.json.encode(limits), type=Limits) == limits
