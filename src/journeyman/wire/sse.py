"""Server-sent events, read from bytes that may be cut anywhere (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from ..data import ProviderError

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""An event larger than this is an attack or a fault, not an answer."""

_MARK = b"\xef\xbb\xbf"


class SseDecoder:
    """Cuts a byte stream into events; `feed` gives the (event name, data) pairs that became complete.

    Raises `ProviderError` of kind `stream` for an event larger than `max_event_bytes`.
    """

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._most = max_event_bytes
        # None once the stream has begun; before that, the beginning of a byte order mark.
        self._mark: bytes | None = b""
        self._after_return = False
        self._partial: list[bytes] = []
        self._partial_size = 0
        self._name = ""
        self._data: list[bytes] = []
        self._data_size = 0

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        if self._mark is not None:
            data = self._without_mark(self._mark + data)
        if self._after_return or b"\r" in data:
            data = self._with_plain_newlines(data)
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
        events = self._events(lines)
        self._hold(data[end + 1 :])
        return events

    def close(self) -> list[tuple[str, bytes]]:
        """What was complete but for its last line ends; servers forget them, and nothing is gained by losing it."""
        return self.feed(b"\n\n")

    def _events(self, lines: list[bytes]) -> list[tuple[str, bytes]]:
        events: list[tuple[str, bytes]] = []
        pending = self._data
        counted = len(pending)
        for line in lines:
            # The order of the tests is that of their frequency: this loop runs twice for each token of a stream.
            if line.startswith(b"data:"):
                pending.append(line[6:] if line.startswith(b" ", 5) else line[5:])
            elif line:
                self._other_field(line)
            else:
                if pending:
                    events.append((self._name, pending[0] if len(pending) == 1 else b"\n".join(pending)))
                    pending = self._data = []
                counted = self._data_size = 0
                self._name = ""
        if counted < len(pending):
            # A line counts one more than its length, as many empty ones are an attack as well.
            self._data_size += sum(map(len, pending[counted:])) + len(pending) - counted
        return events

    def _other_field(self, line: bytes) -> None:
        # Comments, `id:`, `retry:` and unknown fields say nothing about the answer.
        field, _, value = line.partition(b":")
        if field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif field == b"data":
            self._data.append(b"")

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._partial.append(piece)
            self._partial_size += len(piece)
        if self._partial_size + self._data_size > self._most:
            raise ProviderError(f"the stream held an event of more than {self._most} bytes", kind="stream")

    def _without_mark(self, data: bytes) -> bytes:
        if len(data) < len(_MARK) and _MARK.startswith(data):
            self._mark = data
            return b""
        self._mark = None
        return data.removeprefix(_MARK)

    def _with_plain_newlines(self, data: bytes) -> bytes:
        # A line may end with CR LF, CR or LF, and the pair may be cut in two.
        if self._after_return and data:
            data = data.removeprefix(b"\n")
            self._after_return = False
        if data.endswith(b"\r"):
            self._after_return = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
