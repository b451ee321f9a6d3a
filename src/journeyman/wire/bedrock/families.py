"""What models want to be told beside the Converse API's own settings, both ways; the words are each maker's own.

Sources: "Inference request parameters" and "Extended thinking" (Amazon Bedrock), "Using the Converse API" and "Extended
thinking in Amazon Nova 2" (Amazon Nova), and the model cards of OpenAI and Qwen. A model behind an ARN that does not name
it is spoken to in the API's own words alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from ...data import JsonObject, Settings

EFFORTS: dict[str, str | None] = {"minimal": "low", "none": None}
"""Words of other providers for how hard to think that are not known here; None: nothing is sent."""

Thoughts = Literal["all", "signed", "unsigned", "none"]

_MAKERS = {
    "anthropic.": "anthropic",
    "amazon.nova": "nova",
    "openai.": "openai",
    "qwen.": "qwen",
    "cohere.": "cohere",
    "deepseek.": "deepseek",
}
_CANNOT_BE_TOLD_TO_CALL_ONE_BY_ONE = ("claude-3", "claude-v2", "claude-instant")


def maker_of(model: str) -> str:
    """Whose model it is, as far as that makes a difference here; "" for all others."""
    name = model.lower()
    return next((maker for mark, maker in _MAKERS.items() if mark in name), "")


def thoughts_for(model: str) -> Thoughts:
    """Which thoughts of earlier turns a model takes back.

    Claude takes those that it signed and refuses others; the rest refuse signatures ("This model doesn't support the
    reasoningContent.reasoningText.signature field"), and some of them thoughts of any kind. Behind an ARN that names
    nobody may be any model, which gets what it gave.
    """
    maker = maker_of(model)
    if maker == "anthropic":
        return "signed"
    if maker in ("openai", "deepseek"):
        return "none"
    return "all" if model.startswith("arn:") and not maker else "unsigned"


def fields_of(model: str, settings: Settings, *, choice_is_sent: bool) -> JsonObject:
    """The `additionalModelRequestFields` that say what `settings` say."""
    maker = maker_of(model)
    fields: JsonObject = {}
    if (top_k := settings.top_k) is not None:
        match maker:
            case "nova":
                fields["inferenceConfig"] = {"topK": top_k}
            case "cohere":
                fields["k"] = top_k
            case _:
                fields["top_k"] = top_k
    fields |= _thinking(maker, settings)
    if settings.parallel_tool_calls is False and _calls_one_by_one(model, maker):
        # The type stands in `toolConfig.toolChoice`; said twice it is refused, and said nowhere as well.
        kind = {} if choice_is_sent else {"type": "auto"}
        fields["tool_choice"] = {**kind, "disable_parallel_tool_use": True}
    return fields


def _thinking(maker: str, settings: Settings) -> JsonObject:
    budget, effort = settings.thinking_tokens, settings.reasoning_effort
    match maker:
        case "anthropic" if budget is not None:
            return {"thinking": {"type": "enabled", "budget_tokens": budget} if budget else {"type": "disabled"}}
        case "nova" if effort == "none" or budget == 0:
            return {"reasoningConfig": {"type": "disabled"}}
        case "nova" if effort is not None:
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": EFFORTS.get(effort, effort)}}
        case "openai" if effort is not None and effort != "none":
            return {"reasoning_effort": EFFORTS.get(effort, effort)}
        case "qwen" if effort is not None and effort != "none":
            return {"reasoning_config": EFFORTS.get(effort, effort)}
        case _:
            return {}


def output_effort(model: str, settings: Settings) -> str | None:
    """The `outputConfig.effort` that says what `settings` say, for the models that have no word of their own."""
    effort = settings.reasoning_effort
    if effort is None or maker_of(model) in ("nova", "openai", "qwen"):
        return None
    return EFFORTS.get(effort, effort)


def settings_of(model: str, fields: JsonObject, *, choice_is_sent: bool) -> tuple[Settings, frozenset[str]]:
    """What `additionalModelRequestFields` say in settings, and the keys of them that say no more than that."""
    settings, taken = Settings(), frozenset[str]()
    for name, find in _FINDERS.items():
        value = find(fields)
        if value is None:
            continue
        alone = msgspec.structs.replace(Settings(), **{name: value})
        said = fields_of(model, alone, choice_is_sent=choice_is_sent)
        if said and all(fields.get(key) == item for key, item in said.items()):
            settings = msgspec.structs.replace(settings, **{name: value})
            taken |= said.keys()
    return settings, taken


def _calls_one_by_one(model: str, maker: str) -> bool:
    return maker == "anthropic" and not any(old in model.lower() for old in _CANNOT_BE_TOLD_TO_CALL_ONE_BY_ONE)


def _top_k(fields: JsonObject) -> Any:
    match fields:
        case {"top_k": int(value)} | {"k": int(value)} | {"inferenceConfig": {"topK": int(value)}}:
            return value
        case _:
            return None


def _budget(fields: JsonObject) -> Any:
    match fields:
        case {"thinking": {"type": "enabled", "budget_tokens": int(value)}}:
            return value
        case {"thinking": {"type": "disabled"}}:
            return 0
        case _:
            return None


def _effort(fields: JsonObject) -> Any:
    match fields:
        case {"reasoning_effort": str(value)} | {"reasoning_config": str(value)}:
            return value
        case {"reasoningConfig": {"maxReasoningEffort": str(value)}}:
            return value
        case {"reasoningConfig": {"type": "disabled"}}:
            return "none"
        case _:
            return None


def _parallel(fields: JsonObject) -> Any:
    match fields:
        case {"tool_choice": {"disable_parallel_tool_use": True}}:
            return False
        case _:
            return None


_FINDERS: dict[str, Callable[[JsonObject], Any]] = {
    "top_k": _top_k,
    "thinking_tokens": _budget,
    "reasoning_effort": _effort,
    "parallel_tool_calls": _parallel,
}
