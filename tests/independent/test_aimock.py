"""aimock, a mock of providers that others wrote, takes our client for theirs: whole runs on every wire that it speaks.

Where it differs from the real provider by that one's documentation, the table of the exceptions says how.
"""

import pytest
from pydantic import BaseModel
from servers import KEY, PLACES

from journeyman import Agent, Settings, open_model, tool
from journeyman.data import Thinking

EACH = pytest.mark.parametrize("name", list(PLACES))
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])

WORDS = "Grüße aus Bonn, 世界 \N{GRINNING FACE}: so many words that they come in several pieces."
COUNTS = {
    # aimock takes what stands here under the names of the wire in question.
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "input_tokens": 11,
    "output_tokens": 7,
    "promptTokenCount": 11,
    "candidatesTokenCount": 7,
}
SUMS = [{"name": "add", "arguments": {"a": 2, "b": 3}, "id": "call_1"}, {"name": "add", "arguments": {"a": 4, "b": 5}}]
ANSWERS = [
    {"match": {"userMessage": "Greet"}, "response": {"content": WORDS, "usage": COUNTS}},
    {
        "match": {"userMessage": "Sums", "hasToolResult": False},
        "response": {"content": "Let me see.", "toolCalls": SUMS, "usage": COUNTS},
    },
    {"match": {"userMessage": "Sums", "hasToolResult": True}, "response": {"content": "Five, nine.", "usage": COUNTS}},
    {
        "match": {"userMessage": "Why", "turnIndex": 0},
        "response": {"content": "So.", "reasoning": "Hm, 世界, I guess."},
    },
    {"match": {"userMessage": "Again"}, "response": {"content": "As I said."}},
    {"match": {"userMessage": "Which city"}, "response": {"content": {"name": "Köln", "people": 1_087_000}}},
    {
        "match": {"userMessage": "Blocks", "hasToolResult": False},
        "response": {"blocks": [{"type": "toolCall", **SUMS[0]}, {"type": "text", "text": "That was it."}]},
    },
    {"match": {"userMessage": "Blocks", "hasToolResult": True}, "response": {"content": "Five."}},
    {
        "match": {"userMessage": "Loop", "hasToolResult": False},
        "response": {"toolCalls": SUMS, "reasoning": "I need sums.", "reasoningSignature": "c2lnbmVk"},
    },
    {"match": {"userMessage": "Loop", "hasToolResult": True}, "response": {"content": "Done."}},
    {
        "match": {"userMessage": "Bill"},
        "response": {"content": "Paid.", "usage": {**COUNTS, "cost": 0.000125}},
        "openRouterProcessing": True,
    },
]

NO_COUNTS = {"ollama:qwen3": "aimock's `prompt_eval_count` and `eval_count` are always 0"}
NO_STOP = {
    "gemini:gemini-3-pro": "Google's finishReason is STOP where functions are called; aimock says FUNCTION_CALL",
    "vertex:gemini-2.5-pro": "likewise",
}
NO_PARAMETERS = {
    "gemini:gemini-3-pro": "aimock knows `parameters` only, and not Google's `parametersJsonSchema`",
    "vertex:gemini-2.5-pro": "likewise",
}
NO_IDS = {
    "ollama:qwen3": "Ollama's calls had no ids for years, and aimock's have none: it numbers what it is sent back"
}
NO_THOUGHTS = {
    "openai-chat:gpt-4o": "this model has none to show, and aimock knows it",
    "azure:gpt-4o": "likewise",
    "cohere:command-a": "Cohere's thoughts are blocks of the type `thinking`; aimock sends them as `text`",
    "ollama:qwen3": "Ollama's thoughts are in `thinking`; aimock puts them into `reasoning_content`",
}


class City(BaseModel):
    """A city."""

    name: str
    people: int


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.fixture(scope="module", autouse=True)
def _answers(aimock):
    aimock.answer(*ANSWERS)


@pytest.fixture
def agent(aimock, here, name):
    """Makes the agent of a test, which stands before the server under the test's name."""

    def make(**options):
        model = open_model(name, base_url=aimock.place(name, here), api_key=KEY, retry=None)
        return Agent(model, **options)

    return make


async def asked(agent, prompt, *, streamed, **options):
    """A result, and the words as they came."""
    if not streamed:
        return await agent.run(prompt, **options), []
    async with agent.run_stream(prompt, **options) as stream:
        pieces = [text async for text in stream.text()]
    return stream.result, pieces


def answers(result):
    """What the model answered, in order."""
    return [fact.response for fact in result.facts if type(fact).__name__ == "ModelResponded"]


@EACH
@WAYS
async def test_words(aimock, here, agent, name, streamed):
    """Words, the reason of the end and the usage arrive; instructions, words and settings are understood as they were meant."""
    settings = Settings(temperature=0.5, max_tokens=99)
    result, pieces = await asked(agent(system_prompt="Be brief.", settings=settings), "Greet me.", streamed=streamed)
    assert result.output == WORDS
    if streamed:
        assert len(pieces) > 5
        assert "".join(pieces) == WORDS
    (response,) = answers(result)
    assert response.finish == "stop"
    assert (response.usage.input, response.usage.output) == ((0, 0) if name in NO_COUNTS else (11, 7))
    (request,) = aimock.asked(here)
    body = request["body"]
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Greet me."},
    ]
    assert body["model"] == name.partition(":")[2]
    assert body["temperature"] == 0.5
    assert 99 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["stream"] is streamed


@EACH
@WAYS
async def test_tools(aimock, here, agent, name, streamed):
    """Words and two calls come from one answer, and the results go back to the calls that they belong to."""
    result, _ = await asked(agent(tools=[add]), "Sums, please.", streamed=streamed)
    assert result.output == "Five, nine."
    first, last = answers(result)
    assert first.message.text == "Let me see."
    assert [(call.name, call.arguments) for call in first.message.tool_calls] == [
        ("add", '{"a":2,"b":3}'),
        ("add", '{"a":4,"b":5}'),
    ]
    ids = [call.id for call in first.message.tool_calls]
    assert len(set(ids)) == 2
    assert name in NO_IDS or ids[0] == "call_1"
    assert (first.finish, last.finish) == ("other" if name in NO_STOP else "tool_calls", "stop")
    opening, going_on = (request["body"] for request in aimock.asked(here))
    (function,) = [offered["function"] for offered in opening["tools"]]
    assert (function["name"], function["description"]) == ("add", "Add two numbers.")
    assert name in NO_PARAMETERS or function["parameters"]["properties"] == {
        "a": {"type": "integer"},
        "b": {"type": "integer"},
    }
    said = going_on["messages"]
    assert said[0] == {"role": "user", "content": "Sums, please."}
    told = [message for message in said if message["role"] == "assistant"]
    assert "".join(message["content"] or "" for message in told) == "Let me see."
    calls = [call for message in told for call in message.get("tool_calls", ())]
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in calls] == [
        ("add", '{"a":2,"b":3}'),
        ("add", '{"a":4,"b":5}'),
    ]
    results = [message for message in said if message["role"] == "tool"]
    assert [str(number) in message["content"] for number, message in zip((5, 9), results, strict=True)] == [True, True]
    if name not in NO_IDS:
        assert [call["id"] for call in calls] == [message["tool_call_id"] for message in results]
        assert name.startswith(("gemini", "vertex")) or [call["id"] for call in calls] == ids


@EACH
@WAYS
async def test_thoughts(agent, name, streamed):
    """Thoughts are kept apart from the words, and the next turn, with both in its history, is taken."""
    thinker = agent()
    result, pieces = await asked(thinker, "Why?", streamed=streamed)
    (response,) = answers(result)
    if name not in NO_THOUGHTS:
        assert [part.text for part in response.message.only(Thinking)] == ["Hm, 世界, I guess."]
        assert result.output == "So."
        assert not streamed or "".join(pieces) == "So."
    again, _ = await asked(thinker, "Again!", streamed=streamed, history=result)
    assert again.output == "As I said."


@EACH
@WAYS
async def test_structured_output(aimock, here, agent, name, streamed):
    """A type is asked for and its value given."""
    result, _ = await asked(agent(output_type=City), "Which city?", streamed=streamed)
    assert result.output == City(name="Köln", people=1_087_000)
    assert [request["response"]["status"] for request in aimock.asked(here)] == [200]


@EACH
@WAYS
async def test_a_call_before_the_words(agent, name, streamed):
    """Words that come after a call end neither the call nor the answer."""
    result, _ = await asked(agent(tools=[add]), "Blocks", streamed=streamed)
    assert result.output == "Five."
    first = answers(result)[0]
    assert first.message.text == "That was it."
    assert [(call.name, call.arguments) for call in first.message.tool_calls] == [("add", '{"a":2,"b":3}')]


@WAYS
@pytest.mark.parametrize("name", ["anthropic:claude-sonnet-4-5"])
async def test_signed_thoughts_go_back(aimock, here, agent, name, streamed):
    """With thinking on, a turn that goes on after a tool begins with the signed thoughts: aimock refuses it without, as
    Anthropic does (its page "Thinking in tool and multi-turn workflows")."""
    settings = Settings(thinking_tokens=2000, max_tokens=4000)
    result, _ = await asked(agent(tools=[add], settings=settings), "Loop", streamed=streamed)
    assert result.output == "Done."
    (thought,) = answers(result)[0].message.only(Thinking)
    assert thought.text == "I need sums."
    assert thought.origin.data == {"signature": "c2lnbmVk"}
    assert [request["response"]["status"] for request in aimock.asked(here)] == [200, 200]


@pytest.mark.parametrize("name", ["anthropic:claude-sonnet-4-5"])
async def test_a_turn_that_another_model_began(aimock, here, agent, name):
    """A tool loop that began on another wire has no signed thoughts, and is gone on with all the same.

    aimock would refuse thinking for as long as such a loop is in the history, Anthropic only while it lasts.
    """
    other = open_model("openai-chat:gpt-4o", base_url=aimock.place("openai-chat:gpt-4o", here), api_key=KEY, retry=None)
    began = await Agent(other, tools=[add]).run("Loop")
    thinker = agent(tools=[add], settings=Settings(thinking_tokens=2000, max_tokens=4000))
    result = await thinker.run("Again!", history=began.messages[:-1])
    assert result.output == "As I said."
    assert [request["response"]["status"] for request in aimock.asked(here)] == [200, 200, 200]


@WAYS
@pytest.mark.parametrize("name", ["openrouter:openai/gpt-5"])
async def test_what_openrouter_charges(agent, name, streamed):
    """What the vendor says that it charged is the cost, and its comments in a stream are no answer."""
    result, _ = await asked(agent(), "Bill", streamed=streamed)
    assert result.output == "Paid."
    assert str(result.cost) == "0.000125"
