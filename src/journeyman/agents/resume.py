"""Runs taken up again, and branches of runs: anywhere, any day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, Unpack

from ..compose import open_journal
from ..data import CallerError, Conflict
from ..journal import Log, RunState, exists, load
from ..loop import blocking
from .agent import Agent
from .known import agent_of
from .options import RunOptions
from .prompts import Prompt
from .result import RunResult
from .run import Run
from .stretch import Stretch, taken_up
from .waiting import Answer

T = TypeVar("T")

_LONGEST_ID = 200


async def resume(
    run_id: str,
    *,
    agent: Agent[T] | None = None,
    answers: Mapping[str, Answer] | None = None,
    anyway: bool = False,
    **options: Unpack[RunOptions],
) -> RunResult[T]:
    """Go on with a run that crashed, failed, was paused, stopped or cancelled, or waits; a finished one gives its result.

    No answered model call is asked again and no finished tool is run again. A tool that was cut off is run again if it is
    `idempotent`; otherwise the result is `waiting` and its `pending` call is in doubt, until `answers` says what it came to,
    or `RunAgain()`. `answers` are those to the calls in `pending`, by their ids, whichever run below this one they are of;
    they need not be complete. A run that waits and for which nothing can be done is given back as it is.

    `journal` is where the run is kept, by default that of `agent`; without `agent` it is found by its name among those of
    this process. An `agent` of another name is refused unless `anyway`. Raises `CallerError` for an unknown run or call, for
    edited arguments that do not fit their tool, and as `answer` does; `Conflict` if somebody else is at work on the run.
    """
    agent = await _agent(run_id, agent, options)
    stretch = await taken_up(agent, run_id, answers or {}, options, anyway=anyway)
    return await stretch.work()


async def advance(
    run_id: str,
    *,
    agent: Agent[T] | None = None,
    answers: Mapping[str, Answer] | None = None,
    anyway: bool = False,
    **options: Unpack[RunOptions],
) -> RunResult[T]:
    """Do what can be done for a run, and give it back as it then rests; for workers, and harmless to call once too often.

    Takes up a run that was created or cut off by a crash, and one that waits if there is something to do: an answer came, a
    deadline is over, a tool can be asked again, a run below can go on. A run that ended, that its caller paused, or that
    waits for an answer is not touched. `pending` and `wakes_at` of the result say what it waits for. `agent`, `journal`
    and `anyway` as in `resume`.

    A journal cannot know whether another worker is still alive: call it for a run that nobody works on (hold a lease).
    If two do, the second one takes the run over, and the first one gets `Conflict` at its next fact.
    """
    agent = await _agent(run_id, agent, options)
    stretch = await taken_up(agent, run_id, answers or {}, options, only_if_due=True, anyway=anyway)
    return await stretch.work()


async def create(agent: Agent[Any], prompt: Prompt, *, run_id: str | None = None, **options: Unpack[RunOptions]) -> str:
    """Make a run durable without working on it, and give its id; `advance` begins it, in any process.

    With `run_id` it can be called again after a crash: a run of this agent that is there already is left as it is. Raises
    `CallerError` if that run is another agent's, and where no journal is named: nobody else could find the run.
    """
    if options.get("journal") is None and agent.definition.journal is None:
        raise CallerError(f"say where the run is to be kept: journal=; agent {agent.name!r} has no journal of its own")
    if run_id is not None and not (0 < len(run_id) <= _LONGEST_ID and run_id.isprintable()):
        raise CallerError(f"a run's id is 1 to {_LONGEST_ID} printable characters, not {run_id[:_LONGEST_ID]!r}")
    stretch: Stretch[Any] = Stretch(agent.definition, options)
    await stretch.start(prompt, run_id=run_id)
    try:
        await stretch.drive.commit()
    except Conflict:
        # Either the run is there, or whoever writes here has lost the right to.
        if not await _is_same(run_id or "", agent, stretch.journal):
            raise
    finally:
        await stretch.close()
    return stretch.drive.state.run


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
    with something new that the user says; without, from the very middle of a turn: what was approved in the other run has
    to be approved again, and runs below it are begun anew. `journal` and `agent` as in `resume`, but any agent may do it.
    Raises `CallerError` for an unknown run, and where it has no such fact.
    """
    agent = await _agent(run_id, agent, options)
    stretch: Stretch[T] = Stretch(agent.definition, options, streams=True)
    await stretch.branch(run_id, at, prompt)
    return Run(agent, stretch, options)


async def _agent(run_id: str, given: Agent[T] | None, options: RunOptions) -> Agent[T]:
    """The agent that is to go on with a run, once it is sure that somebody has said where the run is kept."""
    if given is None:
        return agent_of(await _state(run_id, options))
    if options.get("journal") is None and given.definition.journal is None:
        raise CallerError(
            f"say where run {run_id} is kept: journal=; agent {given.name!r} has no journal of its own (a run without one is "
            "kept in memory, as long as its result: journal=result.journal)"
        )
    return given


async def _state(run_id: str, options: RunOptions) -> RunState:
    journal = options.get("journal")
    if journal is None:
        raise CallerError(f"say where run {run_id} is kept: journal=, or agent= with a journal of its own")
    async with open_journal(journal) as log:
        return (await load(log, run_id)).state


async def _is_same(run_id: str, agent: Agent[Any], journal: str | Log) -> bool:
    """Whether a run is there already; raises `CallerError` where it is another agent's."""
    async with open_journal(journal) as log:
        if not await exists(log, run_id):
            return False
        state = (await load(log, run_id)).state
    if state.agent != agent.name:
        raise CallerError(f"run {run_id} is there already, and it is one of agent {state.agent!r}, not {agent.name!r}")
    return True


resume_sync = blocking(resume)
advance_sync = blocking(advance)
create_sync = blocking(create)
fork_sync = blocking(fork)
