"""Steps one after the other: what one agent returned is what the next one's programs read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, TypeGuard, TypeVar, Unpack, cast

from ..data import CallerError
from ..loop import blocking
from ..programs import Offer
from ..schema.signatures import InputMismatch, Signature
from .agent import Agent
from .offering import GO_ON
from .options import RunOptions
from .result import RunResult

T = TypeVar("T")

_ANYTHING = Signature.parse("(value :any) -> :any")


async def then(
    agent: Agent[T],
    input: Any,  # noqa: A002  (as the field calls it)
    prompt: str = GO_ON,
    **options: Unpack[RunOptions],
) -> RunResult[T]:
    """Run an agent on what the step before it gave: a result, whose signature has to fit this agent's inputs, or a value.

    A map, a model or a dataclass gives the inputs by name; anything else is the only one that is required and that nothing else
    gives (`data=`, the agent's own data). Raises `CallerError`, with the paths of what does not fit, before anything is sent:
    where the step before is not finished, where the two signatures cannot fit, and where the value does not.
    """
    offer = agent.plan.programs
    if offer is None:
        raise CallerError(
            f"agent {agent.name} writes no programs, which are what reads an input: give it programs=Programs(…), "
            "or put the input into its prompt"
        )
    data = options.get("data") or {}
    wanted = _wanted(offer, data)
    value = input
    if _is_result(input):
        value = _given(input, agent.name, wanted, offer)
    options["data"] = {**data, **_inputs(agent.name, wanted, _plain(value))}
    return await agent.run(prompt, **options)


then_sync = blocking(then)


def _is_result(value: object) -> TypeGuard[RunResult[Any]]:
    return isinstance(value, RunResult)


def _wanted(offer: Offer, data: Collection[str]) -> Signature:
    """What an input has to give; what else is there to read is not asked of it."""
    signature = offer.signature or Signature((), _ANYTHING.output)
    there = {*offer.data, *data}
    return Signature(tuple([item for item in signature.parameters if item.name not in there]), signature.output)


def _given(before: RunResult[Any], name: str, wanted: Signature, offer: Offer) -> Any:
    if before.status != "finished":
        raise CallerError(f"run {before.run_id} is {before.status}, not finished: it has given nothing to go on with")
    # Data that a function gives is known when the run begins, where all inputs are looked at once more.
    if before.signature is not None and offer.data_of is None:
        misfits = before.signature.fits(wanted)
        if misfits:
            raise CallerError(
                f"agent {name} takes {offer.signature}, which does not fit what run {before.run_id} gave: {'; '.join(misfits)}"
            )
    return before.output


def _plain(value: Any) -> Any:
    """A value as JSON has it; a model or a dataclass becomes a map."""
    try:
        return _ANYTHING.check_inputs({"value": value})["value"]
    except InputMismatch as mismatch:
        raise CallerError(f"the input cannot be given to a program: {'; '.join(mismatch.faults)}") from mismatch


def _inputs(name: str, wanted: Signature, value: Any) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    if wanted.parameters:
        return wanted.inputs_from(value)
    raise CallerError(
        f"agent {name} names no inputs that are still to be given, so a {type(value).__name__} has no name there: "
        'give Programs(signature="(name :type) -> …"), or a dict as input'
    )
