"""`journeyman runs resume`, `fork`, `approve` and `cancel`: runs that rest are answered and go on, or are given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

from cyclopts import Parameter

from ...agents import (
    Agent,
    Approve,
    PendingCall,
    Reject,
    RunResult,
    answer,
    check_resume,
    fork,
    parse_answer,
    pending_calls,
    resume,
)
from ...agents.waiting import cancel_run
from ...data import CallerError
from ...journal import Log
from .asking import loaded
from .flags import JOURNAL, PLAIN, Journal, Shown
from .journals import existing, run_named
from .outcome import carry_out
from .view.clean import one_line
from .view.live import as_object, call_words, how_to_see, journal_flag, tell_again, tell_spent
from .view.screen import Screen, short

WAITS = 3

Id = Annotated[str, Parameter(help="The run's id, or as much of its beginning or end as is unmistakable.")]
AgentName = Annotated[str, Parameter(help="The agent whose run it is, as module:variable.")]
Answers = Annotated[
    list[str] | None,
    Parameter(name="--answer", help='An answer to a call that waits, as ID={"value": …}; may be repeated.'),
]


def resume_command(
    run: Id,
    /,
    *,
    agent: AgentName,
    answers: Answers = None,
    anyway: Annotated[
        bool, Parameter(help="Go on also where the agent has changed so that it cannot do what is open.", negative="")
    ] = False,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Go on with a run that was cut off, failed, was paused, or waits.

    An answer is an object with one of "value", "error", "run_again", "approve", "reject". What has changed of the agent since
    the run began is told before anything is done. With --json one object. Exit code 0: answered, 1: failed, 2: something to
    mend first, 3: it waits for somebody.
    """
    return carry_out(shown, lambda screen: _resume(screen, run, agent, (answers or (), anyway), journal))


def fork_command(
    run: Id,
    /,
    *,
    agent: AgentName,
    at: Annotated[int | None, Parameter(help="The number of the last fact to keep; by default all of them.")] = None,
    prompt: Annotated[str | None, Parameter(help="What is said next; by default the open turn goes on.")] = None,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Begin a run that goes on from a place in another one, and work on it; the other one stays as it is."""
    return carry_out(shown, lambda screen: _fork(screen, run, agent, (at, prompt), journal))


def approve_command(  # noqa: PLR0913  (a command's flags are its parameters)
    run: Id,
    call: Annotated[str | None, Parameter(help="The call's id; without one, all calls that wait are listed.")] = None,
    /,
    *,
    reject: Annotated[str | None, Parameter(help="Reject the call instead, for this reason.")] = None,
    arguments: Annotated[str | None, Parameter(help="Approve it with other arguments, as a JSON object.")] = None,
    always: Annotated[bool, Parameter(help="Decide so for every call of this tool in this run.")] = False,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """Approve a tool call that waits for it, or reject it; what waits is shown before it is decided.

    The answer is written to the journal and nothing is run: `journeyman runs resume` or a worker goes on. The secret that
    binds approvals is read from JOURNEYMAN_SECRET, if it is set.
    """
    if reject is not None and arguments is not None:
        return carry_out(shown, _both)
    decided = _decision(reject, arguments, always=always)
    return carry_out(shown, lambda screen: _approve(screen, run, call, decided, journal))


def cancel_command(run: Id, /, *, journal: Journal = JOURNAL, shown: Shown = PLAIN) -> int:
    """Cancel a run that rests, and the runs below it; nobody can answer it then, but it can be resumed.

    A run that a queue works on is cancelled by `journeyman jobs cancel`.
    """
    return carry_out(shown, lambda screen: _cancel(screen, run, journal))


async def _cancel(screen: Screen, run: str, journal: str) -> int:
    async with existing(journal) as log:
        name = await run_named(log, run)
        ended = await cancel_run(name, journal=log)
    if screen.json:
        screen.object({"run": name, "cancelled": list(ended)})
    elif ended:
        screen.line(("cancelled", "yellow"), f"  {', '.join(short(item) for item in ended)}")
    else:
        screen.error(f"run {short(name)} has ended already")
    return 0


async def _both(screen: Screen) -> int:
    del screen
    raise CallerError("a call is approved with other --arguments, or it is rejected; leave out --reject or --arguments")


def _decision(reject: str | None, arguments: str | None, *, always: bool) -> Mapping[str, Any]:
    if reject is not None:
        return {"reject": reject, "always": always}
    return {"approve": True, "always": always, "arguments": arguments}


async def _resume(screen: Screen, run: str, place: str, how: tuple[Sequence[str], bool], journal: str) -> int:
    told, anyway = how
    answers = dict(_answer(item) for item in told)
    async with existing(journal) as log, _agent(place) as agent:
        name = await run_named(log, run)
        check = await check_resume(name, agent, journal=log)
        for change in check.changes:
            screen.note(("changed  ", "yellow"), one_line(change.message))
        if not (check.can_resume or anyway):
            check.raise_if_refused()
        signed = await _signed(log, name, answers)
        result = await resume(name, agent=agent, journal=log, answers=signed, anyway=anyway)
    return tell_result(screen, result, journal)


async def _fork(screen: Screen, run: str, place: str, where: tuple[int | None, str | None], journal: str) -> int:
    at, prompt = where
    async with existing(journal) as log, _agent(place) as agent:
        branch = await fork(await run_named(log, run), at=at, agent=agent, prompt=prompt, journal=log)
        result = await branch.result()
    return tell_result(screen, result, journal)


async def _approve(screen: Screen, run: str, call: str | None, decided: Mapping[str, Any], journal: str) -> int:
    async with existing(journal) as log:
        name = await run_named(log, run)
        waiting = await pending_calls(name, journal=log)
        if call is None:
            return _list(screen, name, waiting, journal)
        chosen = [item for item in waiting if item.id == call]
        for item in chosen:
            screen.note((f"{item.id}  ", "bold"), call_words(item.tool, item.arguments, how_to_see(item.run, journal)))
            if item.kind != "approval":
                raise CallerError(_how_to_answer(item, journal))
        given = decided
        if isinstance(decided.get("arguments"), str):
            given = {**decided, "arguments": _arguments(decided["arguments"])}
        await answer(name, await _signed(log, name, {call: parse_answer(given)}), journal=log)
    words = "approved" if "approve" in decided else "rejected"
    if screen.json:
        screen.object({"run": name, "call": call, "decided": words})
    else:
        screen.line((words, "green" if words == "approved" else "yellow"), f"  {call}")
        screen.note((f"journeyman runs resume {short(name)} --agent module:variable{journal_flag(journal)}", "dim"))
    return 0


def _how_to_answer(item: PendingCall, journal: str) -> str:
    given = '{"value": …}' if item.kind == "pending" else '{"value": …} or {"run_again": true}'
    return (
        f"call {item.id} waits for no approval but for what it came to: journeyman runs resume … --agent module:variable "
        f"--answer '{item.id}={given}'{journal_flag(journal)}"
    )


def _arguments(text: str) -> Any:
    import msgspec  # noqa: PLC0415  (for one flag of one command)

    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise CallerError(f"--arguments is a JSON object: {error}") from error


def _list(screen: Screen, run: str, waiting: Sequence[PendingCall], journal: str) -> int:
    if screen.json:
        for item in waiting:
            screen.object(pending_object(item))
    elif waiting:
        rows = [_cells(item, journal) for item in waiting]
        screen.table(("call", "waits for", "agent", "until", "made as"), rows)
    else:
        screen.error(f"run {short(run)} waits for nobody")
    return 0


def _cells(item: PendingCall, journal: str) -> tuple[str, ...]:
    until = "" if item.deadline is None else item.deadline.astimezone().strftime("%Y-%m-%d %H:%M")
    words = call_words(item.tool, item.arguments, how_to_see(item.run, journal))
    return one_line(item.id), item.kind, one_line(item.agent), until, words


def pending_object(item: PendingCall) -> dict[str, Any]:
    """A call that waits, for machines; without its token, which is for those who may approve."""
    return {
        "id": item.id,
        "run": item.run,
        "agent": item.agent,
        "tool": item.tool,
        "arguments": item.arguments,
        "kind": item.kind,
        "info": item.info,
        "response": item.response,
        "deadline": None if item.deadline is None else item.deadline.isoformat(),
    }


def tell_result(screen: Screen, result: RunResult[Any], journal: str) -> int:
    """What a run came to, and what it waits for; gives the exit code."""
    if screen.json:
        calls = [pending_object(item) for item in result.pending]
        screen.object({**as_object(result.state, journal), "pending": calls})
        return WAITS if result.pending else 0
    told = as_object(result.state, journal)["output"]
    if result.status == "finished":
        screen.line(told if isinstance(told, str) else str(result.output))
    tell_spent(screen, result.state)
    tell_again(screen, result.state, journal)
    for item in result.pending:
        words = call_words(item.tool, item.arguments, how_to_see(item.run, journal))
        screen.note((f"waits ({item.kind})  {item.id}  ", "yellow"), words)
    return WAITS if result.pending else 0


def _answer(item: str) -> tuple[str, Any]:
    name, found, told = item.partition("=")
    if not found or not name:
        raise CallerError(f'--answer {item!r}: write the call\'s id and its answer, such as call_1={{"value": "yes"}}')
    return name, parse_answer(told)


async def _signed(log: Log, run: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Whoever holds the journal and the secret on this machine is shown the calls, and so has their tokens."""
    if not any(isinstance(item, Approve | Reject) for item in answers.values()):
        return dict(answers)
    tokens = {item.id: item.token for item in await pending_calls(run, journal=log)}
    return {name: _with_token(given, tokens.get(name, "")) for name, given in answers.items()}


def _with_token(given: Any, token: str) -> Any:
    match given:
        case Approve(token=""):
            return Approve(given.arguments, always=given.always, token=token)
        case Reject(token=""):
            return Reject(given.reason, always=given.always, token=token)
        case _:
            return given


def _agent(place: str) -> Agent[Any]:
    agent: Agent[Any] = loaded("--agent", place)
    if not isinstance(cast("object", agent), Agent):
        raise CallerError(f"--agent {place}: that is no Agent; name a variable that holds one")
    return agent
