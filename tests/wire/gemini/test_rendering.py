"""Our answers as a server of the Gemini API gives them."""

import json

import pytest

from journeyman.data import (
    Audio,
    CallerError,
    Image,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    Settings,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
    deltas_of,
)
from journeyman.wire.dialect import Stamp
from journeyman.wire.gemini import Gemini
from journeyman.wire.http import HttpReply, HttpRequest

WIRE = Gemini()
STAMP = Stamp("s1", 7, ModelRequest("asked", ()))


def own(**data):
    return Opaque("gemini", data)


def response(*parts, finish="stop", origin=None, **more):
    return ModelResponse(Message("assistant", parts, origin), finish=finish, **more)


def rendered(answer, stamp=STAMP):
    reply = WIRE.render(answer, stamp)
    assert reply.status == 200
    return json.loads(reply.body)


def pieces(data):
    return [json.loads(event.removeprefix(b"data: ")) for event in data.split(b"\r\n\r\n") if event]


def streamed(answer, deltas):
    renderer = WIRE.renderer(STAMP)
    decoder = WIRE.decoder()
    decoder.feed(b"".join(map(renderer.feed, deltas)) + renderer.finish(answer))
    return decoder.finish()


def test_a_whole_answer():
    """It has its words, its ending, its counts and its names."""
    answer = response(
        Thinking("Hm"), Text("Hello"), usage=Usage(10, 20, 5, 3, 4), model="m-1", raw_id="r1", finish="length"
    )
    assert rendered(answer) == {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hm", "thought": True}, {"text": "Hello"}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 35,
            "cachedContentTokenCount": 20,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 42,
        },
        "modelVersion": "m-1",
        "responseId": "r1",
    }


def test_names_that_nobody_gave():
    """The stamp's are taken, and without one there are none."""
    assert {key: rendered(response())[key] for key in ("modelVersion", "responseId")} == {
        "modelVersion": "asked",
        "responseId": "s1",
    }
    assert not {"modelVersion", "responseId"} & json.loads(WIRE.render(response()).body).keys()


def test_calls():
    """Ids of other providers are told, those that we made are not; arguments that are no object are in one."""
    made = WIRE.parse(
        HttpRequest("POST", "/models/m:generateContent", {}, b'{"contents":{"parts":{"functionCall":{"name":"f"}}}}')
    )
    calls = (*made.messages[0].parts, ToolCall("c2", "g", '{"a": 1}', Opaque("x", {"b": 1})), ToolCall("c3", "h", "{"))
    candidate = rendered(response(*calls, finish="tool_calls"))["candidates"][0]
    assert candidate["finishReason"] == "STOP"
    assert candidate["content"]["parts"] == [
        {"functionCall": {"name": "f"}},
        {"functionCall": {"id": "c2", "name": "g", "args": {"a": 1}}},
        {"functionCall": {"id": "c3", "name": "h", "args": {"_raw": "{"}}},
    ]


@pytest.mark.parametrize(
    ("finish", "origin", "reason"),
    [
        (None, None, "FINISH_REASON_UNSPECIFIED"),
        ("content_filter", None, "SAFETY"),
        ("content_filter", own(finishReason="RECITATION"), "RECITATION"),
        ("other", own(finishReason="MALFORMED_FUNCTION_CALL", finishMessage="x"), "MALFORMED_FUNCTION_CALL"),
        ("stop", own(finishReason="MALFORMED_FUNCTION_CALL"), "STOP"),
        ("other", Opaque("anthropic", {"stop_reason": "pause_turn"}), "OTHER"),
    ],
)
def test_endings(finish, origin, reason):
    """The provider's own word is told again as long as it says the same as ours."""
    assert rendered(response(Text("a"), finish=finish, origin=origin))["candidates"][0]["finishReason"] == reason


def test_what_came_with_the_answer():
    """Grounding and blocks of the provider's own are told again; those of others are not."""
    block = {"executableCode": {"code": "1"}}
    stray = ToolResult("c1", "x")
    answer = response(own(**block), Opaque("x", {"a": 1}), stray, Text("a"), origin=own(groundingMetadata={"b": 1}))
    candidate = rendered(answer)["candidates"][0]
    assert candidate["groundingMetadata"] == {"b": 1}
    assert candidate["content"]["parts"] == [block, {"text": "a"}]


def test_a_blocked_prompt():
    """It has no candidates."""
    blocked = response(finish="content_filter", origin=own(promptFeedback={"blockReason": "OTHER"}))
    body = rendered(blocked)
    assert "candidates" not in body
    assert body["promptFeedback"] == {"blockReason": "OTHER"}
    assert streamed(blocked, []).finish == "content_filter"


def test_media():
    """Answers may hold pictures and sounds, but only what can be sent."""
    parts = rendered(response(Image("image/png", b"\x89PN"), Audio("audio/wav", url="gs://b/a")))["candidates"][0][
        "content"
    ]["parts"]
    assert parts == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        {"fileData": {"mimeType": "audio/wav", "fileUri": "gs://b/a"}},
    ]
    with pytest.raises(CallerError, match="cannot fetch"):
        rendered(response(Image("image/png", url="file-id:x")))


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (404, "NOT_FOUND"),
        (418, "FAILED_PRECONDITION"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "INTERNAL"),
        (529, "UNAVAILABLE"),
    ],
)
def test_errors(status, word):
    """An error has Google's word for its status."""
    reply = WIRE.render_error(status, "no")
    assert reply.status == status
    assert json.loads(reply.body) == {"error": {"code": status, "message": "no", "status": word}}


def test_a_stream():
    """Each delta is a piece; the last one tells the ending and the counts, and has a part, as clients insist on one."""
    answer = response(Text("Hello you"), usage=Usage(1, output=2), raw_id="r1")
    renderer = WIRE.renderer(STAMP)
    data = b"".join(renderer.feed(delta) for delta in (TextDelta("Hello"), TextDelta(""), TextDelta(" you")))
    first, second, last = pieces(data + renderer.finish(answer))
    for piece, text in ((first, "Hello"), (second, " you")):
        assert piece == {
            "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}],
            "modelVersion": "asked",
            "responseId": "s1",
        }
    assert last["candidates"] == [
        {"content": {"parts": [{"text": ""}], "role": "model"}, "finishReason": "STOP", "index": 0}
    ]
    assert (last["usageMetadata"]["totalTokenCount"], last["responseId"]) == (3, "r1")


SIGNED = own(thoughtSignature="c2ln")
ANSWERS = {
    "words": (Text("Hello there"),),
    "signed words": (Thinking("Hm, well", own()), Text("Hello there", SIGNED)),
    "signed thoughts": (Thinking("Hm, well", SIGNED),),
    "calls": (Text("a b", SIGNED), ToolCall("c1", "f", '{"a":1}', SIGNED), ToolCall("c2", "g", "{}", own())),
    "words behind a call": (ToolCall("c1", "f", "{}", own()), Text("a b"), Thinking("Hm", own())),
    "turns of thought": (Thinking("a", own()), Text("b"), Thinking("c", own()), Text("d", SIGNED)),
    "a signature alone": (Text("a"), own(executableCode={"code": "1"}), Text("", SIGNED)),
    "pictures": (Text("a"), Image("image/png", b"x"), own(codeExecutionResult={})),
    "nothing": (),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_says_what_the_answer_says(name):
    """Fed with its deltas or written at once, it is read as the same answer."""
    finish = "tool_calls" if any(isinstance(part, ToolCall) for part in ANSWERS[name]) else "stop"
    answer = response(*ANSWERS[name], finish=finish, model="m-1", raw_id="r1", usage=Usage(1, output=2))
    assert streamed(answer, deltas_of(answer.message)) == answer
    assert streamed(answer, []) == answer
    assert WIRE.decode(WIRE.render(answer)) == answer


def test_a_signature_that_comes_too_late():
    """Thoughts that were left behind by words are signed in a part of their own, at the end."""
    answer = response(Thinking("Hm", SIGNED), Text("a"), Thinking("Ah", own()), Text("b"))
    read = streamed(answer, deltas_of(answer.message))
    assert read.message.parts == (
        Thinking("Hm", own()),
        Text("a"),
        Thinking("Ah", own()),
        Text("b"),
        Thinking("", SIGNED),
    )
    late = response(Text("a", SIGNED), Thinking("Ah", own()), Text("b"))
    assert streamed(late, deltas_of(late.message)).message.parts[-2:] == (Text("b"), Text("", SIGNED))


def test_deltas_that_said_too_little():
    """What was not shown of the words comes at the end."""
    answer = response(Text("Hello there", SIGNED))
    assert streamed(answer, [TextDelta("Hello")]).message.parts == answer.message.parts


def test_words_behind_a_call_wait_for_it():
    """Calls come whole, so nothing that is said behind them may overtake them."""
    renderer = WIRE.renderer()
    assert renderer.feed(ToolCallDelta(0, "c1", "f")) == b""
    assert renderer.feed(TextDelta("a")) == renderer.feed(ThinkingDelta("b")) == b""


def test_a_stream_that_fails():
    """The error comes as a piece, and is read as one."""
    renderer = WIRE.renderer(STAMP)
    begun = renderer.feed(TextDelta("a"))
    assert pieces(begun + renderer.fail(503, "no"))[1] == {
        "error": {"code": 503, "message": "no", "status": "UNAVAILABLE"}
    }


@pytest.mark.parametrize("words", [[], ["Hello", " there"]], ids=["at once", "in pieces"])
def test_a_stream_as_a_list(words):
    """A client that does not ask for server-sent events gets one JSON list, which is complete at the end."""
    asked = WIRE.parse(HttpRequest("POST", "/models/m:streamGenerateContent", {}, b'{"contents":[]}'))
    answer = response(Text("Hello there"))
    renderer = WIRE.renderer(Stamp("s1", 0, asked))
    body = b"".join(renderer.feed(TextDelta(word)) for word in words) + renderer.finish(answer)
    assert len(json.loads(body)) == len(words) + 1
    decoder = WIRE.decoder(HttpReply(200, {"content-type": "application/json"}))
    decoder.feed(body)
    assert decoder.finish().message == answer.message
    failing = WIRE.renderer(Stamp("s1", 0, asked))
    assert json.loads(failing.feed(TextDelta("a")) + failing.fail(500, "no"))[1]["error"]["code"] == 500


def test_a_list_is_not_asked_for_by_chance():
    """A request of another dialect has a stream of events."""
    asked = ModelRequest("m", (), settings=Settings(extra=Opaque("ollama", {"_form": {"alt": "json"}})))
    assert WIRE.renderer(Stamp("s1", 0, asked)).finish(response(Text("a"))).startswith(b"data: ")
