"""Answers made durable: checked against what the journal says, then appended to the runs that wait."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from msgspec.structs import replace
from pydantic_core import PydanticSerializationError, to_json

from ...compose import clock, open_journal
from ...data import CallerError, Conflict, Secret
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
from ...loop import Opening, Plan, Track, blocking, surroundings
from ...schema import ArgumentsError, result_text
from ...tools import Done, Pending, outcome_of, refused, told_of_edit
from .answers import Answer, Approve, Reject, RunAgain, check_keys
from .below import plans_of
from .calls import address, kind_of, leaves, moment, parts_of
from .going_on import Rest, is_at_work, is_over, tree_of
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
    check_keys(answers)
    async with open_journal(journal) as log:
        await record_answers(log, await tree_of(log, run_id), answers, secret)


async def record_answers(
    log: Log,
    tree: Sequence[Rest],
    answers: Mapping[str, Answer],
    secret: str | Secret | None = None,
    *,
    takes_over: bool = False,
    plan: Plan | None = None,
) -> None:
    """The same with a run that was read already; `takes_over` says that whoever is at work on it is to lose it anyway.

    With the `plan` of its agent, arguments that somebody has edited have to fit the tool.
    """
    check_keys(answers)
    root = tree[0]
    if root.state.status == "finished":
        raise CallerError(f"run {root.state.run} is finished; there is no call left to answer")
    tracks = _Tracks()
    try:
        facts = await _checked(log, tree, answers, tracks, secret_of(secret))
        if plan is not None:
            _check_edits(tree, facts, plan)
        for rest in () if takes_over else tree:
            if rest.path in facts and is_at_work(rest):
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
    decided = set(answers)
    for name, given in answers.items():
        if name not in waiting:
            raise await _unknown(log, tree, name, list(waiting))
        rest, call = waiting[name]
        if call.deadline is not None and is_over(call, now):
            raise CallerError(f"call {name!r} of run {tree[0].state.run} stopped waiting at {moment(call.deadline)}")
        _check_token(name, given, rest.state.run, call, secret)
        fact = _fact(name, call, given)
        facts.setdefault(rest.path, []).append(fact)
        for other in _others(rest, fact, decided):
            decided.add(address(rest.path, _call_of(other)))
            facts[rest.path].append(other)
    return facts


def _check_edits(tree: Sequence[Rest], facts: Facts, plan: Plan) -> None:
    """Whoever has written the arguments is the one to mend them: the model could only wonder at them."""
    plans = plans_of(tree, plan)
    for rest in tree:
        known = plans.get(rest.path)
        for fact in facts.get(rest.path, ()):
            if known is not None and isinstance(fact, ToolDecided) and fact.arguments is not None:
                _check_edit(rest, fact.call_id, fact.arguments, known)


def _check_edit(rest: Rest, call_id: str, arguments: str, plan: Plan) -> None:
    call = rest.state.call(call_id)
    tool = None if call is None else plan.tools.get(call.call.name)
    if tool is None:
        return
    try:
        tool.schema.check(arguments)
    except ArgumentsError as error:
        name = address(rest.path, call_id)
        raise CallerError(f"call {name!r} cannot be approved like that: {error}") from error


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
    return any(_call_of(fact) == parts[-1] for fact in facts)


def _call_of(fact: Fact) -> str:
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
            arguments = None if given.arguments is None else _arguments(name, given.arguments)
            return ToolDecided(call_id=call_id, approved=True, arguments=arguments, always=given.always)
        case Reject():
            return ToolDecided(call_id=call_id, approved=False, reason=result_text(given.reason), always=given.always)
        case RunAgain():
            return ToolResolved(call_id=call_id, result=None)
        case _:
            done = _done(name, call, given)
            structured = done.structured and bool(call.parent)
            return ToolResolved(call_id=call_id, result=told_of_edit(call, done.result), structured=structured)


def _arguments(name: str, arguments: object) -> str:
    """What is done with what somebody approved must be what he wrote, so that nothing is put in the place of anything."""
    try:
        if isinstance(arguments, Mapping):
            return to_json(dict(cast("Mapping[str, Any]", arguments))).decode()
        why = "not a mapping"
    except (PydanticSerializationError, ValueError, RecursionError) as error:
        why = str(error)
    raise CallerError(f"the arguments with which call {name!r} is approved are JSON values by their names: {why}")


def _done(name: str, call: CallState, given: Answer) -> Done:
    if isinstance(given, Pending | type):
        raise CallerError(
            f"call {name!r} is answered with {given!r}: to let it wait on, leave it out; else give a value, an exception or "
            "an answer such as RunAgain()"
        )
    if isinstance(given, BaseException):
        return refused(call.call, str(given) or type(given).__name__)
    try:
        outcome = outcome_of(call.call, given)
    except CallerError as error:
        raise CallerError(f"the answer to call {name!r} is nothing that a model can read: {error}") from error
    assert isinstance(outcome, Done)  # noqa: S101  (only a Pending waits)
    return outcome


def _others(rest: Rest, fact: Fact, answered: Collection[str]) -> Iterator[Fact]:
    """What else waits in this run for the decision that is to hold for every call of its tool."""
    if not isinstance(fact, ToolDecided) or not fact.always:
        return
    tool = next(call.call.name for call in rest.state.calls if call.call.id == fact.call_id)
    for call in rest.state.calls:
        waits = call.phase == "pending" and kind_of(call) == "approval" and call.call.name == tool
        if waits and address(rest.path, call.call.id) not in answered:
            yield ToolDecided(call_id=call.call.id, approved=fact.approved, reason=fact.reason)


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
