"""What the Ollama dialect sends, and what it makes of what a client sent."""

from __future__ import annotations

import base64
import json
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
from journeyman.wire.http import HttpReply, HttpRequest
from journeyman.wire.ollama import Ollama

WIRE = Ollama()
PNG = b"\x89PNG\r\n\x1a\n1"
SHOWN = base64.b64encode(PNG).decode()
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def own(**data: Any) -> Opaque:
    return Opaque("ollama", data)


def sent(*messages: Message, stream: bool = False, **fields: Any) -> dict[str, Any]:
    request = WIRE.encode(ModelRequest("m", messages, **fields), stream=stream)
    assert (request.method, request.path) == ("POST", "/api/chat")
    return json.loads(request.body)


def turns(*messages: Message) -> list[dict[str, Any]]:
    return sent(*messages)["messages"]


def parsed(*messages: dict[str, Any], **body: Any) -> ModelRequest:
    body = {"model": "m", "messages": messages or [{"role": "user", "content": "Hi"}], **body}
    return WIRE.parse(HttpRequest("POST", "/api/chat", {}, json.dumps(body).encode()))


def test_the_plainest_request():
    """Nothing is sent that nobody asked for, but whether to stream: silence would mean yes."""
    assert sent(Message.system("Be kind."), Message.user(["Hi", "there"])) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi\n\nthere"}],
        "stream": False,
    }
    assert sent(stream=True)["stream"] is True


def test_a_user_who_says_nothing():
    """An empty prompt is a message: without any, Ollama would only load the model."""
    assert turns(Message.user("")) == [{"role": "user", "content": ""}]


def test_settings_are_options():
    """Each setting has the name that Ollama gives it; the caller's own words go first; what has no place is left out."""
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
        extra=own(keep_alive="5m", options={"num_ctx": 8192, "seed": 8}, stream=True),
    )
    assert sent(settings=settings) == {
        "model": "m",
        "messages": [],
        "options": {
            "temperature": 0.5,
            "top_p": 0.9,
            "top_k": 5,
            "num_predict": 99,
            "stop": ["END"],
            "seed": 8,
            "presence_penalty": 0.1,
            "frequency_penalty": 0.2,
            "num_ctx": 8192,
        },
        "keep_alive": "5m",
        "stream": False,
    }
    assert "x" not in sent(settings=Settings(extra=Opaque("cohere", {"x": 1})))


@pytest.mark.parametrize(
    ("settings", "think"),
    [
        (Settings(reasoning_effort="high"), "high"),
        (Settings(reasoning_effort="max"), "max"),
        (Settings(reasoning_effort="xhigh"), "max"),
        (Settings(reasoning_effort="minimal"), "low"),
        (Settings(reasoning_effort="none"), False),
        (Settings(thinking_tokens=0), False),
        (Settings(thinking_tokens=500), True),
        (Settings(thinking_tokens=500, reasoning_effort="low"), "low"),
        (Settings(thinking_tokens=0, reasoning_effort="low"), False),
        (Settings(extra=own(think=True)), True),
        (Settings(), None),
    ],
)
def test_thinking(settings, think):
    """Degrees by their words, a budget as plain thinking, none as false."""
    assert sent(settings=settings).get("think") == think


def test_tools_and_the_choice_among_them():
    """The wire cannot force a tool; those that may not be called are not shown."""
    tools = (ToolSpec("f", "Does f.", SCHEMA, strict=True), ToolSpec("g"), own(type="x"), Opaque("gemini", {"y": 1}))
    function = {"name": "f", "description": "Does f.", "parameters": SCHEMA}
    assert sent(tools=tools, settings=Settings(tool_choice=ToolChoice("required")))["tools"] == [
        {"type": "function", "function": function},
        {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}},
        {"type": "x"},
    ]
    one = sent(tools=tools[:2], settings=Settings(tool_choice=ToolChoice("auto", ("g",))))
    assert [tool["function"]["name"] for tool in one["tools"]] == ["g"]
    assert "tools" not in sent(tools=tools[:2], settings=Settings(tool_choice=ToolChoice("none")))


def test_structured_output():
    """JSON of any kind, or of a schema."""
    assert sent(output=JsonOutput())["format"] == "json"
    assert sent(output=JsonOutput("n", SCHEMA))["format"] == SCHEMA


def test_a_round_with_tools():
    """Thoughts go back with the turn, arguments are objects, and each result is a message that names its tool."""
    turn = Message(
        "assistant",
        (Thinking("hm", own()), Text("So"), ToolCall("a", "f", '{"x": 1}'), Text("."), ToolCall("b", "g", "not json")),
        own(done_reason="load", logprobs=[1]),
    )
    results = Message("tool", (ToolResult("a", "1"), ToolResult("b", (Text("no"), Text("way")), is_error=True)))
    assert turns(turn, results, Message("tool", (ToolResult("c", "?"),))) == [
        {
            "role": "assistant",
            "content": "So.",
            "thinking": "hm",
            "tool_calls": [
                {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}},
                {"id": "b", "function": {"name": "g", "arguments": {"_raw": "not json"}}},
            ],
        },
        {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "a"},
        {"role": "tool", "content": "no\nway", "tool_name": "g", "tool_call_id": "b"},
        {"role": "tool", "content": "?", "tool_call_id": "c"},
    ]


def test_ids_of_our_making_stay_with_us():
    """A server that gave no id gets none back, neither in the call nor in its result, which names the tool alone."""
    answer = {"message": {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}, "done": True}
    turn = WIRE.decode(HttpReply(200, {}, json.dumps(answer).encode())).message
    result = Message("tool", (ToolResult(turn.tool_calls[0].id, "1"),))
    assert turns(turn, result) == [
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]},
        {"role": "tool", "content": "1", "tool_name": "f"},
    ]


def test_what_is_left_of_other_providers():
    """Their thoughts and blocks stay at home, and a message that was nothing else is not sent."""
    other = Opaque("anthropic", {"signature": "s"})
    turn = Message(
        "assistant", (Thinking("hm", other), Thinking("h"), other, Text("Hi", other), ToolCall("a", "f", "")), other
    )
    assert turns(turn) == [
        {"role": "assistant", "content": "Hi", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]}
    ]
    assert turns(Message("assistant", (Thinking("hm", other), Text("")))) == []
    assert turns(Message.system(""), Message("user", (other,))) == []


def test_pictures():
    """They travel as bytes beside the words, of users and of tools."""
    picture = Image("image/png", PNG)
    assert turns(Message.user(["See", picture])) == [{"role": "user", "content": "See", "images": [SHOWN]}]
    assert turns(Message("tool", (ToolResult("a", (Text("Drawn."), picture), name="f"),))) == [
        {"role": "tool", "content": "Drawn.", "tool_name": "f", "tool_call_id": "a", "images": [SHOWN]}
    ]
    assert turns(Message("assistant", (picture,))) == [{"role": "assistant", "content": "", "images": [SHOWN]}]


@pytest.mark.parametrize(
    "message",
    [
        Message.user([Audio("audio/wav", b"x")]),
        Message.user([Video("video/mp4", b"x")]),
        Message.user([Document("text/plain", b"x")]),
        Message.user([Image("image/png", url="https://x.test/1.png")]),
        Message("user", (ToolCall("a", "f"),)),
        Message("assistant", (Document("text/plain", b"x"),)),
        Message("tool", (ToolResult("a", (Document("application/pdf", b"x"),)),)),
        Message.user("half a pair: \ud800"),
        Message("assistant", (ToolCall("a", "f", "\ud800"),)),
    ],
)
def test_what_cannot_be_sent(message):
    """It is the caller who is told, before anything leaves."""
    with pytest.raises(CallerError):
        sent(message)


def test_a_turn_encodes_only_what_is_new():
    """The encoding of a message is kept on it, and used again, whatever follows."""
    first, turn = Message.user("Hi"), Message("assistant", (ToolCall("a", "f"),))
    sent(first, turn)
    vars(first)["ollama"] = vars(first)["ollama"].replace(b"Hi", b"Ho")
    grown = sent(first, turn, Message("tool", (ToolResult("a", "1"),)))["messages"]
    assert (grown[0]["content"], grown[2]["tool_name"]) == ("Ho", "f")
    tool = ToolSpec("f")
    sent(tools=(tool,))
    assert b'"f"' in vars(tool)["ollama"]


BODIES: list[dict[str, Any]] = [
    {},
    {"stream": True},
    {"options": {"temperature": 0, "top_p": 0.5, "top_k": 0, "num_predict": 5, "seed": 0, "stop": ["a"]}},
    {"options": {"presence_penalty": 1, "frequency_penalty": 0.5, "num_ctx": 8192, "mirostat": 1}},
    {"options": {"num_predict": -1, "stop": "a", "seed": 1.5, "temperature": None, "top_k": True}},
    {"options": {}},
    {"options": None, "format": None, "think": None, "tools": None, "keep_alive": None},
    {"format": ""},
    {"format": "json"},
    {"format": SCHEMA},
    {"format": {}},
    {"format": "yaml"},
    {"think": True},
    {"think": False},
    {"think": "high"},
    {"think": "minimal"},
    {"think": ""},
    {"keep_alive": 0, "truncate": False, "shift": True, "logprobs": True, "top_logprobs": 3},
    {"tools": []},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]},
    {"tools": [{"function": {"name": "f", "parameters": {}, "x": 1}}, {"type": "y"}, {}]},
    {"messages": []},
    {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "See", "images": [SHOWN], "name": "Bo"},
            {"role": "user", "content": "", "images": ["aGk", "not base64"]},
            {"role": "user"},
            {"role": "user", "content": None},
            {
                "role": "assistant",
                "content": "",
                "thinking": "hm",
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"x": 1.5}, "index": 0}},
                    {"function": {"name": "g", "arguments": {}}},
                    {"function": {"name": "g", "arguments": {"y": [None]}}},
                ],
            },
            {"role": "tool", "content": "1", "tool_call_id": "a"},
            {"role": "tool", "content": "2", "tool_name": "g"},
            {"role": "tool", "content": "3", "images": [SHOWN], "more": 1},
            {"role": "tool", "content": "4", "tool_name": "h", "tool_call_id": "z"},
            {"role": "tool", "tool_name": "g"},
            {"role": "assistant", "tool_calls": [{"id": "b", "function": {"name": "f", "arguments": {}}}]},
            {"role": "assistant", "content": "Well", "tool_calls": [], "thinking": ""},
            {"role": "assistant", "content": "", "images": [SHOWN]},
        ]
    },
]


@pytest.mark.parametrize("body", BODIES)
def test_a_request_comes_out_as_it_went_in(body):
    """Parsing a client's request and encoding it again gives the same JSON, key by key."""
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": False, **body}
    request = WIRE.parse(HttpRequest("POST", "/api/chat", {}, json.dumps(body).encode()))
    assert json.loads(WIRE.encode(request, stream=request.stream).body) == body


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("a{}", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "function", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ["messages", "model", "stream", "tools", "format", "think", "options", "keep_alive"]
messages = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "tool_calls", "tool_call_id", "tool_name", "images", "thinking"]),
        values | st.sampled_from(["user", "assistant", "tool", "system"]),
        max_size=4,
    ),
    max_size=3,
)


@given(st.dictionaries(st.sampled_from(KEYS), values | messages, max_size=6), st.booleans())
def test_whatever_a_client_sends_is_parsed_or_refused(body, sane):
    """Hostile requests are a `CallerError`, and what is taken can be sent on."""
    if sane:
        body |= {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    try:
        request = WIRE.parse(HttpRequest("POST", "/api/chat", {}, json.dumps(body).encode()))
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
        b'{"messages": []}',
        b'{"model": "m", "messages": {}}',
        b'{"model": "m", "messages": [{"content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "wizard", "content": "x"}]}',
        b'{"model": "m", "messages": [{"role": "user", "content": ["x"]}]}',
        b'{"model": "m", "messages": [{"role": "tool", "content": 1}]}',
        b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}',
        b'{"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]}',
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
    with pytest.raises(CallerError, match="no request of Ollama's API"):
        WIRE.parse(HttpRequest("POST", "/api/chat", {}, data))


def test_a_request_streams_unless_it_says_no():
    """Ollama's own default."""
    assert parsed().stream
    assert parsed(stream=None).stream
    assert not parsed(stream=False).stream


def test_parsed_requests_speak_our_language():
    """A client's turn is ours, so that it can go to any other provider."""
    request = parsed(
        {"role": "User", "content": "See", "images": [SHOWN]},
        tools=[{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}],
        think="low",
        format=SCHEMA,
        options={"temperature": 1, "num_predict": 7, "stop": ["x"]},
    )
    assert request.messages == (Message("user", (Text("See"), Image("image/png", PNG))),)
    assert request.tools == (ToolSpec("f", parameters=SCHEMA),)
    assert request.output == JsonOutput(schema=SCHEMA)
    assert request.settings == Settings(temperature=1, max_tokens=7, stop=("x",), reasoning_effort="low")


def test_no_limit_is_no_number():
    """-1 and -2 mean something to Ollama alone, and are not taken for a number of tokens."""
    settings = parsed(options={"num_predict": -1}).settings
    assert settings == Settings(extra=own(options={"num_predict": -1}))


def test_a_turn_that_was_elsewhere_comes_back_whole():
    """Through another dialect's history and back, Ollama gets what it would have got."""
    from journeyman.wire.cohere import Cohere

    answer = {
        "message": {
            "role": "assistant",
            "content": "So",
            "thinking": "hm",
            "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}],
        },
        "done": True,
    }
    message = WIRE.decode(HttpReply(200, {}, json.dumps(answer).encode())).message
    before = turns(message)
    result = Message("tool", (ToolResult(message.tool_calls[0].id, "1"),))
    there = json.loads(Cohere().encode(ModelRequest("m", (message, result))).body)["messages"]
    assert there[0]["tool_calls"][0]["id"] == there[1]["tool_call_id"]
    assert b"hm" not in json.dumps(there).encode()
    fresh = Message(message.role, message.parts, message.origin)
    assert turns(fresh) == before == [answer["message"]]


def test_results_find_their_calls():
    """By id, else the first call of the tool that waits, else the first that waits at all."""

    def called(name, **keys):
        return {"function": {"name": name, "arguments": {}}, **keys}

    request = parsed(
        {"role": "assistant", "content": "", "tool_calls": [called("g")]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [called("f"), called("f"), called("g"), called("h", id="i")],
        },
        {"role": "tool", "content": "h", "tool_call_id": "i"},
        {"role": "tool", "content": "g", "tool_name": "g"},
        {"role": "tool", "content": "f1"},
        {"role": "tool", "content": "f2", "tool_name": "f"},
        {"role": "tool", "content": "lost"},
    )
    _, turn, *told = request.messages
    names = {call.id: call.name for call in turn.tool_calls}
    results = [message.tool_results[0] for message in told]
    assert len(names) == 4
    assert [(names.get(result.call_id), result.text) for result in results] == [
        ("h", "h"),
        ("g", "g"),
        ("f", "f1"),
        ("f", "f2"),
        (None, "lost"),
    ]
    assert [result.name for result in results] == ["h", "g", "f", "f", None]
    assert len({result.call_id for result in results}) == 5


def test_many_results_cost_no_more_than_they_hold():
    """A long turn with as many results is read in one go: nothing is searched for again and again."""
    many = 3000
    calls = [{"function": {"name": "f", "arguments": {}}}] * many
    results = [{"role": "tool", "content": str(at)} for at in range(many)]
    request = parsed({"role": "assistant", "content": "", "tool_calls": calls}, *results)
    turn, *told = request.messages
    assert [message.tool_results[0].call_id for message in told] == [call.id for call in turn.tool_calls]
