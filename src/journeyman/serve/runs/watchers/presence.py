"""Who watches which run, as far as this process knows."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec

from ...refusals import Refusal
from .outlet import Outlet

SHOWN = 100
"""How many watchers of a run are told by name."""


class Watcher(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who follows a run: what they call themselves, which nobody has checked, and since when (microseconds)."""

    since: int
    name: str = ""


class Watchers(msgspec.Struct, frozen=True):
    """How many follow a run, and those who came first."""

    count: int
    first: tuple[Watcher, ...]


class Presence:
    """The watchers of all runs, who are told of each other."""

    def __init__(self, most: int, now: Callable[[], int]) -> None:
        self._most = most
        self._now = now
        self._count = 0
        self._rooms: dict[str, dict[Outlet, Watcher]] = {}

    @contextmanager
    def watching(self, run: str, name: str, outlet: Outlet) -> Generator[None]:
        """Be one of the watchers of a run. Raises `Refusal` (503) where there are too many of them in all."""
        if self._count >= self._most:
            raise Refusal(
                503, f"{self._count} watchers are here (max_watchers={self._most}); come back", retry_after="5"
            )
        self._count += 1
        room = self._rooms.setdefault(run, {})
        room[outlet] = Watcher(self._now(), name)
        _nudge(room)
        try:
            yield
        finally:
            self._count -= 1
            del room[outlet]
            if room:
                _nudge(room)
            else:
                del self._rooms[run]

    def of(self, run: str) -> Watchers:
        """The watchers of a run."""
        room = self._rooms.get(run, {})
        return Watchers(len(room), tuple(watcher for _, watcher in zip(range(SHOWN), room.values(), strict=False)))

    def dismiss(self) -> None:
        """Send all watchers away."""
        for room in self._rooms.values():
            for outlet in room:
                outlet.close(Refusal(503, "the server ends; come back with the number of the last fact that you have"))


def _nudge(room: dict[Outlet, Watcher]) -> None:
    for outlet in room:
        outlet.nudge()
