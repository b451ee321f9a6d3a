"""Lines of JSON, cut anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import ProviderError
from journeyman.wire.ndjson import NdjsonDecoder


def read(*pieces):
    decoder = NdjsonDecoder()
    lines = [line for piece in pieces for line in decoder.feed(piece)]
    return lines + decoder.close()


@given(st.lists(st.text("é{}\\ ", max_size=5)), st.lists(st.integers(0, 7)), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_lines_are_the_same_wherever_they_are_cut(texts, cuts, ending):
    """Neither the middle of a character nor that of a line end is a place that cannot be cut."""
    data = "".join(text + ending for text in texts).encode()
    pieces = []
    for cut in cuts:
        pieces.append(data[:cut])
        data = data[cut:]
    lines = [line.decode().removesuffix("\r") for line in read(*pieces, data)]
    assert lines == [text for text in texts if text.strip()]


def test_lines_come_as_soon_as_they_are_whole():
    """Nothing waits for what follows it."""
    decoder = NdjsonDecoder()
    assert decoder.feed(b'{"a"') == []
    assert decoder.feed(b':1}\n{"b":2}\n{"c"') == [b'{"a":1}', b'{"b":2}']
    assert decoder.feed(b":3}\n") == [b'{"c":3}']
    assert decoder.close() == []


def test_the_last_line_needs_no_end():
    """A server that forgets it is heard."""
    assert read(b'{"a":1}\n{"b"', b":2}") == [b'{"a":1}', b'{"b":2}']


def test_a_line_without_end_is_refused():
    """What is held of a line is bounded, however small its pieces are."""
    decoder = NdjsonDecoder(max_line_bytes=10)
    assert decoder.feed(b"x" * 10 + b"\n" + b"y" * 9) == [b"x" * 10]
    decoder.feed(b"y")
    with pytest.raises(ProviderError, match="more than 10 bytes") as caught:
        decoder.feed(b"y")
    assert caught.value.kind == "stream"
