"""Reading the signature of a user's function: what a model may give it, and the type hints, however they are written."""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast, get_args, get_origin

from ..data import CallerError

_EMPTY = inspect.Parameter.empty
_WORD = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"[^\W\d][\w.]*")


@dataclass(frozen=True, eq=False)
class CallSignature:
    """What is known of a function before its type hints are read.

    `parameters` are those that a model may give, `context` the first one if it takes the run's context, `taken` the
    names that a model must not give because the call fills them, `outer` and `inner` the namespaces that the hints are
    read in.
    """

    name: str
    documentation: str
    parameters: tuple[inspect.Parameter, ...]
    context: inspect.Parameter | None
    taken: frozenset[str]
    outer: dict[str, Any]
    inner: dict[str, Any]


def read_signature(function: Callable[..., Any], context_type: type | None, name: str | None) -> CallSignature:
    """The signature of a function, method, partial or callable object.

    Raises `CallerError` for what no model can be told about: a parameter without a type hint, `*args`, a class.
    """
    target, given = _target(function)
    plain = inspect.unwrap(getattr(target, "__func__", target))
    name = _tool_name(name or _own_name(target, plain), function)
    try:
        signature = inspect.signature(function)
        everything = frozenset(inspect.signature(plain).parameters)
    except (TypeError, ValueError) as error:
        raise CallerError(f"{name} has no signature to describe ({error}); wrap it in a function of yours") from error
    visible = [parameter for parameter in signature.parameters.values() if parameter.name not in given]
    outer: dict[str, Any] = getattr(plain, "__globals__", {})
    inner = _local_names(plain, visible) if isinstance(plain, types.FunctionType) else {}
    names = ChainMap(inner, outer)
    context = visible[0] if visible and context_type and takes_context(visible[0], context_type, names) else None
    parameters = tuple(parameter for parameter in visible if parameter is not context)
    for parameter in parameters:
        _refuse_indescribable(parameter, name)
    return CallSignature(
        name=name,
        documentation=_documentation(target),
        parameters=parameters,
        context=context,
        taken=everything.difference(parameter.name for parameter in parameters),
        outer=outer,
        inner=inner,
    )


def resolved_hints(signature: CallSignature, context_type: type | None) -> dict[str, Any]:
    """The type hint of each parameter; raises `CallerError` for one that cannot be resolved."""
    hints: dict[str, Any] = {}
    for parameter in signature.parameters:
        # One by one, so that the return type and the context may name what exists only while type checking.
        holder = cast("Any", types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation}))
        try:
            found = typing.get_type_hints(holder, signature.outer, signature.inner, include_extras=True)
        except Exception as error:
            raise CallerError(
                f"{signature.name}: the type hint of parameter {parameter.name!r}, {parameter.annotation}, cannot be "
                f"resolved ({type(error).__name__}: {error}); import or define what it names where the function can see "
                "it at run time, not only under TYPE_CHECKING"
            ) from error
        hints[parameter.name] = found[parameter.name]
        if context_type and _is_context(hints[parameter.name], context_type):
            raise CallerError(
                f"{signature.name}: parameter {parameter.name!r} takes the {context_type.__name__}, so it has to be the "
                "first parameter"
            )
    return hints


def takes_context(parameter: inspect.Parameter, context_type: type, names: Mapping[str, Any]) -> bool:
    """Whether a parameter is annotated with the context type, also where the annotation cannot be resolved as a whole.

    `RunContext[Deps]` as a string counts even if Deps, or RunContext itself, is imported for type checking only.
    """
    if not isinstance(parameter.annotation, str):
        return _is_context(parameter.annotation, context_type)
    for head in _DOTTED.findall(parameter.annotation):
        found = _look_up(head, names)
        if found is not Annotated:
            return (
                head.rpartition(".")[2] == context_type.__name__ if found is None else _is_context(found, context_type)
            )
    return False


def _is_context(hint: Any, context_type: type) -> bool:
    origin = get_origin(hint)
    if origin is Annotated:
        return _is_context(get_args(hint)[0], context_type)
    candidate = origin or hint
    return isinstance(candidate, type) and issubclass(candidate, context_type)


def _look_up(dotted: str, names: Mapping[str, Any]) -> Any:
    head, *rest = dotted.split(".")
    found = names.get(head)
    for name in rest:
        found = getattr(found, name, None)
    return found


def _target(function: Callable[..., Any]) -> tuple[Any, set[str]]:
    """What is called in the end, and the names that partials on the way have filled.

    A model must not see those, let alone set them: they are where keys and connections are bound.
    """
    target: Any = function
    given: set[str] = set()
    while isinstance(target, functools.partial):
        given.update(target.keywords)
        target = target.func
    if isinstance(target, type) or not callable(target):
        raise CallerError(f"{target!r} cannot be a tool; give a function, a method or an instance with __call__")
    if inspect.isroutine(target) or hasattr(target, "__wrapped__"):
        return target, given
    return cast("Any", target).__call__, given


def _own_name(target: Any, plain: Any) -> str:
    name: str = getattr(plain, "__name__", "")
    return type(target.__self__).__name__ if name == "__call__" else name


def _documentation(target: Any) -> str:
    if target.__name__ == "__call__":
        # Not getdoc of the method, which finds the words of Python's own __call__ where there are none.
        return target.__doc__ or inspect.getdoc(target.__self__) or ""
    return inspect.getdoc(target) or ""


def _local_names(function: types.FunctionType, parameters: list[inspect.Parameter]) -> dict[str, Any]:
    """What the hints name and the functions around a function have defined so far, nearest first.

    Types that are defined beside a function inside another one are in no namespace that Python keeps, so this must be
    called while the outer function still runs, which is where a decorator is. Only what the hints name is kept.
    """
    pieces = function.__qualname__.split(".<locals>.")
    around = {".<locals>.".join(pieces[:count]) for count in range(1, len(pieces))}
    frame = inspect.currentframe() if around else None
    wanted = {word for parameter in parameters for word in _WORD.findall(str(parameter.annotation))}
    cells = zip(function.__code__.co_freevars, map(_content, function.__closure__ or ()), strict=True)
    found = {name: value for name, value in cells if name in wanted and value is not None}
    while frame is not None:
        if frame.f_code.co_qualname in around and frame.f_globals is function.__globals__:
            names = frame.f_locals
            found |= {name: names[name] for name in wanted if name in names and name not in found}
        frame = frame.f_back
    return found


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _refuse_indescribable(parameter: inspect.Parameter, name: str) -> None:
    if parameter.kind is parameter.VAR_POSITIONAL:
        raise CallerError(
            f"{name}: *{parameter.name} has no names that a model could give; take a list, e.g. "
            f"{parameter.name}: list[str]"
        )
    if parameter.annotation is _EMPTY:
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        raise CallerError(
            f"{name}: parameter {parameter.name!r} has no type hint; add a type hint, e.g. {stars}{parameter.name}: str"
        )


def _tool_name(name: str, function: object) -> str:
    # The strictest of the providers' rules (OpenAI, Gemini): letters, digits, _ and -, at most 64 of them.
    if name.isascii() and name.replace("_", "a").replace("-", "a").isalnum() and len(name) <= 64:  # noqa: PLR2004
        return name
    raise CallerError(
        f"{name!r} cannot be the name of a tool: providers take letters, digits, _ and -, at most 64 of them; give "
        f"{function!r} another with name="
    )
