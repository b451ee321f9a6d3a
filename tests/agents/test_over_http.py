"""Whole runs over real HTTP: bad days of providers, cancellation, and secrets that stay where they are."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from journeyman import Agent, CallerError, Conversation, ProviderError, ScriptedModel, open_model, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ModelRequest, ModelResponse, TextDelta, ToolCall
from journeyman.journal import encode_fact
from journeyman.models import Emit
from journeyman.providers import Capabilities
from journeyman.testing import Fault, provider_twin

KEY = "sk-never-to-be-seen-0123456789"
WIRES = ["openai:any", "anthropic:any"]


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
async def test_an_agent_works_over_real_http(name: str, streamed: bool) -> None:  # noqa: FBT001  (a parameter of pytest's)
    """Tools, words and usage come through both wires, streamed or not, as they were scripted."""
    script = [ToolCall("call_1", "add", '{"a": 2, "b": 3}'), "It is five."]
    async with provider_twin(ScriptedModel(script)) as twin:
        agent = Agent(open_model(name, base_url=twin.url, api_key=KEY), tools=[add], system_prompt="You add.")
        if streamed:
            async with agent.run_stream("2 + 3?") as stream:
                assert "".join([text async for text in stream.text()]) == "It is five."
            result = stream.result
        else:
            result = await agent.run("2 + 3?")
        assert result.output == "It is five."
        assert result.messages[2].tool_results[0].text == "5"
        assert result.usage.total_tokens > 0
        asked = twin.requests[1]
        assert [message.role for message in asked.messages] == ["system", "user", "assistant", "tool"]
        assert asked.messages[1].text == "2 + 3?"


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=401, message="wrong key"), "authentication"),
        (Fault(status=404, message="no such model"), "not_found"),
        (Fault(status=429, message="too fast", retry_after=7), "rate_limit"),
        (Fault(status=500, message="oops"), "server"),
        (Fault(status=529, message="overloaded"), "overloaded"),
        (Fault(reset=True), "connection"),
        (Fault(malformed=True), None),
        (Fault(cut=40), "stream"),
    ],
    ids=["401", "404", "429", "500", "529", "reset", "malformed", "cut"],
)
async def test_a_bad_day_of_the_provider_loses_nothing(name: str, fault: Fault, kind: str | None) -> None:
    """The error says what happened and to which run; resumed, the run goes on where it was and pays for nothing twice."""
    script = [ToolCall("call_1", "add", '{"a": 2, "b": 3}'), "It is five.", "It is five."]
    log = MemoryLog()
    async with provider_twin(ScriptedModel(script), faults={1: fault}) as twin:
        agent = Agent(open_model(name, base_url=twin.url, api_key=KEY, retry=None), tools=[add], journal=log)
        with pytest.raises(ProviderError) as caught:
            async with agent.run_stream("2 + 3?") as stream:
                await stream.finish()
        error = caught.value
        assert kind is None or error.kind == kind
        assert fault.retry_after is None or error.retry_after == fault.retry_after
        assert error.run_id is not None
        result = await resume(error.run_id, agent=agent)
        assert result.output == "It is five."
        assert [message.role for message in result.messages] == ["user", "assistant", "tool", "assistant"]
        assert len(twin.raw) == 3


async def test_an_unreachable_server_is_told_by_its_address() -> None:
    """Nobody listens there: the error says where."""
    async with provider_twin(ScriptedModel([])) as twin:
        gone = twin.url
    with pytest.raises(ProviderError, match=r"cannot reach http://127\.0\.0\.1") as caught:
        await Agent(open_model("openai:any", base_url=gone, api_key=KEY, retry=None)).run("go")
    assert caught.value.kind == "connection"


@pytest.mark.parametrize(
    ("name", "told"),
    [("nosuch:model", "nosuch"), ("gpt-5", "vendor:model"), ("compatible:any", "base_url")],
)
async def test_a_wrong_name_or_address_is_told_with_what_to_write(name: str, told: str) -> None:
    """An unknown vendor, a name without one, and a server without an address are the caller's to mend."""
    with pytest.raises(CallerError, match=told):
        await Agent(name).run("go")


@pytest.mark.parametrize("name", WIRES)
async def test_the_key_is_nowhere_but_in_the_request(
    name: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Even a provider that repeats the key in its error does not bring it into error, journal, log or explanation."""
    log = MemoryLog()
    fault = Fault(status=401, message=f"the key {KEY} is not valid")
    async with provider_twin(ScriptedModel([]), faults={0: fault}) as twin:
        agent = Agent(open_model(name, base_url=twin.url, api_key=KEY), journal=log)
        with caplog.at_level("DEBUG"), pytest.raises(ProviderError) as caught:
            await agent.run("go")
        explained = str(agent.explain("go"))
    error = caught.value
    run = str(error.run_id)
    lines = b"".join([encode_fact(run, fact) async for fact in log.read(run)]).decode()
    for place in (str(error), error.body, repr(error), lines, caplog.text, explained, repr(agent)):
        assert KEY not in place
    assert "***" in str(error)


class Endless:
    """A model that speaks until it is stopped, and says when it was."""

    name = "endless:model"
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.speaking = asyncio.Event()
        self.stopped = asyncio.Event()

    async def respond(self, request: ModelRequest, emit: Emit | None = None, record: object = None) -> ModelResponse:
        assert emit is not None
        try:
            while True:
                emit([TextDelta("and ")])
                self.speaking.set()
                await asyncio.sleep(0)
        finally:
            self.stopped.set()

    def preview(self, request: ModelRequest, *, stream: bool = False) -> None:
        return None


@pytest.mark.parametrize("name", WIRES)
async def test_cancelling_a_run_hangs_up_on_the_provider(name: str) -> None:
    """The server sees its client go, and neither task nor thread of the run is left."""
    endless = Endless()
    async with provider_twin(endless) as twin:
        agent = Agent(open_model(name, base_url=twin.url, api_key=KEY))
        before = asyncio.all_tasks(), threading.active_count()
        run = await agent.start("go")
        await endless.speaking.wait()
        assert await anext(run.text())
        await run.cancel()
        await endless.stopped.wait()
        ours = {task for task in asyncio.all_tasks() - before[0] if task.get_name().startswith("run ")}
        assert ours == set()
        assert threading.active_count() == before[1]
        assert run.state == "cancelled"


async def test_a_conversation_may_change_its_vendor_and_come_back() -> None:
    """After a turn elsewhere the first vendor gets exactly what it would have got: the same bytes for what it said."""
    script = [ToolCall("call_1", "add", '{"a": 2,  "b": 3}'), "Five.", "Indeed five.", "Bye."]
    async with provider_twin(ScriptedModel(script)) as twin:
        first, second = (
            Agent(open_model(name, base_url=twin.url, api_key=KEY), tools=[add], journal=MemoryLog()) for name in WIRES
        )
        talk = await first.run("2 + 3?")
        talk = await second.run("Sure?", history=talk)
        talk = await first.run("Thanks.", history=talk)
        assert talk.output == "Bye."
        bodies = [raw.body for raw in twin.raw]
        known = bodies[1].split(b'"messages":[', 1)[1].split(b"]}", 1)[0]
        assert known.split(b'"tools"')[0].rstrip(b"],") in bodies[3]
        assert b'{\\"a\\": 2,  \\"b\\": 3}' in bodies[3]


async def test_a_conversation_sends_each_message_as_it_was_sent_before() -> None:
    """The bytes of a turn's request begin with those of the turn before, so that a provider's cache holds."""
    async with provider_twin(ScriptedModel(["one", "two", "three"])) as twin:
        talk = Conversation(open_model("openai:any", base_url=twin.url, api_key=KEY), system_prompt="Count.")
        for word in ("a", "b", "c"):
            await talk.ask(word)
        messages = [raw.body.split(b'"messages":[', 1)[1].split(b"]", 1)[0] for raw in twin.raw]
        assert messages[1].startswith(messages[0])
        assert messages[2].startswith(messages[1])
