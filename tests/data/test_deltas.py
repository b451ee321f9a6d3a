"""A finished message as glimpses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Image,
    Message,
    Opaque,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    deltas_of,
)


@given(st.text(), st.text())
def test_glimpses_join_to_the_message(thought, words):
    """Nothing is lost or added, whatever the words and the white space."""
    deltas = list(deltas_of(Message("assistant", (Thinking(thought), Text(words)))))
    assert "".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta)) == thought
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == words


def test_words_come_one_by_one():
    """Each glimpse of a text has one word."""
    deltas = deltas_of(Message.assistant("It is  five.\n"))
    assert [delta.text for delta in deltas] == ["It", " is", "  five.", "\n"]


def test_calls_are_counted():
    """Each call begins with its id and name, and its arguments follow under the same index."""
    message = Message("assistant", (ToolCall("a", "f", '{"x": 1}'), Text("and"), ToolCall("b", "g")))
    assert list(deltas_of(message)) == [
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(0, arguments='{"x": 1}'),
        TextDelta("and"),
        ToolCallDelta(1, "b", "g"),
        ToolCallDelta(1, arguments="{}"),
    ]


def test_what_has_no_glimpses_is_left_to_the_fact():
    """Media and opaque blocks give none."""
    assert list(deltas_of(Message("assistant", (Image("image/png", b"1"), Opaque("d", {}))))) == []
