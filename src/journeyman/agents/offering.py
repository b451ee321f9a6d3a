"""From what a developer said of an agent's programs to what the loop and its tools are told."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ..compose import language
from ..data import CallerError, Limits, Secret
from ..journal import Instruction
from ..loop import PROGRAM_TOOL
from ..models import Model
from ..programs import Offer, Programs, Scope
from ..programs.crossing import data_as_json
from ..programs.offer import LANGUAGES
from ..programs.protocol import protocol
from ..schema import output_schema
from ..schema.signatures import Signature, signature_of
from ..tools import RunContext, Tool, by_name
from .programming import program_tool
from .prompts import asked
from .waiting import secret_of

Tools = Mapping[str, Tool[..., Any]]

# What the reader takes for one symbol, of a length that one would write.
_SYMBOL = re.compile(r"[^\s,;\"'()\[\]{}\\^`~@/\ufeff\u200b]{1,200}")

GO_ON = "Do your part of the work. What you need for it is in the data that programs can read."
"""What an agent is asked where there is nothing but inputs."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An agent's programs: what they may do, all tools that its runs need, and the names of those that its model may call."""

    offer: Offer
    tools: Tools
    shown: tuple[str, ...]
    output_type: Any

    def guide(self) -> Instruction:
        """What the model is told of programs; the same in every request."""
        scope = Scope(self.offer.tools, self.offer.data, limits=self.offer.limits)
        return Instruction("programs", f"{protocol(self.offer)}\n\n{language(self.offer.language).describe(scope)}")


def offered(
    programs: Programs, own: Tools, model: Model, output_type: Any, secret: Callable[[], str | Secret | None]
) -> Offered:
    """What programs come to for an agent with these tools of its `own`; `secret` is asked for at the first program.

    Raises `CallerError` for tools of one name, data that is not JSON, a signature that is none or beside an `output_type`, and
    for `mode="tool"` with a model that cannot call tools.
    """
    if not isinstance(programs, Programs):  # pyright: ignore[reportUnnecessaryIsInstance]  (not everybody runs a type checker)
        raise CallerError(f"programs= takes Programs(…), for example Programs(tools=[search]), not {programs!r:.60}")
    in_words = programs.mode == "text" or (programs.mode == "auto" and not model.capabilities.tools)
    if not in_words and not model.capabilities.tools:
        raise CallerError(f'{model.name} cannot call tools; use Programs(mode="text")')
    given = own if programs.tools is None else by_name(_callable(programs.tools))
    tools = _merged(own, given)
    # A model that cannot call tools has no other way to those of the agent.
    granted = tools if in_words else given
    data, data_of = _data(programs)
    _check_names(LANGUAGES[programs.language], data)
    offer = Offer(
        language=LANGUAGES[programs.language],
        tools=tuple(tool.spec for tool in granted.values()),
        in_words=in_words,
        signature=_signature(programs, output_type),
        words_do=programs.signature is None and output_schema(output_type).allows_text,
        limits=programs.limits,
        data=data,
        data_of=data_of,
        turn_cpu_seconds=programs.turn_cpu_seconds,
        max_turns=programs.max_turns,
        show_values=programs.show_values,
        sandbox=programs.sandbox,
    )
    runs = program_tool(offer, lambda: secret_of(secret()))
    shown = () if in_words else (*own, runs.name)
    is_type = programs.signature is not None and not isinstance(programs.signature, str | Signature)
    return Offered(offer, by_name([*tools.values(), runs]), shown, programs.signature if is_type else output_type)


def limits_with(programs: Programs | None, limits: Limits) -> Limits:
    """An agent's limits, with those that were said of its programs; raises `CallerError` where both say different ones."""
    if programs is None:
        return limits
    said = {name: getattr(programs, name) for name in ("max_depth", "turn_budget")}
    said = {name: value for name, value in said.items() if value is not None}
    for name, value in said.items():
        if getattr(limits, name) not in (None, value):
            raise CallerError(
                f"give {name} once: it is {getattr(limits, name)} for the agent and {value} for its Programs"
            )
    return msgspec.structs.replace(limits, **said)


async def run_data(
    offer: Offer | None,
    given: Mapping[str, Any] | None,
    context: Callable[[], RunContext[Any]],
    inherited: Mapping[str, Any] = {},
) -> dict[str, Any] | None:
    """What a run's programs may read beside what is there for all runs; None where nothing is said of it.

    Then it is what those of the run before may read, which is `inherited`. Raises `CallerError` for data without programs, for
    what is not JSON or has no name in the language, for a name that is the agent's own, and for inputs that do not fit the
    signature.
    """
    if offer is None:
        if given is not None:
            raise CallerError("data= is what programs may read: give the agent programs=Programs(…), or use deps=")
        return None
    said = data_as_json(given, "data")
    made = {} if offer.data_of is None else data_as_json(await asked(offer.data_of, context), "data")
    _check_own(offer, made, said)
    data = {**made, **said} or dict(inherited)
    _check_names(offer.language, data)
    data = _with_inputs(offer, data)
    return None if not data or data == inherited else data


def is_same_data(offer: Offer | None, given: Mapping[str, Any] | None, known: Mapping[str, Any] | None) -> bool:
    """Whether a run that began with the data `known` was given this; what the agent's own function adds is not known here."""
    said, there = data_as_json(given, "data"), known or {}
    if offer is None:
        return said == there
    if offer.data_of is None:
        return _with_inputs(offer, said) == there
    return _with_inputs(offer, {**there, **said}) == there


def _with_inputs(offer: Offer, data: Mapping[str, Any]) -> dict[str, Any]:
    """Data in which the inputs of the signature are as their types have them; raises `InputMismatch`."""
    if offer.signature is None or not offer.signature.parameters:
        return dict(data)
    checked = offer.signature.check_inputs({**offer.data, **data})
    return {**data, **{name: checked[name] for name in offer.signature.inputs if name in checked}}


def _check_own(offer: Offer, made: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Refuse to replace what the agent itself gives, but for an input that its signature names.

    What a run is given may come from a client, from a step before or from the model of another agent.
    """
    inputs = () if offer.signature is None else offer.signature.inputs
    own = next((name for name in said if name in made or (name in offer.data and name not in inputs)), None)
    if own is not None:
        raise CallerError(
            f"data: the agent gives {own[:60]!r} itself; give yours another name, or name it in its signature"
        )


def _check_names(language: str, data: Mapping[str, Any]) -> None:
    """Refuse data that Lisp has no way to read: there a name is a symbol, `data/name`, and not a string."""
    odd = next((name for name in data if language == "lisp" and not _SYMBOL.fullmatch(name)), None)
    if odd is not None:
        raise CallerError(
            f"data: {odd[:60]!r} cannot be written as data/name in Lisp; give it a name of letters, digits and -"
        )


def _callable(tools: Iterable[Any]) -> list[Any]:
    """The tools, among which an agent is none by itself: it may be one under several names, and in several words."""
    given = list(tools)
    agents = [tool.name for tool in given if hasattr(tool, "as_tool")]
    if agents:
        raise CallerError(f"agent {agents[0]} is a tool by its as_tool(): give Programs(tools=[agent.as_tool(), …])")
    return given


def _merged(own: Tools, given: Tools) -> Tools:
    for name, tool in given.items():
        there = own.get(name)
        if there is not None and there is not tool and there.function is not tool.function:
            raise CallerError(f"a tool of the agent and one of its programs are named {name!r}; give one another name")
    # The agent's own come last: for one function in both places, what was said of it there holds.
    tools = by_name({**given, **own}.values())
    if PROGRAM_TOOL in tools:
        raise CallerError(f"a tool is named {PROGRAM_TOOL!r}, which is the name of the tool that runs programs")
    return tools


def _signature(programs: Programs, output_type: Any) -> Signature | None:
    if programs.signature is None:
        return None if output_type is str else signature_of(output_type)
    if output_type is not str:
        raise CallerError("give either output_type= or Programs(signature=…): both say what a run gives")
    return signature_of(programs.signature)


def _data(programs: Programs) -> tuple[Mapping[str, Any], Callable[..., Any] | None]:
    if programs.data is None:
        return {}, None
    if callable(programs.data):
        return {}, programs.data
    return data_as_json(programs.data, "data"), None
