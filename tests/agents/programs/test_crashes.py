"""A run with a program, parallel tools, a pending call and an approval, killed after each of its commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("killed_program.py")

Told = dict[str, dict[str, Any]]

EFFECTS = ["ask Bob", "charge 1", "charge 2", "charge 4", "pay 3"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Told, Told]:
    """What came of each language's whole run, and of each that was killed and taken up by another process."""
    folder = tmp_path_factory.mktemp("runs")
    whole = said("kill", folder, seed="1", cwd=tmp_path_factory.mktemp("here"))
    return whole, said("resume", folder, seed="2", cwd=tmp_path_factory.mktemp("elsewhere"))


def said(command: str, folder: Path, *, seed: str, cwd: Path) -> Told:
    done = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, str(PROGRAM), command, str(folder)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_killed_after_any_commit_it_ends_with_the_same_words(killed: tuple[Told, Told]) -> None:
    """SIGKILL, then another process with another hash seed and directory: the same output and transcript every time."""
    whole, resumed = killed
    for language, straight in whole.items():
        assert straight["commits"] > 15
        assert {f"{language}-{commits}" for commits in range(1, straight["commits"] + 1)} <= resumed.keys()
        for name, outcome in resumed.items():
            if name.startswith(language):
                assert outcome["output"] == straight["output"], name
                assert outcome["told"] == straight["told"], name


def test_no_effect_comes_twice_and_none_is_lost(killed: tuple[Told, Told]) -> None:
    """An outside ledger counts each effect of a tool that is not idempotent once; only what somebody answered, who was asked
    whether it had happened, may be missing.
    """
    whole, resumed = killed
    for outcome in whole.values():
        assert outcome["effects"] == EFFECTS
    for name, outcome in resumed.items():
        counted = Counter(outcome["effects"])
        assert set(counted.values()) == {1}, name
        assert EFFECTS[1:] == [effect for effect in outcome["effects"] if effect != "ask Bob"], name
        asked = "ask Bob" in counted or "p.3" in outcome["doubts"]
        assert asked, name


def test_every_doubt_is_asked_and_nothing_else_is(killed: tuple[Told, Told]) -> None:
    """A call of a tool that is not idempotent, begun and without an outcome, waits as `in_doubt`, inside a program as outside;
    an idempotent one is run again and nobody is asked.
    """
    whole, resumed = killed
    assert all(outcome["doubts"] == [] for outcome in whole.values())
    for name, outcome in resumed.items():
        assert outcome["doubts"] == outcome["in doubt"], name
    for language in whole:
        doubted = {call for name, outcome in resumed.items() if name.startswith(language) for call in outcome["doubts"]}
        assert {"c", "p.3", "p.4"} <= doubted
        assert doubted & {"p.0", "p.2"}
        assert "p.1" not in doubted
