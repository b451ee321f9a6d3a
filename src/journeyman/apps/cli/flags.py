"""The flags that all commands have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

JOURNAL = "sqlite:///journeyman.db"

Journal = Annotated[
    str,
    Parameter(
        env_var="JOURNEYMAN_JOURNAL",
        help="Where runs are kept, such as sqlite:///runs.db (a path from here) or memory:.",
    ),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a command shows what it has to say."""

    json: Annotated[bool, Parameter(help="Write JSON to standard output, for machines.")] = False
    debug: Annotated[bool, Parameter(help="Write the log and the traceback of an error to standard error.")] = False


PLAIN = Shown()
