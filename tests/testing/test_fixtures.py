"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

import pytest

# Test runs within this process forget what they import, and would import all of it each time.
import journeyman.agents
import journeyman.testing.tapes

assert journeyman.agents
assert journeyman.testing.tapes

pytest_plugins = ["pytester"]

TEST = """
import os
import pytest
from journeyman import Agent, ScriptedModel

LIVE = bool(os.environ["LIVE"])

@pytest.mark.tape("greeting")
async def test_greeting():
    result = await Agent(ScriptedModel(["Hello."] if LIVE else [])).run(os.environ["PROMPT"])
    assert result.output == "Hello."

@pytest.mark.parametrize("name", ["a b", "c/d"])
def test_blocking(tape, name):
    assert Agent(ScriptedModel([name] if LIVE else [])).run_sync("Name?").output == name

def test_without():
    assert Agent(ScriptedModel(["x"])).run_sync("?").output == "x"
"""


@pytest.fixture
def runs(pytester, monkeypatch):
    """Runs tests that know the plugin, whether journeyman is installed or not."""

    def run(*args, live=False, prompt="Hi", test=TEST):
        pytester.makepyfile(test_it=test)
        # Others' plugins, which would be imported anew for each run, are left out.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setenv("LIVE", "yes" if live else "")
        monkeypatch.setenv("PROMPT", prompt)
        plugins = [
            "-p",
            "journeyman.testing.fixtures",
            "-p",
            "pytest_asyncio.plugin",
            "-p",
            "no:cacheprovider",
            "--strict-markers",
        ]
        loops = ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"]
        # In this process the modules are there before their assertions could be rewritten.
        warnings = ["-W", "error", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        return pytester.runpytest_inprocess(*plugins, *loops, *warnings, *args)

    return run


def test_record_then_replay(pytester, runs):
    """Recorded once, tests with a tape pass without a model, and each has a tape of its own; others are left alone."""
    runs("--tape-mode=record", live=True).assert_outcomes(passed=4)
    tapes = sorted(str(path.relative_to(pytester.path)) for path in pytester.path.rglob("*.jsonl"))
    assert tapes == [
        "tapes/greeting.jsonl",
        "tapes/test_it/test_blocking-a-b.jsonl",
        "tapes/test_it/test_blocking-c-d.jsonl",
    ]
    runs().assert_outcomes(passed=4)
    runs("--tape-mode=off", live=True).assert_outcomes(passed=4)


def test_a_missing_tape_fails_with_what_to_do(runs):
    """Without a tape a test does not silently ask the real model; the failure is a command to run."""
    result = runs()
    result.assert_outcomes(passed=1, errors=3)
    result.stdout.fnmatch_lines(["*there is no tape *greeting.jsonl; record it with: pytest --tape-mode=record *"])


def test_once_records_what_is_missing_and_nothing_else(pytester, runs):
    """A tape that is there is replayed, one that is not is recorded."""
    runs("--tape-mode=once", "-k", "greeting", live=True).assert_outcomes(passed=1, deselected=3)
    before = (pytester.path / "tapes" / "greeting.jsonl").read_bytes()
    runs("--tape-mode=once", live=True).assert_outcomes(passed=4)
    assert (pytester.path / "tapes" / "greeting.jsonl").read_bytes() == before


def test_a_changed_prompt_fails_once_with_the_difference(runs):
    """The test that asks something else fails, by its first difference, and is not told a second time."""
    runs("--tape-mode=record", live=True)
    result = runs(prompt="Hi!")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(['*ReplayMismatch: *messages?0?.parts?0?.text: expected "Hi", got "Hi!"'])


LAX = """
import os
import pytest
from journeyman import Agent, ScriptedModel

@pytest.mark.tape(name="lax", strict=False)
async def test_lax():
    if os.environ["LIVE"]:
        await Agent(ScriptedModel(["One."])).run("One?")
    assert (await Agent(ScriptedModel(["Two."])).run("Two?")).output == "Two."

@pytest.mark.tape
async def test_swallowing():
    try:
        await Agent(ScriptedModel(["One."])).run("One?" if os.environ["LIVE"] else "Three?")
    except Exception:
        pass
"""


def test_strictness_is_a_marker(runs):
    """A test may be loose; a strict one that swallows its miss fails all the same."""
    runs("--tape-mode=record", live=True, test=LAX).assert_outcomes(passed=2)
    runs(test=LAX).assert_outcomes(passed=2, errors=1)
