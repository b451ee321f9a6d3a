"""An agent as a model, so that whatever speaks to a provider can speak to it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from ..agents import Agent, Stream
from ..compose import cost
from ..data import CallerError, Message, ModelRequest, ModelResponse, ProviderError, TextDelta
from ..models import Emit, Record
from ..observe import LlmChunk
from ..providers import Capabilities
from ..wire import HttpRequest

_BETWEEN = "\n\n"


class AgentModel:
    """Each question is a run of the agent, in the agent's own journal, with the agent's own tools, limits and settings.

    The history that a client sends is the run's history. What the agent says on its way (before it calls a tool) is a part
    of the answer, a paragraph of its own; what its tools said is not. Usage and cost are those of the whole run. `options`
    go to each run (`deps`, `tags`, …). Raises `CallerError` for a request with tools or an output format, which the agent
    has itself, and `ProviderError` (409) for a run that waits for somebody.
    """

    def __init__(self, agent: Agent[Any], **options: Any) -> None:
        self.agent = agent
        self.name = f"agent:{agent.name}"
        self.capabilities = Capabilities(tools=False, json_schema=False, states_cost=True)
        self._options = options

    async def respond(
        self,
        request: ModelRequest,
        emit: Emit | None = None,
        record: Record | None = None,  # noqa: ARG002  (what happens on the way is in the agent's journal)
    ) -> ModelResponse:
        """Run the agent; with `emit` its words are streamed if words are its output."""
        if request.tools or request.output is not None:
            raise CallerError(f"{self.name} is an agent: it has its own tools and output, so send it neither")
        if not request.messages:
            raise CallerError("there is nothing to ask: the list of messages is empty")
        async with self.agent.run_stream(request.messages, **self._options) as stream:
            said = await self._said(stream, emit)
            result = await stream.finish()
        if result.pending:
            calls = ", ".join(f"{call.tool} ({call.id})" for call in result.pending)
            raise ProviderError(
                f"run {result.run_id} waits for {calls}; answer with resume({result.run_id!r}, answers={{…}})",
                status=409,
            )
        # The price list may be read for the first time, which takes a while.
        charged = await asyncio.to_thread(cost, result.state.used)
        words = said if said is not None else msgspec.json.encode(result.state.output).decode()
        return ModelResponse(Message.assistant(words), result.usage, "stop", self.name, result.run_id, charged)

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:
        """None: what leaves is up to the run."""

    async def _said(self, stream: Stream[Any], emit: Emit | None) -> str | None:
        """All that the agent says, handed on as it comes; None where its output is no words."""
        if self.agent.output_type is not str:
            return None
        said: list[str] = []
        between = False
        async for event in stream.events():
            if not isinstance(event, LlmChunk):
                between = bool(said)
                continue
            words = _BETWEEN + event.text if between else event.text
            between = False
            said.append(words)
            if emit is not None:
                emit([TextDelta(words)])
        return "".join(said)
