"""What may be said about a single run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from ..data import Limits, Message, Secret
from ..journal import Log
from ..observe import Callbacks
from .result import RunResult

Mode = Literal["autonomous", "single_step"]
"""`single_step` rests after every iteration."""


class RunOptions(TypedDict, total=False):
    """Keyword arguments of `run`, `run_stream`, `iter` and `start`; each overrides what the agent was made with.

    `deps` is handed to tools and prompt functions. `history` is what was said before: a result (continued by reference if
    it is in the same journal) or messages. `limits` replaces the agent's limits as a whole. `conversation` and `tags` are
    for finding the run again. `secret` makes the tokens of pending calls, which an approval then has to show; by default it
    is that of the environment (JOURNEYMAN_SECRET). `data` is what the run's programs may read, beside what the agent's may.
    """

    deps: Any
    history: RunResult[Any] | Sequence[Message] | None
    journal: str | Log | None
    limits: Limits | None
    callbacks: Callbacks | None
    mode: Mode | None
    conversation: str | None
    tags: Sequence[str]
    secret: str | Secret | None
    data: Mapping[str, Any] | None
