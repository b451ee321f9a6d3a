"""Tools, the choice among them and output formats, both ways."""

from __future__ import annotations

from typing import Literal, assert_never, cast

from msgspec.structs import replace

from ...data import CallerError, JsonObject, JsonOutput, Opaque, ToolChoice, ToolSpec
from ..quirks import ChatQuirks
from ..shapes import object_of, objects_of, string_of
from .names import NAME, own

_MODES: dict[str, Literal["auto", "required", "none"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
}
_NO_PARAMETERS: JsonObject = {"type": "object", "properties": {}}


def tool_json(tool: ToolSpec) -> JsonObject:
    """An element of `tools`: as a client spelled it, if one did and it still says the same."""
    spelled = own(tool.origin)
    return spelled if spelled and tool_of(spelled, "a tool") == tool else _tool_json(tool)


def tool_of(tool: object, where: str) -> ToolSpec | Opaque:
    """What a client offers; opaque where it is no function. Raises `CallerError` for what is no tool."""
    if not isinstance(tool, dict):
        raise CallerError(f"{where} is no object")
    wire = cast("JsonObject", tool)
    function = wire.get("function")
    if wire.get("type", "function") != "function" or not isinstance(function, dict):
        return Opaque(NAME, wire)
    inner = cast("JsonObject", function)
    name, strict = inner.get("name"), inner.get("strict")
    if not isinstance(name, str):
        raise CallerError(f"{where}.function.name is missing, or is no string")
    spec = ToolSpec(
        name,
        string_of(inner.get("description")),
        object_of(inner.get("parameters")),
        strict if isinstance(strict, bool) else None,
    )
    # Kept whole where it is not spelled as we would.
    return spec if _tool_json(spec) == wire else replace(spec, origin=Opaque(NAME, wire))


def choice_json(choice: ToolChoice) -> str | JsonObject:
    """The value of `tool_choice`."""
    if not choice.names or choice.mode == "none":
        return choice.mode
    tools: list[JsonObject] = [{"type": "function", "function": {"name": name}} for name in choice.names]
    if choice.mode == "required" and len(tools) == 1:
        return tools[0]
    return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}


def said_choice(choice: ToolChoice, quirks: ChatQuirks) -> object:
    """What is sent for a choice: as the client spelled it, if one did, or as much as the vendor understands; None: nothing."""
    match quirks.tool_choice:
        case "full":
            spelled = own(choice.origin).get("tool_choice")
            return choice_json(choice) if spelled is None else spelled
        case "named":
            return choice_json(choice) if len(choice.names) == 1 and choice.mode == "required" else choice.mode
        case "modes":
            return choice.mode
        case "auto":
            return None
        case _:
            assert_never(quirks.tool_choice)


def shown_tools(choice: ToolChoice, quirks: ChatQuirks) -> tuple[str, ...] | None:
    """The names of the only tools to show, where the vendor cannot be told the choice; None: all."""
    if choice.mode == "none":
        return () if quirks.tool_choice == "auto" else None
    told = quirks.tool_choice == "full" or (
        quirks.tool_choice == "named" and len(choice.names) == 1 and choice.mode == "required"
    )
    return None if told or not choice.names else choice.names


def choice_of(value: object) -> ToolChoice | None:
    """What a client's `tool_choice` asks for, or None where our noun cannot say it."""
    choice = _choice(value)
    if choice is None or choice_json(choice) == value:
        return choice
    return ToolChoice(choice.mode, choice.names, Opaque(NAME, {"tool_choice": value}))


def output_json(output: JsonOutput) -> JsonObject:
    """The value of `response_format`."""
    if output.schema is None:
        return {"type": "json_object"}
    form: JsonObject = {"name": output.name, "schema": output.schema}
    if output.description:
        form["description"] = output.description
    if output.strict is not None:
        form["strict"] = output.strict
    return {"type": "json_schema", "json_schema": form}


def output_of(value: object) -> JsonOutput | None:
    """What a client's `response_format` asks for, or None where it is plain text or unknown."""
    form = object_of(value)
    match form.get("type"):
        case "json_object":
            return JsonOutput()
        case "json_schema":
            inner = object_of(form.get("json_schema"))
            schema, strict = inner.get("schema"), inner.get("strict")
            return JsonOutput(
                string_of(inner.get("name")) or "output",
                None if schema is None else object_of(schema),
                string_of(inner.get("description")),
                strict if isinstance(strict, bool) else None,
            )
        case _:
            return None


def _tool_json(tool: ToolSpec) -> JsonObject:
    function: JsonObject = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    # Groq and Mistral refuse a function that does not say what it takes.
    function["parameters"] = tool.parameters or _NO_PARAMETERS
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(value: object) -> ToolChoice | None:
    if isinstance(value, str):
        # Mistral's word for it is `any`.
        mode = _MODES.get(value)
        return None if mode is None else ToolChoice(mode)
    chosen = object_of(value)
    if name := _name_in(chosen):
        return ToolChoice("required", (name,))
    allowed = object_of(chosen.get("allowed_tools"))
    mode = _MODES.get(string_of(allowed.get("mode")))
    names = tuple(map(_name_in, objects_of(allowed.get("tools"))))
    return ToolChoice(mode, names) if mode is not None and names and all(names) else None


def _name_in(tool: JsonObject) -> str:
    return string_of(object_of(tool.get("function")).get("name"))
