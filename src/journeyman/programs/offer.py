"""What an agent's model may write programs for, and with what: the developer's words for it, and what they come to."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..data import CallerError, ToolSpec
from .limits import ProgramLimits

if TYPE_CHECKING:
    from ..schema.signatures import Signature
    from .sandbox import Sandbox
    from .spoken import Spoken, SpokenLanguage

LANGUAGES: dict[str, Literal["python", "lisp"]] = {
    "python": "python",
    "lisp": "lisp",
    "clojure": "lisp",
    "ptc-lisp": "lisp",
}
"""The languages by the names that they are asked for by."""

Mode = Literal["auto", "tool", "text"]
"""How a model gives its programs: by a call of the tool `run_program`, or in a fenced block of its words."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Lets an agent's model write programs: `Agent(…, programs=Programs(tools=[search]))`.

    `language` is `python` or `lisp`. Programs may call `tools` (functions and tools; None for the agent's own) and read
    `data` (JSON-able, or a function of the `RunContext` that gives it). `agent.run(…, data=…)` adds to it, and may stand in for
    a value of it only where the signature names an input so. In `mode` "tool" the model calls the tool `run_program`, beside the
    agent's other tools; in "text" it writes fenced blocks, and needs no tool calling; "auto" takes what the model can.

    A program ends the run with `return`, whose value is the run's output. With a `signature`, such as
    `"(user {id :int}) -> [{order_id :int}]"` or a type, or where the agent has an `output_type`, it has to, and the value is
    checked; without one the model may answer in words as well.

    `limits` are those of one program, `turn_cpu_seconds` bounds all programs of one answer together, and `max_turns` how many
    programs a run may take. `max_depth` and `turn_budget` are those of `Limits`: how deep agents may be nested below the run,
    and how many requests the whole tree may make. `show_values` tells the model each program's value, and not only what it
    printed. `sandbox` is one that the caller has opened; by default the programs of an event loop share one.

    Raises `CallerError` for what is no language, mode or limit.
    """

    language: str = "python"
    tools: Sequence[Any] | None = None
    data: Mapping[str, Any] | Callable[..., Any] | None = None
    mode: Mode = "auto"
    signature: Any = None
    limits: ProgramLimits = field(default_factory=ProgramLimits)
    turn_cpu_seconds: float = 5.0
    max_turns: int | None = None
    max_depth: int | None = None
    turn_budget: int | None = None
    show_values: bool = False
    sandbox: Sandbox | None = None

    def __post_init__(self) -> None:
        if self.language not in tuple(LANGUAGES):
            raise CallerError(f"Programs(language={self.language!r}): the languages are python and lisp")
        if self.mode not in ("auto", "tool", "text"):
            raise CallerError(f'Programs(mode={self.mode!r}): the modes are "auto", "tool" and "text"')
        tools: Any = self.tools
        if tools is not None and (isinstance(tools, str) or not isinstance(tools, Iterable)):
            raise CallerError(f"Programs(tools={tools!r:.60}): give a list, such as [search, agent.as_tool()]")
        limits: Any = self.limits
        if not isinstance(limits, ProgramLimits):
            raise CallerError(f"Programs(limits={limits!r}): give ProgramLimits(cpu_seconds=…, memory_bytes=…)")
        for name in ("max_turns", "max_depth", "turn_budget"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value <= 0):
                raise CallerError(f"Programs({name}={value!r}): a limit is a whole number more than 0, or None")
        seconds: Any = self.turn_cpu_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise CallerError(f"Programs(turn_cpu_seconds={seconds!r}): a limit in seconds is a number more than 0")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """The same for one agent, made once: what its programs may call, and what has to come of them.

    `in_words` says that programs stand in answers. A `signature` is what a program has to return; the run's output has to come
    from one then, unless `words_do` (the agent's `output_type` is a union with str in it). `data` is what every run's programs
    may read, `data_of` gives more of it for one run.
    """

    language: SpokenLanguage
    tools: tuple[ToolSpec, ...]
    in_words: bool
    limits: ProgramLimits
    signature: Signature | None = None
    words_do: bool = False
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data_of: Callable[..., Any] | None = None
    turn_cpu_seconds: float = 5.0
    max_turns: int | None = None
    show_values: bool = False
    sandbox: Sandbox | None = None

    @property
    def must_return(self) -> bool:
        """Whether the run's output has to come from a program."""
        return self.signature is not None and not self.words_do

    @property
    def identity(self) -> object:
        """What makes runs with another offer other runs, for a fingerprint: data is in it by its hash."""
        data = hashlib.sha256(msgspec.json.encode(self.data, order="sorted")).hexdigest()[:16]
        contract = None if self.signature is None else (str(self.signature), self.signature.output_schema())
        return (self.language, self.tools, self.in_words, contract, data)

    def find(self, text: str, known: Collection[str]) -> Spoken:
        """The program in an answer's words; `known` are the names that programs before it have defined."""
        from .spoken import programs_in  # noqa: PLC0415  (only models without tool calling write so)

        return programs_in(text, self.language, known)

    @property
    def reminder(self) -> str:
        """What a model is told that answered in words where a program has to give the output."""
        how = f"Write a program in a ```{self.language} block" if self.in_words else "Call run_program with a program"
        return f"Your answer does not do as the output. {how} that gives it with `{self.returning}`."

    @property
    def returning(self) -> str:
        """How a program gives its output, in its language."""
        return "(return value)" if self.language == "lisp" else "return value"
