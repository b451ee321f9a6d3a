"""Settings, tools and formats of requests, to the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman.data import JsonOutput, Message, ModelRequest, Opaque, Settings, ToolChoice, ToolSpec
from journeyman.wire import ChatQuirks
from journeyman.wire.openai_chat import OpenAIChat

TOOL = ToolSpec("f", "does f", {"type": "object", "properties": {"x": {"type": "integer"}}})


def body(
    settings: Settings | None = None, *, stream: bool = False, quirks: ChatQuirks | None = None, **fields: Any
) -> dict[str, Any]:
    request = ModelRequest("m", (Message.user("x"),), settings=settings or Settings(), **fields)
    wire = json.loads(OpenAIChat(quirks).encode(request, stream=stream).body)
    assert (wire.pop("model"), wire.pop("messages")) == ("m", [{"role": "user", "content": "x"}])
    assert wire.pop("stream") is stream
    return wire


def test_the_request_s_frame() -> None:
    """Method, path and headers; credentials are somebody else's business."""
    request = ModelRequest("m", (Message.user("x"),))
    plain, streamed = OpenAIChat().encode(request), OpenAIChat().encode(request, stream=True)
    assert (plain.method, plain.path) == ("POST", "/chat/completions")
    assert plain.headers == {"content-type": "application/json"}
    assert streamed.headers == {"content-type": "application/json", "accept": "text/event-stream"}


def test_settings_that_are_not_set_are_not_sent() -> None:
    """What is None is left to the provider; a stream asks for its usage where the vendor knows how."""
    assert body() == {}
    assert body(stream=True) == {"stream_options": {"include_usage": True}}
    assert body(stream=True, quirks=ChatQuirks(stream_usage=False)) == {}


def test_every_setting_that_the_wire_has() -> None:
    """Each under its key, falsy values too."""
    settings = Settings(
        temperature=0.0,
        top_p=0.5,
        top_k=5,
        max_tokens=10,
        stop=("a", "b"),
        seed=0,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        parallel_tool_calls=False,
        reasoning_effort="low",
        thinking_tokens=100,
    )
    expected = {
        "temperature": 0.0,
        "top_p": 0.5,
        "max_completion_tokens": 10,
        "stop": ["a", "b"],
        "seed": 0,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "reasoning_effort": "low",
    }
    # Without a tool, OpenAI refuses to hear of parallel calls.
    assert body(settings) == expected
    with_tools = body(settings, tools=(TOOL,), quirks=ChatQuirks(max_tokens="max_tokens", top_k=True))
    del with_tools["tools"], expected["max_completion_tokens"]
    assert with_tools == {**expected, "max_tokens": 10, "top_k": 5, "parallel_tool_calls": False}


@pytest.mark.parametrize(
    ("settings", "reasoning"),
    [
        (Settings(reasoning_effort="high"), {"effort": "high"}),
        (Settings(thinking_tokens=100), {"max_tokens": 100}),
        (Settings(thinking_tokens=0), {"enabled": False}),
        (Settings(seed=1), None),
    ],
)
def test_quirk_reasoning_object(settings: Settings, reasoning: object) -> None:
    """OpenRouter has effort and budget in one object."""
    wire = body(settings, quirks=ChatQuirks(reasoning_object=True))
    assert wire.get("reasoning") == reasoning
    assert "reasoning_effort" not in wire


def test_extras_are_for_this_dialect_alone() -> None:
    """Keys without a field are merged in, never over a field, and another dialect's are left out."""
    extra = {"user": "u", "seed": 1, "temperature": None}
    assert body(Settings(seed=2, extra=Opaque("openai_chat", extra))) == {"user": "u", "seed": 2, "temperature": None}
    assert body(Settings(extra=Opaque("anthropic", extra))) == {}


def test_tools() -> None:
    """Functions, with what they take even if that is nothing; opaque ones of this dialect as they are."""
    builtin = Opaque("openai_chat", {"type": "web"})
    wire = body(tools=(TOOL, ToolSpec("g", strict=True), builtin, Opaque("anthropic", {"type": "bash"})))
    assert wire["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does f",
                "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}},
            },
        },
        {
            "type": "function",
            "function": {"name": "g", "parameters": {"type": "object", "properties": {}}, "strict": True},
        },
        {"type": "web"},
    ]
    assert body(tools=(Opaque("anthropic", {}),)) == {}


def test_a_tool_is_written_once() -> None:
    """The second request takes the tool's encoding from the first."""
    tool = replace(TOOL)
    body(tools=(tool,))
    (key,) = vars(tool)
    vars(tool)[key] = b'{"cached":1}'
    assert body(tools=(tool,))["tools"] == [{"cached": 1}]


def test_a_renamed_tool_is_not_sent_as_it_was_spelled() -> None:
    """A client's own spelling counts as long as it says what the tool is."""
    spelled = {"function": {"name": "f", "parameters": {}}}
    tool = ToolSpec("f", origin=Opaque("openai_chat", spelled))
    assert body(tools=(tool,))["tools"] == [spelled]
    assert body(tools=(replace(tool, name="g"),))["tools"][0]["function"]["name"] == "g"


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none", ("f",)), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("required", ("f",)), {"type": "function", "function": {"name": "f"}}),
        (
            ToolChoice("auto", ("f",)),
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            },
        ),
        (ToolChoice("required", origin=Opaque("openai_chat", {"tool_choice": "any"})), "any"),
        (ToolChoice("required", origin=Opaque("anthropic", {"tool_choice": "any"})), "required"),
    ],
)
def test_tool_choice(choice: ToolChoice, wire: object) -> None:
    """Modes, one name, several names, and a client's own word for it."""
    assert body(Settings(tool_choice=choice))["tool_choice"] == wire


def test_output() -> None:
    """JSON of any form, and JSON that must fit a schema."""
    assert body(output=JsonOutput())["response_format"] == {"type": "json_object"}
    schema = {"type": "object"}
    assert body(output=JsonOutput("a", schema, "d", strict=True))["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": schema, "description": "d", "strict": True},
    }
    spelled = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": None}}
    extra = Settings(extra=Opaque("openai_chat", {"response_format": spelled}))
    assert body(extra, output=JsonOutput("a", schema))["response_format"] == spelled
    assert body(extra, output=JsonOutput("b", schema))["response_format"]["json_schema"]["name"] == "b"
