"""Runs that wait: which calls of a run and of the runs below it somebody has to answer, and what the answers do."""

from .answers import Answer, Approve, Reject, RunAgain, parse_answer
from .below import AgentTool, plans_of
from .calls import PendingCall, calls_of, moment, pending_calls, pending_calls_sync
from .ending import cancel_run, cancel_run_sync, end_tree
from .finding import found
from .going_on import Rest, free_children, goes_on, is_over, tree_of, wakes_at
from .recording import answer, answer_sync, record_answers
from .tokens import SECRET_VARIABLE, secret_of

__all__ = [
    "SECRET_VARIABLE",
    "AgentTool",
    "Answer",
    "Approve",
    "PendingCall",
    "Reject",
    "Rest",
    "RunAgain",
    "answer",
    "answer_sync",
    "calls_of",
    "cancel_run",
    "cancel_run_sync",
    "end_tree",
    "found",
    "free_children",
    "goes_on",
    "is_over",
    "moment",
    "parse_answer",
    "pending_calls",
    "pending_calls_sync",
    "plans_of",
    "record_answers",
    "secret_of",
    "tree_of",
    "wakes_at",
]
