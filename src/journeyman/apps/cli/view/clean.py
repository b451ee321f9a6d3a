"""Words from outside made harmless for a terminal: models, tools and servers may send what moves cursors or hides text."""

from __future__ import annotations

import re

# ECMA-48: control sequences (5.4), control strings such as window titles (5.6), other escapes (ECMA-35, 13.2).
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
# What may become one of them with the next piece; bounded, so that nothing can hold back a stream for good.
_BEGINNING = re.compile(
    r"(?:(?:\x1b\[|\x9b)[0-?]{0,99}[ -/]{0,9}"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]{0,999}\x1b?"
    r"|\x1b[ -/]{0,9}|\r)\Z"
)
# Controls but for tab and newline, overrides and isolates of the writing direction (they make text read otherwise than
# it is), and halves of surrogate pairs (they cannot be written at all).
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without terminal control sequences and other control characters; a carriage return is a new line."""
    if _SUSPECT.search(text) is None:
        return text
    plain = _SEQUENCE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _SUSPECT.sub("", plain)


class Cleaner:
    """Cleans text that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown so far."""
        if not self._held and _SUSPECT.search(text) is None:
            return text
        text = self._held + text
        begun = _BEGINNING.search(text)
        end = len(text) if begun is None else begun.start()
        self._held = text[end:]
        return clean(text[:end])

    def rest(self) -> str:
        """What was held back and turned out to be the end."""
        held, self._held = self._held, ""
        return clean(held)


def one_line(text: str) -> str:
    """The text cleaned, on one line."""
    return " ".join(clean(text).split())


def cut(text: str, limit: int, how: str = "") -> str:
    """At most so many characters of the text, with a mark that says how many are missing and `how` to see them."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… {len(text) - limit:,} more characters{', ' if how else ''}{how}"
