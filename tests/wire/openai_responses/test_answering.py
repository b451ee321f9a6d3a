"""Whole answers."""

import json

import pytest

from journeyman.data import Message, ModelRequest, Opaque, ProviderError, Text, Thinking, ToolCall, Usage
from journeyman.wire import HttpReply
from journeyman.wire.openai_responses import OpenAIResponses

WIRE = OpenAIResponses()
NAME = "openai_responses"
JSON = {"content-type": "application/json"}
THOUGHTS = {
    "type": "reasoning",
    "id": "rs_1",
    "status": "completed",
    "content": [],
    "summary": [{"type": "summary_text", "text": "First."}, {"type": "summary_text", "text": "Then."}],
    "encrypted_content": "gAAA",
}
SECRET = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gBBB", "status": None}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": None}}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "add",
    "arguments": '{ "a": 1 }',
    "status": "completed",
}


def said(text, **keys):
    block = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [block]}
    return {**item, **keys}


def decoded(*output, effort="medium", **keys):
    answer = {"id": "resp_1", "model": "m", "status": "completed", "output": output, "store": True, **keys}
    return WIRE.decode(HttpReply(200, JSON, json.dumps({**answer, "reasoning": {"effort": effort}}).encode()))


def sent(response):
    return json.loads(WIRE.encode(ModelRequest("m", (response.message,))).body)["input"]


def test_items_become_parts():
    """Words, calls and summaries of thoughts are what they are; the rest is opaque."""
    response = decoded(THOUGHTS, SEARCH, SECRET, said("Well."), CALL)
    kinds = [type(part) for part in response.message.parts]
    assert kinds == [Thinking, Opaque, Opaque, Text, ToolCall]
    assert (response.message.only(Thinking)[0].text, response.message.text) == ("First.Then.", "Well.")
    (call,) = response.message.tool_calls
    assert (call.id, call.name, call.arguments) == ("call_1", "add", '{ "a": 1 }')
    assert (response.finish, response.model, response.raw_id) == ("tool_calls", "m", "resp_1")


def test_items_of_a_model_that_thinks_go_back_as_they_came():
    """With their ids, but for what says nothing: that an item is done, empty lists, nulls."""
    assert sent(decoded(THOUGHTS, SEARCH, SECRET, said("Well.", phase="commentary"), CALL)) == [
        {key: THOUGHTS[key] for key in ("type", "id", "summary", "encrypted_content")},
        SEARCH,
        {key: SECRET[key] for key in ("type", "id", "summary", "encrypted_content")},
        said("Well.", phase="commentary", content=[{"type": "output_text", "text": "Well.", "annotations": []}]),
        {key: CALL[key] for key in ("type", "id", "call_id", "name", "arguments")},
    ]


def test_items_of_other_models_go_back_without_ids():
    """Where nothing has to be found again by its id, words and calls say all that there is to say."""
    assert sent(decoded(said("Well."), CALL, effort=None)) == [
        {"role": "assistant", "content": "Well."},
        {key: CALL[key] for key in ("type", "call_id", "name", "arguments")},
    ]


def test_ids_of_other_vendors_stay_behind():
    """OpenAI refuses a UUID as the id of a message or a call, and the vendors that give them need none back."""
    thoughts = {"type": "reasoning", "id": "a-b", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    response = decoded(thoughts, said("Well.", id="c-d", phase="final_answer"), {**CALL, "id": "e-f"})
    assert sent(response) == [
        thoughts,
        {"role": "assistant", "content": "Well.", "phase": "final_answer"},
        {key: CALL[key] for key in ("type", "call_id", "name", "arguments")},
    ]


def test_citations_and_parts_of_a_message_stay_together():
    """A message of several blocks comes back as one, with its annotations and what it refused."""
    blocks = [
        {"type": "output_text", "text": "Rome. ", "annotations": [{"type": "url_citation", "url": "https://a.b"}]},
        {"type": "refusal", "refusal": "No more."},
        {"type": "hologram", "data": "x"},
    ]
    response = decoded(said("", content=blocks), effort=None)
    assert response.message.text == "Rome. No more."
    assert sent(response) == [said("", content=blocks)]
    twice = decoded(said("One.", id="msg_1"), said("Two.", id="msg_2"))
    assert [item["id"] for item in sent(twice)] == ["msg_1", "msg_2"]


def test_thoughts_that_nobody_keeps():
    """Where nothing was stored and nothing encrypted, only a name is left: it is not sent, as the provider would refuse it."""
    named = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    bare = {"type": "reasoning", "id": "rs_2", "summary": []}
    response = decoded(named, bare, said("Well."), store=False)
    assert [part.text for part in response.message.only(Thinking)] == ["Hm."]
    assert [item["type"] for item in sent(response)] == ["message"]
    assert [item["id"] for item in sent(decoded(named, bare, said("Well.")))] == ["rs_1", "rs_2", "msg_1"]


def test_calls_that_a_provider_counts_get_ids_of_their_own():
    """Bedrock's ids begin at call_0 in each answer; within a conversation they would be the same."""
    counted = {**CALL, "call_id": "call_0"}
    assert decoded(counted, model="openai.gpt-6").message.tool_calls[0].id == "resp_1:call_0"
    assert decoded(counted).message.tool_calls[0].id == "call_0"
    assert decoded(CALL | {"call_id": "call_x"}, model="openai.gpt-6").message.tool_calls[0].id == "call_x"


@pytest.mark.parametrize(("given", "read"), [(None, "{}"), ({"a": 1}, '{"a":1}'), ("{", "{"), ("", "")])
def test_arguments_are_text(given, read):
    """Malformed ones are kept as they are; servers that give an object mean its text."""
    assert decoded({**CALL, "arguments": given}).message.tool_calls[0].arguments == read


@pytest.mark.parametrize(
    ("status", "reason", "finish"),
    [
        ("completed", None, "stop"),
        (None, None, "stop"),
        ("incomplete", "max_output_tokens", "length"),
        ("incomplete", "content_filter", "content_filter"),
        ("incomplete", "steered", "other"),
        ("incomplete", None, "other"),
        ("cancelled", None, "other"),
        ("queued", None, None),
        ("in_progress", None, None),
    ],
)
def test_why_it_ended(status, reason, finish):
    """Each ending is told, an answer in the background has none yet, and served again it is the same."""
    response = decoded(said("We"), status=status, incomplete_details=reason and {"reason": reason})
    assert response.finish == finish
    assert WIRE.decode(WIRE.render(response)) == response


def test_usage_is_in_disjoint_buckets():
    """Cached and thought tokens are part of the totals, and are taken out of them; nonsense is cut."""
    counts = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "cost": 0.0015,
    }
    response = decoded(said("a"), usage=counts)
    assert response.usage == Usage(10, 60, 30, 30, 20)
    assert response.cost == 1_500_000
    odd = {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 9}, "output_tokens": -1}
    assert decoded(said("a"), usage=odd).usage == Usage(cache_read=5)
    assert decoded(said("a"), usage=None).usage == Usage()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "rate_limit_exceeded", "message": "so it goes"}, "rate_limit"),
        ({"code": "server_error", "message": "so it goes"}, "server"),
        ({"code": "invalid_image_format", "message": "so it goes"}, "invalid_request"),
        ({"code": "brand_new", "message": "so it goes"}, "server"),
        ({"code": 429, "message": "so it goes"}, "rate_limit"),
    ],
)
def test_a_failed_answer_is_an_error(error, kind):
    """With the provider's own words, whether the status or the body says that it failed."""
    with pytest.raises(ProviderError, match="so it goes") as caught:
        decoded(status="failed", error=error)
    assert caught.value.kind == kind
    with pytest.raises(ProviderError, match="so it goes"):
        WIRE.decode(HttpReply(200, JSON, json.dumps({"error": error}).encode()))


def test_an_error_reply():
    """It has its status, the provider's words, and when to ask again."""
    body = json.dumps({"error": {"message": "slow down", "type": "rate_limit_error", "code": None}}).encode()
    with pytest.raises(ProviderError, match=r"^slow down$") as caught:
        WIRE.decode(HttpReply(429, {"retry-after": "3"}, body))
    assert (caught.value.status, caught.value.kind, caught.value.retry_after) == (429, "rate_limit", 3.0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"output": 1}',
        b'{"output": [1]}',
        b'{"output": [{}]}',
        b'{"output": [{"type": "function_call"}]}',
        b'{"output": [{"type": "message", "content": [{"type": []}]}, {"type": null}]}',
        b'{"output": ' + b"[" * 100_000,
        b'{"output": [{"type": "\xff"}]}',
    ],
)
def test_what_is_no_answer_is_the_providers_error(body):
    """Whatever comes, nothing but ProviderError is raised."""
    with pytest.raises(ProviderError, match="cannot be read"):
        WIRE.decode(HttpReply(200, JSON, body))


def test_a_turn_of_ours_is_not_touched_by_marks():
    """Parts without an origin are sent as they are, even between those of the provider's."""
    response = decoded(said("Well."))
    grown = Message("assistant", (*response.message.parts, Text("And.")))
    assert json.loads(WIRE.encode(ModelRequest("m", (grown,))).body)["input"][1] == {
        "role": "assistant",
        "content": "And.",
    }
    assert response.message.parts[0].origin == Opaque(NAME, {"item": {"id": "msg_1"}, "block": {}})
