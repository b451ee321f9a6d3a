"""Agents behind the gateway: any client of any provider talks to them as to a model."""

import anthropic
import openai
import pytest

from journeyman import Agent, Pending, ScriptedModel, tool
from journeyman.compose import new_memory_log
from journeyman.data import (
    CallerError,
    JsonOutput,
    Message,
    ModelRequest,
    ProviderError,
    Text,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from journeyman.journal import RunQuery
from journeyman.serve import Gateway, serving
from journeyman.serve.agent_model import AgentModel


@tool
def population(city: str) -> int:
    """The number of people in a city."""
    return {"Bonn": 336_000}[city]


def bonn(**options):
    script = [[Text("Let me look."), ToolCall("1", "population", '{"city":"Bonn"}')], "336,000 people."]
    return Agent(ScriptedModel(script), name="bonn", tools=[population], **options)


HI = (Message.user("How many?"),)
SAID = "Let me look.\n\n336,000 people."


async def test_a_run_is_an_answer():
    """What the agent says is the answer; usage is that of all its exchanges, the id is that of its run."""
    log = new_memory_log()
    model = AgentModel(bonn(journal=log))
    response = await model.respond(ModelRequest("any", HI))
    assert (response.message, response.finish) == (Message.assistant(SAID), "stop")
    (row,) = (await log.runs(RunQuery(agent="bonn"))).rows
    assert (row.run, row.usage) == (response.raw_id, response.usage)
    assert response.usage.output_tokens > 6


async def test_it_streams_what_it_says():
    """Deltas add up to the answer, over the paragraphs between its parts."""
    heard = []
    response = await AgentModel(bonn()).respond(ModelRequest("any", HI), heard.extend)
    assert "".join(delta.text for delta in heard if isinstance(delta, TextDelta)) == response.message.text == SAID
    assert len(heard) > 3


async def test_a_typed_output_is_json():
    """An agent with an output type answers with the output as JSON, and streams none of its making."""
    heard = []
    agent = Agent(ScriptedModel(['{"result": [1, 2]}']), output_type=list[int])
    response = await AgentModel(agent).respond(ModelRequest("any", HI), heard.extend)
    assert (response.message.text, heard) == ('{"result":[1,2]}', [])


async def test_the_history_of_the_client():
    """Earlier turns that the client sends are the run's history."""
    model = ScriptedModel(["fine"])
    said = (Message.system("Be kind."), Message.user("a"), Message.assistant("b"), Message.user("c"))
    await AgentModel(Agent(model)).respond(ModelRequest("any", said))
    assert model.requests[0].messages == said


@pytest.mark.parametrize(
    "request_",
    [
        ModelRequest("any", HI, tools=(ToolSpec("f"),)),
        ModelRequest("any", HI, output=JsonOutput()),
        ModelRequest("any", ()),
    ],
)
async def test_what_an_agent_does_not_take(request_):
    """Tools, an output format and nothing at all are refused in words."""
    with pytest.raises(CallerError):
        await AgentModel(bonn()).respond(request_)


async def test_a_run_that_waits():
    """A run that waits for somebody is told as such, with the run and the call to answer."""

    @tool
    def ask_boss() -> str:
        """Ask."""
        raise Pending("tomorrow")

    agent = Agent(ScriptedModel([ToolCall("c1", "ask_boss")]), tools=[ask_boss])
    with pytest.raises(ProviderError, match=r"waits for ask_boss \(c1\)") as caught:
        await AgentModel(agent).respond(ModelRequest("any", HI))
    assert caught.value.status == 409


async def test_official_clients_talk_to_an_agent():
    """The SDKs of OpenAI and Anthropic get an agent's words, whole and streamed, under the agent's name."""
    gateway = Gateway({"bonn": AgentModel(bonn()), "bonn2": AgentModel(bonn())})
    async with serving(gateway) as url:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
            assert [model.id async for model in client.models.list()] == ["bonn", "bonn2"]
            told = await client.chat.completions.create(
                model="bonn", messages=[{"role": "user", "content": "How many?"}]
            )
            assert told.choices[0].message.content == SAID
        async with anthropic.AsyncAnthropic(base_url=url, api_key="x", max_retries=0) as client:
            async with client.messages.stream(
                model="bonn2", max_tokens=99, messages=[{"role": "user", "content": "How many?"}]
            ) as stream:
                assert "".join([text async for text in stream.text_stream]) == SAID
