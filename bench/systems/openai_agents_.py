"""openai-agents: `Runner` over its chat completions model, tracing off."""

from contextlib import asynccontextmanager

from agents import (
    Agent,
    Model,
    ModelResponse,
    OpenAIChatCompletionsModel,
    RunConfig,
    Runner,
    SQLiteSession,
    Usage,
    function_tool,
    set_tracing_disabled,
)
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
)
from systems.openai_client import open_client
from work import ANSWER, MORE_ROUNDS_THAN_ANY_CASE, Work, lookup

set_tracing_disabled(True)
SETTINGS = {"max_turns": MORE_ROUNDS_THAN_ANY_CASE, "run_config": RunConfig(tracing_disabled=True)}

LACKS = {"tool_round_sqlite_normal": "not driven here", "cancel": "not driven here"}


class Session:
    def __init__(self, model: Model, tools: bool, database: str | None = None) -> None:
        self._agent = Agent(name="bench", model=model, tools=[function_tool(lookup)] if tools else [])
        self._database = database
        self._runs = 0
        self._history: list = []
        self._conversation = SQLiteSession("conversation", database) if database else None

    async def run(self, prompt: str) -> str:
        self._runs += 1
        session = SQLiteSession(f"run-{self._runs}", self._database) if self._database else None
        return (await Runner.run(self._agent, prompt, session=session, **SETTINGS)).final_output

    async def stream(self, prompt: str) -> str:
        pieces = []
        async for event in Runner.run_streamed(self._agent, prompt, **SETTINGS).stream_events():
            if event.type == "raw_response_event" and isinstance(event.data, ResponseTextDeltaEvent):
                pieces.append(event.data.delta)
        return "".join(pieces)

    async def ask(self, prompt: str) -> str:
        if self._conversation:
            return (await Runner.run(self._agent, prompt, session=self._conversation, **SETTINGS)).final_output
        said = [*self._history, {"role": "user", "content": prompt}]
        result = await Runner.run(self._agent, said, **SETTINGS)
        self._history = result.to_input_list()
        return result.final_output


class Stub(Model):
    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    async def get_response(self, system_instructions, input, *_args, **_options) -> ModelResponse:
        done = 0 if isinstance(input, str) else len(input) // 2
        if done == self._rounds:
            text = ResponseOutputText(type="output_text", text=ANSWER, annotations=[])
            output = ResponseOutputMessage(id="1", type="message", role="assistant", status="completed", content=[text])
        else:
            output = ResponseFunctionToolCall(
                type="function_call", call_id=f"call_{done}", name="lookup", arguments='{"key":"k"}'
            )
        return ModelResponse(output=[output], usage=Usage(), response_id=None)

    def stream_response(self, *_args, **_options):
        raise NotImplementedError


@asynccontextmanager
async def session(work: Work):
    async with open_client(work.url) as client:
        yield Session(OpenAIChatCompletionsModel(work.script, client), work.tools, work.database)


@asynccontextmanager
async def stub_session(rounds: int):
    yield Session(Stub(rounds), tools=True)
