"""Ids for calls that have none: this wire used to match results by the name of the function and their order alone."""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict, defaultdict

from .names import MADE

is_made = re.compile(re.escape(MADE) + "[0-9a-f]{24}").fullmatch
"""Whether we made an id; the provider, which gave none, is not told of it."""


def made_id(about: str, index: int, name: str) -> str:
    """The id of a call without one: made of what stands on the wire, so that reading it again gives the same."""
    digest = hashlib.sha256(f"{about} {index} {name}".encode("utf-8", "surrogatepass")).hexdigest()
    return MADE + digest[:24]


class CallIds:
    """The calls of one conversation, in whose order results come back."""

    def __init__(self) -> None:
        self._count = 0
        self._open: defaultdict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)

    def call(self, given: str, name: str) -> str:
        """The id of the next call."""
        call_id = given or made_id("history", self._count, name)
        self._count += 1
        self._open[name][call_id] = None
        return call_id

    def result(self, given: str, name: str) -> str:
        """The id of the call that a result belongs to: the one that it names, or the first of its name still open."""
        waiting = self._open[name]
        if given:
            waiting.pop(given, None)
            return given
        if waiting:
            return waiting.popitem(last=False)[0]
        self._count += 1
        return made_id("result", self._count, name)
