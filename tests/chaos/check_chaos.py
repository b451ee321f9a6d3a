"""Workers that die and sleep at random, and a server that is restarted under them: nothing is lost, nothing is done twice."""

from __future__ import annotations

from pathlib import Path

from .chaos import Plan, chaos


async def test_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path):
    """Of 200 runs on four workers every one ends right, whatever is killed, stopped and restarted meanwhile.

    Every journal is without a gap; each payment was made at most once, and where nobody knew, that was said; no answered
    question was put to a model again; after each kill a run finished within ten seconds.
    """
    found = await chaos(Plan(runs=200, workers=4, most=170.0), tmp_path)
    assert found.faults() == [], found.told()
    assert found.kills
