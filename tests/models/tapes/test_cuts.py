"""How a stream was cut, without its words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import Message, Text, TextDelta, Thinking, ThinkingDelta, ToolCall, ToolCallDelta
from journeyman.models.tapes import cuts_of, merged
from journeyman.models.tapes.cuts import recut

SAID = Message("assistant", (Thinking("Hm, so."), Text("Hello "), Text("you"), ToolCall("c1", "look", '{"a":1}')))


@given(st.lists(st.tuples(st.sampled_from("tkc"), st.text(min_size=1, max_size=9)), max_size=12))
def test_a_stream_comes_back_as_it_was_cut(pieces):
    """Whatever way an answer was cut into glimpses, its message and the cuts give the same glimpses."""
    deltas, begun = [], False
    for kind, text in pieces:
        if kind == "c":
            deltas.append(ToolCallDelta(0, arguments=text) if begun else ToolCallDelta(0, "c1", "look", text))
            begun = True
        else:
            deltas.append(TextDelta(text) if kind == "t" else ThinkingDelta(text))
    said = {kind: "".join(text for sort, text in pieces if sort == kind) for kind in "tkc"}
    message = Message("assistant", (Thinking(said["k"]), Text(said["t"]), ToolCall("c1", "look", said["c"])))
    cuts = cuts_of(deltas, message)
    assert cuts is not None
    assert list(recut(cuts, message)) == deltas


def test_a_stream_that_is_not_its_message_has_no_cuts():
    """A provider that streams other words than it answers is not replayed from the answer."""
    assert cuts_of([TextDelta("Other words")], SAID) is None
    assert cuts_of([ToolCallDelta(3, "c9", "gone", "{}")], SAID) is None


@given(st.lists(st.integers(-9, 9) | st.tuples(st.integers(-3, 3), st.integers(-9, 9)), max_size=9))
def test_cuts_of_another_message_harm_nothing(cuts):
    """Cuts from a tape that was changed by hand give some glimpses or none."""
    list(recut(cuts, SAID))


def test_a_secret_in_two_pieces_is_one_again():
    """What there was of a broken stream is kept in whole words, so that a key in it can be seen and hidden."""
    deltas = [
        TextDelta("sk-"),
        TextDelta("abc"),
        ThinkingDelta("x"),
        ToolCallDelta(0, "c", "t"),
        ToolCallDelta(0, arguments="{"),
    ]
    assert merged(deltas) == (TextDelta("sk-abc"), ThinkingDelta("x"), ToolCallDelta(0, "c", "t", "{"))
