"""A run while it is at work, as a person sees it: words as they come, tools with their durations."""

from __future__ import annotations

import json
import shlex
from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_never, cast

import msgspec

from ....compose import cost
from ....data import dollars
from ....journal import RunState
from ....observe import (
    Event,
    Failed,
    Hedging,
    LlmChunk,
    Output,
    PartialResult,
    Retrying,
    Switched,
    ThinkingChunk,
    ToolEnd,
    ToolProgress,
    ToolStart,
    ToolWaiting,
)
from ..flags import JOURNAL
from .clean import Cleaner, cut, one_line
from .screen import Screen, money, seconds, short, tokens

if TYPE_CHECKING:
    from ....agents import Stream  # commands that only read journals do without agents, which are slow to import

SHOWN = 160
"""How many characters of a tool's arguments or result are shown."""


class Live:
    """Shows the events of runs, one after another.

    With `words`, an answer is shown token by token; without, only what happens around it.
    """

    def __init__(self, screen: Screen, journal: str, *, words: bool) -> None:
        self._screen = screen
        self._journal = journal
        self._words = words
        self._cleaner = Cleaner()
        self._thinks = False
        self._in_line = False
        self._how = ""

    async def watch(self, stream: Stream[Any]) -> None:
        """Show a run to its end, or just wait for it where a machine reads; raises what ended the run badly."""
        if self._screen.json:
            await stream.finish()
            return
        self._how = how_to_see(stream.run.id, self._journal)
        try:
            async for event in stream.events():
                self.tell(event)
        finally:
            self.end_line()

    def tell(self, event: Event) -> None:  # noqa: C901  (a table with a row per kind)
        """Show one event."""
        match event:
            case LlmChunk():
                self._say(event.text, thinks=False)
            case ThinkingChunk():
                self._say(event.text, thinks=True)
            case ToolStart():
                self._note("→ ", call_words(event.name, event.arguments, self._how), "bold")
            case ToolEnd():
                self._tool_end(event)
            case ToolWaiting():
                words = event.response or call_words(event.name, event.arguments, self._how)
                self._note("… ", f"waits: {one_line(words)}", "yellow")
            case ToolProgress():
                done = "" if event.fraction is None else f" {event.fraction:.0%}"
                self._note("· ", f"{one_line(event.message)}{done}", "dim")
            case Retrying() | Switched() | Hedging():
                self._note("↻ ", cut(one_line(_on_the_way(event)), SHOWN, self._how), "yellow")
            case Failed() | Output() | PartialResult():
                # The error is told by whoever waits for the run, and the output was shown as it came.
                self.end_line()

    def end_line(self) -> None:
        """Go to the beginning of a line."""
        rest = self._cleaner.rest()
        if rest and self._words:
            self._write(rest)
        if self._in_line:
            self._screen.words("\n")
        self._in_line = self._thinks = False

    def _say(self, text: str, *, thinks: bool) -> None:
        if thinks != self._thinks:
            self.end_line()
            self._thinks = thinks
        if self._words:
            self._write(self._cleaner.feed(text))

    def _write(self, text: str) -> None:
        if not text:
            return
        if self._thinks:
            self._screen.faint(text)
        else:
            self._screen.words(text)
        self._in_line = not text.endswith("\n")

    def _tool_end(self, event: ToolEnd) -> None:
        mark, style = ("✗ ", "red") if event.is_error else ("✓ ", "green")
        result = cut(one_line(event.result), SHOWN, self._how)
        self._note(mark, f"{event.name} {seconds(event.duration_ms)}  {result}", style)

    def _note(self, mark: str, words: str, style: str) -> None:
        self.end_line()
        self._screen.note((mark, style), words)


def _on_the_way(event: Retrying | Switched | Hedging) -> str:
    match event:
        case Retrying():
            return f"{event.message}; attempt {event.attempt} in {event.delay:.1f} s"
        case Switched():
            return f"{event.message or 'it was quicker'}; on with {event.model}"
        case Hedging():
            return f"nothing for {event.delay:.1f} s; asking {event.model} as well"
        case _:
            assert_never(event)


def how_to_see(run: str, journal: str) -> str:
    """What shows a run's facts whole."""
    return "" if journal == "memory:" else f"journeyman runs show {short(run)} --facts{journal_flag(journal)}"


def call_words(name: str, arguments: str, how: str) -> str:
    """A tool call as one would write it in code, cut to a line."""
    try:
        given = json.loads(arguments or "{}")
    except ValueError:
        given = None
    if isinstance(given, dict):
        pairs = cast("dict[str, Any]", given).items()
        inner = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in pairs)
    else:
        inner = arguments
    return cut(one_line(f"{name}({inner})"), SHOWN, how)


def tell_spent(screen: Screen, state: RunState) -> None:
    """A line about how a run ended and what it took."""
    style = {"finished": "green", "errored": "red", "cancelled": "yellow"}.get(state.status, "yellow")
    asked = f"{state.iterations} model call{'' if state.iterations == 1 else 's'}"
    duration = seconds((state.updated_at - state.resumed_at) / 1000)
    # What failed or was cut off on the way may be on the bill too, and only the provider knows.
    doubt = f" · {state.in_doubt} more in doubt" if state.in_doubt else ""
    spent = f" · {asked}{doubt} · {tokens(state.usage)} · {money(cost_of(state))} · {duration}"
    screen.note((state.status, style), (spent, "dim"))


def tell_again(screen: Screen, state: RunState, journal: str) -> None:
    """A line about how to look at a run once more."""
    if journal != "memory:":
        screen.note((f"journeyman runs show {short(state.run)}{journal_flag(journal)}", "dim"))


def cost_of(state: RunState) -> Decimal | None:
    """Dollars for a run and its children, None if a price is not known."""
    nano = cost(state.used)
    return None if nano is None else dollars(nano)


def journal_flag(journal: str) -> str:
    """What has to be added to a command so that it reads this journal."""
    return "" if journal == JOURNAL else f" --journal {shlex.quote(journal)}"


def as_object(state: RunState, journal: str) -> dict[str, Any]:
    """A run's outcome for machines; `cost` is in dollars, or null where a price is not known."""
    output = state.output
    if output is None and state.status == "finished" and state.messages:
        output = state.messages[-1].text
    return {
        "run": state.run,
        "journal": journal,
        "status": state.status,
        "agent": state.agent,
        "model": state.model,
        "output": output,
        "error": msgspec.to_builtins(state.failure),
        "iterations": state.iterations,
        "model_retries": state.model_retries,
        "requests_in_doubt": state.in_doubt,
        "tool_calls": state.tool_calls,
        "usage": usage_object(state),
        "cost": cost_of(state),
        "duration_ms": (state.updated_at - state.resumed_at) / 1000,
    }


def usage_object(state: RunState) -> dict[str, int]:
    """The tokens, bucket by bucket, and their sums."""
    usage = state.usage
    buckets = {name: getattr(usage, name) for name in usage.__struct_fields__}
    return {**buckets, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
