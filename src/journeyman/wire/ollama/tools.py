"""Tools, output formats and thinking, both ways."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec.structs import replace

from ...data import JsonObject, JsonOutput, Opaque, Settings, ToolSpec
from .names import NAME, own

_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}
_EFFORTS = {"minimal": "low", "xhigh": "max", "none": ""}
"""Words of other providers for how hard to think that this one does not know; empty: not at all."""


def tool_json(tool: ToolSpec) -> JsonObject:
    """An element of `tools`: as a client spelled it, if one did and it still says the same."""
    spelled = own(tool.origin)
    return spelled if spelled and tool_of(spelled, "a tool") == replace(tool, strict=None) else _tool_json(tool)


def tool_of(tool: object, where: str) -> ToolSpec | Opaque:
    """What a client offers; opaque where it is no function. Raises `msgspec.ValidationError` for what is no tool."""
    if not isinstance(tool, dict):
        raise msgspec.ValidationError(f"{where} is no object")
    wire = cast("JsonObject", tool)
    match wire:
        case {"function": {"name": str(name), **function}}:
            description, parameters = function.get("description"), function.get("parameters")
            spec = ToolSpec(
                name,
                description if isinstance(description, str) else "",
                cast("JsonObject", parameters) if isinstance(parameters, dict) else {},
            )
            # Kept whole where it is not spelled as we would.
            return spec if _tool_json(spec) == wire else replace(spec, origin=Opaque(NAME, wire))
        case {"function": _} | {"type": "function"}:
            raise msgspec.ValidationError(f"{where} is a function without a name")
        case _:
            return Opaque(NAME, wire)


def format_json(output: JsonOutput) -> str | JsonObject:
    """The value of `format`."""
    return "json" if output.schema is None else output.schema


def format_of(form: object) -> JsonOutput | None:
    """What a client's `format` asks for, or None where our noun cannot say it."""
    if isinstance(form, dict):
        return JsonOutput(schema=cast("JsonObject", form))
    return JsonOutput() if form == "json" else None


def think_json(settings: Settings) -> bool | str | None:
    """The value of `think`, where a setting asks for one. The wire has no budget: any but 0 lets the model think."""
    effort, budget = settings.reasoning_effort, settings.thinking_tokens
    if effort is not None and budget != 0:
        return _EFFORTS.get(effort, effort) or False
    return None if budget is None else budget != 0


def settings_of(think: object) -> Settings | None:
    """What a client's `think` asks for, or None where our nouns cannot say it: thinking without a measure, say."""
    if isinstance(think, str) and think:
        settings = Settings(reasoning_effort=think)
    elif think is False:
        settings = Settings(thinking_tokens=0)
    else:
        return None
    return settings if think_json(settings) == think else None


def _tool_json(tool: ToolSpec) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or _NO_PARAMETERS
    return {"type": "function", "function": function}
