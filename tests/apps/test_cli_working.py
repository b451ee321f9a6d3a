"""`journeyman worker` and `journeyman jobs`: runs in the background, from the command line."""

import asyncio
import json
import signal

import pytest

from journeyman.background import open_queue

AGENTS = """
from journeyman import Agent, ScriptedModel

clerk = Agent(ScriptedModel([f"Sold {number}." for number in range(9)]), name="clerk")
agents = [clerk, Agent(ScriptedModel([]), name="idle")]
word = "none"
nothing = []
"""
JOURNAL = "sqlite:///runs.db"


@pytest.fixture(autouse=True)
def shop(place):
    (place / "shop.py").write_text(AGENTS)
    return place


@pytest.fixture
def worker(shop, start):
    """Starts a worker in a process of its own."""
    return lambda *flags: start("worker", "--journal", JOURNAL, "--agent", "shop:agents", *flags)


def add(command, *argv):
    done = command("jobs", "add", *argv, "--journal", JOURNAL, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)["run"]


def listed(command, *argv):
    done = command("jobs", "list", *argv, "--journal", JOURNAL, "--json")
    return [json.loads(line) for line in done.out.splitlines()]


def done(command, child, run):
    """The job of a run, as soon as the worker has done it."""
    while not (found := listed(command, run)) or found[0]["state"] != "done":
        assert child.poll() is None, child.stderr.read()
    return found[0]


def test_data_for_programs_comes_from_a_file(command, shop):
    """It goes with the job; a file that holds no object of JSON is something to mend first, and nothing is put in."""
    (shop / "orders.json").write_text('{"orders": [1, 2]}')
    (shop / "list.json").write_text("[1, 2]")
    (shop / "deep.json").write_text("[" * 100_000)
    for name, says in (
        ("list.json", "one JSON object"),
        ("deep.json", "one JSON object"),
        ("none.json", "cannot be read"),
    ):
        refused = command("jobs", "add", "clerk", "Sell.", "--journal", JOURNAL, "--data", name)
        assert refused.code == 2
        assert says in refused.err
    add(command, "clerk", "Sell.", "--data", "orders.json")

    async def data():
        async with open_queue(JOURNAL) as queue:
            return [entry.job.data for entry in await queue.jobs()]

    assert asyncio.run(data()) == [{"orders": [1, 2]}]


def test_a_run_is_added_carried_out_and_shown(command, worker):
    """What one process adds, another carries out, a third can follow, and a run can go on from; SIGTERM ends the worker."""
    run = add(command, "clerk", "Sell.", "--tenant", "ada", "--priority", "3")
    child = worker("--grace", "1")
    found = done(command, child, run)
    second = add(command, "clerk", "And now?", "--history", run[-8:])
    done(command, child, second)
    shown = json.loads(command("runs", "show", run, "--journal", JOURNAL, "--json").out)
    continued = json.loads(command("runs", "show", second, "--journal", JOURNAL, "--json").out)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (0, "")
    assert err.splitlines() == ["working on queue runs: clerk, idle"]
    assert shown["output"] == "Sold 0."
    assert found["tenant"] == "ada"
    assert found["priority"] == 3
    assert continued["continues"]["run"] == run


def test_a_history_has_to_be_there(command):
    """A run that would go on from one that nobody knows is refused, and not put in."""
    wrong = command("jobs", "add", "clerk", "And now?", "--history", "nobody", "--journal", JOURNAL)
    assert (wrong.code, "no run 'nobody'" in wrong.err) == (2, True)
    assert listed(command) == []


def test_a_key_is_added_once(command):
    """The same key gives the same run; the list shows what waits."""
    assert add(command, "clerk", "Sell.", "--dedup-key", "1") == add(command, "clerk", "Sell.", "--dedup-key", "1")
    assert [row["state"] for row in listed(command)] == ["queued"]
    done = command("jobs", "list", "--journal", JOURNAL)
    assert done.code == 0
    assert "queued" in done.out


def test_a_run_is_cancelled(command):
    """A run that waits is taken out; one that is not there is an error."""
    run = add(command, "clerk", "Sell.", "--delay", "60")
    assert command("jobs", "cancel", run, "--journal", JOURNAL).out == "withdrawn\n"
    assert [row["state"] for row in listed(command)] == ["cancelled"]
    assert command("jobs", "cancel", "nobody", "--journal", JOURNAL).code == 2


def test_a_timetable_comes_and_goes(command):
    """A timetable is made, and taken away once; a wrong one is refused."""
    made = command(
        "jobs", "schedule", "m", "0 7 * * *", "clerk", "Sell.", "--timezone", "Europe/Berlin", "--journal", JOURNAL
    )
    assert (made.code, made.out) == (0, "timetable m: 0 7 * * * (Europe/Berlin)\n")
    wrong = command("jobs", "schedule", "m", "at seven", "clerk", "Sell.", "--journal", JOURNAL)
    assert wrong.code == 2
    assert "at seven" in wrong.err
    assert command("jobs", "unschedule", "m", "--journal", JOURNAL).code == 0
    assert command("jobs", "unschedule", "m", "--journal", JOURNAL).code == 2


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--agent", "shop:word"], "no Agent and no list of them"),
        (["--agent", "shop:nothing"], "no Agent and no list of them"),
        (["--agent", "shop:clerk", "--rate", "fast"], "100/60"),
        (["--agent", "shop:clerk", "--per-worker", "0"], "per_worker=0"),
        (["--agent", "shop:clerk", "--journal", "memory:"], "workers can share"),
    ],
)
def test_wrong_flags_are_refused(command, flags, told):
    """What cannot be is refused before anything is begun, with what to write instead."""
    done = command("worker", *flags)
    assert done.code == 2
    assert told in done.err
