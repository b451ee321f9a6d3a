"""A JSON list whose items are read as they come: how this wire streams where nobody asks for `alt=sse`."""

from __future__ import annotations

import re

from ...data import ProviderError
from ..sse import MAX_EVENT_BYTES

_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')
_OPENING = frozenset(b"{[")
_QUOTE, _ESCAPE = b'"\\'
_ITEM = 2
"""How deep in brackets an item is: the list itself is 1."""


class ListCutter:
    """Cuts a list into the texts of its objects; each byte is looked at once, wherever the pieces end.

    Raises `ProviderError` of kind `stream` for an item larger than `most` bytes.
    """

    def __init__(self, most: int = MAX_EVENT_BYTES) -> None:
        self._most = most
        self._held: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """The items that these bytes complete."""
        items: list[bytes] = []
        begin = at = 0
        if self._escaped and data:
            self._escaped = False
            at = 1
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(data, at):
            at = found.end()
            letter = data[at - 1]
            if letter == _ESCAPE:
                self._escaped = at == len(data)
                at += 1
            elif letter == _QUOTE:
                self._in_string = not self._in_string
            elif letter in _OPENING:
                self._depth += 1
                begin = at - 1 if self._depth == _ITEM else begin
            else:
                self._depth -= 1
                if self._depth == _ITEM - 1:
                    items.append(self._whole(data[begin:at]))
        if self._depth >= _ITEM:
            self._hold(data[begin:])
        return items

    def _whole(self, end: bytes) -> bytes:
        item = b"".join((*self._held, end))
        self._held.clear()
        self._size = 0
        return item

    def _hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._size += len(piece)
        if self._size > self._most:
            raise ProviderError(f"the stream held an item of more than {self._most} bytes", kind="stream")
