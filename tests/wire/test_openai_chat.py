"""What must hold of Chat Completions as a whole, whatever comes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    CallerError,
    Image,
    JourneymanError,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    deltas_of,
)
from journeyman.wire import ChatQuirks, Dialect, HttpReply, HttpRequest, Stamp, dialect
from journeyman.wire.openai_chat import OpenAIChat

CHAT: Dialect = OpenAIChat()


def own(**data: Any) -> Opaque:
    return Opaque("openai_chat", data)


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
names = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
counts = st.integers(0, 10**9)
calls = st.lists(
    st.builds(
        lambda name, arguments, signature: (name, json.dumps(arguments), signature),
        names,
        st.dictionaries(names, st.one_of(words, counts, st.none()), max_size=3),
        st.one_of(st.none(), words),
    ),
    max_size=3,
)


@st.composite
def responses(draw: st.DrawFn) -> ModelResponse:
    """Answers as the wire can carry them: one text, one reasoning, calls with ids of their own."""
    parts: list[Any] = []
    if draw(st.booleans()):
        parts.append(Thinking(draw(words), own(key="reasoning_content")))
    if draw(st.booleans()):
        parts.append(Text(draw(words)))
    if draw(st.booleans()):
        parts.append(Image("image/png", draw(st.binary(max_size=20)), origin=own(images=True)))
    for index, (name, arguments, signature) in enumerate(draw(calls)):
        origin = None if signature is None else own(extra_content={"google": {"thought_signature": signature}})
        parts.append(ToolCall(f"call_{index}", name, arguments, origin))
    called = any(isinstance(part, ToolCall) for part in parts)
    finish = draw(st.sampled_from(["tool_calls" if called else "stop", "length", "content_filter"]))
    details = draw(st.one_of(st.none(), words))
    origin = None if details is None else own(extra_content={"google": {"thought_signature": details}})
    usage = draw(st.builds(Usage, counts, counts, counts, counts, counts))
    cost = draw(st.one_of(st.none(), st.integers(0, 10**12)))
    return ModelResponse(
        Message("assistant", tuple(parts), origin), usage, finish, draw(names), f"chatcmpl-{draw(names)}", cost
    )


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(at % (len(body) + 1) for at in cuts), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(bounds)]


def streamed(answer: ModelResponse, *, fed: bool) -> bytes:
    stamp = Stamp((answer.raw_id or "").removeprefix("chatcmpl-"), request=ModelRequest(answer.model, ()))
    renderer = OpenAIChat().renderer(stamp)
    pieces = [renderer.feed(delta) for delta in deltas_of(answer.message)] if fed else []
    return b"".join(pieces) + renderer.finish(answer)


def heard(pieces: list[bytes]) -> ModelResponse:
    decoder = CHAT.decoder()
    for piece in pieces:
        decoder.feed(piece)
    return decoder.finish()


@given(responses())
def test_what_we_render_is_what_we_read(answer: ModelResponse) -> None:
    """An answer that is rendered whole and decoded is the same answer."""
    assert CHAT.decode(CHAT.render(answer)) == answer


@given(responses(), st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from(["fed", "whole"]))
def test_a_stream_folds_to_the_whole_answer(answer: ModelResponse, cuts: list[int], how: str) -> None:
    """Rendered as a stream and cut anywhere, mid-character too, it folds to what the whole body says."""
    assert heard(cut(streamed(answer, fed=how == "fed"), cuts)) == CHAT.decode(CHAT.render(answer)) == answer


@given(responses(), st.lists(st.integers(0, 10**6), max_size=12))
def test_deltas_add_up(answer: ModelResponse, cuts: list[int]) -> None:
    """What the deltas showed is what the answer holds: its words, its thoughts, its calls by their ids."""
    decoder = CHAT.decoder()
    deltas = [delta for piece in cut(streamed(answer, fed=True), cuts) for delta in decoder.feed(piece)]
    whole = list(deltas_of(decoder.finish().message))

    def told(shown: list[Any]) -> dict[Any, str]:
        said: dict[Any, str] = {}
        for delta in shown:
            index = getattr(delta, "index", None)
            for key in ("text", "id", "name", "arguments"):
                if piece := getattr(delta, key, ""):
                    said[type(delta), index, key] = said.get((type(delta), index, key), "") + piece
        return said

    assert told(deltas) == told(whole)


REAL = [
    CHAT.render(
        ModelResponse(
            Message(
                "assistant", (Thinking("h", own()), Text("é😀"), ToolCall("a", "f", '{"x":[1,{"y":null}]}')), own(k=1)
            ),
            Usage(1, 2, 3, 4, 5),
            "tool_calls",
            "m",
            "c1",
            7,
        )
    ).body,
    json.dumps(
        {
            "id": 3,
            "created": {},
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "content": [{"type": "thinking", "thinking": [{"text": "x"}]}, {"type": "text", "text": "y"}],
                        "reasoning_details": [{"type": "reasoning.text", "text": "z"}],
                        "function_call": {"name": "f", "arguments": {"a": 1}},
                        "tool_calls": [{"index": 0, "type": "custom", "custom": {"name": "g", "input": "i"}}],
                        "images": [{"image_url": {"url": "data:image/png;base64,eA=="}}],
                        "audio": {"id": "a", "data": "eA=="},
                        "refusal": "no",
                        "extra_content": {"google": 1},
                    },
                    "usage": {"prompt_tokens": 1.5, "cost": 0.1},
                    "error": None,
                }
            ],
            "x_groq": {"usage": None},
        }
    ).encode(),
]


@st.composite
def damaged(draw: st.DrawFn, bodies: list[bytes]) -> bytes:
    """A body with some of its bytes exchanged, repeated or lost."""
    body = bytearray(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(body)))
        end = start + draw(st.integers(0, 12))
        junk = st.one_of(
            st.binary(max_size=4),
            st.sampled_from(
                [b"null", b"0", b"-1", b'""', b"[]", b"{}", b"true", b"1e400", b'"\\ud800"', b"[[", b"\n", b"\r"]
            ),
            st.just(bytes(body[start : start + 40])),
        )
        body[start:end] = draw(junk)
    return bytes(body)


def outcome_of(deed: Callable[[], Any]) -> Any:
    """What it gives, or which of our own errors it raises."""
    try:
        return deed()
    except JourneymanError as error:
        return error


@given(damaged(REAL), st.integers(100, 599))
def test_whatever_comes_back_is_an_answer_or_the_provider_s_error(body: bytes, status: int) -> None:
    """No damage to a body brings out anything but a response or a ProviderError."""
    outcome = outcome_of(lambda: CHAT.decode(HttpReply(status, {}, body)))
    assert isinstance(outcome, ModelResponse) or (isinstance(outcome, ProviderError) and outcome.message)


STREAMS = [
    streamed(CHAT.decode(HttpReply(200, {}, REAL[0])), fed=True),
    b"data: " + REAL[1].replace(b'"message"', b'"delta"') + b"\n\ndata: [DONE]\n\n",
    b'event: error\ndata: {"error": {"message": "m", "code": 502, "metadata": {"raw": "r"}}}\n\n',
]


@given(damaged(STREAMS), st.lists(st.integers(0, 10**6), max_size=8))
def test_whatever_streams_in_is_an_answer_or_the_provider_s_error(body: bytes, cuts: list[int]) -> None:
    """No damage to a stream, however it is cut, brings out anything but a response or a ProviderError."""
    outcome = outcome_of(lambda: heard(cut(body, cuts)))
    assert isinstance(outcome, ModelResponse) or (isinstance(outcome, ProviderError) and outcome.message)


ASKED = [
    json.dumps(
        {
            "model": "m",
            "messages": [
                {"role": "developer", "content": "d"},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "t", "cache_control": {}},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
                        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
                        {"type": "file", "file": {"file_id": "f"}},
                        {"type": "document_url", "document_url": "https://x.test"},
                        {"type": "video_url", "video_url": {"url": "https://x.test"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}],
                    "reasoning": "r",
                    "function_call": {"name": "f", "arguments": "{"},
                    "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "g", "input": "i"}}],
                },
                {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "r"}]},
                {"role": "function", "name": "f", "content": "r"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "x"}],
            "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
            "stop": ["a"],
            "max_tokens": 5,
            "stream": True,
        }
    ).encode()
]


@given(damaged(ASKED))
def test_whatever_is_asked_is_a_request_or_the_caller_s_error(body: bytes) -> None:
    """No damage to a request brings out anything but a request, which can be sent on, or a CallerError."""
    asked = HttpRequest("POST", "/chat/completions", {}, body)
    request = outcome_of(lambda: CHAT.parse(asked))
    if isinstance(request, ModelRequest):
        sent = outcome_of(lambda: CHAT.encode(request, stream=request.stream))
        assert isinstance(sent, CallerError) or json.loads(sent.body)["model"] == request.model
    else:
        assert isinstance(request, CallerError)


def test_history_from_elsewhere_and_back_is_whole() -> None:
    """What another wire's model said is sent on as far as it goes, and stays in the history as it was."""
    foreign = Opaque("anthropic", {"signature": "s"})
    history = (
        Message.user("u"),
        Message("assistant", (Thinking("h", foreign), foreign, Text("x"), ToolCall("toolu_1", "f", '{"a":')), foreign),
        Message("tool", (ToolResult("toolu_1", "r", origin=foreign),)),
    )
    sent = json.loads(CHAT.encode(ModelRequest("m", history)).body)["messages"]
    assert sent[1:] == [
        {
            "role": "assistant",
            "content": "x",
            "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"_raw":"{\\"a\\":"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "toolu_1", "content": "r"},
    ]
    assert history[1].parts[0] == Thinking("h", foreign)
    assert history[1].tool_calls[0].arguments == '{"a":'


@pytest.mark.parametrize("quirks", [None, ChatQuirks(system="developer")])
def test_the_dialect_is_found_by_its_name(quirks: ChatQuirks | None) -> None:
    """`dialect` gives it, with the vendor's quirks."""
    found = dialect("openai_chat", quirks)
    assert found.name == "openai_chat"
    role = json.loads(found.encode(ModelRequest("m", (Message.system("s"),))).body)["messages"][0]["role"]
    assert role == ("system" if quirks is None else "developer")
