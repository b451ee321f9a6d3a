"""Runs every example that is shown: in the README, in docs/ and in docstrings."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser


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

pytest_collect_file = (_pages + _docstrings).pytest()
