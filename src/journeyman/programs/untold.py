"""Output that was too long to be told to the model: it is kept for the program after it."""

from __future__ import annotations

from typing import Final, Literal

from .limits import ProgramLimits
from .outcome import Outcome

KEPT: Final = 100_000
"""So many characters of it are kept, the newest: they stand on the journal."""

_NAMES: Final = {"lisp": "last-output", "python": "last_output"}


def untold(outcome: Outcome, language: Literal["lisp", "python"], limits: ProgramLimits) -> tuple[dict[str, str], str]:
    """What the next program finds of it, under its name there, and the words that say how to get at it; both may be empty.

    It is a value like those that programs define, so it is where they are: on the journal, in branches and in the next run of a
    conversation. A tool that reads old output was rejected: it would be one more for every model to know, for a case that is rare.
    """
    if outcome.printed == outcome.output:
        return {}, ""
    kept, name = outcome.output[-KEPT:], _NAMES[language]
    # A character has at most four bytes: a part of this length is told whole, and does not take the place of the rest.
    part = max(1, limits.output_bytes // 4)
    show = f"(println (subs {name} 0 {part}))" if language == "lisp" else f"print({name}[:{part}])"
    what = "all of it is" if len(kept) == len(outcome.output) else f"its last {KEPT:,} characters are"
    return {name: kept}, f"{what} kept in {name}, whose beginning {show} shows"
