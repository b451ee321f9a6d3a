"""What vendors behind OpenAI's wire do otherwise, one quirk after the other; the vendors' pages say so, not we."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman.data import (
    Audio,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    Part,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolSpec,
)
from journeyman.wire import ChatQuirks, HttpReply, HttpRequest
from journeyman.wire.openai_chat import OpenAIChat

A, B = ToolSpec("a", "does a", {"type": "object"}, strict=True), ToolSpec("b", "does b", {"type": "object"})
SEARCH = Opaque("openai_chat", {"type": "web_search"})
DEFAULT = OpenAIChat()


def body(settings: Settings, *messages: Message, tools: tuple[Any, ...] = (), **quirks: Any) -> dict[str, Any]:
    request = ModelRequest("m", messages or (Message.user("x"),), tools, settings=settings)
    return json.loads(OpenAIChat(ChatQuirks(**quirks)).encode(request).body)


def turn(*parts: Part, origin: Opaque | None = None, **quirks: Any) -> dict[str, Any]:
    (wire,) = body(Settings(), Message("assistant", parts, origin), **quirks)["messages"]
    return wire


def own(**data: Any) -> Opaque:
    return Opaque("openai_chat", data)


def names(wire: dict[str, Any]) -> list[str]:
    return [tool["function"]["name"] if "function" in tool else tool["type"] for tool in wire.get("tools", [])]


def test_seed() -> None:
    """Mistral calls it `random_seed` and refuses the other name."""
    wire = body(Settings(seed=0), seed="random_seed")
    assert wire["random_seed"] == 0
    assert "seed" not in wire
    assert body(Settings(seed=0))["seed"] == 0


def test_settings_that_are_left_out() -> None:
    """What a vendor answers with an error is not sent, unless it is asked for in the wire's own words."""
    settings = Settings(frequency_penalty=0.5, presence_penalty=0.5, temperature=0.5)
    left = ("frequency_penalty", "presence_penalty")
    wire = body(settings, leaves_out=left)
    assert wire.keys().isdisjoint(left)
    assert wire["temperature"] == 0.5
    insisting = Settings(frequency_penalty=0.5, extra=own(frequency_penalty=0.5))
    assert body(insisting, leaves_out=left)["frequency_penalty"] == 0.5


@pytest.mark.parametrize(
    ("settings", "thinking", "effort"),
    [
        (Settings(), None, None),
        (Settings(reasoning_effort="none"), "disabled", None),
        (Settings(thinking_tokens=0), "disabled", None),
        (Settings(reasoning_effort="high"), "enabled", "high"),
        (Settings(thinking_tokens=500), "enabled", None),
    ],
)
def test_thinking_switch(settings: Settings, thinking: str | None, effort: str | None) -> None:
    """DeepSeek, Z.ai and Moonshot turn thinking on and off with an object; DeepSeek takes the effort beside it."""
    wire = body(settings, thinking_switch=True)
    assert wire.get("thinking") == (thinking and {"type": thinking})
    assert wire.get("reasoning_effort") == effort


def test_thinking_in_the_wires_own_words() -> None:
    """A switch that the caller set is left as it is."""
    said = {"type": "enabled", "clear_thinking": False}
    wire = body(Settings(reasoning_effort="high", extra=own(thinking=said)), thinking_switch=True)
    assert (wire["thinking"], wire["reasoning_effort"]) == (said, "high")


def test_strict_tools() -> None:
    """`strict` is left out for who refuses it, also where a client spelled the tool, and stays for the others."""
    spelled = DEFAULT.parse(
        HttpRequest(
            "POST",
            "/chat/completions",
            {},
            json.dumps(
                {
                    "model": "m",
                    "messages": [],
                    "tools": [{"function": {"name": "a", "strict": True, "parameters": {"type": "object"}}}],
                }
            ).encode(),
        )
    ).tools
    for tools in ((A,), spelled):
        for strict in (False, True):
            (tool,) = body(Settings(), tools=tools, strict_tools=strict)["tools"]
            assert tool["function"].get("strict") == (True if strict else None)


NAMED = {"type": "function", "function": {"name": "a"}}
SEVERAL = {
    "type": "allowed_tools",
    "allowed_tools": {"mode": "auto", "tools": [NAMED, {"type": "function", "function": {"name": "b"}}]},
}
ALL = ["a", "b", "web_search"]


@pytest.mark.parametrize(
    ("choice", "quirk", "said", "shown"),
    [
        (ToolChoice("auto"), "full", "auto", ALL),
        (ToolChoice("required", ("a",)), "full", NAMED, ALL),
        (ToolChoice("auto", ("a", "b")), "full", SEVERAL, ALL),
        (ToolChoice("required"), "named", "required", ALL),
        (ToolChoice("required", ("a",)), "named", NAMED, ALL),
        (ToolChoice("auto", ("a",)), "named", "auto", ["a"]),
        (ToolChoice("required", ("a", "b")), "named", "required", ["a", "b"]),
        (ToolChoice("none"), "named", "none", ALL),
        (ToolChoice("required", ("a",)), "modes", "required", ["a"]),
        (ToolChoice("auto"), "modes", "auto", ALL),
        (ToolChoice("none", ("a",)), "modes", "none", ALL),
        (ToolChoice("required", ("b",)), "auto", None, ["b"]),
        (ToolChoice("required"), "auto", None, ALL),
        (ToolChoice("none"), "auto", None, []),
    ],
)
def test_tool_choice(choice: ToolChoice, quirk: str, said: object, shown: list[str]) -> None:
    """A vendor is told as much of a choice as it understands, and shown no tool that it may not choose."""
    wire = body(Settings(tool_choice=choice), tools=(A, B, SEARCH), tool_choice=quirk)
    assert wire.get("tool_choice") == said
    assert names(wire) == shown


def test_a_choice_that_a_client_spelled() -> None:
    """Mistral's `any` stays what it is for who understands all, and is OpenAI's word for the others."""
    choice = ToolChoice("required", (), own(tool_choice="any"))
    assert body(Settings(tool_choice=choice), tools=(A,))["tool_choice"] == "any"
    assert body(Settings(tool_choice=choice), tools=(A,), tool_choice="named")["tool_choice"] == "required"


BLOCK = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}


def test_thoughts_as_blocks() -> None:
    """Mistral takes its thoughts in the content, and refuses the keys under which others have theirs."""
    wire = turn(Thinking("hm", own(block={"closed": True})), Text("yes"), reasoning="blocks")
    assert wire == {"role": "assistant", "content": [{**BLOCK, "closed": True}, {"type": "text", "text": "yes"}]}
    for key in ("reasoning_content", "reasoning"):
        wire = turn(Thinking("hm", own(key=key)), Text("yes"), reasoning="blocks")
        assert wire == {"role": "assistant", "content": "yes"}


@pytest.mark.parametrize("origin", [own(key="reasoning_content"), own(block={"closed": True})])
def test_thoughts_for_who_takes_none(origin: Opaque) -> None:
    """OpenAI refuses a message with keys that it does not know, so that a history from DeepSeek loses its thoughts there."""
    wire = turn(Thinking("hm", origin), Text("yes"), origin=own(reasoning_details=[{"x": 1}]), reasoning="drop")
    assert wire == {"role": "assistant", "content": "yes"}


def test_signatures() -> None:
    """Google's signatures go back to Google, and not to who refuses the key."""
    signed = own(extra_content={"google": {"thought_signature": "s"}})
    for kept in (True, False):
        wire = turn(ToolCall("c", "a", "{}", signed), origin=signed, extra_content=kept)
        assert ("extra_content" in wire) is kept
        assert ("extra_content" in wire["tool_calls"][0]) is kept


def test_plain_audio() -> None:
    """Mistral takes a sound as bytes or by its address, without an object around it and in any format."""

    def heard(sound: Audio) -> Any:
        return body(Settings(), Message("user", (sound,)), audio="plain")["messages"][0]["content"]

    assert heard(Audio("audio/flac", b"\x00\x01")) == [{"type": "input_audio", "input_audio": "AAE="}]
    address = "https://example.com/a.mp3"
    assert heard(Audio("audio/mpeg", url=address)) == [{"type": "input_audio", "input_audio": address}]


# --- what an answer is based on ---------------------------------------------------------------------------------------------

TOLD = {
    "citations": ["https://example.com/1"],
    "search_results": [{"title": "One", "url": "https://example.com/1"}],
    "annotations": [{"type": "url_citation", "url_citation": {"url": "https://example.com/1"}}],
}
CITING = {
    "id": "1",
    "model": "sonar",
    "citations": TOLD["citations"],
    "search_results": TOLD["search_results"],
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Yes.", "annotations": TOLD["annotations"]},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def cited() -> ModelResponse:
    return DEFAULT.decode(HttpReply(200, {}, json.dumps(CITING).encode()))


def read(stream: bytes) -> ModelResponse:
    decoder = DEFAULT.decoder()
    decoder.feed(stream)
    return decoder.finish()


def test_sources_are_kept() -> None:
    """What Perplexity, xAI and OpenAI say that they read is in the message's origin."""
    assert cited().message.origin == own(told=TOLD)


def test_sources_of_a_stream() -> None:
    """Perplexity repeats them with each piece, and the last are all; OpenAI's annotations come piece by piece."""
    one, two = TOLD["annotations"] * 1, [{"type": "url_citation", "url_citation": {"url": "https://example.com/2"}}]
    pieces: list[dict[str, Any]] = [
        {"citations": ["https://example.com/0"], "choices": [{"delta": {"content": "Y"}}]},
        {"citations": TOLD["citations"], "choices": [{"delta": {"content": "es.", "annotations": one}}]},
        {"choices": [{"delta": {"annotations": two}, "finish_reason": "stop"}]},
    ]
    stream = b"".join(b"data: " + json.dumps(piece).encode() + b"\n\n" for piece in pieces)
    assert read(stream).message.origin == own(told={"citations": TOLD["citations"], "annotations": [*one, *two]})


def test_sources_do_not_go_back() -> None:
    """They are no part of what a model said; only OpenRouter wants its annotations again."""
    message = cited().message
    for quirks in ({}, {"annotations": True}):
        (wire,) = body(Settings(), message, **quirks)["messages"]
        expected = {"role": "assistant", "content": "Yes."}
        assert wire == (expected | {"annotations": TOLD["annotations"]} if quirks else expected)


def test_annotations_of_a_client_go_on() -> None:
    """A client that sends annotations back is not corrected."""
    told = {"role": "assistant", "content": "Yes.", "annotations": []}
    request = HttpRequest("POST", "/", {}, json.dumps({"model": "m", "messages": [told]}).encode())
    assert json.loads(DEFAULT.encode(DEFAULT.parse(request)).body)["messages"] == [told]


def test_sources_are_served() -> None:
    """Whoever asks us hears of the sources, too, whole and in a stream."""
    answer = cited()
    assert DEFAULT.decode(DEFAULT.render(answer)).message.origin == own(told=TOLD)
    assert read(DEFAULT.renderer().finish(answer)).message.origin == own(told=TOLD)
