"""Parts exist only in a legal form."""

from __future__ import annotations

import msgspec
import pytest

from journeyman.data import Audio, CallerError, Document, Image, Part, Text, Thinking, ToolCall, ToolResult, Video


@pytest.mark.parametrize("kind", [Image, Audio, Video, Document])
def test_media_take_bytes_or_an_address(kind):
    """One of the two is enough."""
    assert kind("x/y", b"123").data == b"123"
    assert kind("x/y", url="https://example.org/a").data is None
    assert kind("x/y", b"").url is None


@pytest.mark.parametrize("kind", [Image, Audio, Video, Document])
@pytest.mark.parametrize("given", [{}, {"data": b"1", "url": "https://example.org/a"}])
def test_media_with_both_or_neither_are_refused(kind, given):
    """The error names the part and both arguments."""
    with pytest.raises(CallerError, match=rf"{kind.__name__} takes either data= .* or url="):
        kind("x/y", **given)


@pytest.mark.parametrize(
    "part",
    [
        Text("a"),
        Thinking("b"),
        ToolCall("1", "f", '{"broken'),
        ToolResult("1", (Text("a"), Image("image/png", b"\x89\x00"))),
        Image("image/png", b"\x89\x00"),
        Audio("audio/wav", b"\xff"),
        Video("video/mp4", url="https://example.org/v"),
        Document("application/pdf", b"%PDF", name="a.pdf"),
    ],
)
def test_parts_survive_json(part):
    """Each kind comes back as itself from a journal's JSON, bytes included."""
    assert msgspec.json.decode(msgspec.json.encode(part), type=Part) == part


def test_the_text_of_a_result_is_its_words():
    """Media have no words."""
    assert ToolResult("1", "plain").text == "plain"
    assert ToolResult("1", (Text("a "), Image("image/png", b"1"), Text("b"))).text == "a b"


def test_parts_are_frozen():
    """What was said stays said."""
    part = Text("a")
    with pytest.raises(AttributeError):
        part.text = "b"  # type: ignore[misc]  # the point of the test
