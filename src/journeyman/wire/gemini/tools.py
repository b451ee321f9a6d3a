"""Tools and the choice among them, both ways."""

from __future__ import annotations

from typing import Any, Literal, cast

import msgspec

from ...data import JsonObject, Opaque, ToolChoice, ToolSpec
from ..shapes import json_of
from .names import CHOICES, NAME, form_of, is_own, own
from .schemas import json_schema_of, subset_of
from .shapes import SNAKE, Block, begins, block_of, decoded, joined, listed, origin_of, respelled, take

_string = msgspec.json.Decoder(str).decode
_object = msgspec.json.Decoder(JsonObject).decode


def tools_json(tools: tuple[ToolSpec | Opaque, ...]) -> list[JsonObject]:
    """The elements of `tools`: functions stand together in one, unless they came otherwise; others have one each."""
    elements: list[JsonObject] = []
    declared: list[msgspec.Raw] | None = None
    for tool in tools:
        if isinstance(tool, Opaque):
            if is_own(tool):
                elements.append(tool.data)
                declared = None
            continue
        element: JsonObject | None = form_of(tool.origin).get("element")
        if declared is None or element is not None:
            declared = []
            about = element or {}
            elements.append(respelled(joined({"functionDeclarations": declared}, about.get("beside", {})), about))
        declared.append(_declaration(tool))
    return elements


def _declaration(tool: ToolSpec) -> msgspec.Raw:
    """A function; schemas of ours go into `parametersJsonSchema`, which takes all of JSON Schema.

    `parameters` is an OpenAPI subset: it refuses `$ref`, `additionalProperties`, `const` and whatever else it does not
    know.
    """
    cached: msgspec.Raw | None = vars(tool).get(NAME)
    if cached is None:
        rest, form = own(tool.origin), form_of(tool.origin)
        wire: JsonObject = {"name": tool.name}
        if tool.description:
            wire["description"] = tool.description
        if "subset" in form:
            wire["parameters"] = subset_of(tool.parameters)
        elif tool.parameters and "parameters" not in rest:
            wire["parametersJsonSchema"] = tool.parameters
        cached = vars(tool)[NAME] = msgspec.Raw(json_of(respelled(joined(wire, rest), form)))
    return cached


def tools_of(elements: list[Block]) -> tuple[ToolSpec | Opaque, ...]:
    """The tools in the elements of `tools`."""
    tools: list[ToolSpec | Opaque] = []
    for element in elements:
        tools += _element(element, again=bool(tools) and isinstance(tools[-1], ToolSpec))
    return tuple(tools)


def _element(element: Block, *, again: bool) -> list[ToolSpec | Opaque]:
    rest = dict(element)
    spelled: list[str] = []
    raw = take(rest, "functionDeclarations", spelled)
    if raw is None or not begins(raw, b"[") or not (blocks := listed(raw)[0]):
        return [Opaque(NAME, decoded(element))]
    about: JsonObject = {"spelled": spelled} if spelled else {}
    if beside := decoded(rest):
        about["beside"] = beside
    form: JsonObject = {"element": about} if about or again else {}
    return [_tool(block, form if index == 0 else {}) for index, block in enumerate(blocks)]


def _tool(block: Block, form: JsonObject) -> ToolSpec:
    spelled: list[str] = []
    name = take(block, "name", spelled)
    if name is None:
        raise msgspec.ValidationError("a function declaration lacks `name`")
    description = ""
    if begins(block.get("description"), b'"') and (description := _string(block["description"])):
        del block["description"]
    parameters: JsonObject = {}
    key = next((key for key in ("parametersJsonSchema", "parameters_json_schema") if key in block), "parameters")
    if begins(block.get(key), b"{") and (given := _object(block[key])):
        parameters = given if key != "parameters" else json_schema_of(given)
        # A schema of the subset that would not come out as it was is kept beside what it means.
        if key != "parameters" or subset_of(parameters) == given:
            del block[key]
            form = form if key != "parameters" else {**form, "subset": True}
            spelled += [key] if key in SNAKE.values() else []
    if spelled:
        form = {**form, "spelled": spelled}
    return ToolSpec(_string(name), description, parameters, None, origin_of(decoded(block), form))


def choice_json(choice: ToolChoice) -> JsonObject:
    """The choice as `functionCallingConfig`."""
    # AUTO takes no names; VALIDATED leaves the choice to the model as well, and does.
    wire: JsonObject = {"mode": "VALIDATED" if choice.names and choice.mode == "auto" else CHOICES[choice.mode]}
    if choice.names:
        wire["allowedFunctionNames"] = choice.names
    return joined(wire, own(choice.origin))


def choice_of(config: JsonObject, spelled: list[str]) -> ToolChoice | None:
    """The choice in a `functionCallingConfig`; none for a mode that is yet to come."""
    rest = dict(config)
    kind: Any = rest.pop("mode", None)
    mode = _MODES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        return None
    names: tuple[str, ...] = ()
    for key in ("allowedFunctionNames", "allowed_function_names"):
        if not names and (given := rest.get(key)) and are_strings(given):
            names = tuple(rest.pop(key))
            spelled += [key] if key in SNAKE.values() else []
    # Where `auto` has names it is VALIDATED anyway.
    if (kind == "VALIDATED" and not names) or (kind == "AUTO" and names):
        rest["mode"] = kind
    return ToolChoice(mode, names, Opaque(NAME, rest) if rest else None)


_MODES: dict[str, Literal["auto", "required", "none"]] = {
    "AUTO": "auto",
    "ANY": "required",
    "NONE": "none",
    "VALIDATED": "auto",
}


def are_strings(value: Any) -> bool:
    """Whether it is a list of strings."""
    return isinstance(value, list) and all(isinstance(item, str) for item in cast("list[object]", value))


def taken_choice(config: Block, spelled: list[str]) -> ToolChoice | None:
    """The choice in a `toolConfig`, taken out; what cannot be read stays there, and goes to the provider as it is."""
    noted: list[str] = []
    rest = dict(config)
    raw = take(rest, "functionCallingConfig", noted)
    if raw is None or not begins(raw, b"{"):
        return None
    # Keys of ours are refused wherever they stand.
    choice = choice_of(decoded(block_of(raw)), noted)
    if choice is not None:
        config.clear()
        config.update(rest)
        spelled += noted
    return choice
