"""Agents that keep a journal."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agents import (
        Agent,
        Conversation,
        Run,
        RunAgain,
        RunResult,
        Stream,
        fork,
        fork_sync,
        resume,
        resume_sync,
    )
    from .compose import (
        estimate,
        get_available_models,
        get_available_models_sync,
        get_model_rates,
        open_journal,
        open_model,
        set_model_rates,
    )
    from .data import (
        CallerError,
        Conflict,
        Image,
        JourneymanError,
        LimitExceeded,
        Limits,
        Message,
        ModelError,
        ProviderError,
        Settings,
        Usage,
    )
    from .models import FakeLLM, ScriptedModel
    from .observe import Callbacks, configure_logging
    from .providers import Rates, register_vendor
    from .schema import OutputError
    from .tools import ModelRetry, Pending, RunContext, Tool, tool

# Where each public name lives. Rooms are imported when a name is first used, so that `import journeyman` costs nothing.
_HOMES = {
    "agents": (
        "Agent Conversation Run RunAgain RunResult Stream fork fork_sync resume resume_sync"  # what users hold
    ),
    "compose": (
        "estimate get_available_models get_available_models_sync get_model_rates open_journal open_model set_model_rates"
    ),
    "data": (
        "CallerError Conflict Image JourneymanError LimitExceeded Limits Message ModelError ProviderError Settings Usage"
    ),
    "models": "FakeLLM ScriptedModel",
    "observe": "Callbacks configure_logging",
    "providers": "Rates register_vendor",
    "schema": "OutputError",
    "tools": "ModelRetry Pending RunContext Tool tool",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__version__ = "0.1.0"
__all__ = [
    "Agent",
    "Callbacks",
    "CallerError",
    "Conflict",
    "Conversation",
    "FakeLLM",
    "Image",
    "JourneymanError",
    "LimitExceeded",
    "Limits",
    "Message",
    "ModelError",
    "ModelRetry",
    "OutputError",
    "Pending",
    "ProviderError",
    "Rates",
    "Run",
    "RunAgain",
    "RunContext",
    "RunResult",
    "ScriptedModel",
    "Settings",
    "Stream",
    "Tool",
    "Usage",
    "configure_logging",
    "estimate",
    "fork",
    "fork_sync",
    "get_available_models",
    "get_available_models_sync",
    "get_model_rates",
    "open_journal",
    "open_model",
    "register_vendor",
    "resume",
    "resume_sync",
    "set_model_rates",
    "tool",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
