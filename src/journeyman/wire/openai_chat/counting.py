"""What an answer used and cost, by the provider's own count."""

from __future__ import annotations

from ...data import JsonObject, Usage, nanodollars
from ..shapes import object_of

_MOST_DOLLARS = 1e9
# A union in `isinstance` is made anew each time, and this is asked seven times an answer.
_NUMBERS = (int, float)


def usage_of(counts: JsonObject) -> Usage:
    """Tokens in disjoint buckets; counts that contradict each other are cut, never negative.

    Mistral's `num_cached_tokens` is no discount but what its servers happened to have, and is left alone.
    """
    asked, answered = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    details = object_of(counts.get("prompt_tokens_details"))
    # DeepSeek and Moonshot have keys of their own for it.
    read = (
        _count(details, "cached_tokens") or _count(counts, "prompt_cache_hit_tokens") or _count(counts, "cached_tokens")
    )
    read = min(read, asked)
    written = min(_count(details, "cache_write_tokens"), asked - read)
    thought = _count(object_of(counts.get("completion_tokens_details")), "reasoning_tokens")
    if thought and _count(counts, "total_tokens") == asked + answered + thought:
        # xAI counts reasoning apart from the completion; the total tells.
        answered += thought
    thought = min(thought, answered)
    return Usage(asked - read - written, read, written, answered - thought, thought)


def cost_of(counts: JsonObject) -> int | None:
    """What the provider says that it charged, in nano-dollars (OpenRouter's `cost`, Perplexity's `cost.total_cost`)."""
    cost: object = counts.get("cost")
    if cost is None:
        return None
    cost = object_of(cost).get("total_cost", cost)
    if isinstance(cost, _NUMBERS) and not isinstance(cost, bool) and 0 <= cost <= _MOST_DOLLARS:
        return nanodollars(cost)
    return None


def usage_json(usage: Usage, cost: int | None) -> JsonObject:
    """The value of `usage`."""
    prompt = {"cached_tokens": usage.cache_read}
    if usage.cache_write:
        prompt["cache_write_tokens"] = usage.cache_write
    counts: JsonObject = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": prompt,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    if cost is not None:
        counts["cost"] = cost / 1e9
    return counts


def _count(counts: JsonObject, key: str) -> int:
    value: object = counts.get(key)
    if not value or not isinstance(value, _NUMBERS):
        return 0
    return max(int(value), 0)
