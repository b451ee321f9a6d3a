"""LangChain's `create_agent`, a LangGraph graph, over `ChatOpenAI`; no LangSmith."""

from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from systems.openai_client import open_client
from work import ANSWER, MORE_ROUNDS_THAN_ANY_CASE, Work, lookup

STEPS = 3 * MORE_ROUNDS_THAN_ANY_CASE

LACKS = {"tool_round_sqlite_normal": "not driven here", "cancel": "not driven here"}


class Session:
    def __init__(self, model: BaseChatModel, tools: bool, saver: AsyncSqliteSaver | None = None) -> None:
        chosen = [lookup] if tools else []
        self._agent = create_agent(model, chosen, checkpointer=saver)
        self._talker = create_agent(model, chosen, checkpointer=saver or InMemorySaver())
        self._threads = count()

    async def run(self, prompt: str) -> str:
        state = await self._agent.ainvoke(self._said(prompt), self._config(f"run-{next(self._threads)}"))
        return state["messages"][-1].text

    async def stream(self, prompt: str) -> str:
        config = self._config(f"run-{next(self._threads)}")
        parts = self._agent.astream(self._said(prompt), config, stream_mode="messages")
        return "".join([message.text async for message, _ in parts if isinstance(message, AIMessageChunk)])

    async def ask(self, prompt: str) -> str:
        state = await self._talker.ainvoke(self._said(prompt), self._config("conversation"))
        return state["messages"][-1].text

    @staticmethod
    def _said(prompt: str) -> dict:
        return {"messages": [{"role": "user", "content": prompt}]}

    @staticmethod
    def _config(thread: str) -> dict:
        return {"recursion_limit": STEPS, "configurable": {"thread_id": thread}}


class Stub(BaseChatModel):
    rounds: int

    @property
    def _llm_type(self) -> str:
        return "stub"

    def bind_tools(self, *_args, **_options) -> "Stub":
        return self

    def _generate(self, messages: list[BaseMessage], *_args, **_options) -> ChatResult:
        done = len(messages) // 2
        if done == self.rounds:
            message = AIMessage(ANSWER)
        else:
            message = AIMessage("", tool_calls=[{"name": "lookup", "args": {"key": "k"}, "id": f"call_{done}"}])
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *_args, **_options) -> ChatResult:
        return self._generate(messages)


@asynccontextmanager
async def session(work: Work):
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(work.url))
        saver = work.database and await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(work.database))
        model = ChatOpenAI(
            model=work.script,
            base_url=work.url,
            api_key="test",
            async_client=client.chat.completions,
            root_async_client=client,
        )
        yield Session(model, work.tools, saver or None)


@asynccontextmanager
async def stub_session(rounds: int):
    yield Session(Stub(rounds=rounds), tools=True)
