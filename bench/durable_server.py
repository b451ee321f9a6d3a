"""The loopback server of the conversations in `durable.py`: answers in the shape and size of real ones.

The model's name is the script: `talk` answers each question with a sentence, `talk-tools` calls the tool `lookup` first. As in
`server.py`, a request is searched rather than parsed. Ids, the model's full name and the account of tokens are as long as
those that OpenAI sends, since some systems keep them.
"""

import asyncio
import re
import sys

from server import BACKLOG, JSON_HEAD, MODEL, Connection

PLAIN, TOOLS = "talk", "talk-tools"

ROLE = re.compile(rb'"role":\s?"(\w+)"')
HEAD = (
    b'{"id":"chatcmpl-CkT%06dXq7VnB2mWzLs8RfJpYdE4u","object":"chat.completion","created":1760000000,'
    b'"model":"gpt-5-mini-2025-08-07","choices":[{"index":0,"message":'
)
TAIL = (
    b',"logprobs":null,"finish_reason":"%b"}],"usage":{"prompt_tokens":%d,"completion_tokens":24,"total_tokens":%d,'
    b'"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,'
    b'"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default",'
    b'"system_fingerprint":null}'
)
ANSWER = b'{"role":"assistant","content":"%b","refusal":null,"annotations":[]}'
CALLING = (
    b'{"role":"assistant","content":null,"tool_calls":[{"id":"call_Hk3vTq9ZbN5xWc2LsYd%05d","type":"function",'
    rb'"function":{"name":"lookup","arguments":"{\"key\":\"order-%d\"}"}}],"refusal":null,"annotations":[]}'
)


def asked(turn: int) -> str:
    """What the user says, about 40 characters."""
    return f"When will my order {turn} be at my door, please?"


def told(turn: int) -> str:
    """What the model says, about 100 characters."""
    return f"Order {turn} was packed this morning, left our warehouse at noon and will be at your door by Friday."


class Talking(Connection):
    """One client's connection."""

    def answer(self, body: bytes) -> None:
        named = MODEL.search(body, max(0, len(body) - 1000)) or MODEL.search(body)
        roles = ROLE.findall(body)
        if named is None or not roles:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        turn = roles.count(b"user")
        calls = named[1] == TOOLS.encode() and roles[-1] == b"user"
        message = CALLING % (turn, turn) if calls else ANSWER % told(turn).encode()
        tokens = 20 + 40 * turn
        whole = HEAD % len(roles) + message + TAIL % (b"tool_calls" if calls else b"stop", tokens, tokens + 24)
        self.transport.write(JSON_HEAD % (len(whole), whole))


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Talking, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
