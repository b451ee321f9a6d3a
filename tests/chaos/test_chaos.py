"""Workers that die and sleep at random, and a server that is restarted under them: nothing is lost, nothing is done twice.

What is held here is true on any machine, however busy. How soon others take over is measured by `make chaos`.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from .chaos import Plan, blows_of, chaos
from .chaos_checks import Found, listed

PLAN = Plan()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """One chaos of 200 runs on four workers, for all tests of this file."""
    return asyncio.run(chaos(PLAN, tmp_path_factory.mktemp("chaos")))


def test_every_run_ends_right(found: Found):
    """All runs finish with the words that follow from their order; each call of a tool in them has one outcome."""
    faults = [*found.stuck, *found.unfinished, *found.wrong]
    assert not faults, f"{found.told()}\n{listed(faults)}"
    assert found.runs == PLAN.runs


def test_no_journal_has_a_gap(found: Found):
    """The facts of each run, and of each run below it, are numbered without a gap."""
    assert not found.gaps


def test_nothing_is_paid_twice(found: Found):
    """A tool that is not idempotent has its effect at most once, by the count of a ledger outside.

    Also where a program calls it: no payment is made a second time as another call.
    """
    assert not found.twice
    assert found.payments >= PLAN.runs


def test_every_doubt_is_reported(found: Found):
    """Of each payment in the ledger the journal tells: it was made, or it is in doubt and somebody was asked."""
    assert not found.unreported


def test_every_payment_is_announced(found: Found):
    """A payment is made after its journal says so; one that a program makes, after the journal tells of the program's call."""
    assert not found.unannounced


def test_programs_go_on_with_their_snapshots_and_without(found: Found):
    """Programs were taken up from snapshots, and run again, and begun by workers with the secret and ended by others.

    That each of them saw what it should have seen stands in the words with which its run ends.
    """
    assert found.from_snapshots
    assert found.run_again
    assert found.moved


def test_no_answered_question_is_asked_again(found: Found):
    """Once a model's answer is in the journal, nobody puts that question to it again."""
    assert not found.asked_again


def test_a_key_makes_one_run(found: Found):
    """An order that is put in twice is one run, with workers at it between the two times and a server that goes away."""
    assert not found.doubled


def test_workers_end_in_good_order(found: Found):
    """Whoever is told to end does so, with the exit code 0, also in the middle of its runs."""
    assert found.codes
    assert not any(found.codes)


def test_it_was_a_chaos(found: Found):
    """Every blow was struck: at least five kills while runs were at work, stops, and a restart of the server."""
    blows = blows_of(PLAN, random.Random(0))  # noqa: S311  (chance, not a secret)
    assert (found.kills, found.stops) == (blows.count("kill"), blows.count("stop"))
    assert found.kills >= 5
    assert found.stops >= 3
    assert found.restarts == 1
    assert found.take_overs
