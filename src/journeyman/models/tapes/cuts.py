"""How an answer was streamed, without its words: where it was cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from ...data import Delta, Message, TextDelta, Thinking, ThinkingDelta, ToolCallDelta
from .entries import Cut


def cuts_of(deltas: Sequence[Delta], message: Message) -> tuple[Cut, ...] | None:
    """The cuts that give these deltas again, or None where the message cannot be cut into them."""
    cuts = tuple(_cut(delta) for delta in deltas)
    # A provider may stream otherwise than it answers, and then nothing but the words themselves would do.
    return cuts if list(recut(cuts, message)) == list(deltas) else None


def recut(cuts: Sequence[Cut], message: Message) -> Iterator[Delta]:
    """The deltas of a message that was cut like this; cuts that do not fit it give what there is."""
    texts = _Rest(message.text)
    thinking = _Rest("".join([part.text for part in message.only(Thinking)]))
    calls = message.tool_calls
    arguments = [_Rest(call.arguments) for call in calls]
    begun: set[int] = set()
    for cut in cuts:
        match cut:
            case int():
                yield TextDelta(texts.take(cut)) if cut >= 0 else ThinkingDelta(thinking.take(-cut))
            case (index, length):
                if not 0 <= index < len(calls):
                    return
                first = index not in begun
                begun.add(index)
                call_id, name = (calls[index].id, calls[index].name) if first else ("", "")
                yield ToolCallDelta(index, call_id, name, arguments[index].take(length))
            case _:
                assert_never(cut)


def merged(deltas: Sequence[Delta]) -> tuple[Delta, ...]:
    """The same words in as few pieces as can be; a secret that was cut in two is one again."""
    pieces: list[Delta] = []
    for delta in deltas:
        last = pieces[-1] if pieces else None
        match delta, last:
            case TextDelta(text), TextDelta(before):
                pieces[-1] = TextDelta(before + text)
            case ThinkingDelta(text), ThinkingDelta(before):
                pieces[-1] = ThinkingDelta(before + text)
            case ToolCallDelta(index, "", "", more), ToolCallDelta(same, call_id, name, before) if index == same:
                pieces[-1] = ToolCallDelta(index, call_id, name, before + more)
            case _:
                pieces.append(delta)
    return tuple(pieces)


def _cut(delta: Delta) -> Cut:
    match delta:
        case TextDelta(text):
            return len(text)
        case ThinkingDelta(text):
            return -len(text)
        case ToolCallDelta():
            return (delta.index, len(delta.arguments))
        case _:
            assert_never(delta)


class _Rest:
    """A text that is given away from its beginning."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, length: int) -> str:
        """The next characters."""
        start, self._at = self._at, self._at + length
        return self._text[start : self._at]
