"""Runs Lisp in the interpreter itself, without the sandbox around it: what is tested here is the language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pydantic_monty
import pytest

from journeyman.data import ToolSpec
from journeyman.programs import ProgramError, ProgramFault, ProgramLimits, Raised, Scope
from journeyman.programs.lisp import Lisp

LISP = Lisp()


class Came(msgspec.Struct, frozen=True):
    """What came of a program."""

    value: Any = None
    printed: str = ""
    memory: Mapping[str, Any] = {}
    error: ProgramError | None = None


Evaluate = Callable[..., Came]


@pytest.fixture(scope="session")
def pool() -> Iterator[pydantic_monty.Monty]:
    with pydantic_monty.Monty(max_processes=1) as workers:
        yield workers


@pytest.fixture(scope="session")
def evaluate(pool: pydantic_monty.Monty) -> Evaluate:
    """Run one program: `evaluate(code, data={…}, memory={…}, tools={"name": function})`."""

    def run(
        code: str,
        *,
        data: Mapping[str, Any] | None = None,
        memory: Mapping[str, Any] | None = None,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        loop_steps: int = 1_000_000,
        specs: tuple[ToolSpec, ...] = (),
    ) -> Came:
        tools = tools or {}
        scope = Scope(
            tools=specs or tuple(ToolSpec(name) for name in tools),
            data=data or {},
            memory=memory or {},
            limits=ProgramLimits(loop_steps=loop_steps),
        )
        try:
            compiled = LISP.compile(code, scope)
        except ProgramFault as fault:
            return Came(memory=scope.memory, error=fault.error)
        printed = pydantic_monty.CollectString()
        with pool.checkout(limits={"max_feed_duration_secs": 5.0, "max_memory": 128_000_000}) as session:
            try:
                session.feed_run(compiled.prelude, inputs={**compiled.inputs, "data": dict(scope.data)})
                snapshot = session.feed_start(f"{compiled.code}\n__value__", print_callback=printed)
                value = _driven(snapshot, tools)
            except (pydantic_monty.MontyRuntimeError, pydantic_monty.MontySyntaxError) as error:
                told = LISP.fault(_raised(error, compiled), scope)
                return Came(memory=scope.memory, error=told, printed=printed.output)
        finished = LISP.finish(value, scope)
        memory = scope.memory if finished.error else finished.memory
        return Came(finished.value, printed.output, memory, finished.error)

    return run


def _raised(error: Any, compiled: Any) -> Raised:
    frames = [frame for frame in error.traceback() if frame.filename == "<python-input-1>"]
    place = compiled.place_of(frames[-1].line, frames[-1].column) if frames else (None, None)
    inner = error.exception()
    return Raised(type(inner).__name__, str(inner), *place)


def _driven(snapshot: Any, tools: Mapping[str, Callable[..., Any]]) -> Any:
    """Answer tool calls: at once where the program waits, together where it awaits several."""
    waiting: dict[int, Any] = {}
    while not isinstance(snapshot, pydantic_monty.MontyComplete):
        match snapshot:
            case pydantic_monty.NameLookupSnapshot():
                known = snapshot.variable_name in ("__tool__", "__later__")
                snapshot = snapshot.resume(value=_named(snapshot.variable_name)) if known else snapshot.resume()
            case pydantic_monty.FunctionSnapshot():
                name, arguments = snapshot.args
                if snapshot.function_name == "__later__":
                    waiting[snapshot.call_id] = (name, arguments)
                    snapshot = snapshot.resume({"future": ...})
                else:
                    snapshot = snapshot.resume(_answer(tools, name, arguments))
            case pydantic_monty.FutureSnapshot():
                tools.get("*together*", lambda _: None)(len(waiting))
                answers = {call: _answer(tools, *waiting.pop(call)) for call in list(waiting)}
                snapshot = snapshot.resume(answers)
    return snapshot.output


def _answer(tools: Mapping[str, Callable[..., Any]], name: str, arguments: dict[str, Any]) -> Any:
    return {"return_value": tools[name](**arguments)}


def _named(name: str) -> Callable[[], None]:
    def function() -> None: ...

    function.__name__ = name
    return function
