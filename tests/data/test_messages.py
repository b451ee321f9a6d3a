"""Messages and what can be asked of them."""

from __future__ import annotations

import msgspec

from journeyman.data import Image, Message, Text, Thinking, ToolCall, ToolResult


def test_the_text_of_a_message_is_its_text_parts():
    """Thoughts, calls and media are no words of the answer."""
    message = Message("assistant", (Thinking("hm"), Text("a"), ToolCall("1", "f"), Text("b")))
    assert message.text == "ab"


def test_calls_and_results_keep_their_order():
    """The order is the one in which the model made them."""
    first, second = ToolCall("1", "f"), ToolCall("2", "g")
    assert Message("assistant", (second, Text("x"), first)).tool_calls == (second, first)
    results = (ToolResult("1", "a"), ToolResult("2", "b"))
    assert Message("tool", results).tool_results == results
    assert Message("tool", results).only(Text) == ()


def test_a_user_may_say_words_or_words_with_media():
    """Strings among the parts become text."""
    image = Image("image/png", b"1")
    assert Message.user("hello").parts == (Text("hello"),)
    assert Message.user(["look:", image, Text("well?")]).parts == (Text("look:"), image, Text("well?"))
    assert Message.user(["look:"]).role == "user"


def test_instructions_and_answers_are_made_of_words():
    """The two other shorthands."""
    assert Message.system("be kind") == Message("system", (Text("be kind"),))
    assert Message.assistant("yes") == Message("assistant", (Text("yes"),))


def test_what_is_cached_on_a_message_is_no_part_of_it():
    """Two messages are equal, and written alike, whatever a dialect has put on one of them."""
    plain, used = Message.user("a"), Message.user("a")
    used.__dict__["openai_chat"] = b"{}"
    assert plain == used
    assert msgspec.json.encode(plain) == msgspec.json.encode(used)


def test_a_message_survives_json():
    """It comes back equal."""
    message = Message.user(["a", Image("image/png", b"1")])
    assert msgspec.json.decode(msgspec.json.encode(message), type=Message) == message
