"""What open models write, taken apart, wherever it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.adapters.model_in_process_answers import Answer
from journeyman.data import Text, TextDelta, Thinking, ThinkingDelta, ToolCall, ToolCallDelta

TOOLS = {"add", "look"}


def read(pieces, tools=TOOLS, *, thinks=False):
    answer = Answer(tools)
    if thinks:
        answer.think()
    deltas = [delta for piece in pieces for delta in answer.feed(piece)]
    rest, parts = answer.finish()
    return [*deltas, *rest], [_plain(part) for part in parts]


def _plain(part):
    match part:
        case Text(text):
            return ("text", text)
        case Thinking(text):
            return ("thinking", text)
        case ToolCall(_, name, arguments):
            return ("call", name, arguments)


# As the templates of these models make them write: Qwen and Hermes, Mistral, Llama 3.
ANSWERS = [
    ("Hello there.", [("text", "Hello there.")]),
    ("<think>\nHm.\n</think>\n\nYes.", [("thinking", "Hm."), ("text", "Yes.")]),
    (
        'I look.\n<tool_call>\n{"name": "look", "arguments": {"at": "<b>"}}\n</tool_call>',
        [("text", "I look."), ("call", "look", '{"at":"<b>"}')],
    ),
    (
        '<tool_call>{"name":"add","arguments":{"a":1}}</tool_call>\n<tool_call>{"name":"add","arguments":"{\\"a\\":2}"}</tool_call>',
        [("call", "add", '{"a":1}'), ("call", "add", '{"a":2}')],
    ),
    ('[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}, {"name": "look"}]', [("call", "add", '{"a":1}'), ("call", "look", "{}")]),
    ('{"name": "add", "parameters": {"a": 1}}', [("call", "add", '{"a":1}')]),
    ('[{"name": "add", "arguments": {}}]', [("call", "add", "{}")]),
    ('{"name": "nobody", "parameters": {}}', [("text", '{"name": "nobody", "parameters": {}}')]),
    ('{"city": "Bonn"}', [("text", '{"city": "Bonn"}')]),
    ("{not json", [("text", "{not json")]),
    ("a < b and <thin", [("text", "a < b and <thin")]),
    ("<tool_call>never closed", [("text", "never closed")]),
    ('<tool_call>{"name":"add","arguments":{"a":1}}', [("call", "add", '{"a":1}')]),
    ("<tool_call>no call</tool_call> but words", [("text", "no call but words")]),
    ("<think></think>Yes.", [("text", "Yes.")]),
    ("<think>never closed", [("thinking", "never closed")]),
    ("", []),
    ("  \n", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), ANSWERS)
def test_an_answer_is_taken_apart(text, parts):
    """Thoughts, words and calls; what is none of them is words."""
    deltas, found = read([text])
    assert found == parts
    told = [(delta.name, delta.arguments) for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert told == [part[1:] for part in parts if part[0] == "call"]


@given(st.sampled_from(ANSWERS), st.data())
def test_it_may_be_cut_anywhere(answer, data):
    """The parts are the same, and what was shown on the way are their words."""
    text, parts = answer
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    deltas, found = read(pieces)
    assert found == parts
    shown = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta | ThinkingDelta))
    for part in parts:
        assert part[0] == "call" or part[1] in shown


def test_words_are_shown_as_they_come():
    """Only what may be the beginning of a mark waits."""
    answer = Answer(TOOLS)
    assert answer.feed("One ") == [TextDelta("One ")]
    assert answer.feed("two <to") == [TextDelta("two ")]
    assert answer.feed("day>") == [TextDelta("<today>")]


def test_json_is_words_where_there_are_no_tools():
    """And is shown at once."""
    answer = Answer(())
    assert answer.feed('{"city": ') == [TextDelta('{"city": ')]


def test_thoughts_that_the_template_has_begun_are_thoughts():
    """Some templates write the first mark themselves."""
    assert read(["Hm.</think>Yes."], thinks=True)[1] == [("thinking", "Hm."), ("text", "Yes.")]


def test_calls_have_ids_of_their_own():
    """The templates give none."""
    _, parts = Answer(TOOLS).finish()
    assert parts == ()
    answer = Answer(TOOLS, ids="call_7")
    answer.feed(ANSWERS[3][0])
    assert [part.id for part in answer.finish()[1]] == ["call_7_0", "call_7_1"]
