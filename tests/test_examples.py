"""Every example in examples/ runs, is short, and prints something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from journeyman.journal import decode_fact, fold

EXAMPLES = Path(__file__).parent.parent / "examples"
MOST_LINES = 40


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_runs_and_is_short(path: Path, tmp_path: Path) -> None:
    """Run in a fresh process it ends well, and it has under 40 lines."""
    done = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-W", "error", str(path)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert len(path.read_text(encoding="utf-8").splitlines()) < MOST_LINES


def test_the_golden_run_is_a_journal() -> None:
    """The run that newcomers read is decoded and folded by today's code, and it finished."""
    lines = (EXAMPLES / "golden_run.jsonl").read_bytes().splitlines()
    decoded = [decode_fact(line) for line in lines]
    state = fold(decoded[0][0], [fact for _, fact in decoded])
    assert (state.status, state.next_seq) == ("finished", len(lines))
    assert 8 <= len(lines) <= 14
