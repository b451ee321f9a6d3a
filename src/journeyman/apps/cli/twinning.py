"""`journeyman twin`: a provider of one's own, on loopback, with faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, cast

import msgspec
from cyclopts import Parameter

from ...compose import open_model
from ...data import CallerError, ModelRequest, ModelResponse, Part
from ...models import Model, ScriptedModel
from ...models.scripted import Line
from ...testing.faults import Fault
from ...testing.twin import Rule, Twin, provider_twin
from .asking import loaded
from .flags import PLAIN, Shown
from .outcome import carry_out
from .standing import CLIENTS, Address, stand
from .view.screen import Screen

_Told = str | list[Part] | ModelResponse
_read: Callable[[bytes], _Told] = msgspec.json.Decoder(_Told).decode
_LOCAL = Address(port=8090)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the answers come from; at most one of these."""

    script: Annotated[Path | None, Parameter(help="What to answer: a line of JSON for each turn.")] = None
    tape: Annotated[Path | None, Parameter(help="A tape: what was asked on it is answered as it was.")] = None
    rule: Annotated[str | None, Parameter(help="A function of the request that gives the answer, as module:name.")] = (
        None
    )
    model: Annotated[str | None, Parameter(help="Another model, as vendor:model, that answers.")] = None


_ECHO = Source()


def twin(
    *,
    source: Source = _ECHO,
    fault: Annotated[
        list[str] | None,
        Parameter(help="What goes wrong in a turn, such as 2:status=429,retry_after=1 or 0:cut=mid_event; repeatable."),
    ] = None,
    address: Address = _LOCAL,
    shown: Shown = PLAIN,
) -> int:
    """Be a provider: every wire on one address, for tests of anything that speaks to a model.

    Without --script, --tape, --rule and --model it says back what the user said last. A line of a script is a string, a
    list of parts such as [{"type": "tool_call", "id": "1", "name": "f", "arguments": "{}"}], or a whole response. Turns
    are counted from 0. Exit code 0 when it was told to end, 2: something to mend first.
    """
    return carry_out(shown, lambda screen: _twin(screen, address, fault or (), _answerer(source)))


async def _twin(screen: Screen, address: Address, faults: Sequence[str], model: Model | Rule) -> int:
    made: Twin = provider_twin(model, faults=dict(map(_fault, faults)))
    return await stand(screen, made.app, address, {**CLIENTS, "key": "any"})


def _answerer(source: Source) -> Model | Rule:
    given = [f"--{field.name}" for field in fields(source) if getattr(source, field.name)]
    if len(given) > 1:
        raise CallerError(f"give one of {' and '.join(given)}")
    if source.script is not None:
        return ScriptedModel(_lines(source.script))
    if source.tape is not None:
        return _tape(source.tape)
    if source.rule is not None:
        return _rule(source.rule)
    return _echo if source.model is None else open_model(source.model)


def _rule(place: str) -> Rule:
    function = loaded("--rule", place)
    if not callable(function):
        raise CallerError(f"--rule {place}: that is no function")
    return cast("Rule", function)


def _echo(request: ModelRequest) -> Line:
    return next((message.text for message in reversed(request.messages) if message.role == "user"), "") or "…"


def _lines(path: Path) -> list[_Told]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise CallerError(f"--script {path}: {error}") from error
    return [_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _line(path: Path, number: int, line: bytes) -> _Told:
    try:
        return _read(line)
    except (msgspec.MsgspecError, CallerError) as error:
        raise CallerError(
            f"{path}, line {number}: neither a string, a list of parts nor a response: {error}"
        ) from error


_FIELDS: dict[str, Callable[[str], object]] = {
    "status": int,
    "message": str,
    "retry_after": float,
    "latency": float,
    "first_token": float,
    "cut": lambda text: int(text) if text.isdecimal() else text,
    "duplicate": int,
    "reorder": int,
}
_FLAGS = ("reset", "malformed", "silence")


def _fault(text: str) -> tuple[int, Fault]:
    turn, _, words = text.partition(":")
    said: dict[str, object] = {}
    try:
        for item in words.split(","):
            name, found, value = item.partition("=")
            said[name] = _FIELDS[name](value) if found else _flag(name)
        return int(turn), msgspec.convert(said, Fault)
    except (KeyError, ValueError) as error:
        known = ", ".join((*(f"{name}=" for name in _FIELDS), *_FLAGS))
        raise CallerError(f"--fault {text!r}: write TURN:what,what with what being one of {known}") from error


def _flag(name: str) -> bool:
    if name not in _FLAGS:
        raise KeyError(name)
    return True


def _tape(path: Path) -> Model:
    from ...testing import tape_model  # noqa: PLC0415  (tapes are read by few)

    model: Model = tape_model(path)
    return model
