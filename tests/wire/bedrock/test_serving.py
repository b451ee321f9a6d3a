"""What we answer as Bedrock: whole replies, streams and errors, read again by our own decoder and by botocore's parts."""

import json

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
    Video,
    deltas_of,
)
from journeyman.wire import HttpReply, Stamp
from journeyman.wire.bedrock import Bedrock

WIRE = Bedrock()
STREAM = {"content-type": WIRE.stream_type}
ASKED = ModelRequest("us.some-model-v1:0", (Message.user("Hi"),))


def own(**data):
    return Opaque("bedrock", data)


def answer(*parts, **more):
    return ModelResponse(Message("assistant", parts), **more)


def events(data):
    """The events of a stream as a reader that others wrote sees them."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(event.headers, json.loads(event.payload)) for event in buffer]


def told(data):
    return [(headers[":event-type"], body) for headers, body in events(data)]


def heard(*pieces):
    decoder = WIRE.decoder(HttpReply(200, STREAM))
    for piece in pieces:
        decoder.feed(piece)
    return decoder.finish()


def fed(response, deltas):
    """The answer as a stream of deltas, with what `finish` adds to it."""
    renderer = WIRE.renderer()
    return b"".join(map(renderer.feed, deltas)) + renderer.finish(response)


CITED = own(citationsContent={"citations": [{"title": "Atlas"}, {"title": "Map"}]})
SERVER = (
    own(toolUse={"toolUseId": "s", "name": "n", "type": "server_tool_use", "input": {"a": 1}}),
    own(toolResult={"toolUseId": "s", "type": "r", "status": "success", "content": [{"json": {"b": 2}}]}),
)

ANSWERS = {
    "words": answer(Text("Grüße, 世界"), usage=Usage(3, output=4)),
    "nothing": answer(),
    "two texts": answer(Text("a"), Text("b")),
    "signed thoughts": answer(
        Thinking("Hm.", own(signature="x")), Thinking("Ah.", own(signature="y")), Text("So."), usage=Usage(1, 2, 3, 4)
    ),
    "withheld thoughts": answer(Thinking("", own(signature="x")), Text("So.")),
    "unsigned thoughts": answer(Thinking("Hm.", own()), Text("So.")),
    "thoughts between calls": answer(
        Thinking("Hm.", own(signature="x")),
        ToolCall("t1", "add", '{"a": 1.0}'),
        Thinking("Ah.", own(signature="y")),
        ToolCall("t2", "now", "{}"),
        finish="tool_calls",
    ),
    "sources": answer(Text("Bonn is small.", CITED), Text("Köln is not."), Text("Rome?", CITED)),
    "an end of its own": ModelResponse(
        Message("assistant", (Text("x"),), own(stopReason="malformed_tool_use", trace={"guardrail": {"a": 1}})),
        finish="other",
    ),
    "all that is beside": ModelResponse(
        Message(
            "assistant",
            (Text("x"),),
            own(
                additionalModelResponseFields={"a": 1},
                trace={"promptRouter": {"invokedModelId": "arn:x"}},
                performanceConfig={"latency": "standard"},
                serviceTier={"type": "flex"},
                usage={"cacheDetails": [{"ttl": "1h", "inputTokens": 4}]},
            ),
        ),
        Usage(1, 0, 4, 1),
        model="arn:x",
    ),
    "no end": answer(Text("x"), finish=None),
    "cut off": answer(Text("x"), finish="length"),
    "filtered": answer(Text("x"), finish="content_filter"),
}
BLOCKS = {
    "redacted thoughts": answer(own(reasoningContent={"redactedContent": "AAEC"}), Text("So.")),
    "the provider's own tool": answer(*SERVER, Text("Two.")),
    "a picture": answer(Text("See:"), Image("image/png", b"\x89PNG", origin=own())),
    "words in pieces": answer(
        Text("ab", own(citationsContent={"content": [{"text": "a"}, {"text": "b"}], "citations": []}))
    ),
    "what is yet to come": answer(own(hologram={"depth": 3})),
}


@pytest.mark.parametrize("name", [*ANSWERS, *BLOCKS])
def test_a_whole_reply_says_what_the_answer_says(name):
    """Rendering loses nothing, and the same JSON comes of what was read."""
    response = (ANSWERS | BLOCKS)[name]
    reply = WIRE.render(response)
    assert WIRE.decode(reply) == response
    assert WIRE.render(WIRE.decode(reply)) == reply


@pytest.mark.parametrize("name", [*ANSWERS, "redacted thoughts", "the provider's own tool", "a picture"])
def test_a_stream_at_once_says_what_the_answer_says(name):
    """An answer that was never fed comes whole, in events."""
    response = (ANSWERS | BLOCKS)[name]
    assert heard(WIRE.renderer().finish(response)) == response


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_of_deltas_says_what_the_answer_says(name):
    """Deltas as our decoder gives them, rendered as they come, lose nothing."""
    response = ANSWERS[name]
    source = WIRE.decoder()
    deltas = source.feed(WIRE.renderer().finish(response))
    assert heard(fed(source.finish(), deltas)) == response


def test_what_no_delta_told_of_follows():
    """Blocks of the provider's own come after the words, with all that they hold."""
    response = BLOCKS["the provider's own tool"]
    assert heard(fed(response, [TextDelta("Two.")])).message.parts == (Text("Two."), *SERVER)


@given(
    st.lists(
        st.one_of(
            st.text(min_size=1).map(TextDelta),
            st.text(min_size=1).map(ThinkingDelta),
            st.text(max_size=5).map(lambda text: ToolCallDelta(0, arguments=text)),
        ),
        max_size=20,
    )
)
def test_deltas_of_any_wire(deltas):
    """Whatever a model behind another wire says, in whatever order, arrives."""
    # A call's arguments may come in any pieces, also after other words.
    deltas = [ToolCallDelta(0, "t", "f"), *deltas]
    text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
    thought = "".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta))
    arguments = "".join(delta.arguments for delta in deltas if isinstance(delta, ToolCallDelta))
    # Nothing but space is no arguments, and no arguments are an empty object.
    call = ToolCall("t", "f", arguments if arguments.strip() else "{}")
    parts = [call, *([Thinking(thought)] if thought else []), *([Text(text)] if text else [])]
    read = heard(fed(answer(*parts, finish="tool_calls"), deltas))
    assert read.message.text == text
    assert "".join(part.text for part in read.message.only(Thinking)) == thought
    assert read.message.tool_calls == (call,)


def test_a_stream_event_by_event():
    """The events have the names and order of the API's page `ConverseStream`; calls close when the next block begins."""
    response = answer(
        Thinking("Hm.", own(signature="x")),
        Text("So."),
        ToolCall("t", "f", '{"a":1}'),
        Text("Well."),
        finish="tool_calls",
    )
    assert told(fed(response, deltas_of(response.message))) == [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "Hm."}}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": "So."}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("contentBlockStart", {"contentBlockIndex": 2, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"a":1}'}}}),
        ("contentBlockStop", {"contentBlockIndex": 2}),
        ("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"text": "Well."}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "x"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStop", {"contentBlockIndex": 3}),
        ("messageStop", {"stopReason": "tool_use"}),
        (
            "metadata",
            {
                "usage": {
                    "inputTokens": 0,
                    "outputTokens": 0,
                    "totalTokens": 0,
                    "cacheReadInputTokens": 0,
                    "cacheWriteInputTokens": 0,
                },
                "metrics": {"latencyMs": 0},
            },
        ),
    ]


def test_an_empty_delta_says_nothing():
    """Other wires begin with an empty piece of text; nothing leaves for it."""
    renderer = WIRE.renderer()
    assert renderer.feed(TextDelta("")) == b""
    assert heard(renderer.feed(TextDelta("x")), renderer.finish(answer(Text("x")))) == answer(Text("x"))


def test_ids_and_names():
    """The id is a header, and only where there is one; the wire does not name the model."""
    words = answer(Text("x"))
    assert "x-amzn-requestid" not in WIRE.render(words).headers
    stamped = WIRE.render(words, Stamp("abc", 1, ASKED))
    assert stamped.headers["x-amzn-requestid"] == "abc"
    own_id = answer(Text("x"), raw_id="r-1", model="m")
    assert WIRE.render(own_id, Stamp("abc", 1, ASKED)).headers["x-amzn-requestid"] == "r-1"
    assert b"us.some-model" not in stamped.body
    assert json.loads(stamped.body) == {
        "output": {"message": {"role": "assistant", "content": [{"text": "x"}]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 0,
            "outputTokens": 0,
            "totalTokens": 0,
            "cacheReadInputTokens": 0,
            "cacheWriteInputTokens": 0,
        },
        "metrics": {"latencyMs": 0},
    }
    assert heard(WIRE.renderer(Stamp("abc", 1, ASKED)).finish(words)) == words


def test_answers_of_other_wires():
    """Thoughts of others come without a signature, their own keys and blocks not at all, odd ids mapped, results nowhere."""
    foreign = Opaque("anthropic", {"signature": "x"})
    response = answer(
        Thinking("Hm.", foreign),
        Text("So.", foreign),
        foreign,
        ToolResult("t", "3"),
        ToolCall("call|1", "f", '{"a": '),
        usage=Usage(1, output=2, reasoning=3),
        finish="tool_calls",
    )
    reply = WIRE.render(response)
    content = json.loads(reply.body)["output"]["message"]["content"]
    assert content[:2] == [{"reasoningContent": {"reasoningText": {"text": "Hm."}}}, {"text": "So."}]
    assert content[2]["toolUse"]["input"] == {"_raw": '{"a": '}
    assert len(content) == 3
    for read in (
        WIRE.decode(reply),
        heard(WIRE.renderer().finish(response)),
        heard(fed(response, deltas_of(response.message))),
    ):
        assert read.usage == Usage(1, output=5)
        assert read.message.parts[0] == Thinking("Hm.", own())
        assert read.message.tool_calls[0].arguments == '{"a": '
        assert read.message.tool_calls[0].id == content[2]["toolUse"]["toolUseId"]


@pytest.mark.parametrize("part", [Audio("audio/wav", b"x"), Video("video/mp4", b"x"), Document("text/plain", b"x")])
def test_answers_that_the_wire_cannot_carry(part):
    """Of media, an answer holds pictures alone."""
    with pytest.raises(CallerError, match="no answers with"):
        WIRE.render(answer(part))
    with pytest.raises(CallerError, match="no answers with"):
        WIRE.renderer().finish(answer(part))


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (401, "UnrecognizedClientException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (408, "ModelTimeoutException"),
        (413, "ValidationException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (502, "InternalServerException"),
        (503, "ServiceUnavailableException"),
        (529, "ServiceUnavailableException"),
    ],
)
def test_errors(status, name):
    """An error has the status, the name in a header and the words, and is read again as the same."""
    reply = WIRE.render_error(status, "so it goes")
    assert (reply.status, reply.headers["x-amzn-errortype"]) == (status, name)
    assert json.loads(reply.body) == {"message": "so it goes"}
    with pytest.raises(ProviderError) as caught:
        WIRE.decode(reply)
    assert (caught.value.status, caught.value.message) == (status, "so it goes")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "validationException"),
        (404, "validationException"),
        (424, "modelStreamErrorException"),
        (429, "throttlingException"),
        (500, "internalServerException"),
        (502, "internalServerException"),
        (503, "serviceUnavailableException"),
        (529, "serviceUnavailableException"),
    ],
)
def test_errors_after_the_answer_has_begun(status, name):
    """A stream ends with one of its five exceptions."""
    renderer = WIRE.renderer()
    begun = renderer.feed(TextDelta("Well"))
    ((headers, body),) = events(renderer.fail(status, "so it goes"))
    assert (headers[":message-type"], headers[":exception-type"], body) == (
        "exception",
        name,
        {"message": "so it goes"},
    )
    with pytest.raises(ProviderError, match="so it goes") as caught:
        heard(begun, renderer.fail(status, "so it goes"))
    # A status of which the stream has no exception is told by its neighbour.
    assert caught.value.status == {404: 400, 502: 500, 529: 503}.get(status, status)
