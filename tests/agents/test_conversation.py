"""Conversations: what was said is known to the next question, and written once."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from journeyman import Agent, CallerError, Conversation, Image, ProviderError, Rates, ScriptedModel, set_model_rates
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest
from journeyman.journal import RunStarted, load

PNG = b"\x89PNG\r\n\x1a\n"


async def test_each_question_knows_what_was_said_before() -> None:
    """The model hears the whole conversation; each run's journal holds only what is new."""
    log = MemoryLog()
    model = ScriptedModel(["one", "two", "three"])
    conversation = Conversation(model, system_prompt="Count.", journal=log)
    answers = [(await conversation.ask(word)).output for word in ("a", "b", "c")]
    assert answers == ["one", "two", "three"]
    assert [message.text for message in model.requests[2].messages] == ["Count.", "a", "one", "b", "two", "c"]
    assert [message.text for message in conversation.messages] == ["a", "one", "b", "two", "c", "three"]
    rows = (await log.runs()).rows
    assert [row.conversation for row in rows] == [conversation.id] * 3
    for row in rows:
        (started, *_) = (await load(log, row.run)).facts
        assert isinstance(started, RunStarted)
        assert len(started.input) == 1


async def test_a_conversation_of_many_turns_is_read_back_from_its_last_run() -> None:
    """The chain of runs is followed without recursion, however long it is."""
    log = MemoryLog()
    turns = 1200
    conversation = Conversation(ScriptedModel(["x"] * turns), journal=log)
    for n in range(turns):
        result = await conversation.ask(str(n))
    assert (await load(log, result.run_id)).state.messages == conversation.messages
    assert len(conversation.messages) == 2 * turns


async def test_messages_can_be_added_before_the_model_speaks() -> None:
    """`add_message` says something, `continue_` asks for the answer."""
    model = ScriptedModel(["noted"])
    conversation = Conversation(model)
    conversation.add_message("user", "first")
    conversation.add_message("assistant", "go on")
    conversation.add_message("user", "second")
    assert (await conversation.continue_()).output == "noted"
    assert [(message.role, message.text) for message in model.requests[0].messages] == [
        ("user", "first"),
        ("assistant", "go on"),
        ("user", "second"),
    ]


async def test_pictures_go_with_the_words() -> None:
    """Bytes are known by their first bytes; what is no picture is refused."""
    model = ScriptedModel(["a dot", "another"])
    conversation = Conversation(model)
    await conversation.ask("what is it?", images=[PNG])
    await conversation.ask(["and", "this?"], images=[Image("image/webp", url="https://example.org/x.webp")])
    parts = model.requests[0].messages[0].parts
    assert [type(part).__name__ for part in parts] == ["Text", "Image"]
    assert parts[1] == Image("image/png", data=PNG)
    with pytest.raises(CallerError, match="PNG"):
        await conversation.ask("?", images=[b"hello"])


async def test_streams_continue_the_conversation() -> None:
    """What was streamed is part of what was said."""
    conversation = Conversation(ScriptedModel(["one two", "three"]))
    async with conversation.ask_stream("a") as stream:
        assert [text async for text in stream.text()] == ["one", " two"]
    await conversation.ask("b")
    assert [message.text for message in conversation.messages] == ["a", "one two", "b", "three"]


async def test_a_fork_is_a_second_line_of_talk() -> None:
    """Both lines share what was said before and nothing after."""
    conversation = Conversation(ScriptedModel(["1", "2", "3"]))
    await conversation.ask("a")
    branch = conversation.fork()
    await branch.ask("b")
    await conversation.ask("c")
    assert [message.text for message in branch.messages] == ["a", "1", "b", "2"]
    assert [message.text for message in conversation.messages] == ["a", "1", "c", "3"]


async def test_two_questions_at_once_are_refused() -> None:
    """One conversation is one line of talk; nothing is lost or mixed up (agno #7479)."""
    release = asyncio.Event()
    entered = asyncio.Event()

    async def slow() -> str:
        """Wait."""
        entered.set()
        await release.wait()
        return "ok"

    from journeyman.data import ToolCall

    conversation = Conversation(ScriptedModel([ToolCall("1", "slow"), "done"]), tools=[slow])
    first = asyncio.ensure_future(conversation.ask("a"))
    await entered.wait()
    with pytest.raises(CallerError, match="fork"):
        await conversation.continue_()
    release.set()
    assert (await first).output == "done"


async def test_what_was_not_answered_is_still_said() -> None:
    """After an error the words are there for the next try."""
    conversation = Conversation(ScriptedModel([ProviderError("down", status=503), "here"]))
    with pytest.raises(ProviderError):
        await conversation.ask("a")
    assert [message.text for message in conversation.messages] == ["a"]
    assert (await conversation.continue_()).output == "here"
    assert [message.text for message in conversation.messages] == ["a", "here"]


async def test_usage_and_cost_are_those_of_all_questions() -> None:
    """Totals grow with every question; an unknown price leaves the cost unknown."""
    set_model_rates("scripted:talk", Rates(input=1, output=1))
    conversation = Conversation(ScriptedModel(["b", "d"], name="scripted:talk"))
    await conversation.ask("a")
    await conversation.ask("c")
    assert conversation.usage.total_tokens == 1 + 1 + 3 + 1
    assert str(conversation.cost) == "0.000006"
    unpriced = Conversation(ScriptedModel(["b"], name="scripted:nothing"))
    await unpriced.ask("a")
    assert unpriced.cost is None


async def test_the_prefix_of_a_conversation_never_changes() -> None:
    """Each request begins with the one before it, so that a provider's prompt cache holds."""
    model = ScriptedModel([lambda request: str(len(request.messages))] * 5)
    conversation = Conversation(model, system_prompt="Be stable.")
    for word in "abcde":
        await conversation.ask(word)
    requests: list[ModelRequest] = model.requests
    for before, after in itertools.pairwise(requests):
        assert after.messages[: len(before.messages)] == before.messages
        assert after.tools == before.tools


def test_blocking_code_can_talk_too() -> None:
    """`ask_sync` and `continue_sync`; an agent can be given instead of a model."""
    conversation = Conversation(Agent(ScriptedModel(["x", "y"])))
    assert conversation.ask_sync("a").output == "x"
    conversation.add_message("user", "b")
    assert conversation.continue_sync().output == "y"
