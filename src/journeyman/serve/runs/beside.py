"""Runs and models at one address: a gateway beside an app of runs."""

from __future__ import annotations

from ...data import Secret
from ..asgi import App, Receive, Scope, Send, path_of
from .app import Runs

_OURS = ("/runs", "/agents")


class Beside:
    """An ASGI app that gives what is about runs to `runs` and all else to `other`, whose paths are none of these."""

    def __init__(self, runs: Runs, other: App) -> None:
        self._runs = runs
        self._other = other

    @property
    def token(self) -> Secret | None:
        """The token that clients show."""
        return self._runs.token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The other one has nothing to open or to close.
        ours = scope["type"] != "http" or path_of(scope).startswith(_OURS)
        await (self._runs if ours else self._other)(scope, receive, send)

    def dismiss(self) -> None:
        """End the streams of all watchers."""
        self._runs.dismiss()
