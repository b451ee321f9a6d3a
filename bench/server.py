"""The loopback server that every system talks to: OpenAI chat completions over HTTP/1.1, from a script.

The model's name is the script, of parts joined by "+":

    plain              one short answer
    tools-10           ten rounds that each call the tool `lookup` once, then the answer
    stream-500         an answer of 500 pieces, sent in few writes
    stream-40+pace-50  an answer of 40 pieces, 50 ms apart
    latency-200        200 ms before every reply
    hangups            when (on the machine's monotonic clock) a client last hung up on a stream that was still coming
    final              the answer is a call of the tool `final_answer` (smolagents ends no other way)

Everything that can be made before the first request is made then, and a request is searched rather than parsed, so
that the server costs the machine as little as it can. It prints its port when it listens and ends with its stdin.
"""

import asyncio
import re
import sys
import time
from functools import cache

BACKLOG = 4096
WRITE_SIZE = 16 * 1024
MODEL = re.compile(rb'"model":\s?"([^"]+)"')
STREAMED = re.compile(rb'"stream":\s?true')
TOOL_MESSAGE = re.compile(rb'"role":\s?"tool"')
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
ENVELOPE = b'"id":"chatcmpl-1","created":1760000000,"model":"bench",'
ANSWER = b'{"role":"assistant","content":"The answer is 42."}'
CALLING = b'{"role":"assistant","content":null,"tool_calls":[%b]}'
FINAL = (
    b'{"index":0,"id":"call_final","type":"function",'
    rb'"function":{"name":"final_answer","arguments":"{\"answer\":\"The answer is 42.\"}"}}'
)
USAGE = b'"usage":{"prompt_tokens":20,"completion_tokens":5,"total_tokens":25}'
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def tool_call(round_number: int) -> bytes:
    function = rb'{"name":"lookup","arguments":"{\"key\":\"k%d\"}"}' % round_number
    return b'{"index":0,"id":"call_%d","type":"function","function":%b}' % (round_number, function)


def whole(message: bytes, finish: bytes) -> bytes:
    choice = b'{"index":0,"message":%b,"finish_reason":"%b"}' % (message, finish)
    body = b'{%b"object":"chat.completion","choices":[%b],%b}' % (ENVELOPE, choice, USAGE)
    return JSON_HEAD % (len(body), body)


def event(delta: bytes, finish: bytes = b"null") -> bytes:
    choice = b'{"index":0,"delta":%b,"finish_reason":%b}' % (delta, finish)
    return b'data: {%b"object":"chat.completion.chunk","choices":[%b]}\n\n' % (ENVELOPE, choice)


def in_few_writes(events: list[bytes]) -> bytes:
    data = b"".join(events)
    pieces = [framed(data[at : at + WRITE_SIZE]) for at in range(0, len(data), WRITE_SIZE)]
    return SSE_HEAD + b"".join(pieces) + b"0\r\n\r\n"


def framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Script:
    """What one model name means; replies are rendered once and kept."""

    def __init__(self, name: str) -> None:
        self.rounds = self.pieces = 0
        self.pace = self.latency = 0.0
        self.final = False
        for part in name.split("+"):
            match part.partition("-"):
                case ("plain", _, _):
                    pass
                case ("final", _, _):
                    self.final = True
                case ("tools", _, number):
                    self.rounds = int(number)
                case ("stream", _, number):
                    self.pieces = int(number)
                case ("pace", _, number):
                    self.pace = int(number) / 1000
                case ("latency", _, number):
                    self.latency = int(number) / 1000
                case _:
                    raise ValueError(f"no such script: {part}")
        calls = [tool_call(n) for n in range(self.rounds)]
        self.calls = [whole(CALLING % call, b"tool_calls") for call in calls]
        self.streamed_calls = [in_few_writes([event(CALLING % call), *self._end(b"tool_calls")]) for call in calls]
        self.answer = whole(CALLING % FINAL, b"tool_calls") if self.final else whole(ANSWER, b"stop")
        self.events = [event(b'{"role":"assistant","content":""}')]
        self.events += [event(b'{"content":"word%d "}' % (n % 10)) for n in range(self.pieces)]
        self.events += [event(CALLING % FINAL), *self._end(b"tool_calls")] if self.final else self._end(b"stop")
        self.streamed_answer = in_few_writes(self.events)

    @staticmethod
    def _end(finish: bytes) -> list[bytes]:
        usage = b'data: {%b"object":"chat.completion.chunk","choices":[],%b}\n\n' % (ENVELOPE, USAGE)
        return [event(b"{}", b'"%b"' % finish), usage + b"data: [DONE]\n\n"]


@cache
def script(name: bytes) -> Script:
    return Script(name.decode())


class Connection(asyncio.Protocol):
    """One client's connection; requests are answered one after the other."""

    last_hangup = 0.0

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.received = b""
        self.wanted = 0
        self.streaming = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) < self.wanted:
            return
        head_end = self.received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = CONTENT_LENGTH.search(self.received, 0, head_end + 2)
        self.wanted = head_end + 4 + (int(length[1]) if length else 0)
        if len(self.received) >= self.wanted:
            body, self.received, self.wanted = self.received[head_end + 4 :], b"", 0
            self.answer(body)

    def connection_lost(self, error: Exception | None) -> None:
        if self.streaming:
            Connection.last_hangup = time.monotonic()

    def answer(self, body: bytes) -> None:
        # The key may stand behind a long history, so the tail is tried first.
        named = MODEL.search(body, max(0, len(body) - 1000)) or MODEL.search(body)
        if named is None:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        if named[1] == b"hangups":
            said = b'{"role":"assistant","content":"%b"}' % repr(Connection.last_hangup).encode()
            self.transport.write(whole(said, b"stop"))
            return
        plan = script(named[1])
        streamed = STREAMED.search(body) is not None
        done = len(TOOL_MESSAGE.findall(body)) if plan.rounds else 0
        if done < plan.rounds:
            self.later(plan.latency, (plan.streamed_calls if streamed else plan.calls)[done])
        elif streamed and plan.pace:
            self.transport.write(SSE_HEAD)
            self.streaming = True
            self.paced(plan, 0)
        else:
            self.later(plan.latency, plan.streamed_answer if streamed else plan.answer)

    def later(self, delay: float, reply: bytes) -> None:
        if delay:
            self.loop.call_later(delay, self.transport.write, reply)
        else:
            self.transport.write(reply)

    def paced(self, plan: Script, at: int) -> None:
        if self.transport.is_closing():
            return
        if at == len(plan.events):
            self.transport.write(b"0\r\n\r\n")
            self.streaming = False
            return
        self.transport.write(framed(plan.events[at]))
        self.loop.call_later(plan.pace, self.paced, plan, at + 1)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
