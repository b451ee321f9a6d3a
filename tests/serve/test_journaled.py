"""What the gateway writes down of what it was asked."""

import asyncio

import pytest

from journeyman.compose import new_memory_log
from journeyman.data import (
    CallerError,
    Image,
    Message,
    ModelRequest,
    ProviderError,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from journeyman.journal import RunQuery, RunStarted, load
from journeyman.models import ScriptedModel
from journeyman.serve.journaled import Journaled


def counting():
    numbers = iter(range(100))
    return lambda: f"run-{next(numbers)}"


def journaled(script):
    log = new_memory_log()
    return Journaled(ScriptedModel(script), log, now=lambda: 7, new_id=counting()), log


async def facts_of(log, run):
    return [fact async for fact in log.read(run)]


async def kinds(log, run):
    return [type(fact).__name__ for fact in await facts_of(log, run)]


async def test_an_exchange_is_a_run():
    """What was asked, that it was asked, the answer and the end are facts of one run."""
    model, log = journaled(["Hello"])
    response = await model.respond(ModelRequest("m", (Message.user("Hi"),)))
    assert response.message.text == "Hello"
    assert await kinds(log, "run-0") == ["RunStarted", "ModelRequested", "ModelResponded", "RunFinished"]
    state = (await load(log, "run-0")).state
    assert (state.status, [message.text for message in state.messages]) == ("finished", ["Hi", "Hello"])
    (row,) = (await log.runs(RunQuery(agent="gateway"))).rows
    assert row.usage == response.usage


async def test_a_conversation_is_written_once():
    """A client sends everything each time; each run holds what is new, and its history is whole all the same."""
    model, log = journaled(["one", "two", "three"])
    said = (Message.system("Be brief."),)
    for turn in range(3):
        said = (*said, Message.user(f"question {turn}"))
        response = await model.respond(ModelRequest("m", said))
        # As a client sends it back: the words, and nothing of what else came with them.
        said = (*said, Message.assistant(response.message.text))
    inputs = [(await facts_of(log, f"run-{turn}"))[0].input for turn in range(3)]
    assert [len(new) for new in inputs] == [2, 1, 1]
    state = (await load(log, "run-2")).state
    assert [message.text for message in state.messages] == [message.text for message in said]


async def test_a_turn_with_tools():
    """Results that the client brings follow the calls that the model made."""
    call = ToolCall("call_1", "f", '{"a":1}')
    model, log = journaled([[Thinking("hm"), call], "done"])
    said = (Message.user("go"),)
    await model.respond(ModelRequest("m", said))
    back = (Message("assistant", (call,)), Message("tool", (ToolResult("call_1", "ok"),)))
    await model.respond(ModelRequest("m", (*said, *back)))
    state = (await load(log, "run-1")).state
    assert [message.role for message in state.messages] == ["user", "assistant", "tool", "assistant"]
    assert state.messages[2].tool_results == (ToolResult("call_1", "ok"),)
    assert state.calls == ()


async def test_two_branches_of_a_conversation():
    """A question asked anew goes on from where it branches off, not from the other branch."""
    model, log = journaled(["a", "b", "c"])
    begun = (Message.user("x"), Message.assistant("a"))
    await model.respond(ModelRequest("m", begun[:1]))
    await model.respond(ModelRequest("m", (*begun, Message.user("left"))))
    await model.respond(ModelRequest("m", (*begun, Message.user("right"))))
    assert [message.text for message in (await load(log, "run-2")).state.messages] == ["x", "a", "right", "c"]


@pytest.mark.parametrize(
    "other",
    [
        (Message("user", (Text("x"), Image("image/png", b"2"))), Message.assistant("a")),
        (Message("user", (Text("x"), Image("image/png", b"1"))), Message.assistant("b")),
        (Message("user", (Image("image/png", b"1"), Text("x"))), Message.assistant("a")),
    ],
)
async def test_other_words_are_another_conversation(other):
    """What differs in a picture, a word or an order is written down, not taken for what is known."""
    model, log = journaled(["a", "b"])
    first = (Message("user", (Text("x"), Image("image/png", b"1"))),)
    await model.respond(ModelRequest("m", first))
    await model.respond(ModelRequest("m", (*other, Message.user("on"))))
    started = (await facts_of(log, "run-1"))[0]
    assert isinstance(started, RunStarted)
    assert (started.continues is None) or started.continues.seq == 1
    assert (await load(log, "run-1")).state.messages[:3] == (*other, Message.user("on"))


async def test_a_failure_is_written_down():
    """An exchange that the provider refused has a run that says so."""
    model, log = journaled([ProviderError("no", status=503)])
    with pytest.raises(ProviderError):
        await model.respond(ModelRequest("m", (Message.user("Hi"),)))
    state = (await load(log, "run-0")).state
    assert (state.status, state.failure.status) == ("errored", 503)


async def test_a_client_that_hangs_up_is_written_down():
    """An exchange that was cut off has a run that was cancelled."""
    asked = asyncio.Event()

    class Slow(ScriptedModel):
        async def respond(self, request, emit=None, record=None):
            asked.set()
            await asyncio.Event().wait()

    log = new_memory_log()
    model = Journaled(Slow([]), log, new_id=lambda: "run-0")
    task = asyncio.create_task(model.respond(ModelRequest("m", (Message.user("Hi"),))))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kinds(log, "run-0") == ["RunStarted", "ModelRequested", "RunCancelled"]


async def test_a_request_without_words():
    """A request that the model refuses itself is on the journal as well."""
    model, log = journaled([])
    with pytest.raises(CallerError):
        await model.respond(ModelRequest("m", ()))
    assert (await load(log, "run-0")).state.status == "errored"
