"""Frames of AWS event streams, against the specification's own vectors, botocore's reader and frames made by hand."""

import struct
import tracemalloc
import uuid
import zlib

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import Bug, ProviderError
from journeyman.wire.eventstream import (
    MAX_HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    EventStreamDecoder,
    frame,
    header_block,
)

EMPTY = bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")
"""A message without headers and payload, as in the test vectors of AWS's SDKs."""


def by_hand(headers, payload):
    """A frame as the specification draws it."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


def header(name, kind, value):
    return bytes([len(name)]) + name + bytes([kind]) + value


def read(data):
    decoder = EventStreamDecoder()
    frames = decoder.feed(data)
    decoder.close()
    return [(dict(headers), payload) for headers, payload in frames]


def test_the_empty_message():
    """The published vector is read, and written byte for byte."""
    assert read(EMPTY) == [({}, b"")]
    assert frame(b"", b"") == EMPTY


def test_every_type_of_header():
    """All ten types of values are read."""
    identity = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
    block = b"".join(
        [
            header(b"yes", 0, b""),
            header(b"no", 1, b""),
            header(b"byte", 2, b"\xff"),
            header(b"short", 3, b"\x01\x00"),
            header(b"int", 4, b"\xff\xff\xff\xfe"),
            header(b"long", 5, struct.pack(">q", 1 << 40)),
            header(b"bytes", 6, b"\x00\x02\x00\xff"),
            header(b"text", 7, b"\x00\x03" + "aé".encode()),
            header(b"time", 8, struct.pack(">q", 1_700_000_000_123)),
            header(b"uuid", 9, identity.bytes),
        ]
    )
    assert read(by_hand(block, b"{}")) == [
        (
            {
                "yes": True,
                "no": False,
                "byte": -1,
                "short": 256,
                "int": -2,
                "long": 1 << 40,
                "bytes": b"\x00\xff",
                "text": "aé",
                "time": 1_700_000_000_123,
                "uuid": str(identity),
            },
            b"{}",
        )
    ]


VALUES = st.one_of(st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.binary(max_size=50), st.text(max_size=50))
HEADERS = st.dictionaries(st.text(min_size=1, max_size=60), VALUES, max_size=6)


@given(frames=st.lists(st.tuples(HEADERS, st.binary(max_size=300)), max_size=5), data=st.data())
def test_what_is_written_is_read_however_it_is_cut(frames, data):
    """Frames in pieces of any size come out as they went in, and nothing is left over."""
    stream = b"".join(frame(header_block(headers), payload) for headers, payload in frames)
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    decoder, found = EventStreamDecoder(), []
    for start, end in zip([0, *places], [*places, len(stream)], strict=True):
        found += decoder.feed(stream[start:end])
    decoder.close()
    assert [(dict(headers), payload) for headers, payload in found] == frames


@given(headers=st.dictionaries(st.from_regex(r"[a-z:-]{1,20}", fullmatch=True), st.text(max_size=50), max_size=4))
def test_botocore_reads_what_we_write(headers):
    """A reader that others wrote understands our frames."""
    buffer = EventStreamBuffer()
    buffer.add_data(frame(header_block(headers), b"payload"))
    (event,) = list(buffer)
    assert (event.headers, event.payload) == (headers, b"payload")


@pytest.mark.parametrize("at", range(0, len(by_hand(header(b"a", 7, b"\x00\x01b"), b"{}")), 2))
def test_a_flipped_bit_is_noticed(at):
    """Every byte of a frame is under a checksum."""
    spoiled = bytearray(by_hand(header(b"a", 7, b"\x00\x01b"), b"{}"))
    spoiled[at] ^= 4
    decoder = EventStreamDecoder()
    with pytest.raises(ProviderError, match="checksum") as caught:
        decoder.feed(bytes(spoiled))
    assert caught.value.kind == "stream"


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"\x05ab", "cannot be read"),
        (b"\x01a", "cannot be read"),
        (b"\x01a\x05\x00", "cannot be read"),
        (b"\x01a\x07\x00", "cannot be read|beyond"),
        (b"\x01a\x07\x00\x09b", "beyond"),
        (b"\x01a\x09\x00", "beyond"),
        (b"\x01a\x0a", "unknown type 10"),
        (b"\x01\xff\x00", "cannot be read"),
        (b"\x01a\x07\x00\x01\xff", "cannot be read"),
    ],
)
def test_headers_that_are_none(block, why):
    """Headers that lie about their lengths, types or letters are the provider's error."""
    with pytest.raises(ProviderError, match=why) as caught:
        EventStreamDecoder().feed(by_hand(block, b""))
    assert caught.value.kind == "stream"


def prelude(total, headers):
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


@pytest.mark.parametrize(
    ("total", "headers", "why"),
    [
        (15, 0, "cannot have headers"),
        (0, 0, "cannot have headers"),
        (40, 25, "cannot have headers"),
        (16 + MAX_PAYLOAD_BYTES + 1, 0, str(MAX_PAYLOAD_BYTES)),
        (16 + MAX_HEADER_BYTES + 1, MAX_HEADER_BYTES + 1, str(MAX_HEADER_BYTES)),
        (0xFFFFFFFF, 0, "are allowed"),
    ],
)
def test_lengths_that_cannot_be(total, headers, why):
    """A frame that is too large or too small is refused by its first twelve bytes, before it is waited for."""
    with pytest.raises(ProviderError, match=why):
        EventStreamDecoder().feed(prelude(total, headers))


def test_a_stream_that_ends_within_a_frame():
    """What is missing is noticed at the end, wherever it was cut."""
    whole = by_hand(b"", b"payload")
    for end in range(1, len(whole)):
        decoder = EventStreamDecoder()
        assert decoder.feed(whole[:end]) == []
        with pytest.raises(ProviderError, match="in the middle of a frame") as caught:
            decoder.close()
        assert caught.value.kind == "stream"


def test_many_small_pieces_cost_no_more_than_one():
    """A large frame that comes byte by byte is put together once: the memory at any time is about its size."""
    whole = by_hand(b"", bytes(300_000))
    decoder = EventStreamDecoder()
    tracemalloc.start()
    found = [one for at in range(len(whole)) for one in decoder.feed(whole[at : at + 1])]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [({}, bytes(300_000))]
    assert peak < 10 * len(whole)


def test_headers_that_never_repeat_are_not_remembered_without_end():
    """A stream may have as many different headers as it likes."""
    decoder = EventStreamDecoder()
    for number in range(1000):
        (one,) = decoder.feed(frame(header_block({"n": number}), b""))
        assert one == ({"n": number}, b"")
    assert len(decoder._headers) < 100


@pytest.mark.parametrize("headers", [{"": "x"}, {"n" * 256: "x"}, {"n": "x" * 32768}, {"n": b"x" * 40000}])
def test_headers_that_cannot_be_written(headers):
    """What no frame can hold is our own fault and is said."""
    with pytest.raises(Bug, match="bytes"):
        header_block(headers)
