"""Recording runs and replaying them: the same journal to the byte, and a loud word where something else is asked for."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import socket
import subprocess
import sys
import threading
from typing import Literal

import pytest

from journeyman import (
    Agent,
    CallerError,
    Conversation,
    LimitExceeded,
    Limits,
    ModelRetry,
    Pending,
    ProviderError,
    RunContext,
    ScriptedModel,
    open_model,
    resume,
    tool,
)
from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.data import Image, ReplayMismatch, Text, TextDelta, ToolCall
from journeyman.journal import RunQuery, encode_fact
from journeyman.models.around import Retry
from journeyman.providers import Capabilities
from journeyman.testing import provider_twin, record, replay, tape_model

NOTHING: list[str] = []


def call(name, call_id="c1", **arguments):
    return ToolCall(call_id, name, json.dumps(arguments))


async def journal_of(log):
    """Every line of a journal, by run."""
    page = await log.runs(RunQuery(limit=1000))
    return {row.run: [encode_fact(row.run, fact) async for fact in log.read(row.run)] for row in page.rows}


class World:
    """Agents whose tools and models count how often they are used."""

    def __init__(self, script=NOTHING, *, tools=(), child=NOTHING, **options):
        self.used = []
        self.model = ScriptedModel(self._counted(script))
        self.child = ScriptedModel(self._counted(child), name="scripted:expert")
        expert = Agent(self.child, name="expert").as_tool()
        self.agent = Agent(self.model, tools=[*tools, expert], max_iterations=50, **options)

    def _counted(self, script):
        for line in script:
            self.used.append("model")
            yield line


def two_tools(used):
    """Two tools that take turns at being the slower one, without a clock."""
    first = asyncio.Event()

    @tool
    async def slow(n: int) -> str:
        """Wait for the quick one."""
        used.append("slow")
        await first.wait()
        first.clear()
        return f"slow {n}"

    @tool
    def quick(context: RunContext[None], n: int) -> str:
        """Be done at once, in a thread."""
        used.append("quick")
        context.progress("half", 0.5)
        context.host._loop.call_soon_threadsafe(first.set)
        return f"quick {n}"

    return [slow, quick]


def rounds(count):
    """Turns with two parallel tools and two parallel children each, then words."""
    for n in range(count):
        yield [
            Text("Let me see."),
            call("slow", f"s{n}", n=n),
            call("expert", f"a{n}", task=f"left {n}"),
            call("quick", f"q{n}", n=n),
            call("expert", f"b{n}", task=f"right {n}"),
        ]
    yield "It is done, all of it."


async def recorded_rounds(path, log):
    used = []
    world = World(rounds(20), tools=two_tools(used), child=(f"answer {n}" for n in range(100)))
    async with record(path):
        async with world.agent.run_stream("Go.", journal=log) as stream:
            events = [event async for event in stream.events()]
    assert len(used) == 40
    return events


async def replayed_rounds(path, log):
    used = []
    world = World(tools=two_tools(used))
    async with replay(path):
        async with world.agent.run_stream("Go.", journal=log) as stream:
            events = [event async for event in stream.events()]
    assert used == []
    assert world.used == []
    return events


async def test_twenty_rounds_are_the_same_to_the_byte(tmp_path):
    """Parallel tools, parallel sub-agents and a stream: the same facts at the same times, and the same glimpses."""
    tape, first, again = tmp_path / "tape.jsonl", MemoryLog(), MemoryLog()
    events = await recorded_rounds(tape, first)
    assert len(await journal_of(first)) == 41
    for _ in range(3):
        again = MemoryLog()
        assert sorted(map(repr, await replayed_rounds(tape, again))) == sorted(map(repr, events))
        assert await journal_of(again) == await journal_of(first)


async def test_it_is_the_same_on_sqlite_and_without_sockets(tmp_path, monkeypatch):
    """A replay opens no socket at all, and a journal in a file gets the same lines."""
    tape, first, again = tmp_path / "tape.jsonl", SqliteLog(tmp_path / "a.db"), SqliteLog(tmp_path / "b.db")
    await recorded_rounds(tape, first)

    def refused(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refused)
    await replayed_rounds(tape, again)
    monkeypatch.undo()
    assert await journal_of(again) == await journal_of(first)
    await first.close()
    await again.close()


PROGRAM = """
import asyncio, sys
from journeyman import Agent, ScriptedModel, tool
from journeyman.data import ToolCall
from journeyman.testing import record, replay

@tool
def look(city: str, deep: bool = False) -> str:
    "Look."
    return f"{city}: {sorted({'b', 'a'})}"

tape, mode, journal = sys.argv[1:]
script = [[ToolCall("1", "look", '{"city": "Bonn"}'), ToolCall("2", "look", '{"deep": true, "city": "Ulm"}')], "Done."]
agent = Agent(ScriptedModel(script if mode == "record" else []), tools=[look], journal=journal)
with (record if mode == "record" else replay)(tape):
    print(agent.run_sync("Look.", tags=["x", "y"]).output)
"""


def test_another_process_replays_it(tmp_path):
    """A fresh process with another hash seed writes the same journal."""

    def run(mode, seed):
        journal = tmp_path / f"{mode}.db"
        command = [sys.executable, "-c", PROGRAM, str(tmp_path / "t.jsonl"), mode, f"sqlite:///{journal}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONHASHSEED": seed})  # noqa: S603  (our own interpreter and code)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "Done.\n"
        return asyncio.run(read(journal))

    async def read(path):
        log = SqliteLog(path)
        try:
            return await journal_of(log)
        finally:
            await log.close()

    assert run("record", "1") == run("replay", "2")


async def test_failures_and_retries_come_again(tmp_path):
    """A provider's failure, an output that did not fit, ModelRetry and a tool's error: all as they were, nothing asked."""
    tape = tmp_path / "tape.jsonl"
    tries = []

    @tool
    async def moody(n: int) -> str:
        """Fail in turns."""
        tries.append(n)
        if len(tries) == 1:
            raise ModelRetry("not like this")
        raise ValueError("never like this")

    def agent(script):
        model = ScriptedModel(script, capabilities=Capabilities(json_schema=False))
        return Agent(model, tools=[moody], output_type=Literal["yes", "no"])

    script = [
        ProviderError("too many", status=429, retry_after=3.0, body="slow down"),
        call("moody", n=1),
        call("moody", n=2),
        "perhaps",
        call("final_result", "o", result="yes"),
    ]
    first, again = MemoryLog(), MemoryLog()

    async def both(used, log):
        with pytest.raises(ProviderError) as caught:
            await used.run("Yes or no?", journal=log)
        result = await resume(caught.value.run_id, agent=used, journal=log)
        return caught.value, result.output

    with record(tape):
        error, output = await both(agent(script), first)
    with replay(tape):
        error_again, output_again = await both(agent([]), again)
    assert output == output_again == "yes"
    assert (error.status, error.kind, error.retry_after, error.body) == (429, "rate_limit", 3.0, "slow down")
    assert vars(error_again) == vars(error)
    assert await journal_of(again) == await journal_of(first)
    assert tries == [1, 2]


async def test_what_happened_on_the_way_to_an_answer_comes_again(tmp_path):
    """Requests that were repeated are facts of the run; a replay has the same facts and waits for nothing."""
    tape = tmp_path / "tape.jsonl"
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    script = [ProviderError("busy", status=529), ProviderError("busy", status=503), "At last."]
    first, again = MemoryLog(), MemoryLog()
    with record(tape):
        await Agent(Retry(ScriptedModel(script), sleep=sleep)).run("Now?", journal=first)
    assert len(waited) == 2
    with replay(tape):
        await Agent(Retry(ScriptedModel([]), sleep=sleep)).run("Now?", journal=again)
    assert len(waited) == 2
    kinds = [type(fact).__name__ async for fact in again.read(next(iter(await journal_of(again))))]
    assert kinds.count("ModelRetried") == 2
    assert await journal_of(again) == await journal_of(first)


async def test_a_stream_that_broke_breaks_again(tmp_path):
    """What was seen of an answer before its stream broke is seen again, and then the same error is raised."""
    tape = tmp_path / "tape.jsonl"

    class Breaking(ScriptedModel):
        async def respond(self, request, emit=None, record=None):
            emit([TextDelta("Once "), TextDelta("upon")])
            raise ProviderError("the stream broke off", kind="stream")

    async def heard(model):
        words = []
        stream = Agent(model).run_stream("Tell.")
        with pytest.raises(ProviderError, match="broke off") as caught:
            async with stream:
                words.extend([text async for text in stream.text()])
        run = stream.run
        return caught.value.kind, [text async for text in run.text()], words, run.id

    with record(tape):
        told = await heard(Breaking([]))
    with replay(tape):
        assert await heard(ScriptedModel([])) == told
    assert '"Once upon"' in tape.read_text()


async def test_a_deadline_is_counted_on_the_tape(tmp_path):
    """What a run sees of the clock is on the tape, too, so that a limit on time strikes where it struck."""
    tape = tmp_path / "tape.jsonl"
    first, again = MemoryLog(), MemoryLog()
    for log, taped, script in ((first, record, ["Yes."]), (again, replay, [])):
        with taped(tape):
            await Agent(ScriptedModel(script), deadline=30.0).run("Now?", journal=log)
    assert '"moment","track":0,"at":' in tape.read_text()
    assert await journal_of(again) == await journal_of(first)


async def test_waiting_and_resuming_come_again(tmp_path):
    """A pending call, its answer from outside and the second stretch of the run are on the tape."""
    tape = tmp_path / "tape.jsonl"

    @tool
    def ask_boss(question: str) -> str:
        """Ask."""
        raise Pending({"question": question})

    async def work(script, log):
        agent = Agent(ScriptedModel(script), tools=[ask_boss], journal=log)
        waiting = await agent.run("May we?")
        assert waiting.status == "waiting"
        assert waiting.pending[0].info == {"question": "?"}
        return await resume(waiting.run_id, agent=agent, answers={"c1": "yes"})

    first, again = MemoryLog(), MemoryLog()
    with record(tape):
        await work([call("ask_boss", question="?"), "We may."], first)
    with replay(tape):
        assert (await work([], again)).output == "We may."
    assert await journal_of(again) == await journal_of(first)


async def test_parallel_runs_find_their_own_part(tmp_path):
    """Runs that were begun side by side are told apart by what they ask, in whatever order they are begun."""
    tape = tmp_path / "tape.jsonl"

    def echo(request):
        return f"You said {request.messages[-1].text}."

    prompts = [f"number {n}" for n in range(12)]
    live = Agent(ScriptedModel(echo for _ in prompts))
    with record(tape):
        recorded = await Agent.run_parallel([(live, prompt) for prompt in prompts])
    with replay(tape):
        again = [await Agent(ScriptedModel([])).run(prompt) for prompt in reversed(prompts)]
    assert [result.output for result in reversed(again)] == [result.output for result in recorded]
    assert [result.run_id for result in reversed(again)] == [result.run_id for result in recorded]


def test_conversations_in_blocking_code_and_threads(tmp_path):
    """Blocking twins see the tape of their caller's context; conversation ids come from it, and no history is written twice."""
    tape = tmp_path / "tape.jsonl"

    def talk(script, log):
        conversation = Conversation(ScriptedModel(script), journal=log)
        outputs = [conversation.ask_sync(f"question {n}").output for n in range(8)]
        return conversation.id, outputs

    def in_thread(script, log):
        found = []
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: found.append(talk(script, log)),))
        thread.start()
        thread.join()
        return found

    first, again = MemoryLog(), MemoryLog()
    with record(tape):
        told = in_thread([f"answer {n}" for n in range(8)], first)
    with replay(tape):
        assert in_thread([], again) == told
    assert asyncio.run(journal_of(again)) == asyncio.run(journal_of(first))
    text = tape.read_text()
    assert [text.count(f'"question {n}"') for n in range(8)] == [1] * 8


async def test_a_changed_prompt_is_a_miss(tmp_path):
    """The error names the request's hash and the first field that differs, with both values."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await Agent(ScriptedModel(["Hello."]), system_prompt="Be kind.").run("Hi")
    model = ScriptedModel(["No!"])
    with pytest.raises(ReplayMismatch) as caught, replay(tape):
        await Agent(model, system_prompt="Be curt.").run("Hi")
    error = caught.value
    assert (error.path, error.expected, error.got) == ("messages[0].parts[0].text", '"Be kind."', '"Be curt."')
    assert len(error.hash) == 64
    assert all(said in str(error) for said in (error.hash, error.path, error.expected, error.got))
    assert model.requests == []


async def test_what_differs_later_is_found_in_its_place(tmp_path):
    """A tool that got another description, and a user who says something else, are each named by their path."""
    tape = tmp_path / "tape.jsonl"

    def agent(script, words):
        def look(city: str) -> str:
            return city

        look.__doc__ = words
        return Agent(ScriptedModel(script), tools=[look])

    with record(tape):
        await agent([call("look", city="Bonn"), "There."], "Look at it.").run("Look at Bonn.")
    with pytest.raises(
        ReplayMismatch, match=r"tools\[0\]\.description: expected \"Look at it.\", got \"Look\""
    ) as caught:
        with replay(tape):
            await agent([], "Look").run("Look at Bonn.")
    assert caught.value.path == "tools[0].description"
    with pytest.raises(ReplayMismatch, match=r'expected "Look at Bonn\.", got "Look at Ulm\."'), replay(tape):
        await agent([], "Look at it.").run("Look at Ulm.")


async def test_a_swallowed_miss_is_told_at_the_end(tmp_path):
    """A program that catches what its runs raise does not end well: the replay itself raises the miss."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await Agent(ScriptedModel(["one"])).run("one")
    with pytest.raises(ReplayMismatch, match=r"messages\[0\]"), replay(tape):  # noqa: PT012  (the end is what raises)
        results = await Agent.run_parallel([(Agent(ScriptedModel([])), "two")])
        assert isinstance(results[0].error, ReplayMismatch)


async def test_a_miss_below_is_the_miss_of_the_run(tmp_path):
    """What a sub-agent misses is not turned into a tool's error that the model answers to."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await World([call("expert", task="dig"), "Found."], child=["gold"]).agent.run("Dig.")
    lines = tape.read_text().splitlines()
    tape.write_text("\n".join(line for line in lines if not ('"exchange"' in line and '"text":"gold"' in line)) + "\n")
    with pytest.raises(ReplayMismatch, match="has no answer"), replay(tape):
        await World().agent.run("Dig.")


async def test_what_was_not_asked_for_is_told(tmp_path):
    """A strict replay that leaves runs, requests or calls on the tape names them; a loose one does not mind."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await Agent(ScriptedModel(["one", "two"])).run("one")
        await Agent(ScriptedModel(["two"]), name="second").run("two")
    with pytest.raises(ReplayMismatch, match=r"not asked for: run .* of agent 'second'"), replay(tape):
        await Agent(ScriptedModel([])).run("one")
    with replay(tape, strict=False):
        await Agent(ScriptedModel([])).run("one")


async def test_a_run_that_does_more_is_a_miss(tmp_path):
    """A run that goes on after the end of its tape, or records other facts, does not go on unnoticed."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        with pytest.raises(LimitExceeded):
            await World([call("expert", task="dig"), "Found."], child=["gold"]).agent.run(
                "Dig.", limits=Limits(max_iterations=1)
            )
    with pytest.raises(ReplayMismatch, match=r"records ModelRequested where the tape .* has RunFailed"), replay(tape):
        await World().agent.run("Dig.")


async def test_loose_replay_passes_misses_on(tmp_path, caplog):
    """With strict=False a changed run asks the real model and tool, with a warning, and the recorded one is replayed."""
    tape = tmp_path / "tape.jsonl"
    used = []
    with record(tape):
        await Agent(ScriptedModel(["Two."])).run("Two?")
    live = World([call("quick", n=1), call("expert", "c2", task="x"), "Three."], tools=two_tools(used), child=["deep"])
    with caplog.at_level(logging.WARNING), replay(tape, strict=False):
        assert (await Agent(ScriptedModel([])).run("Two?")).output == "Two."
        assert (await live.agent.run("Three?")).output == "Three."
    assert live.used == ["model"] * 4
    assert used == ["quick"]
    assert "goes on without the tape" in caplog.text


async def test_new_requests_can_be_added(tmp_path):
    """With record_new a miss is added to the tape, as a run of its own, or within a run that changed; then all is on it."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await Agent(ScriptedModel(["One."])).run("One?")
    with replay(tape, strict=False, record_new=True):
        assert (await Agent(ScriptedModel(["Two."])).run("Two?")).output == "Two."
        changed = Agent(ScriptedModel(["Curt one."]), system_prompt="Be curt.")
        assert (await changed.run("One?")).output == "Curt one."
    with replay(tape):
        assert (await Agent(ScriptedModel([])).run("Two?")).output == "Two."
        again = await Agent(ScriptedModel([]), system_prompt="Be curt.").run("One?")
        assert again.output == "Curt one."
        # What was replaced is left over.
        assert (await Agent(ScriptedModel([])).run("One?")).output == "One."


async def test_runs_within_a_tool_are_left_out_with_it(tmp_path):
    """What a tool begins by itself is recorded, but not asked for when the tool is not called."""
    tape = tmp_path / "tape.jsonl"

    @tool
    async def delegate(task: str) -> str:
        """Ask another agent, by hand."""
        conversation = Conversation(ScriptedModel(["inner words"]))
        return str((await conversation.ask(task)).output)

    with record(tape):
        first = await Agent(ScriptedModel([call("delegate", task="x"), "Done."]), tools=[delegate]).run("Go.")
        drawn = Conversation(ScriptedModel([])).id
    with replay(tape):
        again = await Agent(ScriptedModel([]), tools=[delegate]).run("Go.")
        assert Conversation(ScriptedModel([])).id == drawn
    assert again.facts == first.facts
    with pytest.raises(ReplayMismatch, match="no further id"), replay(tape):
        [Conversation(ScriptedModel([])) for _ in range(3)]


async def test_what_was_cut_off_waits_to_be_cut_off(tmp_path):
    """A request that was cancelled when it was recorded is open until it is cancelled again, and then the journal is the same."""
    tape = tmp_path / "tape.jsonl"
    asked = asyncio.Event()

    class Silent(ScriptedModel):
        async def respond(self, request, emit=None, record=None):
            asked.set()
            await asyncio.Event().wait()

    async def work(agent, log, ready):
        run = await agent.start("Hello?", journal=log)
        await ready(run)
        await run.cancel()

    async def until_asked(_):
        await asked.wait()

    async def until_requested(run):
        async for fact in run.facts():
            if type(fact).__name__ == "ModelRequested":
                await asyncio.sleep(0)
                return

    first, again = MemoryLog(), MemoryLog()
    with record(tape):
        await work(Agent(Silent([])), first, until_asked)
    with replay(tape):
        await work(Agent(ScriptedModel([])), again, until_requested)
    assert await journal_of(again) == await journal_of(first)


async def test_a_tool_that_was_cut_off_is_cut_off_again(tmp_path):
    """The same for a tool; it is not begun, and its run is not over before it is cancelled."""
    tape = tmp_path / "tape.jsonl"
    begun = asyncio.Event()

    @tool
    async def hang() -> str:
        """Hang."""
        begun.set()
        await asyncio.Event().wait()
        return "never"

    async def work(script, log):
        run = await Agent(ScriptedModel(script), tools=[hang]).start("Hang!", journal=log)
        async for fact in run.facts():
            if type(fact).__name__ == "ToolStarted":
                break
        if script:
            await begun.wait()
        else:
            await asyncio.sleep(0)
        await run.cancel()

    first, again = MemoryLog(), MemoryLog()
    with record(tape):
        await work([call("hang")], first)
    begun.clear()
    with replay(tape):
        await work([], again)
    assert not begun.is_set()
    assert await journal_of(again) == await journal_of(first)


async def test_a_run_that_is_cut_off_elsewhere_just_ends(tmp_path):
    """Cancelling a replay where the recording went on is no miss of the run; what was left of the tape is told."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await World([call("expert", task="x"), "Done."], child=["y"]).agent.run("Go.")
    there = asyncio.Event()

    class Slow(MemoryLog):
        async def append(self, run, at, facts):
            await super().append(run, at, facts)
            if any(type(fact).__name__ == "ToolStarted" for fact in facts):
                there.set()
                await asyncio.Event().wait()

    ended = []
    with pytest.raises(ReplayMismatch, match="not asked for"), replay(tape):  # noqa: PT012  (the end is what raises)
        run = await World().agent.start("Go.", journal=Slow())
        await there.wait()
        await run.cancel()
        ended.append(run.state)
    assert ended == ["cancelled"]


async def test_a_call_that_is_not_on_the_tape(tmp_path):
    """A strict replay names the call; a loose one carries it out, and with record_new it answers from then on."""
    tape = tmp_path / "tape.jsonl"
    used = []

    @tool
    def look(city: str) -> str:
        """Look."""
        used.append(city)
        return f"{city} is fine"

    def agent(script):
        return Agent(ScriptedModel(script), tools=[look])

    with record(tape):
        await agent([call("look", city="Bonn"), "Fine."]).run("Bonn?")
    lines = [line for line in tape.read_text().splitlines() if '"kind":"call"' not in line]
    tape.write_text("\n".join(lines) + "\n")
    with pytest.raises(ReplayMismatch, match=r"calls tool look \(call 'c1', attempt 1\)"), replay(tape):
        await agent([]).run("Bonn?")
    assert used == ["Bonn"]
    with replay(tape, strict=False):
        assert (await agent([]).run("Bonn?")).output == "Fine."
    assert used == ["Bonn", "Bonn"]
    with replay(tape, strict=False, record_new=True):
        await agent([]).run("Bonn?")
    assert used == ["Bonn"] * 3
    with replay(tape):
        assert (await agent([]).run("Bonn?")).output == "Fine."
    assert used == ["Bonn"] * 3


async def test_secrets_do_not_get_onto_a_tape(tmp_path, monkeypatch):
    """Keys in prompts, answers, tool results and errors are hidden, and what is hidden still replays."""
    tape = tmp_path / "tape.jsonl"
    monkeypatch.setenv("SHOP_API_KEY", 'quite "secret" value')
    keys = ["sk-" + "ant-api03-" + "aB3_" * 12, "AKIAIOSFODNN7EXAMPLE", 'quite "secret" value', "my-own-password"]

    @tool
    def find() -> str:
        """Find a key."""
        return f"{keys[0]} and {keys[2]}"

    def agent(script):
        return Agent(ScriptedModel(script), tools=[find], system_prompt=f"The key is {keys[1]}.")

    script = [call("find"), f"It is {keys[3]}, Bearer abcdefghijklmnop1234."]
    with record(tape, secrets=["my-own-password"]):
        async with agent(script).run_stream(f"Say {keys[0]}.") as stream:
            assert keys[3] in "".join([text async for text in stream.text()])
    text = tape.read_text()
    assert [key for key in [*keys, "abcdefghijklmnop1234", "secret"] if key in text] == []
    with replay(tape, secrets=["my-own-password"]):
        async with agent([]).run_stream(f"Say {keys[0]}.") as stream:
            assert "".join([text async for text in stream.text()]) == "It is ***, Bearer ***."


async def test_media_are_on_the_tape_once_and_only_as_answers(tmp_path):
    """What is sent is kept by its hash; what came is kept whole."""
    tape = tmp_path / "tape.jsonl"
    picture = Image("image/png", data=bytes(range(256)) * 40)

    @tool
    def draw() -> Image:
        """Draw."""
        return picture

    def agent(script):
        return Agent(ScriptedModel(script), tools=[draw])

    with record(tape):
        await agent([call("draw"), call("draw"), "Nice."]).run(["Look:", picture])
    assert len(tape.read_bytes()) < 3 * 14_000
    with replay(tape):
        result = await agent([]).run(["Look:", picture])
    assert [part.content[0] for message in result.messages for part in message.tool_results] == [picture, picture]


async def test_one_tape_at_a_time(tmp_path):
    """A tape within a tape is refused, and nothing is left behind by the refusal."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        with pytest.raises(CallerError, match="already"), record(tmp_path / "other.jsonl"):
            pass
        with pytest.raises(CallerError, match="already"):
            async with replay(tape):
                pass
    assert not (tmp_path / "other.jsonl").exists()
    with replay(tape):
        pass


async def test_wrong_ways_to_use_a_tape(tmp_path):
    """What cannot be is refused in words: recording in a strict replay, an absent tape, a file that is no tape."""
    with pytest.raises(CallerError, match="strict=False"):
        replay("x", record_new=True)
    with pytest.raises(CallerError, match=r"make one with record\("), replay(tmp_path / "absent.jsonl"):
        pass
    notes = tmp_path / "notes.md"
    notes.write_text("# Notes\n")
    with pytest.raises(CallerError, match="no tape, and is not overwritten"), record(notes):
        pass
    assert notes.read_text() == "# Notes\n"


async def test_a_run_that_outlives_its_recording_is_told(tmp_path):
    """A run that is still at work after the recording does not write past its end."""
    with record(tmp_path / "tape.jsonl"):
        run = await Agent(ScriptedModel(["Hello."])).start("Hi")
    with pytest.raises(CallerError, match=r"the recording of .* is over"):
        await run.result()


async def test_a_recording_that_was_cut_off_replays_up_to_there(tmp_path, caplog):
    """After a crash the torn last line is told and left out, what is before it is replayed, and appending goes on after it."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await Agent(ScriptedModel(["One."])).run("One?")
        await Agent(ScriptedModel(["Two."])).run("Two?")
    data = tape.read_bytes()
    tape.write_bytes(data[: data.index(b'"Two."') + 3])
    missed = pytest.raises(ReplayMismatch, match="has no answer to request")
    with caplog.at_level(logging.WARNING), missed, replay(tape):
        assert (await Agent(ScriptedModel([])).run("One?")).output == "One."
        await Agent(ScriptedModel([])).run("Two?")
    assert "breaks off in line" in caplog.text
    with record(tape, append=True):
        await Agent(ScriptedModel(["Three."])).run("Three?")
    with replay(tape, strict=False):
        assert (await Agent(ScriptedModel([])).run("Three?")).output == "Three."


@pytest.mark.parametrize("name", ["openai-chat:any", "openai-responses:any", "anthropic:any"])
async def test_a_tape_behind_a_provider_twin(tmp_path, name):
    """A tape answers a client over HTTP, whichever wire it speaks: by what is said, calls and pictures included."""
    tape = tmp_path / "tape.jsonl"
    picture = Image("image/png", data=b"\x89PNG\r\n\x1a\n" + bytes(100))

    @tool
    def look(city: str, depth: int = 0) -> str:
        """Look."""
        return f"{city} is fine"

    def agent(model):
        return Agent(model, tools=[look], system_prompt="Be brief.")

    with record(tape):
        script = [[Text("I look."), call("look", city="Bonn"), call("look", "c2", city="Ulm", depth=2)], "Both fine."]
        first = await agent(ScriptedModel(script)).run(["Look at these:", picture])
    async with provider_twin(tape_model(tape)) as twin:
        again = await agent(open_model(name, base_url=twin.url, api_key="test-key")).run(["Look at these:", picture])
        with pytest.raises(ProviderError, match="has no answer to request"):
            await agent(open_model(name, base_url=twin.url, api_key="test-key", retry=None)).run("Look!")
    assert again.output == first.output == "Both fine."


async def test_tape_model_answers_by_hash(tmp_path):
    """A model on its own answers whatever is on the tape, in any order and again, and says what is not."""
    tape = tmp_path / "tape.jsonl"
    with record(tape):
        await Agent(ScriptedModel([f"answer {n}" for n in range(2)])).run("same")
        await Agent(ScriptedModel(["better"])).run("same")
        with pytest.raises(ProviderError):
            await Agent(ScriptedModel([ProviderError("no", status=400)])).run("bad")
    agent = Agent(tape_model(tape))
    assert [(await agent.run("same")).output for _ in range(3)] == ["answer 0", "better", "better"]
    async with agent.run_stream("same") as stream:
        assert "".join([text async for text in stream.text()]) == "better"
    with pytest.raises(ProviderError, match="no"):
        await agent.run("bad")
    with pytest.raises(ReplayMismatch) as caught:
        await agent.run("sane")
    assert (caught.value.path, caught.value.got) == ("messages[0].parts[0].text", '"sane"')
