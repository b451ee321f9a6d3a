"""Who is asked, and with which tools: the flags of commands that ask a model."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec
from cyclopts import Parameter

from ...agents import Agent
from ...compose import open_model
from ...data import CallerError, Limits, Message, ModelRequest
from ...loop import surroundings
from ...models import Model, RetryPolicy
from ...tools import Tool
from .flags import JOURNAL, Journal

MOST_DATA = 64_000_000
"""Bytes of a file with data; a run's journal holds it as well."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModelFlags:
    """Who is asked."""

    model: Annotated[
        str, Parameter(env_var="JOURNEYMAN_MODEL", help="The model as vendor:model, such as ollama:llama3.2.")
    ]
    base_url: Annotated[str | None, Parameter(help="Where the vendor's API is, if not where it usually is.")] = None
    retry_attempts: Annotated[
        int,
        Parameter(env_var="JOURNEYMAN_RETRY_ATTEMPTS", help="How often a request is sent that fails for a moment."),
    ] = RetryPolicy().retry_attempts

    def open(self) -> Model:
        """The model. Raises `CallerError` for an unknown vendor and for a missing key or address."""
        retry = RetryPolicy(retry_attempts=self.retry_attempts)
        model = open_model(self.model, base_url=self.base_url, retry=retry)
        if surroundings.get() is None:
            # What is missing is better told now than by a run that fails with its first request; a tape needs no key.
            model.preview(ModelRequest("", (Message.user("?"),)))
        return model


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AgentFlags(ModelFlags):
    """What an agent is made of."""

    system: Annotated[str, Parameter(help="What the model is told before anything else.")] = ""
    tools: Annotated[
        list[str] | None,
        Parameter(help="Tools as module:name, separated by commas; a name may stand for a list of tools, too."),
    ] = None
    journal: Journal = JOURNAL
    max_cost: Annotated[float | None, Parameter(help="Dollars that may be spent.")] = None
    max_iterations: Annotated[int, Parameter(help="How often the model may be asked for one answer.")] = 20
    tag: Annotated[list[str] | None, Parameter(help="A word by which to find the run again; may be repeated.")] = None

    def agent(self, name: str) -> Agent[str]:
        """The agent."""
        return Agent(
            self.open(),
            name=name,
            tools=load_tools(self.tools or ()),
            system_prompt=self.system,
            limits=Limits(max_iterations=self.max_iterations, max_cost=self.max_cost),
            journal=self.journal,
        )


def load_tools(names: Sequence[str]) -> list[Any]:
    """Tools by `module:name`; modules are found from the working directory, too. Raises `CallerError` that says why not."""
    wanted = [name.strip() for item in names for name in item.split(",")]
    return [tool for name in wanted for tool in _tools_at(name)]


def loaded(flag: str, place: str) -> Any:
    """What a module holds under a name, as `module:name`; None if it holds nothing. Raises `CallerError` that says why not."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    module, found, name = place.partition(":")
    if not found or not module or not name:
        raise CallerError(f"{flag} {place!r}: write module:name, such as my_tools:weather")
    try:
        holder = importlib.import_module(module)
    except Exception as error:
        raise CallerError(
            f"{flag} {place}: {module} cannot be imported ({type(error).__name__}: {error}); --debug shows where"
        ) from error
    return getattr(holder, name, None)


def object_in(flag: str, file: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises `CallerError` that says what is wrong with it."""
    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_DATA + 1)
    except OSError as error:
        raise CallerError(f"{flag} {file}: it cannot be read: {error.strerror or error}") from error
    if len(text) > MOST_DATA:
        raise CallerError(
            f"{flag} {file} has more than {MOST_DATA:,} bytes; give what is needed, and the rest by tools"
        )
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise CallerError(
            f"{flag} {file}: {error}; it has to hold one JSON object, with a name for each value"
        ) from error


def _tools_at(place: str) -> Sequence[Any]:
    module, _, name = place.partition(":")
    value = loaded("--tools", place)
    if isinstance(value, Mapping):
        value = cast("Mapping[str, Any]", value).values()
    tools: list[Any] = [value] if callable(value) else list(cast("Iterable[Any]", value)) if _is_many(value) else []
    if not tools or not all(isinstance(tool, Tool) or callable(tool) for tool in tools):
        what = "does not exist" if value is None else "is neither a function, a tool nor a list of them"
        raise CallerError(f"--tools {place}: {name} {what} in {module}")
    return tools


def _is_many(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)
