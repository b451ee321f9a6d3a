"""Our messages as the Gemini API wants them."""

import json

import pytest

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    Message,
    ModelRequest,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from journeyman.wire.gemini import Gemini
from journeyman.wire.gemini.names import UNSIGNED
from journeyman.wire.http import HttpReply, HttpRequest

WIRE = Gemini()


def own(**data):
    return Opaque("gemini", data)


def contents(*messages):
    return json.loads(WIRE.encode(ModelRequest("m", messages)).body)["contents"]


def parts_of(role, *parts):
    (content,) = contents(Message(role, parts))
    return content["parts"]


def result(content="", **more):
    (part,) = parts_of("tool", ToolResult("c1", content, name="f", **more))
    return part["functionResponse"]


def test_roles():
    """The model is called so; everybody else is the user."""
    roles = [content["role"] for content in contents(Message.user("a"), Message.assistant("b"), Message.user("c"))]
    assert roles == ["user", "model", "user"]


def test_a_turn_goes_back_as_it_came():
    """Signatures, thoughts and blocks of the provider's own are each in their part again, and nothing else is."""
    parts = [
        {"text": "Hm", "thought": True, "thoughtSignature": "czA="},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "czE="},
        {"text": "a", "thoughtSignature": "czI="},
        {"text": "", "thoughtSignature": "czM="},
        {"functionCall": {"name": "f", "args": {"x": [1]}}, "thoughtSignature": "czQ="},
        {"functionCall": {"name": "g"}},
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}, "thoughtSignature": "czU="},
    ]
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP", "groundingMetadata": {"a": 1}}]}
    answer = WIRE.decode(HttpReply(200, {}, json.dumps(body).encode())).message
    assert contents(answer) == [{"role": "model", "parts": parts}]


def test_a_turn_from_elsewhere():
    """Other models' thoughts and blocks are left out, and the first of their calls says that it has no signature."""
    message = Message(
        "assistant",
        (
            Thinking("Hm", Opaque("anthropic", {"signature": "s"})),
            Opaque("anthropic", {"type": "x"}),
            Text("a", Opaque("anthropic", {"citations": []})),
            ToolCall("toolu_1", "f", '{"x": 1}', Opaque("anthropic", {"caller": {}})),
            ToolCall("toolu_2", "g"),
        ),
    )
    assert contents(message) == [
        {
            "role": "model",
            "parts": [
                {"text": "a"},
                {"functionCall": {"id": "toolu_1", "name": "f", "args": {"x": 1}}, "thoughtSignature": UNSIGNED},
                {"functionCall": {"id": "toolu_2", "name": "g", "args": {}}},
            ],
        }
    ]


def test_a_turn_of_which_nothing_is_left():
    """A message that the wire has no use for is not sent, wherever it stands."""
    nothing = Message("assistant", (Thinking("Hm", Opaque("anthropic", {})),))
    assert contents(nothing, Message.user("a"), Message("assistant", (Text(""),)), Message.user("b")) == [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "user", "parts": [{"text": "b"}]},
    ]


@pytest.mark.parametrize("arguments", ['{"a": 1', "[1]", '"x"', "7", '{"a": 1} x'])
def test_arguments_that_are_no_object(arguments):
    """They travel as text in an object, because the wire refuses all else."""
    (part,) = parts_of("assistant", ToolCall("c1", "f", arguments, own()))
    assert part == {"functionCall": {"id": "c1", "name": "f", "args": {"_raw": arguments}}}


def test_arguments_that_are_nothing():
    """No arguments are an empty object."""
    (part,) = parts_of("assistant", ToolCall("c1", "f", " ", own()))
    assert part["functionCall"]["args"] == {}


def test_ids_of_ours_stay_with_us():
    """A call that came without an id goes back without one, and so does its result."""
    body = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f"}}]}, "finishReason": "STOP"}]}
    answer = WIRE.decode(HttpReply(200, {}, json.dumps(body).encode())).message
    results = Message("tool", (ToolResult(answer.tool_calls[0].id, "1", name="f"),))
    assert contents(answer, results) == [
        {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}}}]},
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("sunny", {"output": "sunny"}),
        ("", {"output": ""}),
        ("[1, 2]", {"output": "[1, 2]"}),
        ('{"t": 1.50}', {"t": 1.5}),
        ("{}", {}),
        ('{"output": "x"}', {"output": '{"output": "x"}'}),
        ('{"error": "x"}', {"output": '{"error": "x"}'}),
        ('{"output": {"a": 1}}', {"output": {"a": 1}}),
        ('{"error": "x", "b": 1}', {"error": "x", "b": 1}),
        ('{"t": ', {"output": '{"t": '}),
        ((Text("a"), Text("b")), {"output": "a\nb"}),
        ((), {"output": ""}),
    ],
)
def test_results(content, response):
    """An object is what a function gave, anything else its output, and reading it again gives the same words."""
    assert result(content) == {"id": "c1", "name": "f", "response": response}
    request = WIRE.encode(ModelRequest("m", (Message("tool", (ToolResult("c1", content, name="f"),)),)))
    (read,) = WIRE.parse(HttpRequest("POST", request.path, {}, request.body)).messages[0].tool_results
    assert (read.text, read.is_error) == (response["output"] if isinstance(content, tuple) else content, False)


@pytest.mark.parametrize("content", ["no", '{"a": 1}', ""])
def test_failures_of_tools(content):
    """The wire has a place for what went wrong."""
    assert result(content, is_error=True)["response"] == {"error": content}


def test_a_failure_in_other_words():
    """A failure that came as an object goes back as one, but not if its words were changed since."""
    was_object = own(_form={"json": True})
    assert result('{"a": 1}', is_error=True, origin=was_object)["response"] == {"error": {"a": 1}}
    assert result("gone", is_error=True, origin=was_object)["response"] == {"error": "gone"}


def test_a_result_where_none_can_be():
    """Instructions hold no results without a name."""
    with pytest.raises(CallerError, match="no result can be"):
        contents(Message("system", (ToolResult("c1", "x"),)))


def test_results_stand_together():
    """Results in messages of their own are one turn of the wire, however often it is encoded, as it counts them."""
    messages = [Message("tool", (ToolResult(f"c{number}", "x", name="f"),)) for number in range(3)]
    expected = [
        {"functionResponse": {"id": f"c{number}", "name": "f", "response": {"output": "x"}}} for number in range(3)
    ]
    for _ in range(2):
        assert contents(*messages[:2], Message.user("a")) == [
            {"role": "user", "parts": expected[:2]},
            {"role": "user", "parts": [{"text": "a"}]},
        ]
        assert contents(*messages) == [{"role": "user", "parts": expected}]


def test_a_result_without_a_name():
    """The wire wants the function's name: it is that of the call, and without one the caller is told."""
    call = Message("assistant", (ToolCall("c1", "f", origin=own()),))
    assert contents(call, Message("tool", (ToolResult("c1", "x"),)))[1]["parts"][0]["functionResponse"]["name"] == "f"
    with pytest.raises(CallerError, match=r"ToolResult\(name="):
        contents(Message("tool", (ToolResult("c2", "x"),)))


def test_media_of_results():
    """Pictures and documents are in the result; sounds and films follow, behind all results."""
    picture, sound = Image("image/png", b"\x89PN"), Audio("audio/wav", b"\0\0\0")
    messages = [
        Message("tool", (ToolResult("c1", (Text("see"), picture, sound), name="f"),)),
        Message("tool", (ToolResult("c2", (picture,), name="g"),)),
    ]
    inner = [{"inlineData": {"mimeType": "image/png", "data": "iVBO"}}]
    assert contents(*messages) == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "see"}, "parts": inner}},
                {"functionResponse": {"id": "c2", "name": "g", "response": {}, "parts": inner}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"text": "From the tool f:"},
                {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("part", "wire"),
    [
        (Image("image/png", b"\xfb\xff"), {"inlineData": {"mimeType": "image/png", "data": "+/8="}}),
        (Audio("audio/mp3", b"a"), {"inlineData": {"mimeType": "audio/mp3", "data": "YQ=="}}),
        (Document("text/csv", b"a", name="a.csv"), {"inlineData": {"mimeType": "text/csv", "data": "YQ=="}}),
        (Video("video/mp4", url="gs://b/v"), {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v"}}),
        (Image("image/*", url="https://e.org/a"), {"fileData": {"fileUri": "https://e.org/a"}}),
        (Document("a/b", url="files/x", origin=own()), {"fileData": {"mimeType": "a/b", "fileUri": "files/x"}}),
        (
            Video("video/mp4", url="https://youtu.be/x", origin=own(videoMetadata={"fps": 1})),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}},
        ),
    ],
)
def test_media(part, wire):
    """Bytes and addresses of any kind of file."""
    assert parts_of("user", part) == [wire]


@pytest.mark.parametrize(
    "part",
    [
        Image("image/png", url="file-id:x"),
        Document("application/pdf", url="file-id:x", origin=Opaque("openai_chat", {})),
        Image("image/*", b"x"),
    ],
    ids=["file", "foreign file", "type"],
)
def test_media_that_cannot_be_carried(part):
    """The caller is told what to do instead."""
    with pytest.raises(CallerError, match="Gemini API"):
        parts_of("user", part)


def test_parts_that_were_joined_need_what_they_were_joined_to():
    """Words that stood in one turn with a result that is gone are a turn of their own, and not the model's."""
    asked = {
        "contents": [
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}, {"text": "and?"}]},
        ]
    }
    _, words = WIRE.parse(HttpRequest("POST", "/models/m:generateContent", {}, json.dumps(asked).encode())).messages
    assert contents(Message.assistant("a"), words) == [
        {"role": "model", "parts": [{"text": "a"}]},
        {"role": "user", "parts": [{"text": "and?"}]},
    ]
