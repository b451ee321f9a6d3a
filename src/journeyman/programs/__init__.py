"""Model-written programs: languages, limits, what comes of them, the `Sandbox` protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .granting import Answer, Answered, Call, Failed, Grant, Waits
from .language import Compiled, Finished, Language, Raised, Scope
from .limits import ProgramLimits
from .outcome import Outcome, ProgramCall, ProgramError, ProgramFault, Reason, Suspended
from .sandbox import Sandbox

if TYPE_CHECKING:
    from ..compose import open_sandbox

__all__ = [
    "Answer",
    "Answered",
    "Call",
    "Compiled",
    "Failed",
    "Finished",
    "Grant",
    "Language",
    "Outcome",
    "ProgramCall",
    "ProgramError",
    "ProgramFault",
    "ProgramLimits",
    "Raised",
    "Reason",
    "Sandbox",
    "Scope",
    "Suspended",
    "Waits",
    "open_sandbox",
]


def __getattr__(name: str) -> Any:
    # The one name from above this room: whoever runs programs looks for it here. Fetched when it is asked for (PEP 562), since
    # compose imports this room.
    if name == "open_sandbox":
        from ..compose import open_sandbox  # noqa: PLC0415

        return open_sandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
