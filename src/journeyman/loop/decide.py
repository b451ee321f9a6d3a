"""What to do next, given what a run is: pure, without I/O, clock or chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..data import JourneymanError, LimitExceeded, ModelError
from ..journal import CallState, Returned, RunState
from ..schema import OutputError
from ..tools import needs_approval
from .plan import Plan

if TYPE_CHECKING:
    from ..programs import Offer


class AskModel(msgspec.Struct, frozen=True):
    """Send the history to the model."""


class CallTools(msgspec.Struct, frozen=True):
    """Run these calls, at the same time."""

    calls: tuple[CallState, ...]


class RunProgram(msgspec.Struct, frozen=True):
    """Run the program that stands in the answer's words; `note` is what of them was left out, for the model to hear."""

    code: str
    note: str = ""


class AskAgain(msgspec.Struct, frozen=True):
    """Tell the model what is wrong with its output."""

    reason: str
    call_id: str | None = None


class AskApproval(msgspec.Struct, frozen=True):
    """These calls may not be made before somebody has approved them."""

    calls: tuple[CallState, ...]


class Doubt(msgspec.Struct, frozen=True):
    """These calls were begun before a crash, and running them again might do harm: somebody has to say what happened."""

    calls: tuple[CallState, ...]


class Wait(msgspec.Struct, frozen=True):
    """Nothing can be done before somebody outside answers."""


class Finish(msgspec.Struct, frozen=True):
    """The run has its output: `stored` goes to the journal, None meaning the text of the last message."""

    value: Any
    stored: Any = None


class Fail(msgspec.Struct, frozen=True):
    """The run cannot go on."""

    error: JourneymanError


Command = AskModel | CallTools | RunProgram | AskApproval | AskAgain | Doubt | Wait | Finish | Fail


def decide(state: RunState, plan: Plan) -> Command:
    """The next command for a run that has not ended and of which nothing is under way."""
    if state.retries > state.limits.max_retries:
        return _gave_up(state)
    over = _over_tool_calls(state)
    if over is not None:
        return over
    if state.calls:
        return _within_turn(state, plan)
    if state.returned is not None:
        return _on_return(plan, state.returned)
    # Only a whole answer can be final, whatever a stream showed: words may well come before a tool call.
    if state.finish is not None and state.messages[-1].role == "assistant":
        return _on_answer(state, plan)
    return _next_iteration(state, plan)


def _within_turn(state: RunState, plan: Plan) -> Command:
    # No tool is under way when the loop decides, so a call that is marked as started was cut off by a crash.
    cut_off = tuple(call for call in state.calls if call.phase == "started" and not _may_rerun(call, plan))
    if cut_off:
        return Doubt(cut_off)
    ready = tuple(
        call for call in state.calls if call.phase in ("planned", "started") and not plan.is_output(call.call)
    )
    if ready:
        if plan.programs is not None:
            # A program goes on when none of its calls is left to be made: it is told what came of them.
            inside = {call.parent for call in ready}
            ready = tuple(call for call in ready if call.call.id not in inside)
        held = tuple(call for call in ready if is_held(call, state, plan)) if plan.guarded else ()
        return AskApproval(held) if held else CallTools(ready)
    if any(call.phase == "pending" for call in state.calls):
        return Wait()
    given = next(call for call in state.calls if call.phase == "planned")
    return _checked(plan, given.call.arguments, given.call.id)


def is_held(call: CallState, state: RunState, plan: Plan) -> bool:
    """Whether a call has to wait for an approval, or was rejected for the whole run."""
    tool = plan.tools.get(call.call.name)
    if tool is None or call.approved or not tool.requires_approval:
        return False
    decided = next((item for item in state.standing if item.tool == tool.name), None)
    if decided is not None:
        return not decided.approved
    return needs_approval(tool, call.made)


def _may_rerun(call: CallState, plan: Plan) -> bool:
    tool = plan.tools.get(call.call.name)
    # A tool that is gone runs into "there is no such tool", which harms nobody.
    return tool is None or tool.idempotent


def _on_answer(state: RunState, plan: Plan) -> Command:
    text = state.messages[-1].text
    if not text.strip():
        return _on_silence(state)
    if plan.programs is not None and (plan.programs.in_words or plan.programs.must_return):
        return _on_words(state, plan, plan.programs)
    if plan.output.allows_text:
        return _approved(plan, text, None, None)
    if plan.output_tool is None:
        return _checked(plan, text, None)
    try:
        # Some models write the output where they should call the tool for it; there is no reason to insist.
        return _approved(plan, *_read(plan, text), None)
    except OutputError:
        return AskAgain(f"Give your final answer by calling the tool {plan.output_tool}.")


def _on_silence(state: RunState) -> Command:
    if state.finish == "content_filter":
        return Fail(ModelError("the provider's content filter kept the answer back; change the prompt or the model"))
    return AskAgain("Your answer was empty. Answer, or call a tool.")


def _on_words(state: RunState, plan: Plan, programs: Offer) -> Command:
    """An answer in words where programs may stand in it, or where a program has to give the output."""
    text = state.messages[-1].text
    if programs.in_words:
        found = programs.find(text, state.memory)
        if found.code is not None:
            return RunProgram(found.code, found.note or "")
        if found.problem:
            return AskAgain(found.problem)
    return AskAgain(programs.reminder) if programs.must_return else _approved(plan, text, None, None)


def _on_return(plan: Plan, returned: Returned) -> Command:
    """What a program said about the run's output."""
    if returned.failed:
        return Fail(ModelError(f"a program of the model gave up: {returned.failed}"))
    try:
        value = plan.output.load(returned.value)
    except OutputError:
        # Without a contract, whatever a program returns is the output.
        value = returned.value
    return _approved(plan, value, returned.value, None)


def _checked(plan: Plan, json_text: str, call_id: str | None) -> Command:
    try:
        value, stored = _read(plan, json_text)
    except OutputError as error:
        return AskAgain(f"The output does not fit:\n{error}\nMend it and give the whole output again.", call_id)
    return _approved(plan, value, stored, call_id)


def _read(plan: Plan, json_text: str) -> tuple[Any, Any]:
    value = plan.output.check(json_text)
    return value, plan.output.dump(value)


def _approved(plan: Plan, value: Any, stored: Any, call_id: str | None) -> Command:
    if plan.check is None:
        return Finish(value, stored)
    try:
        return Finish(plan.check(value), stored)
    except OutputError as error:
        return AskAgain(str(error), call_id)


def _next_iteration(state: RunState, plan: Plan) -> Command:
    programs = plan.programs
    if programs is not None and programs.must_return and _no_more(state, programs):
        return Fail(LimitExceeded("programs without a return", programs.max_turns, "Programs(max_turns)"))
    most = state.limits.max_iterations
    if most is not None and state.iterations >= most and not state.requested:
        return Fail(LimitExceeded("iterations", most, "max_iterations"))
    return AskModel()


def _no_more(state: RunState, programs: Offer) -> bool:
    return programs.max_turns is not None and state.programs >= programs.max_turns and not state.requested


def _over_tool_calls(state: RunState) -> Fail | None:
    most = state.limits.max_tool_calls
    if most is not None and state.tool_calls > most:
        return Fail(LimitExceeded("tool calls", most, "max_tool_calls", used=state.tool_calls))
    return None


def _gave_up(state: RunState) -> Fail:
    last = state.messages[-1]
    reason = last.text or "; ".join(result.text for result in last.tool_results if result.is_error)
    return Fail(
        ModelError(f"the model did not mend its answer within max_retries={state.limits.max_retries}; last: {reason}")
    )
