"""What the Cohere dialect sends, and what it makes of what a client sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Video,
)
from journeyman.wire.cohere import Cohere
from journeyman.wire.http import HttpReply, HttpRequest

WIRE = Cohere()
PNG = b"\x89PNG\r\n\x1a\n1"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def own(**data: Any) -> Opaque:
    return Opaque("cohere", data)


def sent(*messages: Message, stream: bool = False, **fields: Any) -> dict[str, Any]:
    request = WIRE.encode(ModelRequest("m", messages, **fields), stream=stream)
    assert (request.method, request.path) == ("POST", "/v2/chat")
    return json.loads(request.body)


def turns(*messages: Message) -> list[dict[str, Any]]:
    return sent(*messages)["messages"]


def parsed(**body: Any) -> ModelRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **body}
    return WIRE.parse(HttpRequest("POST", "/v2/chat", {}, json.dumps(body).encode()))


def test_the_plainest_request():
    """Nothing is sent that nobody asked for."""
    assert sent(Message.system("Be kind."), Message.user("Hi")) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        ],
        "stream": False,
    }
    assert WIRE.encode(ModelRequest("m", ()), stream=True).headers["accept"] == "text/event-stream"


def test_settings_by_their_names_here():
    """Each setting has the name that Cohere's reference gives it; what has no place is left out."""
    settings = Settings(
        temperature=0.5,
        top_p=0.9,
        top_k=5,
        max_tokens=99,
        stop=("END",),
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        parallel_tool_calls=False,
        reasoning_effort="low",
        extra=own(safety_mode="STRICT", documents=["a"], stream=True, model="other"),
    )
    assert sent(settings=settings) == {
        "model": "m",
        "messages": [],
        "temperature": 0.5,
        "p": 0.9,
        "k": 5,
        "max_tokens": 99,
        "stop_sequences": ["END"],
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "safety_mode": "STRICT",
        "documents": ["a"],
        "stream": False,
    }
    assert "x" not in sent(settings=Settings(extra=Opaque("openai_chat", {"x": 1})))


@pytest.mark.parametrize(
    ("settings", "thinking"),
    [
        (Settings(thinking_tokens=500), {"type": "enabled", "token_budget": 500}),
        (Settings(thinking_tokens=0), {"type": "disabled"}),
        (Settings(reasoning_effort="none"), {"type": "disabled"}),
        (Settings(reasoning_effort="high"), None),
        (Settings(reasoning_effort="none", thinking_tokens=5), {"type": "enabled", "token_budget": 5}),
    ],
)
def test_thinking(settings, thinking):
    """A budget, or none; the wire has no degrees."""
    assert sent(settings=settings).get("thinking") == thinking


def test_tools_and_the_choice_among_them():
    """Required and none have words, auto is silence, and a choice of some shows only these."""
    tools = (ToolSpec("f", "Does f.", SCHEMA), ToolSpec("g"), own(type="x"), Opaque("gemini", {"y": 1}))
    function = {"name": "f", "description": "Does f.", "parameters": SCHEMA}
    both = sent(tools=tools, settings=Settings(tool_choice=ToolChoice("auto")))
    assert both["tools"] == [
        {"type": "function", "function": function},
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
        {"type": "x"},
    ]
    assert "tool_choice" not in both
    one = sent(tools=tools[:2], settings=Settings(tool_choice=ToolChoice("required", ("g",))))
    assert ([tool["function"]["name"] for tool in one["tools"]], one["tool_choice"]) == (["g"], "REQUIRED")
    assert sent(tools=tools, settings=Settings(tool_choice=ToolChoice("none")))["tool_choice"] == "NONE"
    assert "tool_choice" not in sent(settings=Settings(tool_choice=ToolChoice("required")))


def test_tools_are_strict_together_or_not_at_all():
    """The wire binds all tools at once."""
    strict = ToolSpec("f", parameters=SCHEMA, strict=True)
    assert sent(tools=(strict, replace(strict, name="g")))["strict_tools"] is True
    assert "strict_tools" not in sent(tools=(strict, ToolSpec("g")))
    assert [tool.strict for tool in parsed(strict_tools=True, tools=sent(tools=(strict,))["tools"]).tools] == [True]


def test_structured_output():
    """JSON of any kind, or of a schema."""
    assert sent(output=JsonOutput())["response_format"] == {"type": "json_object"}
    assert sent(output=JsonOutput("n", SCHEMA))["response_format"] == {"type": "json_object", "json_schema": SCHEMA}


def test_a_round_with_tools():
    """Plan and citations go back with the turn; each result is a message of its own."""
    turn = Message(
        "assistant",
        (Thinking("hm", own()), ToolCall("a", "f", '{"x": 1}'), Text("So."), ToolCall("b", "g", "not json")),
        own(keys={"tool_plan": "First f.", "citations": [{"start": 0}]}, billed_units={"input_tokens": 1}),
    )
    results = Message("tool", (ToolResult("a", "1"), ToolResult("b", (Text("no"), own(type="document", document={})))))
    assert turns(turn, results) == [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "So."}],
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"_raw":"not json"}'}},
            ],
            "tool_plan": "First f.",
            "citations": [{"start": 0}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": [{"type": "text", "text": "no"}, {"type": "document", "document": {}}],
        },
    ]


def test_what_is_left_of_other_providers():
    """Their thoughts and blocks stay at home, and a message that was nothing else is not sent."""
    other = Opaque("anthropic", {"signature": "s"})
    turn = Message(
        "assistant", (Thinking("hm", other), Thinking("h"), other, Text("Hi", other), ToolCall("a", "f", "")), other
    )
    (wire,) = turns(turn)
    assert wire["content"] == [{"type": "text", "text": "Hi"}]
    assert wire["tool_calls"][0]["function"]["arguments"] == "{}"
    assert turns(Message("assistant", (Thinking("hm", other), Text("")))) == []
    assert turns(Message.system(""), Message("user", (other,))) == []


def test_pictures_and_texts_of_tools():
    """Pictures travel as bytes and by address; those of a tool follow its result, and its documents are in it."""
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"}}
    (user,) = turns(Message.user(["See", Image("image/png", PNG), Image("image/*", url="https://x.test/1.png")]))
    assert user["content"][1:] == [picture, {"type": "image_url", "image_url": {"url": "https://x.test/1.png"}}]
    content = (Text("Drawn."), Text(""), Image("image/png", PNG), Document("text/plain", b"Law", name="Book"))
    told, shown = turns(Message("tool", (ToolResult("a", content),)))
    assert told["content"] == [
        {"type": "text", "text": "Drawn."},
        {"type": "document", "document": {"data": {"content": "Law", "title": "Book"}}},
        {"type": "text", "text": "(The pictures are in the next message of the user.)"},
    ]
    assert shown == {"role": "user", "content": [{"type": "text", "text": "From the tool call a:"}, picture]}


@pytest.mark.parametrize(
    "message",
    [
        Message.user([Audio("audio/wav", b"x")]),
        Message.user([Video("video/mp4", b"x")]),
        Message.user([Document("text/plain", b"x")]),
        Message.user([Image("image/png", url="gs://bucket/x")]),
        Message("user", (ToolCall("a", "f"),)),
        Message("assistant", (Image("image/png", PNG),)),
        Message("tool", (ToolResult("a", (Document("application/pdf", b"x"),)),)),
        Message("tool", (ToolResult("a", (Document("text/plain", b"\xff"),)),)),
        Message("tool", (ToolResult("a", (Document("text/plain", url="https://x.test"),)),)),
        Message("tool", (ToolResult("a", (Audio("audio/wav", b"x"),)),)),
        Message.user("half a pair: \ud800"),
        Message("assistant", (ToolCall("a", "f", "\ud800"),)),
    ],
)
def test_what_cannot_be_sent(message):
    """It is the caller who is told, before anything leaves."""
    with pytest.raises(CallerError):
        sent(message)


def test_a_turn_encodes_only_what_is_new():
    """The encoding of a message is kept on it, and used again."""
    first = Message.user("Hi")
    sent(first)
    kept = vars(first)["cohere"]
    vars(first)["cohere"] = kept.replace(b"Hi", b"Ho")
    assert sent(first, Message.assistant("x"))["messages"][0]["content"][0]["text"] == "Ho"
    tool = ToolSpec("f")
    sent(tools=(tool,))
    assert b'"f"' in vars(tool)["cohere"]


BODIES: list[dict[str, Any]] = [
    {},
    {"stream": True},
    {"temperature": 0, "p": 0.5, "k": 0, "max_tokens": 5, "seed": 0, "frequency_penalty": 0.0, "presence_penalty": 1},
    {"temperature": None, "max_tokens": None, "stop_sequences": None, "tools": None, "response_format": None},
    {"stop_sequences": ["a", "b"], "safety_mode": "OFF", "logprobs": True, "priority": 3},
    {"stop_sequences": "a", "temperature": "hot", "k": 1.5, "tool_choice": "REQUIRED", "tools": []},
    {"response_format": {"type": "json_object"}},
    {"response_format": {"type": "json_object", "json_schema": SCHEMA}},
    {"response_format": {"type": "json_object", "json_schema": None}},
    {"response_format": {"type": "text"}},
    {"thinking": {"type": "disabled"}},
    {"thinking": {"type": "enabled"}},
    {"thinking": {"type": "enabled", "token_budget": 100}},
    {"thinking": {"type": "enabled", "token_budget": -1}},
    {"thinking": {"type": "disabled", "token_budget": 100}},
    {"thinking": {"type": "disabled", "more": 1}},
    {"documents": ["a", {"id": "1", "data": {"text": "b"}}], "citation_options": {"mode": "FAST"}},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}], "tool_choice": "NONE"},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}, "x": 1}}], "strict_tools": True},
    {
        "tools": [{"type": "function", "function": {"name": "f", "description": None}}, {"type": "y"}],
        "strict_tools": True,
    },
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "strict_tools": False},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}], "tool_choice": "AUTO"},
    {"messages": []},
    {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "system", "content": [{"type": "text", "text": "And short."}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "x"}}],
            },
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "https://x.test/i", "detail": "low"}}],
            },
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGl="}}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}, "cache": 1}]},
            {"role": "user", "content": [{"type": "text", "text": "a", "more": 1}, {"type": "new"}, {}]},
            {"role": "user", "content": [], "name": "Bo"},
            {
                "role": "assistant",
                "tool_plan": "Ask.",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}, "more": 1},
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {
                "role": "tool",
                "tool_call_id": "a",
                "content": [{"type": "document", "document": {"data": "{}"}}, {"type": "text", "text": "b"}],
                "more": 1,
            },
            {"role": "assistant", "content": "", "tool_calls": []},
            {"role": "assistant", "content": None, "tool_calls": None, "tool_plan": "x"},
            {"role": "assistant", "content": "Well", "citations": [{"start": 0, "end": 1, "text": "W"}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ok"}]},
        ]
    },
]


@pytest.mark.parametrize("body", BODIES)
def test_a_request_comes_out_as_it_went_in(body):
    """Parsing a client's request and encoding it again gives the same JSON, key by key."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": False, **body}
    request = parsed(**body)
    again = json.loads(WIRE.encode(request, stream=request.stream).body)
    assert again == body


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("a{}", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [
    *("messages", "model", "stream", "tools", "tool_choice", "thinking", "response_format", "stop_sequences"),
    *("temperature", "k", "strict_tools", "documents"),
]
messages = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "tool_calls", "tool_call_id", "tool_plan"]),
        values | st.sampled_from(["user", "assistant", "tool", "system"]),
        max_size=4,
    ),
    max_size=3,
)


@given(st.dictionaries(st.sampled_from(KEYS), values | messages, max_size=6), st.booleans())
def test_whatever_a_client_sends_is_parsed_or_refused(body, sane):
    """Hostile requests are a `CallerError`, and what is taken can be sent on, or is refused in the same way."""
    if sane:
        body |= {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    try:
        request = WIRE.parse(HttpRequest("POST", "/v2/chat", {}, json.dumps(body).encode()))
        again = json.loads(WIRE.encode(request, stream=request.stream).body)
    except CallerError:
        return
    if sane:
        assert again == body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"model": "m"}',
        b'{"model": "m", "messages": [{"role": "wizard", "content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "user"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": ["x"]}]}',
        b'{"model": "m", "messages": [{"role": "tool", "content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}',
        b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": {"id": "a"}}]}',
        b'{"model": "m", "messages": [], "tools": {"a": 1}}',
        b'{"model": "m", "messages": [], "tools": [{"type": "function"}]}',
        b'{"model": "m", "messages": [], "tools": ["f"]}',
        b'{"model": "m\xff", "messages": []}',
        b"[" * 9000,
    ],
)
def test_what_is_no_request(data):
    """It is refused in words of ours."""
    with pytest.raises(CallerError, match="no request of Cohere's Chat API"):
        WIRE.parse(HttpRequest("POST", "/v2/chat", {}, data))


def test_parsed_requests_speak_our_language():
    """A client's turn is ours, so that it can go to any other provider."""
    request = parsed(
        stream=True,
        tools=[{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        tool_choice="REQUIRED",
        thinking={"type": "enabled", "token_budget": 9},
        messages=[
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]},
        ],
    )
    assert request.stream
    assert request.tools == (ToolSpec("f", parameters=SCHEMA),)
    assert request.settings == Settings(tool_choice=ToolChoice("required"), thinking_tokens=9)
    called, told, seen = request.messages
    assert called.parts == (ToolCall("a", "f"),)
    assert told.parts == (ToolResult("a", "1", name="f"),)
    assert seen.parts == (Image("image/png", b"hi"),)


def test_a_turn_that_was_elsewhere_comes_back_whole():
    """Through another dialect's history and back, Cohere gets what it would have got."""
    answer = {
        "id": "c",
        "finish_reason": "TOOL_CALL",
        "message": {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}],
            "tool_plan": "Ask.",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
    }
    message = WIRE.decode(HttpReply(200, {}, json.dumps(answer).encode())).message
    before = turns(message)
    from journeyman.wire.openai_chat import OpenAIChat

    there = OpenAIChat().encode(ModelRequest("m", (message, Message("tool", (ToolResult("a", "1"),)))))
    assert b'"tool_calls"' in there.body
    fresh = Message(message.role, message.parts, message.origin)
    assert turns(fresh) == before == [answer["message"]]
