"""A tree of runs with parallel tools, a sub-agent, an approval and pending calls, killed between every two writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("killed_program.py")


def said(command: str, folder: Path, *, seed: str, cwd: Path) -> dict[str, Any]:
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


def test_killed_after_any_fact_it_ends_with_the_same_transcript(tmp_path: Path) -> None:
    """SIGKILL after each single fact of any run, then another process with another hash seed and directory: the same words
    in every run of the tree, and an outside ledger that counts each effect once.
    """
    folder, elsewhere = tmp_path / "runs", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    whole = said("kill", folder, seed="1", cwd=tmp_path)["whole"]
    assert set(whole["told"]) == {"boss", "clerk"}
    assert whole["charged"] == ["1", "2", "3", "4"]
    assert whole["facts"] > 40
    resumed = said("resume", folder, seed="2", cwd=elsewhere)
    assert len(resumed) == whole["facts"]
    for facts, outcome in resumed.items():
        assert outcome["told"] == whole["told"], f"killed after {facts} facts"
        assert outcome["charged"] == whole["charged"], f"killed after {facts} facts"
