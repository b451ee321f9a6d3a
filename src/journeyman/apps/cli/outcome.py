"""A command's work carried out, and what comes of it: an exit code, and for an error a line that says what to do next."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from ...data import (
    CallerError,
    Conflict,
    CorruptJournal,
    JourneymanError,
    LimitExceeded,
    ProviderError,
    ProviderErrorKind,
)
from ...observe import configure_logging
from .flags import Shown
from .view.clean import cut, one_line
from .view.live import journal_flag
from .view.screen import Screen, short

FAILED, MISUSED, INTERRUPTED = 1, 2, 130

_LONGEST = 600

_KEY = "journeyman doctor shows which keys are set; this vendor does not accept the one that was sent"
_LATER = "wait {wait} and try again, or choose another --model"
_BY_KIND: dict[ProviderErrorKind, str] = {
    "authentication": _KEY,
    "permission": _KEY,
    "connection": "journeyman doctor shows which servers answer; --base-url says where else to ask",
    "not_found": "check the name of the model, and --base-url if you gave one",
    "rate_limit": _LATER,
    "overloaded": _LATER,
}


def carry_out(shown: Shown, work: Callable[[Screen], Coroutine[Any, Any, int]]) -> int:
    """Do a command's work in an event loop of its own, and give its exit code."""
    return carry_out_with(shown, lambda screen, runner: runner.run(work(screen)))


def carry_out_with(shown: Shown, work: Callable[[Screen, asyncio.Runner], int]) -> int:
    """Do the work of a command that goes in and out of its event loop."""
    screen = Screen(shown)
    with logs(screen):
        try:
            with asyncio.Runner() as runner:
                return work(screen, runner)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (this is where every error ends)
            return tell(screen, error)


def tell(screen: Screen, error: BaseException, journal: str = "") -> int:
    """Say what went wrong and what to do next; gives the exit code. Raises `BrokenPipeError` again: nobody listens."""
    if isinstance(error, BrokenPipeError):
        raise error
    if isinstance(error, KeyboardInterrupt):
        screen.error(("interrupted", "yellow"))
        return INTERRUPTED
    if screen.debug:
        screen.error("".join(traceback.format_exception(error)).rstrip())
    screen.error(("error: ", "bold red"), cut(one_line(_what(error)), _LONGEST, "--debug shows all"))
    step = _next_step(error, journal)
    if step:
        screen.error(("next:  ", "bold"), step)
    return MISUSED if isinstance(error, CallerError) and not isinstance(error, CorruptJournal) else FAILED


@contextmanager
def logs(screen: Screen) -> Generator[None]:
    """The package's log on standard error, for as long as a command works: warnings in a line each, with --debug all."""
    logger = logging.getLogger(__name__.split(".apps", 1)[0])
    level, propagates = logger.level, logger.propagate
    handler = configure_logging(logging.DEBUG if screen.debug else logging.WARNING, stream=sys.stderr)
    if not screen.debug:
        # A record with a traceback is about an error that is shown in another place, such as a tool's result.
        handler.addFilter(lambda record: not record.exc_info)
        handler.setFormatter(_Plain("%(levelname)s: %(message)s"))
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagates


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


def _what(error: BaseException) -> str:
    if isinstance(error, JourneymanError):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _next_step(error: BaseException, journal: str) -> str:
    match error:
        case ProviderError():
            step = _BY_KIND.get(error.kind, "")
            wait = "a while" if error.retry_after is None else f"{error.retry_after:g} s"
            return step.format(wait=wait) or _look(error, journal, "")
        case LimitExceeded():
            return f"raise --{error.parameter.replace('_', '-')}{_look(error, journal, ', or see what it did: ')}"
        case Conflict():
            return "another process is at work on this run; look again when it is done"
        case JourneymanError():
            return _look(error, journal, "")
        case _:
            return "this was not foreseen: please report it, with what --debug shows"


def _look(error: JourneymanError, journal: str, before: str) -> str:
    if error.run_id is None or journal == "memory:":
        return ""
    return f"{before}journeyman runs show {short(error.run_id)}{journal_flag(journal) if journal else ''}"
