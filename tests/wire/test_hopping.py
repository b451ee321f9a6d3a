"""A conversation that changes its provider at every turn: each is sent what it said itself, and understands the rest."""

import itertools
import json

import msgspec
import pytest
from msgspec.structs import replace
from samples import ANSWERS, HISTORY, TOOLS, WIRES, streamed

from journeyman.data import Message, ModelRequest, ToolCall, ToolResult
from journeyman.wire import HttpReply

PAIRS = list(itertools.permutations(WIRES, 2))


def heard(name, answer):
    """What the wire's decoder makes of an answer, as a provider would have sent it."""
    decoder = WIRES[name].decoder(HttpReply(200, {"content-type": WIRES[name].stream_type}))
    decoder.feed(streamed(name, answer))
    return decoder.finish().message


def results(message):
    return Message(
        "tool", tuple(ToolResult(call.id, f"result of {call.name}", name=call.name) for call in message.tool_calls)
    )


def stored(message):
    """The message as a journal gives it back, without anything that was kept beside it."""
    return msgspec.json.decode(msgspec.json.encode(message), type=Message)


def sent(name, messages):
    return json.loads(WIRES[name].encode(ModelRequest("m", tuple(messages), TOOLS)).body)


def conversation(turns):
    said = [Message.user("What is the weather?")]
    for number, name in enumerate(turns):
        answer = heard(name, ANSWERS[1])
        said += [answer, results(answer), Message.user(f"And now, {number}?")]
    return said


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_there_and_back(first, second):
    """A → B → A sends A its own turns as it gets them in a conversation with A alone, over a journal as well."""
    alone = sent(first, conversation([first]))
    hopped = conversation([first, second])
    WIRES[second].encode(ModelRequest("m", tuple(hopped), TOOLS))
    for messages in (hopped, [stored(message) for message in hopped]):
        again = sent(first, messages)
        for key, value in alone.items():
            if isinstance(value, list) and key in ("messages", "contents", "input"):
                assert again[key][: len(value)] == value
            else:
                assert again[key] == value


@pytest.mark.parametrize("name", list(WIRES))
def test_every_wire_understands_the_turns_of_all_others(name):
    """What was said, called and given by any provider is in the request to any other, calls and results in pairs."""
    said = conversation(list(WIRES))
    body = WIRES[name].encode(ModelRequest("m", tuple(said), TOOLS)).body
    read = WIRES[name].parse(WIRES[name].encode(ModelRequest("m", tuple(said), TOOLS))).messages
    calls = [call.id for message in read for call in message.tool_calls]
    answered = [result.call_id for message in read for result in message.tool_results]
    assert len(calls) == len(answered) == 2 * len(WIRES)
    assert sorted(calls) == sorted(answered)
    assert body.count(b"result of weather") == len(WIRES)
    texts = [message.text for message in read if message.role == "user" and message.text]
    assert texts == ["What is the weather?", *(f"And now, {number}?" for number in range(len(WIRES)))]


@pytest.mark.parametrize("name", list(WIRES))
def test_a_tool_loop_may_change_its_provider_at_every_step(name):
    """Within a loop no user speaks between the providers: each call is still followed by its result, in their order."""
    said = [Message.user("What is the weather?")]
    for other in WIRES:
        answer = heard(other, ANSWERS[1])
        parts = [
            replace(part, id=f"{other}_{part.id}") if isinstance(part, ToolCall) else part for part in answer.parts
        ]
        said += [replace(answer, parts=tuple(parts)), results(replace(answer, parts=tuple(parts)))]
    read = WIRES[name].parse(WIRES[name].encode(ModelRequest("m", tuple(said), TOOLS))).messages
    waiting, answered = [], 0
    for message in read:
        waiting += [(call.id, f"result of {call.name}") for call in message.tool_calls]
        for result in message.tool_results:
            assert (result.call_id, result.text) == waiting.pop(0)
            answered += 1
    assert waiting == []
    assert answered == 2 * len(WIRES)


@pytest.mark.parametrize("name", list(WIRES))
def test_a_longer_history_does_not_change_what_was_sent(name):
    """The encoding of a turn does not depend on what follows it, so that providers' prompt caches hold."""
    key = next(key for key, value in sent(name, HISTORY).items() if key in ("messages", "contents", "input"))
    whole = sent(name, HISTORY)[key]
    for count in range(1, len(HISTORY)):
        if HISTORY[count - 1].tool_calls:
            # Half a turn: its results are still to come.
            continue
        part = sent(name, HISTORY[:count]).get(key, [])
        assert whole[: len(part)] == part
