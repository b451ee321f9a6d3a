"""`journeyman models`: which models are within reach, as their vendors tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from ...compose import get_available_models
from ...providers import AvailableModels, load_entry_points
from .flags import PLAIN, Shown
from .outcome import carry_out
from .view.clean import cut, one_line
from .view.screen import Screen


def models(
    *,
    vendor: Annotated[
        list[str] | None, Parameter(help="Only this vendor's, such as openai; may be repeated.", negative="")
    ] = None,
    patience: Annotated[float, Parameter(help="Seconds for each vendor to answer.")] = 10.0,
    plugins: Annotated[bool, Parameter(help="Also those of installed packages that bring vendors.")] = False,
    shown: Shown = PLAIN,
) -> int:
    """List the models that are within reach, by the names that --model takes.

    Asks every vendor with a key in the environment, and the model servers that usually run on a machine, all at once.
    Exit code 0: there are models; 1: there are none. With --json one object.
    """
    return carry_out(shown, lambda screen: _models(screen, vendor, patience, plugins=plugins))


async def _models(screen: Screen, vendors: Sequence[str] | None, patience: float, *, plugins: bool) -> int:
    if plugins:
        load_entry_points()
    found = await get_available_models(vendors or None, patience=patience)
    if screen.json:
        screen.object(
            {
                "models": [{"name": item.name, "vendor": item.vendor, "model": item.model} for item in found.models],
                "addresses": found.addresses,
                "unreachable": found.unreachable,
            }
        )
        return 0 if found.models else 1
    for item in found.models:
        screen.line(one_line(item.name))
    _tell_missing(screen, found)
    return 0 if found.models else 1


def _tell_missing(screen: Screen, found: AvailableModels) -> None:
    for item in found.unreachable:
        if not item.guessed:
            screen.note((f"{item.vendor}: {cut(one_line(item.reason), 200)}", "yellow"))
    guesses = [item.vendor for item in found.unreachable if item.guessed]
    if guesses:
        screen.note((f"no server of {', '.join(guesses)} was found on this machine", "dim"))
    empty = [vendor for vendor in found.addresses if not found.of(vendor)]
    if empty:
        screen.note((f"{', '.join(empty)}: answers, and has no model", "yellow"))
    if not found.models:
        screen.note("there is no model within reach; journeyman doctor says how to get one")
