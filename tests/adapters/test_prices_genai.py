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
from journeyman.providers import VENDORS, Rates

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


@pytest.mark.parametrize(
    "name",
    [
        "openai:gpt-5-mini",
        "openai-responses:gpt-5-mini",
        "azure:gpt-4o",
        "anthropic:claude-sonnet-4-5-20250929",
        "gemini:gemini-2.5-flash",
        "google:gemini-2.5-flash",
        "vertex:gemini-2.5-flash",
        "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock:us.amazon.nova-lite-v1:0",
        "mistral:mistral-large-latest",
        "cohere:command-a-03-2025",
        "groq:llama-3.3-70b-versatile",
        "xai:grok-4",
        "deepseek:deepseek-chat",
        "openrouter:anthropic/claude-sonnet-4.5",
        "together:meta-llama/Llama-3.3-70B-Instruct-Turbo",
        "fireworks:accounts/fireworks/models/deepseek-v4-pro",
        "cerebras:gpt-oss-120b",
        "huggingface:meta-llama/Llama-3.3-70B-Instruct:together",
        "moonshot:kimi-k2.6",
        "zai:glm-4.7",
    ],
)
def test_every_vendor_of_the_list_is_found_in_it(name):
    """Under our name for it, with the names that its models have there."""
    rates = list_rates(name)
    assert rates is not None
    assert rates.input > 0
    assert rates.output > 0


def test_the_names_of_providers_are_those_of_the_list():
    """None of the table's is misspelt; the router's prices are those of whoever it passes a request on to."""
    known = {provider.id for provider in get_snapshot().providers}
    named = {row.prices for row in VENDORS.values() if row.prices} - {"huggingface"}
    assert named <= known
    assert any(name.startswith("huggingface_") for name in known)


def test_sounds_have_prices_of_their_own():
    """Google's page: Gemini 2.5 Flash takes sound at $1.00 and words at $0.30."""
    rates = list_rates("gemini:gemini-2.5-flash")
    assert rates is not None
    assert (rates.input, rates.audio_input) == (Decimal("0.3"), 1)


def test_what_is_charged_by_the_request_too_has_no_rates():
    """Perplexity takes some dollars for a thousand requests beside its tokens; tokens alone would tell too little."""
    assert list_rates("perplexity:sonar") is None


def test_what_runs_in_this_process_costs_nothing():
    """That is known; of a server it is not, whoever it may belong to."""
    assert list_rates("transformers:Qwen/Qwen3-0.6B") == Rates(input=0, output=0)
    assert list_rates("airllm:x") == Rates(input=0, output=0)
    for vendor in ("ollama", "lmstudio", "llamacpp", "vllm", "compatible"):
        assert list_rates(f"{vendor}:x") is None


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
    [
        "openai:no-such-model",
        "nobody:gpt-5",
        "ollama:llama3",
        "lmstudio:x",
        "compatible:gpt-5",
        "gpt-5",
        "openai:",
        "",
        "huggingface:m",
    ],
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


def test_a_model_that_gives_vectors_needs_no_price_for_them() -> None:
    """Where one knows that no tokens are given, the price of what is read is enough; else half a price is none."""
    assert list_rates("openai:text-embedding-3-small") is None
    rates = list_rates("openai:text-embedding-3-small", gives_tokens=False)
    assert rates is not None
    assert (rates.input, rates.output) == (Decimal("0.02"), 0)
