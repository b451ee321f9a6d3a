"""Server-sent events against the rules of WHATWG HTML, section 9.2.6."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeyman.data import ProviderError
from journeyman.wire.sse import SseDecoder


def events_of(*pieces: bytes) -> list[tuple[str, bytes]]:
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


def by_the_book(stream: bytes) -> list[tuple[str, bytes]]:
    """The specification's algorithm, word for word and slowly."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines, line, index = [], bytearray(), 0
    while index < len(stream):
        byte = stream[index : index + 1]
        if byte in b"\r\n":
            lines.append(bytes(line))
            line.clear()
            index += stream[index : index + 2] == b"\r\n"
        else:
            line += byte
        index += 1
    events, data, seen, name = [], b"", False, b""
    for whole in lines:
        if not whole:
            if seen:
                events.append((name.decode("utf-8", "replace"), data[:-1]))
            data, seen, name = b"", False, b""
            continue
        field, _, value = whole.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data, seen = data + value + b"\n", True
        elif field == b"event":
            name = value
    return events


pieces = st.sampled_from(
    [b"data", b"event", b"id", b":", b" ", b"\r", b"\n", b"\r\n", b"x", b"{}", b"\xef\xbb\xbf", b"\xc3\xa9", b"\n\n"]
)


@given(st.lists(pieces, max_size=40).map(b"".join), st.lists(st.integers(0, 120), max_size=8))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", list(range(24)))
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2, 3])
@example(b"data:a\rdata:b\r\r", [7])
def test_a_stream_cut_anywhere_is_read_as_the_specification_says(stream: bytes, cuts: list[int]) -> None:
    """Wherever the bytes are cut, the events are those of the specification's algorithm."""
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert events_of(*(stream[a:b] for a, b in itertools.pairwise(bounds))) == by_the_book(stream)


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_every_line_end_ends_a_line(end: bytes) -> None:
    """LF, CR and CR LF are the same, and an event is given at once, before what follows it is known."""
    assert events_of(end.join([b"event: ping", b"data: 1", b"", b""])) == [("ping", b"1")]


def test_a_pair_cut_in_two_is_one_line_end() -> None:
    """The LF that follows a CR in the next piece ends nothing."""
    assert events_of(b"data: a\r", b"\ndata: b\r", b"", b"\n\r", b"\n") == [("", b"a\nb")]


def test_several_data_lines_are_one_event() -> None:
    """Data lines are joined with a newline; one space after the colon is no part of them, a second one is."""
    assert events_of(b"data: a\ndata:  b\ndata\ndata:\n\n") == [("", b"a\n b\n\n")]


def test_an_event_with_a_name_and_no_data_is_none() -> None:
    """A block without data is dropped, its name with it."""
    assert events_of(b"event: ping\n\ndata: 1\n\n") == [("", b"1")]


def test_comments_and_unknown_fields_say_nothing() -> None:
    """A comment such as `: OPENROUTER PROCESSING`, an id or a retry time is no event."""
    assert events_of(b": OPENROUTER PROCESSING\n\n: x\nid: 7\nretry: 3\nnote: n\ndata: 1\n\n") == [("", b"1")]


def test_a_name_counts_for_one_event() -> None:
    """The event after a named one has no name, and the last of two names counts."""
    assert events_of(b"event: a\nevent: b\ndata: 1\n\ndata: 2\n\n") == [("b", b"1"), ("", b"2")]


def test_a_byte_order_mark_may_come_in_pieces() -> None:
    """The mark is dropped once, at the beginning, whole or cut."""
    assert events_of(b"", b"\xef", b"", b"\xbb", b"\xbfdata: 1\n\n") == [("", b"1")]
    assert events_of(b"\xef\xbbdata: 1\n\ndata: 2\n\n") == [("", b"2")]


@pytest.mark.parametrize("tail", [b"data: 2", b"data: 2\n", b"data: 2\r", b"data: 2\r\n"])
def test_a_missing_last_blank_line_loses_nothing(tail: bytes) -> None:
    """`close` gives the event that only lacks its end."""
    decoder = SseDecoder()
    assert decoder.feed(b"data: 1\n\n" + tail) == [("", b"1")]
    assert decoder.close() == [("", b"2")]
    assert decoder.close() == []


@pytest.mark.parametrize(
    ("piece", "count"),
    [(b"x" * 30, 4), (b"data: " + b"x" * 30 + b"\n", 4), (b"data:\n", 101), (b"data\ndata:x\n", 40)],
)
def test_an_endless_event_is_refused(piece: bytes, count: int) -> None:
    """An event beyond the limit is an error: as one line, as many lines, and as many empty ones."""
    small = SseDecoder(100)
    assert [small.feed(piece) for _ in range(count // 2)] == [[]] * (count // 2)
    small = SseDecoder(100)
    with pytest.raises(ProviderError, match="more than 100 bytes") as caught:
        list(map(small.feed, [piece] * count))
    assert caught.value.kind == "stream"


@pytest.mark.parametrize("size", [1, 7, 46, 1000])
def test_a_long_stream_of_small_events_is_not_refused(size: int) -> None:
    """The limit is on one event and not on the stream, however the stream is cut."""
    small = SseDecoder(40)
    stream = (b"event: x\ndata: " + b"y" * 20 + b"\ndata: z\n\n: a comment\n\n") * 50
    events = [event for at in range(0, len(stream), size) for event in small.feed(stream[at : at + size])]
    assert events == [("x", b"y" * 20 + b"\nz")] * 50


def test_a_line_in_many_pieces_is_joined_once() -> None:
    """A line of a hundred thousand pieces is read with one join, so that its cost is linear."""
    decoder = SseDecoder()
    decoder.feed(b"data: ")
    for _ in range(100_000):
        decoder.feed(b"x")
    assert len(decoder._partial) == 100_001
    assert decoder.feed(b"\n\n") == [("", b"x" * 100_000)]
    assert decoder._partial == []
