"""Requests of clients: what they become, and that they come out as they went in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Video,
)
from journeyman.wire import ChatQuirks, HttpRequest
from journeyman.wire.openai_chat import OpenAIChat
from journeyman.wire.openai_chat.parsing import wants_usage

CHAT = OpenAIChat()


def parsed(body: Any, quirks: ChatQuirks | None = None) -> ModelRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OpenAIChat(quirks).parse(HttpRequest("POST", "/v1/chat/completions", {}, raw))


def through(*messages: Any, quirks: ChatQuirks | None = None, **more: Any) -> ModelRequest:
    # The request, after a look whether it is written as it was read.
    body = {"model": "m", "messages": list(messages), "stream": False, **more}
    request = parsed(body, quirks)
    assert json.loads(OpenAIChat(quirks).encode(request, stream=request.stream).body) == body
    return request


def own(**data: Any) -> Opaque:
    return Opaque("openai_chat", data)


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def parts(wire: Any) -> tuple[Part, ...]:
    (message,) = through(wire).messages
    return message.parts


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_a_plain_request() -> None:
    """Roles and words, without any origin."""
    request = through(
        {"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}
    )
    assert request == ModelRequest("m", (Message.system("s"), Message.user("u"), Message.assistant("a")))


def test_results_that_follow_each_other_are_one_message() -> None:
    """Our history has one message of results behind a turn with calls."""
    request = through(
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "b"}]},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2", "name": "f"},
        {"role": "user", "content": "v"},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
    )
    assert request.messages[1:3] == (
        Message("assistant", (ToolCall("a", "f"), ToolCall("b", "f"))),
        Message("tool", (ToolResult("a", "1"), ToolResult("b", "2", name="f", origin=own(name="f")))),
    )
    assert request.messages[4] == Message("tool", (ToolResult("a", "1"),))


@pytest.mark.parametrize(
    "wire",
    [
        {"role": "developer", "content": "d"},
        {"role": "system", "content": "s", "name": None, "tool_calls": None},
        {"role": "user", "content": ""},
        {"role": "user", "content": None},
        {"role": "user"},
        {"role": "user", "content": [], "name": "bob"},
        user({"type": "text", "text": "x"}),
        user({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}),
        user({"type": "text", "text": "x"}, {"type": "text", "text": "y"}),
        {"role": "assistant", "content": "a", "prefix": False, "tool_calls": []},
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "assistant", "content": [], "tool_calls": [CALL]},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": ""},
        {"role": "assistant"},
        {"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
        {"role": "assistant", "content": "a", "refusal": None},
        {"role": "assistant", "content": None, "refusal": "no"},
        {"role": "assistant", "content": None, "audio": {"id": "a1"}},
        {"role": "assistant", "content": "a", "reasoning": None, "reasoning_content": ""},
        {
            "role": "assistant",
            "content": "a",
            "reasoning": "x",
            "reasoning_content": "y",
            "reasoning_details": [{"i": 1}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "index": 0, "extra_content": {"g": 1}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": CALL["function"]}]},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "type": "odd"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}],
        },
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "tool", "tool_call_id": "a", "content": None},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "x", "cache_control": 1}]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "x"}, {"type": "image_url"}]},
    ],
)
def test_a_message_comes_out_as_it_went_in(wire: Any) -> None:
    """Whatever form a client chose, the same form is sent on."""
    through(wire)


def test_an_assistant_s_parts() -> None:
    """Reasoning, words, refusals and calls are parts that other wires can send as well."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "h"}], "closed": True}
    assert parts({"role": "assistant", "content": [thinking, {"type": "text", "text": "x"}]}) == (
        Thinking("h", own(block={"closed": True})),
        Text("x"),
    )
    split = {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}
    assert parts({"role": "assistant", "content": [split]}) == (Opaque("openai_chat", split),)
    assert parts({"role": "assistant", "content": None, "reasoning": "h", "refusal": "no", "tool_calls": [CALL]}) == (
        Thinking("h", own(key="reasoning")),
        Text("no", own(refusal=True)),
        ToolCall("a", "f"),
    )
    legacy = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = {"role": "function", "name": "f", "content": "1"}
    called, answered = through(legacy, result).messages
    assert called.tool_calls[0].id == answered.tool_results[0].call_id


def test_arguments_that_are_no_text_are_written_out() -> None:
    """Some clients send an object where the wire wants its text."""
    wire = {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]}
    request = parsed({"model": "m", "messages": [wire]})
    assert request.messages[0].tool_calls[0].arguments == '{"x":1}'


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}},
            Image("image/png", b"x"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://x.test/a.JPG?v=1", "detail": "low"}, "cache": 1},
            Image("image/jpeg", url="https://x.test/a.JPG?v=1", origin=own(cache=1, image_url={"detail": "low"})),
        ),
        (
            {"type": "image_url", "image_url": "https://x.test/a"},
            Image("image/*", url="https://x.test/a", origin=own(plain=True)),
        ),
        ({"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}}, Audio("audio/mpeg", b"x")),
        (
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}, "cache": 1},
            Audio("audio/wav", b"x", origin=own(cache=1)),
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA==", "filename": "a.pdf"}},
            Document("application/pdf", b"x", name="a.pdf"),
        ),
        (
            {"type": "file", "file": {"file_data": "https://x.test/a.pdf", "filename": "a.pdf"}},
            Document("application/pdf", url="https://x.test/a.pdf", name="a.pdf", origin=own()),
        ),
        (
            {"type": "file", "file": {"file_id": "f1"}, "cache": 1},
            Document("application/octet-stream", url="file-id:f1", origin=own(cache=1)),
        ),
        (
            {"type": "document_url", "document_url": "https://x.test/a.pdf", "document_name": "a"},
            Document("application/pdf", url="https://x.test/a.pdf", origin=own(type="document_url", document_name="a")),
        ),
        (
            {"type": "document_url", "document_url": "data:text/plain;base64,eA=="},
            Document("text/plain", b"x", origin=own(type="document_url")),
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://x.test/a.webm"}},
            Video("video/webm", url="https://x.test/a.webm", origin=own()),
        ),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,eA=="}},
            Video("video/mp4", b"x", origin=own()),
        ),
    ],
)
def test_media(block: Any, part: Part) -> None:
    """Media are bytes or an address, and whatever else the block said stays with them."""
    assert parts(user(block)) == (part,)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "cache_point"},
        {"no": "type"},
        {"type": 3},
        {"type": "text"},
        {"type": "image_url"},
        {"type": "image_url", "image_url": ""},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,eB=="}},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "flac"}},
        {"type": "input_audio", "input_audio": {"data": "https://x.test/a.wav", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,eA=="}},
        {"type": "file", "file": {}},
        {"type": "file", "file": {"file_id": "f1", "file_data": "https://x.test"}},
        {"type": "document_url", "document_url": 3},
        {"type": "video_url", "video_url": {}},
        {"type": "image_url", "image_url": {"url": "file-id:f1"}},
    ],
)
def test_a_block_that_our_nouns_cannot_hold_is_carried_whole(block: Any) -> None:
    """What is unknown, incomplete or spelled in another way is opaque and comes out as it went in."""
    assert parts(user(block)) == (Opaque("openai_chat", block),)


@pytest.mark.parametrize("url", ["data:image/png,x", "data:image/png;base64,!", "data:;base64,eA=="])
def test_an_inline_address_that_cannot_be_read_stays_an_address(url: str) -> None:
    """Bytes are taken out only where they are given in the one usual way."""
    (image,) = parts(user({"type": "image_url", "image_url": {"url": url}}))
    assert isinstance(image, Image)
    assert image.url == url


TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}
HI = {"role": "user", "content": "u"}


def test_settings() -> None:
    """What has a field goes there, everything else is carried along for this dialect."""
    request = through(
        HI,
        temperature=1,
        top_p=0.5,
        top_k=3,
        seed=7,
        presence_penalty=0.5,
        frequency_penalty=None,
        max_completion_tokens=10,
        stop=["a"],
        reasoning_effort="low",
        parallel_tool_calls=True,
        tools=[TOOL],
        n=1,
    )
    assert request.settings == Settings(
        temperature=1,
        top_p=0.5,
        top_k=3,
        seed=7,
        presence_penalty=0.5,
        max_tokens=10,
        stop=("a",),
        reasoning_effort="low",
        parallel_tool_calls=True,
        extra=own(top_k=3, frequency_penalty=None, n=1),
    )
    assert through(HI).settings == Settings()


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": 10},
        {"max_completion_tokens": 10},
        {"max_tokens": 10, "max_completion_tokens": 20},
        {"max_tokens": None},
        {"stop": "a"},
        {"stop": None},
        {"stop": [1]},
        {"seed": True, "temperature": "hot", "max_tokens": "many"},
        {"tools": []},
        {"tool_choice": "any"},
        {"tool_choice": None},
        {"tool_choice": {"type": "odd"}},
        {"tool_choice": {"function": {"name": "f"}}},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}, "strict": None}}},
        {"response_format": None},
    ],
)
@pytest.mark.parametrize("quirks", [ChatQuirks(), ChatQuirks(max_tokens="max_tokens")])
def test_settings_come_out_as_they_went_in(more: dict[str, Any], quirks: ChatQuirks) -> None:
    """Whatever key or form a client chose, the same is sent on."""
    through(HI, quirks=quirks, **more)


def test_a_changed_setting_is_not_sent_as_it_was() -> None:
    """A gateway that changes a parsed request is obeyed; the client's key for it stays."""
    request = parsed({"model": "m", "messages": [HI], "max_tokens": 10, "stop": "a"})
    changed = replace(request, settings=replace(request.settings, max_tokens=5, stop=("b",)))
    body = json.loads(CHAT.encode(changed).body)
    assert (body["max_tokens"], body["stop"]) == (5, ["b"])
    assert "max_completion_tokens" not in body


def test_tools_and_the_choice_among_them() -> None:
    """Functions are ours, whatever else is opaque, and a client's own spelling is kept."""
    untyped, builtin = {"function": {"name": "g"}}, {"type": "web_search"}
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"function": {"name": "f"}}]}}
    request = through(HI, tools=[TOOL, untyped, builtin], tool_choice=allowed)
    assert request.tools == (
        ToolSpec("f", "d", {"type": "object"}),
        ToolSpec("g", origin=Opaque("openai_chat", untyped)),
        Opaque("openai_chat", builtin),
    )
    assert request.settings.tool_choice == ToolChoice("auto", ("f",), own(tool_choice=allowed))
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}
    assert through(HI, tools=[strict]).tools == (ToolSpec("f", "d", {"type": "object"}, strict=True),)
    one = {"type": "function", "function": {"name": "f"}}
    assert through(HI, tool_choice=one).settings.tool_choice == ToolChoice("required", ("f",))
    nameless = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{}]}}
    assert through(HI, tool_choice=nameless).settings.tool_choice is None


def test_output() -> None:
    """A schema that the answer must fit is ours."""
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}}
    assert through(HI, response_format=form).output == JsonOutput("a", {"type": "object"}, strict=True)


@pytest.mark.parametrize(("options", "wanted"), [({"include_usage": True}, True), ({}, False), (None, False)])
def test_a_stream_and_its_usage(options: Any, *, wanted: bool) -> None:
    """A client that streams is known to want usage at the end or not, and is not asked for more than it wanted."""
    body = {"model": "m", "messages": [HI], "stream": True}
    if options is not None:
        body["stream_options"] = options
    request = parsed(body)
    assert request.stream
    assert wants_usage(request) is wanted
    assert json.loads(CHAT.encode(request, stream=True).body) == body
    assert "stream_options" not in json.loads(CHAT.encode(request).body)


def test_usage_is_wanted_by_a_parsed_request_only() -> None:
    """A request that did not come over this wire asks for nothing of it."""
    foreign = Settings(extra=Opaque("anthropic", {"stream_options": {"include_usage": True}}))
    assert not any(wants_usage(ModelRequest("m", (), settings=settings)) for settings in (foreign, Settings()))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
        ([], "`model` is missing"),
        ({"model": 3, "messages": []}, "`model`"),
        ({"model": "m"}, "`messages` is missing"),
        ({"model": "m", "messages": {}}, "`messages`"),
        ({"model": "m", "messages": ["x"]}, r"messages\[0\] is no object"),
        ({"model": "m", "messages": [HI, {"role": "king"}]}, r"messages\[1\].role is 'king'"),
        ({"model": "m", "messages": [{"role": "user", "content": 3}]}, "neither a string nor a list"),
        ({"model": "m", "messages": [{"role": "user", "content": ["x"]}]}, "holds what is no object"),
        ({"model": "m", "messages": [{"role": "tool", "content": "x"}]}, "tool_call_id is missing"),
        ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "a call without a name"),
        ({"model": "m", "messages": [], "tools": {"a": 1}}, "`tools` is no list"),
        ({"model": "m", "messages": [], "tools": ["a"]}, r"tools\[0\] is no object"),
        ({"model": "m", "messages": [], "tools": [{"function": {}}]}, r"tools\[0\].function.name"),
    ],
)
def test_what_is_no_request_is_the_caller_s_fault(body: Any, words: str) -> None:
    """The error names the place."""
    with pytest.raises(CallerError, match=words):
        parsed(body)
