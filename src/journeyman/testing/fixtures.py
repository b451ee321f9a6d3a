"""A pytest plugin: `@pytest.mark.tape` and the fixture `tape` put a tape in for a test.

It does nothing to tests that ask for neither. pytest finds it by itself where journeyman is installed.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

import pytest

if TYPE_CHECKING:
    from .tapes import Recording, Replaying

TapeMode = Literal["replay", "record", "once", "off"]
"""`once` records a tape that is not there and replays one that is; `off` puts none in."""


_FAILED = pytest.StashKey[BaseException]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--tape-mode`."""
    parser.getgroup("journeyman").addoption(
        "--tape-mode",
        choices=get_args(TapeMode),
        default="replay",
        help="What tests with a tape do: replay it (and ask nobody), record it anew, once (record those that are missing), "
        "or off (ask the real models).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "tape(name=None, strict=True): put a tape in; it is tapes/<module>/<test>.jsonl beside the test's file, "
        "or tapes/<name>.jsonl",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give marked tests the fixture, whether they name it or not."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("tape") is not None:
            names = item.fixturenames
            if "tape" not in names:
                # First, so that what other fixtures do is on the tape as well.
                names.insert(0, "tape")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember what a test failed of."""
    if call.when == "call" and call.excinfo is not None:
        item.stash[_FAILED] = call.excinfo.value
    return (yield)


@pytest.fixture
def tape(request: pytest.FixtureRequest) -> Iterator[Recording | Replaying | None]:
    """The tape that is in for this test, or None with `--tape-mode=off`."""
    from .tapes import record, replay  # noqa: PLC0415  (a test run that uses no tape loads none of it)

    mode = cast("TapeMode", request.config.getoption("--tape-mode"))
    path, strict = _path_of(request), _is_strict(request)
    if mode == "off":
        yield None
        return
    if mode == "record" or (mode == "once" and not path.exists()):
        with record(path) as recording:
            yield recording
        return
    if not path.exists():
        pytest.fail(
            f"there is no tape {path}; record it with: pytest --tape-mode=record {request.node.nodeid!r}", pytrace=False
        )
    replaying = replay(path, strict=strict).__enter__()
    yield replaying
    # What the test itself failed of is not told a second time.
    failed: BaseException | None = request.node.stash.get(_FAILED, None)
    replaying.__exit__(None if failed is None else type(failed), failed, None)


def _path_of(request: pytest.FixtureRequest) -> Path:
    tapes = request.path.parent / "tapes"
    marker = request.node.get_closest_marker("tape")
    if marker is not None and (marker.args or "name" in marker.kwargs):
        name = str(marker.args[0] if marker.args else marker.kwargs["name"])
        return tapes / f"{name.removesuffix('.jsonl')}.jsonl"
    # Parameters stand in the name of a test, and may hold whatever no file name can.
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    return tapes / request.path.stem / f"{name}.jsonl"


def _is_strict(request: pytest.FixtureRequest) -> bool:
    marker = request.node.get_closest_marker("tape")
    return marker is None or bool(marker.kwargs.get("strict", True))
