"""Recorded exchanges with providers, where the project's shared folder is beside the checkout; none of them is copied."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

PATH = Path(__file__).parents[3] / "shared" / "wire" / "cases.jsonl.gz"
WHY_ABSENT = f"the recorded exchanges are not here: {PATH.parent.parent.name}/{PATH.parent.name} beside the project"

Case = dict[str, Any]


def load(protocol: str) -> dict[str, Case]:
    """The cases of a protocol by their ids; none where the folder is absent."""
    if not PATH.exists():
        return {}
    with gzip.open(PATH, "rt", encoding="utf-8") as lines:
        cases = [json.loads(line) for line in lines]
    return {case["case"]: case for case in cases if case["protocol"] == protocol}


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
