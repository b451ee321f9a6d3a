"""`journeyman program`: programs in the sandbox, from files and from the keyboard."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from ...compose import open_sandbox
from ...data import CallerError
from ...programs import Outcome, ProgramLimits, Suspended
from .asking import load_tools
from .flags import PLAIN, Shown
from .outcome import carry_out, carry_out_with
from .programs_repl import Given, Repl
from .view.program import Source, tell_outcome
from .view.screen import Screen

program = App(name="program", help="Run programs in the sandbox, where they reach nothing but what is granted.")

_LANGUAGES = {".py": "python", ".lisp": "lisp", ".clj": "lisp", ".cljc": "lisp", ".cljs": "lisp"}
_USUAL = ProgramLimits()
_MOST_DATA = 64_000_000
"""Bytes of a file of data or of a suspended program; the sandbox itself holds no more."""

Tools = Annotated[
    list[str] | None,
    Parameter(help="Tools as module:name, separated by commas; a name may stand for a list of tools, too."),
]
Data = Annotated[
    Path | None, Parameter(help="A JSON file with an object: what the program may read as data (in Lisp data/name).")
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LimitFlags:
    """What a program may use."""

    cpu_seconds: Annotated[float, Parameter(help="Seconds of computing; waiting for tools is not counted.")] = (
        _USUAL.cpu_seconds
    )
    memory_bytes: Annotated[int, Parameter(help="Bytes of the interpreter's heap.")] = _USUAL.memory_bytes
    loop_steps: Annotated[int, Parameter(help="Rounds of all loops.")] = _USUAL.loop_steps
    tool_calls: Annotated[int, Parameter(help="Calls of tools.")] = _USUAL.tool_calls
    parallel_tools: Annotated[int, Parameter(help="Tools that run at the same time.")] = _USUAL.parallel_tools
    depth: Annotated[int, Parameter(help="Functions that call each other.")] = _USUAL.depth
    output_bytes: Annotated[int, Parameter(help="Bytes of what it prints, the newest.")] = _USUAL.output_bytes
    value_bytes: Annotated[int, Parameter(help="Bytes of its value as JSON.")] = _USUAL.value_bytes
    source_bytes: Annotated[int, Parameter(help="Bytes of the program itself.")] = _USUAL.source_bytes

    def limits(self) -> ProgramLimits:
        """The limits. Raises `CallerError` for what cannot be one."""
        return ProgramLimits(**asdict(self))


@program.command
def run(  # noqa: PLR0913  (a command's flags are its parameters)
    file: Annotated[str, Parameter(help="The program; - reads it from standard input.", allow_leading_hyphen=True)],
    /,
    *,
    language: Annotated[
        str | None, Parameter(help="python or lisp; by default what the file's name ends with says.")
    ] = None,
    data: Data = None,
    tools: Tools = None,
    save: Annotated[Path | None, Parameter(help="Where a program is kept that has to wait.")] = None,
    limits: LimitFlags = LimitFlags(),
    shown: Shown = PLAIN,
) -> int:
    """Run one program.

    What it prints and its value (text as it is, the rest as JSON) go to standard output, its calls and errors beside it. With
    --json one object: status, value, printed, error, calls, waiting. Exit code 0: it came to a value, 1: it failed, 2:
    something to mend first, 3: it waits for a call that is answered elsewhere; --save keeps it, program resume goes on.
    """

    def begin(screen: Screen, runner: asyncio.Runner) -> int:
        given = Given(language or _language_of(file), _data(data), load_tools(tools or ()), limits.limits())
        # Before the event loop is at work: it would keep Ctrl-C from ending the wait for input.
        source = _source(file, given.limits)
        outcome = runner.run(_run(source, given))
        return _told(screen, outcome, source, save)

    return carry_out_with(shown, begin)


@program.command
def resume(
    file: Annotated[Path, Parameter(help="What --save has written.")],
    /,
    *,
    answer: Annotated[
        list[str] | None, Parameter(help="An answer as id=json, such as 0=true or 1='\"yes\"'; may be repeated.")
    ] = None,
    tools: Tools = None,
    save: Annotated[
        Path | None, Parameter(help="Where it is kept if it waits again; by default the same file.")
    ] = None,
    shown: Shown = PLAIN,
) -> int:
    """Go on with a program that waits, in the middle of the expression in which it does.

    It is run again up to there with the results that were recorded; no tool runs twice. Tools and exit codes are those of
    program run.
    """

    async def begin(screen: Screen) -> int:
        suspended = _suspended(file)
        answers = dict(_answer(item) for item in answer or ())
        granted = load_tools(tools or ())
        async with open_sandbox(processes=1) as sandbox:
            outcome = await sandbox.resume(suspended, answers, tools=granted)
        return _told(screen, outcome, Source("the program", suspended.source), save or file)

    return carry_out(shown, begin)


@program.command
def repl(
    *,
    language: Annotated[str, Parameter(help="python or lisp.")] = "lisp",
    data: Data = None,
    tools: Tools = None,
    limits: LimitFlags = LimitFlags(),
    shown: Shown = PLAIN,
) -> int:
    """Run one program after another, as they are typed.

    In Lisp what is defined stays, and *1 *2 *3 are the last values. An input may have several lines: it ends where its forms
    do. doc, apropos and dir say what there is, help says the rest. Piped input works too; the exit code is then that of the
    last program.
    """

    def begin(screen: Screen, runner: asyncio.Runner) -> int:
        given = Given(language, _data(data), load_tools(tools or ()), limits.limits())
        return Repl(screen, runner, given).talk()

    return carry_out_with(shown, begin)


async def _run(source: Source, given: Given) -> Outcome:
    async with open_sandbox(processes=1) as sandbox:
        return await sandbox.run(
            source.text, language=given.language, data=given.data, tools=given.tools, limits=given.limits
        )


def _told(screen: Screen, outcome: Outcome, source: Source, save: Path | None) -> int:
    code = tell_outcome(screen, outcome, source)
    if outcome.suspended is None:
        return code
    if save is None:
        screen.note(("not kept: ", "bold"), "--save FILE keeps a program that waits")
        return code
    _keep(outcome.suspended, save)
    first = outcome.suspended.waiting[0].id
    how = f"journeyman program resume {shlex.quote(str(save))} --answer {first}=JSON, with the same --tools"
    screen.note(("next:  ", "bold"), how)
    return code


def _source(file: str, limits: ProgramLimits) -> Source:
    """The program's text, with a little more than is allowed at most: the sandbox says that it is too much."""
    if file == "-":
        return Source("standard input", sys.stdin.read(limits.source_bytes + 1))
    read = _bytes(Path(file), limits.source_bytes + 1)
    try:
        text = read.decode("utf-8-sig", "replace" if len(read) > limits.source_bytes else "strict")
    except UnicodeDecodeError as error:
        raise CallerError(f"{file} is no text in UTF-8: {error}") from error
    return Source(file, text.replace("\r\n", "\n"))


def _language_of(file: str) -> str:
    found = _LANGUAGES.get(Path(file).suffix.lower())
    if found is None:
        raise CallerError(f"{file} does not say in which language it is; add --language python or --language lisp")
    return found


def _data(file: Path | None) -> Mapping[str, Any]:
    if file is None:
        return {}
    try:
        return msgspec.json.decode(_whole(file), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallerError(
            f"--data {file}: {error}; it has to hold one JSON object, with a name for each value"
        ) from error


def _answer(text: str) -> tuple[int, Any]:
    name, _, value = text.partition("=")
    try:
        return int(name), msgspec.json.decode(value.encode())
    except (ValueError, RecursionError) as error:
        how = "write the call's id, = and JSON, such as 0=true or 0='\"yes\"'"
        raise CallerError(f"--answer {text}: {error}; {how}") from error


def _suspended(file: Path) -> Suspended:
    try:
        return msgspec.json.decode(_whole(file), type=Suspended)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallerError(f"{file} holds no program that waits: {error}; program run --save writes one") from error


def _keep(suspended: Suspended, file: Path) -> None:
    # Without its snapshot: that is good only for sandboxes with the same secret key, and a command has none. The recorded
    # calls are enough. Beside the old file first, so that a full disk does not cost what is there.
    bare = msgspec.structs.replace(suspended, snapshot=b"", signature=b"", version="")
    beside = file.with_name(f"{file.name}.new")
    try:
        beside.write_bytes(msgspec.json.encode(bare))
        beside.replace(file)
    except OSError as error:
        raise CallerError(
            f"{file} cannot be written ({error.strerror}); --save says where a program is kept"
        ) from error


def _whole(file: Path) -> bytes:
    read = _bytes(file, _MOST_DATA + 1)
    if len(read) > _MOST_DATA:
        raise CallerError(
            f"{file} has more than {_MOST_DATA:,} bytes; give a program what it needs, and the rest by tools"
        )
    return read


def _bytes(file: Path, limit: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(limit)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise CallerError(f"{file} cannot be read ({error})") from error
