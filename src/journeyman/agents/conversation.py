"""A conversation: runs of one agent, each of which goes on from the one before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, Unpack

from ..compose import cost, new_memory_log, new_run_id
from ..data import CallerError, Image, Message, ModelUsage, Part, Role, Usage, dollars, usage_since, with_usage
from ..loop import blocking
from ..models import Model
from .agent import Agent, AgentOptions
from .options import RunOptions
from .result import RunResult
from .run import Run
from .stream import Stream
from .stretch import Stretch, taken_up
from .waiting import Answer, PendingCall, cancel_run

# RIFF holds other things than WebP, too, but no other picture.
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


class Conversation:
    """Asks one after another, each knowing what was said before; takes the options of `Agent`.

    Only what is new is sent to the journal. Inside `async with conversation` connections and journal stay open. One thing is
    asked at a time: a second `ask` while one is under way raises `CallerError`; `fork` for a second line of talk. Where an
    answer has to wait for somebody, `pending` has the calls, `continue_(answers={…})` goes on with what was said of them, and
    `cancel` gives them up.
    """

    def __init__(
        self, model: str | Model | Agent[Any], *, output_type: Any = str, **options: Unpack[AgentOptions]
    ) -> None:
        self.agent: Agent[Any] = model if isinstance(model, Agent) else Agent(model, output_type=output_type, **options)
        self.id = new_run_id()
        self._journal = self.agent.definition.journal or new_memory_log()
        self._last: RunResult[Any] | None = None
        self._said: list[Message] = []
        self._used: tuple[ModelUsage, ...] = ()
        self._busy = False

    async def __aenter__(self) -> Self:
        await self.agent.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.agent.__aexit__(kind, error, trace)

    @property
    def messages(self) -> tuple[Message, ...]:
        """Everything that was said."""
        before = () if self._last is None else self._last.messages
        return (*before, *self._said)

    @property
    def usage(self) -> Usage:
        """Tokens of all that was asked."""
        return sum((item.usage for item in self._used), Usage())

    @property
    def cost(self) -> Decimal | None:
        """Dollars for all that was asked; None if a price is not known."""
        nano = cost(self._used)
        return None if nano is None else dollars(nano)

    @property
    def pending(self) -> tuple[PendingCall, ...]:
        """The calls that somebody has to answer before the conversation can go on, those of agents below included."""
        return () if self._last is None else self._last.pending

    async def ask(
        self, prompt: str | Sequence[str | Part], *, images: Iterable[bytes | Image] = (), **options: Unpack[RunOptions]
    ) -> RunResult[Any]:
        """Say something and get the answer. Raises `CallerError` while calls wait for theirs."""
        self._say(prompt, images)
        return await self.continue_(**options)

    async def continue_(
        self, *, answers: Mapping[str, Answer] | None = None, **options: Unpack[RunOptions]
    ) -> RunResult[Any]:
        """Let the model speak to what was added with `add_message`; where calls wait, go on with `answers` to them.

        They are given by the ids in `pending` and need not be complete, as in `resume`; without any, what can be done without
        is done: a deadline is over, a tool can be asked. What was added meanwhile is said after that.
        """
        if self._waits or answers:
            async with self._taking_up(answers or {}, options) as stretch:
                return self._heard(await stretch.work())
        with self._turn() as said:
            return self._heard(await self.agent.run(said, **self._around(options)))

    @asynccontextmanager
    async def ask_stream(
        self, prompt: str | Sequence[str | Part], *, images: Iterable[bytes | Image] = (), **options: Unpack[RunOptions]
    ) -> AsyncGenerator[Stream[Any], None]:
        """Say something and read the answer as it comes: `async with conversation.ask_stream("…") as stream`."""
        self._say(prompt, images)
        async with self.continue_stream(**options) as stream:
            yield stream

    @asynccontextmanager
    async def continue_stream(
        self, *, answers: Mapping[str, Answer] | None = None, **options: Unpack[RunOptions]
    ) -> AsyncGenerator[Stream[Any], None]:
        """The same as `continue_`, read as it comes."""
        if self._waits or answers:
            async with self._taking_up(answers or {}, options) as stretch:
                run: Run[Any] = Run(self.agent, stretch, options)
                async with Stream(lambda: _given(run)) as stream:
                    yield stream
                self._heard(stretch.result() if _was_left(stream) else await stream.finish())
            return
        with self._turn() as said:
            async with self.agent.run_stream(said, **self._around(options)) as stream:
                yield stream
            if _was_left(stream):
                self._said[:0] = said
            else:
                self._heard(await stream.finish())

    async def cancel(self) -> tuple[str, ...]:
        """Give up the calls that wait: their runs are cancelled, and the next `ask` tells the model that nothing came of them.

        Gives the ids of the runs that this has ended, none where nothing waits. Raises `CallerError` while something is under
        way (cancel the task that asks), `Conflict` where somebody else goes on with the run.
        """
        with self._alone():
            if self._last is None or not self._waits:
                return ()
            run = self._last.run_id
            ended = await cancel_run(run, journal=self._journal)
            stretch = await taken_up(self.agent, run, {}, {"journal": self._journal}, only_if_due=True)
            self._heard(await stretch.work())
            return ended

    def add_message(self, role: Role, content: str | Sequence[str | Part]) -> None:
        """Add to what was said, without asking for an answer yet."""
        self._said.append(Message(role, Message.user(content).parts))

    def fork(self) -> Conversation:
        """A second line of talk that begins with all that was said so far.

        Raises `CallerError` while calls wait: what came of them would be known to one of the two lines only.
        """
        if self._waits:
            raise CallerError(f"{self._what_waits()}, before it can be forked")
        branch = Conversation(self.agent)
        branch._journal = self._journal
        branch._last = self._last
        branch._said = list(self._said)
        branch._used = self._used
        return branch

    @property
    def _waits(self) -> bool:
        # A run that is at work was taken up by somebody else, or was lost on the way: its calls are as open.
        return self._last is not None and self._last.status in ("waiting", "running")

    def _what_waits(self) -> str:
        calls = ", ".join(f"{call.id!r} ({call.tool})" for call in self.pending)
        what = f"calls wait for an answer: {calls}" if calls else "its last run has not come to rest"
        return f"in this conversation {what}; go on with continue_(answers={{…}}), or give up with cancel()"

    def _say(self, prompt: str | Sequence[str | Part], images: Iterable[bytes | Image]) -> None:
        if self._waits:
            raise CallerError(f"{self._what_waits()}, before something else is asked")
        self._check_alone()
        self.add_message("user", _with_images(prompt, images))

    def _check_alone(self) -> None:
        if self._busy:
            raise CallerError("this conversation is waiting for an answer; wait for it too, or fork() the conversation")

    def _around(self, options: RunOptions) -> RunOptions:
        return {**options, "history": self._last, "journal": self._journal, "conversation": self.id}

    @contextmanager
    def _alone(self) -> Generator[None, None, None]:
        self._check_alone()
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    @contextmanager
    def _turn(self) -> Generator[list[Message], None, None]:
        with self._alone():
            said, self._said = self._said, []
            try:
                yield said
            except BaseException:
                # What was not answered was said all the same, and goes out again with what comes next.
                self._said[:0] = said
                raise

    @asynccontextmanager
    async def _taking_up(
        self, answers: Mapping[str, Answer], options: RunOptions
    ) -> AsyncGenerator[Stretch[Any], None]:
        """The run that waits, taken up; whatever it comes to, the conversation goes on from there."""
        if self._last is None or not self._waits:
            raise CallerError("no call of this conversation waits for an answer; leave answers= out")
        with self._alone():
            stretch = await taken_up(self.agent, self._last.run_id, answers, {**options, "journal": self._journal})
            try:
                yield stretch
            except BaseException:
                self._heard(stretch.result())
                raise

    def _heard(self, result: RunResult[Any]) -> RunResult[Any]:
        # A run that waited was counted up to there.
        same = self._last is not None and self._last.run_id == result.run_id
        counted = self._last.state.used if self._last is not None and same else ()
        self._last = result
        for item in usage_since(result.state.used, counted):
            self._used = with_usage(self._used, item)
        return result

    ask_sync = blocking(ask)
    continue_sync = blocking(continue_)
    cancel_sync = blocking(cancel)


async def _given(run: Run[Any]) -> Run[Any]:
    return run


def _was_left(stream: Stream[Any]) -> bool:
    """Whether its reader has left it early, which cancels the run and is no error."""
    return stream.run.state == "cancelled"


def _with_images(prompt: str | Sequence[str | Part], images: Iterable[bytes | Image]) -> str | Sequence[str | Part]:
    pictures = [image if isinstance(image, Image) else Image(_media_type(image), data=image) for image in images]
    if not pictures:
        return prompt
    return [prompt, *pictures] if isinstance(prompt, str) else [*prompt, *pictures]


def _media_type(image: bytes) -> str:
    for mark, media_type in _IMAGES.items():
        if image.startswith(mark):
            return media_type
    raise CallerError(
        "these bytes are no PNG, JPEG, GIF or WebP picture; pass Image(media_type, data=…) for another kind"
    )
