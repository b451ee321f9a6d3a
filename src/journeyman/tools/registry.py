"""Tools collected under their names, as modules declare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from ..data import CallerError
from .naming import former_names
from .tool import Tool, ToolOptions

P = ParamSpec("P")
R = TypeVar("R")


class ToolRegistry:
    """Collects tools: `@registry.tool`, `@registry.async_tool`; given to an agent as `tools=registry`.

    A journal speaks of tools by name alone, so whoever takes a run up needs the same names. Two tools of one name raise
    `CallerError` where the second one is declared.
    """

    def __init__(self) -> None:
        self._tools: dict[str, Tool[..., Any]] = {}

    @overload
    def tool(self, function: Callable[P, R], /) -> Tool[P, R]: ...
    @overload
    def tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
    def tool(
        self, function: Callable[P, R] | None = None, /, **options: Unpack[ToolOptions]
    ) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
        """Make a function a tool, as `tool` does, and keep it here."""

        def made(function: Callable[P, R]) -> Tool[P, R]:
            return self.add(Tool(function, **options))

        return made if function is None else made(function)

    @overload
    def async_tool(self, function: Callable[P, R], /) -> Tool[P, R]: ...
    @overload
    def async_tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[Callable[P, R]], Tool[P, R]]: ...
    def async_tool(
        self, function: Callable[P, R] | None = None, /, **options: Unpack[ToolOptions]
    ) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
        """The same for a tool whose outcome comes later, from outside: one with `pending=True`."""
        options = {**options, "pending": True}
        return self.tool(**options) if function is None else self.tool(**options)(function)

    def add(self, tool: Tool[P, R]) -> Tool[P, R]:
        """Keep a tool that was made elsewhere; gives it back."""
        if tool.name in self._tools:
            raise CallerError(f"this registry has a tool named {tool.name!r} already; name this one otherwise")
        former_names((*self, tool))
        self._tools[tool.name] = tool
        return tool

    def __getitem__(self, name: str) -> Tool[..., Any]:
        if name not in self._tools:
            raise CallerError(f"there is no tool {name!r} here; there are: {', '.join(self._tools) or 'none'}")
        return self._tools[name]

    def __iter__(self) -> Iterator[Tool[..., Any]]:
        return iter(self._tools.values())

    def __len__(self) -> int:
        return len(self._tools)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def __repr__(self) -> str:
        return f"ToolRegistry({', '.join(self._tools)})"
