"""A run that fails halfway is resumed by its id; what was paid is not paid again."""

import asyncio
import tempfile
from pathlib import Path

from journeyman import Agent, ProviderError, ScriptedModel, resume, tool
from journeyman.data import ToolCall

paid: list[int] = []


@tool
async def pay(amount: int) -> str:
    """Pay an amount of money."""
    paid.append(amount)
    return f"paid {amount}"


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = f"sqlite:///{Path(folder) / 'runs.db'}"
        outage = ProviderError("the provider is down", status=503)
        model = ScriptedModel([ToolCall("1", "pay", '{"amount": 5}'), outage, "It is paid."])
        clerk = Agent(model, name="clerk", tools=[pay], journal=journal)
        try:
            await clerk.run("Pay the five.")
        except ProviderError as error:
            print(f"run {error.run_id} failed: {error}")
            result = await resume(error.run_id or "", journal=journal)
            print(result.output, paid)


asyncio.run(main())
