"""Our requests as the Gemini API wants them."""

import json

import pytest

from journeyman.data import (
    CallerError,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Settings,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
)
from journeyman.wire.gemini import Gemini

WIRE = Gemini()
HI = (Message.user("Hi"),)
SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "string"}}}
ADD = ToolSpec("add", "Adds.", SCHEMA)
NOW = ToolSpec("now")


def own(**data):
    return Opaque("gemini", data)


def body(messages=HI, *, model="gemini-3-flash", tools=(), output=None, **settings):
    request = ModelRequest(model, tuple(messages), tuple(tools), output, Settings(**settings))
    return json.loads(WIRE.encode(request).body)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-flash", "/models/gemini-3-flash:generateContent"),
        ("models/gemini-3-flash", "/models/gemini-3-flash:generateContent"),
        ("tunedModels/mine", "/tunedModels/mine:generateContent"),
        ("endpoints/123", "/endpoints/123:generateContent"),
        ("odd name?", "/models/odd%20name%3F:generateContent"),
    ],
)
def test_where_it_goes(model, path):
    """The model is in the address; tuned models and endpoints have one of their own."""
    request = WIRE.encode(ModelRequest(model, HI))
    assert (request.method, request.path, request.headers) == ("POST", path, {"content-type": "application/json"})


def test_where_a_stream_goes():
    """A stream has another address, and is asked for as server-sent events."""
    request = WIRE.encode(ModelRequest("m", HI), stream=True)
    assert request.path == "/models/m:streamGenerateContent?alt=sse"
    assert request.body == WIRE.encode(ModelRequest("m", HI)).body


def test_the_least():
    """What nobody asked for is not sent."""
    assert body() == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def test_instructions():
    """Those that lead stand apart from the contents, one part each; later ones are a user's turn in their place."""
    messages = [
        Message.system("Be kind."),
        Message.system(""),
        Message.system("Be brief."),
        *HI,
        Message.system("Now in verse."),
    ]
    assert body(messages) == {
        "systemInstruction": {"parts": [{"text": "Be kind."}, {"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "user", "parts": [{"text": "Now in verse."}]},
        ],
    }


def test_settings():
    """Each setting that the wire has is under its name there; the others are left out."""
    config = body(
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_tokens=99,
        stop=("END",),
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        parallel_tool_calls=False,
    )["generationConfig"]
    assert config == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 40,
        "maxOutputTokens": 99,
        "stopSequences": ["END"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
    }


@pytest.mark.parametrize(
    ("model", "settings", "thinking"),
    [
        ("gemini-3-pro", {"reasoning_effort": "low"}, {"thinkingLevel": "LOW"}),
        ("gemini-3-pro", {"reasoning_effort": "xhigh"}, {"thinkingLevel": "HIGH"}),
        ("gemini-3-pro", {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"reasoning_effort": "medium"}, {"thinkingBudget": 8192}),
        ("gemini-2.5-flash", {"thinking_tokens": 0}, {"thinkingBudget": 0}),
        ("gemini-2.5-flash", {"thinking_tokens": 500, "reasoning_effort": "high"}, {"thinkingBudget": 500}),
    ],
)
def test_thinking(model, settings, thinking):
    """A budget is one; effort is a level, and a budget for the models that know no levels."""
    assert body(model=model, **settings)["generationConfig"] == {"thinkingConfig": thinking}


def test_words_of_the_wire():
    """Extra keys are sent as they are, go before ours, and are put together with them where they are objects."""
    extra = own(
        safetySettings=[{"category": "C"}],
        generationConfig={"thinkingConfig": {"includeThoughts": True}, "temperature": 1, "candidateCount": 1},
        toolConfig={"retrievalConfig": {"languageCode": "de"}},
    )
    sent = body(thinking_tokens=9, temperature=0.5, extra=extra)
    assert sent["safetySettings"] == [{"category": "C"}]
    assert sent["toolConfig"] == {"retrievalConfig": {"languageCode": "de"}}
    assert sent["generationConfig"] == {
        "thinkingConfig": {"thinkingBudget": 9, "includeThoughts": True},
        "temperature": 1,
        "candidateCount": 1,
    }


def test_words_of_other_wires():
    """Extra keys of another dialect are not sent."""
    assert "x" not in body(extra=Opaque("anthropic", {"x": 1}))


def test_tools():
    """Functions stand together, with their schemas as they are; tools of the provider's own have an element each."""
    tools = [ADD, NOW, own(googleSearch={}), Opaque("anthropic", {"type": "web_search"})]
    assert body(tools=tools)["tools"] == [
        {
            "functionDeclarations": [
                {"name": "add", "description": "Adds.", "parametersJsonSchema": SCHEMA},
                {"name": "now"},
            ]
        },
        {"googleSearch": {}},
    ]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required", ("add",)), {"mode": "ANY", "allowedFunctionNames": ["add"]}),
        (ToolChoice("auto", ("add", "now")), {"mode": "VALIDATED", "allowedFunctionNames": ["add", "now"]}),
    ],
)
def test_tool_choice(choice, config):
    """Whether and which functions may be called."""
    assert body(tools=[ADD, NOW], tool_choice=choice)["toolConfig"] == {"functionCallingConfig": config}


def test_a_choice_among_nothing():
    """The wire refuses a choice where there are no functions, so none is sent."""
    assert "toolConfig" not in body(tools=[own(googleSearch={})], tool_choice=ToolChoice("auto"))


def test_structured_output():
    """Any JSON Schema will do; without one any JSON will."""
    assert body(output=JsonOutput("x", SCHEMA))["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
    }
    assert body(output=JsonOutput())["generationConfig"] == {"responseMimeType": "application/json"}


def test_only_what_is_new_is_encoded():
    """The next request takes over what was encoded for the last one, and so the prefix is the same, byte by byte."""
    call = Message("assistant", (ToolCall("c1", "now"),))
    history = [*HI, call, Message("tool", (ToolResult("c1", "noon", name="now"),))]
    first = WIRE.encode(ModelRequest("m", tuple(history))).body
    kept = [vars(message)["gemini"] for message in history]
    second = WIRE.encode(ModelRequest("m", (*history, Message.assistant("Noon."), *HI))).body
    assert [vars(message)["gemini"] for message in history] == kept
    assert all(vars(message)["gemini"] is before for message, before in zip(history, kept, strict=True))
    assert second.startswith(first.removesuffix(b"]}"))


def test_half_a_surrogate_pair():
    """What is no text cannot be sent, and the error says so."""
    with pytest.raises(CallerError, match="cannot be written as JSON"):
        body([Message.user("\ud800")])
