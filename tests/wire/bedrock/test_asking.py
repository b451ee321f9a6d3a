"""Requests to Converse, against the API reference (botocore's model of `bedrock-runtime`)."""

import json

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
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Video,
)
from journeyman.wire import HttpRequest
from journeyman.wire.bedrock import Bedrock

WIRE = Bedrock()
CLAUDE, NOVA, QWEN, GPT = "us.anthropic.claude-sonnet-4-5-v1:0", "amazon.nova-2-lite-v1:0", "qwen.q3:0", "openai.oss:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/ab12"
HI = Message.user("Hi")
ADD = ToolSpec("add", "Adds.", {"type": "object", "properties": {"a": {"type": "integer"}}})
NOW = ToolSpec("now")
CALL = Message("assistant", (ToolCall("t1", "add", '{"a": 1}'),))
RESULT = Message("tool", (ToolResult("t1", "3"),))


def body_of(request, *, stream=False):
    return json.loads(WIRE.encode(request, stream=stream).body)


def asked(*messages, model=CLAUDE, tools=(), output=None, **settings):
    return body_of(ModelRequest(model, messages, tools, output, Settings(**settings)))


def sent(*messages, model=CLAUDE):
    return asked(*messages, model=model)["messages"]


def parsed(body, path="/model/us.anthropic.claude-sonnet-4-5-v1%3A0/converse"):
    return WIRE.parse(HttpRequest("POST", path, {}, body if isinstance(body, bytes) else json.dumps(body).encode()))


# --- paths ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", [CLAUDE, ARN, "a/b?c#d e%20f"])
def test_the_path_names_the_model_and_says_whether_to_stream(model, stream):
    """Names with any letters come through the path."""
    request = WIRE.encode(ModelRequest(model, (HI,)), stream=stream)
    assert request.path.endswith("/converse-stream" if stream else "/converse")
    assert request.path.count("/") == 3
    read = WIRE.parse(request)
    assert (read.model, read.stream) == (model, stream)


def test_a_request_without_a_model_is_refused():
    """The path needs a name."""
    with pytest.raises(CallerError, match="model"):
        body_of(ModelRequest("", (HI,)))


# --- messages ---------------------------------------------------------------------------------------------------------------


def test_words_of_all_roles():
    """Instructions go into `system` wherever they stand; what follows in one role is one message."""
    body = asked(
        Message.system("Be brief."),
        HI,
        Message.assistant("Hello."),
        Message.system("In verse."),
        Message.user("Go on."),
    )
    assert body == {
        "system": [{"text": "Be brief."}, {"text": "In verse."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello."}]},
            {"role": "user", "content": [{"text": "Go on."}]},
        ],
    }


def test_results_and_what_follows_them_are_one_message():
    """The roles must alternate, and all results of a turn must stand in the message after it."""
    two = Message("assistant", (ToolCall("t1", "add", '{"a":1}'), ToolCall("t2", "now", "")))
    late = Message("tool", (ToolResult("t2", "no clock", is_error=True),))
    assert sent(HI, two, RESULT, late, Message.user("So?"))[1:] == [
        {
            "role": "assistant",
            "content": [
                {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}}},
                {"toolUse": {"toolUseId": "t2", "name": "now", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "t1", "content": [{"text": "3"}]}},
                {"toolResult": {"toolUseId": "t2", "content": [{"text": "no clock"}], "status": "error"}},
                {"text": "So?"},
            ],
        },
    ]


def test_results_stand_before_words_within_a_message():
    """Claude wants the results first, whatever the order of the parts."""
    mixed = Message("user", (Text("So?"), ToolResult("t1", "3")))
    assert [list(block) for block in sent(HI, CALL, mixed)[2]["content"]] == [["toolResult"], ["text"]]


def test_blank_words_are_left_out():
    """ "The text field in the ContentBlock object is blank": models write such texts, and none takes them back."""
    blank = Message("assistant", (Text("\n\n"), ToolCall("t1", "add", "{}")))
    assert [list(block) for block in sent(HI, blank)[1]["content"]] == [["toolUse"]]
    assert sent(HI, Message.assistant(" "), Message.user("Hello?")) == [
        {"role": "user", "content": [{"text": "Hi"}, {"text": "Hello?"}]}
    ]
    empty = Message("tool", (ToolResult("t1", ""), ToolResult("t2", (Text(""),))))
    assert [block["toolResult"]["content"] for block in sent(HI, CALL, empty)[2]["content"]] == [[], []]


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", '"x"', "nonsense", "null", "{} {}"])
def test_arguments_that_are_no_object_go_back_as_one(arguments):
    """What the model wrote is kept, in an object, and comes out of it again."""
    message = Message("assistant", (ToolCall("t1", "add", arguments),))
    (turn,) = sent(message)
    assert turn["content"][0]["toolUse"]["input"] == {"_raw": arguments}
    assert parsed({"messages": [turn]}).messages[0].parts == message.parts


@pytest.mark.parametrize("call_id", ["call|1", "ü", "x" * 65, "", "a b"])
def test_ids_that_the_wire_refuses(call_id):
    """An id beyond `[a-zA-Z0-9_.:-]{1,64}` is mapped, alike in the call and in its result, and not like another."""
    call = Message("assistant", (ToolCall(call_id, "add"), ToolCall(f"{call_id}!", "add")))
    turns = sent(call, Message("tool", (ToolResult(call_id, "3"),)))
    one, other = (block["toolUse"]["toolUseId"] for block in turns[0]["content"])
    assert one == turns[1]["content"][0]["toolResult"]["toolUseId"] != other
    assert 0 < len(one) <= 64
    assert all(letter.isascii() and (letter.isalnum() or letter in "_.:-") for letter in one)


def thoughts(**origin):
    return Message("assistant", (Thinking("Hm.", Opaque("bedrock", origin)), Text("So.")))


REDACTED = Message("assistant", (Opaque("bedrock", {"reasoningContent": {"redactedContent": "AAEC"}}), Text("So.")))


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        (CLAUDE, "signed redacted"),
        (NOVA, "unsigned"),
        (QWEN, "unsigned"),
        (GPT, ""),
        ("deepseek.r1-v1:0", ""),
        (ARN, "signed unsigned redacted"),
    ],
)
def test_each_model_gets_the_thoughts_that_it_takes(model, taken):
    """Claude takes what it signed; others refuse signatures; behind an ARN may be any."""
    for name, message in (("signed", thoughts(signature="c2ln")), ("unsigned", thoughts()), ("redacted", REDACTED)):
        kinds = [key for block in sent(HI, message, model=model)[1]["content"] for key in block]
        assert kinds == (["reasoningContent", "text"] if name in taken.split() else ["text"]), name
    # One model's view of a message does not show in another's.
    assert "signature" in json.dumps(sent(HI, thoughts(signature="c2ln"), model=ARN))


def test_a_turn_of_thoughts_alone_is_left_out():
    """Newer Claudes take it for the beginning of an answer, and refuse it."""
    alone = Message("assistant", thoughts(signature="c2ln").parts[:1])
    assert sent(HI, alone, Message.user("Well?")) == [{"role": "user", "content": [{"text": "Hi"}, {"text": "Well?"}]}]


def test_what_other_wires_left_is_left_out():
    """Thoughts and blocks of other providers say nothing here, and their keys do not show."""
    foreign = Opaque("anthropic", {"signature": "x", "cache_control": {}})
    message = Message("assistant", (Thinking("Hm.", foreign), Thinking("Hm."), foreign, Text("So.", foreign)))
    assert sent(HI, message)[1]["content"] == [{"text": "So."}]


def test_messages_are_encoded_once():
    """A message keeps its encoding, which does not depend on what follows it."""
    first = (HI, CALL, RESULT)
    short = WIRE.encode(ModelRequest(NOVA, first)).body
    kept = [dict(vars(message)) for message in first]
    longer = WIRE.encode(ModelRequest(NOVA, (*first, Message.assistant("3"), Message.user("Thanks")))).body
    assert all(vars(message)["bedrock"] is before["bedrock"] for message, before in zip(first, kept, strict=True))
    messages = short[short.index(b'"messages":') : -len(b"]}]}")]
    assert messages in longer


# --- media ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (Image("image/png", b"\x89PNG"), {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}),
        (Image("image/jpg", b"x"), {"image": {"format": "jpeg", "source": {"bytes": "eA=="}}}),
        (
            Image("image/webp", url="s3://b/k"),
            {"image": {"format": "webp", "source": {"s3Location": {"uri": "s3://b/k"}}}},
        ),
        (Video("video/3gpp", b"x"), {"video": {"format": "three_gp", "source": {"bytes": "eA=="}}}),
        (Video("video/mpeg", b"x"), {"video": {"format": "mpeg", "source": {"bytes": "eA=="}}}),
        (Audio("audio/mpeg", b"x"), {"audio": {"format": "mp3", "source": {"bytes": "eA=="}}}),
        (Audio("audio/x-wav", b"x"), {"audio": {"format": "wav", "source": {"bytes": "eA=="}}}),
        (
            Document("application/pdf", b"x", name="a"),
            {"document": {"name": "a", "format": "pdf", "source": {"bytes": "eA=="}}},
        ),
        (
            Document("text/x-python", b"x", name="Bericht_2.pdf  (neu)"),
            {"document": {"name": "Bericht-2-pdf (neu)", "format": "txt", "source": {"bytes": "eA=="}}},
        ),
        (
            Document("text/markdown; charset=utf-8", b"x", name="a" * 300),
            {"document": {"name": "a" * 200, "format": "md", "source": {"bytes": "eA=="}}},
        ),
    ],
)
def test_media(part, block):
    """Media have the wire's formats and names, in a message as in a tool's result."""
    assert sent(Message.user([part]))[0]["content"] == [block]
    result = Message("tool", (ToolResult("t1", (Text("See:"), part)),))
    assert sent(HI, CALL, result)[2]["content"][0]["toolResult"]["content"] == [{"text": "See:"}, block]


def test_a_document_without_a_name_gets_one_of_its_content():
    """The same document has the same name in every turn, and another one another."""
    names = [
        sent(Message.user([Document("application/pdf", data, name=name)]))[0]["content"][0]["document"]["name"]
        for data, name in ((b"x", None), (b"x", "___"), (b"y", None))
    ]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Image("image/tiff", b"x"), "image/png, image/jpeg"),
        (Video("video/x-unknown", b"x"), "video/mp4"),
        (Document("application/zip", b"x"), "application/pdf"),
        (Image("image/png", url="https://example.com/a.png"), "s3://.*data="),
    ],
)
def test_media_that_the_wire_cannot_carry(part, why):
    """One is told what to give instead."""
    with pytest.raises(CallerError, match=why):
        sent(Message.user([part]))


def test_pictures_in_a_models_turn():
    """They are refused, but for those that this wire itself put there."""
    with pytest.raises(CallerError, match="user's message"):
        sent(HI, Message("assistant", (Image("image/png", b"x"),)))
    own = Message("assistant", (Image("image/png", b"x", origin=Opaque("bedrock", {})),))
    assert "image" in sent(HI, own)[1]["content"][0]


# --- tools ------------------------------------------------------------------------------------------------------------------

ADD_BLOCK = {"toolSpec": {"name": "add", "description": "Adds.", "inputSchema": {"json": ADD.parameters}}}
NOW_BLOCK = {"toolSpec": {"name": "now", "inputSchema": {"json": {"type": "object"}}}}


def test_tools():
    """Tools are described; those of the model's provider and cache points go along."""
    code, point = {"systemTool": {"name": "nova_code_interpreter"}}, {"cachePoint": {"type": "default"}}
    strict = replace(NOW, strict=True)
    tools = (ADD, strict, Opaque("bedrock", code), Opaque("bedrock", point), Opaque("anthropic", {"type": "x"}))
    assert asked(HI, tools=tools)["toolConfig"] == {
        "tools": [ADD_BLOCK, {"toolSpec": {**NOW_BLOCK["toolSpec"], "strict": True}}, code, point]
    }


@pytest.mark.parametrize(
    ("choice", "blocks", "sent_choice"),
    [
        (ToolChoice("auto"), [ADD_BLOCK, NOW_BLOCK], {"auto": {}}),
        (ToolChoice("required"), [ADD_BLOCK, NOW_BLOCK], {"any": {}}),
        (ToolChoice("required", ("now",)), [ADD_BLOCK, NOW_BLOCK], {"tool": {"name": "now"}}),
        (ToolChoice("auto", ("now",)), [NOW_BLOCK], {"auto": {}}),
        (ToolChoice("required", ("now", "gone")), [NOW_BLOCK], {"any": {}}),
    ],
)
def test_tool_choice(choice, blocks, sent_choice):
    """One tool can be forced, or any; of several, only those are shown."""
    config = asked(HI, tools=(ADD, NOW), tool_choice=choice)["toolConfig"]
    assert config == {"tools": blocks, "toolChoice": sent_choice}


def test_no_tools():
    """The wire has no "none": the tools go, and a history with calls, which must have some, gets one that does nothing."""
    none = ToolChoice("none")
    assert "toolConfig" not in asked(HI, tools=(ADD,), tool_choice=none)
    for messages in ((HI, CALL), (HI, RESULT), (HI, Message("assistant", (Opaque("bedrock", {"toolUse": {}}),)))):
        for tools in ((ADD,), ()):
            config = asked(*messages, tools=tools, tool_choice=none)["toolConfig"]
            assert [tool["toolSpec"]["name"] for tool in config["tools"]] == ["no_tool"]
            assert "toolChoice" not in config


# --- settings ---------------------------------------------------------------------------------------------------------------


def test_settings():
    """What the API has a place for stands in `inferenceConfig`; what it has none for is left out."""
    body = asked(HI, max_tokens=9, temperature=0.5, top_p=0.9, stop=("END",), seed=1, presence_penalty=1.0)
    assert body["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]}
    assert body.keys() == {"inferenceConfig", "messages"}


FAMILIES = [
    (CLAUDE, {"top_k": 5}, {"top_k": 5}, None),
    (NOVA, {"top_k": 5}, {"inferenceConfig": {"topK": 5}}, None),
    ("cohere.command-r-v1:0", {"top_k": 5}, {"k": 5}, None),
    (CLAUDE, {"thinking_tokens": 1024}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, None),
    (CLAUDE, {"thinking_tokens": 0}, {"thinking": {"type": "disabled"}}, None),
    (CLAUDE, {"reasoning_effort": "high"}, None, "high"),
    (ARN, {"reasoning_effort": "high"}, None, "high"),
    (NOVA, {"reasoning_effort": "low"}, {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}, None),
    (NOVA, {"reasoning_effort": "none"}, {"reasoningConfig": {"type": "disabled"}}, None),
    (GPT, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}, None),
    (QWEN, {"reasoning_effort": "high"}, {"reasoning_config": "high"}, None),
    (
        CLAUDE,
        {"parallel_tool_calls": False},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        None,
    ),
]


@pytest.mark.parametrize(("model", "settings", "fields", "effort"), FAMILIES)
def test_settings_in_the_words_of_the_models_maker(model, settings, fields, effort):
    """What each maker's models want to be told is told, and read again as the same settings."""
    body = asked(HI, model=model, **settings)
    assert body.get("additionalModelRequestFields") == fields
    assert body.get("outputConfig") == (None if effort is None else {"effort": effort})
    read = WIRE.parse(WIRE.encode(ModelRequest(model, (HI,), settings=Settings(**settings))))
    assert read.settings == Settings(**settings)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (CLAUDE, {"reasoning_effort": "none"}),
        (GPT, {"reasoning_effort": "none"}),
        (NOVA, {"thinking_tokens": 99}),
        (ARN, {"thinking_tokens": 99}),
        (NOVA, {"parallel_tool_calls": False}),
        ("anthropic.claude-3-haiku-v1:0", {"parallel_tool_calls": False}),
        (CLAUDE, {"parallel_tool_calls": True}),
    ],
)
def test_settings_without_a_word_for_them(model, settings):
    """A wish that a model cannot be told is left out."""
    assert asked(HI, model=model, **settings).keys() == {"messages"}


def test_words_of_other_providers_for_effort():
    """`minimal` is the least that there is a word for here."""
    assert asked(HI, reasoning_effort="minimal")["outputConfig"] == {"effort": "low"}


def test_one_call_at_a_time_where_a_choice_is_sent():
    """The type stands in `toolChoice` then, and is refused when it is said twice."""
    body = asked(HI, tools=(ADD,), tool_choice=ToolChoice("required"), parallel_tool_calls=False)
    assert body["additionalModelRequestFields"] == {"tool_choice": {"disable_parallel_tool_use": True}}


def test_structured_output():
    """A schema travels as text, with its name and description; JSON without one is refused."""
    schema = {"type": "object", "properties": {"a": {}}}
    output = JsonOutput("city", schema, "A city.")
    form = asked(HI, output=output, reasoning_effort="low")["outputConfig"]
    described = form["textFormat"]["structure"]["jsonSchema"]
    assert (form["effort"], form["textFormat"]["type"]) == ("low", "json_schema")
    assert (described["name"], described["description"], json.loads(described["schema"])) == ("city", "A city.", schema)
    assert WIRE.parse(WIRE.encode(ModelRequest(CLAUDE, (HI,), output=output))).output == output
    with pytest.raises(CallerError, match="schema="):
        asked(HI, output=JsonOutput())


def test_the_callers_own_words_go_first():
    """`extra` is merged into the body, key by key; the extra of other wires is not."""
    extra = {
        "inferenceConfig": {"temperature": 1.0},
        "additionalModelRequestFields": {"thinking": {"type": "adaptive"}},
        "guardrailConfig": {"guardrailIdentifier": "g"},
        "messages": ["never"],
        "system": [],
    }
    settings = {"temperature": 0.5, "max_tokens": 9, "top_k": 5, "extra": Opaque("bedrock", extra)}
    body = asked(Message.system("Be brief."), HI, **settings)
    assert body == {
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 9, "temperature": 1.0},
        "additionalModelRequestFields": {"top_k": 5, "thinking": {"type": "adaptive"}},
        "guardrailConfig": {"guardrailIdentifier": "g"},
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    assert asked(HI, extra=Opaque("anthropic", extra)).keys() == {"messages"}


def test_half_a_letter_is_the_callers_mistake():
    """A lone surrogate is no text."""
    for request in (
        ModelRequest(CLAUDE, (Message.user("\ud800"),)),
        ModelRequest(CLAUDE, (Message.system("\ud800"),)),
        ModelRequest(CLAUDE, (HI,), (ToolSpec("a", "\ud800"),)),
    ):
        with pytest.raises(CallerError, match="surrogate"):
            WIRE.encode(request)
