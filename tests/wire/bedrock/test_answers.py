"""Answers of Converse and ConverseStream, against the API reference (botocore's model of `bedrock-runtime`)."""

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Image,
    Message,
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
from journeyman.wire.bedrock import Bedrock
from journeyman.wire.eventstream import frame, header_block

WIRE = Bedrock()
JSON = {"content-type": "application/json"}
STREAM = {"content-type": "application/vnd.amazon.eventstream"}
COUNTS = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


def event(kind, body):
    head = header_block({":event-type": kind, ":content-type": "application/json", ":message-type": "event"})
    return frame(head, json.dumps(body, ensure_ascii=False).encode())


def delta(index, piece):
    # Bedrock pads its events, so that their lengths tell nothing of the words.
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": piece, "p": "abcdefghij"})


def start(index, block):
    return event("contentBlockStart", {"contentBlockIndex": index, "start": block})


def stop(index):
    return event("contentBlockStop", {"contentBlockIndex": index})


def stream(*events, reason="end_turn", usage=COUNTS, ending=None, late=None):
    """A whole stream around the events of its blocks."""
    last = {"usage": usage, "metrics": {"latencyMs": 1}, **(late or {})}
    return b"".join(
        [
            event("messageStart", {"role": "assistant"}),
            *events,
            event("messageStop", {"stopReason": reason, **(ending or {})}),
            event("metadata", last),
        ]
    )


def whole(*blocks, reason="end_turn", usage=COUNTS, **more):
    body = {
        "output": {"message": {"role": "assistant", "content": list(blocks)}},
        "stopReason": reason,
        "usage": usage,
        "metrics": {"latencyMs": 1},
        **more,
    }
    return WIRE.decode(HttpReply(200, JSON, json.dumps(body).encode()))


def heard(data, head=None):
    decoder = WIRE.decoder(head)
    deltas = decoder.feed(data)
    return decoder.finish(), deltas


CITATION = {"title": "Atlas", "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}
PNG = base64.b64encode(b"\x89PNG").decode()
SERVER_CALL = {"toolUseId": "s1", "name": "nova_code_interpreter", "type": "server_tool_use"}
SERVER_RESULT = {"toolUseId": "s1", "status": "success", "type": "nova_code_interpreter_result"}

SAME = {
    "words": (
        [{"text": "Grüße, 世界"}],
        [delta(0, {"text": "Grüße, "}), delta(0, {"text": "世界"}), stop(0)],
        [Text("Grüße, 世界")],
    ),
    "two texts": (
        [{"text": "a"}, {"text": "b"}],
        [delta(0, {"text": "a"}), stop(0), delta(1, {"text": "b"}), stop(1)],
        [Text("a"), Text("b")],
    ),
    "signed thoughts": (
        [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}, {"text": "So."}],
        [
            delta(0, {"reasoningContent": {"text": "Hm"}}),
            delta(0, {"reasoningContent": {"text": "."}}),
            delta(0, {"reasoningContent": {"signature": "c2ln"}}),
            stop(0),
            delta(1, {"text": "So."}),
            stop(1),
        ],
        [Thinking("Hm.", Opaque("bedrock", {"signature": "c2ln"})), Text("So.")],
    ),
    "unsigned thoughts": (
        [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": ""}}}],
        [delta(0, {"reasoningContent": {"text": "Hm."}}), stop(0)],
        [Thinking("Hm.", Opaque("bedrock", {}))],
    ),
    "withheld thoughts": (
        [{"reasoningContent": {"reasoningText": {"text": "", "signature": "c2ln"}}}],
        [
            delta(0, {"reasoningContent": {"signature": "c2"}}),
            delta(0, {"reasoningContent": {"signature": "ln"}}),
            stop(0),
        ],
        [Thinking("", Opaque("bedrock", {"signature": "c2ln"}))],
    ),
    "redacted thoughts": (
        [{"reasoningContent": {"redactedContent": "AAECAwQF"}}],
        [
            delta(0, {"reasoningContent": {"redactedContent": base64.b64encode(bytes([0, 1])).decode()}}),
            delta(0, {"reasoningContent": {"redactedContent": base64.b64encode(bytes([2, 3, 4, 5])).decode()}}),
            stop(0),
        ],
        [Opaque("bedrock", {"reasoningContent": {"redactedContent": "AAECAwQF"}})],
    ),
    "a call": (
        [{"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 1}, "type": "tool_use"}}],
        [
            start(0, {"toolUse": {"toolUseId": "t1", "name": "add", "type": "tool_use"}}),
            delta(0, {"toolUse": {"input": ""}}),
            delta(0, {"toolUse": {"input": '{"a"'}}),
            delta(0, {"toolUse": {"input": ": 1}"}}),
            stop(0),
        ],
        [ToolCall("t1", "add", '{"a": 1}')],
    ),
    "a call without arguments": (
        [{"text": "Now?"}, {"toolUse": {"toolUseId": "t1", "name": "now", "input": {}}}],
        [
            delta(0, {"text": "Now?"}),
            stop(0),
            start(1, {"toolUse": {"toolUseId": "t1", "name": "now"}}),
            stop(1),
        ],
        [Text("Now?"), ToolCall("t1", "now", "{}")],
    ),
    "words with their sources": (
        [{"citationsContent": {"content": [{"text": "Bonn is small."}], "citations": [CITATION]}}],
        [delta(0, {"text": "Bonn is "}), delta(0, {"text": "small."}), delta(0, {"citation": CITATION}), stop(0)],
        [Text("Bonn is small.", Opaque("bedrock", {"citationsContent": {"citations": [CITATION]}}))],
    ),
    "the provider's own tool": (
        [
            {"toolUse": {**SERVER_CALL, "input": {"snippet": "1+1"}}},
            {"toolResult": {**SERVER_RESULT, "content": [{"json": {"stdOut": "2"}}]}},
            {"text": "Two."},
        ],
        [
            start(0, {"toolUse": SERVER_CALL}),
            delta(0, {"toolUse": {"input": '{"snippet":"1+1"}'}}),
            stop(0),
            start(1, {"toolResult": SERVER_RESULT}),
            delta(1, {"toolResult": [{"json": {"stdOut": "2"}}]}),
            stop(1),
            delta(2, {"text": "Two."}),
            stop(2),
        ],
        [
            Opaque("bedrock", {"toolUse": {**SERVER_CALL, "input": {"snippet": "1+1"}}}),
            Opaque("bedrock", {"toolResult": {**SERVER_RESULT, "content": [{"json": {"stdOut": "2"}}]}}),
            Text("Two."),
        ],
    ),
    "a picture": (
        [{"image": {"format": "png", "source": {"bytes": PNG}}}],
        [
            start(0, {"image": {"format": "png"}}),
            delta(0, {"image": {"source": {"bytes": base64.b64encode(b"\x89P").decode()}}}),
            delta(0, {"image": {"source": {"bytes": base64.b64encode(b"NG").decode()}}}),
            stop(0),
        ],
        [Image("image/png", b"\x89PNG", origin=Opaque("bedrock", {}))],
    ),
    "what is yet to come": (
        [{"hologram": {"depth": 3}}],
        [start(0, {"hologram": {"depth": 3}}), stop(0)],
        [Opaque("bedrock", {"hologram": {"depth": 3}})],
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_whole_and_streamed_alike(name):
    """A block is the same part whether it comes whole or in pieces."""
    blocks, events, parts = SAME[name]
    response = whole(*blocks)
    streamed, _ = heard(stream(*events))
    for found in (response, streamed):
        assert [part for part in found.message.parts if not isinstance(part, ToolCall)] == [
            part for part in parts if not isinstance(part, ToolCall)
        ]
        assert [(call.id, call.name, json.loads(call.arguments), call.origin) for call in found.message.tool_calls] == [
            (call.id, call.name, json.loads(call.arguments), None) for call in parts if isinstance(call, ToolCall)
        ]
    assert response.usage == streamed.usage == Usage(10, output=5)


@given(name=st.sampled_from(list(SAME)), data=st.data())
def test_streams_may_be_cut_anywhere(name, data):
    """Pieces of any size, in the middle of a letter or a frame, come to the same answer."""
    body = stream(*SAME[name][1])
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    decoder = WIRE.decoder()
    for begin, end in zip([0, *places], [*places, len(body)], strict=True):
        decoder.feed(body[begin:end])
    assert decoder.finish() == heard(body)[0]


def test_deltas_as_they_come():
    """Words, thoughts and calls are told piece by piece; calls are counted, and blocks that begin anew are told."""
    _, deltas = heard(
        stream(
            *SAME["signed thoughts"][1],
            start(2, {"toolUse": {"toolUseId": "t1", "name": "add"}}),
            delta(2, {"toolUse": {"input": '{"a":'}}),
            delta(2, {"toolUse": {"input": "1}"}}),
            stop(2),
            start(3, {"toolUse": {"toolUseId": "t2", "name": "now"}}),
            stop(3),
        )
    )
    assert deltas == [
        ThinkingDelta(""),
        ThinkingDelta("Hm"),
        ThinkingDelta("."),
        TextDelta("So."),
        ToolCallDelta(0, "t1", "add"),
        ToolCallDelta(0, arguments='{"a":'),
        ToolCallDelta(0, arguments="1}"),
        ToolCallDelta(1, "t2", "now"),
        ToolCallDelta(1, arguments="{}"),
    ]


def test_arguments_keep_the_models_text():
    """Spaces, order and numbers of a call's input are not written anew, and what is no JSON is kept raw."""
    text = '{"b":  1.0, "a": 1e2}'
    body = (
        '{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t","name":"f","input":' + text + "}}]}},"
        '"stopReason":"tool_use","usage":{}}'
    )
    assert WIRE.decode(HttpReply(200, JSON, body.encode())).message.tool_calls[0].arguments == text
    for broken in (text, '{"a": ', "[1", "nonsense"):
        begun = start(0, {"toolUse": {"toolUseId": "t", "name": "f"}})
        response, _ = heard(stream(begun, delta(0, {"toolUse": {"input": broken}}), stop(0), reason="tool_use"))
        assert response.message.tool_calls[0].arguments == broken


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("malformed_model_output", "other"),
        ("malformed_tool_use", "other"),
        ("of a later year", "other"),
        (None, None),
    ],
)
def test_why_an_answer_ended(reason, finish):
    """Every `StopReason` of the API has a meaning, and one that `finish` cannot tell is kept."""
    words = {"text": "x"}
    response = whole(words, reason=reason)
    assert response.finish == finish
    assert heard(stream(delta(0, words), stop(0), reason=reason))[0] == response
    ordinary = reason in ("end_turn", "tool_use", "max_tokens", "content_filtered", None)
    assert response.message.origin == (None if ordinary else Opaque("bedrock", {"stopReason": reason}))


def test_a_normal_end_with_calls_is_for_calls():
    """Some models end with `end_turn` though they called a tool."""
    assert whole({"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}).finish == "tool_calls"


def test_cached_tokens_are_counted_apart():
    """`inputTokens` leaves out what was read from and written to the cache (page "Prompt caching")."""
    counts = {
        "inputTokens": 14,
        "outputTokens": 5,
        "totalTokens": 1522,
        "cacheReadInputTokens": 3,
        "cacheWriteInputTokens": 1500,
        "cacheReadInputTokenCount": 3,
        "cacheWriteInputTokenCount": 1500,
    }
    usage = whole({"text": "5"}, usage=counts).usage
    assert usage == Usage(input=14, cache_read=3, cache_write=1500, output=5)
    assert usage.total_tokens == 1522
    assert whole({"text": "5"}, usage={"inputTokens": -1, "outputTokens": None}).usage == Usage()


def test_what_was_asked_for_beside_the_answer_is_kept():
    """Traces, fields of the model, tiers and details of the usage travel in the message's origin, from both forms."""
    fields, trace = {"stop": "X"}, {"guardrail": {"actionReason": "none"}}
    kept = {"trace": trace, "performanceConfig": {"latency": "optimized"}, "serviceTier": {"type": "flex"}}
    counts = {**COUNTS, "cacheDetails": [{"ttl": "1h", "inputTokens": 4}], "serverToolUsage": {}}
    response = whole({"text": "x"}, usage=counts, additionalModelResponseFields=fields, **kept)
    assert response.message.origin == Opaque(
        "bedrock",
        {
            "additionalModelResponseFields": fields,
            **kept,
            "usage": {"cacheDetails": [{"ttl": "1h", "inputTokens": 4}]},
        },
    )
    data = stream(delta(0, {"text": "x"}), usage=counts, ending={"additionalModelResponseFields": fields}, late=kept)
    assert heard(data)[0] == response


def test_names_of_answers():
    """The id of an answer is in its head; its model is told only by a router."""
    head = HttpReply(200, {**STREAM, "x-amzn-requestid": "r-1"})
    trace = {"promptRouter": {"invokedModelId": "arn:aws:bedrock:eu:1:inference-profile/a.b"}}
    response, _ = heard(stream(delta(0, {"text": "x"}), late={"trace": trace}), head)
    assert (response.raw_id, response.model) == ("r-1", "arn:aws:bedrock:eu:1:inference-profile/a.b")
    assert (whole({"text": "x"}).raw_id, whole({"text": "x"}).model) == (None, "")


def test_a_whole_answer_where_a_stream_was_asked_for():
    """A head that announces JSON, or an error, is believed."""
    body = json.dumps({"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": "end_turn"}).encode()
    decoder = WIRE.decoder(HttpReply(200, JSON))
    assert (decoder.feed(body[:7]), decoder.feed(body[7:])) == ([], [])
    assert decoder.finish().message == Message.assistant("x")
    decoder = WIRE.decoder(HttpReply(429, {**JSON, "x-amzn-errortype": "ThrottlingException"}))
    decoder.feed(b'{"message":"slow down"}')
    with pytest.raises(ProviderError, match="slow down"):
        decoder.finish()


def test_events_that_are_yet_to_come_are_passed_over():
    """An unknown event is no reason to give up, nor is a stream without the last one."""
    body = stream(event("hologramDepth", {"depth": 3}), delta(0, {"text": "x"}), stop(0))
    assert heard(body)[0].message == Message.assistant("x")
    without_metadata = b"".join([delta(0, {"text": "x"}), stop(0), event("messageStop", {"stopReason": "end_turn"})])
    assert heard(without_metadata)[0] == ModelResponse(Message.assistant("x"), Usage(), "stop", "", None)


@pytest.mark.parametrize("name", ["words", "signed thoughts", "a call"])
def test_streams_that_break_off(name):
    """A stream that ends before `messageStop` is an error of kind `stream`, wherever it was cut."""
    blocks = SAME[name][1]
    body = stream(*blocks)
    last = len(b"".join([event("messageStart", {"role": "assistant"}), *blocks]))
    for end in range(0, last, 3):
        decoder = WIRE.decoder()
        decoder.feed(body[:end])
        with pytest.raises(ProviderError) as caught:
            decoder.finish()
        assert (caught.value.kind, caught.value.status) == ("stream", None)


@pytest.mark.parametrize(
    "broken",
    [
        delta(0, {"toolUse": {"input": "{}"}}),
        start(0, {"toolUse": {"toolUseId": "t", "name": "f"}}) + delta(0, {"text": "x"}),
        start(0, {"toolUse": {"name": "f"}}),
        start(0, {"toolUse": 3}),
        delta(0, {"reasoningContent": {"redactedContent": "not base64!"}}),
        delta("0", {"text": "x"}),
        delta(0, {"text": 3}),
        event("contentBlockDelta", [1]),
        event("messageStop", {"stopReason": 3}),
        event("metadata", {"usage": {"inputTokens": "many"}}),
        frame(header_block({":event-type": "contentBlockDelta", ":message-type": "event"}), b'{"delta":'),
        frame(
            header_block({":event-type": "contentBlockDelta", ":message-type": "event"}), b'{"delta":{"text":"\xff"}}'
        ),
        frame(header_block({":event-type": "messageStop", ":message-type": "event"}), b'{"trace":' + b"[" * 100_000),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_streams_that_cannot_be_read(broken):
    """Whatever is in an event that cannot be, it is the provider's error of kind `stream`."""
    with pytest.raises(ProviderError) as caught:
        heard(broken + event("messageStop", {"stopReason": "end_turn"}))
    assert caught.value.kind == "stream"


def test_thousands_of_spoiled_events():
    """Payloads with anything wrong, in frames that are right, come to an answer or to the provider's error."""
    dice = random.Random(1)  # noqa: S311  (no secret)
    odd = [None, True, -1, 1.5, 10**30, "", "x", [], {}, [None], {"text": None}, {"": {}}, {"input": 3}]
    kinds = ["contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]
    keys = [
        "delta",
        "start",
        "text",
        "toolUse",
        "toolResult",
        "reasoningContent",
        "image",
        "citation",
        "source",
        "bytes",
    ]
    keys += ["contentBlockIndex", "usage", "trace", "toolUseId", "name", "input", "type", "content", "signature"]

    def thing(depth):
        if depth == 0 or dice.random() < 0.2:
            return dice.choice(odd)
        return {dice.choice(keys): thing(depth - 1) for _ in range(dice.choice((1, 1, 2, 3)))}

    refused = 0
    for _ in range(5000):
        decoder = WIRE.decoder()
        try:
            for _ in range(dice.choice((1, 2, 4))):
                decoder.feed(event(dice.choice(kinds), thing(4)))
            decoder.feed(event("messageStop", {"stopReason": "end_turn"}))
            decoder.finish()
        except ProviderError:
            refused += 1
    assert 500 < refused < 5000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"output":{}}',
        b'{"output":{"message":{"content":null}}}',
        b'{"output":{"message":{"content":[{"text":3}]}}}',
        b'{"output":{"message":{"content":[{"toolUse":{"input":{}}}]}}}',
        b'{"output":{"message":{"content":[{"toolUse":null}]}}}',
        b'{"output":{"message":{"content":[{"reasoningContent":3}]}}}',
        b'{"output":{"message":{"content":[{"text":"\xff"}]}}}',
        b'{"output":' + b"[" * 100_000,
        b"<html>",
    ],
)
def test_answers_that_cannot_be_read(body):
    """What is no answer is the provider's fault, and the error shows what came."""
    with pytest.raises(ProviderError) as caught:
        WIRE.decode(HttpReply(200, JSON, body))
    assert (caught.value.kind, caught.value.status) == ("server", 200)
    assert caught.value.body == body.decode("utf-8", "replace")[:4000]


ERRORS = [
    (400, "ValidationException", "invalid_request"),
    (400, "ServiceQuotaExceededException", "rate_limit"),
    (403, "AccessDeniedException", "permission"),
    (403, "UnrecognizedClientException", "authentication"),
    (403, "ExpiredTokenException", "authentication"),
    (403, "InvalidSignatureException", "authentication"),
    (404, "ResourceNotFoundException", "not_found"),
    (408, "ModelTimeoutException", "timeout"),
    (424, "ModelErrorException", "server"),
    (429, "ThrottlingException", "rate_limit"),
    (429, "ModelNotReadyException", "overloaded"),
    (500, "InternalServerException", "server"),
    (503, "ServiceUnavailableException", "overloaded"),
    (418, "TeapotException", "invalid_request"),
    (502, "", "server"),
]


@pytest.mark.parametrize(("status", "name", "kind"), ERRORS)
@pytest.mark.parametrize("form", ["header", "long header", "body"])
def test_errors(status, name, kind, form):
    """The name of an error, wherever it stands, says what kind it is; its words are the provider's own."""
    headers, body = dict(JSON), {"message": "so it goes"}
    match form:
        case "header":
            headers["x-amzn-errortype"] = name
        case "long header":
            headers["x-amzn-errortype"] = f"{name}:http://internal.amazon.com/coral/com.amazon.bedrock/"
            body = {"Message": "so it goes"}
        case _:
            body["__type"] = f"com.amazon.coral.service#{name}"
    with pytest.raises(ProviderError) as caught:
        WIRE.decode(HttpReply(status, {**headers, "retry-after": "3"}, json.dumps(body).encode()))
    error = caught.value
    assert (error.status, error.kind, error.message, error.retry_after) == (status, kind, "so it goes", 3)


def test_errors_without_words():
    """An error that says nothing, or nothing that can be read, is told with its status and its body."""
    for body, shown in ((b"", "nothing"), (b"<html>busy</html>", "<html>busy</html>"), (b"[1]", "[1]")):
        with pytest.raises(ProviderError) as caught:
            WIRE.decode(HttpReply(503, {}, body))
        assert caught.value.message == f"the provider answered with status 503: {shown}"
        assert caught.value.kind == "overloaded"


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("throttlingException", 429, "rate_limit"),
        ("modelStreamErrorException", 424, "server"),
        ("internalServerException", 500, "server"),
        ("serviceUnavailableException", 503, "overloaded"),
        ("validationException", 400, "invalid_request"),
        ("newlyMadeException", None, "server"),
    ],
)
def test_exceptions_inside_a_stream(name, status, kind):
    """An exception event has the status that it would have had before the stream, and the provider's words."""
    head = header_block({":exception-type": name, ":content-type": "application/json", ":message-type": "exception"})
    decoder = WIRE.decoder(HttpReply(200, STREAM))
    decoder.feed(delta(0, {"text": "Well"}))
    with pytest.raises(ProviderError) as caught:
        decoder.feed(frame(head, b'{"message":"so it goes"}'))
    assert (caught.value.status, caught.value.kind, caught.value.message) == (status, kind, "so it goes")


def test_errors_inside_a_stream_that_are_no_exceptions():
    """An unmodelled error has its words in its headers, and one without words its name."""
    head = header_block({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "oh"})
    with pytest.raises(ProviderError, match=r"^oh$") as caught:
        heard(frame(head, b""))
    assert caught.value.kind == "server"
    head = header_block({":message-type": "exception", ":exception-type": "throttlingException"})
    with pytest.raises(ProviderError, match="broke off with throttlingException"):
        heard(frame(head, b"{}"))
