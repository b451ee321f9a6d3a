"""Our answers, whole and as streams."""

import json

import pytest
from msgspec.structs import replace

from journeyman.data import (
    CallerError,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Settings,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolSpec,
    Usage,
    deltas_of,
)
from journeyman.wire import HttpReply, Stamp
from journeyman.wire.openai_responses import OpenAIResponses

WIRE = OpenAIResponses()
NAME = "openai_responses"
OWN = ModelResponse(
    Message(
        "assistant",
        (
            Thinking("First.Then.", Opaque(NAME, {"id": "rs_1", "encrypted_content": "x", "(cuts)": [6]})),
            Opaque(NAME, {"type": "web_search_call", "id": "ws_1", "status": "completed"}),
            Opaque(NAME, {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "y"}),
            Text("One. ", Opaque(NAME, {"item": {"id": "msg_1", "phase": "commentary"}, "block": {}})),
            Text("No.", Opaque(NAME, {"block": {"type": "refusal"}})),
            ToolCall("c1", "f", '{"a": 1}', Opaque(NAME, {"id": "fc_1", "namespace": "n"})),
            ToolCall("c2", "g", "{malformed", Opaque(NAME, {"id": "fc_2"})),
        ),
        Opaque(NAME, {"effort": "low"}),
    ),
    Usage(1, 2, 3, 4, 5),
    "tool_calls",
    "gpt-5",
    "resp_1",
    1_500_000,
)
OTHERS = ModelResponse(
    Message(
        "assistant",
        (
            Thinking("Hm.", Opaque("anthropic", {"signature": "s"})),
            Opaque("anthropic", {"type": "server_tool_use"}),
            Text("Well."),
            ToolCall("c1", "f", '{"a":1}'),
        ),
    ),
    Usage(3, output=4),
    "tool_calls",
)


def whole(response, stamp=None):
    reply = WIRE.render(response, stamp or Stamp())
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    return json.loads(reply.body)


def events(body):
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: ")]


def decoded(body):
    decoder = WIRE.decoder()
    deltas = decoder.feed(body)
    return deltas, decoder.finish()


def fed(response, deltas, stamp=None):
    renderer = WIRE.renderer(stamp or Stamp())
    return b"".join(map(renderer.feed, deltas)) + renderer.finish(response)


def test_a_whole_answer():
    """Items have ids and a status, thoughts of any model are shown as a summary, and usage is the wire's own."""
    body = whole(OTHERS, Stamp("abc", 17, ModelRequest("m", ())))
    assert (body["id"], body["object"], body["created_at"], body["model"]) == ("resp_abc", "response", 17, "m")
    assert (body["status"], body["error"], body["incomplete_details"]) == ("completed", None, None)
    block = {"type": "output_text", "text": "Well.", "annotations": [], "logprobs": []}
    assert body["output"] == [
        {"id": "rs_abc_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"id": "msg_abc_0", "type": "message", "status": "completed", "role": "assistant", "content": [block]},
        {
            "id": "fc_abc_0",
            "type": "function_call",
            "status": "completed",
            "call_id": "c1",
            "name": "f",
            "arguments": '{"a":1}',
        },
    ]
    assert body["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }


def test_names_of_the_answer_go_first():
    """Its own id and model win over the stamp's; without either there is a fixed id."""
    body = whole(OWN, Stamp("abc", 17, ModelRequest("m", ())))
    assert (body["id"], body["model"]) == ("resp_1", "gpt-5")
    assert (whole(OTHERS)["id"], whole(OTHERS)["model"], whole(OTHERS)["created_at"]) == ("resp_0", "", 0)


def test_what_was_asked_is_said_again():
    """Clients find the tools and the settings of their request in the answer."""
    settings = Settings(temperature=0.5, max_tokens=9, reasoning_effort="high", stop=("END",))
    settings = replace(settings, extra=Opaque(NAME, {"metadata": {"a": "b"}, "store": True, "(absent)": []}))
    request = ModelRequest("m", (), (ToolSpec("f"),), JsonOutput(), settings)
    body = whole(OTHERS, Stamp("abc", 17, request))
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert (body["temperature"], body["max_output_tokens"], body["metadata"]) == (0.5, 9, {"a": "b"})
    assert (body["reasoning"]["effort"], body["text"]) == ("high", {"format": {"type": "json_object"}})
    # Whatever was asked, we keep nothing.
    assert body["store"] is False
    assert events(fed(OTHERS, [], Stamp("abc", 17, request)))[0]["response"]["tools"] == body["tools"]


@pytest.mark.parametrize("response", [OWN, replace(OWN, finish="length"), replace(OWN, cost=None)])
def test_an_answer_of_this_wire_is_served_unchanged(response):
    """Whole, as a stream and fed with deltas, it is decoded to what it was."""
    if response.finish == "length":
        response = replace(response, message=replace(response.message, parts=response.message.parts[:5]))
    assert WIRE.decode(WIRE.render(response)) == response
    assert decoded(fed(response, []))[1] == response
    deltas, read = decoded(fed(response, deltas_of(response.message)))
    # The head has left before the answer's own names were known.
    assert replace(read, raw_id="resp_1", model="gpt-5") == response
    texts = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    assert "".join(texts) == response.message.text


def test_thoughts_that_only_a_provider_knows_stay_with_it():
    """Where a name is all there is, the answer says that somebody keeps what it names."""
    named = Thinking("Hm.", Opaque(NAME, {"id": "rs_1"}))
    response = ModelResponse(Message("assistant", (named,), Opaque(NAME, {"effort": "low"})), raw_id="resp_1")
    assert whole(response)["store"] is True
    assert WIRE.decode(WIRE.render(response)) == response


def test_ids_that_we_made_up_say_nothing():
    """Whoever reads our answer with this dialect keeps no ids that nobody could use."""
    response = replace(OTHERS, message=replace(OTHERS.message, origin=Opaque(NAME, {"effort": "low"})))
    read = WIRE.decode(WIRE.render(response))
    assert read.message.parts == (
        Thinking("Hm.", Opaque(NAME, {})),
        Text("Well."),
        ToolCall("c1", "f", '{"a":1}'),
    )


def test_a_stream():
    """Items begin, grow and end one after the other, numbered, and the end holds them all."""
    deltas = [
        ThinkingDelta("H"),
        ThinkingDelta("m."),
        TextDelta("Well."),
        ToolCallDelta(0, "c1", "f"),
        ToolCallDelta(0, arguments='{"a":1}'),
    ]
    stream = events(fed(OTHERS, deltas, Stamp("abc")))
    assert [event["type"].removeprefix("response.") for event in stream] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in stream] == list(range(len(stream)))
    items = [event["item"] for event in stream if event["type"] == "response.output_item.done"]
    assert stream[-1]["response"]["output"] == items == whole(OTHERS, Stamp("abc"))["output"]
    for event in stream:
        if "item_id" in event:
            assert event["item_id"] == items[event["output_index"]]["id"]


def test_calls_that_grow_together():
    """Arguments of calls that a model writes side by side end up in their own calls."""
    calls = (ToolCall("c1", "f", '{"a":1}'), ToolCall("c2", "g", '{"b":2}'))
    response = ModelResponse(Message("assistant", calls), finish="tool_calls")
    deltas = [
        ToolCallDelta(0, "c1", "f", '{"a"'),
        ToolCallDelta(1, "c2", "g", '{"b"'),
        ToolCallDelta(0, arguments=":1}"),
        ToolCallDelta(1, arguments=":2}"),
    ]
    stream = events(fed(response, deltas))
    done = [event["item"] for event in stream if event["type"] == "response.output_item.done"]
    assert [(item["call_id"], item["arguments"]) for item in done] == [("c1", '{"a":1}'), ("c2", '{"b":2}')]


def test_no_two_items_have_the_same_id():
    """Words before and after a call are two items, in the stream and in the whole answer."""
    parts = (Text("A."), ToolCall("c", "f", "{}"), Text("B."), ToolCall("d", "f", "{}"))
    response = ModelResponse(Message("assistant", parts))
    stream = events(fed(response, deltas_of(response.message)))
    done = [event["item"]["id"] for event in stream if event["type"] == "response.output_item.done"]
    assert len(set(done)) == 4
    assert [item["id"] for item in stream[-1]["response"]["output"]] == done


def test_what_no_delta_told_comes_at_the_end():
    """Items of the provider's own follow in the stream, and stand in their place in the whole answer."""
    search = Opaque(NAME, {"type": "web_search_call", "id": "ws_1"})
    response = ModelResponse(Message("assistant", (Text("A."), search, Text("B."), ToolCall("c", "f"))))
    stream = events(fed(response, [TextDelta("A."), TextDelta("B.")]))
    done = [event["item"]["type"] for event in stream if event["type"] == "response.output_item.done"]
    assert done == ["message", "web_search_call", "function_call"]
    kinds = [item["type"] for item in stream[-1]["response"]["output"]]
    assert kinds == ["message", "web_search_call", "message", "function_call"]


def test_an_answer_that_was_cut_off():
    """The last event says so, and why."""
    last = events(fed(ModelResponse(Message.assistant("We"), finish="content_filter"), []))[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["status"] == "incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}


def test_failing():
    """An answer that has begun is ended by an event that every client knows, and errors are the wire's own."""
    renderer = WIRE.renderer()
    begun = renderer.feed(TextDelta("We"))
    failure = renderer.fail(503, "so it goes")
    (event,) = events(failure)
    assert (event["type"], event["message"], event["error"]["message"]) == ("error", "so it goes", "so it goes")
    with pytest.raises(ProviderError, match="so it goes"):
        decoded(begun + failure)
    reply = WIRE.render_error(429, "slow down")
    assert reply.status == 429
    assert json.loads(reply.body)["error"] == {
        "message": "slow down",
        "type": "rate_limit_error",
        "param": None,
        "code": None,
    }


def test_nothing_is_begun_by_nothing():
    """Empty words begin no item, so that an answer without words has none."""
    renderer = WIRE.renderer()
    assert renderer.feed(TextDelta("")) == renderer.feed(ThinkingDelta("")) == b""


def test_media_are_refused():
    """The wire gives none that we could give."""
    response = ModelResponse(Message("assistant", (Image("image/png", b"0"),)))
    with pytest.raises(CallerError, match="Image"):
        WIRE.render(response)


def test_state_of_any_shape_is_served():
    """What a provider put into its own items is passed on, whatever it is."""
    odd = [{"type": "message"}, {"type": "reasoning"}, {"type": "reasoning", "summary": [{}]}, {"type": "x", "id": 7}]
    parts = tuple(Opaque(NAME, item) for item in odd)
    parts += (Opaque(NAME, {"item": {}, "block": {"no": "type"}}), Opaque(NAME, "text"), Opaque(NAME, {"a": 1}))
    response = ModelResponse(Message("assistant", parts))
    assert len(whole(response)["output"]) == 6
    assert events(fed(response, []))[-1]["type"] == "response.completed"
    assert WIRE.decode(HttpReply(200, {}, json.dumps({"output": odd[1:]}).encode())).message.only(Opaque)
