"""journeyman: `Agent` and `Conversation` as its users write them; a run without a database has its journal in memory."""

import time
from contextlib import AsyncExitStack, asynccontextmanager

from journeyman import Agent, Conversation, open_journal, open_model
from work import ANSWER, MORE_ROUNDS_THAN_ANY_CASE, Work, lookup


class Session:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._conversation = Conversation(agent)

    async def run(self, prompt: str) -> str:
        return (await self._agent.run(prompt)).output

    async def stream(self, prompt: str) -> str:
        async with self._agent.run_stream(prompt) as stream:
            return "".join([piece async for piece in stream.text()])

    async def cancel_stream(self, prompt: str) -> float:
        run = await self._agent.start(prompt)
        await anext(run.text())
        asked = time.monotonic()
        await run.cancel()
        return asked

    async def ask(self, prompt: str) -> str:
        return (await self._conversation.ask(prompt)).output


@asynccontextmanager
async def session(work: Work):
    async with AsyncExitStack() as stack:
        url = work.database and f"sqlite:///{work.database}"
        journal = await stack.enter_async_context(open_journal(url)) if url else None
        model = open_model(f"openai:{work.script}", base_url=work.url, api_key="test")
        agent = Agent(model, tools=[lookup] if work.tools else [], journal=journal)
        yield Session(await stack.enter_async_context(agent))


@asynccontextmanager
async def stub_session(rounds: int):
    """Every hook that a user can set is set, and does nothing."""
    # Only this case needs the names below, so the import case does not pay for them.
    from journeyman import Callbacks
    from journeyman.data import Message, ModelResponse, ToolCall
    from journeyman.providers import Capabilities

    class Stub:
        name = "stub:model"
        capabilities = Capabilities()

        async def respond(self, request, emit=None, record=None) -> ModelResponse:
            done = len(request.messages) // 2
            if done == rounds:
                return ModelResponse(Message.assistant(ANSWER))
            call = ToolCall(f"call_{done}", "lookup", '{"key":"k"}')
            return ModelResponse(Message("assistant", (call,)), finish="tool_calls")

        def preview(self, request, *, stream=False) -> None:
            return None

    hooks = Callbacks(
        on_step=hear,
        on_tool_start=hear,
        on_tool_end=hear,
        on_iteration=hear,
        on_output=hear,
        on_request=hear,
        on_response=hear,
        on_error=hear,
    )
    agent = Agent(Stub(), tools=[lookup], callbacks=hooks, max_iterations=MORE_ROUNDS_THAN_ANY_CASE)
    async with agent:
        yield Session(agent)


def hear(*_what: object) -> None:
    pass
