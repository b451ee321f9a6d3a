"""Whole answers of Chat Completions and its many dialects."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from journeyman.data import (
    Audio,
    Image,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from journeyman.wire import HttpReply
from journeyman.wire.openai_chat import OpenAIChat

CHAT = OpenAIChat()


def reply(message: dict[str, Any], **more: Any) -> HttpReply:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": more.pop("reason", "stop")}
    return HttpReply(200, {}, json.dumps({"id": "c1", "model": "m", "choices": [choice], **more}).encode())


def answer(message: dict[str, Any], **more: Any) -> ModelResponse:
    return CHAT.decode(reply(message, **more))


def call(name: str, arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def test_a_plain_answer() -> None:
    """Words become one text part without an origin, and everything else that counts is taken over."""
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    got = answer({"content": "Hello!", "refusal": None, "annotations": []}, usage=usage)
    assert got.message.parts == (Text("Hello!"),)
    assert got.message.origin is None
    assert (got.finish, got.model, got.raw_id, got.cost) == ("stop", "m", "c1", None)
    assert got.usage == Usage(input=9, output=4)


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_remembers_its_key(key: str) -> None:
    """Both keys of the wild are read, and the origin says under which one it goes back."""
    got = answer({"content": "4", key: "two and two"})
    assert got.message.parts == (Thinking("two and two", Opaque("openai_chat", {"key": key})), Text("4"))


def test_both_keys_say_the_same_once() -> None:
    """A vendor that gives its reasoning twice is heard once."""
    got = answer({"content": "4", "reasoning": "hm", "reasoning_content": "hm"})
    assert [part.text for part in got.message.only(Thinking)] == ["hm"]


def test_text_before_a_call_does_not_end_the_answer() -> None:
    """Text and calls stand together, and an answer that ended normally with calls ended with calls."""
    got = answer({"content": "Let me look.", "tool_calls": [call("look", '{"a":1}', id="x"), call("see", id="y")]})
    assert got.message.parts == (Text("Let me look."), ToolCall("x", "look", '{"a":1}'), ToolCall("y", "see"))
    assert got.finish == "tool_calls"


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [(None, "{}"), ("", "{}"), ({"a": [1]}, '{"a":[1]}'), ('{"a":', '{"a":'), (" ", " ")],
)
def test_arguments_are_kept_as_the_model_wrote_them(arguments: Any, kept: str) -> None:
    """Malformed JSON stays raw; only what is not there, or is no text, is written out."""
    assert answer({"tool_calls": [call("f", arguments, id="x")]}).message.tool_calls[0].arguments == kept


def test_calls_without_an_id_of_their_own_get_one() -> None:
    """Empty and repeated ids are replaced, the same way each time, and differently in another answer."""
    wire = {"tool_calls": [call("f", id=""), call("f", id="x"), call("f", id="x"), call("g")]}
    ids = [made.id for made in answer(wire).message.tool_calls]
    assert len(set(ids)) == 4
    assert ids[1] == "x"
    assert ids == [made.id for made in answer(wire).message.tool_calls]
    assert ids[0] != answer(wire, created=7).message.tool_calls[0].id


def test_google_s_signatures_travel() -> None:
    """`extra_content` is kept on the call and on the message; other unknown keys are not."""
    signature = {"google": {"thought_signature": "s"}}
    got = answer(
        {"tool_calls": [call("f", id="x", index=0, extra_content=signature)], "extra_content": signature, "junk": 1}
    )
    assert got.message.parts == (ToolCall("x", "f", "{}", Opaque("openai_chat", {"extra_content": signature})),)
    assert got.message.origin == Opaque("openai_chat", {"extra_content": signature})


def test_openrouter_s_details_travel_and_the_words_with_them() -> None:
    """With `reasoning_details` the words need no key of their own to go back; two blocks stay two."""
    details = [{"type": "reasoning.text", "text": "a", "index": 0}, {"type": "reasoning.text", "text": "b", "index": 0}]
    got = answer({"content": "x", "reasoning": "ab", "reasoning_details": details})
    assert got.message.parts[0] == Thinking("ab", Opaque("openai_chat", {}))
    assert got.message.origin == Opaque("openai_chat", {"reasoning_details": details})


def test_mistral_s_content_is_a_list() -> None:
    """Thinking blocks, texts that belong together, references and odd items, each as what it is."""
    reference = {"type": "reference", "reference_ids": [1]}
    content = [
        {
            "type": "thinking",
            "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}],
            "closed": True,
        },
        {"type": "thinking", "thinking": "again"},
        {"type": "text", "text": "It is"},
        {"type": "text", "text": ""},
        {"type": "text", "text": " so"},
        reference,
        {"type": "text", "text": "!", "cites": [1], "none": None},
        {"type": "thinking", "thinking": []},
        "junk",
    ]
    assert answer({"content": content}).message.parts == (
        Thinking("hm", Opaque("openai_chat", {"block": {"closed": True}})),
        Thinking("again", Opaque("openai_chat", {"block": {}})),
        Text("It is so"),
        Opaque("openai_chat", reference),
        Text("!", Opaque("openai_chat", {"cites": [1]})),
        Thinking("", Opaque("openai_chat", {"block": {}})),
    )


def test_a_refusal_is_filtered_words() -> None:
    """A refusal is shown as text, and the answer counts as filtered."""
    got = answer({"content": None, "refusal": "I will not."})
    assert got.message.parts == (Text("I will not.", Opaque("openai_chat", {"refusal": True})),)
    assert got.finish == "content_filter"


def test_the_first_form_of_calls() -> None:
    """`function_call` is a call whose id is made from its name."""
    got = answer({"function_call": {"name": "f", "arguments": '{"a":1}'}}, reason="function_call")
    origin = Opaque("openai_chat", {"function_call": True})
    assert got.message.parts == (ToolCall("function_call_f", "f", '{"a":1}', origin),)
    assert got.finish == "tool_calls"
    assert answer({"content": "x", "function_call": {"name": "", "arguments": ""}}).message.parts == (Text("x"),)


def test_both_forms_of_a_call_are_one_call() -> None:
    """A server that says a call in the old form and in the new one (llama-cpp-python) has made one call, and not two."""
    old = {"name": "f", "arguments": '{"a":1}'}
    got = answer({"function_call": old, "tool_calls": [call("f", '{"a":1}', id="call_0")]}, reason="tool_calls")
    assert got.message.parts == (ToolCall("call_0", "f", '{"a":1}'),)


def test_a_custom_tool_s_free_text_is_an_argument() -> None:
    """A call with free text has one argument, `input`."""
    custom = {"id": "x", "type": "custom", "custom": {"name": "sh", "input": 'say "hi"'}}
    got = answer({"tool_calls": [custom]})
    assert got.message.parts == (
        ToolCall("x", "sh", '{"input":"say \\"hi\\""}', Opaque("openai_chat", {"custom": True})),
    )


def test_pictures_and_sounds() -> None:
    """What a model drew or said aloud becomes a part; the words of a sound stay with it."""
    png, wav = base64.b64encode(b"\x89PNG").decode(), base64.b64encode(b"RIFFx").decode()
    images = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{png}"}, "index": 0},
        {"type": "image_url", "image_url": {"url": "https://x.test/a.webp"}},
        {"type": "image_url"},
    ]
    got = answer({"images": images, "audio": {"id": "a1", "data": wav, "transcript": "hi"}})
    origin = Opaque("openai_chat", {"images": True})
    assert got.message.parts == (
        Image("image/png", b"\x89PNG", origin=origin),
        Image("image/webp", url="https://x.test/a.webp", origin=origin),
        Audio("audio/wav", b"RIFFx", origin=Opaque("openai_chat", {"id": "a1", "transcript": "hi"})),
    )
    assert answer({"content": "4", "audio": {"id": "", "data": ""}}).message.parts == (Text("4"),)


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"fLaC", "audio/flac"),
        (b"OggS", "audio/ogg"),
        (b"\0", "audio/pcm"),
    ],
)
def test_a_sound_s_type_is_in_its_first_bytes(data: bytes, media_type: str) -> None:
    """An answer does not say how its sound is coded, the bytes do."""
    (sound,) = answer({"audio": {"id": "a", "data": base64.b64encode(data).decode()}}).message.only(Audio)
    assert sound.media_type == media_type


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("content_filter", "content_filter"),
        ("tool_calls", "tool_calls"),
        ("eos", "stop"),
        ("insufficient_system_resource", "other"),
        ("error", "other"),
        ("", None),
        (None, None),
        (3, None),
    ],
)
def test_why_it_ended(reason: Any, finish: str | None) -> None:
    """OpenAI's reasons and what vendors invented; an empty one is none, an unknown one is `other`."""
    assert answer({"content": "x"}, reason=reason).finish == finish


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({}, Usage()),
        (None, Usage()),
        ("junk", Usage()),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(input=10, cache_read=60, cache_write=30, output=10, reasoning=40),
        ),
        # DeepSeek and Moonshot.
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(input=5, cache_read=4)),
        ({"prompt_tokens": 9, "cached_tokens": 4.0}, Usage(input=5, cache_read=4)),
        # xAI counts reasoning apart, as its total shows.
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
            },
            Usage(input=32, output=9, reasoning=94),
        ),
        # Contradictions are cut, never negative.
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9},
                "completion_tokens_details": {"reasoning_tokens": 7},
            },
            Usage(cache_read=5, reasoning=3),
        ),
        ({"prompt_tokens": -5, "completion_tokens": None}, Usage()),
    ],
)
def test_usage_is_in_disjoint_buckets(counts: Any, usage: Usage) -> None:
    """No token is counted twice, whatever the vendor's way of counting."""
    assert answer({"content": "x"}, usage=counts).usage == usage


def test_usage_may_stand_elsewhere() -> None:
    """Groq has it in `x_groq`, Moonshot in the choice."""
    counts = {"prompt_tokens": 3, "completion_tokens": 2}
    assert answer({"content": "x"}, x_groq={"usage": counts}).usage == Usage(input=3, output=2)
    assert answer({"content": "x"}, x_groq={"id": "r"}).usage == Usage()
    body = {"choices": [{"message": {"content": "x"}, "usage": counts}]}
    assert CHAT.decode(HttpReply(200, {}, json.dumps(body).encode())).usage == Usage(input=3, output=2)


@pytest.mark.parametrize(
    ("cost", "nano"),
    [
        (0.000837, 837_000),
        (0, 0),
        ({"total_cost": 0.1}, 100_000_000),
        ({}, None),
        (-1, None),
        (True, None),
        ("1", None),
    ],
)
def test_a_stated_cost_is_taken_over(cost: Any, nano: int | None) -> None:
    """What OpenRouter and Perplexity say that they charged, exactly, in nano-dollars."""
    assert answer({"content": "x"}, usage={"cost": cost}).cost == nano


def test_other_choices_are_not_mixed_in() -> None:
    """Of several choices the first is the answer."""
    choices = [{"index": at, "message": {"content": word}, "finish_reason": "stop"} for at, word in enumerate("ab")]
    assert CHAT.decode(HttpReply(200, {}, json.dumps({"choices": choices}).encode())).message.text == "a"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"<html>", b"{}", b'{"choices":[]}', b'{"choices":[{}]}', b"\xff", b"[" * 99_999],
)
def test_what_is_no_answer_is_the_provider_s_fault(body: bytes) -> None:
    """A body that cannot be read, or holds no message, is a server's error with the body in it."""
    with pytest.raises(ProviderError, match="cannot be read") as caught:
        CHAT.decode(HttpReply(200, {}, body))
    assert caught.value.kind == "server"
    assert caught.value.body == body.decode("utf-8", "replace")[:4000]


def test_arguments_nested_deep_are_read_or_the_provider_s_fault() -> None:
    """An object that can just be read but not written again is no error of the caller's."""
    faults = 0
    for depth in (*range(10, 1200, 10), 100_000):
        nested = b'{"a":' * depth + b"1" + b"}" * depth
        body = b'{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":%b}}]}}]}' % nested
        try:
            (made,) = CHAT.decode(HttpReply(200, {}, body)).message.tool_calls
        except ProviderError:
            faults += 1
        else:
            assert made.arguments == nested.decode()
    assert faults
