"""Real exchanges with providers (`../shared/wire`, no part of the project): read, sent again, continued, served, hopped."""

import itertools
import json
from urllib.parse import unquote

import msgspec
import pytest
from corpus import PATH, WHY_ABSENT, Recorded, body_of, pieces, said
from differences import ALIKE, ANSWERS, REQUESTS, TURNS
from msgspec.structs import replace

from journeyman.data import Message, ModelRequest, ProviderError
from journeyman.wire import DIALECTS, dialect

pytestmark = pytest.mark.skipif(not PATH.exists(), reason=WHY_ABSENT)

WIRES = {name: Recorded(name) for name in ALIKE}
each_wire = pytest.mark.parametrize("name", list(WIRES))


def outcome(recorded, case, seed=0):
    """What the answer says, or the error that it is, in the words of the expectations."""
    try:
        return said(recorded.answered(case, seed))
    except ProviderError as error:
        return {"error": {"status": error.status, "message": error.message}}


def answers(recorded):
    return {name: case for name, case in recorded.cases.items() if "error" not in case["expect"]}


@each_wire
@pytest.mark.parametrize("seed", range(5))
def test_answers_are_read_right(name, seed):
    """Text, thoughts, calls, finish, usage and errors of all recordings are read right, however a stream is cut."""
    recorded = WIRES[name]
    assert recorded.cases
    differing = {key for key, case in recorded.cases.items() if outcome(recorded, case, seed) != case["expect"]}
    assert differing == ANSWERS.keys() & recorded.cases.keys()


@each_wire
def test_requests_come_out_as_they_went_in(name):
    """A recorded request, parsed and encoded, is the same JSON key by key, at the same place, streamed or not."""
    recorded = WIRES[name]
    differing = set()
    for key, case in recorded.cases.items():
        if case["request"] is None:
            continue
        request = recorded.asked(case)
        again = recorded.wire.encode(request, stream=request.stream)
        place = unquote(case["path"].partition("?")[0]).endswith(unquote(again.path.partition("?")[0]))
        # A refusal is no stream, whatever was asked for.
        streams = request.stream == case["stream"] or "error" in case["expect"]
        if json.loads(again.body) != case["request"] or not (streams and place):
            differing.add(key)
    assert differing == REQUESTS.keys() & recorded.cases.keys()


@each_wire
def test_conversations_go_on_as_they_did(name):
    """The recorded history with our decoded answer behind it is the history that was sent next."""
    recorded, alike = WIRES[name], ALIKE[name]
    differing = set()
    for key, really in recorded.continued.items():
        case = recorded.cases[key]
        sent = recorded.sent(recorded.asked(case), recorded.answered(case).message)
        if list(map(alike, sent)) != list(map(alike, really[: len(sent)])):
            differing.add(key)
    assert differing == TURNS.keys() & recorded.cases.keys()


def test_how_many_differ():
    """Of all answers at least 99 in 100 are read as expected, all requests come out the same, and of all continued turns
    more than 9 in 10 are what was sent next; no difference is listed that does not exist."""
    cases = [key for recorded in WIRES.values() for key in recorded.cases]
    continued = [key for recorded in WIRES.values() for key in recorded.continued]
    assert ANSWERS.keys() <= set(cases)
    assert REQUESTS.keys() <= set(cases)
    assert TURNS.keys() <= set(continued)
    assert len(ANSWERS) <= len(cases) / 100
    assert len(TURNS) <= len(continued) / 10


@each_wire
def test_an_answer_that_we_serve_says_the_same(name):
    """What we render of a decoded answer, whole or as a stream cut anywhere, decodes to the same answer."""
    recorded = WIRES[name]
    for key, case in answers(recorded).items():
        answer = recorded.answered(case)
        whole = recorded.wire.decode(recorded.wire.render(answer))
        stream = recorded.heard(pieces(recorded.wire.renderer().finish(answer), key))
        if name == "openai_chat":
            # A dozen vendors' ways come in, one goes out: thoughts under another key, an end that always has a reason.
            assert said(whole) == said(stream) == said(replace(answer, finish=answer.finish or "stop")), key
        else:
            assert whole == stream == answer, key


@each_wire
def test_a_stream_that_we_pass_on_says_the_same(name):
    """A recorded stream, decoded and rendered again delta by delta, says the same to who reads it."""
    recorded = WIRES[name]
    for key, case in answers(recorded).items():
        if not case["stream"]:
            continue
        upstream, downstream, out = recorded.wire.decoder(), recorded.wire.renderer(), []
        for piece in pieces(body_of(case), key):
            out += map(downstream.feed, upstream.feed(piece))
        answer = upstream.finish()
        out.append(downstream.finish(answer))
        assert said(recorded.heard(out)) == said(replace(answer, finish=answer.finish or "stop")), key


@each_wire
def test_refusals_that_we_serve_say_the_same(name):
    """A recorded error keeps its status and its words when we serve it."""
    recorded = WIRES[name]
    for case in recorded.cases.values():
        if "error" in case["expect"]:
            expected = case["expect"]["error"]
            with pytest.raises(ProviderError) as caught:
                recorded.wire.decode(recorded.wire.render_error(expected["status"], expected["message"]))
            assert (caught.value.status, caught.value.message) == (expected["status"], expected["message"])


@pytest.mark.parametrize(("name", "other"), [pair for pair in itertools.product(WIRES, DIALECTS) if pair[0] != pair[1]])
def test_a_visit_elsewhere_loses_nothing(name, other):
    """A recorded conversation that is stored, sent to another provider and comes back is sent as if it had stayed.

    Another provider may have no place for what the conversation holds (a sound, a film) and say so; the visit then does
    not take place, and coming back is the same all the same.
    """
    recorded, elsewhere = WIRES[name], dialect(other)
    visited = 0
    for key in recorded.continued:
        case = recorded.cases[key]
        request = recorded.asked(case)
        answer = recorded.answered(case).message
        stayed = recorded.sent(request, answer)
        said_here = (*request.messages, answer)
        try:
            elsewhere.encode(ModelRequest("m", said_here))
        except Exception as error:  # noqa: BLE001  (its kind is the claim)
            assert type(error).__name__ == "CallerError", (key, error)  # noqa: PT017  (most do not raise)
        else:
            visited += 1
        stored = msgspec.json.decode(msgspec.json.encode(said_here), type=tuple[Message, ...])
        for messages in (said_here, stored):
            assert recorded.sent(replace(request, messages=messages)) == stayed, key
    assert visited >= len(recorded.continued) * 0.8
