"""Answers made durable: checked against what the journal says, then appended to the runs that wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from ...compose import clock, open_journal
from ...data import CallerError, Conflict, Secret, ToolResult
from ...journal import (
    CallState,
    ChildStarted,
    Fact,
    Log,
    RunState,
    ToolDecided,
    ToolFinished,
    ToolResolved,
    advance,
    load,
)
from ...loop import Opening, Track, blocking, surroundings
from ...schema import result_text
from .answers import Answer, Approve, Reject, RunAgain
from .calls import address, kind_of, leaves, moment, parts_of
from .going_on import Rest, is_over, tree_of
from .tokens import is_token, secret_of


async def answer(
    run_id: str, answers: Mapping[str, Answer], *, journal: str | Log, secret: str | Secret | None = None
) -> None:
    """Make answers to a run's pending calls durable, without working on the run; `advance` or `resume` goes on from them.

    The keys are the ids of `pending_calls(run_id)`. All answers are checked before any is written; those of runs below are
    written first, each run's at once. Raises `CallerError` for a call that is unknown, answered already, past its deadline
    or waits for another kind of answer, and for an approval without the call's token where a secret is set; `Conflict` if
    somebody else wrote first, or if the run that waits for it is still at work on other calls: writing to its journal now
    would end that work, so try again when it rests.
    """
    async with open_journal(journal) as log:
        await record_answers(log, run_id, answers, secret)


async def record_answers(
    log: Log,
    run: str,
    answers: Mapping[str, Answer],
    secret: str | Secret | None = None,
    *,
    takes_over: bool = False,
) -> None:
    """The same with a journal that is open; `takes_over` says that whoever is at work on the run is to lose it anyway."""
    tree = await tree_of(log, run)
    root = tree[0]
    if root.state.status == "finished":
        raise CallerError(f"run {run} is finished; there is no call left to answer")
    tracks = _Tracks()
    try:
        facts = await _checked(log, tree, answers, tracks, secret_of(secret))
        for rest in () if takes_over else tree:
            if rest.path in facts and rest.state.status == "running":
                raise Conflict(
                    f"run {rest.state.run} is at work (or was cut off at it); answer its calls when it rests"
                )
        await _append(log, tree, facts, tracks)
    finally:
        tracks.close()


Facts = dict[tuple[str, ...], list[Fact]]


async def _checked(
    log: Log, tree: Sequence[Rest], answers: Mapping[str, Answer], tracks: _Tracks, secret: Secret | None
) -> Facts:
    waiting = {address(rest.path, call.call.id): (rest, call) for rest, call in leaves(tree)}
    timed = any(call.deadline is not None for _, call in waiting.values())
    now = tracks.time(tree[0].state) if timed else 0
    facts: Facts = {}
    for name, given in answers.items():
        if name not in waiting:
            raise await _unknown(log, tree, name, list(waiting))
        rest, call = waiting[name]
        if call.deadline is not None and is_over(call, now):
            raise CallerError(f"call {name!r} of run {tree[0].state.run} stopped waiting at {moment(call.deadline)}")
        _check_token(name, given, rest.state.run, call, secret)
        facts.setdefault(rest.path, []).append(_fact(name, call, given))
    return facts


async def _unknown(log: Log, tree: Sequence[Rest], name: str, waiting: list[str]) -> CallerError:
    run = tree[0].state.run
    why = ""
    if any(address(rest.path[:-1], rest.path[-1]) == name for rest in tree if rest.path):
        why = " itself (the run below it does)"
    elif await _was_answered(log, tree[0], parts_of(name)):
        why = " (it was answered already)"
    return CallerError(f"run {run} does not wait for call {name!r}{why}; it waits for: {', '.join(waiting) or 'none'}")


async def _was_answered(log: Log, root: Rest, parts: Sequence[str]) -> bool:
    facts = root.facts
    for part in parts[:-1]:
        below = [fact.run for fact in facts if isinstance(fact, ChildStarted) and fact.call_id == part]
        if not below:
            return False
        facts = (await load(log, below[-1])).facts
    return any(_call_id(fact) == parts[-1] for fact in facts)


def _call_id(fact: Fact) -> str:
    match fact:
        case ToolResolved() | ToolDecided():
            return fact.call_id
        case ToolFinished():
            return fact.result.call_id
        case _:
            return ""


def _check_token(name: str, given: Answer, run: str, call: CallState, secret: Secret | None) -> None:
    if not isinstance(given, Approve | Reject):
        return
    if secret is None:
        if given.token:
            raise CallerError(
                f"call {name!r} was answered with a token, and there is no secret to check it with; set secret="
            )
        return
    if not is_token(given.token, secret, run, call):
        raise CallerError(
            f"the token for call {name!r} does not fit: it is that of another call, of other arguments or of another secret; "
            "show the call anew and answer with its own token"
        )


def _fact(name: str, call: CallState, given: Answer) -> Fact:
    call_id = call.call.id
    approval = kind_of(call) == "approval"
    if approval is not isinstance(given, Approve | Reject):
        wanted = "Approve(…) or Reject(…)" if approval else "what it came to, an exception, or RunAgain()"
        raise CallerError(f"call {name!r} of tool {call.call.name} waits for {kind_of(call)}; answer it with {wanted}")
    match given:
        case Approve():
            arguments = None if given.arguments is None else result_text(dict(given.arguments))
            return ToolDecided(call_id=call_id, approved=True, arguments=arguments, always=given.always)
        case Reject():
            return ToolDecided(call_id=call_id, approved=False, reason=result_text(given.reason), always=given.always)
        case RunAgain():
            return ToolResolved(call_id=call_id, result=None)
        case BaseException():
            return ToolResolved(call_id=call_id, result=ToolResult(call_id, result_text(str(given)), is_error=True))
        case _:
            return ToolResolved(call_id=call_id, result=ToolResult(call_id, result_text(given)))


async def _append(log: Log, tree: Sequence[Rest], facts: Facts, tracks: _Tracks) -> None:
    """From the deepest run up: what a run is told before those above are told that it can go on."""
    answered = frozenset(facts)
    above_of = {rest.path: next(item for item in tree if item.path == rest.path[:-1]) for rest in tree if rest.path}
    for rest in reversed(tree):
        new = facts.get(rest.path)
        if new is None:
            continue
        state = rest.state
        stamped: list[Fact] = []
        for fact in new:
            stamped.append(replace(fact, seq=state.next_seq, at=tracks.time(rest.state, fact)))
            state = advance(state, stamped[-1])
        try:
            await log.append(rest.state.run, rest.state.next_seq, stamped)
        except Conflict:
            # Nothing was answered here: whoever took this run up meanwhile looks at the runs below it as well.
            if rest.path in answered:
                raise
        if rest.path and state.status != "waiting" and above_of[rest.path].state.status == "waiting":
            above = facts.setdefault(rest.path[:-1], [])
            above.append(ToolResolved(call_id=rest.path[-1], result=None))


class _Tracks:
    """Where the times of the facts come from: the clock, or a tape that is in."""

    def __init__(self) -> None:
        self._around = surroundings.get()
        self._open: dict[str, Track] = {}

    def time(self, state: RunState, fact: Fact | None = None) -> int:
        """The time of a fact in a run, or of a look at the clock."""
        if self._around is None:
            return clock()
        track = self._open.get(state.run)
        if track is None:
            opening = Opening(agent=state.agent, fingerprint=state.fingerprint, parent=state.parent, resumes=state.run)
            track = self._open[state.run] = self._around.open(opening)
        return track.time(fact)

    def close(self) -> None:
        """Nothing more is written."""
        for track in self._open.values():
            track.close()


answer_sync = blocking(answer)
