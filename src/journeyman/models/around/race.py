"""Two requests side by side, of which one answer is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...data import Delta, ModelRequest, ModelResponse, ProviderError, failure_of
from ...journal import Fact, ModelDropped, ModelRetried, ModelSwitched
from ..model import Emit, Model, Record
from .failures import in_doubt


class Race:
    """Made for one request to `Hedged`: `start` once or twice, wait for `decided`, take the `result`, `cut_off` in any case.

    It is decided by the first glimpse, by the first answer, or when no request is left that could give one.
    """

    def __init__(self, emit: Emit | None, record: Record | None) -> None:
        self.decided = asyncio.Event()
        self._emit = emit
        self._record = record
        self._runners: list[_Runner] = []
        self._leader: _Runner | None = None
        # To which model the run, as far as it was told, charges the answer.
        self._charged = ""

    def start(self, model: Model, request: ModelRequest) -> None:
        """Send the request to a model."""
        runner = _Runner(self, model.name)
        self._charged = self._charged or model.name
        self._runners.append(runner)
        emit = None if self._emit is None else runner.emit
        answering = model.respond(request, emit, None if self._record is None else runner.record)
        runner.task = asyncio.ensure_future(answering)
        runner.task.add_done_callback(lambda _: self._look())

    async def result(self) -> ModelResponse:
        """The winner's answer, and on the journal what became of the other request."""
        leader = self._leader or self._runners[0]
        try:
            response = await leader.task
        except ProviderError:
            await self._settle(leader)
            raise
        await self._settle(leader)
        if leader.model != self._charged:
            await self.told(ModelSwitched(model=leader.model))
        return response

    async def cut_off(self) -> None:
        """Cancel what is still under way, and wait for its end."""
        tasks = [runner.task for runner in self._runners]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for task in tasks:
            # Looked at, so that nothing is said of an error that nobody was told.
            _ = task.cancelled() or task.exception()

    async def told(self, fact: Fact) -> None:
        """Write a fact down, if anybody does."""
        if self._record is not None:
            await self._record(fact)

    async def tell(self, runner: _Runner, fact: Fact) -> None:
        """Write down what happens on a runner's way."""
        # Before, for a runner that is cut off while the fact is written has written it all the same.
        if isinstance(fact, ModelRetried | ModelSwitched):
            runner.model = self._charged = fact.model
        await self.told(fact)

    def lead(self, runner: _Runner, deltas: Sequence[Delta]) -> None:
        """A runner's glimpses: the first one decides, and only the leader's are passed on."""
        if self._leader is None and deltas:
            self._decide(runner)
        if self._leader is runner and self._emit is not None:
            self._emit(deltas)

    def _look(self) -> None:
        if self.decided.is_set():
            return
        over = [runner for runner in self._runners if runner.task.done()]
        for runner in over:
            # Only a failing provider leaves the field to the other one; a used-up budget, say, ends both.
            if not isinstance(runner.error, ProviderError):
                self._decide(runner)
                return
        if len(over) == len(self._runners):
            self.decided.set()

    def _decide(self, leader: _Runner) -> None:
        self._leader = leader
        self.decided.set()
        for runner in self._runners:
            if runner is not leader:
                runner.task.cancel()

    async def _settle(self, leader: _Runner) -> None:
        for runner in self._runners:
            if runner is not leader:
                await asyncio.wait([runner.task])
                await self.told(runner.dropped())


class _Runner:
    """One of the requests; `model` is the one that it is charged to so far."""

    task: asyncio.Future[ModelResponse]

    def __init__(self, race: Race, model: str) -> None:
        self.model = model
        self._race = race

    def emit(self, deltas: Sequence[Delta]) -> None:
        self._race.lead(self, deltas)

    async def record(self, fact: Fact) -> None:
        await self._race.tell(self, fact)

    @property
    def error(self) -> BaseException | None:
        return asyncio.CancelledError() if self.task.cancelled() else self.task.exception()

    def dropped(self) -> ModelDropped:
        error = self.error
        if error is None:
            response = self.task.result()
            return ModelDropped(model=self.model, usage=response.usage, cost=response.cost)
        if isinstance(error, ProviderError):
            return ModelDropped(model=self.model, failure=failure_of(error), in_doubt=in_doubt(error))
        return ModelDropped(model=self.model, in_doubt=True)
