"""Recorded exchanges with providers, where the project's shared folder is beside the checkout; none of them is copied."""

from __future__ import annotations

import base64
import gzip
import json
import random
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from journeyman.data import Message, ModelRequest, ModelResponse, Thinking
from journeyman.wire import Dialect, HttpReply, HttpRequest, dialect

PATH = Path(__file__).parents[3] / "shared" / "wire" / "cases.jsonl.gz"
WHY_ABSENT = f"the recorded exchanges are not here: {PATH.parent.parent.name}/{PATH.parent.name} beside the project"

Case = dict[str, Any]
Alike = Callable[[Any], Any]
"""A turn of a request without what says nothing on its wire."""

HISTORY = {"openai_responses": "input", "gemini": "contents"}
"""Where a request holds the conversation, where that is not in `messages`."""


@cache
def _all() -> list[Case]:
    if not PATH.exists():
        return []
    with gzip.open(PATH, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


class Recorded:
    """The recorded exchanges on one wire, and what our dialect makes of them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.wire: Dialect = dialect(name)
        self.history = HISTORY.get(name, "messages")

    @cached_property
    def cases(self) -> dict[str, Case]:
        return {case["case"]: case for case in _all() if case["protocol"] == self.name}

    @cached_property
    def continued(self) -> dict[str, list[Any]]:
        """The turns that were really sent after a case: its history and its answer. The sample does not hold them all."""
        found: dict[str, list[Any]] = {}
        for name, case in self.cases.items():
            link = case.get("continued_by")
            if link is not None and link["case"] in self.cases:
                # An answer may be several items of a history, and nobody says how many.
                found[name] = self.cases[link["case"]]["request"][self.history]
        return found

    def asked(self, case: Case) -> ModelRequest:
        """The request, parsed."""
        return self.wire.parse(HttpRequest("POST", case["path"], {}, json.dumps(case["request"]).encode()))

    def answered(self, case: Case, seed: object = 0) -> ModelResponse:
        """The answer, decoded; a stream in pieces of random sizes."""
        head = HttpReply(case["status"], {"content-type": case["content_type"]})
        body = body_of(case)
        if not case["stream"] or case["status"] >= 400:
            return self.wire.decode(replace(head, body=body))
        return self.heard(pieces(body, f"{case['case']} {seed}"), head)

    def heard(self, stream: list[bytes], head: HttpReply | None = None) -> ModelResponse:
        """The answer in a stream."""
        decoder = self.wire.decoder(head)
        for piece in stream:
            decoder.feed(piece)
        return decoder.finish()

    def sent(self, request: ModelRequest, *more: Message) -> list[Any]:
        """The conversation as it leaves, with further messages behind it."""
        longer = replace(request, messages=(*request.messages, *more))
        found: list[Any] = json.loads(self.wire.encode(longer).body)[self.history]
        return found


def body_of(case: Case) -> bytes:
    """The bytes of the answer."""
    response = case["response"]
    return response["text"].encode() if "text" in response else base64.b64decode(response["base64"])


def said(response: ModelResponse) -> dict[str, Any]:
    """An answer in the words of the recorded expectations."""
    usage = response.usage
    return {
        "text": response.message.text,
        "thinking": "".join(part.text for part in response.message.only(Thinking)),
        "tool_calls": [
            {"name": call.name, "arguments": json.loads(call.arguments)} for call in response.message.tool_calls
        ],
        "finish": response.finish,
        "usage": {"input": usage.input_tokens, "output": usage.output_tokens, "cache_read": usage.cache_read},
    }


def pieces(body: bytes, seed: str) -> list[bytes]:
    """The bytes cut at random, the same way for the same seed: many small pieces, some large, some of one byte."""
    dice = random.Random(seed)  # noqa: S311  (no secret)
    largest = dice.choice((1, 3, 40, 1000, len(body) + 1))
    cuts: list[bytes] = []
    while body:
        size = dice.randint(1, largest)
        cuts.append(body[:size])
        body = body[size:]
    return cuts
