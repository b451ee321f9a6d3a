"""Streamed answers of the Gemini API."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Audio,
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
from journeyman.wire.gemini import Gemini
from journeyman.wire.gemini.arrays import ListCutter
from journeyman.wire.http import HttpReply

WIRE = Gemini()
JSON = HttpReply(200, {"content-type": "application/json; charset=UTF-8"})


def own(**data):
    return Opaque("gemini", data)


def piece(*parts, **candidate):
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, "index": 0, **candidate}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
        "modelVersion": "m-1",
        "responseId": "r1",
    }


def events(*pieces):
    return b"".join(b"data: " + json.dumps(item, ensure_ascii=False).encode() + b"\r\n\r\n" for item in pieces)


def listed(*pieces):
    return b"[" + b",\r\n".join(json.dumps(item, indent=2, ensure_ascii=False).encode() for item in pieces) + b"\n]"


def read(*pieces):
    decoder = WIRE.decoder()
    deltas = decoder.feed(events(*pieces))
    return deltas, decoder.finish()


FULL = (
    piece({"text": "Grü", "thought": True}),
    piece({"text": "ße", "thought": True}),
    piece({"text": '世界 \\ " ['}, groundingMetadata={}),
    piece({"text": " und }] \U0001f600"}),
    piece({"text": "", "thoughtSignature": "c2ln"}),
    piece({"functionCall": {"name": "f", "args": {"a": '\\"]}'}}, "thoughtSignature": "czI="}, finishReason="STOP"),
)
WHOLE = piece(
    {"text": "Grüße", "thought": True},
    {"text": '世界 \\ " [ und }] \U0001f600', "thoughtSignature": "c2ln"},
    {"functionCall": {"name": "f", "args": {"a": '\\"]}'}}, "thoughtSignature": "czI="},
    finishReason="STOP",
)


@given(cuts=st.lists(st.integers(0, 2000), max_size=30), as_list=st.booleans())
def test_a_stream_cut_anywhere_is_the_whole_answer(cuts, as_list):
    """Pieces cut in a letter, a line end or an escape come to what the whole answer says, in both framings."""
    body = listed(*FULL) if as_list else events(*FULL)
    decoder = WIRE.decoder(JSON if as_list else None)
    edges = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    for begin, end in itertools.pairwise(edges):
        decoder.feed(body[begin:end])
    assert decoder.finish() == WIRE.decode(HttpReply(200, {}, json.dumps(WHOLE).encode()))


@pytest.mark.parametrize("as_list", [False, True])
def test_byte_by_byte(as_list):
    """A stream that comes one byte at a time shows each piece when it is complete."""
    body = listed(*FULL) if as_list else events(*FULL)
    decoder = WIRE.decoder(JSON if as_list else None)
    deltas = [delta for index in range(len(body)) for delta in decoder.feed(body[index : index + 1])]
    call = decoder.finish().message.tool_calls[0]
    assert deltas == [
        ThinkingDelta("Grü"),
        ThinkingDelta("ße"),
        TextDelta('世界 \\ " ['),
        TextDelta(" und }] \U0001f600"),
        ToolCallDelta(0, call.id, "f", '{"a":"\\\\\\"]}"}'),
    ]


def test_the_head_of_the_answer():
    """Names and counts are those that were told last."""
    last = piece({"text": "b"}, finishReason="STOP") | {
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 9}
    }
    _, response = read(piece({"text": "a"}), last)
    assert (response.model, response.raw_id, response.usage) == ("m-1", "r1", Usage(3, output=9))


def test_a_signature_in_the_last_words():
    """It closes the part that they belong to; what follows is another one."""
    _, response = read(
        piece({"text": "a"}),
        piece({"text": "b", "thoughtSignature": "c2ln"}),
        piece({"text": "c"}, finishReason="STOP"),
    )
    assert response.message.parts == (Text("ab", own(thoughtSignature="c2ln")), Text("c"))


def test_words_that_came_together_are_parts_of_their_own():
    """Only the first part of a piece goes on with what was before it."""
    _, response = read(
        piece({"text": "a"}), piece({"text": "b"}, {"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP")
    )
    assert response.message.parts == (Text("ab"), Text("", own(thoughtSignature="c2ln")))


def test_a_block_of_the_providers_own_parts_the_words():
    """Words before it and after it are different parts."""
    block = {"executableCode": {"code": "1", "language": "PYTHON"}}
    _, response = read(piece({"text": "a"}), piece(block, {"text": ""}), piece({"text": "b"}, finishReason="STOP"))
    assert response.message.parts == (Text("a"), Opaque("gemini", block), Text("b"))


def test_signatures_and_words_of_thoughts_do_not_mix():
    """Words after thoughts are another part, whatever they are signed with."""
    _, response = read(
        piece({"text": "Hm", "thought": True}), piece({"text": "", "thoughtSignature": "c2ln"}, finishReason="STOP")
    )
    assert response.message.parts == (Thinking("Hm", own()), Text("", own(thoughtSignature="c2ln")))


def test_what_is_told_beside_the_words():
    """Grounding that says nothing is passed over, the one that says something is kept."""
    sources = {"webSearchQueries": ["x"]}
    _, response = read(
        piece({"text": "a"}, groundingMetadata={}, safetyRatings=[]),
        piece({"text": "b"}, finishReason="STOP", groundingMetadata=sources, somethingNew=1),
    )
    assert response.message.origin == own(groundingMetadata=sources, somethingNew=1)


def test_raw_sound_is_one_sound():
    """PCM in pieces is joined; sounds with a head of their own are not."""
    raw = [{"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": data}} for data in ("AAAA", "AQEB")]
    wav = {"inlineData": {"mimeType": "audio/wav", "data": "AgIC"}}
    _, response = read(piece(raw[0]), piece(raw[1]), piece(wav), piece(wav, finishReason="STOP"))
    assert response.message.parts == (
        Audio("audio/L16;codec=pcm;rate=24000", b"\0\0\0\1\1\1"),
        Audio("audio/wav", b"\2\2\2"),
        Audio("audio/wav", b"\2\2\2"),
    )


def test_a_stream_without_an_end():
    """A stream that stops before it said why is cut off."""
    decoder = WIRE.decoder()
    decoder.feed(events(piece({"text": "a"})))
    with pytest.raises(ProviderError, match="ended before") as caught:
        decoder.finish()
    assert caught.value.kind == "stream"


def test_a_list_without_an_end():
    """So is a list."""
    decoder = WIRE.decoder(JSON)
    decoder.feed(listed(piece({"text": "a"}))[:-1])
    with pytest.raises(ProviderError, match="ended before"):
        decoder.finish()


def test_other_candidates_are_not_heard():
    """Only the first candidate is the answer, whatever its pieces hold."""
    other = [{"content": {"parts": [{"text": "x"}]}, "index": 1}, {"content": {"parts": [{"odd": 1}]}, "index": 1}]
    first = piece({"text": "a"}, finishReason="STOP")
    _, response = read(first, *(first | {"candidates": [candidate]} for candidate in other))
    assert (response.message.text, response.finish) == ("a", "stop")


def test_counts_that_cannot_be_read():
    """They make the answer unreadable, which is known at its end."""
    decoder = WIRE.decoder()
    decoder.feed(events(piece({"text": "a"}, finishReason="STOP") | {"usageMetadata": {"promptTokenCount": "x"}}))
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        decoder.finish()
    assert caught.value.kind == "stream"


def test_a_forgotten_line_end():
    """The last event counts without the empty line behind it."""
    decoder = WIRE.decoder()
    decoder.feed(events(piece({"text": "a"}, finishReason="STOP")).rstrip())
    assert decoder.finish().message.text == "a"


def test_a_mark_of_another_wire():
    """The `[DONE]` that some proxies add says nothing here."""
    decoder = WIRE.decoder()
    decoder.feed(events(piece({"text": "a"}, finishReason="STOP")) + b"data: [DONE]\n\n")
    assert decoder.finish().message.text == "a"


@pytest.mark.parametrize("as_list", [False, True])
def test_an_error_within_a_stream(as_list):
    """It is the provider's, with its words and its status."""
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    decoder = WIRE.decoder(JSON if as_list else None)
    with pytest.raises(ProviderError, match=r"^overloaded$") as caught:
        decoder.feed((listed if as_list else events)(piece({"text": "a"}), error))
    assert (caught.value.status, caught.value.kind) == (503, "overloaded")


def test_an_error_without_a_status():
    """An error within a stream that says nothing is a failure of the server."""
    with pytest.raises(ProviderError, match="broke off") as caught:
        read({"error": {}})
    assert (caught.value.status, caught.value.kind) == (None, "server")


@pytest.mark.parametrize(
    "payload",
    [b"nonsense", b"[]", b'{"candidates":7}', b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":[]}}]}}]}'],
    ids=range(4),
)
def test_an_unreadable_piece(payload):
    """What is no piece of an answer ends the stream with an error that shows it."""
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        WIRE.decoder().feed(b"data: " + payload + b"\n\n")
    assert (caught.value.kind, caught.value.body) == ("stream", payload.decode())


def test_a_whole_answer_instead_of_a_stream():
    """A server that cannot stream is understood."""
    decoder = WIRE.decoder(JSON)
    body = json.dumps(WHOLE).encode()
    assert [
        delta for begin in range(0, len(body), 50) for delta in decoder.feed(b" \n" + body[begin : begin + 50])
    ] == []
    decoder = WIRE.decoder(JSON)
    decoder.feed(b" ")
    decoder.feed(body)
    assert decoder.finish().message.text == WHOLE["candidates"][0]["content"]["parts"][1]["text"]


def test_a_refusal_instead_of_a_stream():
    """An error status is an error however it is framed."""
    decoder = WIRE.decoder(HttpReply(429, {"content-type": "application/json"}))
    decoder.feed(json.dumps([{"error": {"code": 429, "message": "slower", "status": "RESOURCE_EXHAUSTED"}}]).encode())
    with pytest.raises(ProviderError, match=r"^slower$"):
        decoder.finish()


def test_an_item_without_end_is_not_kept():
    """A list with an item larger than the limit is refused before it fills the memory."""
    cutter = ListCutter(most=100)
    assert cutter.feed(b'[{"a": 1}') == [b'{"a": 1}']
    for _ in range(5):
        cutter.feed(b',{"a": "aaaaaaaaaa"')
    with pytest.raises(ProviderError, match="more than 100 bytes"):
        cutter.feed(b',{"a": "aaaaaaaaaa"')


# --- Arguments in pieces ----------------------------------------------------------------------------------------------------


def growing(*partial, more=True, **call):
    fields = {"partialArgs": list(partial)} if partial else {}
    return {"functionCall": call | fields | ({"willContinue": True} if more else {})}


def test_arguments_in_pieces():
    """Strings grow, numbers keep their text, and paths lead into objects and lists; the call is shown when it is whole."""
    deltas, response = read(
        piece({"text": "a"}),
        piece(growing(name="f", id="x1") | {"thoughtSignature": "c2ln"}),
        piece(growing({"jsonPath": "$.city", "stringValue": "Bo", "willContinue": True})),
        piece(growing({"jsonPath": "$.city", "stringValue": "nn"}, {"jsonPath": "$.size.w", "numberValue": 1.5})),
        piece(
            growing(
                {"jsonPath": "$.tags[0]", "stringValue": "x"}, {"jsonPath": "$.tags[1].n", "nullValue": "NULL_VALUE"}
            )
        ),
        piece(growing({"jsonPath": "$['odd key']", "boolValue": False})),
        piece({"functionCall": {}}),
        piece({"text": "b"}, finishReason="STOP"),
    )
    arguments = '{"city":"Bonn","size":{"w":1.5},"tags":["x",{"n":null}],"odd key":false}'
    assert response.message.parts == (
        Text("a"),
        ToolCall("x1", "f", arguments, own(thoughtSignature="c2ln")),
        Text("b"),
    )
    assert deltas == [TextDelta("a"), ToolCallDelta(0, "x1", "f", arguments), TextDelta("b")]


def test_arguments_that_stop_growing():
    """The last piece of a call says that it is the last, and the next call is another one."""
    _, response = read(
        piece(growing({"jsonPath": "$.a", "stringValue": "1"}, name="f", id="x1")),
        piece(growing({"jsonPath": "$.a", "stringValue": "2"}, more=False)),
        piece({"functionCall": {"name": "g", "id": "x2", "args": {}}}, finishReason="STOP"),
    )
    assert [(call.id, call.arguments) for call in response.message.tool_calls] == [("x1", '{"a":"12"}'), ("x2", "{}")]


def test_words_end_a_call():
    """Words after a call whose end was forgotten are behind it."""
    _, response = read(
        piece(growing({"jsonPath": "$.a", "numberValue": 1}, name="f", id="x1")),
        piece({"text": "b"}, finishReason="STOP"),
    )
    assert response.message.parts == (ToolCall("x1", "f", '{"a":1}', own()), Text("b"))


@pytest.mark.parametrize("path", ["", "$", "$.a[5]", "$[0]", "$..a", "$.a[", "$" + ".a" * 200, "$.s.t"])
def test_a_path_to_nowhere(path):
    """A path that cannot be followed makes the stream unreadable."""
    with pytest.raises(ProviderError, match="cannot be read"):
        read(
            piece(growing({"jsonPath": "$.s", "stringValue": "x"}, name="f")),
            piece(growing({"jsonPath": path, "stringValue": "x"}), finishReason="STOP"),
        )
