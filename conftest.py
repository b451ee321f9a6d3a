"""Runs every example that is shown: in the README, in docs/ and in docstrings."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

# How long an example takes says more of the machine than of the code.
settings.register_profile("here", deadline=None)
settings.load_profile("here")


def _enter_scratch(namespace: dict[str, Any]) -> None:
    # Examples write journals where they are run; each document gets a directory of its own.
    namespace["_before"] = os.getcwd()  # noqa: PTH109  (what chdir takes)
    namespace["_scratch"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_scratch"].name)


def _leave_scratch(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_before"])
    namespace["_scratch"].cleanup()


_pages = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md"],
    path=str(Path(__file__).parent),
    setup=_enter_scratch,
    teardown=_leave_scratch,
)
_docstrings = Sybil(parsers=[DocTestParser()], patterns=["*.py"], path=str(Path(__file__).parent / "src"))


def pytest_configure() -> None:
    """Ctrl-C does here what it does in a terminal: a shell lets what it starts in the background ignore it."""
    # Tests of interruption, and the processes that they start, would wait for ever for a signal that nobody hears.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: whatever a test needs is there, or `.ci/run` has to install it."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} tests were skipped, which is a failure in CI; the reasons are below")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


pytest_collect_file = (_pages + _docstrings).pytest()
