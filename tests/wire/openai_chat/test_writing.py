"""What of our messages is sent, for each kind of part and each vendor's quirk."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    Message,
    ModelRequest,
    Opaque,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from journeyman.wire import ChatQuirks
from journeyman.wire.openai_chat import OpenAIChat


def sent(*messages: Message, **quirks: Any) -> list[Any]:
    encoded = OpenAIChat(ChatQuirks(**quirks)).encode(ModelRequest("m", messages))
    return json.loads(encoded.body)["messages"]


def turn(*parts: Part, role: Role = "assistant", **quirks: Any) -> Any:
    (wire,) = sent(Message(role, parts), **quirks)
    return wire


def own(**data: Any) -> Opaque:
    return Opaque("openai_chat", data)


def block(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_words_are_sent_as_they_are() -> None:
    """One text is a string, several are a list, none is an empty string."""
    assert sent(Message.system("Be kind."), Message.user("Hi\n\u00e9 \U0001f600"), Message.assistant("Hello")) == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi\n\u00e9 \U0001f600"},
        {"role": "assistant", "content": "Hello"},
    ]
    assert turn(Text("a"), Text("b"), role="user")["content"] == [block("a"), block("b")]
    assert turn(Text("a"), Text("b"))["content"] == "ab"
    assert turn(role="user") == {"role": "user", "content": ""}
    assert turn() == {"role": "assistant", "content": ""}


def test_quirk_flat_text() -> None:
    """Servers that read no lists get strings; media still need a list."""
    assert turn(Text("a"), Text("b"), role="system", flat_text=True)["content"] == "a\n\nb"
    assert turn(Text("a", own(cache_control=1)), Text("b"), flat_text=True)["content"] == "ab"
    assert isinstance(turn(Text("a"), Image("image/png", b"x"), role="user", flat_text=True)["content"], list)
    result = ToolResult("c", (Text("a"), Text("b")), origin=own(content_form="list"))
    assert turn(result, role="tool", flat_text=True)["content"] == "a\nb"
    assert turn(result, role="tool")["content"] == [block("a"), block("b")]


def test_quirk_system() -> None:
    """Instructions may have another role."""
    assert sent(Message.system("x"), system="developer") == [{"role": "developer", "content": "x"}]


def test_calls_and_their_results() -> None:
    """A turn that calls tools has no content of its own, and each result is a message of the wire."""
    wires = sent(
        Message("assistant", (ToolCall("a", "f", '{"x":1}'), ToolCall("b", "g", "{}"))),
        Message("tool", (ToolResult("a", "1", name="f"), ToolResult("b", (Text("2"), Text("3")), is_error=True))),
    )
    assert wires == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": "2\n3"},
    ]


@pytest.mark.parametrize(
    ("arguments", "valid"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        (" \n", "{}"),
        ('{"a":', '{"_raw":"{\\"a\\":"}'),
        ("[1]", '{"_raw":"[1]"}'),
        ("null", '{"_raw":"null"}'),
        ("[" * 100_000, '{"_raw":"' + "[" * 100_000 + '"}'),
    ],
)
def test_malformed_arguments_are_sent_as_a_valid_object(arguments: str, valid: str) -> None:
    """What the model wrote is kept inside, since a server would refuse every later request otherwise."""
    (call,) = turn(ToolCall("a", "f", arguments))["tool_calls"]
    assert call["function"]["arguments"] == valid


def test_a_call_goes_back_as_it_came() -> None:
    """Signatures, custom tools and the first form of calls are sent in their own form."""
    signed = ToolCall("a", "f", "{}", own(extra_content={"google": 1}))
    assert turn(signed)["tool_calls"][0]["extra_content"] == {"google": 1}
    custom = ToolCall("a", "sh", '{"input":"ls"}', own(custom=True))
    assert turn(custom)["tool_calls"] == [{"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]
    edited = ToolCall("a", "sh", "ls", own(custom=True))
    assert turn(edited)["tool_calls"][0]["custom"]["input"] == ""
    untyped = ToolCall("a", "f", "{}", own(type=None))
    assert turn(untyped)["tool_calls"] == [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]
    legacy = ToolCall("function_call_f", "f", "{}", own(function_call=True))
    assert turn(legacy) == {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    result = ToolResult("function_call_f", "1", name="f", origin=own(function_call=True))
    assert turn(result, role="tool") == {"role": "function", "name": "f", "content": "1"}


@pytest.mark.parametrize(
    ("quirk", "given", "taken"),
    [
        ("any", "x" * 60, "x" * 60),
        ("short", "toolu_01", "toolu_01"),
        ("short", "x" * 41, "call_"),
        ("nine", "abcDEF123", "abcDEF123"),
        ("nine", "call_1", ""),
    ],
)
def test_quirk_call_ids(quirk: str, given: str, taken: str) -> None:
    """An id that the vendor refuses is mapped, in the call and in its result alike, and only such a one."""
    call, result = sent(
        Message("assistant", (ToolCall(given, "f"),)), Message("tool", (ToolResult(given),)), call_ids=quirk
    )
    mapped = call["tool_calls"][0]["id"]
    assert mapped == result["tool_call_id"]
    assert mapped.startswith(taken)
    assert (mapped == given) == (taken == given)
    assert len(mapped) <= {"any": 60, "short": 40, "nine": 9}[quirk]
    assert quirk != "nine" or (len(mapped) == 9 and mapped.isalnum())


def test_reasoning_goes_back_under_its_key() -> None:
    """Our own thinking travels as it came; words that stand in the details do not travel twice."""
    assert turn(Thinking("hm", own(key="reasoning")), Text("x")) == {
        "role": "assistant",
        "content": "x",
        "reasoning": "hm",
    }
    assert turn(Thinking("hm", own()), Text("x")) == {"role": "assistant", "content": "x"}
    assert turn(Thinking("hm", own(block={"closed": True})), Text("x"))["content"] == [
        {"type": "thinking", "thinking": [block("hm")], "closed": True},
        block("x"),
    ]


def test_quirk_reasoning() -> None:
    """A vendor may want one key always, or none at all; details go only where they came from."""
    details = [{"type": "reasoning.text"}]
    message = Message(
        "assistant",
        (Thinking("a", own(key="reasoning")), Thinking("b", own(block={})), Text("x")),
        own(reasoning_details=details),
    )
    plain = {"role": "assistant", "content": "x"}
    assert sent(message, reasoning="drop") == [plain]
    assert sent(message, reasoning="reasoning_content") == [{**plain, "reasoning_content": "ab"}]
    assert sent(message)[0]["reasoning_details"] == details


def test_quirk_no_content() -> None:
    """A turn that only calls tools has null for its content, or an empty string."""
    call = ToolCall("a", "f", "{}")
    assert turn(call)["content"] is None
    assert turn(call, no_content="empty")["content"] == ""
    assert turn(Text("x"), call, no_content="empty")["content"] == "x"


def test_quirk_empty_reasoning() -> None:
    """DeepSeek refuses a turn with calls that says nothing of its reasoning."""
    call = ToolCall("a", "f")
    assert turn(call, empty_reasoning=True)["reasoning_content"] == ""
    assert turn(call, empty_reasoning=True, reasoning="reasoning")["reasoning"] == ""
    assert turn(Thinking("x", own(key="reasoning_content")), call, empty_reasoning=True)["reasoning_content"] == "x"
    assert turn(Text("x"), empty_reasoning=True) == {"role": "assistant", "content": "x"}


def test_what_others_left_is_not_sent() -> None:
    """Foreign thinking, foreign blocks and foreign origins are dropped, and something valid remains."""
    foreign = Opaque("anthropic", {"signature": "s", "cache_control": {}, "key": "reasoning"})
    message = Message("assistant", (Thinking("hm", foreign), Thinking("hm"), foreign, Text("x", foreign)), foreign)
    assert sent(message) == [{"role": "assistant", "content": "x"}]
    assert turn(foreign, Thinking("hm", foreign)) == {"role": "assistant", "content": ""}
    assert turn(Text("x", foreign), foreign, Thinking("hm"), role="user") == {"role": "user", "content": "x"}
    assert turn(ToolCall("a", "f", "{}", foreign))["tool_calls"][0].keys() == {"id", "type", "function"}
    assert turn(ToolResult("a", (Text("x"), foreign), origin=foreign), role="tool")["content"] == "x"


def test_a_refusal_goes_back_as_one() -> None:
    """The words of a refusal stand in its own key."""
    assert turn(Text("I will ", own(refusal=True)), Text("not.", own(refusal=True))) == {
        "role": "assistant",
        "content": None,
        "refusal": "I will not.",
    }


def test_drawn_pictures_and_spoken_words_go_back() -> None:
    """A picture goes back where it stood, a sound by its name, whatever else a model's turn holds is refused."""
    image = Image("image/png", b"x", origin=own(images=True, extra=1))
    assert turn(image, Text("x"))["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}, "extra": 1}
    ]
    spoken = turn(Audio("audio/wav", b"x", origin=own(id="a1")))
    assert spoken == {"role": "assistant", "content": None, "audio": {"id": "a1"}}
    for part in (Image("image/png", b"x"), Video("video/mp4", b"x"), ToolResult("a")):
        with pytest.raises(CallerError, match=f"carries no {type(part).__name__} in a model's turn"):
            turn(part)


def test_media_of_a_tool_follow_its_result() -> None:
    """A picture that a tool gave goes into a user's message behind all results, and the result says so."""
    image = Image("image/png", b"x")
    first, second, shown = sent(Message("tool", (ToolResult("a", (Text("see"), image)), ToolResult("b", "ok"))))
    assert first["content"].startswith("see\n(")
    assert second["content"] == "ok"
    assert shown["role"] == "user"
    assert shown["content"][0]["text"] == "From the tool call a:"
    assert shown["content"][1]["image_url"] == {"url": "data:image/png;base64,eA=="}


def test_results_in_a_user_s_message_come_first() -> None:
    """A message that mixes results and words is written as the wire wants it."""
    wires = sent(Message("user", (Text("and?"), ToolResult("a", "1"))))
    assert [wire["role"] for wire in wires] == ["tool", "user"]


def test_what_cannot_be_said_is_refused() -> None:
    """A call in a user's message, a tool's message without results, half a surrogate pair, data that is no JSON."""
    for message, words in (
        (Message("user", (ToolCall("a", "f"),)), "a user message cannot call a tool"),
        (Message("tool", ()), "holds no ToolResult"),
        (Message.user("\ud800"), "cannot be written as JSON"),
        (Message("user", (Text("x", own(odd=object())),)), "cannot be written as JSON"),
    ):
        with pytest.raises(CallerError, match=words):
            sent(message)


def content(part: Part, **quirks: Any) -> Any:
    (wire,) = turn(part, role="user", **quirks)["content"]
    return wire


def test_media_of_a_user() -> None:
    """Each kind of media in the form that OpenAI takes."""
    assert content(Image("image/png", b"x")) == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,eA=="},
    }
    assert content(Image("image/*", url="https://x.test/a"))["image_url"] == {"url": "https://x.test/a"}
    assert content(Audio("audio/mpeg", b"x"))["input_audio"] == {"data": "eA==", "format": "mp3"}
    pdf = "data:application/pdf;base64,eA=="
    assert content(Document("application/pdf", b"x", name="a.pdf"))["file"] == {"file_data": pdf, "filename": "a.pdf"}
    assert content(Document("application/pdf", b"x"))["file"] == {"file_data": pdf, "filename": "file.pdf"}
    assert content(Document("application/pdf", url="file-id:f1")) == {"type": "file", "file": {"file_id": "f1"}}


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Image("image/png", url="file-id:f1"), "no file id for an Image"),
        (Audio("audio/wav", url="https://x.test/a.wav"), "not by its address"),
        (Audio("audio/flac", b"x"), "not as audio/flac"),
        (Document("application/pdf", url="https://x.test/a.pdf"), "not by its address"),
        (Video("video/mp4", b"x"), "carries no Video"),
    ],
)
def test_media_that_the_wire_does_not_carry(part: Part, words: str) -> None:
    """The error says what it is that cannot be sent."""
    with pytest.raises(CallerError, match=words):
        content(part)


def test_quirks_documents_and_video() -> None:
    """OpenRouter takes addresses of files, Mistral has a block of its own for them, some vendors take films."""
    far = Document("application/pdf", url="https://x.test/a.pdf", name="a.pdf")
    assert content(far, documents="file_or_url")["file"] == {"file_data": "https://x.test/a.pdf", "filename": "a.pdf"}
    assert content(far, documents="document_url") == {"type": "document_url", "document_url": "https://x.test/a.pdf"}
    nameless = Document("application/pdf", url="https://x.test/a.pdf")
    assert content(nameless, documents="file_or_url")["file"] == {"file_data": "https://x.test/a.pdf"}
    near = Document("application/pdf", b"x")
    assert content(near, documents="document_url")["document_url"] == "data:application/pdf;base64,eA=="
    film = content(Video("video/mp4", url="https://x.test/a.mp4"), video=True)
    assert film == {"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}}


def test_what_was_written_stays_on_the_message() -> None:
    """The second request takes the message's encoding from the first, and each vendor has its own."""
    message = Message.system("x")
    plain, other = OpenAIChat(), OpenAIChat(ChatQuirks(system="developer"))
    request = ModelRequest("m", (message,))
    bodies = [dialect.encode(request).body for dialect in (plain, other, plain, other)]
    assert bodies[0] == bodies[2] != bodies[1] == bodies[3]
    kept = vars(message)
    assert len(kept) == 2
    kept[next(iter(kept))] = b'{"role":"system","content":"cached"}'
    assert b"cached" in plain.encode(request).body
    assert b"cached" in OpenAIChat().encode(request).body
    assert b"cached" not in other.encode(request).body


def test_a_message_is_written_the_same_whatever_surrounds_it() -> None:
    """Each turn's bytes are a prefix of the next turn's, so that prompt caches hold."""
    messages = (
        Message.system("s"),
        Message.user("u"),
        Message("assistant", (Thinking("h", own(key="reasoning")), ToolCall("a", "f"))),
        Message("tool", (ToolResult("a", "1"),)),
        Message.assistant("done"),
    )
    bodies = [OpenAIChat().encode(ModelRequest("m", messages[:end])).body for end in range(1, 6)]
    for shorter, longer in itertools.pairwise(bodies):
        assert longer.startswith(shorter.removesuffix(b'],"stream":false}'))
