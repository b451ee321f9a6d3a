"""Whatever comes over a wire, the answer is the right one or an error of ours: nothing hangs, nothing else is raised."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import ANSWERS, ODD_HISTORIES, REQUESTS, TOOLS, WIRES, spoiled, streamed

from journeyman.data import CallerError, ModelRequest, ProviderError, deltas_of
from journeyman.wire import HttpReply, HttpRequest

ALL = pytest.mark.parametrize("name", list(WIRES))
ROUNDS = 100_000 // (3 * len(WIRES)) + 1
"""Three kinds of bodies a wire: 100,000 bodies in all."""

JSON = {"content-type": "application/json"}


def cut(body, dice):
    while body:
        size = dice.choice((1, 7, 100, 5000))
        yield body[:size]
        body = body[size:]


@ALL
def test_spoiled_answers(name):
    """A whole answer that was spoiled is read as an answer or refused as the provider's error."""
    wire, dice = WIRES[name], random.Random(name)  # noqa: S311  (no secret)
    bodies = [wire.render(answer).body for answer in ANSWERS]
    bodies.append(wire.render_error(429, "slow down").body)
    refused = 0
    for turn in range(ROUNDS):
        body = spoiled(bodies[turn % len(bodies)], dice)
        try:
            wire.decode(HttpReply(200 if turn % 9 else dice.choice((400, 500)), JSON, body))
        except ProviderError:
            refused += 1
    assert refused > ROUNDS / 10


@ALL
def test_spoiled_streams(name):
    """A stream that was spoiled, in pieces, comes to an answer or to the provider's error."""
    wire, dice = WIRES[name], random.Random(name)  # noqa: S311  (no secret)
    bodies = [streamed(name, answer) for answer in ANSWERS]
    refused = 0
    for turn in range(ROUNDS):
        decoder = wire.decoder(HttpReply(200, {"content-type": wire.stream_type}))
        try:
            for piece in cut(spoiled(bodies[turn % len(bodies)], dice), dice):
                decoder.feed(piece)
            decoder.finish()
        except ProviderError:
            refused += 1
    assert refused > ROUNDS / 10


@ALL
def test_spoiled_requests(name):
    """A request that was spoiled is read as a request or refused as its client's error."""
    wire, dice = WIRES[name], random.Random(name)  # noqa: S311  (no secret)
    requests = [wire.encode(request, stream=turn % 2 == 1) for turn, request in enumerate(REQUESTS)]
    refused = 0
    for turn in range(ROUNDS):
        request = requests[turn % len(requests)]
        try:
            wire.parse(HttpRequest("POST", request.path, request.headers, spoiled(request.body, dice)))
        except CallerError:
            refused += 1
    assert refused > ROUNDS / 10


@ALL
@given(data=st.data())
def test_streams_may_be_cut_anywhere(name, data):
    """Pieces of any size, in the middle of a character or a frame, come to the answer that the whole says."""
    wire = WIRES[name]
    answer = data.draw(st.sampled_from(ANSWERS))
    body = streamed(name, answer)
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=20)))
    decoder = wire.decoder()
    for start, end in itertools.pairwise((0, *places, len(body))):
        decoder.feed(body[start:end])
    assert decoder.finish() == wire.decode(wire.render(answer))


@ALL
@pytest.mark.parametrize("answer", ANSWERS, ids=["words", "calls", "cut off"])
def test_a_stream_is_the_answer(name, answer):
    """Fed delta by delta, rendered at once or sent whole, an answer says the same to who reads it."""
    wire = WIRES[name]
    renderer = wire.renderer()
    fed = b"".join(map(renderer.feed, deltas_of(answer.message))) + renderer.finish(answer)
    read = []
    for body in (fed, streamed(name, answer)):
        decoder = wire.decoder()
        decoder.feed(body)
        read.append(decoder.finish())
    read.append(wire.decode(wire.render(answer)))
    for response in read:
        assert response.message.text == answer.message.text
        assert [(call.name, call.arguments) for call in response.message.tool_calls] == [
            (call.name, call.arguments) for call in answer.message.tool_calls
        ]
        assert response.finish == answer.finish
        assert response.usage.total_tokens == answer.usage.total_tokens
        assert response.usage.cache_read == (answer.usage.cache_read if name not in NO_CACHE_COUNT else 0)


NO_CACHE_COUNT = {
    "cohere": "it says how many input tokens were cached, and neither counts them apart nor prices them otherwise",
}


@ALL
def test_streams_that_break_off(name):
    """A stream that ends anywhere before its end is the provider's error of kind `stream`, and never half an answer."""
    wire = WIRES[name]
    body = streamed(name, ANSWERS[1])
    for end in range(0, len(body) - 1, 3):
        decoder = wire.decoder(HttpReply(200, {"content-type": wire.stream_type}))
        try:
            decoder.feed(body[:end])
            response = decoder.finish()
        except ProviderError as error:
            assert error.kind == "stream"  # noqa: PT017  (most places raise; where the end is only form, none has to)
        else:
            assert (response.message.tool_calls, response.finish) == (
                wire.decode(wire.render(ANSWERS[1])).message.tool_calls,
                "tool_calls",
            )


@ALL
@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529])
def test_errors_keep_their_status_and_words(name, status):
    """What we refuse on a wire is read on it as the same refusal, whole and after the answer has begun."""
    wire = WIRES[name]
    reply = wire.render_error(status, "so it goes")
    with pytest.raises(ProviderError) as caught:
        wire.decode(reply)
    assert (caught.value.status, caught.value.message) == (status, "so it goes")
    renderer = wire.renderer()
    body = renderer.feed(next(deltas_of(ANSWERS[0].message))) + renderer.fail(status, "so it goes")
    decoder = wire.decoder(HttpReply(200, {"content-type": wire.stream_type}))

    def read():
        for piece in (body[:9], body[9:]):
            decoder.feed(piece)
        return decoder.finish()

    with pytest.raises(ProviderError, match="so it goes"):
        read()


def letters(messages):
    return sorted("".join("".join(message.text for message in messages).split()))


@ALL
@pytest.mark.parametrize("label", ODD_HISTORIES)
def test_odd_histories(name, label):
    """An odd history leaves as a request that this wire can read, with all that was said, each result with its call."""
    wire, said = WIRES[name], ODD_HISTORIES[label]
    read = wire.parse(wire.encode(ModelRequest("m", said, TOOLS))).messages
    # Some wires have but one place for instructions, and none for blanks.
    assert letters(read) == letters(said)
    calls = {call.id: call.name for message in read for call in message.tool_calls}
    assert sorted(calls.values()) == sorted(call.name for message in said for call in message.tool_calls)
    results = [result for message in read for result in message.tool_results]
    expected = [result for message in said for result in message.tool_results]
    assert sorted(calls[result.call_id] for result in results) == sorted(result.name for result in expected)
    for result in expected:
        assert [other.text for other in results if calls[other.call_id] == result.name] == [result.text]
