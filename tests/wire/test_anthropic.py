"""What the Messages dialect sends."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Video,
)
from journeyman.wire.anthropic import MAX_TOKENS, Anthropic

WIRE = Anthropic()
HELLO = Message.user("Hello")
TOOL = ToolSpec("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}})
TOOL_ON_WIRE = {"name": "weather", "description": "Tells the weather.", "input_schema": TOOL.parameters}


def own(**data):
    return Opaque("anthropic", data)


def foreign(**data):
    return Opaque("openai_chat", data)


def sent(*messages: Message, tools=(), output=None, **settings) -> dict[str, Any]:
    request = ModelRequest("claude-sonnet-4-5", messages or (HELLO,), tools, output, Settings(**settings))
    return json.loads(WIRE.encode(request).body)


def content(*parts, role="assistant") -> list[Any]:
    return sent(Message(role, parts))["messages"][0]["content"]


def test_a_request_goes_to_the_messages_path_with_the_version_of_the_api():
    """Path and headers are those of the API; the key is added by who knows it."""
    request = WIRE.encode(ModelRequest("claude-sonnet-4-5", (HELLO,)), stream=True)
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers == {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    assert json.loads(request.body) == {
        "model": "claude-sonnet-4-5",
        "max_tokens": MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "stream": True,
    }


def test_betas_travel_in_a_header():
    """`betas` of this dialect's extra become `anthropic-beta` and stay out of the body."""
    settings = Settings(extra=own(betas=["a-2025-01-01", "b-2025-01-01"], metadata={"user_id": "u"}))
    request = WIRE.encode(ModelRequest("m", (HELLO,), settings=settings))
    assert request.headers["anthropic-beta"] == "a-2025-01-01,b-2025-01-01"
    body = json.loads(request.body)
    assert body["metadata"] == {"user_id": "u"}
    assert "betas" not in body
    with pytest.raises(CallerError, match="list of strings"):
        WIRE.encode(ModelRequest("m", (HELLO,), settings=Settings(extra=own(betas="a"))))


def test_extra_of_another_dialect_stays_at_home():
    """Keys of another wire are not sent on this one."""
    assert "logprobs" not in sent(extra=foreign(logprobs=True))


def test_every_setting_that_the_wire_has_a_key_for_is_sent():
    """Settings arrive under the names of this wire; those without a place here are left out."""
    body = sent(
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        max_tokens=99,
        stop=("END",),
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        reasoning_effort="high",
    )
    del body["messages"]
    assert body == {
        "model": "claude-sonnet-4-5",
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "max_tokens": 99,
        "stop_sequences": ["END"],
        "output_config": {"effort": "high"},
        "stream": False,
    }


def test_a_thinking_budget_leaves_room_for_the_answer():
    """The limit that nobody set grows with the budget, because thoughts count against it; no budget forbids them."""
    body = sent(thinking_tokens=10_000)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 10_000}
    assert body["max_tokens"] == MAX_TOKENS + 10_000
    assert sent(thinking_tokens=0)["thinking"] == {"type": "disabled"}


CALL = ToolCall("toolu_1", "weather", "{}")
RESULT = Message("tool", (ToolResult("toolu_1", "rain"),))
SIGNED = Message("assistant", (Thinking("Hm.", own(signature="c2ln")), CALL))
VEILED = Message("assistant", (Opaque("anthropic", {"type": "redacted_thinking", "data": "eA=="}), CALL))
UNSIGNED = Message("assistant", (Thinking("Hm.", foreign(key="reasoning")), CALL))


@pytest.mark.parametrize(
    ("messages", "thinks"),
    [
        ((HELLO, SIGNED, RESULT), True),
        ((HELLO, VEILED, RESULT), True),
        # Only the first answer of a loop has thoughts, unless they are interleaved with the calls.
        ((HELLO, SIGNED, RESULT, Message("assistant", (CALL,)), RESULT), True),
        ((HELLO, UNSIGNED, RESULT), False),
        ((HELLO, UNSIGNED, RESULT, HELLO), False),
        ((HELLO, SIGNED, RESULT, Message.assistant("Rain."), HELLO, UNSIGNED, RESULT), False),
        ((HELLO, SIGNED, HELLO, UNSIGNED, RESULT), False),
        ((HELLO, UNSIGNED, RESULT, Message.assistant("Rain."), HELLO), True),
    ],
    ids=["ours", "veiled", "second round", "theirs", "interrupted", "after a turn", "after a call", "over"],
)
def test_a_tool_loop_without_signed_thoughts_goes_on_without_thinking(messages, thinks):
    """With a budget the API refuses to go on with a tool loop that another model began; the next turn thinks again."""
    assert ("thinking" in sent(*messages, thinking_tokens=2000)) is thinks


def test_words_for_effort_are_translated():
    """Words that other providers use for little or no thinking become what this one knows."""
    assert sent(reasoning_effort="minimal")["output_config"] == {"effort": "low"}
    assert "output_config" not in sent(reasoning_effort="none")


def test_structured_output_is_the_wires_own():
    """A schema goes into `output_config.format`, beside what else was said there."""
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    body = sent(output=JsonOutput(schema=schema), reasoning_effort="low", extra=own(output_config={"effort": "max"}))
    assert body["output_config"] == {"effort": "max", "format": {"type": "json_schema", "schema": schema}}
    with pytest.raises(CallerError, match="without a schema"):
        sent(output=JsonOutput())


def test_leading_instructions_become_system_and_later_ones_stay_where_they_are():
    """One block for each instruction at the front; one in the middle keeps its place."""
    body = sent(Message.system("A"), Message.system(""), Message.system("B"), HELLO, Message.system("C"))
    assert body["system"] == [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert body["messages"][1] == {"role": "system", "content": [{"type": "text", "text": "C"}]}
    assert "system" not in sent(Message.system(""), HELLO)


def test_a_request_may_be_nothing_but_instructions():
    """No message at all is an empty list, for the provider to judge."""
    assert sent(Message.system("A"))["messages"] == []
    assert sent(Message("assistant", (Thinking("hm", foreign()),)))["messages"] == []


def test_tool_results_are_a_user_message_and_come_first():
    """Results precede words, errors are marked, and what says nothing is left out."""
    results = (
        Text("and now?"),
        ToolResult("a", "sunny"),
        ToolResult("b", (Text("bad"), Text(""), Opaque("gemini", {})), is_error=True),
        ToolResult("c"),
    )
    message = sent(Message("tool", results))["messages"][0]
    assert message["role"] == "user"
    assert message["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": "sunny"},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": [{"type": "text", "text": "bad"}],
            "is_error": True,
        },
        {"type": "tool_result", "tool_use_id": "c"},
        {"type": "text", "text": "and now?"},
    ]


def test_a_tools_input_is_sent_as_the_model_wrote_it():
    """Spaces and the order of keys survive, so that a prompt cache does."""
    arguments = '{"b": 1,  "a": 1.50}'
    request = WIRE.encode(ModelRequest("m", (Message("assistant", (ToolCall("x", "f", arguments),)),)))
    assert arguments.encode() in request.body


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", {}),
        ("  ", {}),
        ('{"city": "Par', {"_raw": '{"city": "Par'}),
        ("[1]", {"_raw": "[1]"}),
        ('{"a": NaN}', {"_raw": '{"a": NaN}'}),
        ('{"a":' + "[" * 100_000, {"_raw": '{"a":' + "[" * 100_000}),
    ],
)
def test_malformed_arguments_are_sent_as_an_object(arguments, expected):
    """The wire takes nothing but objects; the model's text goes inside one."""
    assert content(ToolCall("x", "f", arguments)) == [
        {"type": "tool_use", "id": "x", "name": "f", "input": expected},
    ]


@given(st.text(max_size=60))
def test_every_id_becomes_one_that_the_wire_takes_alike_in_call_and_result(call_id):
    """Ids of other providers are mapped, and the pair stays a pair."""
    if not call_id.isprintable():
        call_id = repr(call_id)
    call = content(ToolCall(call_id, "f"))[0]["id"]
    result = content(ToolResult(call_id, "r"), role="tool")[0]["tool_use_id"]
    assert call == result
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", call)
    if re.fullmatch(r"[a-zA-Z0-9_-]+", call_id):
        assert call == call_id


def test_ids_that_look_alike_once_mapped_stay_apart():
    """Two foreign ids that differ in refused characters alone do not fall together."""
    assert content(ToolCall("a.b", "f")) != content(ToolCall("a:b", "f"))


def test_what_another_dialect_left_in_the_history_is_not_sent():
    """Foreign state and thoughts without this provider's signature are dropped; own ones go back whole."""
    parts = (
        Thinking("hm", foreign()),
        Thinking("alone"),
        Thinking("mine", own(signature="s")),
        Opaque("openai_responses", {"type": "reasoning"}),
        Opaque("anthropic", {"type": "redacted_thinking", "data": "d"}),
        Text("so", foreign(logprobs=[])),
    )
    assert content(*parts) == [
        {"type": "thinking", "thinking": "mine", "signature": "s"},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "so"},
    ]


def test_texts_that_the_wire_would_refuse_in_a_models_turn_are_dropped():
    """Empty texts always, blank ones where the turn has no other text."""
    call = ToolCall("x", "f")
    wire_call = {"type": "tool_use", "id": "x", "name": "f", "input": {}}
    assert content(Text(""), Text("\n\n"), call) == [wire_call]
    assert content(Text("\n\n"), Text("yes"), call) == [
        {"type": "text", "text": "\n\n"},
        {"type": "text", "text": "yes"},
        wire_call,
    ]
    assert content(Text(" "), role="user") == [{"type": "text", "text": " "}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Image("image/png", b"\x89P"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVA="}},
        ),
        (
            Image("image/*", url="https://x.test/a.png"),
            {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}},
        ),
        (
            Image("image/*", url="file-id:file_1"),
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        ),
        (
            Document("application/pdf", b"%PDF", name="a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
        ),
        (
            Document("text/csv", b"a,b"),
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ),
    ],
)
def test_media_travel_as_the_wire_wants_them(part, block):
    """Bytes as base64 or plain text, addresses and files of the provider by name."""
    assert content(part, role="user") == [block]
    assert content(ToolResult("x", (part,)), role="tool")[0]["content"] == [block]


@pytest.mark.parametrize(
    ("role", "part", "words"),
    [
        ("user", Audio("audio/wav", b""), "audio"),
        ("user", Video("video/mp4", b""), "video"),
        ("user", Document("application/zip", b""), "only PDF and text"),
        ("user", Document("text/plain", b"\xff"), "UTF-8"),
        ("user", Image("image/png", url="gs://bucket/a.png"), "gs://bucket"),
        ("user", Image("image/*", url="file-id:1", origin=foreign()), "file-id:1"),
        ("assistant", Image("image/png", b""), "model's turn"),
        ("user", Text("\ud800"), "surrogate"),
    ],
)
def test_what_the_wire_cannot_carry_is_refused_with_its_name(role, part, words):
    """Nothing is dropped in silence: the caller learns what cannot be sent."""
    with pytest.raises(CallerError, match=words):
        content(part, role=role)


def test_tools_are_sent_with_their_schema():
    """Own tools, server tools of this provider, and none of another's."""
    server = {"type": "web_search_20250305", "name": "web_search"}
    bare = ToolSpec("now", strict=True, origin=own(cache_control={"type": "ephemeral"}))
    body = sent(tools=(TOOL, bare, Opaque("anthropic", server), Opaque("gemini", {"google_search": {}})))
    assert body["tools"] == [
        TOOL_ON_WIRE,
        {
            "name": "now",
            "input_schema": {"type": "object"},
            "strict": True,
            "cache_control": {"type": "ephemeral"},
        },
        server,
    ]


@pytest.mark.parametrize(
    ("choice", "parallel", "expected"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), True, {"type": "auto", "disable_parallel_tool_use": False}),
        (ToolChoice("required"), None, {"type": "any"}),
        (
            ToolChoice("required", ("weather",)),
            False,
            {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        ),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("auto", origin=own(later=1)), None, {"type": "auto", "later": 1}),
    ],
)
def test_the_choice_of_tools_is_the_wires_own(choice, parallel, expected):
    """Modes have other names here, and one call at a time is part of the choice."""
    assert sent(tools=(TOOL,), tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == expected


def test_a_choice_of_several_tools_hides_the_others():
    """The wire can force one tool or any; to choose from some, only these are shown."""
    tools = (TOOL, ToolSpec("b"), ToolSpec("c"))
    body = sent(tools=tools, tool_choice=ToolChoice("required", ("weather", "c")))
    assert [tool["name"] for tool in body["tools"]] == ["weather", "c"]
    assert body["tool_choice"] == {"type": "any"}


def test_a_choice_without_tools_is_not_sent():
    """The wire refuses a choice among nothing."""
    assert "tool_choice" not in sent(tool_choice=ToolChoice("auto"))


def test_a_message_is_encoded_once():
    """The encoding stays on the message, depends on nothing around it, and is used again."""
    before = (Message.system("zero"), Message.user("one"), Message.assistant("two"))
    first = WIRE.encode(ModelRequest("m", before)).body
    fragments = [message.__dict__.get("anthropic") for message in before]
    second = WIRE.encode(ModelRequest("m", (*before, Message.user("three")))).body
    assert second.startswith(first.removesuffix(b"]}"))
    assert all(
        message.__dict__.get("anthropic") is fragment for message, fragment in zip(before, fragments, strict=True)
    )


def test_a_new_message_before_known_ones_is_not_forgotten():
    """The encoder's walk from the end misses a new message in the middle, and goes again."""
    old = Message.user("old")
    sent(old)
    texts = [message["content"][0]["text"] for message in sent(Message.user("new"), old)["messages"]]
    assert texts == ["new", "old"]


def test_a_call_from_within_a_container_is_answered_in_it():
    """Code in a container that called a tool waits there; other calls do not bind the next request."""
    origin = own(container={"id": "c_1"})
    waiting = ToolCall("x", "f", origin=own(caller={"type": "code_execution_20260120", "tool_id": "t"}))
    result = Message("tool", (ToolResult("x", "r"),))
    assert sent(HELLO, Message("assistant", (waiting,), origin), result)["container"] == "c_1"
    assert "container" not in sent(HELLO, Message("assistant", (ToolCall("x", "f"),), origin), result)
    assert "container" not in sent(HELLO, Message("assistant", (waiting,)), result)


def test_joined_messages_come_apart_when_their_neighbour_is_gone():
    """Blocks that shared a message with others stand alone after a message that they cannot join."""
    marked = Message("user", (Text("late"),), own(joined=True))
    late = {"role": "user", "content": [{"type": "text", "text": "late"}]}
    assert sent(marked)["messages"] == [late]
    assert sent(Message.assistant("hi"), marked)["messages"][1] == late
    plain = Message("user", (Text("plain"),), own(plain=True))
    assert sent(plain, marked)["messages"] == [{"role": "user", "content": "plain"}, late]
    gone = Message("assistant", (Thinking("x", foreign()),))
    assert sent(gone, HELLO, gone, marked)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "late"}]}
    ]
