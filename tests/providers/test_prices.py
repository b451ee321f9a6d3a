"""What tokens cost."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, ModelUsage, Usage
from journeyman.providers import Rates, cost_of

# Dollars for a million tokens, made up so that no two buckets cost the same.
RATES = Rates(
    input=Decimal(2), output=Decimal(10), cache_read=Decimal("0.2"), cache_write=Decimal("2.5"), reasoning=Decimal(20)
)


def of(usage, model="a:x", stated=None):
    return ModelUsage.of(model, usage, stated)


def test_each_bucket_has_its_price():
    """1,000 tokens of each: 2 + 0.2 + 2.5 + 10 + 20 dollars for a thousandth of a million."""
    usage = Usage(1000, 1000, 1000, 1000, 1000)
    assert RATES.cost(of(usage)) == 34_700_000


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(input=1), 2_000),
        (Usage(cache_read=1), 200),
        (Usage(cache_write=1), 2_500),
        (Usage(output=1), 10_000),
        (Usage(reasoning=1), 20_000),
        (Usage(), 0),
    ],
)
def test_a_single_token_costs_something(usage, cost):
    """No cost below a cent is rounded to nothing."""
    assert RATES.cost(of(usage)) == cost


def test_a_bucket_without_a_price_costs_as_its_kind():
    """Cached input as input, thoughts as output; a price of zero is a price."""
    plain = Rates(input=2, output=10)
    assert plain.cost(of(Usage(1, 1, 1, 1, 1))) == 3 * 2_000 + 2 * 10_000
    assert Rates(input=2, output=10, cache_read=0).cost(of(Usage(cache_read=1000))) == 0


def test_prices_of_sounds_are_for_knowing_only():
    """Providers do not tell sounds apart in what they count."""
    with_sounds = Rates(input=2, output=10, audio_input=100, audio_output=100)
    assert with_sounds.cost(of(Usage(1, 1, 1, 1, 1))) == Rates(input=2, output=10).cost(of(Usage(1, 1, 1, 1, 1)))


def test_costs_are_rounded_up():
    """A tenth of a nano-dollar is one: a budget may be too careful, never too generous."""
    assert Rates(input=Decimal("0.0001"), output=0).cost(of(Usage(input=1))) == 1


@given(st.lists(st.integers(0, 10**6), min_size=5, max_size=5))
def test_numbers_cost_what_they_print_as(tokens):
    """A float is the decimal that it shows, and no precision that the program has set changes a sum."""
    usage = Usage(*tokens)
    floats = Rates(input=2.0, output=10.0, cache_read=0.2, cache_write=2.5, reasoning=20.0)
    with decimal.localcontext(prec=2):
        found = floats.cost(of(usage))
    assert found == RATES.cost(of(usage))
    exact = tokens[0] * 2000 + tokens[1] * 200 + tokens[2] * 2500 + tokens[3] * 10_000 + tokens[4] * 20_000
    assert found == exact


TIERED = Rates(input=1, output=5, tiers=((200_000, Rates(input=2, output=10)), (512_000, Rates(input=3, output=15))))


@pytest.mark.parametrize(
    ("tokens", "dollars_a_million"), [(200_000, 1), (200_001, 2), (512_000, 2), (512_001, 3), (10**6, 3)]
)
def test_a_large_input_has_the_price_of_its_tier(tokens, dollars_a_million):
    """For all of its tokens, cached or not, and for the output."""
    item = of(Usage(input=tokens - 100_000, cache_read=100_000, output=10))
    assert TIERED.cost(item) == tokens * dollars_a_million * 1000 + 10 * 5 * dollars_a_million * 1000


def test_tiers_go_by_exchange():
    """Ten exchanges of 100,000 tokens cost no more because they are in one bill."""
    assert TIERED.cost(ModelUsage("m", Usage(input=1_000_000), band=0)) == 1_000_000_000


def test_a_tier_of_ones_own_is_never_missed():
    """Where it begins between the sizes that journals tell apart, it counts from the lower of the two."""
    rates = Rates(input=1, output=1, tiers=((150_000, Rates(input=2, output=2)),))
    assert rates.cost(of(Usage(input=150_001))) == 150_001 * 2000
    assert rates.cost(of(Usage(input=128_000))) == 128_000 * 1000


@pytest.mark.parametrize("price", [-1, -0.5, float("nan"), float("inf"), Decimal("NaN")])
@pytest.mark.parametrize(
    "name", ["input", "output", "cache_read", "cache_write", "reasoning", "audio_input", "audio_output"]
)
def test_what_is_no_price_is_refused(name, price):
    """By name."""
    with pytest.raises(CallerError, match=rf"Rates\({name}="):
        Rates(**{"input": 1, "output": 1, name: price})


def test_tiers_have_to_ascend():
    """The last one that is reached counts."""
    tier = Rates(input=2, output=2)
    with pytest.raises(CallerError, match=r"have to ascend.*\[200000, 100000\]"):
        Rates(input=1, output=1, tiers=((200_000, tier), (100_000, tier)))


def test_an_unknown_price_is_not_zero():
    """One is enough to make the whole unknown, wherever it stands; nothing used costs nothing."""
    known, unknown = of(Usage(input=1)), of(Usage(input=1), "b:y")
    table = {"a:x": RATES}
    assert cost_of((known,), table.get) == 2_000
    assert cost_of((known, unknown), table.get) is None
    assert cost_of((unknown, known), table.get) is None
    assert cost_of((), table.get) == 0


def test_what_the_provider_states_is_taken():
    """Before any table, and beside what it has not stated."""
    stated, free, unstated = of(Usage(input=7), "b:y", 5), of(Usage(input=7), "b:y", 0), of(Usage(input=1))
    assert cost_of((stated, unstated, free), {"a:x": RATES}.get) == 5 + 2_000
