"""Tools, the choice among them and output formats, both ways."""

from __future__ import annotations

from typing import Literal

import msgspec

from ...data import JsonObject, JsonOutput, Opaque, ToolChoice, ToolSpec
from ..shapes import object_of, string_of
from .names import NAME
from .spelling import blocks_of, difference, own, respelled, tagged

_MODES: dict[str, Literal["auto", "required", "none"]] = {"auto": "auto", "none": "none", "required": "required"}
_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


def tool_json(tool: ToolSpec) -> JsonObject:
    """An element of `tools`."""
    return respelled(_tool_json(tool), own(tool.origin))


def tool_of(tool: JsonObject) -> ToolSpec | Opaque:
    """What a client offers; opaque where it is no function. Raises `ValidationError` for what is no tool."""
    if tool.get("type") != "function":
        if not isinstance(tool.get("type"), str):
            raise msgspec.ValidationError("a tool lacks `type`")
        return Opaque(NAME, tool)
    name, strict = tool.get("name"), tool.get("strict")
    if not isinstance(name, str):
        raise msgspec.ValidationError("a tool of type 'function' lacks `name`")
    description, parameters = string_of(tool.get("description")), object_of(tool.get("parameters"))
    spec = ToolSpec(name, description, parameters, strict if isinstance(strict, bool) else None)
    kept = difference(_tool_json(spec), tool)
    return ToolSpec(name, description, parameters, spec.strict, tagged(kept))


def choice_json(choice: ToolChoice) -> object:
    """The value of `tool_choice`."""
    spelled = own(choice.origin).get("tool_choice")
    return _choice_json(choice) if spelled is None else spelled


def choice_of(value: object) -> ToolChoice | None:
    """What a client's `tool_choice` asks for, or None where our noun cannot say it."""
    if isinstance(value, str):
        mode = _MODES.get(value)
        return None if mode is None else ToolChoice(mode)
    chosen = object_of(value)
    names, mode = _names_in([chosen]), _MODES["required"]
    if not names and chosen.get("type") == "allowed_tools":
        names, mode = _names_in(blocks_of(chosen.get("tools")) or []), _MODES.get(string_of(chosen.get("mode")))
    if not names or mode is None:
        return None
    choice = ToolChoice(mode, names)
    return choice if _choice_json(choice) == value else ToolChoice(mode, names, Opaque(NAME, {"tool_choice": value}))


def format_json(output: JsonOutput) -> JsonObject:
    """The value of `text.format`."""
    if output.schema is None:
        return {"type": "json_object"}
    form: JsonObject = {"type": "json_schema", "name": output.name, "schema": output.schema}
    if output.description:
        form["description"] = output.description
    if output.strict is not None:
        form["strict"] = output.strict
    return form


def output_of(value: object) -> JsonOutput | None:
    """What a client's `text.format` asks for, or None where it is plain text or unknown."""
    match value:
        case {"type": "json_object"}:
            return JsonOutput()
        case {"type": "json_schema", "schema": dict()}:
            form = object_of(value)
            strict = form.get("strict")
            return JsonOutput(
                string_of(form.get("name")) or "output",
                object_of(form.get("schema")),
                string_of(form.get("description")),
                strict if isinstance(strict, bool) else None,
            )
        case _:
            return None


def _names_in(tools: list[JsonObject]) -> tuple[str, ...]:
    """The names of these functions; none where something else is among them."""
    names = tuple(string_of(tool.get("name")) for tool in tools if tool.get("type") == "function")
    return names if len(names) == len(tools) and all(names) else ()


def _tool_json(tool: ToolSpec) -> JsonObject:
    written: JsonObject = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["parameters"] = tool.parameters or _NO_PARAMETERS
    # Where nothing is said, this wire (unlike Chat Completions) makes the schema a strict one by itself: parameters that
    # may be left out would have to be given. Whoever wants that says so.
    written["strict"] = bool(tool.strict)
    return written


def _choice_json(choice: ToolChoice) -> str | JsonObject:
    if not choice.names or choice.mode == "none":
        return choice.mode
    tools: list[JsonObject] = [{"type": "function", "name": name} for name in choice.names]
    if choice.mode == "required" and len(tools) == 1:
        return tools[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
