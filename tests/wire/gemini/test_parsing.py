"""What clients of the Gemini API send, as requests of ours."""

import json
import random

import pytest

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonOutput,
    Message,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Video,
)
from journeyman.wire.gemini import Gemini
from journeyman.wire.http import HttpRequest

WIRE = Gemini()
PATH = "/v1beta/models/m:generateContent"
HI = [{"role": "user", "parts": [{"text": "Hi"}]}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
UPPER = {
    "type": "OBJECT",
    "properties": {
        "city": {"type": "STRING", "nullable": True, "enum": ["a"]},
        "tags": {"type": "ARRAY", "items": {"anyOf": [{"type": "INTEGER"}, {"type": "NUMBER"}]}},
    },
    "required": ["city"],
}


def own(**data):
    return Opaque("gemini", data)


def parsed(body, path=PATH):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WIRE.parse(HttpRequest("POST", path, {}, body))


def asked(**keys):
    return parsed({"contents": HI, **keys})


def parts_of(*parts, role="user"):
    (message,) = parsed({"contents": [{"role": role, "parts": list(parts)}]}).messages
    return message.parts


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/models/m-1:generateContent", "m-1", False),
        ("/v1beta/models/m-1:streamGenerateContent?alt=sse&key=secret", "m-1", True),
        ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "m", False),
        ("/v1/projects/p/locations/l/endpoints/123:generateContent", "endpoints/123", False),
        ("/v1beta/tunedModels/mine:generateContent", "tunedModels/mine", False),
        ("/models/odd%20name%3F:generateContent", "odd name?", False),
        ("models/a:b:generateContent", "a:b", False),
    ],
)
def test_addresses(path, model, stream):
    """The model, and whether a stream is wanted, are in the address, whatever stands before them."""
    request = parsed({"contents": HI}, path)
    assert (request.model, request.stream) == (model, stream)


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/m:countTokens?key=secret",
        "/models/m",
        "/m:generateContent",
        ":generateContent",
        "",
        "/a" * 40_000,
    ],
)
def test_other_addresses(path):
    """An address of something else is refused, without the key that may stand in it."""
    with pytest.raises(CallerError, match="no address of the Gemini API") as caught:
        parsed({"contents": HI}, path)
    assert "secret" not in str(caught.value)


def test_words_and_roles():
    """Turns are the user's or the model's; instructions come first, one message each."""
    request = asked(systemInstruction={"parts": [{"text": "a"}, {"text": "b"}]})
    assert request.messages == (Message.system("a"), Message.system("b"), Message.user("Hi"))
    assert parts_of({"text": "Hm", "thought": True}, {"text": "a", "thoughtSignature": "c2ln"}, role="model") == (
        Thinking("Hm", own()),
        Text("a", own(thoughtSignature="c2ln")),
    )


def test_media():
    """Every kind of file, as bytes and from addresses, in either spelling and either alphabet."""
    assert parts_of(
        {"inlineData": {"mimeType": "image/png", "data": "+/8="}},
        {"inline_data": {"mime_type": "audio/wav", "data": "-_8="}},
        {"fileData": {"mimeType": "application/pdf", "fileUri": "gs://b/a.pdf"}},
        {"fileData": {"fileUri": "https://www.youtube.com/watch?v=x"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"mimeType": "image/*", "fileUri": "https://e.org/x"}},
    ) == (
        Image("image/png", b"\xfb\xff"),
        Audio("audio/wav", b"\xfb\xff", origin=own(_form={"base64": "url", "spelled": ["inline_data", "mime_type"]})),
        Document("application/pdf", url="gs://b/a.pdf", origin=own()),
        Video("*/*", url="https://www.youtube.com/watch?v=x", origin=own(videoMetadata={"fps": 1})),
        Document("*/*", url="https://e.org/x", origin=own(fileData={"mimeType": "image/*"})),
    )


def test_calls_and_results_by_id():
    """Results belong to the calls that they name, in whatever order they come."""
    call = {"functionCall": {"name": "f", "id": "x1", "args": {"a": 1}}}
    results = [
        {"functionResponse": {"name": "f", "id": given, "response": {"output": given}}} for given in ("x2", "x1")
    ]
    _, model, tool = parsed(
        {"contents": [*HI, {"role": "model", "parts": [call]}, {"role": "user", "parts": results}]}
    ).messages
    assert model.parts == (ToolCall("x1", "f", '{"a":1}', own()),)
    assert tool == Message("tool", (ToolResult("x2", "x2", name="f"), ToolResult("x1", "x1", name="f")))


def test_calls_and_results_by_name_and_order():
    """Without ids the first result of a name belongs to the first call of that name that is still open."""
    calls = [{"functionCall": {"name": name}} for name in ("f", "g", "f")]
    results = [{"functionResponse": {"name": name, "response": {}}} for name in ("g", "f", "f", "h")]
    turns = [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]
    model, tool, *_, again, _ = parsed({"contents": turns * 2}).messages
    first, second, third = (call.id for call in model.tool_calls)
    assert len({first, second, third, *(call.id for call in again.tool_calls)}) == 6
    assert [result.call_id for result in tool.tool_results[:3]] == [second, first, third]
    assert tool.tool_results[3].call_id not in (first, second, third)
    # A longer history has the same ids in it.
    assert parsed({"contents": turns}).messages[0] == model


@pytest.mark.parametrize(
    ("response", "content", "is_error"),
    [
        ({"output": "x"}, "x", False),
        ({"error": "x"}, "x", True),
        ({"error": {"code": 1}}, '{"code": 1}', True),
        ({"t": 1.5}, '{"t": 1.5}', False),
        ({}, "{}", False),
    ],
)
def test_results(response, content, is_error):
    """`output` and `error` are what they are called; any other object is what the function gave."""
    (result,) = parts_of({"functionResponse": {"name": "f", "id": "x", "response": response}})
    assert (result.content, result.is_error) == (content, is_error)


def test_media_of_results():
    """What a function gave besides words is in the content of its result."""
    media = [{"inlineData": {"mimeType": "image/png", "data": "iVBO", "displayName": "a.png"}}, {"odd": 1}]
    (result,) = parts_of({"functionResponse": {"name": "f", "id": "x", "response": {"output": "see"}, "parts": media}})
    picture = Image("image/png", b"\x89PN", name="a.png", origin=own(inlineData={"displayName": "a.png"}))
    assert result.content == (Text("see"), picture, own(odd=1))


def test_a_turn_of_results_and_words():
    """It is a message of the tools and one of the user."""
    result = {"functionResponse": {"name": "f", "id": "x", "response": {}}}
    messages = parsed({"contents": [{"role": "user", "parts": [{"text": "a"}, result, {"text": "b"}]}]}).messages
    assert [message.role for message in messages] == ["user", "tool", "user"]


def test_tools():
    """Functions with a schema of either kind come with a JSON Schema; tools of the provider's own are carried whole."""
    functions = [
        {"name": "a", "description": "A.", "parametersJsonSchema": CITY},
        {"name": "b", "parameters": UPPER},
        {"name": "c", "parameters": {"type": "object"}},
        {"name": "d", "behavior": "BLOCKING"},
    ]
    request = asked(tools=[{"functionDeclarations": functions}, {"googleSearch": {}}])
    first, second, third, fourth, search = request.tools
    assert first == ToolSpec("a", "A.", CITY)
    assert second.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": ["string", "null"], "enum": ["a"]},
            "tags": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
        },
        "required": ["city"],
    }
    assert third.parameters == {"type": "object"}
    assert (fourth.parameters, fourth.origin) == ({}, own(behavior="BLOCKING"))
    assert search == own(googleSearch={})


@pytest.mark.parametrize(
    ("config", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({"mode": "ANY", "allowedFunctionNames": ["a"]}, ToolChoice("required", ("a",))),
        ({"mode": "NONE"}, ToolChoice("none")),
        ({"mode": "VALIDATED"}, ToolChoice("auto", origin=own(mode="VALIDATED"))),
        ({"mode": "VALIDATED", "allowed_function_names": ["a"]}, ToolChoice("auto", ("a",))),
        ({"mode": "NEW"}, None),
    ],
)
def test_tool_choice(config, choice):
    """Whether and which functions may be called; a mode that is yet to come goes to the provider as it is."""
    request = asked(tools=[{"functionDeclarations": [{"name": "a"}]}], toolConfig={"functionCallingConfig": config})
    assert request.settings.tool_choice == choice


def test_settings():
    """What we have a name for is a setting, in either spelling; the rest stays in the words of the wire."""
    config = {
        "temperature": 0,
        "topP": 0.9,
        "top_k": 40.0,
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
        "seed": "7",
        "thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True},
        "responseModalities": ["TEXT"],
    }
    settings = asked(generationConfig=config, labels={"a": "b"}).settings
    assert (settings.temperature, settings.top_p, settings.top_k, settings.max_tokens) == (0, 0.9, 40, 9)
    assert (settings.stop, settings.seed, settings.thinking_tokens) == (("END",), None, 5)
    rest = {"seed": "7", "thinkingConfig": {"includeThoughts": True}, "responseModalities": ["TEXT"]}
    assert settings.extra == own(labels={"a": "b"}, generationConfig=rest, _form={"spelled": ["top_k"]})


def test_effort():
    """A level of thinking is an effort."""
    assert asked(generationConfig={"thinkingConfig": {"thinkingLevel": "low"}}).settings.reasoning_effort == "low"


@pytest.mark.parametrize(
    ("config", "output"),
    [
        ({"responseMimeType": "application/json"}, JsonOutput()),
        ({"responseMimeType": "application/json", "responseJsonSchema": CITY}, JsonOutput(schema=CITY)),
        ({"responseMimeType": "application/json", "_responseJsonSchema": CITY}, JsonOutput(schema=CITY)),
        (
            {"response_mime_type": "application/json", "response_schema": {"type": "STRING"}},
            JsonOutput(schema={"type": "string"}),
        ),
        ({"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING"}}, None),
        ({"responseMimeType": "application/json", "responseSchema": 7}, None),
    ],
)
def test_structured_output(config, output):
    """A schema in any of its places is the schema of the output."""
    assert asked(generationConfig=config).output == output


TURN = [
    {"text": "Hm", "thought": True},
    {"functionCall": {"name": "f", "args": {"a": [1, None]}}, "thoughtSignature": "c2ln"},
    {"function_call": {"name": "f", "id": "x2", "args": {}}, "thought_signature": "c2ln"},
    {"functionCall": {"name": "g", "id": ""}},
    {"functionCall": {"name": "h", "args": None}},
    {"functionCall": {"name": "h", "args": [1], "willContinue": True}},
]
RESULTS = [
    {"functionResponse": {"name": "f", "response": {"output": "x"}}},
    {"function_response": {"name": "f", "id": "x2", "response": {"error": {"a": 1}}, "scheduling": "SILENT"}},
    {"functionResponse": {"name": "g", "response": {"a": {"output": 1}}}},
    {"functionResponse": {"name": "h"}},
    {"functionResponse": {"name": "h", "response": {}, "parts": []}},
    {
        "functionResponse": {
            "name": "k",
            "response": {},
            "parts": [{"inline_data": {"mime_type": "image/png", "data": "iVBO"}}],
        }
    },
    {"functionResponse": {"name": "k", "response": {"b": 1}, "parts": {"fileData": {"fileUri": "files/x"}}}},
    {"functionResponse": {"response": {"error": "x"}}},
]
FORMS = {
    "plain": {"contents": HI},
    "null": {"contents": HI, "tools": None, "generationConfig": None, "toolConfig": None, "systemInstruction": None},
    "empty": {"contents": HI, "tools": [], "generationConfig": {}, "toolConfig": {}, "systemInstruction": {}},
    "nothing": {"contents": []},
    "alone": {"contents": {"parts": {"text": "a"}}, "systemInstruction": {"parts": {"text": "b"}}},
    "roles": {"contents": [{"parts": [{"text": "a"}]}, {"role": "function", "parts": [RESULTS[0]]}, {"role": "model"}]},
    "no parts": {"contents": [{"role": "user", "parts": []}, {"role": "model", "parts": []}, {"role": "user"}, {}]},
    "extra": {"contents": [{"role": "user", "parts": [{"text": "", "x": 1}, {"text": ""}, {}], "y": 2}], "z": {"a": 1}},
    "instructions": {
        "contents": HI,
        "system_instruction": {"role": "user", "parts": [{"text": "a"}, {"text": "b", "x": 1}]},
    },
    "no instructions": {"contents": HI, "systemInstruction": {"role": "user", "parts": []}},
    "calls": {"contents": [*HI, {"role": "model", "parts": TURN}, {"role": "user", "parts": RESULTS}]},
    "results apart": {"contents": [{"role": "user", "parts": [result]} for result in RESULTS]},
    "results among words": {"contents": [{"role": "user", "parts": [{"text": "a"}, *RESULTS, {"text": "b"}]}, *HI]},
    "media": {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": "+/8="}, "mediaResolution": {"level": "LOW"}},
                    {"inlineData": {"mimeType": "image/png", "data": "-_8="}},
                    {"inlineData": {"mimeType": "image/png", "data": "+/8"}},
                    {"inline_data": {"mimeType": "image/png", "data": "AAAA", "display_name": "a"}},
                    {"inlineData": {"mimeType": "", "data": "AAAA"}},
                    {"fileData": {"mime_type": "video/mp4", "file_uri": "gs://b"}, "video_metadata": {"fps": 2}},
                    {"file_data": {"fileUri": "https://youtu.be/x"}},
                    {"fileData": {"mimeType": "image/*", "fileUri": "gs://b", "displayName": "b"}},
                    {"fileData": {"fileUri": ""}},
                ],
            }
        ]
    },
    "blocks": {
        "contents": [{"role": "model", "parts": [{"executableCode": {"code": "1"}}, {"toolCall": {"tool_type": "X"}}]}]
    },
    "tools": {
        "contents": HI,
        "tools": [
            {"functionDeclarations": [{"name": "a", "parameters": UPPER}, {"name": "b", "description": ""}]},
            {
                "function_declarations": [{"name": "c", "parameters_json_schema": CITY, "response": {}}],
                "urlContext": {},
            },
            {"functionDeclarations": [{"name": "d", "parametersJsonSchema": {}}]},
            {"functionDeclarations": []},
            {"googleSearch": {}},
            {"functionDeclarations": [{"name": "e", "parameters": {"type": "object"}, "behavior": "BLOCKING"}]},
        ],
        "tool_config": {
            "function_calling_config": {"mode": "VALIDATED", "allowed_function_names": ["a"]},
            "includeServerSideToolInvocations": True,
        },
    },
    "a tool alone": {"contents": HI, "tools": {"functionDeclarations": [{"name": "a"}]}},
    "a search alone": {"contents": HI, "tools": {"googleSearch": {}}},
    "a choice among nothing": {"contents": HI, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
    "a choice to come": {
        "contents": HI,
        "tools": [{"functionDeclarations": [{"name": "a"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "NEW", "x": 1}},
    },
    "settings": {
        "contents": HI,
        "generation_config": {
            "temperature": 0.5,
            "top_p": 0.9,
            "topK": 40.0,
            "max_output_tokens": 9,
            "stopSequences": [],
            "seed": "7",
            "candidateCount": 2,
            "thinking_config": {"thinking_budget": 5, "include_thoughts": True},
            "responseMimeType": "application/json",
            "responseSchema": UPPER,
        },
        "safetySettings": [{"category": "C"}],
        "cachedContent": "cachedContents/x",
    },
    "a level": {
        "contents": HI,
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True}},
    },
    "a free budget": {"contents": HI, "generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}},
    "a schema": {
        "contents": HI,
        "generationConfig": {"response_mime_type": "application/json", "response_json_schema": CITY},
    },
    "an older schema": {
        "contents": HI,
        "generationConfig": {"responseMimeType": "application/json", "_responseJsonSchema": CITY},
    },
    "an enum": {"contents": HI, "generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": UPPER}},
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-flash"])
def test_a_request_comes_out_as_it_went_in(name, model):
    """Whatever form it has, encoding what was parsed gives the same JSON, in the same spelling."""
    request = WIRE.encode(parsed(FORMS[name], f"/models/{model}:generateContent"))
    assert json.loads(request.body) == FORMS[name]


def test_a_stream_that_is_to_be_a_list():
    """How the client wants its stream is no part of what is asked of a provider."""
    request = parsed({"contents": HI}, "/models/m:streamGenerateContent")
    assert request.stream
    assert json.loads(WIRE.encode(request, stream=True).body) == {"contents": HI}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"nonsense",
        b'{"contents":"Hi"}',
        b'{"contents":[{"role":7,"parts":[]}]}',
        b'{"contents":[{"role":"user","parts":["Hi"]}]}',
        b'{"contents":[{"role":"user","parts":[{"text":"\xff"}]}]}',
        b'{"contents":[{"role":"user","parts":[{"text":"a","_form":{"spelled":7}}]}]}',
        b'{"contents":[],"_form":{}}',
        b'{"contents":[],"generationConfig":{"_form":1}}',
        b'{"contents":[],"tools":[7]}',
        b'{"contents":[],"tools":[{"functionDeclarations":[{}]}]}',
        b'{"contents":[{"parts":[{"functionCall":"f"}]}]}',
        b'{"contents":[{"parts":[{"inlineData":{"data":7,"mimeType":"a/b"}}]}]}',
        b'{"contents":' + b"[" * 100_000,
        b'{"contents":[],"x":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"contents":[],"tools":[{"functionDeclarations":[{"name":"f","parameters":'
        + b'{"items":' * 900
        + b"{}"
        + b"}" * 900
        + b"}]}]}",
    ],
    ids=range(18),
)
def test_what_is_no_request(body):
    """It is refused as its client's error, whatever is wrong with it."""
    with pytest.raises(CallerError, match="no request of the Gemini API"):
        parsed(body)


def test_spoiled_requests():
    """A request that was spoiled is read, and can be sent on, or is refused; nothing else is raised."""
    dice = random.Random(7)  # noqa: S311  (no secret)
    bodies = [json.dumps(form).encode() for form in FORMS.values()]
    spoils = [b"null", b"7", b'""', b"[]", b"{}", b'"_form":{},', b"\\ud800", b"true", b"-1", b"1e9", b'"x"']
    sent = 0
    for turn in range(6000):
        body = bodies[turn % len(bodies)]
        begin = dice.randrange(len(body))
        end = begin + dice.choice((0, 1, 3, 10))
        try:
            WIRE.encode(parsed(body[:begin] + dice.choice(spoils) + body[end:]))
            sent += 1
        except CallerError:
            continue
    assert sent > 100


def test_ten_thousand_calls_of_one_name():
    """Matching results with calls takes no longer for each the more there are."""
    calls = [{"functionCall": {"name": "f", "id": str(number)}} for number in range(10_000)]
    results = [
        {"functionResponse": {"name": "f", "id": str(number), "response": {}}} for number in reversed(range(10_000))
    ]
    _, tool = parsed({"contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]}).messages
    assert len(tool.tool_results) == 10_000
