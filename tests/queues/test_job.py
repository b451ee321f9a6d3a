"""Jobs, their names and their places."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import CallerError, Limits, Message
from journeyman.queues import Job, Lanes, Placement, Policy, Rate, named_run


def test_a_key_names_one_run():
    """The same queue, agent and key give the same run; any other gives another."""
    run = named_run("runs", "clerk", "order 17")
    assert run == named_run("runs", "clerk", "order 17")
    others = {
        named_run("runs", "clerk", "order 18"),
        named_run("runs", "boss", "order 17"),
        named_run("q", "clerk", "order 17"),
    }
    assert run not in others
    assert len(others) == 3


@given(
    st.lists(st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=9), min_size=4, max_size=4)
)
def test_keys_do_not_run_into_agents(words: list[str]):
    """No agent's name and key look like those of another agent: `ab` + `c` is not `a` + `bc`."""
    one, two, three, four = words
    try:
        named = named_run("q", one, two), named_run("q", three, four)
    except CallerError:
        return
    assert (named[0] == named[1]) is ((one, two) == (three, four))


def test_a_job_survives_the_database():
    """A job comes back from JSON as it was."""
    job = Job(
        run="r",
        agent="clerk",
        input=(Message.user("Sell."),),
        facts=3,
        restarts=(1, 2),
        policy=Policy(restart="permanent"),
        placement=Placement(priority=7, tenant="ada"),
        limits=Limits(max_iterations=3),
        tags=("a",),
    )
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job


def test_jobs_of_other_places_have_other_ids():
    """A job is told from the next one of its run by how far the run was."""
    assert Job(run="r", agent="a").id == Job(run="r", agent="a", input=(Message.user("x"),)).id
    assert len({Job(run="r", agent="a", facts=facts, turn=turn).id for facts in (0, 1) for turn in (0, 1)}) == 4


@pytest.mark.parametrize("name", ["", "a" * 201, "a\0b", "a\nb", "\ud800"])
def test_names_that_no_database_keeps_are_refused(name: str):
    """A name is 1 to 200 printable characters."""
    with pytest.raises(CallerError, match="printable"):
        Job(run="r", agent=name)
    with pytest.raises(CallerError, match="printable"):
        named_run("q", "a", name)


@pytest.mark.parametrize("priority", [-1, 1_000_001])
def test_priorities_have_bounds(priority: int):
    """A priority outside of its bounds is refused, with the bounds."""
    with pytest.raises(CallerError, match="0 \\(first\\) to 1,000,000"):
        Placement(priority=priority)


@pytest.mark.parametrize(
    "wrong",
    [{"per_worker": 0}, {"per_tenant": 0}, {"everywhere": 0}],
)
def test_lanes_in_which_nothing_can_work_are_refused(wrong: dict[str, int]):
    """A bound that lets nothing work is refused by name."""
    with pytest.raises(CallerError, match="Lanes"):
        Lanes(**wrong)


@pytest.mark.parametrize(("jobs", "seconds"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_impossible_rates_are_refused(jobs: int, seconds: float):
    """A rate is at least one job in more than no time."""
    with pytest.raises(CallerError, match="at least one job"):
        Rate(jobs, seconds)
