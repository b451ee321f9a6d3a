"""agno: `Agent` over its OpenAI chat model, telemetry off."""

from contextlib import asynccontextmanager
from itertools import count

from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.models.base import Model
from agno.models.openai import OpenAIChat
from agno.models.response import ModelResponse
from agno.run.agent import RunContentEvent
from systems.openai_client import open_client
from work import ANSWER, Work, lookup

ALL = 1_000_000

LACKS = {"tool_round_sqlite_normal": "not driven here", "cancel": "not driven here"}


class Session:
    def __init__(self, model: Model, tools: bool, database: str | None = None) -> None:
        db = None
        if database:
            from agno.db.sqlite import SqliteDb

            db = SqliteDb(db_file=database)
        chosen = [lookup] if tools else []
        self._agent = Agent(model=model, tools=chosen, db=db, telemetry=False)
        self._talker = Agent(
            model=model,
            tools=chosen,
            db=db or InMemoryDb(),
            add_history_to_context=True,
            num_history_runs=ALL,
            telemetry=False,
        )
        self._sessions = count()

    async def run(self, prompt: str) -> str:
        return (await self._agent.arun(prompt, session_id=f"run-{next(self._sessions)}")).content

    async def stream(self, prompt: str) -> str:
        events = self._agent.arun(prompt, stream=True, session_id=f"run-{next(self._sessions)}")
        return "".join([event.content async for event in events if isinstance(event, RunContentEvent)])

    async def ask(self, prompt: str) -> str:
        return (await self._talker.arun(prompt, session_id="conversation")).content


class Stub(Model):
    rounds = 0

    async def ainvoke(self, messages, **_options) -> ModelResponse:
        done = sum(message.role == "tool" for message in messages)
        if done == self.rounds:
            return ModelResponse(role="assistant", content=ANSWER)
        function = {"name": "lookup", "arguments": '{"key":"k"}'}
        call = {"id": f"call_{done}", "type": "function", "function": function}
        return ModelResponse(role="assistant", tool_calls=[call])

    def invoke(self, *_args, **_options) -> ModelResponse:
        raise NotImplementedError

    invoke_stream = ainvoke_stream = _parse_provider_response = _parse_provider_response_delta = invoke


@asynccontextmanager
async def session(work: Work):
    async with open_client(work.url) as client:
        model = OpenAIChat(id=work.script, api_key="test", async_client=client)
        yield Session(model, work.tools, work.database)


@asynccontextmanager
async def stub_session(rounds: int):
    model = Stub(id="stub")
    model.rounds = rounds
    yield Session(model, tools=True)
