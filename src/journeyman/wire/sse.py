"""Server-sent events, read from bytes that may be cut anywhere (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from ..data import ProviderError

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""An event larger than this is an attack or a fault, not an answer."""


class SseDecoder:
    """Cuts a byte stream into events; `feed` gives the (event name, data) pairs that became complete.

    Raises `ProviderError` of kind `stream` for an event larger than `MAX_EVENT_BYTES`.
    """

    def __init__(self) -> None:
        self._partial: list[bytes] = []
        self._data: list[bytes] = []
        self._name = ""
        self._size = 0
        self._skip_newline = False
        self._started = False

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        if not self._started and data:
            data = self._without_mark(data)
        if b"\r" in data or self._skip_newline:
            data = self._with_plain_newlines(data)
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._hold(data)
            return []
        if self._partial:
            data = b"".join(self._partial) + data
            cut = data.rfind(b"\n") + 1
            self._partial.clear()
        events: list[tuple[str, bytes]] = []
        for line in data[: cut - 1].split(b"\n"):
            # The order of the tests is that of their frequency: this loop runs twice for each token of a stream.
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if self._data:
                    events.append((self._name, self._data[0] if len(self._data) == 1 else b"\n".join(self._data)))
                    self._data = []
                self._name = ""
                self._size = 0
            elif line.startswith(b"event:"):
                self._name = line[6:].strip().decode("utf-8", "replace")
            # Comments, `id:`, `retry:` and unknown fields say nothing about the answer.
        if cut < len(data):
            self._hold(data[cut:])
        self._size += sum(map(len, self._data)) if self._data else 0
        return events

    def close(self) -> list[tuple[str, bytes]]:
        """What was complete but for its last blank line; servers forget it, and nothing is gained by losing it."""
        return self.feed(b"\n\n")

    def _hold(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_EVENT_BYTES:
            raise ProviderError(f"the stream held an event of more than {MAX_EVENT_BYTES} bytes", kind="stream")
        if data:
            self._partial.append(data)

    def _without_mark(self, data: bytes) -> bytes:
        # A byte order mark may come in pieces, too, but no server cuts there; a cut one is read as an unknown field.
        self._started = True
        return data.removeprefix(b"\xef\xbb\xbf")

    def _with_plain_newlines(self, data: bytes) -> bytes:
        # A line may end with CR LF, CR or LF, and the pair may be cut in two.
        if self._skip_newline and data:
            data = data.removeprefix(b"\n")
            self._skip_newline = False
        if data.endswith(b"\r"):
            self._skip_newline = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
