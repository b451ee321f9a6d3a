"""Being the server: what OpenAI's own client makes of our answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    Part,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
    deltas_of,
)
from journeyman.wire import HttpReply, Stamp
from journeyman.wire.openai_chat import OpenAIChat

CHAT = OpenAIChat()
USAGE = Usage(input=5, cache_read=3, output=2, reasoning=1)


def response(*parts: Part, **fields: Any) -> ModelResponse:
    return ModelResponse(
        Message("assistant", parts), **{"usage": USAGE, "model": "m", "raw_id": "chatcmpl-c1", **fields}
    )


def whole(answer: ModelResponse) -> ChatCompletion:
    """Checked strictly, as clients of typed languages do."""
    return ChatCompletion.model_validate_json(CHAT.render(answer, Stamp(created=7)).body)


def events(stream: bytes) -> list[dict[str, Any]]:
    lines = stream.decode().split("\n\n")
    assert lines.pop() == ""
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def streamed(answer: ModelResponse, *, fed: bool = True, **stamp: Any) -> list[ChatCompletionChunk]:
    asked = ModelRequest("m", (), stream=not stamp.pop("usage", True))
    renderer = CHAT.renderer(Stamp("c1", request=asked, **stamp))
    stream = b"".join(map(renderer.feed, deltas_of(answer.message))) if fed else b""
    return [ChatCompletionChunk.model_validate(event) for event in events(stream + renderer.finish(answer))]


def client(reply: HttpReply) -> openai.OpenAI:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(reply.status, headers=dict(reply.headers), content=reply.body)

    transport = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="test", base_url="http://x.test/v1", http_client=transport, max_retries=0)


@pytest.fixture
def ask() -> Iterator[Callable[[HttpReply], openai.OpenAI]]:
    clients: list[openai.OpenAI] = []

    def opened(reply: HttpReply) -> openai.OpenAI:
        clients.append(client(reply))
        return clients[-1]

    yield opened
    for each in clients:
        each.close()


def test_a_whole_answer() -> None:
    """Words, calls as the model wrote them, reasoning, usage and why it ended."""
    answer = response(Thinking("hm"), Text("a"), Text("b"), ToolCall("x", "f", '{"a":'), finish="tool_calls")
    got = whole(answer)
    (choice,) = got.choices
    assert (got.id, got.model, got.created, got.object) == ("chatcmpl-c1", "m", 7, "chat.completion")
    assert (choice.message.content, choice.finish_reason) == ("ab", "tool_calls")
    assert choice.message.model_dump()["reasoning_content"] == "hm"
    assert choice.message.tool_calls is not None
    assert choice.message.tool_calls[0].model_dump() == {
        "id": "x",
        "type": "function",
        "function": {"name": "f", "arguments": '{"a":'},
    }
    assert got.usage is not None
    assert got.usage.model_dump(exclude_unset=True) == {
        "prompt_tokens": 8,
        "completion_tokens": 3,
        "total_tokens": 11,
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }


def test_what_has_no_name_gets_the_same_one_always() -> None:
    """There is no clock and no randomness in a codec."""
    bare = ModelResponse(Message("assistant", ()))
    assert CHAT.render(bare) == CHAT.render(bare)
    assert events(CHAT.renderer().finish(bare))[0]["id"] == whole(bare).id == "chatcmpl-journeyman"
    assert whole(bare).choices[0].message.content == ""


@pytest.mark.parametrize(
    ("finish", "parts", "reason"),
    [
        ("stop", (Text("x"),), "stop"),
        ("length", (Text("x"),), "length"),
        ("content_filter", (), "content_filter"),
        ("other", (Text("x"),), "stop"),
        (None, (Text("x"),), "stop"),
        ("other", (ToolCall("a", "f"),), "tool_calls"),
    ],
)
def test_reasons_are_openai_s(finish: Any, parts: tuple[Part, ...], reason: str) -> None:
    """A reason for which the wire has no word is its usual one."""
    answer = response(*parts, finish=finish)
    assert whole(answer).choices[0].finish_reason == reason
    assert streamed(answer)[-2].choices[0].finish_reason == reason


def test_a_streamed_answer() -> None:
    """A role first, then each delta, then the reason, then usage without choices, then the end."""
    answer = response(Thinking("hm"), Text("two words"), ToolCall("x", "f", '{"a":1}'), finish="tool_calls")
    chunks = streamed(answer, created=7)
    assert {(chunk.id, chunk.model, chunk.created, chunk.object) for chunk in chunks} == {
        ("chatcmpl-c1", "m", 7, "chat.completion.chunk")
    }
    *shown, last = chunks
    told = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in shown]
    function = {"name": "f", "arguments": ""}
    assert told == [
        {"role": "assistant", "content": ""},
        {"reasoning_content": "hm"},
        {"content": "two"},
        {"content": " words"},
        {"tool_calls": [{"index": 0, "id": "x", "type": "function", "function": function}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]},
        {},
    ]
    assert [chunk.choices[0].finish_reason for chunk in shown] == [None] * 6 + ["tool_calls"]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 11


def test_a_stream_without_usage() -> None:
    """A client that did not ask for usage is not sent an event without choices."""
    assert all(chunk.choices for chunk in streamed(response(Text("x")), usage=False))


def test_an_answer_that_no_delta_showed_is_streamed_whole() -> None:
    """What came from a cache, say, is shown at the end, in the usual order."""
    answer = response(Text("x"), ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"), Thinking("hm"))
    told = [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in streamed(answer, fed=False)[:-1]]
    assert [sorted(delta) for delta in told] == [
        ["content", "role"],
        ["reasoning_content"],
        ["content"],
        ["tool_calls"],
        ["tool_calls"],
        [],
    ]
    assert [delta["tool_calls"][0]["index"] for delta in told[3:5]] == [0, 1]


def test_only_what_no_delta_showed_follows() -> None:
    """Calls, signatures and pictures that come with the end only are not lost, and nothing is shown twice."""
    picture = Image("image/png", b"x", origin=Opaque("gemini", {}))
    message = Message(
        "assistant",
        (Thinking("hm"), Text("x"), ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"), picture),
        Opaque("openai_chat", {"extra_content": {"s": 1}}),
    )
    renderer = CHAT.renderer()
    stream = b"".join(map(renderer.feed, (ThinkingDelta("hm"), TextDelta("x"), ToolCallDelta(0, "a", "f", "{}"))))
    decoder = CHAT.decoder()
    decoder.feed(stream + renderer.finish(ModelResponse(message)))
    got = decoder.finish().message
    assert got.text == "x"
    assert [call.id for call in got.tool_calls] == ["a", "b"]
    assert got.only(Image) == (Image("image/png", b"x", origin=Opaque("openai_chat", {"images": True})),)
    assert got.origin == message.origin


def test_calls_of_other_forms_are_streamed_in_their_form() -> None:
    """Custom tools and the first form of calls come whole; a call shown without arguments gets them at the end."""
    custom = ToolCall("a", "sh", '{"input":"ls"}', Opaque("openai_chat", {"custom": True}))
    legacy = ToolCall("function_call_f", "f", "{}", Opaque("openai_chat", {"function_call": True}))
    answer = response(custom, legacy, finish="tool_calls")
    decoder = CHAT.decoder()
    decoder.feed(CHAT.renderer().finish(answer))
    assert decoder.finish().message == answer.message
    renderer = CHAT.renderer()
    first = renderer.feed(ToolCallDelta(0, "a", "f"))
    decoder = CHAT.decoder()
    decoder.feed(first + renderer.finish(response(ToolCall("a", "f"), finish="tool_calls")))
    assert b'"arguments":"{}"' in first + renderer.finish(response(ToolCall("a", "f")))
    assert decoder.finish().message.tool_calls == (ToolCall("a", "f"),)


def test_what_other_wires_left_is_theirs() -> None:
    """Foreign blocks are not shown, foreign thoughts are."""
    foreign = Opaque("anthropic", {"signature": "s"})
    message = whole(response(Thinking("hm", foreign), foreign, Text("x", foreign))).choices[0].message
    assert message.model_dump(exclude_unset=True) == {
        "role": "assistant",
        "content": "x",
        "refusal": None,
        "reasoning_content": "hm",
    }


def test_refusals_and_sounds() -> None:
    """A refusal stands in its key, a sound with its words beside it; a file cannot be given."""
    refused = whole(response(Text("no", Opaque("openai_chat", {"refusal": True})), finish="content_filter"))
    assert (refused.choices[0].message.content, refused.choices[0].message.refusal) == (None, "no")
    sound = Audio("audio/wav", b"RIFFx", origin=Opaque("openai_chat", {"id": "a1", "transcript": "hi"}))
    audio = whole(response(sound)).choices[0].message.audio
    assert audio is not None
    assert (audio.id, audio.transcript, base64.b64decode(audio.data)) == ("a1", "hi", b"RIFFx")
    foreign = whole(response(Audio("audio/wav", b"RIFFx"))).choices[0].message.audio
    assert foreign is not None
    assert base64.b64decode(foreign.data) == b"RIFFx"
    for part in (Document("application/pdf", b"x"), Audio("audio/wav", url="https://x.test")):
        with pytest.raises(CallerError, match="in a model's turn"):
            CHAT.render(response(part))


def test_a_stated_cost_is_stated() -> None:
    """What it cost goes where OpenRouter has it."""
    assert CHAT.decode(CHAT.render(response(Text("x"), cost=837_001))).cost == 837_001


def test_openai_s_client_understands_us(ask: Callable[[HttpReply], openai.OpenAI]) -> None:
    """The official client reads our answers, puts our streams together and knows our errors."""
    answer = response(Text("two words"), ToolCall("x", "f", '{"a":1}'), finish="tool_calls")
    messages: Any = [{"role": "user", "content": "u"}]
    told = ask(CHAT.render(answer)).chat.completions.create(model="m", messages=messages)
    assert told.choices[0].message.content == "two words"
    renderer = CHAT.renderer()
    stream = b"".join(map(renderer.feed, deltas_of(answer.message))) + renderer.finish(answer)
    reply = HttpReply(200, {"content-type": "text/event-stream"}, stream)
    with ask(reply).chat.completions.stream(
        model="m", messages=messages, stream_options={"include_usage": True}
    ) as got:
        final = got.get_final_completion()
    assert final.choices[0].message.content == "two words"
    assert final.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls[0].function.arguments == '{"a":1}'
    assert final.usage is not None
    assert final.usage.prompt_tokens == 8


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, openai.BadRequestError, "invalid_request_error"),
        (401, openai.AuthenticationError, "authentication_error"),
        (404, openai.NotFoundError, "not_found_error"),
        (429, openai.RateLimitError, "rate_limit_error"),
        (500, openai.InternalServerError, "server_error"),
        (503, openai.InternalServerError, "overloaded_error"),
    ],
)
def test_errors(
    ask: Callable[[HttpReply], openai.OpenAI], status: int, error: type[openai.APIStatusError], kind: str
) -> None:
    """Our errors are the official client's errors, with our words."""
    messages: Any = [{"role": "user", "content": "u"}]
    with pytest.raises(error, match="our words") as caught:
        ask(CHAT.render_error(status, "our words")).chat.completions.create(model="m", messages=messages)
    assert caught.value.type == kind


def test_an_error_after_the_answer_began(ask: Callable[[HttpReply], openai.OpenAI]) -> None:
    """An error inside a stream reaches the official client, and us, as one."""
    renderer = CHAT.renderer()
    body = renderer.feed(TextDelta("x")) + renderer.fail(503, "our words")
    reply = HttpReply(200, {"content-type": "text/event-stream"}, body)
    messages: Any = [{"role": "user", "content": "u"}]
    with pytest.raises(openai.APIError, match="our words"):
        list(ask(reply).chat.completions.create(model="m", messages=messages, stream=True))
