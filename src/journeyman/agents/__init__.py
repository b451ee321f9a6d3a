"""`Agent`, `Run`, `Conversation`: what users hold in their hands; agents that write programs, and their steps."""

from .agent import Agent
from .chaining import then, then_sync
from .conversation import Conversation
from .explain import Explanation
from .keeping import (
    Change,
    CheckpointInfo,
    Checkpoints,
    ResumeCheck,
    StateDiff,
    Undone,
    check_resume,
    check_resume_sync,
    export_run,
    export_run_sync,
    import_run,
    import_run_sync,
)
from .result import RunResult
from .resume import advance, advance_sync, create, create_sync, fork, fork_sync, resume, resume_sync
from .run import Run
from .stream import Stream
from .waiting import (
    Answer,
    Approve,
    PendingCall,
    Reject,
    RunAgain,
    answer,
    answer_sync,
    cancel_run,
    cancel_run_sync,
    parse_answer,
    pending_calls,
    pending_calls_sync,
)

__all__ = [
    "Agent",
    "Answer",
    "Approve",
    "Change",
    "CheckpointInfo",
    "Checkpoints",
    "Conversation",
    "Explanation",
    "PendingCall",
    "Reject",
    "ResumeCheck",
    "Run",
    "RunAgain",
    "RunResult",
    "StateDiff",
    "Stream",
    "Undone",
    "advance",
    "advance_sync",
    "answer",
    "answer_sync",
    "cancel_run",
    "cancel_run_sync",
    "check_resume",
    "check_resume_sync",
    "create",
    "create_sync",
    "export_run",
    "export_run_sync",
    "fork",
    "fork_sync",
    "import_run",
    "import_run_sync",
    "parse_answer",
    "pending_calls",
    "pending_calls_sync",
    "resume",
    "resume_sync",
    "then",
    "then_sync",
]
