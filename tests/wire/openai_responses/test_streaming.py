"""Answers in pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import ProviderError, TextDelta, Thinking, ThinkingDelta, ToolCallDelta, Usage
from journeyman.wire import HttpReply
from journeyman.wire.openai_responses import OpenAIResponses

WIRE = OpenAIResponses()
SUMMARY = {"type": "summary_text", "text": "Hm. 世界"}
THOUGHTS = {"type": "reasoning", "id": "rs_1", "summary": [SUMMARY], "encrypted_content": "late"}
BLOCK = {"type": "output_text", "text": "Grüße \U0001f600", "annotations": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [BLOCK]}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": '{"a":1}'}
CALL["status"] = "completed"
HEAD = {"id": "resp_1", "model": "gpt-5", "status": "in_progress", "output": [], "reasoning": {"effort": "low"}}
FINAL = {**HEAD, "status": "completed", "output": [THOUGHTS, MESSAGE, CALL]}
FINAL["usage"] = {"input_tokens": 5, "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 3}}


def event(kind, **keys):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **keys}, ensure_ascii=False)}\n\n".encode()


def delta(kind, index, text):
    return event(f"response.{kind}.delta", output_index=index, delta=text, item_id="x", obfuscation="abc")


EVENTS = [
    event("response.created", response=HEAD, sequence_number=0),
    event("response.in_progress", response=HEAD),
    event("response.output_item.added", output_index=0, item={**THOUGHTS, "summary": [], "encrypted_content": "early"}),
    event("response.reasoning_summary_part.added", output_index=0, part={"type": "summary_text", "text": ""}),
    delta("reasoning_summary_text", 0, "Hm. "),
    delta("reasoning_summary_text", 0, "世界"),
    event("response.reasoning_summary_text.done", output_index=0, text="Hm. 世界"),
    event("response.output_item.done", output_index=0, item=THOUGHTS),
    event("response.output_item.added", output_index=1, item={**MESSAGE, "content": []}),
    event("response.content_part.added", output_index=1, part={**BLOCK, "text": ""}),
    delta("output_text", 1, "Grüße "),
    event("response.brand_new", output_index=1, delta={"any": "thing"}),
    delta("output_text", 1, "\U0001f600"),
    event("response.output_item.done", output_index=1, item=MESSAGE),
    event("response.output_item.added", output_index=2, item={**CALL, "arguments": ""}),
    delta("function_call_arguments", 2, '{"a"'),
    delta("function_call_arguments", 2, ":1}"),
    event("response.output_item.done", output_index=2, item=CALL),
    event(
        "response.completed", response={**FINAL, "output": [{**THOUGHTS, "encrypted_content": "later"}, MESSAGE, CALL]}
    ),
]
STREAM = b"".join(EVENTS)


def read(body, head=None):
    decoder = WIRE.decoder(head)
    deltas = decoder.feed(body)
    return deltas, decoder.finish()


def test_deltas():
    """Words, thoughts and calls come as they are said."""
    deltas, _ = read(STREAM)
    assert deltas == [
        ThinkingDelta("Hm. "),
        ThinkingDelta("世界"),
        TextDelta("Grüße "),
        TextDelta("\U0001f600"),
        ToolCallDelta(0, "call_1", "add"),
        ToolCallDelta(0, arguments='{"a"'),
        ToolCallDelta(0, arguments=":1}"),
    ]


def test_the_end_is_the_whole_answer():
    """It is what the same answer says when it comes whole, with the thoughts that the event of their item held."""
    _, response = read(STREAM)
    assert response == WIRE.decode(HttpReply(200, {}, json.dumps(FINAL).encode()))
    assert response.usage == Usage(5, output=4, reasoning=3)
    assert response.message.only(Thinking)[0].origin.data["encrypted_content"] == "late"


@given(st.lists(st.integers(0, len(STREAM)), max_size=30), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_it_may_be_cut_anywhere(places, newline):
    """Wherever the bytes are cut, and however lines end, the answer is the same."""
    body = STREAM.replace(b"\n", newline)
    places = sorted({min(place, len(body)) for place in places})
    decoder = WIRE.decoder()
    deltas = []
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        deltas += decoder.feed(body[start:end])
    expected, response = read(STREAM)
    # The last event may be ended by the end of the stream alone; it holds no deltas.
    assert (deltas, decoder.finish()) == (expected, response)


@pytest.mark.parametrize("count", range(len(EVENTS)))
def test_a_stream_that_breaks_off(count):
    """Without its last event it is no answer, whatever came before."""
    with pytest.raises(ProviderError, match="ended before") as caught:
        read(b"".join(EVENTS[:count]))
    assert caught.value.kind == "stream"


def test_servers_that_say_less():
    """Items without deltas, an end without items, events that name themselves on the other line: all are read."""
    done = [event("response.output_item.done", output_index=n, item=item) for n, item in enumerate(FINAL["output"])]
    empty = event("response.completed", response={**FINAL, "output": []})
    terse, whole = read(b"".join([*done, empty]))
    expected = [
        ThinkingDelta("Hm. 世界"),
        TextDelta("Grüße \U0001f600"),
        ToolCallDelta(0, "call_1", "add"),
        ToolCallDelta(0, arguments='{"a":1}'),
    ]
    assert (terse, whole) == (expected, read(STREAM)[1])
    at_once, late = read(event("response.completed", response={**FINAL, "status": None}) + b"data: [DONE]\n\n")
    assert (at_once, late) == (expected, read(STREAM)[1])
    named = STREAM.replace(b'"type": "response.output_text.delta", ', b"")
    assert read(named) == read(STREAM)


def test_parallel_calls_are_counted():
    """The index of a call is its place among calls, not among items, and interleaved arguments find theirs."""
    second = {**CALL, "id": "fc_2", "call_id": "call_2", "arguments": "{}"}
    final = {**FINAL, "output": [MESSAGE, CALL, second]}
    body = b"".join(
        [
            event("response.output_item.added", output_index=1, item=CALL),
            event("response.output_item.added", output_index=2, item=second),
            delta("function_call_arguments", 2, "{}"),
            delta("function_call_arguments", 1, '{"a":1}'),
            event("response.completed", response=final),
        ]
    )
    deltas, response = read(body)
    assert [(each.index, each.id, each.arguments) for each in deltas] == [
        (0, "call_1", ""),
        (1, "call_2", ""),
        (1, "", "{}"),
        (0, "", '{"a":1}'),
    ]
    assert [call.id for call in response.message.tool_calls] == ["call_1", "call_2"]


def test_ids_that_a_provider_counts_are_the_same_in_deltas_and_in_the_answer():
    """A call that is told while it comes has the id that it will have."""
    head = {**HEAD, "model": "openai.gpt-6"}
    counted = {**CALL, "call_id": "call_0"}
    body = event("response.created", response=head)
    body += event("response.output_item.added", output_index=0, item=counted)
    body += event("response.completed", response={**head, "status": "completed", "output": [counted]})
    deltas, response = read(body)
    assert deltas[0].id == response.message.tool_calls[0].id == "resp_1:call_0"


def test_an_answer_that_is_cut_off():
    """The event that ends it says why, even where the response does not say what it is."""
    final = {**HEAD, "status": None, "output": [MESSAGE], "incomplete_details": {"reason": "max_output_tokens"}}
    assert read(event("response.incomplete", response=final))[1].finish == "length"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (event("error", code="rate_limit_exceeded", message="so it goes", param=None), "rate_limit"),
        (event("error", error={"type": "server_error", "code": None, "message": "so it goes"}), "server"),
        (
            event(
                "response.failed",
                response={"status": "failed", "error": {"code": "server_error", "message": "so it goes"}},
            ),
            "server",
        ),
        (b'data: {"type":"error","error":"so it goes"}\n\n', "server"),
    ],
)
def test_errors_inside_a_stream(body, kind):
    """They are the provider's error, in its own words, wherever they stand."""
    with pytest.raises(ProviderError, match="so it goes") as caught:
        read(b"".join(EVENTS[:11]) + body)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    "body",
    [
        b"data: {\n\n",
        b"data: []\n\n",
        b"data: \xff\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'data: {"type": 7}\n\n',
        event("response.output_text.delta", output_index=0, delta=7),
        event("response.function_call_arguments.delta", output_index=9, delta="{"),
        event("response.completed", response={"output": [7]}),
        event("response.completed", response={"output": [{"type": "function_call"}]}),
        event("response.completed", response={"output": [{}]}),
    ],
)
def test_what_is_no_event_is_the_providers_error(body):
    """Nothing but ProviderError of kind `stream` is raised."""
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.kind == "stream"


def test_an_answer_that_comes_whole_though_it_was_to_be_streamed():
    """Its head says so, and it is read."""
    head = HttpReply(200, {"content-type": "application/json"})
    assert read(json.dumps(FINAL).encode(), head)[1].message.text == "Grüße \U0001f600"
