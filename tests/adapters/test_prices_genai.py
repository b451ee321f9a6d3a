"""Rates from the bundled price list, against prices that the vendors publish."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from genai_prices import Usage as ListUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from journeyman.adapters.prices_genai import _rates, list_rates
from journeyman.data import ModelUsage, Usage, dollars
from journeyman.data.usage import PRICE_BANDS

SRC = Path(__file__).parents[2] / "src"


def test_a_published_price_is_found():
    """Anthropic's page: Claude Sonnet 4.5 is $3 in, $15 out, $3.75 to write to the cache, $0.30 to read from it."""
    rates = list_rates("anthropic:claude-sonnet-4-5")
    assert rates is not None
    assert (rates.input, rates.output) == (3, 15)
    assert (rates.cache_write, rates.cache_read) == (Decimal("3.75"), Decimal("0.3"))
    # 1,000 * $3 + 2,000 * $0.30 + 400 * $3.75 + 500 * $15, for a million each.
    usage = Usage(input=1_000, cache_read=2_000, cache_write=400, output=500)
    assert dollars(rates.cost(ModelUsage.of("m", usage))) == Decimal("0.0126")


def test_a_cent_has_room_for_many_calls():
    """OpenAI's page: GPT-5 nano is $0.05 in, $0.40 out; 100 tokens in and 10 out are 9 millionths of a dollar."""
    rates = list_rates("openai:gpt-5-nano")
    assert rates is not None
    assert rates.cost(ModelUsage.of("m", Usage(input=100, output=10))) == 9_000


TIERED = [
    (provider.id, model.id)
    for provider in get_snapshot().providers
    if provider.id in {"anthropic", "openai", "groq", "openrouter"}
    for model in provider.models
    if any(isinstance(price, TieredPrices) for price in vars(model.get_prices(datetime.now(UTC))).values())
]


def test_there_are_models_with_tiers():
    """Or the next test would claim nothing."""
    assert TIERED


@pytest.mark.parametrize(("provider", "model"), TIERED[:: max(1, len(TIERED) // 12)])
def test_tiers_agree_with_the_lists_own_sums(provider, model):
    """Just below, at and above every edge, with cached input among it."""
    rates = list_rates(f"{provider}:{model}")
    assert rates is not None
    for edge in (20_000, *PRICE_BANDS):
        for tokens in (edge - 1, edge, edge + 1):
            ours = Usage(input=tokens - 5_000, cache_read=5_000, output=700)
            theirs = ListUsage(input_tokens=tokens, cache_read_tokens=5_000, output_tokens=700)
            expected = calc_price(theirs, model_ref=model, provider_id=provider).total_price
            assert dollars(rates.cost(ModelUsage.of("m", ours))) == expected


def test_every_edge_of_the_list_is_one_of_ours():
    """Exchanges on two sides of an edge would else be priced alike."""
    found = {
        tier.start
        for provider in get_snapshot().providers
        for model in provider.models
        for price in vars(model.get_prices(datetime.now(UTC))).values()
        if isinstance(price, TieredPrices)
        for tier in price.tiers
    }
    assert found <= set(PRICE_BANDS)


@pytest.mark.parametrize(
    "name",
    ["openai:no-such-model", "nobody:gpt-5", "ollama:llama3", "lmstudio:x", "compatible:gpt-5", "gpt-5", "openai:", ""],
)
def test_an_unknown_price_is_none(name):
    """Never zero: neither for models nor for vendors, nor for names that are none."""
    assert list_rates(name) is None


def test_half_a_price_is_none():
    """A model that the list prices by the hour, or in one direction only, has no rates."""
    by_other_means = [
        f"{provider.id}:{model.id}"
        for provider in get_snapshot().providers
        if provider.id in {"openai", "groq", "openrouter"}
        for model in provider.models
        if (prices := model.get_prices(datetime.now(UTC))).input_mtok is None or prices.output_mtok is None
    ]
    assert by_other_means
    assert {list_rates(name) for name in by_other_means} == {None}
    assert _rates(ModelPrice(input_mtok=Decimal(1)), 0) is None
    assert _rates(ModelPrice(output_mtok=Decimal(1)), 0) is None


def test_thoughts_may_have_a_price_of_their_own():
    """Where the list has one."""
    found = _rates(ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(2), output_reasoning_mtok=Decimal(3)), 0)
    assert found is not None
    assert found.reasoning == 3


def test_the_list_is_not_loaded_before_it_is_asked():
    """It is slow to import, and most programs set no limit in money."""
    program = "import sys, journeyman.compose; print('genai_prices' in sys.modules)"
    ended = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SRC)},
    )
    assert ended.stdout == "False\n"
