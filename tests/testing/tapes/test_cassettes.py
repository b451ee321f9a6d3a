"""Cassettes of other recorders: every shape of body, what is left out, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
import logging

import pytest

from journeyman import Agent, CallerError, ProviderError, ScriptedModel, open_model, tool
from journeyman.data import ReplayMismatch
from journeyman.testing import replay, tape_from_cassette, tape_model

OPENAI = "https://api.openai.com/v1/chat/completions"
ASKED = {
    "model": "gpt-5-mini",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Capital of France?"}],
}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-mini-2025",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Paris."}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}


def interaction(asked, answer, *, uri=OPENAI, status=None, kind="application/json"):
    """One exchange as vcrpy keeps it; `asked` and `answer` are the keys of the two."""
    return {
        "request": {"method": "POST", "uri": uri, "headers": {"Content-Type": ["application/json"]}, **asked},
        "response": {
            "status": status or {"code": 200, "message": "OK"},
            "headers": {"Content-Type": [kind]},
            **answer,
        },
    }


def cassette(path, *interactions):
    path.write_text(json.dumps({"version": 1, "interactions": list(interactions)}))
    return path


def bodies(value):
    """One JSON value in every shape in which recorders keep a body."""
    text = json.dumps(value)
    packed = base64.b64encode(gzip.compress(text.encode())).decode()
    return {
        "text": {"body": text},
        "string": {"body": {"string": text}},
        "base64": {"body": {"base64": base64.b64encode(text.encode()).decode()}},
        "base64_string": {"body": {"base64_string": packed}},
        "encoding": {"body": {"encoding": "base64", "string": packed}},
        "parsed": {"parsed_body": value},
        "typed": {"body": {"type": "json", "content": value}},
    }


@pytest.mark.parametrize("shape", list(bodies({})))
async def test_an_agent_is_answered_from_a_cassette(tmp_path, shape):
    """Whatever the shape of the bodies, an agent that asks the same gets the recorded answer, and no server is asked."""
    path = cassette(tmp_path / "c.json", interaction(bodies(ASKED)[shape], bodies(ANSWER)[shape]))
    agent = Agent(open_model("openai-chat:gpt-5-mini"), system_prompt="Be brief.")
    with replay(tape_from_cassette(path)):
        result = await agent.run("Capital of France?")
    assert result.output == "Paris."
    assert result.usage.input_tokens == 9


YAML = """\
interactions:
- request:
    body: !!binary |
      eyJtb2RlbCI6ICJncHQtNS1taW5pIiwgInN0cmVhbSI6IHRydWUsICJtZXNzYWdlcyI6IFt7InJv
      bGUiOiAidXNlciIsICJjb250ZW50IjogIkhpIn1dfQ==
    headers: &headers
      Content-Type: [text/event-stream]
      Date: [2024-01-02]
    method: POST
    uri: https://api.openai.com/v1/chat/completions
  response:
    body:
      string: !!python/unicode |+
        data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}

        data: {"id":"1","choices":[{"index":0,"delta":{"content":"lo."},"finish_reason":"stop"}]}

        data: [DONE]

    headers: *headers
    status: {code: 200, message: OK}
- request: {method: GET, uri: "https://example.com/", headers: {}, body: null}
  response: {status: {code: 200, message: OK}, headers: {}, body: {string: hello}}
version: 1
"""


async def test_yaml_with_a_stream(tmp_path, caplog):
    """vcrpy's YAML with bytes, aliases, dates and Python 2's strings; a stream is cut as it was; a download is left out."""
    path = tmp_path / "c.yaml"
    path.write_text(YAML)
    with caplog.at_level(logging.WARNING):
        tape = tape_from_cassette(path)
    assert "interaction 2" in caplog.text
    assert "GET example.com/ is no exchange with a model" in caplog.text
    with replay(tape):
        async with Agent(ScriptedModel([])).run_stream("Hi") as stream:
            assert [text async for text in stream.text()] == ["Hel", "lo."]


async def test_every_wire_is_told_by_its_path(tmp_path):
    """OpenAI's chat wire with a vendor's own ways, and Anthropic's, both on one cassette and kept in a file."""
    claude = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "Bonjour."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    greeting = {"model": "claude-x", "max_tokens": 99, "messages": [{"role": "user", "content": "Salut"}]}
    path = cassette(
        tmp_path / "c.json",
        interaction({"parsed_body": greeting}, {"parsed_body": claude}, uri="https://api.anthropic.com/v1/messages"),
        interaction(
            {"parsed_body": {**ASKED, "model": "llama"}},
            {"parsed_body": ANSWER},
            uri="https://api.groq.com/openai/v1/chat/completions",
        ),
    )
    tape_from_cassette(path, to=tmp_path / "tape.jsonl")
    model = tape_model(tmp_path / "tape.jsonl")
    assert (await Agent(model, system_prompt="Be brief.").run("Capital of France?")).output == "Paris."
    assert (await Agent(model).run("Salut")).output == "Bonjour."


async def test_tools_are_called_and_answers_may_come_in_any_order(tmp_path):
    """A cassette knows nothing of tools: they are called; the order of its exchanges does not matter."""
    spec = {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}
    said = {"role": "user", "content": "Look!"}
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at":  "Bonn"}'}}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}
    first = ({"messages": [said], "tools": [spec]}, {**ANSWER, "choices": [choice]})
    turn = [
        said,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "fine"},
    ]
    second = ({"messages": turn, "tools": [spec]}, ANSWER)
    looked = []

    @tool
    def look(at: str) -> str:
        """Look."""
        looked.append(at)
        return "fine"

    path = cassette(
        tmp_path / "c.json",
        *(
            interaction({"parsed_body": {"model": "m", **asked}}, {"parsed_body": answer})
            for asked, answer in (second, first)
        ),
    )
    with replay(tape_from_cassette(path)):
        result = await Agent(ScriptedModel([]), tools=[look]).run("Look!")
    assert (result.output, looked) == ("Paris.", ["Bonn"])


async def test_failures_are_failures(tmp_path):
    """A refusal on a cassette is raised as the wire tells it, and what is not on the cassette is a miss."""
    refusal = {"error": {"message": "slow down", "type": "rate_limit"}}
    path = cassette(
        tmp_path / "c.json", interaction({"parsed_body": ASKED}, {"parsed_body": refusal}, status={"code": 429})
    )
    agent = Agent(ScriptedModel([]), system_prompt="Be brief.")
    with replay(tape_from_cassette(path)), pytest.raises(ProviderError, match="slow down") as caught:
        await agent.run("Capital of France?")
    assert caught.value.status == 429
    with pytest.raises(ReplayMismatch, match=r"messages\[1\]\.parts\[0\]\.text"), replay(tape_from_cassette(path)):
        await agent.run("Capital of Spain?")


async def test_keys_on_a_cassette_do_not_get_onto_the_tape(tmp_path):
    """Headers are not taken over at all, and keys in words are hidden."""
    key = "sk-" + "aB3xY9kLmN2pQ7rS5tUv"
    secret = {**ASKED, "messages": [{"role": "user", "content": f"my key: {key}"}]}
    held = interaction({"parsed_body": secret}, {"parsed_body": ANSWER})
    held["request"]["headers"]["Authorization"] = ["Bearer other-secret-of-mine"]
    tape_from_cassette(cassette(tmp_path / "c.json", held), to=tmp_path / "tape.jsonl")
    text = (tmp_path / "tape.jsonl").read_text()
    assert "my key: ***" in text
    assert key not in text
    assert "other-secret" not in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "no list of interactions"),
        ('{"interactions": 3}', "no list of interactions"),
        ("a: [", "no YAML"),
        ('{"interactions": [{}]}', "interaction 1 of .* cannot be read: it has no request"),
        (
            json.dumps({"interactions": [{"request": {"method": "POST", "uri": OPENAI, "body": "{"}, "response": {}}]}),
            "read",
        ),
        (
            json.dumps({"interactions": [{"request": {"method": "POST", "uri": OPENAI, "body": 3}, "response": {}}]}),
            "body is a int",
        ),
        (
            json.dumps(
                {"interactions": [{"request": {"method": "POST", "uri": OPENAI, "parsed_body": ASKED}, "response": {}}]}
            ),
            "no status",
        ),
        (json.dumps({"interactions": [interaction({"body": {"base64": "a"}}, {"parsed_body": {}})]}), "no base64"),
    ],
)
def test_what_is_no_cassette_is_told(tmp_path, text, problem):
    """A file that cannot be read says which interaction it is and what is wrong with it."""
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(CallerError, match=problem):
        tape_from_cassette(path)


def test_an_absent_cassette_is_told(tmp_path):
    """A wrong name is the caller's to mend."""
    with pytest.raises(CallerError, match="cannot be read"):
        tape_from_cassette(tmp_path / "absent.yaml")


def test_aliases_that_stand_for_too_much_are_refused(tmp_path):
    """A small file of YAML that stands for a billion values is refused before they are written out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    path = tmp_path / "c.yaml"
    path.write_text("\n".join([*lines, "interactions:", "- request: {method: POST, parsed_body: *a11}"]))
    with pytest.raises(CallerError, match="too large to import"):
        tape_from_cassette(path)
