"""A run that is read while it works, and that ends with its reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Generic, TypeVar

from ..data import CallerError
from ..loop import blocking, blocking_iterator
from ..observe import AgentStep, Event
from .result import RunResult
from .run import Run

T = TypeVar("T")


class Stream(Generic[T]):
    """What `run_stream` gives: `async with agent.run_stream("…") as stream: async for text in stream.text(): …`.

    Each view may be read, from any task of the same event loop, and read again: a late reader gets the facts from the
    beginning. Leaving the context early cancels the run. An error of the run is raised where a view ends, or at the end of
    the context.
    """

    def __init__(self, begin: Callable[[], Awaitable[Run[T]]]) -> None:
        self._begin = begin
        self._run: Run[T] | None = None
        self._result: RunResult[T] | None = None
        self._raised = False

    @property
    def run(self) -> Run[T]:
        """The run itself. Raises `CallerError` before the context is entered."""
        if self._run is None:
            raise CallerError("the stream is not open; write: async with agent.run_stream(…) as stream")
        return self._run

    @property
    def result(self) -> RunResult[T]:
        """The run's result. Raises `CallerError` while it is still at work."""
        if self._result is None:
            raise CallerError("the run is still at work; read a view to its end or await stream.finish()")
        return self._result

    async def finish(self) -> RunResult[T]:
        """Wait for the run's result, whatever was read of it."""
        try:
            self._result = await self.run.result()
        except BaseException:
            self._raised = True
            raise
        return self._result

    async def text(self) -> AsyncIterator[str]:
        """The words of the answers as they come."""
        async for text in self.run.text():
            yield text
        await self.finish()

    async def events(self, after: int = -1) -> AsyncIterator[Event]:
        """The run as events; `after` is the number of a fact."""
        async for event in self.run.events(after):
            yield event
        await self.finish()

    async def steps(self) -> AsyncIterator[AgentStep]:
        """The run as steps."""
        async for step in self.run.steps():
            yield step
        await self.finish()

    async def __aenter__(self) -> Stream[T]:
        if self._run is not None:
            raise CallerError("a stream is opened once; call run_stream again for another run")
        self._run = await self._begin()
        self._run.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.run.rests:
            await self.run.cancel()
        elif error is None and not self._raised:
            await self.finish()

    finish_sync = blocking(finish)
    text_sync = blocking_iterator(text)
    events_sync = blocking_iterator(events)
    steps_sync = blocking_iterator(steps)
