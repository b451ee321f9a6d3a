"""What clients of Converse send, read and sent again, against the API reference (botocore's model of `bedrock-runtime`)."""

import copy
import json
import random

import pytest
from msgspec.structs import replace

from journeyman.data import CallerError, JsonOutput
from journeyman.wire import HttpRequest
from journeyman.wire.bedrock import Bedrock

WIRE = Bedrock()
CLAUDE, NOVA = "us.anthropic.claude-sonnet-4-5-v1:0", "amazon.nova-2-lite-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12"


def body_of(request):
    return json.loads(WIRE.encode(request).body)


def parsed(body, path="/model/us.anthropic.claude-sonnet-4-5-v1%3A0/converse"):
    return WIRE.parse(HttpRequest("POST", path, {}, body if isinstance(body, bytes) else json.dumps(body).encode()))


def test_the_paths_of_others_are_read():
    """AWS's SDKs escape colons, and a gateway may stand below a path of its own."""
    assert parsed({}, "/aws/model/a.b%3A0/converse-stream?x=1").model == "a.b:0"
    for path in ("/model//converse", "/v1/messages", "/model/x/invoke", "/model/%ff/converse"):
        with pytest.raises(CallerError, match="Converse API"):
            parsed({}, path)


SCHEMA = {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type":  "object"}'}}}
POINT = {"cachePoint": {"type": "default", "ttl": "1h"}}
BODIES = {
    "nothing": {},
    "a managed prompt": {"promptVariables": {"a": {"text": "b"}}},
    "empty": {"messages": [], "system": [], "inferenceConfig": {}, "toolConfig": {"tools": []}},
    "nulls": {"messages": None, "system": None, "toolConfig": None, "inferenceConfig": None, "outputConfig": None},
    "system": {"system": [{"text": "a"}, POINT, {"text": "b"}, {"guardContent": {"text": {"text": "c"}}}, POINT]},
    "system without words": {"system": [POINT, {"text": "a"}]},
    "blank words": {
        "system": [{"text": ""}],
        "messages": [
            {"role": "user", "content": [{"text": " "}, {"text": "a"}]},
            {"role": "assistant", "content": [{"text": ""}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [{"text": ""}]}}]},
        ],
    },
    "one role twice": {
        "messages": [
            {"role": "user", "content": [{"text": "a"}]},
            {"role": "user", "content": [{"text": "b"}]},
            {"role": "assistant", "content": []},
            {"role": "assistant", "content": [{"text": "c"}]},
            {"role": "user", "content": []},
        ]
    },
    "instructions among the messages": {
        "system": [{"text": "a"}],
        "messages": [
            {"role": "user", "content": [{"text": "b"}]},
            {"role": "system", "content": [{"toolAddition": {"tool": {"name": "x"}}}, {"text": "c"}]},
        ],
    },
    "blocks of all sorts": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": "a"},
                    POINT,
                    {"guardContent": {"text": {"text": "b", "qualifiers": ["query"]}}},
                    {"searchResult": {"source": "s", "title": "t", "content": [{"text": "c"}]}},
                    {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
                    {"image": {"format": "bmp", "source": {"s3Location": {"uri": "s3://b/k", "bucketOwner": "1"}}}},
                    {"image": {"format": "png", "source": {"bytes": "not base64"}}},
                    {"image": {"format": "png", "source": {"bytes": "eB=="}}},
                    {"video": {"format": "video/mp4", "source": {"bytes": "eA=="}}},
                    {"video": {"format": "mpg", "source": {"bytes": "eA=="}}},
                    {"audio": {"format": "mka", "source": {"bytes": "eA=="}}},
                    {"document": {"name": "a_b", "source": {"text": "words"}, "citations": {"enabled": True}}},
                    {"document": {"name": "a", "format": "md", "source": {"text": "words"}, "context": "c"}},
                    {"document": {"name": "a", "format": "txt", "source": {"content": [{"text": "b"}]}}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "h", "signature": "c2ln"}}},
                    {"reasoningContent": {"redactedContent": "AAEC"}},
                    {"citationsContent": {"content": [{"text": "d"}], "citations": [{"title": "t"}]}},
                    {"citationsContent": {"content": [{"text": "e"}, {"text": "f"}], "citations": []}},
                    {"citationsContent": {"citations": []}},
                    {"toolUse": {"toolUseId": "s", "name": "n", "input": {}, "type": "server_tool_use"}},
                    {"toolResult": {"toolUseId": "s", "content": [{"json": {"a": 1}}], "type": "r"}},
                    {"toolUse": {"toolUseId": "t", "name": "f", "input": {"_raw": "x"}}},
                    {"toolUse": {"toolUseId": "u", "name": "f", "input": {"_raw": '{"a":1}'}}},
                    {"toolUse": {"toolUseId": "v", "name": "f", "input": "text"}},
                    {"toolUse": {"toolUseId": "w", "name": "f", "input": {"a": 1}, "type": "tool_use"}},
                    {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t", "content": [{"text": "3"}], "status": "success"}},
                    POINT,
                    {"toolResult": {"toolUseId": "u", "content": [{"json": {"b": [1.0]}}], "status": "error"}},
                    {"text": "g"},
                    {
                        "toolResult": {
                            "toolUseId": "v",
                            "content": [
                                {"text": "x"},
                                {"image": {"format": "gif", "source": {"bytes": "eA=="}}},
                                {"document": {"name": "n", "format": "pdf", "source": {"bytes": "eA=="}}},
                                {"searchResult": {"source": "s", "title": "t", "content": []}},
                            ],
                        }
                    },
                ],
            },
        ]
    },
    "tools": {
        "messages": [{"role": "user", "content": [{"text": "a"}]}],
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "a", "inputSchema": {"json": {"properties": {}}}}},
                {
                    "toolSpec": {
                        "name": "b",
                        "description": "",
                        "strict": False,
                        "inputSchema": {"json": {"type": "object"}},
                    }
                },
                {"toolSpec": {"name": "c", "inputSchema": {"json": {"type": "object"}}, "later": 1}},
                {"systemTool": {"name": "d"}},
                POINT,
            ],
            "toolChoice": {"any": {}},
            "later": 1,
        },
    },
    "a choice of a later year": {
        "toolConfig": {"tools": [{"systemTool": {"name": "d"}}], "toolChoice": {"several": {"names": ["d"]}}}
    },
    "a choice with more to it": {
        "toolConfig": {"tools": [{"systemTool": {"name": "d"}}], "toolChoice": {"tool": {"name": "d", "more": 1}}}
    },
    "settings": {
        "inferenceConfig": {"maxTokens": 5, "temperature": 0, "topP": 0.5, "stopSequences": [], "later": 1},
        "outputConfig": {"textFormat": SCHEMA, "effort": "high", "later": 1},
        "additionalModelRequestFields": {"top_k": 5, "thinking": {"type": "adaptive"}, "anthropic_beta": ["x"]},
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "flex"},
        "requestMetadata": {"a": "b"},
    },
    "an output of a later year": {"outputConfig": {"textFormat": {"type": "xml"}, "effort": None}},
    "a schema that is none": {
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "nonsense"}}}}
    },
    "fields that no setting has": {
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 9, "display": "omitted"}}
    },
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("model", [CLAUDE, NOVA, ARN])
def test_what_was_read_is_sent_again(name, model):
    """Encoding a parsed request gives the same JSON, key by key."""
    path = f"/model/{model.replace('/', '%2F')}/converse"
    request = parsed(BODIES[name], path)
    expected = json.loads(json.dumps(BODIES[name]))
    sent_again = body_of(request)
    if name == "blocks of all sorts" and model == NOVA:
        # It takes no thoughts that Claude signed.
        expected["messages"][1]["content"] = expected["messages"][1]["content"][2:]
    if name in ("blocks of all sorts", "blank words"):
        # Bedrock refuses a history with calls and without tools.
        assert [tool["toolSpec"]["name"] for tool in sent_again.pop("toolConfig")["tools"]] == ["no_tool"]
    assert sent_again == expected


def test_what_other_wires_can_use_of_it():
    """Parts, names, settings and choices are nouns of ours, not keys of this wire."""
    request = parsed(
        {
            "system": [{"text": "a"}, POINT],
            "messages": [
                *BODIES["blocks of all sorts"]["messages"],
                {"role": "assistant", "content": [{"text": "z"}]},
            ],
            **{key: BODIES["settings"][key] for key in ("inferenceConfig", "outputConfig")},
        }
    )
    system, user, assistant, tool, more, *_ = request.messages
    assert (system.role, system.text, len(system.parts)) == ("system", "a", 2)
    assert (user.role, user.text) == ("user", "a")
    assert [type(part).__name__ for part in user.parts].count("Document") == 2
    assert [call.arguments for call in assistant.tool_calls] == ["x", '{"_raw": "{\\"a\\":1}"}', '"text"', '{"a": 1}']
    assert assistant.text == "def"
    assert [(part.name, part.text, part.is_error) for part in tool.tool_results] == [
        ("f", "3", False),
        ("f", '{"b": [1.0]}', True),
    ]
    assert (more.role, more.text) == ("user", "g")
    assert request.output == JsonOutput(schema={"type": "object"})
    assert (request.settings.max_tokens, request.settings.reasoning_effort) == (5, "high")


def test_a_schema_in_other_words_is_not_sent_for_another_one():
    """The client's own text of its schema is used for that schema alone."""
    request = parsed({"messages": [], "outputConfig": {"textFormat": SCHEMA}})
    other = replace(request, output=JsonOutput("other", {"type": "array"}))
    described = body_of(other)["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert described == {"schema": '{"type":"array"}', "name": "other"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"{" * 100_000,
        b'{"x":' + b"[" * 100_000,
        b'{"messages":3}',
        b'{"messages":[{"role":"robot","content":[]}]}',
        b'{"messages":[{"role":"user","content":"text"}]}',
        b'{"messages":[{"role":"user","content":[3]}]}',
        b'{"messages":[{"role":"user","content":[{"text":3}]}]}',
        b'{"messages":[{"role":"user","content":[{"toolResult":{}}]}]}',
        b'{"messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":3}}]}]}',
        b'{"messages":[{"role":"user","content":[{"toolUse":{"name":"x"}}]}]}',
        b'{"messages":[{"role":"assistant","content":[{"reasoningContent":"x"}]}]}',
        b'{"system":"text"}',
        b'{"toolConfig":{"tools":[{"toolSpec":{"name":"a"}}]}}',
        b'{"toolConfig":{"tools":[{"toolSpec":{"name":"a","inputSchema":{"json":3}}}]}}',
        b'{"toolConfig":{"tools":3}}',
        b'{"inferenceConfig":{"maxTokens":"many"}}',
        b'{"inferenceConfig":{"temperature":[]}}',
    ],
)
def test_what_is_no_request(body):
    """Whatever a client sends, it is told that it is none."""
    with pytest.raises(CallerError, match="no request of the Converse API"):
        parsed(body)


def test_thousands_of_spoiled_requests():
    """A request with anything wrong in it is read, and then sent again, or refused as its sender's mistake."""
    dice = random.Random(2)  # noqa: S311  (no secret)
    odd = [None, True, -1, 1.5, 10**30, "", "x", [], {}, [None], {"": {}}, {"text": None}, [{"text": "x"}], {"json": 3}]

    def places(value):
        keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            yield value, key
            yield from places(value[key])

    refused = 0
    for turn in range(4000):
        name = list(BODIES)[turn % len(BODIES)]
        body = json.loads(json.dumps(BODIES[name]))
        for _ in range(dice.choice((1, 1, 2))):
            if found := list(places(body)):
                node, key = dice.choice(found)
                node[key] = copy.deepcopy(dice.choice(odd))
        try:
            WIRE.encode(parsed(body))
        except CallerError:
            refused += 1
    assert 200 < refused < 4000
