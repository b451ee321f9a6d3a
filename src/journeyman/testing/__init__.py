"""Provider twin, record/replay fixtures, conformance kits for every protocol."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import ScriptedModel
    from .log_kit import DAMAGE_CHECKS, LOG_CHECKS, check_log
    from .twin import Fault, Twin, provider_twin

# Imported when they are used: what a test does not need (a server, a test framework) it does not have to have.
_HOMES = {
    "DAMAGE_CHECKS": ".log_kit",
    "LOG_CHECKS": ".log_kit",
    "Fault": ".twin",
    "ScriptedModel": "..models",
    "Twin": ".twin",
    "check_log": ".log_kit",
    "provider_twin": ".twin",
}

__all__ = ["DAMAGE_CHECKS", "LOG_CHECKS", "Fault", "ScriptedModel", "Twin", "check_log", "provider_twin"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
