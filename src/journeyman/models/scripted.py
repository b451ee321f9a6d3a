"""A model whose words are written beforehand: for tests, demonstrations and work without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ..data import (
    CallerError,
    Message,
    ModelRequest,
    ModelResponse,
    Part,
    Text,
    Thinking,
    ToolCall,
    Usage,
    deltas_of,
)
from ..providers import Capabilities
from ..wire import HttpRequest
from .model import Emit, Record

Line = str | Part | Sequence[Part] | ModelResponse | BaseException
"""What a script says at a turn: words, parts, a whole response, or an error to raise."""

Script = Iterable[Line | Callable[[ModelRequest], Line]]


class ScriptedModel:
    """Answers with the lines of a script, one a request; a line may be a function of the request.

    `requests` holds what it was asked. Usage is counted in words, so that it is the same everywhere; a `ModelResponse` in
    the script states its own. A script may be endless; `CallerError` is raised where it ends too early.
    """

    def __init__(
        self, script: Script, *, name: str = "scripted:model", capabilities: Capabilities | None = None
    ) -> None:
        self.name = name
        self.capabilities = capabilities or Capabilities()
        self.requests: list[ModelRequest] = []
        if isinstance(script, str):
            raise CallerError("a script is a list of lines, and this is one string; write ScriptedModel([…])")
        self._script = iter(script)

    async def respond(
        self,
        request: ModelRequest,
        emit: Emit | None = None,
        record: Record | None = None,  # noqa: ARG002  (one request, one answer: nothing happens on the way)
    ) -> ModelResponse:
        """The script's next line, word by word if there is an `emit`."""
        turn = len(self.requests)
        self.requests.append(request)
        try:
            line = next(self._script)
        except StopIteration:
            raise CallerError(
                f"the script of {self.name} ended after {turn} lines and was asked for one more"
            ) from None
        said = line(request) if callable(line) else line
        if isinstance(said, BaseException):
            raise said
        response = _response(said, request, turn)
        if emit is not None:
            for delta in deltas_of(response.message):
                emit([delta])
                await asyncio.sleep(0)
        return response

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:  # noqa: ARG002
        """None: nothing leaves."""
        return None


FakeLLM = ScriptedModel


def _response(said: str | Part | Sequence[Part] | ModelResponse, request: ModelRequest, turn: int) -> ModelResponse:
    match said:
        case ModelResponse():
            return said
        case str():
            parts: tuple[Part, ...] = (Text(said),)
        case msgspec.Struct():
            parts = (said,)
        case _:
            parts = tuple(said)
    message = Message("assistant", parts)
    return ModelResponse(
        message,
        usage=Usage(input=sum(_words(item) for item in request.messages), output=_words(message)),
        finish="tool_calls" if message.tool_calls else "stop",
        model=request.model or "scripted",
        raw_id=f"scripted-{turn}",
    )


def _words(message: Message) -> int:
    count = 0
    for part in message.parts:
        match part:
            case Text(text) | Thinking(text):
                count += len(text.split())
            case ToolCall():
                count += 1 + len(part.arguments.split())
            case _:
                count += 1
    return count
