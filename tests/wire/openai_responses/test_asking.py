"""What is sent, apart from messages."""

import json

import pytest

from journeyman.data import (
    CallerError,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Settings,
    ToolChoice,
    ToolSpec,
)
from journeyman.wire.openai_responses import OpenAIResponses

WIRE = OpenAIResponses()
HI = (Message.user("Hi"),)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = ToolSpec("weather", "Tells it.", SCHEMA)


def extra(**keys):
    return Settings(extra=Opaque("openai_responses", keys))


def body_of(request, *, stream=False):
    return json.loads(WIRE.encode(request, stream=stream).body)


def test_the_least_request():
    """A request goes to /responses; a model of which we know nothing is sent nothing that it might refuse."""
    sent = WIRE.encode(ModelRequest("m", HI))
    assert (sent.method, sent.path, sent.headers["content-type"]) == ("POST", "/responses", "application/json")
    assert json.loads(sent.body) == {"model": "m", "input": [{"role": "user", "content": "Hi"}], "stream": False}
    streamed = WIRE.encode(ModelRequest("m", HI), stream=True)
    assert streamed.headers["accept"] == "text/event-stream"
    assert json.loads(streamed.body)["stream"] is True


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.4-mini", "o3-mini", "openai/gpt-5.6-sol", "openai.gpt-6", "gpt-10"])
def test_models_that_think_give_us_their_thoughts_to_keep(model):
    """They are asked to store nothing and to encrypt what they thought, so that a run can go on at any time."""
    body = body_of(ModelRequest(model, HI))
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "gpt-oss-120b", "deepseek-v4", "my-o1", ""]
)
def test_other_models_are_not_asked_for_what_they_would_refuse(model):
    """Neither `store` nor `include` is sent to a model that does not think, as far as its name tells."""
    assert not {"store", "include"} & body_of(ModelRequest(model, HI)).keys()


def test_the_caller_decides_what_is_stored():
    """What the caller says of storing stands, and so does what the caller keeps at the provider."""
    assert body_of(ModelRequest("gpt-5", HI, settings=extra(store=True))).keys().isdisjoint({"include"})
    body = body_of(ModelRequest("gpt-5", HI, settings=extra(store=False, include=["message.output_text.logprobs"])))
    assert body["include"] == ["message.output_text.logprobs", "reasoning.encrypted_content"]
    for key in ("previous_response_id", "conversation", "background", "prompt"):
        body = body_of(ModelRequest("gpt-5", HI, settings=extra(**{key: "x"})))
        assert body[key] == "x"
        assert not {"store", "include"} & body.keys()


def test_settings():
    """Each setting stands where the wire has a place for it; wishes that have none are left out."""
    settings = Settings(
        temperature=0.5,
        top_p=0.9,
        max_tokens=99,
        parallel_tool_calls=False,
        reasoning_effort="low",
        top_k=3,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        thinking_tokens=1000,
    )
    assert body_of(ModelRequest("m", HI, (WEATHER,), settings=settings)) == {
        "model": "m",
        "input": [{"role": "user", "content": "Hi"}],
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Tells it.",
                "parameters": SCHEMA,
                "strict": False,
            }
        ],
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 99,
        "reasoning": {"effort": "low"},
        "stream": False,
    }
    assert "parallel_tool_calls" not in body_of(ModelRequest("m", HI, settings=settings))


def test_stop_sequences_are_refused():
    """An answer that goes on where it should have stopped is none that was asked for, so the caller is told."""
    with pytest.raises(CallerError, match=r"Settings\.stop"):
        WIRE.encode(ModelRequest("m", HI, settings=Settings(stop=("END",))))


def test_extra_keys_stand_beside_ours():
    """Keys of this wire are sent and go first; keys of others are not."""
    keys = {"service_tier": "flex", "reasoning": {"summary": "auto"}, "text": {"verbosity": "low"}}
    settings = Settings(reasoning_effort="high", extra=Opaque("openai_responses", keys))
    body = body_of(ModelRequest("m", HI, output=JsonOutput(), settings=settings))
    assert body["service_tier"] == "flex"
    assert body["reasoning"] == {"effort": "high", "summary": "auto"}
    assert body["text"] == {"verbosity": "low", "format": {"type": "json_object"}}
    assert "top" not in body_of(ModelRequest("m", HI, settings=Settings(extra=Opaque("gemini", {"top": 1}))))
    options = extra(stream_options={"include_obfuscation": False})
    assert "stream_options" not in body_of(ModelRequest("m", HI, settings=options))
    assert "stream_options" in body_of(ModelRequest("m", HI, settings=options), stream=True)


def test_structured_output():
    """A schema is sent with its name, and strict where that is said."""
    output = JsonOutput("city", SCHEMA, "A city.", strict=True)
    assert body_of(ModelRequest("m", HI, output=output))["text"] == {
        "format": {"type": "json_schema", "name": "city", "schema": SCHEMA, "description": "A city.", "strict": True}
    }
    plain = body_of(ModelRequest("m", HI, output=JsonOutput("city", SCHEMA)))["text"]["format"]
    assert plain == {"type": "json_schema", "name": "city", "schema": SCHEMA}


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("required"), "required"),
        (ToolChoice("none", ("a",)), "none"),
        (ToolChoice("required", ("a",)), {"type": "function", "name": "a"}),
        (
            ToolChoice("required", ("a", "b")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "a"}, {"type": "function", "name": "b"}],
            },
        ),
        (
            ToolChoice("auto", ("a",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "a"}]},
        ),
    ],
)
def test_tool_choice(choice, sent):
    """Every choice that we know has its form on this wire."""
    assert body_of(ModelRequest("m", HI, (WEATHER,), settings=Settings(tool_choice=choice)))["tool_choice"] == sent


def test_tools():
    """A tool that takes nothing says so, strictness is sent, and tools of the provider's own pass through."""
    tools = (
        ToolSpec("now", strict=True),
        Opaque("openai_responses", {"type": "web_search"}),
        Opaque("gemini", {"x": 1}),
    )
    assert body_of(ModelRequest("m", HI, tools))["tools"] == [
        {"type": "function", "name": "now", "parameters": {"type": "object", "properties": {}}, "strict": True},
        {"type": "web_search"},
    ]
