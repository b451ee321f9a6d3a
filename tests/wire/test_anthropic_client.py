"""The provider's own client, pointed at our bytes."""

from __future__ import annotations

import anthropic
import httpx2
import pytest

from journeyman.data import Message, ModelRequest, ModelResponse, Opaque, Text, Thinking, ToolCall, Usage, deltas_of
from journeyman.wire import Stamp
from journeyman.wire.anthropic import Anthropic
from journeyman.wire.http import HttpReply, HttpRequest

WIRE = Anthropic()

ANSWER = ModelResponse(
    Message(
        "assistant",
        (
            Thinking("hm", Opaque("anthropic", {"signature": "sig"})),
            Text("Let me see."),
            ToolCall("toolu_1", "weather", '{"city": "Paris", "days": [1, 2]}'),
            Opaque("anthropic", {"type": "redacted_thinking", "data": "d"}),
        ),
    ),
    Usage(3, 4, 5, 6, 7),
    "tool_calls",
    "claude-test",
    "msg_7",
)


def official_client(reply: HttpReply, seen: list[HttpRequest]) -> anthropic.Anthropic:
    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(HttpRequest(request.method, request.url.path, dict(request.headers), request.content))
        return httpx2.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="test", base_url="http://twin.test", http_client=http, max_retries=0)


def assert_is_the_answer(message: anthropic.types.Message) -> None:
    assert (message.id, message.model, message.stop_reason) == ("msg_7", "claude-test", "tool_use")
    thoughts, words, call, hidden = message.content
    assert (thoughts.thinking, thoughts.signature) == ("hm", "sig")
    assert words.text == "Let me see."
    assert (call.id, call.name, call.input) == ("toolu_1", "weather", {"city": "Paris", "days": [1, 2]})
    assert hidden.data == "d"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (3, 4)
    assert (message.usage.cache_creation_input_tokens, message.usage.output_tokens) == (5, 13)


def test_the_official_client_reads_our_answer_and_we_its_request():
    """A whole exchange with the provider's own SDK."""
    seen: list[HttpRequest] = []
    with official_client(WIRE.render(ANSWER), seen) as client:
        message = client.messages.create(
            model="claude-test",
            max_tokens=100,
            messages=[{"role": "user", "content": "Weather?"}],
            tools=[{"name": "weather", "input_schema": {"type": "object"}}],
        )
    assert_is_the_answer(message)
    assert WIRE.parse(seen[0]).messages[0].text == "Weather?"


@pytest.mark.parametrize("fed", [True, False])
def test_the_official_client_reads_our_stream(fed):
    """The SDK folds our events to the answer, fed in deltas or rendered at once."""
    renderer = WIRE.renderer(Stamp("7", request=ModelRequest("claude-test", ())))
    deltas = list(deltas_of(ANSWER.message)) if fed else []
    body = b"".join(map(renderer.feed, deltas)) + renderer.finish(ANSWER)
    seen: list[HttpRequest] = []
    with (
        official_client(HttpReply(200, {"content-type": "text/event-stream"}, body), seen) as client,
        client.messages.stream(
            model="claude-test", max_tokens=100, messages=[{"role": "user", "content": "Weather?"}]
        ) as stream,
    ):
        assert_is_the_answer(stream.get_final_message())
    assert WIRE.parse(seen[0]).stream


def test_the_official_client_knows_our_errors():
    """The SDK raises the class that belongs to the error."""
    with official_client(WIRE.render_error(429, "slow down"), []) as client, pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="m", max_tokens=1, messages=[{"role": "user", "content": "x"}])
