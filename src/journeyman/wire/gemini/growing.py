"""The parts of an answer while they grow."""

from __future__ import annotations

from collections.abc import Iterator

from ...data import Audio, Opaque, Part, Text, Thinking
from .names import NAME, own


class _Run:
    """A text that may go on: pieces of a stream have no marks of where a part ends, but for a signature."""

    def __init__(self, kind: type[Text | Thinking]) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.origin: Opaque | None = None

    @property
    def closed(self) -> bool:
        return bool(own(self.origin))

    def part(self) -> Part | None:
        text = "".join(self.pieces)
        if self.kind is Thinking:
            return Thinking(text, self.origin or Opaque(NAME, {})) if text or self.closed else None
        # An empty text that says nothing else is an artefact of streaming.
        return Text(text, self.origin if self.closed else None) if text or self.closed else None


class _Sound:
    """Raw sound, which has neither beginning nor end; a stream of it comes in pieces."""

    def __init__(self, first: Audio) -> None:
        self.first = first
        self.pieces = [first.data or b""]

    def part(self) -> Part:
        return Audio(self.first.media_type, b"".join(self.pieces), name=self.first.name)


class Parts:
    """The parts so far; `goes_on` says of one that it came first in its piece of the stream.

    In a stream the signature of a text comes in its last piece, often with no more words; whole, the same answer has
    both in one part, and so have we. Parts that came together are never put together (the page "Thought signatures").
    """

    def __init__(self) -> None:
        self._items: list[_Run | _Sound | Part] = []
        self._run: _Run | None = None

    def say(self, kind: type[Text | Thinking], text: str, origin: Opaque | None, *, goes_on: bool) -> None:
        """Add words."""
        run = self._run
        if run is None or not goes_on or run.kind is not kind or run.closed:
            run = self._run = _Run(kind)
            self._items.append(run)
        run.pieces.append(text)
        run.origin = origin

    def add(self, part: Part, *, goes_on: bool) -> None:
        """Add anything else."""
        self._run = None
        if not isinstance(part, Audio) or part.origin is not None or part.data is None or not _is_raw(part.media_type):
            self._items.append(part)
            return
        last = self._items[-1] if self._items else None
        if goes_on and isinstance(last, _Sound) and last.first.media_type == part.media_type:
            last.pieces.append(part.data)
        else:
            self._items.append(_Sound(part))

    def stop(self) -> None:
        """What comes next is no more of what came last."""
        self._run = None

    def __iter__(self) -> Iterator[Part]:
        for item in self._items:
            part = item.part() if isinstance(item, _Run | _Sound) else item
            if part is not None:
                yield part


def _is_raw(media_type: str) -> bool:
    return media_type.lower().startswith(("audio/l16", "audio/pcm"))
