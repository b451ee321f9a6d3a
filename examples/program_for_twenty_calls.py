"""An agent that writes a program: twenty tool calls, one turn, and every call on the journal."""

import json

from journeyman import Agent, ScriptedModel, tool
from journeyman.data import ToolCall
from journeyman.programs import Programs


@tool(idempotent=True)
def reading(station: int) -> dict:
    """What a station measured."""
    return {"station": station, "celsius": 11 + station * 7 % 13}


# What a model would write: it sees neither the readings nor the stations that are not hot.
PROGRAM = """
import asyncio
readings = await asyncio.gather(*[async_tools.reading(station=n) for n in range(data["stations"])])
hot = [item["station"] for item in readings if item["celsius"] > data["limit"]]
print(len(readings), "readings,", len(hot), "of them hot")
return hot
"""

agent = Agent(
    ScriptedModel([ToolCall("1", "run_program", json.dumps({"code": PROGRAM}))]),
    programs=Programs(tools=[reading], signature="(stations :int, limit :float) -> [:int]", max_turns=3),
)
result = agent.run_sync("Which stations are too hot?", data={"stations": 20, "limit": 21})
print("too hot:", result.output)
print(sum(step.kind == "tool_call" for step in result.steps) - 1, "calls of tools in", result.state.iterations, "turn")
print(agent.explain("Which stations are too hot?", data={"stations": 20, "limit": 21}).parts[0].content)
