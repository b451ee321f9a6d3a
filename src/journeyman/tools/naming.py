"""Tools under their names, those of earlier days included."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from ..data import CallerError
from .tool import Tool


def by_name(tools: Iterable[Tool[..., Any] | Callable[..., Any]]) -> Mapping[str, Tool[..., Any]]:
    """The tools under their names; plain functions become tools.

    A tool is found by the names that it had `formerly` as well, and then has that name; only the present ones are counted
    and listed. Raises `CallerError` where a name could mean two tools.
    """
    named: dict[str, Tool[..., Any]] = {}
    for item in tools:
        made = cast("Tool[..., Any]", item) if isinstance(item, Tool) else Tool(item)
        if made.name in named:
            raise CallerError(f"two tools are named {made.name!r}; give one of them another with @tool(name=…)")
        named[made.name] = made
    former = former_names(named.values())
    return Named(named, {name: made.under(name) for name, made in former.items()}) if former else named


def former_names(tools: Iterable[Tool[..., Any]]) -> dict[str, Tool[..., Any]]:
    """The tools by the names that they no longer have. Raises `CallerError` for one that some tool has."""
    known = {made.name: made for made in tools}
    former: dict[str, Tool[..., Any]] = {}
    for made in known.values():
        for name in made.formerly:
            other = known.get(name) or former.get(name)
            if other is not None:
                raise CallerError(
                    f"tool {made.name} was formerly {name!r}, and so is or was tool {other.name}: an open call could be of "
                    "either; take the name from one of them"
                )
            former[name] = made
    return former


class Named(Mapping[str, "Tool[..., Any]"]):
    """Tools by name of which some had other names; those are found and not listed."""

    def __init__(self, named: Mapping[str, Tool[..., Any]], former: Mapping[str, Tool[..., Any]]) -> None:
        self._named = named
        self._former = former

    def __getitem__(self, name: str) -> Tool[..., Any]:
        found = self._named.get(name)
        return self._former[name] if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def __repr__(self) -> str:
        return f"Named({', '.join(self._named)}; formerly {', '.join(self._former)})"
