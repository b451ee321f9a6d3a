"""Provider twin, record/replay fixtures, conformance kits for every protocol."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models import ScriptedModel
    from ..models.tapes import Tape, tape_model
    from .faults import Fault
    from .log_kit import DAMAGE_CHECKS, LOG_CHECKS, check_log
    from .store_kit import STORE_CHECKS, check_store
    from .tapes import record, replay, tape_from_cassette
    from .twin import Twin, provider_twin
    from .vendor_kit import VENDOR_CHECKS, check_vendor

# Imported when they are used: what a test does not need (a server, a test framework) it does not have to have.
_HOMES = {
    "DAMAGE_CHECKS": ".log_kit",
    "LOG_CHECKS": ".log_kit",
    "Fault": ".faults",
    "STORE_CHECKS": ".store_kit",
    "ScriptedModel": "..models",
    "Tape": "..models.tapes",
    "Twin": ".twin",
    "VENDOR_CHECKS": ".vendor_kit",
    "check_log": ".log_kit",
    "check_store": ".store_kit",
    "check_vendor": ".vendor_kit",
    "provider_twin": ".twin",
    "record": ".tapes",
    "replay": ".tapes",
    "tape_from_cassette": ".tapes",
    "tape_model": "..models.tapes",
}

__all__ = [
    "DAMAGE_CHECKS",
    "LOG_CHECKS",
    "STORE_CHECKS",
    "VENDOR_CHECKS",
    "Fault",
    "ScriptedModel",
    "Tape",
    "Twin",
    "check_log",
    "check_store",
    "check_vendor",
    "provider_twin",
    "record",
    "replay",
    "tape_from_cassette",
    "tape_model",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
