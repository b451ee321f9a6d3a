"""`journeyman run`: one prompt, one answer."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

from cyclopts import Parameter

from ...agents import RunResult, Stream
from ...data import CallerError
from ...journal import RunState
from .asking import AgentFlags
from .flags import PLAIN, Shown
from .outcome import carry_out, tell
from .view.live import Live, as_object, call_words, how_to_see, tell_again, tell_spent
from .view.screen import Screen

WAITS = 3


def run(
    prompt: Annotated[str, Parameter(help="What to ask; - reads it from standard input.", allow_leading_hyphen=True)],
    /,
    *,
    agent: AgentFlags,
    shown: Shown = PLAIN,
) -> int:
    """Let an agent answer one prompt.

    In a terminal the answer is shown as it comes, with the tools and their durations, and the cost at the end. Where
    standard output is piped it holds the answer alone; the rest goes to standard error. With --json it is one object:
    run, status, output, error, usage, cost (in dollars) and more. Exit code 0: answered, 1: failed, 2: something to mend
    first, 3: a tool waits for somebody, 130: interrupted.
    """
    # Before there is an event loop: it would keep Ctrl-C from ending the wait for input.
    said = sys.stdin.read() if prompt == "-" else prompt
    return carry_out(shown, lambda screen: _run(screen, said, agent))


async def _run(screen: Screen, said: str, flags: AgentFlags) -> int:
    if not said.strip():
        raise CallerError("the prompt is empty; give it as an argument, or - to read it from standard input")
    agent = flags.agent("run")
    async with agent:
        async with agent.run_stream(said, tags=flags.tag or ()) as stream:
            return await _watched(screen, stream, flags)


async def _watched(screen: Screen, stream: Stream[str], flags: AgentFlags) -> int:
    live = Live(screen, flags.journal, words=screen.live)
    try:
        await live.watch(stream)
    except asyncio.CancelledError:
        # Ctrl-C. The run is cancelled before its end is told, so that the journal says the same.
        await stream.run.cancel()
        _tell_end(screen, stream.run.snapshot, flags)
        raise
    except Exception as error:  # noqa: BLE001  (it is told, and decides the exit code)
        code = tell(screen, error, flags.journal)
        _tell_end(screen, stream.run.snapshot, flags)
        return code
    return _answered(screen, stream.result, flags)


def _answered(screen: Screen, result: RunResult[str], flags: AgentFlags) -> int:
    if result.status == "finished" and not screen.live and not screen.json:
        screen.line(result.output)
    _tell_end(screen, result.state, flags)
    for call in result.pending:
        screen.note(
            ("waits for ", "yellow"), call_words(call.tool, call.arguments, how_to_see(result.run_id, flags.journal))
        )
    return WAITS if result.pending else 0


def _tell_end(screen: Screen, state: RunState, flags: AgentFlags) -> None:
    if screen.json:
        screen.object(as_object(state, flags.journal))
        return
    tell_spent(screen, state)
    tell_again(screen, state, flags.journal)
