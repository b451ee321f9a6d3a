"""pydantic-ai: `Agent` over its OpenAI chat model, no instrumentation."""

from contextlib import asynccontextmanager

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from systems.openai_client import open_client
from work import ANSWER, Work, lookup

LACKS = {
    "tool_round_sqlite_normal": "not driven here",
    "cancel": "not driven here",
    "tool_round_sqlite": "keeps no journal of a run in SQLite",
    "conversation_journal": "keeps no journal of a run in SQLite",
}


class Session:
    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._history: list[ModelMessage] = []

    async def run(self, prompt: str) -> str:
        return (await self._agent.run(prompt)).output

    async def stream(self, prompt: str) -> str:
        async with self._agent.run_stream(prompt) as result:
            return "".join([piece async for piece in result.stream_text(delta=True, debounce_by=None)])

    async def ask(self, prompt: str) -> str:
        result = await self._agent.run(prompt, message_history=self._history)
        self._history = result.all_messages()
        return result.output


@asynccontextmanager
async def session(work: Work):
    async with open_client(work.url) as client:
        model = OpenAIChatModel(work.script, provider=OpenAIProvider(openai_client=client))
        yield Session(Agent(model, tools=[lookup] if work.tools else []))


@asynccontextmanager
async def stub_session(rounds: int):
    async def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        done = len(messages) // 2
        if done == rounds:
            return ModelResponse([TextPart(ANSWER)])
        return ModelResponse([ToolCallPart("lookup", '{"key":"k"}', tool_call_id=f"call_{done}")])

    yield Session(Agent(FunctionModel(answer), tools=[lookup]))
