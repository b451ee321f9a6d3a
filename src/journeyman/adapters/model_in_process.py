"""A model that runs in this process: it is asked in a thread of its own, answers piece by piece, and can be stopped."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import msgspec

from ..data import (
    Delta,
    Finish,
    JourneymanError,
    JsonObject,
    Message,
    ModelRequest,
    ModelResponse,
    ProviderError,
    Settings,
    ToolSpec,
    Usage,
)
from ..models import Emit, Record
from ..providers import Capabilities, asked_by, lack
from ..wire import HttpRequest
from .model_in_process_answers import Answer
from .model_in_process_turns import tool_of, turns_of

MAX_TOKENS = 2048
"""What an answer may hold where nobody said: on a processor without a card it takes minutes."""

T = TypeVar("T")


class Generated(msgspec.Struct, frozen=True):
    """What a generation came to; `cut` says that it reached its limit."""

    input_tokens: int
    output_tokens: int
    cut: bool = False


class Engine(Protocol):
    """What generates; both block, and are called in one thread at a time.

    `prompt` puts messages and tools, as chat templates take them, into the model's own form. `generate` goes on from it:
    it gives each piece to `tell`, and ends soon when `stopped` says so.
    """

    def prompt(self, messages: list[JsonObject], tools: list[JsonObject]) -> str: ...
    def generate(
        self, prompt: str, settings: Settings, tell: Callable[[str], None], stopped: Callable[[], bool]
    ) -> Generated: ...


class InProcessModel:
    """A `Model` over an engine, which `load` makes at the first request.

    Answers come one after the other: a second request waits for the first. Of `Settings` those count that the engine
    knows, and stop sequences; a tool cannot be forced, since nothing but the template speaks of tools.
    """

    def __init__(
        self, name: str, load: Callable[[], Engine], *, capabilities: Capabilities | None = None, most: int = MAX_TOKENS
    ) -> None:
        self.name = name
        self.capabilities = capabilities or Capabilities(
            json_schema=False, vision=False, audio=False, video=False, documents=False, thinking=False, embeddings=False
        )
        self._load = load
        self._most = most
        self._engine: Engine | None = None
        self._alone = threading.Lock()

    async def respond(
        self,
        request: ModelRequest,
        emit: Emit | None = None,
        record: Record | None = None,  # noqa: ARG002  (one request, one answer: nothing happens on the way)
    ) -> ModelResponse:
        """Ask, and wait for the whole answer; with `emit` it is shown as it is written. Cancelling ends the generation."""
        if (wanted := asked_by(request, self.capabilities.lacking())) is not None:
            raise lack(self.name, wanted)
        messages = turns_of(request.messages, self.name)
        tools = [tool_of(tool) for tool in request.tools if isinstance(tool, ToolSpec)]
        stop = request.settings.stop or ()
        settings = request.settings
        if settings.max_tokens is None:
            settings = msgspec.structs.replace(settings, max_tokens=self._most)
        # A history only grows, so its length makes ids that no earlier turn has had.
        blank = Answer({tool["function"]["name"] for tool in tools}, ids=f"call_{len(request.messages)}")
        heard = _Heard(blank, stop, emit)

        def work(tell: Callable[[str], None], stopped: Callable[[], bool]) -> Generated:
            with self._alone:
                if self._engine is None:
                    self._engine = self._load()
                if stopped():
                    return Generated(0, 0)
                prompt = self._engine.prompt(messages, tools)
                tell(prompt)
                return self._engine.generate(prompt, settings, tell, lambda: stopped() or heard.stopped)

        try:
            done = await _Generation(work, heard.hear).result()
        except JourneymanError:
            raise
        except Exception as error:
            raise ProviderError(f"{self.name}: {type(error).__name__}: {error}", kind="server") from error
        return heard.response(done, request.model or self.name.partition(":")[2])

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:  # noqa: ARG002
        """None: nothing leaves."""
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The model stays loaded: it goes with the last reference to it."""


class _Heard:
    """What was heard of an answer; the first thing told is the prompt that it goes on from."""

    def __init__(self, answer: Answer, stop: tuple[str, ...], emit: Emit | None) -> None:
        self._answer = answer
        self._stop = stop
        self._emit = emit
        self._begun = False
        self._tail = ""
        self.stopped = False

    def hear(self, piece: str) -> None:
        if not self._begun:
            self._begun = True
            if piece.rstrip().endswith("<think>"):
                self._answer.think()
        elif not self.stopped:
            self._show(self._answer.feed(self._before_stop(piece)))

    def response(self, done: Generated, model: str) -> ModelResponse:
        if self._tail:
            self._show(self._answer.feed(self._tail))
        deltas, parts = self._answer.finish()
        self._show(deltas)
        message = Message("assistant", parts)
        finish: Finish = "tool_calls" if message.tool_calls else "length" if done.cut and not self.stopped else "stop"
        return ModelResponse(message, Usage(input=done.input_tokens, output=done.output_tokens), finish, model)

    def _before_stop(self, piece: str) -> str:
        """What is clear of stop sequences; what may begin one is held back."""
        text = self._tail + piece
        for word in self._stop:
            before, found, _ = text.partition(word)
            if found:
                text, self.stopped = before, True
        if self.stopped:
            self._tail = ""
            return text
        sizes = (size for word in self._stop for size in range(1, len(word)) if text.endswith(word[:size]))
        keep = len(text) - max(sizes, default=0)
        self._tail = text[keep:]
        return text[:keep]

    def _show(self, deltas: list[Delta]) -> None:
        if deltas and self._emit is not None:
            self._emit(deltas)


class _Generation(Generic[T]):
    """Blocking work in a daemon thread; what it tells is heard in the event loop, in order, before its result."""

    def __init__(
        self, work: Callable[[Callable[[str], None], Callable[[], bool]], T], hear: Callable[[str], None]
    ) -> None:
        self._work = work
        self._hear = hear
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[T] = self._loop.create_future()
        self._stop = threading.Event()

    async def result(self) -> T:
        # Not a pool's: the interpreter would wait at its exit for a generation that takes minutes.
        threading.Thread(target=self._run, name="journeyman generation", daemon=True).start()
        try:
            return await self._outcome
        finally:
            self._stop.set()

    def _run(self) -> None:
        try:
            result = self._work(self._tell, self._stop.is_set)
        except BaseException as error:  # noqa: BLE001  (it is raised again where the caller waits)
            # A future takes no StopIteration.
            told = RuntimeError(repr(error)) if isinstance(error, StopIteration) else error
            self._in_loop(self._outcome.set_exception, told)
        else:
            self._in_loop(self._outcome.set_result, result)

    def _tell(self, piece: str) -> None:
        self._in_loop(self._hear, piece)

    def _in_loop(self, call: Callable[..., None], value: object) -> None:
        # The loop may be gone before the thread has noticed that nobody wants it any more.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._if_wanted, call, value)

    def _if_wanted(self, call: Callable[..., None], value: object) -> None:
        if self._outcome.done():
            return
        try:
            call(value)
        except Exception as error:  # noqa: BLE001  (what cannot be read is the caller's to hear of, not the loop's)
            self._outcome.set_exception(error)
