"""An agent that asks another agent: two journals, one bill."""

from journeyman import Agent, ScriptedModel
from journeyman.data import ToolCall

historian = Agent(ScriptedModel(["It was founded in 11 BC."]), name="historian", system_prompt="You know dates.")
model = ScriptedModel(
    [ToolCall("1", "historian", '{"task": "When was Bonn founded?"}'), "Bonn is about 2,000 years old."]
)
guide = Agent(model, name="guide", tools=[historian.as_tool()], max_tokens=1000)

result = guide.run_sync("How old is Bonn?")
print(result.output)
for fact in result.facts:
    print(fact.seq, type(fact).__name__)
print(result.usage)
