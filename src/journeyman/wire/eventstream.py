"""AWS event streams, both ways, from bytes that may be cut anywhere (Smithy's "Amazon Event Stream Specification").

A frame is twelve bytes of prelude (the length of all, the length of the headers, a checksum of both), the headers, the
payload, and a checksum of everything before it. Numbers are big-endian, checksums are CRC-32.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Mapping
from typing import assert_never

from ..data import Bug, ProviderError

HeaderValue = bool | int | bytes | str
"""What a header holds; a timestamp is its milliseconds since 1970, a UUID its text."""

Headers = Mapping[str, HeaderValue]

MAX_HEADER_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
"""Both are the specification's limits; a frame beyond them is an attack or a fault, not an answer."""

_PRELUDE = struct.Struct(">III")
_LENGTHS = struct.Struct(">II")
_CHECKSUM = struct.Struct(">I")
_SMALLEST = _PRELUDE.size + _CHECKSUM.size
_NUMBERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_TIMESTAMP = 8
_KNOWN_HEADERS = 64
"""How many different blocks of headers one decoder remembers: a stream has about a dozen."""


class EventStreamDecoder:
    """Cuts a byte stream into frames; `feed` gives the (headers, payload) pairs that became complete.

    Raises `ProviderError` of kind `stream` for a wrong checksum, a frame beyond the limits and an unreadable header.
    """

    def __init__(self) -> None:
        self._held = bytearray()
        self._needed = _PRELUDE.size
        # The frames of a stream have few different headers, so each block of them is read once.
        self._headers: dict[bytes, Headers] = {}

    def feed(self, data: bytes) -> list[tuple[Headers, bytes]]:
        """The frames that these bytes complete."""
        if self._held:
            # The pieces of a frame are only read when its end is here, so that many small ones cost no more.
            self._held += data
            if len(self._held) < self._needed:
                return []
            data = bytes(self._held)
            self._held.clear()
        frames: list[tuple[Headers, bytes]] = []
        position, size = 0, len(data)
        self._needed = _PRELUDE.size
        while size - position >= _PRELUDE.size:
            total, header_size, checksum = _PRELUDE.unpack_from(data, position)
            if zlib.crc32(data[position : position + _LENGTHS.size]) != checksum:
                raise _broken("the checksum of a frame's lengths is wrong")
            _check_lengths(total, header_size)
            if size - position < total:
                self._needed = total
                break
            frames.append(self._frame(data, position, total, header_size))
            position += total
        if position < size:
            self._held += data[position:] if position else data
        return frames

    def close(self) -> None:
        """Raises `ProviderError` of kind `stream` where the stream ended within a frame."""
        if self._held:
            raise _broken("it ended in the middle of a frame")

    def _frame(self, data: bytes, start: int, total: int, header_size: int) -> tuple[Headers, bytes]:
        end = start + total - _CHECKSUM.size
        if zlib.crc32(data[start:end]) != _CHECKSUM.unpack_from(data, end)[0]:
            raise _broken("the checksum of a frame is wrong")
        body = start + _PRELUDE.size
        block = data[body : body + header_size]
        headers = self._headers.get(block)
        if headers is None:
            headers = _read_headers(block)
            if len(self._headers) < _KNOWN_HEADERS:
                self._headers[block] = headers
        return headers, data[body + header_size : end]


def frame(headers: bytes, payload: bytes) -> bytes:
    """One frame; `headers` are from `header_block`, so that those of many frames are written once."""
    lengths = _LENGTHS.pack(len(headers) + len(payload) + _SMALLEST, len(headers))
    message = b"".join((lengths, _CHECKSUM.pack(zlib.crc32(lengths)), headers, payload))
    return message + _CHECKSUM.pack(zlib.crc32(message))


def header_block(headers: Headers) -> bytes:
    """The headers of a frame as bytes; an integer takes eight of them.

    Raises `Bug` for a name or value that is too long.
    """
    out: list[bytes] = []
    for name, value in headers.items():
        encoded = name.encode()
        if not 0 < len(encoded) < 256:  # noqa: PLR2004  (a length of one byte)
            raise Bug(f"the name of a header has 1 to 255 bytes, this one {len(encoded)}")
        out += [bytes([len(encoded)]), encoded, _written(value)]
    return b"".join(out)


def _written(value: HeaderValue) -> bytes:
    match value:
        case bool():
            return b"\x00" if value else b"\x01"
        case int():
            return b"\x05" + _NUMBERS[5].pack(value)
        case bytes():
            return b"\x06" + _measured(value)
        case str():
            return b"\x07" + _measured(value.encode())
        case _:
            assert_never(value)


def _measured(value: bytes) -> bytes:
    if len(value) >= 1 << 15:
        raise Bug(f"the value of a header has at most 32767 bytes, this one {len(value)}")
    return len(value).to_bytes(2, "big") + value


def _check_lengths(total: int, header_size: int) -> None:
    payload_size = total - header_size - _SMALLEST
    if payload_size < 0:
        raise _broken(f"a frame of {total} bytes cannot have headers of {header_size}")
    if header_size > MAX_HEADER_BYTES or payload_size > MAX_PAYLOAD_BYTES:
        raise _broken(
            f"a frame has headers of {header_size} and a payload of {payload_size} bytes;"
            f" at most {MAX_HEADER_BYTES} and {MAX_PAYLOAD_BYTES} are allowed"
        )


def _read_headers(block: bytes) -> Headers:
    headers: dict[str, HeaderValue] = {}
    position = 0
    try:
        while position < len(block):
            name_end = position + 1 + block[position]
            name = block[position + 1 : name_end].decode()
            value, position = _read_value(block, name_end)
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise _broken(f"the headers of a frame cannot be read: {error}") from error
    return headers


def _read_value(block: bytes, at: int) -> tuple[HeaderValue, int]:
    """The value whose type stands at a place, and where the next header begins."""
    kind, start = block[at], at + 1
    match kind:
        case 0 | 1:
            return kind == 0, start
        case 2 | 3 | 4 | 5 | 8:
            number = _NUMBERS[5 if kind == _TIMESTAMP else kind]
            return int(number.unpack_from(block, start)[0]), start + number.size
        case 6 | 7:
            first = start + 2
            end = first + int.from_bytes(block[start:first], "big")
            if end > len(block):
                raise _broken("the value of a header reaches beyond the headers")
            value = block[first:end]
            return value if kind == 6 else value.decode(), end  # noqa: PLR2004  (the type of bytes)
        case 9:
            if start + 16 > len(block):
                raise _broken("the value of a header reaches beyond the headers")
            return str(uuid.UUID(bytes=block[start : start + 16])), start + 16
        case _:
            raise _broken(f"a header has the unknown type {kind}")


def _broken(why: str) -> ProviderError:
    return ProviderError(f"the event stream is broken: {why}", kind="stream")
