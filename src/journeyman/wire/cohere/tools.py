"""Tools, output formats and thinking, both ways."""

from __future__ import annotations

from typing import cast

import msgspec
from msgspec.structs import replace

from ...data import JsonObject, JsonOutput, Opaque, Settings, ToolSpec
from .names import NAME, own

_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


def tool_json(tool: ToolSpec) -> JsonObject:
    """An element of `tools`: as a client spelled it, if one did and it still says the same.

    Whether tools are strict is said of all at once, elsewhere.
    """
    spelled = own(tool.origin)
    return spelled if spelled and tool_of(spelled, "a tool") == replace(tool, strict=None) else _tool_json(tool)


def tool_of(tool: object, where: str) -> ToolSpec | Opaque:
    """What a client offers; opaque where it is no function. Raises `msgspec.ValidationError` for what is no tool."""
    if not isinstance(tool, dict):
        raise msgspec.ValidationError(f"{where} is no object")
    wire = cast("JsonObject", tool)
    match wire:
        case {"type": "function", "function": {"name": str(name), **function}}:
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


def output_json(output: JsonOutput) -> JsonObject:
    """The value of `response_format`."""
    if output.schema is None:
        return {"type": "json_object"}
    return {"type": "json_object", "json_schema": output.schema}


def output_of(form: object) -> JsonOutput | None:
    """What a client's `response_format` asks for, or None where our noun cannot say it."""
    schema = cast("JsonObject", form).get("json_schema") if isinstance(form, dict) else None
    output = JsonOutput(schema=cast("JsonObject", schema) if isinstance(schema, dict) else None)
    return output if output_json(output) == form else None


def thinking_json(settings: Settings) -> JsonObject | None:
    """The value of `thinking`, where a setting asks for one.

    The wire knows thinking on, off, and a budget. Models that can think do so unless they are told not to, and others
    refuse the key, so that words for how hard to think leave it out.
    """
    if (budget := settings.thinking_tokens) is not None:
        return {"type": "enabled", "token_budget": budget} if budget > 0 else {"type": "disabled"}
    return {"type": "disabled"} if settings.reasoning_effort == "none" else None


def thinking_of(form: object) -> int | None:
    """The budget that a client's `thinking` sets (0: none at all), or None where no budget says it."""
    match form:
        case {"type": "disabled"}:
            budget = 0
        case {"token_budget": int(budget)} if budget is not True:
            pass
        case _:
            return None
    return budget if thinking_json(Settings(thinking_tokens=budget)) == form else None


def _tool_json(tool: ToolSpec) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or _NO_PARAMETERS
    return {"type": "function", "function": function}
