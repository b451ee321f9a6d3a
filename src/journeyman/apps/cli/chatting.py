"""`journeyman chat`: a conversation in the terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from decimal import Decimal

from ...agents import Conversation
from ...compose import cost
from ...data import LimitExceeded, Limits, ModelUsage, Usage, dollars, with_usage
from ...journal import RunState
from .asking import AgentFlags
from .flags import PLAIN, Shown
from .outcome import carry_out_with, tell
from .view.live import Live, as_object, journal_flag, tell_spent
from .view.screen import Screen, money, short, tokens

HELP = """\
/help   this
/cost   what the conversation has cost so far
/exit   leave (so does Ctrl-D)
Ctrl-C  stop the answer"""


def chat(*, agent: AgentFlags, shown: Shown = PLAIN) -> int:
    """Talk with a model.

    Each line of standard input is said to it; /help shows what else can be done. --max-cost is for the conversation as a
    whole. With --json each answer is an object on a line of its own. The exit code is that of the last answer where
    the lines come from a file or a pipe, and 0 in a terminal.
    """
    return carry_out_with(shown, lambda screen, runner: _Chat(screen, runner, agent).talk())


class _Chat:
    """One conversation; every answer is worked on in the same event loop, which rests while the person types."""

    def __init__(self, screen: Screen, runner: asyncio.Runner, flags: AgentFlags) -> None:
        self._screen = screen
        self._runner = runner
        self._flags = flags
        self._conversation = Conversation(flags.agent("chat"))
        self._used: tuple[ModelUsage, ...] = ()
        self._last = ""

    def talk(self) -> int:
        """Until there is no more to say; gives the exit code."""
        at_terminal = sys.stdin.isatty() and self._screen.live
        read = _prompting() if at_terminal else sys.stdin.readline
        if at_terminal:
            self._screen.note((f"{self._flags.model} · {self._flags.journal} · /help shows what can be done", "dim"))
        code = 0
        while True:
            try:
                line = read()
            except EOFError:
                line = ""
            except KeyboardInterrupt:
                if not at_terminal:
                    raise
                self._screen.note(("/exit or Ctrl-D leaves", "dim"))
                continue
            if not line or line.strip() in ("/exit", "/quit"):
                break
            code = self._heard(line.strip(), code)
        self._tell_where()
        return 0 if at_terminal else code

    def _heard(self, line: str, code: int) -> int:
        match line:
            case "":
                return code
            case "/help":
                self._screen.note(HELP)
            case "/cost":
                self._tell_cost()
            case _ if line.startswith("/") and " " not in line:
                self._screen.error(f"there is no {line}; /help shows what there is")
            case _:
                return self._asked(line)
        return code

    def _asked(self, line: str) -> int:
        try:
            # The runner turns Ctrl-C into the cancellation of this answer alone.
            self._runner.run(self._answer(line))
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (one answer failed; the talk goes on)
            return tell(self._screen, error, self._flags.journal)
        return 0

    async def _answer(self, line: str) -> None:
        limits = self._limits()
        async with self._conversation.ask_stream(line, limits=limits, tags=self._flags.tag or ()) as stream:
            try:
                await Live(self._screen, self._flags.journal, words=self._screen.live).watch(stream)
            except asyncio.CancelledError:
                await stream.run.cancel()
                raise
            finally:
                self._tell_answer(stream.run.snapshot)

    def _tell_answer(self, state: RunState) -> None:
        self._last = state.run
        # Answers that were stopped or failed cost money, too, and the conversation does not hear of them.
        for item in state.used:
            self._used = with_usage(self._used, item)
        answer = as_object(state, self._flags.journal)
        if self._screen.json:
            self._screen.object(answer)
            return
        if not self._screen.live and state.status == "finished":
            self._screen.line(str(answer["output"]))
        tell_spent(self._screen, state)

    def _limits(self) -> Limits:
        flags = self._flags
        if flags.max_cost is None:
            return Limits(max_iterations=flags.max_iterations)
        spent = dollars(cost(self._used) or 0)
        left = Decimal(str(flags.max_cost)) - spent
        if left <= 0:
            raise LimitExceeded("cost", flags.max_cost, "max_cost", used=money(spent))
        return Limits(max_iterations=flags.max_iterations, max_cost=left)

    def _tell_cost(self) -> None:
        nano = cost(self._used)
        usage = sum((item.usage for item in self._used), Usage())
        self._screen.note(f"{money(None if nano is None else dollars(nano))} for {tokens(usage)}")

    def _tell_where(self) -> None:
        if self._last and self._flags.journal != "memory:" and not self._screen.json:
            where = f"journeyman runs show {short(self._last)}{journal_flag(self._flags.journal)}"
            self._screen.note((f"the last answer again: {where}", "dim"))


def _prompting() -> Callable[[], str]:
    from prompt_toolkit import PromptSession  # noqa: PLC0415  (slow to import, and only a terminal needs it)

    session: PromptSession[str] = PromptSession("> ")
    # An empty line is something to skip; only the end of input is an empty string.
    return lambda: session.prompt() + "\n"
