"""Tokens before a call: guesses that are near, and bounds that hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import Audio, Document, Image, Message, Opaque, Text, Thinking, ToolCall, ToolResult, ToolSpec
from journeyman.providers import count_tokens
from journeyman.providers.estimating import text_tokens


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        # Counted with OpenAI's tokenizer page (o200k_base): 10, 13 and 7 tokens.
        ("The quick brown fox jumps over the lazy dog.", 8, 14),
        ('{"city": "Bonn", "degrees": 14.5}', 8, 16),
        ("Привет, как твои дела сегодня?", 6, 16),
        ("你好世界", 2, 5),
        ("", 0, 0),
    ],
)
def test_a_guess_is_near(text, least, most):
    """In prose, in JSON, in other scripts."""
    assert least <= text_tokens(text) <= most


@given(st.text(max_size=200))
def test_no_guess_is_beyond_the_bound(text):
    """Which is a token a byte, and something around each message."""
    counted = count_tokens([Message.user(text)])
    assert counted.at_most is not None
    assert 0 <= counted.guess <= counted.at_most
    assert counted.at_most >= len(text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.text(max_size=30), max_size=5), st.text(max_size=30))
def test_more_words_are_never_fewer_tokens(texts, more):
    """A history only grows."""
    before = count_tokens(map(Message.user, texts))
    after = count_tokens(map(Message.user, [*texts, more]))
    assert before.guess < after.guess
    assert before.at_most < after.at_most


def test_everything_that_is_sent_is_counted():
    """Thoughts, calls, results, opaque blocks, tools and the words of text files."""
    empty = count_tokens([Message("assistant", ())]).at_most
    long = "x" * 400
    for part in (
        Thinking(long),
        ToolCall("1", "f", long),
        ToolResult("1", long),
        ToolResult("1", (Text(long),)),
        Opaque("anthropic", {"data": long}),
        Opaque("anthropic", {1.5: {3, long}}),
        Document("text/plain", long.encode()),
    ):
        assert count_tokens([Message("assistant", (part,))]).at_most >= empty + 400
    tools = count_tokens([Message("assistant", ())], [ToolSpec("f", long, {"type": "object"})])
    assert tools.at_most >= empty + 400 + 1000


@pytest.mark.parametrize(
    "part", [Image("image/png", b"x"), Audio("audio/wav", b"x"), Document("application/pdf", url="u")]
)
def test_media_have_no_bound(part):
    """How many tokens a picture is, is a matter of the model; that is said, not hidden."""
    for message in (Message.user(["What?", part]), Message("tool", (ToolResult("1", (Text("so"), part)),))):
        counted = count_tokens([message])
        assert counted.at_most is None
        assert counted.media == 1
        assert counted.guess > 1000
