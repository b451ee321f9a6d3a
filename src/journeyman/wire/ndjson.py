"""Lines of JSON, read from bytes that may be cut anywhere (the NDJSON specification, `application/x-ndjson`)."""

from __future__ import annotations

from ..data import ProviderError

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A line longer than this is an attack or a fault, not a piece of an answer."""


class NdjsonDecoder:
    """Cuts a byte stream into lines; `feed` gives those that became complete, without their ends and without empty ones.

    Raises `ProviderError` of kind `stream` for a line longer than `max_line_bytes`.
    """

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._most = max_line_bytes
        self._partial: list[bytes] = []
        self._partial_size = 0

    def feed(self, data: bytes) -> list[bytes]:
        end = data.rfind(b"\n")
        if end < 0:
            self._hold(data)
            return []
        lines = data[:end].split(b"\n")
        if self._partial:
            # The pieces of a line are joined once, when its end is here, so that many small ones cost no more.
            self._partial.append(lines[0])
            lines[0] = b"".join(self._partial)
            self._partial.clear()
            self._partial_size = 0
        self._hold(data[end + 1 :])
        # A return before the newline is white space, in which JSON does not end; a line of nothing else is none.
        return [line for line in lines if line and not line.isspace()]

    def close(self) -> list[bytes]:
        """The last line, where its end is missing: servers forget it, and nothing is gained by losing what it says."""
        return self.feed(b"\n")

    def _hold(self, piece: bytes) -> None:
        if not piece:
            return
        self._partial.append(piece)
        self._partial_size += len(piece)
        if self._partial_size > self._most:
            raise ProviderError(f"the stream held a line of more than {self._most} bytes", kind="stream")
