"""aimock as our twin's client: it passes requests on to us, reads what we say with readers of its own, and keeps that.

What it kept is what it understood of our answers, whole and streamed. Then it says the same to our client.
"""

import json

import pytest
from servers import PLACES, aimock_server

from journeyman import Agent, open_model, tool
from journeyman.data import Message, ModelResponse, Text, Thinking, ToolCall, Usage
from journeyman.testing import provider_twin

WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
# What a twin has no path for: OpenRouter's, which begins with /api.
EACH = pytest.mark.parametrize("name", [name for name in PLACES if not name.startswith("openrouter:")])

SUMS = ModelResponse(
    Message(
        "assistant",
        (
            Thinking("Hm, 世界."),
            Text("Let me sée."),
            ToolCall("call_1", "add", '{"a":2,"b":3}'),
            ToolCall("call_2", "add", '{"a":4,"b":5}'),
        ),
    ),
    Usage(input=11, output=7),
    "tool_calls",
)
VENDORS = ("openai", "azure", "anthropic", "gemini", "vertexai", "bedrock", "cohere", "ollama")

UNREAD = {
    ("openai-responses:gpt-5", False): "aimock's recorder knows no whole answers of the Responses API",
    ("bedrock:us.anthropic.claude-sonnet-4-20250514-v1:0", True): (
        "aimock's recorder looks for the event's name in the payload; AWS has it in the header `:event-type`"
    ),
}
NO_THOUGHTS = {
    "cohere:command-a": "aimock's recorder knows no blocks of the type `thinking`",
    "ollama:qwen3": "nor the key `thinking`",
}
NO_IDS = {
    "gemini:gemini-3-pro": "aimock's recorder drops the `id` of a functionCall",
    "vertex:gemini-2.5-pro": "likewise",
    "ollama:qwen3": "and does not know that Ollama's calls have ids",
}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def rule(request):
    """Two calls, and once they are answered, the sums."""
    return "Five and nine." if request.messages[-1].tool_results else SUMS


async def talked(server, name, here, *, streamed):
    """One run against a server."""
    agent = Agent(open_model(name, base_url=server.place(name, here), api_key="sk-any", retry=None), tools=[add])
    if not streamed:
        return await agent.run(here)
    async with agent.run_stream(here) as stream:
        await stream.finish()
    return stream.result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where answers are kept."""
    return tmp_path_factory.mktemp("aimock")


@pytest.fixture(scope="module")
def twin():
    """The provider whose answers are kept."""
    with provider_twin(rule) as twin:
        yield twin


@pytest.fixture(scope="module")
def recorder(folder, twin):
    """A server that passes on to the twin what it has no answer for, and keeps what comes back."""
    (folder / "answers.json").write_text(
        json.dumps({"fixtures": [{"match": {"userMessage": "never said"}, "response": {"content": "?"}}]})
    )
    upstreams = [option for vendor in VENDORS for option in (f"--provider-{vendor}", twin.url)]
    with aimock_server("--record", *upstreams, "--fixtures", str(folder), keys=None) as server:
        yield server


def kept(folder, here):
    """What was understood of the two answers of a test."""
    files = [json.loads(path.read_text()) for path in (folder / "recorded").rglob("*.json")]
    found = [entry for file in files for entry in file["fixtures"] if entry["match"]["userMessage"] == here]
    return [entry["response"] for entry in sorted(found, key=lambda entry: entry["match"]["hasToolResult"])]


@WAYS
@EACH
async def test_another_reader_understands_us(recorder, twin, folder, here, name, streamed):
    """Thoughts, words, calls and their ids are read out of our bytes as we meant them, and come back to our client."""
    known, turns = recorder.known(), len(twin.requests)
    first = await talked(recorder, name, here, streamed=streamed)
    assert first.output == "Five and nine."
    assert len(twin.requests) == turns + 2
    recorder.learns(known + 2)
    if (name, streamed) in UNREAD:
        return
    called, told = kept(folder, here)
    assert called["content"] == "Let me sée."
    assert [(call["name"], call["arguments"]) for call in called["toolCalls"]] == [
        ("add", '{"a":2,"b":3}'),
        ("add", '{"a":4,"b":5}'),
    ]
    if name not in NO_IDS:
        assert [call["id"] for call in called["toolCalls"]] == ["call_1", "call_2"]
    if name not in NO_THOUGHTS:
        assert called["reasoning"] == "Hm, 世界."
    assert told["content"] == "Five and nine."
    again = await talked(recorder, name, here, streamed=streamed)
    assert again.output == "Five and nine."
    assert len(twin.requests) == turns + 2
    said = [[call.arguments for message in run.messages for call in message.tool_calls] for run in (first, again)]
    assert said[0] == said[1] == ['{"a":2,"b":3}', '{"a":4,"b":5}']
