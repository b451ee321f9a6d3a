"""A function as a model sees it: name, description, JSON Schema of its parameters; and its arguments, checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..data import JsonObject
from .annotations import CallSignature, read_signature, resolved_hints

if TYPE_CHECKING:
    from .arguments import Arguments


@dataclass(frozen=True, eq=False)
class FunctionSchema:
    """What a model is told of a function, and the way back from its arguments to a call.

    `description` is the whole docstring; `context_parameter` is the name of the parameter that takes the run's context,
    which no model sees. The types are read at the first use of `parameters` or `check`, so that declaring a tool costs
    little and hints may name what is defined later; both raise `CallerError` for a hint that cannot be used.
    """

    name: str
    description: str
    context_parameter: str | None
    _signature: CallSignature = field(repr=False)
    _context_type: type | None = field(repr=False)

    @cached_property
    def parameters(self) -> JsonObject:
        """The JSON Schema of an object; other properties are allowed only where the function takes `**kwargs`."""
        return self._arguments.schema

    def check(self, arguments: str) -> dict[str, Any]:
        """The keyword arguments in a model's JSON text, each of its declared type.

        Arguments that the model leaves out are left to the function's own defaults. Raises `ArgumentsError`.
        """
        return self._arguments.check(arguments)

    def bind(self, checked: dict[str, Any], context: Any = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and keyword arguments of the call: the context, and what cannot be given by keyword, in place."""
        positional: list[Any] = []
        keywords = dict(checked)
        receiver = self._signature.context
        if receiver is not None and receiver.kind is receiver.KEYWORD_ONLY:
            keywords[receiver.name] = context
        elif receiver is not None:
            positional.append(context)
        for name, default in self._positional:
            if name not in keywords and not any(later in keywords for later, _ in self._positional):
                break
            positional.append(keywords.pop(name, default))
        return tuple(positional), keywords

    @cached_property
    def _positional(self) -> list[tuple[str, Any]]:
        parameters = self._signature.parameters
        return [(item.name, item.default) for item in parameters if item.kind is item.POSITIONAL_ONLY]

    @cached_property
    def _arguments(self) -> Arguments:
        # Here, because this imports pydantic, which a program that only declares tools need not wait for.
        from .arguments import build_arguments  # noqa: PLC0415

        return build_arguments(self._signature, resolved_hints(self._signature, self._context_type))


def describe_function(
    function: Callable[..., Any],
    *,
    context_type: type | None = None,
    name: str | None = None,
    description: str | None = None,
) -> FunctionSchema:
    """Read a function's signature and docstring.

    Takes sync and async functions, bound methods, partials (what a partial fills by keyword is not shown to a model) and
    objects with `__call__`. The first parameter is not shown either if its annotation is `context_type`. Raises
    `CallerError` for a parameter without a type hint and for `*args`.
    """
    signature = read_signature(function, context_type, name)
    return FunctionSchema(
        name=signature.name,
        description=inspect.cleandoc(signature.documentation if description is None else description),
        context_parameter=signature.context.name if signature.context else None,
        _signature=signature,
        _context_type=context_type,
    )
