"""A tool, a typed output, and what it cost. Needs no key: the model's words are scripted."""

from pydantic import BaseModel

from journeyman import Agent, ScriptedModel, tool
from journeyman.data import ToolCall


class Advice(BaseModel):
    coat: bool
    why: str


@tool
def temperature(city: str) -> float:
    """The temperature in a city, in degrees Celsius."""
    return {"Bonn": 4.5, "Lisbon": 19.0}[city]


# A real one: model = "anthropic:claude-sonnet-5"
model = ScriptedModel([ToolCall("1", "temperature", '{"city": "Bonn"}'), '{"coat": true, "why": "It is 4.5 degrees."}'])
agent = Agent(model, tools=[temperature], output_type=Advice, max_iterations=5)
result = agent.run_sync("Do I need a coat in Bonn?")
print(result.output)
print(f"{result.usage.total_tokens} tokens in {result.state.iterations} iterations")
