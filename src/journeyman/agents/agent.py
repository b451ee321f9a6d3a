"""The agent: a model, its instructions, its tools and the type of its output."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Generic, TypedDict, TypeVar, Unpack, cast, overload

from msgspec.structs import replace

from ..compose import model_of, open_journal
from ..data import CallerError, Limits, Secret, Settings
from ..journal import Log
from ..loop import Hooks, Plan, blocking, blocking_iterator, run_blocking
from ..models import Model
from ..observe import AgentStep, Callbacks
from ..programs import Programs
from ..schema.signatures import Signature
from ..tools import Tool, by_name
from .explain import Explanation, explanation
from .known import remember
from .offering import Offered, limits_with, offered
from .options import Mode, RunOptions
from .planning import make_plan
from .prompts import Instructions, Prompt, SystemPrompt
from .result import RunResult
from .run import Run
from .stream import Stream
from .stretch import Definition, Stretch

T = TypeVar("T")
U = TypeVar("U")

AnyTool = Tool[..., Any] | Callable[..., Any]


class AgentOptions(TypedDict, total=False):
    """What an agent may be made with, beside its model.

    `output_type` is what a run gives: str, a pydantic model, a dataclass, a TypedDict, a Literal, lists and unions of them.
    `check` is called with each output and gives it back, changed or not, or raises `OutputError` to have the model mend
    it. `deps_type` is for the type checkers alone. Limits can be given one by one or as one `limits`. `journal` is where
    runs are kept: a URL or a log; by default each run has one in memory. `hooks` are functions that may change what is sent
    and done. `secret` makes the tokens that approvals then have to show. With `programs` the model may write programs, which
    call tools (docs/programs.md).
    """

    name: str
    tools: Iterable[AnyTool]
    system_prompt: SystemPrompt
    deps_type: Any
    check: Callable[[Any], Any] | None
    settings: Settings
    limits: Limits
    max_iterations: int | None
    max_cost: Decimal | float | None
    max_tokens: int | None
    max_tool_calls: int | None
    max_retries: int
    max_model_retries: int | None
    max_depth: int | None
    turn_budget: int | None
    deadline: float | None
    journal: str | Log | None
    callbacks: Callbacks | None
    mode: Mode
    hooks: Hooks | None
    secret: str | Secret | None
    programs: Programs | None


_LIMITS = Limits.__struct_fields__


class Agent(Generic[T]):
    """Runs a model with tools until it has an output of the type that was asked for.

    Nothing of a run is kept here: any number of runs may be under way at once. Inside `async with agent` the connections and
    the journal stay open between runs. Raises `CallerError` for an unknown vendor, two tools of one name, a tool that cannot
    be described.
    """

    @overload
    def __init__(self: Agent[str], model: str | Model, **options: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(self, model: str | Model, *, output_type: type[T], **options: Unpack[AgentOptions]) -> None: ...
    @overload
    def __init__(
        self: Agent[Any], model: str | Model, *, output_type: Any, **options: Unpack[AgentOptions]
    ) -> None: ...
    def __init__(self, model: str | Model, *, output_type: Any = str, **options: Unpack[AgentOptions]) -> None:
        unknown = set(options) - set(AgentOptions.__annotations__)
        if unknown:
            raise CallerError(f"Agent has no option {', '.join(sorted(unknown))}; it has {', '.join(_option_names())}")
        self._options = options
        self.model = model_of(model)
        self.name = options.get("name", "agent")
        self.output_type = output_type
        self.tools: Mapping[str, Tool[..., Any]] = by_name(options.get("tools", ()))
        self.limits = _limits(options)
        self._instructions = Instructions(options.get("system_prompt", ""))
        self._definition: Definition | None = None
        self._stack = AsyncExitStack()
        self._last: RunResult[T] | None = None
        self._goes_on = False
        remember(self)

    # --- runs ---------------------------------------------------------------------------------------------------------

    async def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> RunResult[T]:
        """Run to the end and give the result.

        Raises `LimitExceeded`, `ModelError`, `ProviderError`, or whatever else ended the run; the error's `run_id` tells
        which run it was, and `resume` takes it up again.
        """
        stretch = self._stretch(options)
        await stretch.start(prompt)
        return self._settled(await stretch.work())

    async def start(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Run[T]:
        """Start a run in the background and give a handle on it; its first fact is durable by then."""
        stretch = self._stretch(options, streams=True)
        await stretch.start(prompt)
        await stretch.drive.commit()
        run = Run(self, stretch, options)
        run.begin()
        return run

    def run_stream(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Stream[T]:
        """A run to be read while it works: `async with agent.run_stream("…") as stream`."""
        return Stream(functools.partial(self._begun, prompt, options))

    async def iter(self, prompt: Prompt, **options: Unpack[RunOptions]) -> AsyncIterator[AgentStep]:
        """The steps of a run as they happen; leaving the loop early cancels the run."""
        async with self.run_stream(prompt, **options) as stream:
            async for step in stream.steps():
                yield step

    @staticmethod
    async def run_parallel(
        pairs: Iterable[tuple[Agent[Any], Prompt]], **options: Unpack[RunOptions]
    ) -> Sequence[RunResult[Any]]:
        """Run several agents at once; one that fails gives a result with its `error` and harms no other."""
        return await asyncio.gather(*(agent._outcome(prompt, options) for agent, prompt in pairs))  # noqa: SLF001  (its own)

    @contextmanager
    def run_stream_sync(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Generator[Stream[T], None, None]:
        """Blocking twin of `run_stream`: `with agent.run_stream_sync("…") as stream: for text in stream.text_sync()`."""
        stream = self.run_stream(prompt, **options)
        run_blocking(stream.__aenter__())
        try:
            yield stream
        finally:
            run_blocking(stream.__aexit__(*sys.exc_info()))

    run_sync = blocking(run)
    start_sync = blocking(start)
    iter_sync = blocking_iterator(iter)  # noqa: A003  (the method above; the field calls it so)
    run_parallel_sync = staticmethod(blocking(run_parallel))

    # --- what else can be made of an agent -------------------------------------------------------------------------------

    def fork(self, **changes: Unpack[AgentOptions]) -> Agent[T]:
        """A copy, with some options changed, that continues the conversation.

        Each of its runs goes on from its own last one, the first from the last run of this agent that came to rest.
        """
        options: AgentOptions = {**self._options, **changes}
        copy: Agent[T] = Agent(self.model, output_type=self.output_type, **options)
        copy._last = self._last
        copy._goes_on = True
        return copy

    def as_tool(
        self, *, name: str | None = None, description: str | None = None, formerly: str | Iterable[str] = ()
    ) -> Tool[..., Any]:
        """A tool that hands a task to this agent; its run has a journal of its own and is counted with the caller's.

        `formerly`: the names that the tool had before, as in `ToolOptions`.
        """
        from .child import agent_tool  # noqa: PLC0415  (it makes runs of agents, which this file defines)

        return agent_tool(self, name or self.name, description, formerly)

    def explain(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Explanation:
        """The request that a run with this prompt would send first, and where each part of it comes from; sends nothing."""
        stretch = self._stretch(options)
        run_blocking(stretch.start(prompt))
        run_blocking(stretch.close())
        return explanation(self.plan, stretch.drive.state)

    @functools.cached_property
    def plan(self) -> Plan:
        """What the loop is told of this agent."""
        prompt = self._options.get("system_prompt", "")
        offered = self._offered
        return make_plan(
            agent=self.name,
            model=self.model,
            tools=self.tools if offered is None else offered.tools,
            programs=None if offered is None else offered.offer,
            shown=None if offered is None else offered.shown,
            output_type=self.output_type if offered is None else offered.output_type,
            check=self._options.get("check"),
            settings=self._options.get("settings", Settings()),
            limits=limits_with(self._options.get("programs"), self.limits),
            prompt=prompt if isinstance(prompt, str) else "",
            hooks=self._options.get("hooks"),
        )

    @property
    def signature(self) -> Signature | None:
        """What its programs are given and have to return; None where its output need not come from a program."""
        return None if self._offered is None else self._offered.offer.signature

    @functools.cached_property
    def _offered(self) -> Offered | None:
        programs = self._options.get("programs")
        if programs is None:
            return None
        return offered(programs, self.tools, self.model, self.output_type, lambda: self._options.get("secret"))

    async def __aenter__(self) -> Agent[T]:
        if hasattr(self.model, "__aenter__"):
            await self._stack.enter_async_context(cast("Any", self.model))
        journal = self._options.get("journal")
        if journal is not None:
            opened = await self._stack.enter_async_context(open_journal(journal))
            self._definition = replace(self.definition, opened=opened)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._definition = replace(self.definition, opened=None)
        await self._stack.aclose()

    def __repr__(self) -> str:
        return f"Agent({self.model.name!r}, name={self.name!r}, tools={list(self.tools)})"

    # --- how runs of it begin ---------------------------------------------------------------------------------------------

    @property
    def definition(self) -> Definition:
        """What a run needs to know; made at the first run, since a plan needs the schemas of all tools."""
        if self._definition is None:
            self._definition = Definition(
                plan=self.plan,
                instructions=self._instructions
                if self._offered is None
                else self._instructions.with_guide(self._offered.guide),
                journal=self._options.get("journal"),
                opened=None,
                callbacks=self._options.get("callbacks"),
                mode=self._options.get("mode", "autonomous"),
                secret=self._options.get("secret"),
            )
        return self._definition

    def _stretch(self, options: RunOptions, *, streams: bool = False) -> Stretch[T]:
        if self._goes_on and self._last is not None and "history" not in options:
            options = {**options, "history": self._last}
        return Stretch(self.definition, options, streams=streams)

    async def _begun(self, prompt: Prompt, options: RunOptions) -> Run[T]:
        stretch = self._stretch(options, streams=True)
        await stretch.start(prompt)
        return Run(self, stretch, options)

    async def _outcome(self, prompt: Prompt, options: RunOptions) -> RunResult[T]:
        stretch = self._stretch(options)
        try:
            await stretch.start(prompt)
            return self._settled(await stretch.work())
        except Exception as error:  # noqa: BLE001  (it is the caller's to look at, in the result)
            return stretch.failed(error)

    def _settled(self, result: RunResult[T]) -> RunResult[T]:
        self._last = result
        return result


def _limits(options: AgentOptions) -> Limits:
    single: dict[str, Any] = {name: options[name] for name in _LIMITS if name in options}  # type: ignore[literal-required]  # all are keys
    if "limits" in options:
        if single:
            raise CallerError(f"give either limits= or {', '.join(single)}, not both")
        return options["limits"]
    return Limits(**single)


def _option_names() -> Sequence[str]:
    return sorted((*AgentOptions.__annotations__, "output_type"))
