"""`Agent`, `Run`, `Conversation`: what users hold in their hands."""

from .agent import Agent
from .conversation import Conversation
from .explain import Explanation
from .result import PendingCall, RunResult
from .resume import fork, fork_sync, resume, resume_sync
from .run import Run
from .stream import Stream
from .stretch import RunAgain

__all__ = [
    "Agent",
    "Conversation",
    "Explanation",
    "PendingCall",
    "Run",
    "RunAgain",
    "RunResult",
    "Stream",
    "fork",
    "fork_sync",
    "resume",
    "resume_sync",
]
