"""Messages, as they are sent."""

import json

import msgspec
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
from journeyman.wire import HttpReply
from journeyman.wire.openai_responses import OpenAIResponses

WIRE = OpenAIResponses()
NAME = "openai_responses"


def sent(*messages):
    return json.loads(WIRE.encode(ModelRequest("m", messages)).body)["input"]


def test_a_conversation():
    """Each message is one item or several, in their order; words alone are sent as a string."""
    history = (
        Message.system("Be brief."),
        Message.user("Add 1 and 2."),
        Message("assistant", (Text("Let me see."), ToolCall("c1", "add", '{"a": 1, "b": 2}'))),
        Message("tool", (ToolResult("c1", "3", name="add"),)),
        Message.assistant("3"),
    )
    assert sent(*history) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Add 1 and 2."},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1, "b": 2}'},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"role": "assistant", "content": "3"},
    ]


def test_media():
    """Pictures and files go as bytes, addresses or names of uploads, in messages and in results of tools."""
    parts = [
        "What is it?",
        Image("image/png", b"\x89PNG"),
        Image("image/*", url="https://example.org/a.png"),
        Image("image/*", url="file-id:file-1"),
        Document("application/pdf", b"%PDF", name="a.pdf"),
        Document("text/csv", b"a,b"),
        Document("application/pdf", url="https://example.org/a.pdf"),
        Document("application/pdf", url="file-id:file-2"),
    ]
    blocks = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,iVBORw=="},
        {"type": "input_image", "detail": "auto", "image_url": "https://example.org/a.png"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        {"type": "input_file", "filename": "file.csv", "file_data": "data:text/csv;base64,YSxi"},
        {"type": "input_file", "file_url": "https://example.org/a.pdf"},
        {"type": "input_file", "file_id": "file-2"},
    ]
    message = Message.user(parts)
    assert sent(message) == [{"role": "user", "content": blocks}]
    assert sent(Message("tool", (ToolResult("c1", message.parts),)))[0]["output"] == blocks


@pytest.mark.parametrize(
    ("part", "hint"),
    [
        (Audio("audio/wav", b"RIFF"), "openai_chat"),
        (Video("video/mp4", b"0"), "Video"),
        (Image("image/*", url="file-id:1", origin=Opaque("anthropic", {})), "another provider"),
    ],
)
def test_media_that_the_wire_cannot_carry(part, hint):
    """They are refused with a hint at what to do."""
    with pytest.raises(CallerError, match=hint):
        sent(Message.user([part]))
    with pytest.raises(CallerError, match=hint):
        sent(Message("tool", (ToolResult("c1", (part,)),)))


def test_roles_hold_only_what_is_theirs():
    """A model's turn holds no pictures or results, and only a model calls tools."""
    for message in (
        Message("assistant", (Image("image/png", b"0"),)),
        Message("assistant", (ToolResult("c", "x"),)),
        Message("user", (ToolCall("c", "x"),)),
    ):
        with pytest.raises(CallerError, match="model's turn"):
            sent(message)
    # What a tool's message says beside results is said to the model; what only another dialect reads is not sent.
    said = Message("tool", (ToolResult("c", "x"), Text("The picture:"), Opaque("gemini", {"a": 1})))
    assert sent(said)[1:] == [{"role": "user", "content": "The picture:"}]
    assert sent(Message("tool", (Opaque("gemini", {"a": 1}),)), Message.system("")) == []


def test_what_other_providers_left():
    """Their thoughts and their state stay behind; words, calls and results come along."""
    turn = Message(
        "assistant",
        (
            Thinking("Hm.", Opaque("anthropic", {"signature": "s"})),
            Opaque("anthropic", {"type": "server_tool_use"}),
            Text("Well.", Opaque("anthropic", {"citations": []})),
            ToolCall("c1", "add", "{}", Opaque("gemini", {"thoughtSignature": "t"})),
        ),
    )
    assert sent(turn) == [
        {"role": "assistant", "content": "Well."},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
    ]


@pytest.mark.parametrize("given", ["", "x" * 65, "é" * 100])
def test_ids_that_the_wire_refuses(given):
    """They are mapped to one that it takes, the same in a call and in its result; all others stay as they are."""
    call, result = sent(Message("assistant", (ToolCall(given, "f"),)), Message("tool", (ToolResult(given, "x"),)))
    assert call["call_id"] == result["call_id"]
    assert 0 < len(call["call_id"]) <= 64
    assert sent(Message("tool", (ToolResult("x" * 64, ""),)))[0]["call_id"] == "x" * 64


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ('{"a": 1.0}', '{"a": 1.0}'),
        ("", "{}"),
        ("  ", "{}"),
        ('{"a": ', '{"_raw":"{\\"a\\": "}'),
        ("[1]", '{"_raw":"[1]"}'),
        ("[" * 100_000, '{"_raw":"' + "[" * 100_000 + '"}'),
    ],
)
def test_malformed_arguments_do_not_spoil_later_requests(arguments, written):
    """Arguments are sent as the model wrote them if they are an object, else within one."""
    assert sent(Message("assistant", (ToolCall("c", "f", arguments),)))[0]["arguments"] == written


def test_half_a_character_is_the_callers_error():
    """Text that JSON cannot carry is refused, not sent broken."""
    with pytest.raises(CallerError, match="JSON"):
        sent(Message.user("\ud800"))


def test_answers_to_the_providers_own_tools():
    """An opaque part of a tool's message is an item of its own."""
    item = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    assert sent(Message("tool", (Opaque(NAME, item),))) == [item]


def test_a_message_is_encoded_once():
    """What was written of a message stays on it, and later turns do not change it."""
    first, second = Message.user("One"), Message.assistant("Two")
    sent(first)
    kept = vars(first)[NAME]
    assert sent(first, second)[0] == json.loads(b"[%b]" % kept)[0]
    assert vars(first)[NAME] is kept
    vars(first)[NAME] = b'{"role":"user","content":"kept"}'
    assert sent(first, second)[0]["content"] == "kept"


def test_a_history_may_be_put_together_of_known_and_new_messages():
    """What was not written yet is written, wherever it stands."""
    first, second = Message.user("One"), Message.assistant("Two")
    assert len(sent(second)) == 1
    assert [item["content"] for item in sent(first, second)] == ["One", "Two"]


def test_blocks_of_a_history_that_was_edited():
    """A block does not join a message that something else has followed; it begins one of its own."""
    begun = Text("a", Opaque(NAME, {"item": {"id": "msg_1"}, "block": {}}))
    stray = Text("b", Opaque(NAME, {"block": {}}))
    items = sent(Message("assistant", (begun, ToolCall("c", "f"), stray)))
    assert [item["type"] for item in items] == ["message", "function_call", "message"]
    assert [block["text"] for block in items[2]["content"]] == ["b"]


def test_what_came_goes_back_from_a_journal_too():
    """A turn that was stored and read again is sent as the same items."""
    items = [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "a"}],
            "encrypted_content": "x",
        },
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "b", "annotations": []}],
        },
    ]
    body = json.dumps({"status": "completed", "reasoning": {"effort": "low"}, "output": items}).encode()
    message = WIRE.decode(HttpReply(200, {}, body)).message
    stored = msgspec.json.decode(msgspec.json.encode(message), type=Message)
    assert sent(stored) == sent(message) == items
