"""A model that answers from a tape, whatever the order in which it is asked."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ...data import JsonObject, ModelRequest, ModelResponse, ReplayMismatch, deltas_of
from ...providers import Capabilities
from ...wire import HttpRequest
from ..model import Emit, Record
from .cuts import recut
from .differing import Difference, first_difference
from .entries import Exchange
from .failing import error_of
from .question import Question, question_of, read_form
from .reading import Tape
from .scrubbing import Scrubber


class Answers:
    """The exchanges of a tape by what was asked.

    First by the hash of the request, which is exact; then by its gist, so that a request is known again after its way
    over another wire. Equal questions get their answers in the order of the tape, and then the last one again.
    """

    def __init__(self, tape: Tape, *, only_trackless: bool = False) -> None:
        self._tape = tape
        self._numbers = [
            number for number, entry in enumerate(tape.exchanges) if entry.track is None or not only_trackless
        ]
        self._by_hash: dict[str, list[int]] = defaultdict(list)
        for number in self._numbers:
            self._by_hash[tape.exchanges[number].hash].append(number)
        self._by_gist: dict[str, list[int]] | None = None
        self._given: dict[str, int] = {}
        self._lock = threading.Lock()

    def find(self, asked: Question, *, by_gist: bool = True) -> int | None:
        """The number of the exchange that answers it, or None."""
        with self._lock:
            numbers = self._by_hash.get(asked.hash)
            if numbers is not None:
                return self._next(asked.hash, numbers)
            if not by_gist or not self._numbers:
                return None
            if self._by_gist is None:
                self._by_gist = defaultdict(list)
                for number in self._numbers:
                    self._by_gist[gist(self._tape.asked(number))].append(number)
            key = gist(read_form(asked.frame, asked.messages))
            numbers = self._by_gist.get(key)
            return None if numbers is None else self._next(key, numbers)

    def nearest(self, asked: Question) -> Difference | None:
        """The first difference from the request that has the longest beginning in common with this one."""
        return nearest_difference(self._tape, self._numbers, asked)

    def _next(self, key: str, numbers: list[int]) -> int:
        given = self._given.get(key, 0)
        self._given[key] = given + 1
        return numbers[min(given, len(numbers) - 1)]


class TapeModel:
    """Answers with what a tape holds for a request; made by `tape_model`."""

    def __init__(self, tape: Tape, scrub: Scrubber) -> None:
        self.name = f"tape:{Path(tape.name).stem}"
        self.capabilities = Capabilities()
        self._tape = tape
        self._scrub = scrub
        self._answers = Answers(tape)

    async def respond(
        self,
        request: ModelRequest,
        emit: Emit | None = None,
        record: Record | None = None,  # noqa: ARG002  (nothing happens on the way to a tape)
    ) -> ModelResponse:
        """The recorded answer, or the recorded error. Raises `ReplayMismatch` for what is not on the tape."""
        asked = question_of(request, "", self._scrub)
        number = self._answers.find(asked)
        if number is None:
            raise mismatch(f"the tape {self._tape.name}", asked, self._answers.nearest(asked))
        return told_again(self._tape.exchange(number), emit)

    def preview(self, request: ModelRequest, *, stream: bool = False) -> HttpRequest | None:  # noqa: ARG002
        """None: nothing leaves."""
        return None


def tape_model(path: str | Path | Tape, environ: Mapping[str, str] | None = None) -> TapeModel:
    """A model that answers from a tape by the hash of the request, in any order and as often as it is asked.

    What is asked is found by its exact hash, or else by what is said in it (whatever the wire, the settings and the name of
    the model). `environ` are the variables whose keys were hidden when it was recorded. Raises `CallerError` for a tape that
    cannot be read.
    """
    tape = path if isinstance(path, Tape) else Tape.load(path)
    return TapeModel(tape, Scrubber(environ or {}))


def told_again(exchange: Exchange, emit: Emit | None) -> ModelResponse:
    """The answer of an exchange, streamed if there is an `emit`; raises what was raised."""
    if exchange.response is not None:
        if emit is not None:
            message = exchange.response.message
            deltas = tuple(deltas_of(message) if exchange.cuts is None else recut(exchange.cuts, message))
            if deltas:
                emit(deltas)
        return exchange.response
    if exchange.raised is None:
        raise ReplayMismatch("the recorded request was cut off before there was an answer; make the tape again")
    if emit is not None and exchange.partial:
        emit(exchange.partial)
    raise error_of(exchange.raised)


def mismatch(where: str, asked: Question, difference: Difference | None) -> ReplayMismatch:
    """What is raised for a request that is not on a tape."""
    said = f"{where} has no answer to request {asked.hash}"
    if difference is None:
        return ReplayMismatch(f"{said}, and no request to compare it with; make the tape again", hash=asked.hash)
    return ReplayMismatch(
        f"{said}; the nearest recorded one differs at {difference.path}: "
        f"expected {difference.expected}, got {difference.got}",
        hash=asked.hash,
        path=difference.path,
        expected=difference.expected,
        got=difference.got,
    )


def nearest_difference(tape: Tape, numbers: list[int], asked: Question) -> Difference | None:
    """The first difference from that of these exchanges whose request begins most like this one."""
    mine = read_form(asked.frame, asked.messages)
    best: tuple[int, Difference | None] = (-1, None)
    # A request that is far from all of them is compared with the first thousand: this only words an error.
    for number in numbers[:1000]:
        its = tape.asked(number)
        shared = _shared(its["messages"], mine["messages"])
        if shared > best[0]:
            best = (shared, first_difference(its, mine))
    return best[1]


def _shared(its: list[Any], mine: list[Any]) -> int:
    for count, (a, b) in enumerate(zip(its, mine, strict=False)):
        if a != b:
            return count
    return min(len(its), len(mine))


def gist(form: JsonObject) -> str:
    """One hash for what is said in a request: who says what, in which calls and results; tools by name.

    Left out is what changes from wire to wire: settings, the model's name, marks of a dialect, reasoning, how words are cut
    into parts and parts into messages, blanks in JSON arguments.
    """
    said: list[list[str]] = []
    for message in form["messages"]:
        for part in message["parts"]:
            role, words = _said(message["role"], part)
            if said and role == said[-1][0] and part.get("type") == "text":
                said[-1][1] += words
            elif words:
                said.append([role, words])
    tools = sorted(str(tool.get("name")) for tool in form["tools"])
    return hashlib.sha256(msgspec.json.encode([said, tools])).hexdigest()


def _said(role: str, part: JsonObject) -> tuple[str, str]:
    match part.get("type"):
        case "text":
            return role, str(part.get("text", ""))
        case "tool_call":
            return f"call {part.get('name')}", _plain_json(str(part.get("arguments", "{}")))
        case "tool_result":
            return f"result {part.get('call_id')}", _words(part.get("content", ""))
        case "thinking" | "opaque":
            return role, ""
        case _:
            return f"media {role}", str(part.get("sha256") or part.get("url") or "")


def _words(content: str | list[Any]) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or part.get("sha256") or part.get("url") or "") for part in content)


def _plain_json(arguments: str) -> str:
    try:
        return msgspec.json.encode(msgspec.json.decode(arguments), order="sorted").decode()
    except (msgspec.DecodeError, RecursionError):
        return arguments
