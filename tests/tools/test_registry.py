"""Tools collected under their names."""

from __future__ import annotations

import pytest

from journeyman import Agent, CallerError, ScriptedModel
from journeyman.data import ToolCall
from journeyman.tools import Tool, ToolRegistry


def test_a_registry_is_what_an_agent_takes_as_tools() -> None:
    """Declared with or without options, found by name, in the order of declaration."""
    registry = ToolRegistry()

    @registry.tool
    def look() -> str:
        """Look."""
        return "seen"

    @registry.tool(name="pay_now", idempotent=True)
    def pay(amount: int) -> int:
        """Pay."""
        return amount

    assert pay(3) == 3
    assert [item.name for item in registry] == ["look", "pay_now"]
    assert registry["pay_now"].idempotent
    assert ("look" in registry, "pay" in registry, len(registry)) == (True, False, 2)
    assert repr(registry) == "ToolRegistry(look, pay_now)"
    agent = Agent(ScriptedModel([ToolCall("1", "look"), "done"]), tools=registry)
    assert agent.run_sync("go").messages[2].tool_results[0].text == "seen"


def test_an_async_tool_waits_for_its_outcome() -> None:
    """What the function returns is what the wait is about, and not the result."""
    registry = ToolRegistry()

    @registry.async_tool
    def call_mother(number: str) -> dict[str, str]:
        """Call her."""
        return {"ringing": number}

    @registry.async_tool(name="mail")
    async def write() -> None:
        """Write to her."""

    calls = [ToolCall("1", "call_mother", '{"number": "12"}'), ToolCall("2", "mail")]
    waiting = Agent(ScriptedModel([calls]), tools=registry).run_sync("go")
    assert waiting.status == "waiting"
    assert [(call.tool, call.info) for call in waiting.pending] == [("call_mother", {"ringing": "12"}), ("mail", None)]


def test_a_name_is_given_once() -> None:
    """The second one is refused where it is declared; an unknown name is told together with those that there are."""
    registry = ToolRegistry()

    @registry.tool
    def look() -> str:
        """Look."""
        return ""

    with pytest.raises(CallerError, match="named 'look' already"):
        registry.add(Tool(look.function))
    with pytest.raises(CallerError, match="there is no tool 'see' here; there are: look"):
        registry["see"]
