"""What requests ask for, and what models are known to lack."""

from __future__ import annotations

import pytest

from journeyman.data import (
    Audio,
    Document,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Settings,
    Text,
    ToolResult,
    ToolSpec,
    Video,
)
from journeyman.providers import ABILITIES, Capabilities, asked_by, lack, media_in

ALL = frozenset(ABILITIES)


def test_only_a_known_lack_is_one():
    """None is not known, which is not the same."""
    assert Capabilities().lacking() == frozenset()
    assert Capabilities(vision=None, json_schema=None).lacking() == frozenset()
    assert Capabilities(vision=False, tools=False, streaming=False).lacking() == {"vision", "tools"}


@pytest.mark.parametrize(
    ("request_of", "ability"),
    [
        ({}, None),
        ({"tools": (ToolSpec("f"),)}, "tools"),
        ({"tools": (Opaque("anthropic", {}),)}, "tools"),
        ({"output": JsonOutput(schema={"type": "object"})}, "json_schema"),
        ({"output": JsonOutput()}, None),
        ({"settings": Settings(reasoning_effort="low")}, "thinking"),
        ({"settings": Settings(thinking_tokens=1000)}, "thinking"),
        ({"settings": Settings(reasoning_effort="none", thinking_tokens=0)}, None),
        ({"settings": Settings(temperature=0)}, None),
    ],
)
def test_a_request_asks_for_what_it_cannot_do_without(request_of, ability):
    """Tools, a schema, thinking; and for nothing that is turned off."""
    assert asked_by(ModelRequest("m", (), **request_of), ALL) == ability
    assert asked_by(ModelRequest("m", (), **request_of), frozenset()) is None


def test_media_ask_for_eyes_and_ears():
    """In messages and in what tools gave."""
    parts = (
        Image("image/png", b"x"),
        Audio("audio/wav", b"x"),
        Video("video/mp4", b"x"),
        Document("application/pdf", b"x"),
    )
    assert media_in(Message.user(["words", *parts])) == {"vision", "audio", "video", "documents"}
    assert media_in(Message("tool", (ToolResult("1", (Text("so"), parts[0])),))) == {"vision"}
    assert media_in(Message("tool", (ToolResult("1", "so"),))) == frozenset()
    assert media_in(Message.user("words")) == frozenset()


@pytest.mark.parametrize("ability", ABILITIES)
def test_a_lack_is_told_with_the_way_out(ability):
    """The ability, the model, that nothing was sent, and how to say otherwise."""
    words = str(lack("acme:m", ability))
    for part in ("acme:m", repr(ability), "nothing was sent", f"Capabilities({ability}=True)"):
        assert part in words
