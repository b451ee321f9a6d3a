"""The Messages dialect against recorded exchanges (`../shared/wire`, which is not part of the project)."""

from __future__ import annotations

import gzip
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman.data import ProviderError, Thinking
from journeyman.wire.anthropic import Anthropic
from journeyman.wire.http import HttpReply, HttpRequest

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "wire" / "cases.jsonl.gz"
WIRE = Anthropic()

pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="the recorded exchanges are not beside the project")

REQUESTS_THAT_DIFFER: dict[str, str] = {}

TURNS_THAT_DIFFER = {
    "test_anthropic/test_anthropic_web_search_tool#0": "the recording client did not send the citations of the answer"
    " back; we do, since they hold encrypted_index, which the provider asks for in later turns",
}


@cache
def cases() -> dict[str, dict[str, Any]]:
    with gzip.open(CORPUS, "rt", encoding="utf-8") as lines:
        read = (json.loads(line) for line in lines)
        return {case["case"]: case for case in read if case["protocol"] == "anthropic"}


def parsed(case):
    return WIRE.parse(HttpRequest("POST", case["path"], {}, json.dumps(case["request"]).encode()))


def answered(case, seed):
    headers = {"content-type": case["content_type"]}
    body = case["response"]["text"].encode()
    if not case["stream"]:
        return WIRE.decode(HttpReply(case["status"], headers, body))
    decoder = WIRE.decoder(HttpReply(case["status"], headers))
    chance = random.Random(seed)  # noqa: S311  (cuts a stream, guards nothing)
    while body:
        cut = chance.choice((1, 2, 3, 10, 100, 1000))
        decoder.feed(body[:cut])
        body = body[cut:]
    return decoder.finish()


def said(response):
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


def without_nulls(value):
    """Null and absent are one to this wire, but not within the input of a tool, which is the model's."""
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: item for key, item in value.items() if item is not None}
    return {key: item if key == "input" else without_nulls(item) for key, item in kept.items()}


@pytest.mark.parametrize("seed", range(5))
def test_every_recorded_answer_says_what_it_says_however_its_stream_is_cut(seed):
    """Text, thoughts, calls, finish, usage and errors of all recordings are read right."""
    assert cases()
    for case in cases().values():
        if "error" in case["expect"]:
            with pytest.raises(ProviderError) as caught:
                answered(case, seed)
            assert {"status": caught.value.status, "message": caught.value.message} == case["expect"]["error"]
        else:
            assert said(answered(case, seed)) == case["expect"], case["case"]


def test_every_recorded_request_comes_out_as_it_went_in():
    """Parsing a request and encoding it again gives the same JSON, key by key."""
    differing = {
        name
        for name, case in cases().items()
        if json.loads(WIRE.encode(parsed(case), stream=case["stream"]).body) != case["request"]
    }
    assert differing == REQUESTS_THAT_DIFFER.keys()


def test_our_answer_is_the_turn_that_was_really_sent_next():
    """A recorded history, and our answer after it, are what the client sent in its next request."""
    followed, differing = set(), set()
    for name, case in cases().items():
        link = case.get("continued_by")
        # The sample holds some cases without the one that goes on from them.
        if link is None or link["case"] not in cases():
            continue
        followed.add(name)
        request = parsed(case)
        longer = msgspec.structs.replace(request, messages=(*request.messages, answered(case, 0).message))
        sent = json.loads(WIRE.encode(longer).body)["messages"]
        recorded = cases()[link["case"]]["request"]["messages"][: link["at"] + 1]
        if without_nulls(sent) != without_nulls(recorded):
            differing.add(name)
    assert len(followed) > 40
    assert differing == TURNS_THAT_DIFFER.keys()


def test_serving_a_recorded_answer_again_loses_nothing():
    """What we render of a decoded answer, whole or as a stream, decodes to the same answer."""
    for case in cases().values():
        if "error" in case["expect"]:
            continue
        response = answered(case, 0)
        assert WIRE.decode(WIRE.render(response)) == response
        decoder = WIRE.decoder()
        decoder.feed(WIRE.renderer().finish(response))
        assert decoder.finish() == response
