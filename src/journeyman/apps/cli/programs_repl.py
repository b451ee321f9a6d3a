"""`journeyman program repl`: one program after another, as they are typed."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ...compose import language as language_of
from ...compose import open_sandbox
from ...data import CallerError
from ...programs import Outcome, ProgramLimits, Sandbox, Scope, Suspended
from ...tools import by_name
from .outcome import tell
from .programs_lines import Lines, is_whole
from .programs_names import LispNames, Names, PythonNames, apropos, doc, listed
from .view.clean import clean, cut
from .view.program import Source, as_json, tell_outcome, tell_printed, tell_rest, written
from .view.screen import Screen

_LONGEST: Final = 4_000
_ANSWER: Final = re.compile(r"answer\s+(\d+)\s+(.+)", re.DOTALL)
# As people write them: doc map, (doc map), (apropos "str"), dir(), (dir str).
_ASKED: Final = re.compile(
    r"""\(?\s*(doc|apropos|dir|help|exit|quit)(?:[\s(]+|(?=\))|$)["':]?([^\s()"'=]*)["']?[\s()]*"""
)
_WORD: Final = re.compile(r"[^\s()\[\]{}\"',;`]+")
_HELP: Final = """\
doc NAME      what a name is
apropos WORD  the names that have a word in them
dir           all names; dir str, dir tool, dir data: those of a namespace
answer 0 JSON answer call 0 of a program that waits
exit          leave (so does Ctrl-D)
Ctrl-C        forget the input, or end the program that runs"""


class Given(NamedTuple):
    """What programs are given."""

    language: str
    data: Mapping[str, Any]
    tools: Sequence[Any]
    limits: ProgramLimits


class Repl:
    """Programs over one sandbox and one memory; the event loop rests while the person types."""

    def __init__(self, screen: Screen, runner: asyncio.Runner, given: Given) -> None:
        self._screen = screen
        self._runner = runner
        self._given = given
        self._language = language_of(given.language).name
        self._memory: Mapping[str, Any] = {}
        self._suspended: Suspended | None = None
        specs = [tool.spec for tool in by_name(given.tools).values()]
        self._names: Names = (
            PythonNames(specs, given.data, lambda: self._memory)
            if self._language == "python"
            else LispNames(specs, given.data, lambda: self._memory)
        )

    def talk(self) -> int:
        """Until there is no more input; gives the exit code."""
        at_terminal = sys.stdin.isatty() and self._screen.live
        sandbox = open_sandbox(processes=1)
        self._runner.run(sandbox.__aenter__())
        try:
            return self._typed(sandbox, self._prompting()) if at_terminal else self._piped(sandbox)
        finally:
            self._runner.run(sandbox.close())

    def _typed(self, sandbox: Sandbox, read: Callable[[], str]) -> int:
        self._screen.note(
            (f"{self._language}: what is defined stays · help shows what can be done · Ctrl-D leaves", "dim")
        )
        while True:
            try:
                text = read()
            except EOFError:
                return 0
            except KeyboardInterrupt:
                continue
            if self._heard(sandbox, text, 0) is None:
                return 0

    def _piped(self, sandbox: Sandbox) -> int:
        code, lines = 0, Lines(self._language)
        # One character more than a program may have: the sandbox refuses it, and nothing piles up.
        longest = self._given.limits.source_bytes + 1
        size = 0
        while line := sys.stdin.readline(longest):
            size += len(line)
            if not lines.add(line) and size < longest:
                continue
            heard = self._heard(sandbox, lines.text, code)
            if heard is None:
                return code
            code, lines, size = heard, Lines(self._language), 0
        heard = self._heard(sandbox, lines.text, code)
        return code if heard is None else heard

    def _heard(self, sandbox: Sandbox, text: str, code: int) -> int | None:
        """Do what an input asks for; gives the exit code so far, or None where it says to leave."""
        line = text.strip()
        if not line:
            return code
        asked = _ASKED.fullmatch(line) if "\n" not in line else None
        if asked is None:
            return self._carried_out(sandbox, line, text)
        match asked[1]:
            case "exit" | "quit":
                return None
            case "help":
                self._screen.line(_HELP)
            case "dir":
                self._screen.line(listed(self._names, asked[2]))
            case "apropos":
                self._screen.line(apropos(self._names, asked[2]))
            case _:
                self._screen.line(doc(self._names, asked[2]) if asked[2] else self._page())
        return code

    def _page(self) -> str:
        specs = tuple([tool.spec for tool in by_name(self._given.tools).values()])
        return language_of(self._language).describe(Scope(specs, self._given.data, self._memory, self._given.limits))

    def _carried_out(self, sandbox: Sandbox, line: str, text: str) -> int:
        answer = _ANSWER.fullmatch(line)
        try:
            # The runner turns Ctrl-C into the cancellation of this program alone.
            if answer is not None:
                return self._runner.run(self._answered(sandbox, int(answer[1]), answer[2]))
            return self._runner.run(self._run(sandbox, text))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (one program failed; the talk goes on)
            return tell(self._screen, error)

    async def _run(self, sandbox: Sandbox, text: str) -> int:
        given = self._given
        outcome = await sandbox.run(
            text,
            language=given.language,
            data=given.data,
            tools=given.tools,
            limits=given.limits,
            memory=self._memory,
        )
        return await self._told(sandbox, outcome, Source("input", text))

    async def _answered(self, sandbox: Sandbox, call_id: int, text: str) -> int:
        suspended = self._suspended
        if suspended is None:
            raise CallerError("no program waits for an answer")
        try:
            value: object = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise CallerError(f'answer {call_id} takes JSON, such as true or "yes": {error}') from error
        outcome = await sandbox.resume(suspended, {call_id: value}, tools=self._given.tools)
        return await self._told(sandbox, outcome, Source("input", suspended.source))

    async def _told(self, sandbox: Sandbox, outcome: Outcome, source: Source) -> int:
        self._memory, self._suspended = outcome.memory, outcome.suspended
        if self._screen.json:
            return tell_outcome(self._screen, outcome, source)
        tell_printed(self._screen, outcome)
        if outcome.ok and (outcome.value is not None or self._language != "python"):
            self._screen.line(cut(clean(await self._shown(sandbox, outcome)), _LONGEST, "print a part of it"))
        code = tell_rest(self._screen, outcome, source)
        if outcome.suspended is not None:
            self._screen.note(("next:  ", "bold"), f"answer {outcome.suspended.waiting[0].id} JSON")
        return code

    async def _shown(self, sandbox: Sandbox, outcome: Outcome) -> str:
        """A value as its language writes it."""
        if self._language == "python":
            return written(outcome.value)
        # Keywords have become strings on this side; inside they still are what they were.
        shown = await sandbox.run("(pr-str *1)", language="lisp", memory={"*1": outcome.memory.get("*1")})
        return shown.value if isinstance(shown.value, str) else as_json(outcome.value)

    def _prompting(self) -> Callable[[], str]:
        from prompt_toolkit import PromptSession  # noqa: PLC0415  (slow to import, and only a terminal needs it)
        from prompt_toolkit.application import get_app  # noqa: PLC0415
        from prompt_toolkit.completion import WordCompleter  # noqa: PLC0415
        from prompt_toolkit.filters import Condition  # noqa: PLC0415

        # Enter adds a line as long as forms are open, and hands the input over once they are not.
        is_open = Condition(lambda: not is_whole(f"{get_app().current_buffer.text}\n", self._language))
        session: PromptSession[str] = PromptSession(
            f"{self._language}> ",
            completer=WordCompleter(lambda: list(self._names.words()), pattern=_WORD),
            complete_while_typing=False,
            multiline=is_open,
            prompt_continuation="… ",
        )
        return lambda: f"{session.prompt()}\n"
