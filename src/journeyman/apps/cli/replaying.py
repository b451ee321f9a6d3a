"""`journeyman record` and `journeyman replay`: a program, or another command, with a tape in."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ...data import CallerError, JourneymanError
from ...testing import tapes
from .flags import PLAIN
from .outcome import FAILED, logs, tell
from .view.screen import Screen

COMMANDS = ("run", "chat")
"""Commands of ours that can be recorded; a script of that name is given as ./run."""

Tape = Annotated[Path, Parameter(help="The tape: a file of JSON lines.")]
What = Annotated[
    str,
    Parameter(
        help="A Python script, -m with a module, or a command of journeyman (run, chat), with its own arguments behind it.",
        allow_leading_hyphen=True,
    ),
]
Args = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]


def record(
    tape: Tape,
    what: What,
    /,
    *args: Args,
    append: Annotated[bool, Parameter(help="Add to the tape instead of replacing it.")] = False,
) -> int:
    """Do something and record whatever came to its runs from outside: models' answers, tools' results, times, ids.

    For example: journeyman record tape.jsonl script.py, or journeyman record tape.jsonl run "Hello" --model vendor:model.
    The exit code is that of what was done.
    """
    return _with_tape(lambda screen: _recorded(screen, tape, what, args, append=append))


def replay(
    tape: Tape,
    what: What,
    /,
    *args: Args,
    loose: Annotated[bool, Parameter(help="Let what is not on the tape go to the real model or tool.")] = False,
) -> int:
    """Do what was recorded once more, without asking a model or calling a tool.

    Exit code 1 where something is asked for that the tape does not hold, with the hash of the request and the first
    difference, or where the tape holds something that was not asked for; else that of what was done.
    """
    return _with_tape(lambda _: _replayed(tape, what, args, loose=loose))


def _recorded(screen: Screen, tape: Path, what: str, args: tuple[str, ...], *, append: bool) -> int:
    with tapes.record(tape, append=append):
        code = _do(what, args)
    screen.note(f"recorded on {tape}")
    return code


def _replayed(tape: Path, what: str, args: tuple[str, ...], *, loose: bool) -> int:
    code = 0
    try:
        with tapes.replay(tape, strict=not loose):
            code = _do(what, args)
    except JourneymanError:
        # A command of ours that failed has told by itself what went wrong.
        if what not in COMMANDS or code == 0:
            raise
    return code


def _with_tape(work: Callable[[Screen], int]) -> int:
    screen = Screen(PLAIN)
    with logs(screen):
        try:
            return work(screen)
        except (JourneymanError, KeyboardInterrupt) as error:
            # Where the journal is that a program's runs are on, only the program knows.
            return tell(screen, error, "memory:")
        except Exception:  # noqa: BLE001  (the program's own, told as Python would)
            traceback.print_exc()
            return FAILED


def _do(what: str, args: tuple[str, ...]) -> int:
    if what in COMMANDS:
        from .app import invoke  # noqa: PLC0415  (it knows this file by name)

        return invoke((what, *args))
    with _as_program(what, args) as run:
        try:
            run()
        except SystemExit as ended:
            return _exit_code(ended.code)
    return 0


@contextlib.contextmanager
def _as_program(what: str, args: tuple[str, ...]) -> Generator[Callable[[], object]]:
    """What Python itself would do to run a script or a module; undone at the end."""
    argv, path = sys.argv, list(sys.path)
    try:
        if what == "-m":
            if not args:
                raise CallerError("-m needs the name of a module behind it")
            sys.argv = list(args)
            sys.path.insert(0, str(Path.cwd()))
            yield lambda: runpy.run_module(args[0], run_name="__main__", alter_sys=True)
        else:
            script = Path(what)
            if not script.is_file():
                raise CallerError(f"there is no script {what}; the commands that can be given instead are run and chat")
            sys.argv = [what, *args]
            sys.path.insert(0, os.fspath(script.resolve().parent))
            yield lambda: runpy.run_path(what, run_name="__main__")
    finally:
        sys.argv, sys.path[:] = argv, path


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return FAILED
