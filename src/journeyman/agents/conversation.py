"""A conversation: runs of one agent, each of which goes on from the one before."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Self, Unpack

from ..compose import cost, new_memory_log, new_run_id
from ..data import CallerError, Image, Message, ModelUsage, Part, Role, Usage, dollars, with_usage
from ..loop import blocking
from ..models import Model
from .agent import Agent, AgentOptions
from .options import RunOptions
from .result import RunResult
from .stream import Stream

# RIFF holds other things than WebP, too, but no other picture.
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}


class Conversation:
    """Asks one after another, each knowing what was said before; takes the options of `Agent`.

    Only what is new is sent to the journal. Inside `async with conversation` connections and journal stay open. One thing is asked at a time: a second `ask` while one is under way raises
    `CallerError`; `fork` for a second line of talk.
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

    async def ask(
        self, prompt: str | Sequence[str | Part], *, images: Iterable[bytes | Image] = (), **options: Unpack[RunOptions]
    ) -> RunResult[Any]:
        """Say something and get the answer."""
        self.add_message("user", _with_images(prompt, images))
        return await self.continue_(**options)

    async def continue_(self, **options: Unpack[RunOptions]) -> RunResult[Any]:
        """Let the model speak to what was added with `add_message`."""
        with self._turn(options) as (said, around):
            return self._heard(await self.agent.run(said, **around))

    @asynccontextmanager
    async def ask_stream(
        self, prompt: str | Sequence[str | Part], *, images: Iterable[bytes | Image] = (), **options: Unpack[RunOptions]
    ) -> AsyncGenerator[Stream[Any], None]:
        """Say something and read the answer as it comes: `async with conversation.ask_stream("…") as stream`."""
        self.add_message("user", _with_images(prompt, images))
        with self._turn(options) as (said, around):
            async with self.agent.run_stream(said, **around) as stream:
                yield stream
            self._heard(await stream.finish())

    def add_message(self, role: Role, content: str | Sequence[str | Part]) -> None:
        """Add to what was said, without asking for an answer yet."""
        self._said.append(Message(role, Message.user(content).parts))

    def fork(self) -> Conversation:
        """A second line of talk that begins with all that was said so far."""
        branch = Conversation(self.agent)
        branch._journal = self._journal
        branch._last = self._last
        branch._said = list(self._said)
        branch._used = self._used
        return branch

    @contextmanager
    def _turn(self, options: RunOptions) -> Generator[tuple[list[Message], RunOptions], None, None]:
        if self._busy:
            raise CallerError("this conversation is waiting for an answer; wait for it too, or fork() the conversation")
        said, self._said = self._said, []
        self._busy = True
        try:
            yield said, {**options, "history": self._last, "journal": self._journal, "conversation": self.id}
        except BaseException:
            # What was not answered was said all the same, and goes out again with what comes next.
            self._said[:0] = said
            raise
        finally:
            self._busy = False

    def _heard(self, result: RunResult[Any]) -> RunResult[Any]:
        self._last = result
        for item in result.state.used:
            self._used = with_usage(self._used, item)
        return result

    ask_sync = blocking(ask)
    continue_sync = blocking(continue_)


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
