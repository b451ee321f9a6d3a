"""Model-written programs: languages, limits, what comes of them, what a model is told; the `Sandbox` protocol."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .granting import Answer, Answered, Call, Failed, Grant, Waits
from .language import Compiled, Finished, Language, Raised, Scope
from .limits import ProgramLimits
from .offer import Offer, Programs
from .outcome import Outcome, ProgramCall, ProgramError, ProgramFault, Reason, Suspended
from .sandbox import Sandbox

if TYPE_CHECKING:
    from ..compose import open_sandbox
    from .feedback import Told, Turn, told
    from .spoken import Spoken, programs_in

__all__ = [
    "Answer",
    "Answered",
    "Call",
    "Compiled",
    "Failed",
    "Finished",
    "Grant",
    "Language",
    "Offer",
    "Outcome",
    "ProgramCall",
    "ProgramError",
    "ProgramFault",
    "ProgramLimits",
    "Programs",
    "Raised",
    "Reason",
    "Sandbox",
    "Scope",
    "Spoken",
    "Suspended",
    "Told",
    "Turn",
    "Waits",
    "open_sandbox",
    "programs_in",
    "told",
]

_HOMES = {"Spoken": "spoken", "Told": "feedback", "Turn": "feedback", "programs_in": "spoken", "told": "feedback"}


def __getattr__(name: str) -> Any:
    # The one name from above this room: whoever runs programs looks for it here. Fetched when it is asked for (PEP 562), since
    # compose imports this room.
    if name == "open_sandbox":
        from ..compose import open_sandbox  # noqa: PLC0415

        return open_sandbox
    if name in _HOMES:  # what only models without tool calling, and only runs with programs, need
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
