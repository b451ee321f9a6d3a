"""Models around models: asked again, replaced, raced, kept, slowed down; each is a `Model` itself."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cached import Cached
    from .concurrency import ConcurrencyLimited, Slots
    from .fallback import SWITCH_ON, Fallback
    from .hedged import Hedged
    from .rate import RateLimit, RateLimited
    from .retry import Retry, RetryPolicy
    from .stores import MemoryStore, Store

# Each is imported when it is used, for few programs need more than one of them.
_HOMES = {
    "SWITCH_ON": ".fallback",
    "Cached": ".cached",
    "ConcurrencyLimited": ".concurrency",
    "Fallback": ".fallback",
    "Hedged": ".hedged",
    "MemoryStore": ".stores",
    "RateLimit": ".rate",
    "RateLimited": ".rate",
    "Retry": ".retry",
    "RetryPolicy": ".retry",
    "Slots": ".concurrency",
    "Store": ".stores",
}

__all__ = [
    "SWITCH_ON",
    "Cached",
    "ConcurrencyLimited",
    "Fallback",
    "Hedged",
    "MemoryStore",
    "RateLimit",
    "RateLimited",
    "Retry",
    "RetryPolicy",
    "Slots",
    "Store",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home, __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
