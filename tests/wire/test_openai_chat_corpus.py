"""Recorded exchanges of a dozen vendors: decoded, sent again, continued."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman.data import ModelResponse, ProviderError, Thinking
from journeyman.wire import HttpReply, HttpRequest
from journeyman.wire.openai_chat import OpenAIChat


def beside(name: str) -> ModuleType:
    """A module in this folder; tests are no package."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = beside("corpus")
CASES: dict[str, dict[str, Any]] = corpus.load("openai_chat")
CONTINUED = {
    name: CASES[case["continued_by"]["case"]]
    for name, case in CASES.items()
    # The recorded cases are a sample, and not every continuation is in it.
    if case.get("continued_by", {}).get("case") in CASES
}
CHAT = OpenAIChat()

pytestmark = pytest.mark.skipif(not CASES, reason=corpus.WHY_ABSENT)
each_case = pytest.mark.parametrize("name", CASES)

NOT_THE_SAME_AGAIN: dict[str, str] = {}
"""Requests that come out otherwise than they went in, and why."""

NOT_CONTINUED = {
    "test_groq/test_groq_model_thinking_part#0": (
        "the answer has its thoughts as <think> in the text; the client that was recorded took them out before it went "
        "on, and we never change a model's words"
    ),
    "test_groq/test_tool_use_failed_error#1": (
        "the answer has its thoughts in `reasoning`; the client that was recorded sent them back as <think> in the "
        "content, we send them back where they were"
    ),
    "test_openai/test_compatible_api_with_tool_calls_without_id#0": (
        "the answer's call has an empty id, for which each client makes up its own; and it has a signature in "
        "`extra_content`, which Google wants back and the client that was recorded dropped"
    ),
}
"""Answers that we send back otherwise than the client that was recorded, and why."""


def decoded(case: dict[str, Any]) -> ModelResponse:
    body = case["response"]["text"].encode()
    headers = {"content-type": case["content_type"]}
    if not case["stream"] or case["status"] >= 400:
        return CHAT.decode(HttpReply(case["status"], headers, body))
    decoder = CHAT.decoder(HttpReply(case["status"], headers))
    for piece in corpus.pieces(body, case["case"]):
        decoder.feed(piece)
    return decoder.finish()


def told(response: ModelResponse) -> dict[str, Any]:
    """In the words of the recorded expectations."""
    return {
        "text": response.message.text,
        "thinking": "".join(part.text for part in response.message.only(Thinking)),
        "tool_calls": [
            {"name": call.name, "arguments": json.loads(call.arguments)} for call in response.message.tool_calls
        ],
        "finish": response.finish,
        "usage": {
            "input": response.usage.input_tokens,
            "output": response.usage.output_tokens,
            "cache_read": response.usage.cache_read,
        },
    }


def parsed(case: dict[str, Any]) -> Any:
    return CHAT.parse(HttpRequest("POST", case["path"], {}, json.dumps(case["request"]).encode()))


def meaning(wire: dict[str, Any]) -> dict[str, Any]:
    """An assistant's message without what says nothing on this wire.

    A key that is null or absent, no content in any of its forms, a content of plain texts as a list or as a string, an
    empty list of calls, the number and the only type of a call, and Mistral's `prefix` when it is false.
    """
    wire = {key: value for key, value in wire.items() if value not in (None, "", [])}
    if wire.get("prefix") is False:
        del wire["prefix"]
    content = wire.get("content")
    if isinstance(content, list) and all(block.keys() == {"type", "text"} for block in content):
        wire["content"] = "".join(block["text"] for block in content)
    if "tool_calls" in wire:
        wire["tool_calls"] = [
            {"type": "function", **{key: value for key, value in call.items() if key != "index"}}
            for call in wire["tool_calls"]
        ]
    return wire


@each_case
def test_answers_are_read_right(name: str) -> None:
    """Each recorded answer, streamed ones cut at random, says what the wire's rules say that it says."""
    case = CASES[name]
    try:
        got = told(decoded(case))
    except ProviderError as error:
        got = {"error": {"status": error.status, "message": error.message}}
    assert got == case["expect"]


@each_case
def test_requests_come_out_as_they_went_in(name: str) -> None:
    """A recorded request, parsed and encoded, is the same JSON."""
    request = parsed(CASES[name])
    same = json.loads(CHAT.encode(request, stream=request.stream).body) == CASES[name]["request"]
    assert same != (name in NOT_THE_SAME_AGAIN)


@pytest.mark.parametrize("name", CONTINUED)
def test_conversations_go_on_as_they_did(name: str) -> None:
    """The recorded history with our decoded answer behind it is the history that was sent next."""
    request = parsed(CASES[name])
    at = CASES[name]["continued_by"]["at"]
    grown = replace(request, messages=(*request.messages, decoded(CASES[name]).message))
    *before, answer = json.loads(CHAT.encode(grown).body)["messages"]
    *recorded, continued = CONTINUED[name]["request"]["messages"][: at + 1]
    assert before == recorded
    assert (meaning(answer) == meaning(continued)) != (name in NOT_CONTINUED)


@each_case
def test_answers_are_rendered_as_they_were_read(name: str) -> None:
    """A recorded answer that we serve, whole and as a stream, says the same to who reads it."""
    case = CASES[name]
    if "error" in case["expect"]:
        error = case["expect"]["error"]
        with pytest.raises(ProviderError) as caught:
            CHAT.decode(CHAT.render_error(error["status"], error["message"]))
        assert (caught.value.status, caught.value.message) == (error["status"], error["message"])
        return
    answer = decoded(case)
    # OpenAI's wire has no word for an end without a reason.
    expected = {**case["expect"], "finish": case["expect"]["finish"] or "stop"}
    assert told(CHAT.decode(CHAT.render(answer))) == expected
    decoder = CHAT.decoder()
    for piece in corpus.pieces(CHAT.renderer().finish(answer), name):
        decoder.feed(piece)
    assert told(decoder.finish()) == expected


def test_few_exceptions_and_all_of_them_real() -> None:
    """At least 99 of 100 requests come out the same, and no exception is listed that does not exist."""
    assert len(NOT_THE_SAME_AGAIN) <= len(CASES) / 100
    assert NOT_THE_SAME_AGAIN.keys() <= CASES.keys()
    assert NOT_CONTINUED.keys() <= CONTINUED.keys()
