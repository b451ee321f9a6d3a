"""Tokens in disjoint buckets, money in integers."""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import NANO, ModelUsage, Usage, dollars, nanodollars, usage_since, with_usage

counts = st.integers(0, 10**9)
usages = st.builds(Usage, counts, counts, counts, counts, counts)
items = st.builds(ModelUsage.of, st.sampled_from(["a:x", "b:y"]), usages, st.none() | st.integers(0, 10**12))


@given(usages)
def test_every_token_is_counted_once(usage):
    """The totals are the sums of their buckets, and the whole is the sum of the totals."""
    assert usage.input_tokens == usage.input + usage.cache_read + usage.cache_write
    assert usage.output_tokens == usage.output + usage.reasoning
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    buckets = [getattr(usage, name) for name in Usage.__struct_fields__]
    assert usage.total_tokens == sum(buckets)


@given(usages, usages, usages)
def test_sums_go_bucket_by_bucket(one, two, three):
    """Adding is associative, has a zero, and mixes no two buckets."""
    assert (one + two) + three == one + (two + three)
    assert one + Usage() == one
    for name in Usage.__struct_fields__:
        assert getattr(one + two, name) == getattr(one, name) + getattr(two, name)


@given(st.lists(items))
def test_a_bill_holds_everything_once(charges):
    """Tokens and stated money of a bill are those of its charges, and no two items could have been one."""
    bill: tuple[ModelUsage, ...] = ()
    for charge in charges:
        bill = with_usage(bill, charge)
    for name in Usage.__struct_fields__:
        assert sum(getattr(item.usage, name) for item in bill) == sum(getattr(item.usage, name) for item in charges)
    assert sum(item.stated or 0 for item in bill) == sum(item.stated or 0 for item in charges)
    kinds = [(item.model, item.band, item.stated is None) for item in bill]
    assert len(kinds) == len(set(kinds))


@given(st.lists(items), st.lists(items))
def test_what_came_later_is_the_rest_of_the_bill(earlier, later):
    """What was counted before and what came since are together the bill, and nothing of it is counted twice."""
    counted: tuple[ModelUsage, ...] = ()
    for charge in earlier:
        counted = with_usage(counted, charge)
    total, since = counted, ()
    for charge in later:
        total = with_usage(total, charge)
        since = with_usage(since, charge)
    found = usage_since(total, counted)
    assert set(found) == {item for item in since if item.usage != Usage() or item.stated}
    assert usage_since(total, total) == ()
    assert usage_since(total, ()) == tuple(item for item in total if item.usage != Usage() or item.stated)


def test_what_the_provider_priced_is_not_mixed_with_what_it_did_not():
    """Stated cost covers its own tokens alone."""
    bill = with_usage((), ModelUsage.of("a:x", Usage(input=1), 5))
    bill = with_usage(bill, ModelUsage.of("a:x", Usage(input=2)))
    bill = with_usage(bill, ModelUsage.of("a:x", Usage(input=3), 0))
    assert bill == (ModelUsage("a:x", Usage(input=4), 5), ModelUsage("a:x", Usage(input=2)))


@pytest.mark.parametrize(
    ("tokens", "band", "most"),
    [
        (0, 0, 32_000),
        (32_000, 0, 32_000),
        (32_001, 32_000, 100_000),
        (200_000, 199_999, 200_000),
        (200_001, 200_000, 256_000),
        (600_000, 524_288, float("inf")),
    ],
)
def test_exchanges_are_kept_apart_by_the_size_of_their_input(tokens, band, most):
    """A band begins above its edge; all kinds of input count, output does not."""
    item = ModelUsage.of("m", Usage(input=tokens // 2, cache_read=tokens - tokens // 2, output=10**7))
    assert (item.band, item.most) == (band, most)


def test_small_exchanges_do_not_add_up_to_a_large_one():
    """A hundred exchanges of 10,000 tokens are priced as such, though together they exceed every band."""
    bill: tuple[ModelUsage, ...] = ()
    for _ in range(100):
        bill = with_usage(bill, ModelUsage.of("m", Usage(input=10_000)))
    assert bill == (ModelUsage("m", Usage(input=1_000_000), band=0),)


@pytest.mark.parametrize(
    ("amount", "nano"),
    [
        (0.1, 100_000_000),
        ("0.000000001", 1),
        (Decimal("0.0000375"), 37_500),
        (1e-7, 100),
        (3, 3 * NANO),
        (1e12, 10**21),
    ],
)
def test_money_is_an_integer_of_nanodollars(amount, nano):
    """A float counts as the decimal that it prints as, and less than a cent is not nothing."""
    assert nanodollars(amount) == nano


@given(st.integers(0, 10**24))
def test_money_comes_back_exactly(nano):
    """Dollars and nano-dollars are the same amount, whatever precision the program has set for its own sums."""
    with decimal.localcontext(prec=3):
        amount = dollars(nano)
        assert nanodollars(amount) == nano
    assert amount * NANO == nano
