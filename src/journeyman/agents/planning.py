"""From what an agent was told to the plan that the loop follows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..data import CallerError, JsonOutput, Limits, Settings, ToolChoice, ToolSpec
from ..loop import Hooks, Plan
from ..models import Model
from ..programs import Offer
from ..schema import OutputSchema, output_schema, strict_schema
from ..tools import Tool

OUTPUT_TOOL = "final_result"
"""The tool by which a model gives its output where there is no native JSON mode."""


def make_plan(  # noqa: PLR0913  (the one place where an agent's options come together)
    *,
    agent: str,
    model: Model,
    tools: Mapping[str, Tool[..., Any]],
    programs: Offer | None = None,
    shown: Iterable[str] | None = None,
    output_type: Any,
    check: Callable[[Any], Any] | None,
    settings: Settings,
    limits: Limits,
    prompt: str,
    hooks: Hooks | None = None,
) -> Plan:
    """The plan of an agent.

    `prompt` is what of its prompt is fixed, for the fingerprint, and `shown` names the tools that the model is told of, None for
    all. Raises `CallerError` if a tool has the output tool's name or the model cannot call tools.
    """
    specs = tuple(tool.spec for name, tool in tools.items() if shown is None or name in shown)
    if specs and not model.capabilities.tools:
        raise CallerError(f"{model.name} cannot call tools; leave tools= out or choose another model")
    output = output_schema(output_type)
    output_tool = json_output = None
    # A program that returns is the one way to the output where there are programs.
    if output.schema is not None and (programs is None or (output.allows_text and not programs.in_words)):
        # A union with str leaves the choice to the model, which the native mode would take away; and at some vendors the
        # mode and tools exclude each other.
        native = model.capabilities.json_schema and (model.capabilities.schema_beside_tools or not specs)
        if native and not output.allows_text:
            json_output = _native(output)
        else:
            output_tool = OUTPUT_TOOL
            if output_tool in tools:
                raise CallerError(
                    f"a tool is named {OUTPUT_TOOL!r}, which is the name of the output tool; give it another"
                )
            specs = (*specs, _output_spec(output))
    if output_tool is not None and not output.allows_text and settings.tool_choice is None:
        settings = msgspec.structs.replace(settings, tool_choice=ToolChoice("required"))
    offered = None if programs is None else programs.identity
    fingerprint = _fingerprint(prompt, specs, output.schema, offered)
    return Plan(
        agent=agent,
        model=model,
        tools=tools,
        specs=specs,
        output=output,
        output_tool=output_tool,
        json_output=json_output,
        settings=settings,
        limits=limits,
        fingerprint=fingerprint,
        check=check,
        guarded=any(tool.requires_approval for tool in tools.values()),
        hooks=hooks,
        signatures=signatures_of(prompt, specs, output.schema, offered),
        programs=programs,
    )


def _native(output: OutputSchema) -> JsonOutput:
    assert output.schema is not None  # noqa: S101  (the caller has looked; this tells the type checkers)
    strict = strict_schema(output.schema)
    return JsonOutput(output.name, strict or output.schema, strict=strict is not None)


def _output_spec(output: OutputSchema) -> ToolSpec:
    assert output.schema is not None  # noqa: S101  (likewise)
    described = output.schema.get("description")
    words = "Give your final answer by calling this tool, and only when you have it."
    return ToolSpec(OUTPUT_TOOL, f"{words}\n\n{described}" if described else words, output.schema)


def _fingerprint(prompt: str, specs: tuple[ToolSpec, ...], schema: Any, offered: Any) -> str:
    return _hash((prompt, specs, schema) if offered is None else (prompt, specs, schema, offered), 16)


def signatures_of(prompt: str, specs: tuple[ToolSpec, ...], schema: Any, offered: Any = None) -> dict[str, str]:
    """Short hashes of what the fingerprint is made of, by name; eight digits, for they only tell what changed."""
    named: dict[str, Any] = {"prompt": prompt, "output": schema, **{f"tool:{spec.name}": spec for spec in specs}}
    if offered is not None:
        named["programs"] = offered
    return {name: _hash(value, 8) for name, value in named.items()}


def _hash(value: Any, digits: int) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:digits]
