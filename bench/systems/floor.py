"""The floor: the least that a loop written by hand for one program can be, with everything but the journal.

In the case with a database it also writes what a journal must: two commits a round that outlast a loss of power, each
of two rows, in place. It keeps each message as the bytes it was encoded to, decodes only the keys it needs, checks a tool's arguments, gives
a tool's failure back to the model, runs the calls of one turn in parallel, bounds the rounds and reads streams that
are cut anywhere.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Awaitable
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from pydantic import BaseModel
from work import MORE_ROUNDS_THAN_ANY_CASE, Work, lookup

LACKS = {"tool_round_sqlite_normal": "not driven here", "conversation_journal": "keeps no journal"}


class Function(msgspec.Struct):
    name: str | None = None
    arguments: str = ""


class ToolCall(msgspec.Struct, omit_defaults=True, kw_only=True):
    id: str | None = None
    function: Function
    index: int = 0
    type: str | None = None


class Message(msgspec.Struct, omit_defaults=True):
    role: str = ""
    content: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    message: Message
    finish_reason: str | None = None


class Answer(msgspec.Struct):
    choices: list[Choice]


class ChunkChoice(msgspec.Struct):
    delta: Message
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    choices: list[ChunkChoice]


class LookupArguments(BaseModel):
    key: str


ENCODE = msgspec.json.Encoder().encode
DECODE_ANSWER = msgspec.json.Decoder(Answer).decode
DECODE_CHUNK = msgspec.json.Decoder(Chunk).decode
TOOLS = {"lookup": (lookup, LookupArguments)}
Ask = Callable[[list[bytes]], Awaitable[Message]]


def tool_specs() -> list[dict]:
    return [
        {
            "type": "function",
            "function": {"name": name, "description": tool.__doc__, "parameters": arguments.model_json_schema()},
        }
        for name, (tool, arguments) in TOOLS.items()
    ]


async def run_tool(call: ToolCall) -> bytes:
    try:
        tool, arguments = TOOLS[call.function.name]
        content = await tool(**arguments.model_validate_json(call.function.arguments).__dict__)
    except Exception as error:
        content = f"{type(error).__name__}: {error}"
    return ENCODE({"role": "tool", "tool_call_id": call.id, "content": content})


class Rows:
    """A table on SQLite; each commit waits for the disk, as a journal's has to."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA wal_autocheckpoint = 256")
        self._db.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, fact TEXT NOT NULL)")
        self._next = 0

    def keep(self, one: bytes, other: bytes) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        rows = (self._next, one.decode(), self._next + 1, other.decode())
        self._db.execute("INSERT INTO lines VALUES (?,?),(?,?)", rows)
        self._db.execute("COMMIT")
        self._next += 2

    def close(self) -> None:
        self._db.close()


async def loop(ask: Ask, messages: list[bytes], prompt: str, rows: Rows | None = None) -> str:
    messages.append(ENCODE({"role": "user", "content": prompt}))
    for _ in range(MORE_ROUNDS_THAN_ANY_CASE):
        message = await ask(messages)
        messages.append(ENCODE(message))
        calls = message.tool_calls
        if rows:
            rows.keep(messages[-1], b'{"tool":"started"}')
        if not calls:
            return message.content or ""
        if len(calls) == 1:
            messages.append(await run_tool(calls[0]))
        else:
            messages.extend(await asyncio.gather(*map(run_tool, calls)))
        if rows:
            rows.keep(messages[-1], b'{"model":"requested"}')
    raise RuntimeError("too many rounds")


class Floor:
    """An agent over one connection pool."""

    def __init__(self, http: aiohttp.ClientSession, work: Work) -> None:
        self._http = http
        self._url = work.url + "/chat/completions"
        self._headers = {"authorization": "Bearer test", "content-type": "application/json"}
        tools = b'"tools":%b,' % ENCODE(tool_specs()) if work.tools else b""
        self._head = b'{"model":%b,%b"messages":[' % (ENCODE(work.script), tools)
        self._history: list[bytes] = []
        self.rows = Rows(work.database) if work.database else None

    async def run(self, prompt: str) -> str:
        return await loop(self._ask, [], prompt, self.rows)

    async def ask(self, prompt: str) -> str:
        return await loop(self._ask, self._history, prompt)

    async def stream(self, prompt: str) -> str:
        text = [piece async for piece in self._pieces([ENCODE({"role": "user", "content": prompt})])]
        return "".join(text)

    async def cancel_stream(self, prompt: str) -> float:
        speaking = asyncio.Event()

        async def read() -> None:
            async for _ in self._pieces([ENCODE({"role": "user", "content": prompt})]):
                speaking.set()

        reading = asyncio.create_task(read())
        await speaking.wait()
        asked = time.monotonic()
        reading.cancel()
        await asyncio.wait([reading])
        return asked

    async def _ask(self, messages: list[bytes]) -> Message:
        body = self._head + b",".join(messages) + b"]}"
        async with self._http.post(self._url, data=body, headers=self._headers) as reply:
            data = await reply.read()
            if reply.status != 200:
                raise RuntimeError(f"{reply.status}: {data[:1000]!r}")
        return DECODE_ANSWER(data).choices[0].message

    async def _pieces(self, messages: list[bytes]) -> AsyncIterator[str]:
        body = self._head + b",".join(messages) + b'],"stream":true}'
        async with self._http.post(self._url, data=body, headers=self._headers) as reply:
            if reply.status != 200:
                raise RuntimeError(f"{reply.status}: {(await reply.read())[:1000]!r}")
            rest = b""
            async for data in reply.content.iter_any():
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if not line.startswith(b"data: "):
                        continue
                    if line == b"data: [DONE]":
                        return
                    for choice in DECODE_CHUNK(line[6:]).choices:
                        if choice.delta.content:
                            yield choice.delta.content
        raise RuntimeError("the stream broke off")


class StubFloor:
    """The same loop around a model in this process."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds

    async def run(self, prompt: str) -> str:
        return await loop(self._ask, [], prompt)

    async def _ask(self, messages: list[bytes]) -> Message:
        done = len(messages) // 2
        if done == self._rounds:
            return Message("assistant", "The answer is 42.")
        call = ToolCall(id=f"call_{done}", type="function", function=Function("lookup", '{"key":"k"}'))
        return Message("assistant", tool_calls=[call])


@asynccontextmanager
async def session(work: Work):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        floor = Floor(http, work)
        yield floor
        if floor.rows:
            floor.rows.close()


@asynccontextmanager
async def stub_session(rounds: int):
    yield StubFloor(rounds)
