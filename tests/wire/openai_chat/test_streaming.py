"""Streamed answers, as vendors really stream them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.data import (
    Audio,
    Delta,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from journeyman.wire import HttpReply
from journeyman.wire.openai_chat import OpenAIChat

CHAT = OpenAIChat()
DONE = b"data: [DONE]\n\n"


def event(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    return b"data: " + json.dumps({"id": "c1", "model": "m", "choices": choices, **more}).encode() + b"\n\n"


def heard(*events: bytes, end: bytes = DONE) -> tuple[list[Delta], ModelResponse]:
    decoder = CHAT.decoder()
    deltas = [delta for piece in (*events, end) for delta in decoder.feed(piece)]
    return deltas, decoder.finish()


def piece(
    index: int | None = None, call_id: str | None = None, name: str | None = None, text: str | None = None
) -> Any:
    wire: dict[str, Any] = {} if index is None else {"index": index}
    if call_id is not None:
        wire["id"] = call_id
    function = {key: value for key, value in (("name", name), ("arguments", text)) if value is not None}
    return {"tool_calls": [{**wire, "function": function}]}


def calls(*pieces: Any) -> list[tuple[str, str]]:
    _, response = heard(*(event(each) for each in pieces))
    return [(call.name, call.arguments) for call in response.message.tool_calls]


def test_openai_s_stream() -> None:
    """Words come as they are said, usage in an event without choices, comments are not heard."""
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    deltas, response = heard(
        b": OPENROUTER PROCESSING\n\n",
        event({"role": "assistant", "content": ""}),
        event({"content": "He"}),
        event({"content": "llo"}),
        event({}, "stop"),
        event(usage=counts),
    )
    assert deltas == [TextDelta("He"), TextDelta("llo")]
    assert response.message.parts == (Text("Hello"),)
    assert (response.finish, response.usage, response.raw_id, response.model) == ("stop", Usage(3, output=2), "c1", "m")


def test_a_text_before_a_call_does_not_end_the_answer() -> None:
    """Calls that come after words, in pieces and side by side, are whole at the end."""
    deltas, response = heard(
        event({"content": "Let me see."}),
        event(piece(0, "a", "f", "")),
        event(piece(1, "b", "g", '{"x"')),
        event(piece(0, text="{}")),
        event(piece(1, text=":1}")),
        event({}, "tool_calls"),
    )
    assert deltas == [
        TextDelta("Let me see."),
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(1, "b", "g", '{"x"'),
        ToolCallDelta(0, arguments="{}"),
        ToolCallDelta(1, arguments=":1}"),
    ]
    assert response.message.parts == (Text("Let me see."), ToolCall("a", "f", "{}"), ToolCall("b", "g", '{"x":1}'))


def test_groq_s_usage_in_the_last_choice() -> None:
    """Usage may come with the final choice, at the top or in `x_groq`."""
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    assert heard(event({"content": "x"}, "stop", usage=counts))[1].usage == Usage(3, output=2)
    assert heard(event({"content": "x"}, "stop", x_groq={"usage": counts}))[1].usage == Usage(3, output=2)


@pytest.mark.parametrize(
    "pieces",
    [
        # whole calls, each with the same index
        [piece(0, "a", "f", '{"x":1}'), piece(0, "b", "g", "{}")],
        # whole calls without an index
        [piece(None, "a", "f", '{"x":1}'), piece(None, "b", "g", "{}")],
        # neither index nor id
        [piece(name="f", text='{"x"'), piece(text=":1}"), piece(name="g", text="{}")],
        # empty ids and one index, as Gemini's compatible gateway sends them
        [piece(0, "", "f", '{"x":1}'), piece(0, "", "g", "{}")],
        # the id again with every piece
        [piece(None, "a", "f", '{"x"'), piece(None, "a", None, ":1}"), piece(None, "b", "g", "{}")],
        # the id and the name again with every piece
        [piece(0, "a", "f", ""), piece(0, "a", "f", '{"x"'), piece(0, "a", "f", ":1}"), piece(1, "b", "g", "{}")],
        # one id for two calls, with the id and the name again with every piece
        [piece(0, "a", "f", '{"x":1}'), piece(1, "a", "g", "{"), piece(1, "a", "g", "}")],
        # one id for two calls, the second in pieces
        [piece(None, "a", "f", '{"x":1}'), piece(None, "a", "g", "{"), piece(None, "a", None, "}")],
        # one id for two calls
        [piece(None, "a", "f", '{"x":1}'), piece(None, "a", "g", "{}")],
        # another id with every piece, as some versions of vLLM do
        [piece(0, "a", "f", '{"x"'), piece(0, "b", None, ":1}"), piece(1, "c", "g", "{}")],
        # the name after the id
        [piece(0, "a"), piece(0, None, "f", '{"x":1}'), piece(1, "b", "g", "{}")],
        # an end without words
        [piece(0, "a", "f", '{"x":1}'), piece(0, "a", "f", ""), piece(1, "b", "g")],
    ],
)
def test_calls_are_told_apart(pieces: list[Any]) -> None:
    """However a vendor marks its calls, two calls are two calls, each with its arguments."""
    assert calls(*pieces) == [("f", '{"x":1}'), ("g", "{}")]


def test_half_an_object_is_not_complete() -> None:
    """A brace at the end of a piece does not end the arguments."""
    assert calls(piece(0, "a", "f", '{"x":{}'), piece(0, "a", "f", "}")) == [("f", '{"x":{}}')]


def test_calls_have_ids_from_their_first_delta() -> None:
    """The id that a delta shows is the one that the answer has in the end, made up or not."""
    deltas, response = heard(event(piece(name="f", text="{}")), event(piece(None, "a", "g", "{}")))
    shown = [delta.id for delta in deltas if isinstance(delta, ToolCallDelta)]
    assert shown == [call.id for call in response.message.tool_calls]
    assert all(shown)


def test_a_piece_of_no_call() -> None:
    """Arguments that no call began are a call without a name, which is shown and not lost."""
    assert calls(piece(text="{}")) == [("", "{}")]


def test_reasoning_in_its_keys() -> None:
    """Reasoning is heard as thinking, and a key that comes late changes nothing."""
    deltas, response = heard(event({"reasoning": "a"}), event({"reasoning_content": "b"}), event({"content": "c"}))
    assert deltas == [ThinkingDelta("a"), ThinkingDelta("b"), TextDelta("c")]
    assert response.message.parts == (Thinking("ab", Opaque("openai_chat", {"key": "reasoning"})), Text("c"))


def test_mistral_s_thinking_in_pieces() -> None:
    """Thinking blocks grow together until one is closed, and words after them are words."""

    def thought(text: str, **more: Any) -> bytes:
        return event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}], **more}]})

    deltas, response = heard(
        event({"content": ""}), thought("a"), thought("b", closed=True), thought("c"), event({"content": "d"})
    )
    assert deltas == [ThinkingDelta("a"), ThinkingDelta("b"), ThinkingDelta("c"), TextDelta("d")]
    assert response.message.parts == (
        Thinking("ab", Opaque("openai_chat", {"block": {"closed": True}})),
        Thinking("c", Opaque("openai_chat", {"block": {}})),
        Text("d"),
    )


def test_openrouter_s_details_in_pieces() -> None:
    """Pieces of one detail are joined, a signature at its end is kept, and another detail is another."""

    def detail(kind: str, index: int, **more: Any) -> bytes:
        return event({"reasoning_details": [{"type": f"reasoning.{kind}", "index": index, **more}]})

    _, response = heard(
        detail("text", 0, text="a", id=None, format="f"),
        detail("text", 0, text="b", signature=None),
        detail("text", 0, signature="s"),
        detail("encrypted", 0, data="x"),
        detail("encrypted", 1, data="y", id="1"),
        detail("encrypted", 1, data="z", id="2"),
    )
    assert response.message.origin is not None
    assert response.message.origin.data["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "ab", "id": None, "format": "f", "signature": "s"},
        {"type": "reasoning.encrypted", "index": 0, "data": "x"},
        {"type": "reasoning.encrypted", "index": 1, "data": "y", "id": "1"},
        {"type": "reasoning.encrypted", "index": 1, "data": "z", "id": "2"},
    ]


def test_a_refusal_in_pieces() -> None:
    """A refusal is shown while it comes."""
    deltas, response = heard(event({"refusal": "I will "}), event({"refusal": "not."}, "stop"))
    assert deltas == [TextDelta("I will "), TextDelta("not.")]
    assert response.message.text == "I will not."
    assert response.finish == "content_filter"


def test_the_first_form_of_calls_in_pieces() -> None:
    """`function_call` grows like a call, and is shown when it is whole."""
    deltas, response = heard(
        event({"function_call": {"name": "f", "arguments": ""}}),
        event({"function_call": {"arguments": '{"x":'}}),
        event({"function_call": {"arguments": "1}"}}, "function_call"),
    )
    assert deltas == []
    assert [(call.name, call.arguments) for call in response.message.tool_calls] == [("f", '{"x":1}')]
    assert response.finish == "tool_calls"


def test_both_forms_of_a_call_in_pieces_are_one_call() -> None:
    """Each piece in the old form and in the new one, and blanks behind the object (llama-cpp-python): it is one call."""
    pieces = [{"name": "f", "arguments": text} for text in ('{"x"', ":1}", " \n")]
    _, response = heard(
        *(
            event(
                {"function_call": piece, "tool_calls": [{"index": 0, "id": "x", "type": "function", "function": piece}]}
            )
            for piece in pieces
        ),
        event({"function_call": None, "tool_calls": None}, "tool_calls"),
    )
    assert [(call.id, call.name, call.arguments) for call in response.message.tool_calls] == [("x", "f", '{"x":1} \n')]


def test_a_custom_tool_s_text_in_pieces() -> None:
    """The text of a custom tool becomes an argument when it is whole; until then it is not shown."""
    deltas, response = heard(
        event({"tool_calls": [{"index": 0, "id": "x", "type": "custom", "custom": {"name": "sh", "input": "l"}}]}),
        event({"tool_calls": [{"index": 0, "custom": {"input": "s"}}]}),
    )
    assert deltas == []
    assert response.message.tool_calls[0].arguments == '{"input":"ls"}'


def test_a_sound_in_pieces() -> None:
    """The pieces of a sound are decoded one by one and joined."""
    _, response = heard(
        event({"audio": {"id": "a", "transcript": "h"}}),
        event({"audio": {"data": "SUQz", "transcript": "i"}}),
        event({"audio": {"data": "AA=="}}),
        event({"audio": {"data": "not base64"}}),
    )
    origin = Opaque("openai_chat", {"id": "a", "transcript": "hi"})
    assert response.message.parts == (Audio("audio/mpeg", b"ID3\0", origin=origin),)


def test_other_choices_are_not_mixed_in() -> None:
    """What belongs to a second choice is not the answer."""
    other = b'data: {"choices":[{"index":1,"delta":{"content":"no"}}]}\n\n'
    assert heard(event({"content": "yes"}), other)[1].message.text == "yes"


def test_a_whole_message_as_one_event() -> None:
    """A server that streams nothing but its whole message is understood; beside a delta the message is a repetition."""
    whole = b'data: {"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}\n\n'
    assert heard(whole)[1].message.text == "hi"
    both = b'data: {"choices":[{"delta":{"content":"h"},"message":{"content":"h"}}]}\n\n'
    assert heard(both, both)[1].message.text == "hh"


def test_azure_s_first_event_has_no_id() -> None:
    """The first id and the first model that are none but empty count."""
    first = b'data: {"id":"","model":"","choices":[],"prompt_filter_results":[]}\n\n'
    response = heard(first, event({"content": "x"}), b'data: {"id":"c2","model":"n","choices":[]}\n\n')[1]
    assert (response.raw_id, response.model) == ("c1", "m")


def test_the_end_may_be_a_reason_or_the_mark() -> None:
    """One of both is enough, and nothing is heard after the mark."""
    assert heard(event({"content": "x"}, "stop"), end=b"")[1].finish == "stop"
    assert heard(event({"content": "x"}), end=b"data: [DONE]")[1].finish is None
    assert heard(event({"content": "x"}), DONE + event({"content": "y"}) + b"data: junk\n\n")[1].message.text == "x"


@pytest.mark.parametrize("events", [b"", event({"content": "x"}), b"<html>no stream</html>"])
def test_a_stream_without_its_end_broke_off(events: bytes) -> None:
    """Neither a reason nor the mark: the answer is not whole, and what came is told."""
    decoder = CHAT.decoder()
    decoder.feed(events)
    with pytest.raises(ProviderError, match="broke off") as caught:
        decoder.finish()
    assert (caught.value.kind, caught.value.status) == ("stream", None)
    assert caught.value.body == events.decode()


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"choices":3}', b"[1]", b'"x"'])
def test_an_unreadable_event_breaks_the_stream(data: bytes) -> None:
    """An event that is no chunk is an error of the stream."""
    decoder = CHAT.decoder()
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        decoder.feed(b"data: " + data + b"\n\n")
    assert caught.value.kind == "stream"


def test_a_cut_count_of_tokens_does_not_cost_the_answer() -> None:
    """After a reason to end, an event cut in two is no loss; before it, it is, and an error always is."""
    half = b'data: {"choices":[],"usage":{"prompt_to'
    assert heard(event({"content": "x"}, "stop"), end=half)[1].message.text == "x"
    decoder = CHAT.decoder()
    decoder.feed(event({"content": "x"}) + half)
    with pytest.raises(ProviderError, match="cannot be read"):
        decoder.finish()
    decoder = CHAT.decoder()
    decoder.feed(event({"content": "x"}, "stop") + b'data: {"error":{"message":"gone","code":502}}')
    with pytest.raises(ProviderError, match="gone"):
        decoder.finish()


def test_blank_events_say_nothing() -> None:
    """An event without data but spaces is none."""
    assert heard(b"data:\n\n", b"data:  \n\n", event({"content": "x"}))[1].message.text == "x"


def test_an_answer_that_came_whole_is_heard() -> None:
    """The head tells that no stream follows: an error, or JSON."""
    body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
    decoder = CHAT.decoder(HttpReply(200, {"content-type": "application/json; charset=utf-8"}))
    assert decoder.feed(body[:9]) == decoder.feed(body[9:]) == []
    assert decoder.finish().message.text == "hi"
    decoder = CHAT.decoder(HttpReply(429, {"retry-after": "3"}))
    decoder.feed(b'{"error":{"message":"slow down"}}')
    with pytest.raises(ProviderError, match="slow down") as caught:
        decoder.finish()
    assert caught.value.retry_after == 3
    streamed = CHAT.decoder(HttpReply(200, {"content-type": "text/event-stream"}))
    assert streamed.feed(event({"content": "x"})) == [TextDelta("x")]
