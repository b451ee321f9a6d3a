"""Conversations: what was said is known to the next question, and written once."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from journeyman import (
    Agent,
    CallerError,
    Conflict,
    Conversation,
    Image,
    Pending,
    ProviderError,
    Rates,
    RunContext,
    ScriptedModel,
    resume,
    set_model_rates,
    tool,
)
from journeyman.adapters.log_memory import MemoryLog
from journeyman.compose import open_journal
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import RunResumed, RunStarted, load

PNG = b"\x89PNG\r\n\x1a\n"


@tool
async def ask_boss(question: str) -> str:
    """Ask the boss."""
    raise Pending(question)


def asks(call_id: str) -> ToolCall:
    return ToolCall(call_id, "ask_boss", '{"question": "May we?"}')


def talk(*said: object, **options: object) -> tuple[Conversation, ScriptedModel]:
    model = ScriptedModel(said)
    return Conversation(model, tools=[ask_boss], **options), model


def heard(request: ModelRequest) -> list[str]:
    return [result.text for message in request.messages for result in message.tool_results]


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

    conversation = Conversation(ScriptedModel([ToolCall("1", "slow"), "done"]), tools=[slow])
    first = asyncio.ensure_future(conversation.ask("a"))
    await entered.wait()
    with pytest.raises(CallerError, match="fork"):
        await conversation.continue_()
    with pytest.raises(CallerError, match="fork"):
        await conversation.ask("b")
    with pytest.raises(CallerError, match="fork"):
        await conversation.cancel()
    release.set()
    assert (await first).output == "done"
    assert "b" not in [message.text for message in conversation.messages]


async def test_two_lines_of_one_session_at_once_overwrite_nothing(tmp_path: Path) -> None:
    """Each fact is in the file when the next thing happens, not at the end; both lines are whole (agno #9450 #7317)."""
    journal = f"sqlite:///{tmp_path / 'talk.db'}"
    saved: list[list[str]] = []
    both = asyncio.Event()

    @tool
    async def look(context: RunContext[None]) -> str:
        """Look into the file from beside, when both lines are at work."""
        if len(saved) == 1:
            both.set()
        saved.append([])
        await both.wait()
        async with open_journal(journal) as log:
            facts = (await load(log, context.run_id)).facts
            saved.append([type(fact).__name__ for fact in facts])
        return "seen"

    said = ["hello", *[lambda _: ToolCall("1", "look")] * 2, *[lambda request: request.messages[2].text] * 2]
    first = Conversation(ScriptedModel(said), tools=[look], journal=journal)
    await first.ask("Hi.")
    second = first.fork()
    await asyncio.gather(first.ask("a"), second.ask("b"))
    assert saved[2:] == [["RunStarted", "ModelRequested", "ModelResponded", "ToolStarted"]] * 2
    async with open_journal(journal) as log:
        runs = [(await load(log, row.run)).state for row in (await log.runs()).rows]
    assert sorted([message.text for message in state.messages if message.text] for state in runs) == [
        ["Hi.", "hello"],
        ["Hi.", "hello", "a", "a"],
        ["Hi.", "hello", "b", "b"],
    ]


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
    assert conversation.cancel_sync() == ()


async def test_a_call_that_waits_is_answered_where_the_conversation_is() -> None:
    """The model hears the answer and not that nothing was done; nothing is counted twice; answers may come in parts."""
    conversation, model = talk([asks("1"), asks("2")], "We may.", "Bye.")
    waiting = await conversation.ask("Ask.")
    assert (waiting.status, [call.id for call in conversation.pending]) == ("waiting", ["1", "2"])
    before = conversation.usage
    half = await conversation.continue_(answers={"2": "no"})
    assert ([call.id for call in conversation.pending], half.run_id) == (["1"], waiting.run_id)
    assert conversation.usage == before
    result = await conversation.continue_(answers={"1": "yes"})
    assert (result.output, conversation.pending) == ("We may.", ())
    assert heard(model.requests[1]) == ["yes", "no"]
    assert conversation.usage == result.usage
    assert (await conversation.ask("Thanks.")).output == "Bye."
    assert heard(model.requests[2]) == ["yes", "no"]


async def test_nothing_else_is_asked_while_a_call_waits() -> None:
    """Neither words nor a second line of talk; what was refused was not said. Words that are added are said afterwards."""
    conversation, model = talk(asks("1"), "We may.", "Of course.")
    await conversation.ask("Ask.")
    told = r"calls wait for an answer: '1' \(ask_boss\); go on with continue_\(answers="
    with pytest.raises(CallerError, match=told):
        await conversation.ask("And now?")
    with pytest.raises(CallerError, match=told):
        async with conversation.ask_stream("And now?"):
            pass
    with pytest.raises(CallerError, match=told):
        conversation.fork()
    with pytest.raises(CallerError, match="does not wait for call '7'"):
        await conversation.continue_(answers={"7": "yes"})
    assert len(conversation.messages) == 2
    conversation.add_message("user", "Politely?")
    assert (await conversation.continue_(answers={"1": "yes"})).output == "We may."
    assert (await conversation.continue_()).output == "Of course."
    assert [message.text for message in model.requests[2].messages][-2:] == ["We may.", "Politely?"]
    with pytest.raises(CallerError, match="no call of this conversation waits"):
        await conversation.continue_(answers={"1": "yes"})


async def test_an_answer_from_elsewhere_is_found() -> None:
    """Whoever resumed the run, the conversation goes on from where it is."""
    log = MemoryLog()
    conversation, _ = talk(asks("1"), "We may.", "Bye.", journal=log)
    run = (await conversation.ask("Ask.")).run_id
    assert (await conversation.continue_()).status == "waiting"
    await resume(run, agent=conversation.agent, answers={"1": "yes"})
    assert (await conversation.continue_()).output == "We may."
    assert (await conversation.ask("Thanks.")).output == "Bye."


async def test_a_call_below_is_answered_by_its_address() -> None:
    """The calls of agents below are among those that wait."""
    clerk = Agent(ScriptedModel([asks("1"), "We may."]), name="clerk", tools=[ask_boss])
    model = ScriptedModel([ToolCall("1", "clerk", '{"task": "Ask."}'), "Agreed."])
    conversation = Conversation(model, tools=[clerk.as_tool()])
    await conversation.ask("May we?")
    assert [(call.id, call.agent) for call in conversation.pending] == [("1/1", "clerk")]
    assert (await conversation.continue_(answers={"1/1": "yes"})).output == "Agreed."


async def test_the_answer_after_a_wait_can_be_streamed() -> None:
    """`continue_stream` gives the words as they come, and is `continue_stream` of what was added where nothing waits."""
    conversation, _ = talk(asks("1"), "We may go.", "Bye now.")
    async with conversation.ask_stream("Ask.") as stream:
        assert [text async for text in stream.text()] == []
    assert stream.result.status == "waiting"
    async with conversation.continue_stream(answers={"1": "yes"}) as stream:
        assert [text async for text in stream.text()] == ["We", " may", " go."]
    conversation.add_message("user", "Thanks.")
    async with conversation.continue_stream() as stream:
        assert [text async for text in stream.text()] == ["Bye", " now."]
    assert [message.text for message in conversation.messages][-3:] == ["We may go.", "Thanks.", "Bye now."]


async def test_calls_that_wait_can_be_given_up() -> None:
    """Their run is cancelled on the journal, the model hears that nobody said what came of it, and there is nothing left."""
    log = MemoryLog()
    conversation, model = talk(asks("1"), "Then not.", journal=log)
    run = (await conversation.ask("Ask.")).run_id
    assert await conversation.cancel() == (run,)
    assert (await load(log, run)).state.status == "cancelled"
    assert (conversation.pending, await conversation.cancel()) == ((), ())
    assert (await conversation.ask("Leave it.")).output == "Then not."
    assert heard(model.requests[1]) == ["This call was begun, and nobody has said what came of it."]


async def test_a_failure_after_the_answer_loses_neither() -> None:
    """The answer stands in the journal; the conversation goes on from there, and what was used is counted."""
    conversation, model = talk(asks("1"), ProviderError("down", status=503), "here")
    await conversation.ask("Ask.")
    with pytest.raises(ProviderError):
        await conversation.continue_(answers={"1": "yes"})
    assert conversation.pending == ()
    assert (await conversation.ask("Well?")).output == "here"
    assert heard(model.requests[2]) == ["yes"]


async def test_a_run_that_somebody_else_took_is_not_talked_over() -> None:
    """Its calls are as open as before: asking something else is refused, and so is giving it up."""
    log = MemoryLog()
    conversation, _ = talk(asks("1"), journal=log)
    run = (await conversation.ask("Ask.")).run_id
    state = (await load(log, run)).state
    await log.append(run, state.next_seq, [RunResumed(seq=state.next_seq)])
    with pytest.raises(Conflict, match="at work"):
        await conversation.cancel()
    with pytest.raises(CallerError, match="wait"):
        await conversation.ask("And now?")


async def test_a_stream_that_is_left_early_is_no_error() -> None:
    """Its run is cancelled and its words are still said; after a wait, the answer that was given stays."""
    conversation, model = talk("one two three", asks("1"), "We may go.", "Bye.")
    async with conversation.ask_stream("a") as stream:
        async for _ in stream.text():
            break
    assert (stream.run.state, [message.text for message in conversation.messages]) == ("cancelled", ["a"])
    await conversation.continue_()
    async with conversation.continue_stream(answers={"1": "yes"}) as stream:
        async for _ in stream.text():
            break
    assert conversation.pending == ()
    assert (await conversation.ask("b")).output == "Bye."
    assert heard(model.requests[-1]) == ["yes"]
