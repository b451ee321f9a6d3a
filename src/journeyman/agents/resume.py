"""Runs taken up again, and branches of runs: anywhere, any day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack

from ..compose import open_journal
from ..data import CallerError
from ..journal import RunState, load
from ..loop import blocking
from .agent import Agent
from .known import agent_of
from .options import RunOptions
from .result import RunResult
from .run import Run
from .stretch import Prompt, Stretch, taken_up

T = TypeVar("T")


async def resume(
    run_id: str,
    *,
    agent: Agent[T] | None = None,
    answers: Mapping[str, Any] | None = None,
    **options: Unpack[RunOptions],
) -> RunResult[T]:
    """Go on with a run that crashed, failed, was paused, stopped or cancelled, or waits; a finished one gives its result.

    No answered model call is asked again and no finished tool is run again. A tool that was cut off is run again if it is
    `idempotent`; otherwise the result is `waiting` and its `pending` call is in doubt, until `answers` says what it came to,
    or `RunAgain()`. `journal` is where the run is kept, by default that of `agent`; without `agent` it is found by its name
    among those of this process. Raises `CallerError` for an unknown run or call, `Conflict` if somebody else is at work on
    the run.
    """
    agent = agent or agent_of(await _state(run_id, options))
    stretch = await taken_up(agent, run_id, answers or {}, options)
    return await stretch.work()


async def fork(
    run_id: str,
    *,
    at: int | None = None,
    agent: Agent[T] | None = None,
    prompt: Prompt = None,
    **options: Unpack[RunOptions],
) -> Run[T]:
    """A new run that goes on from a place in another, which stays as it is; `at` is the number of its last fact.

    It takes no more room than what is new. It is not started: `await branch.result()` does that. With `prompt` it goes on
    with something new that the user says; without, from the very middle of a turn. `journal` and `agent` as in `resume`.
    """
    agent = agent or agent_of(await _state(run_id, options))
    stretch: Stretch[T] = Stretch(agent.definition, options, streams=True)
    await stretch.branch(run_id, at, prompt)
    return Run(agent, stretch, options)


async def _state(run_id: str, options: RunOptions) -> RunState:
    journal = options.get("journal")
    if journal is None:
        raise CallerError(f"say where run {run_id} is kept: journal=, or agent= with a journal of its own")
    async with open_journal(journal) as log:
        return (await load(log, run_id)).state


resume_sync = blocking(resume)
fork_sync = blocking(fork)
