"""A program that waits is a few lines of a journal: any process goes on with it, with its snapshot or without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("waiting_program.py")

Steps = list[dict[str, Any]]

USED = "whole"
"""What befell the journals whose snapshots can be taken up."""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Steps:
    """What each of three processes came to, the second and third of which gave an answer."""
    folder = tmp_path_factory.mktemp("runs")
    told: Steps = []
    for number in range(3):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        done = subprocess.run(  # noqa: S603  (our own program)
            [sys.executable, str(PROGRAM), str(number), str(folder)],
            env={**os.environ, "PYTHONHASHSEED": str(number), "JOURNEYMAN_SECRET": "known to all three of them"},
            cwd=elsewhere,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told.append(json.loads(done.stdout))
    return told


def by_case(steps: Steps) -> list[tuple[tuple[str, ...], Steps]]:
    return [(tuple(name.split("|")), [step[name] for step in steps]) for name in steps[2]]


def test_a_program_resumed_in_fresh_processes_comes_to_the_same_words(steps: Steps) -> None:
    """In other directories and with other hash seeds, answer by answer, in any order, alone, below an agent and above one;
    with snapshots that are whole, deleted, forged, changed, of another version or under another key: the output and every
    word of every run are those of tools that answered at once.
    """
    cases = by_case(steps)
    assert len(cases) > 20
    for (language, shape, *rest), told in cases:
        straight = steps[0][f"{language}|{shape}"]
        assert [step["status"] for step in told] == ["waiting", "waiting", "finished"], (language, shape, rest)
        assert told[2]["output"] == straight["output"], (language, shape, rest)
        assert told[2]["told"] == straight["told"], (language, shape, rest)


def test_each_call_is_made_once_whatever_becomes_of_the_snapshot(steps: Steps) -> None:
    """What was called before a wait is not called again, neither by a snapshot nor by a program that is run again."""
    for (language, shape, order, befell), told in by_case(steps):
        done = sorted(call for step in told for call in step["done"])
        calls = ["ask door", "look door", "pay 3"]
        if shape != "an agent within":
            calls = ["ask door", "look door", "look wall", "look window", "pay 3"]
        assert done == calls, (language, shape, order, befell)


def test_what_waits_inside_is_shown_outside(steps: Steps) -> None:
    """The outermost run's pending calls are those of the program, by an id that tells the way to them."""
    inside = {"alone": "p.{}", "below an agent": "k/p.{}"}
    for (_, shape, order, _), told in by_case(steps):
        first = order.split()[0]
        if shape == "an agent within":
            ask, pay = "p.0/a", "p.0/p"
        else:
            ask, pay = (inside[shape].format(number) for number in (2, 3))
        assert told[0]["pending"] == [ask, pay]
        assert told[1]["pending"] == [pay if first == "ask" else ask]
        assert told[2]["pending"] == []


def test_a_snapshot_is_taken_up_across_processes_where_they_share_a_secret(steps: Steps) -> None:
    """With JOURNEYMAN_SECRET in all of them, the lines before the wait are not run again; without a secret, with another one,
    or with anything of the snapshot changed, they are: once for each time that the program goes on.
    """
    for (language, shape, order, befell), told in by_case(steps):
        starts = [step["starts"] for step in told]
        # The program around an agent goes on only when that agent has both answers.
        again = [0, 1] if shape == "an agent within" else [1, 1]
        assert starts == [1, *([0, 0] if befell == USED else again)], (language, shape, order, befell)
