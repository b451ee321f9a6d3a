"""Words as they come, then the steps of the run."""

import asyncio

from journeyman import Agent, ScriptedModel, tool
from journeyman.data import Text, ToolCall


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def main() -> None:
    model = ScriptedModel([[Text("Let me add. "), ToolCall("1", "add", '{"a": 2, "b": 3}')], "It is five."])
    async with Agent(model, tools=[add]).run_stream("2 + 3?") as stream:
        async for text in stream.text():
            print(text, end="", flush=True)
    print()
    for step in stream.result.steps:
        print(step.kind, step.tool or step.content)


asyncio.run(main())
