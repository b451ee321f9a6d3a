"""smolagents: `ToolCallingAgent`, which is blocking and ends only by a call of its tool `final_answer`."""

from contextlib import asynccontextmanager

from rich.console import Console
from smolagents import AgentLogger, ChatMessage, LogLevel, Model, OpenAIModel, ToolCallingAgent, tool
from smolagents.models import (
    ChatMessageStreamDelta,
    ChatMessageToolCall,
    ChatMessageToolCallFunction,
    MessageRole,
)
from work import ANSWER, MORE_ROUNDS_THAN_ANY_CASE, Work

BLOCKING = "is blocking: one run at a time in a thread"
LACKS = {
    "tool_round_sqlite_normal": "not driven here",
    "cancel": "not driven here",
    "streams_50": BLOCKING,
    "concurrent_500": BLOCKING,
    "concurrent_2000": BLOCKING,
    "tool_round": "sends tool results as users' messages, which the server's script does not count",
    "tool_round_sqlite": "keeps no journal of a run in SQLite",
    "conversation_journal": "keeps no journal of a run in SQLite",
}


@tool
def lookup(key: str) -> str:
    """Look a value up.

    Args:
        key: what to look for
    """
    return f"value of {key}"


class Session:
    def __init__(self, model: Model, tools: bool, streamed: bool = False) -> None:
        self._agent = ToolCallingAgent(
            tools=[lookup] if tools else [],
            model=model,
            max_steps=MORE_ROUNDS_THAN_ANY_CASE,
            stream_outputs=streamed,
            logger=AgentLogger(LogLevel.OFF, Console(quiet=True)),
        )

    async def run(self, prompt: str) -> str:
        return self._agent.run(prompt)

    async def stream(self, prompt: str) -> str:
        steps = self._agent.run(prompt, stream=True)
        return "".join([step.content for step in steps if isinstance(step, ChatMessageStreamDelta) and step.content])

    async def ask(self, prompt: str) -> str:
        return self._agent.run(prompt, reset=False)


class Stub(Model):
    def __init__(self, rounds: int) -> None:
        super().__init__(model_id="stub")
        self._rounds = rounds

    def generate(self, messages: list[ChatMessage], **_options) -> ChatMessage:
        done = sum(message.role == MessageRole.TOOL_CALL for message in messages)
        name, arguments = ("lookup", {"key": "k"}) if done < self._rounds else ("final_answer", {"answer": ANSWER})
        function = ChatMessageToolCallFunction(name=name, arguments=arguments)
        return ChatMessage(
            MessageRole.ASSISTANT, "", [ChatMessageToolCall(function=function, id=f"call_{done}", type="function")]
        )


@asynccontextmanager
async def session(work: Work):
    model = OpenAIModel(f"{work.script}+final", api_base=work.url, api_key="test")
    yield Session(model, work.tools, streamed=work.script.startswith("stream"))


@asynccontextmanager
async def stub_session(rounds: int):
    yield Session(Stub(rounds), tools=True)
