"""The `generationConfig`, both ways: settings, thinking, and the shape of the answer."""

from __future__ import annotations

from typing import Any, cast

from ...data import JsonObject, JsonOutput, ModelRequest, Settings
from .names import BUDGETS, JSON_TYPE, LEVELS
from .schemas import json_schema_of
from .shapes import SNAKE, joined, respelled
from .tools import are_strings

_SETTINGS = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "stopSequences": "stop",
    "seed": "seed",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
}
"""Keys that say what one of our settings says."""

_FRACTIONS = frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"})
_OWN_SCHEMA = ("responseJsonSchema", "response_json_schema")
_OTHER_SCHEMAS = ("_responseJsonSchema", "responseSchema", "response_schema")


def config_json(request: ModelRequest, told: JsonObject, form: JsonObject) -> JsonObject:
    """The config of a request; `told` is what the caller said in this wire's own words, which goes first."""
    settings, output = request.settings, request.output
    config = {key: value for key, field in _SETTINGS.items() if (value := getattr(settings, field)) is not None}
    if (thinking := _thinking_json(request.model, settings, told)) is not None:
        config["thinkingConfig"] = respelled(thinking, form)
    if output is not None:
        config["responseMimeType"] = JSON_TYPE
        # Any JSON Schema may stand here; `responseSchema` takes the OpenAPI subset alone.
        if output.schema is not None and not any(key in told for key in _OTHER_SCHEMAS):
            config["responseJsonSchema"] = output.schema
    return respelled(joined(config, told), form)


def _thinking_json(model: str, settings: Settings, told: JsonObject) -> JsonObject | None:
    if settings.thinking_tokens is not None:
        return {"thinkingBudget": settings.thinking_tokens}
    effort = settings.reasoning_effort
    stated: Any = _peek(told, "thinkingConfig")
    if effort is None or (isinstance(stated, dict) and _peek(cast("JsonObject", stated), "thinkingLevel")):
        return None
    # Models before Gemini 3 know budgets only, those since know levels, of which none is nothing.
    if effort == "none" or ("gemini-2" in model and effort in BUDGETS):
        return {"thinkingBudget": BUDGETS[effort]}
    return {"thinkingLevel": LEVELS.get(effort, effort.upper())}


def config_of(config: JsonObject, spelled: list[str]) -> tuple[Settings, JsonOutput | None]:
    """What a config says; what it says besides is left in it, to go to the provider as it is."""
    found: JsonObject = {}
    for key, field in _SETTINGS.items():
        if (value := _setting(field, _peek(config, key))) is not None:
            found[field] = value
            _drop(config, key, spelled)
    found |= _thinking_of(config, spelled)
    return Settings(**found), _output_of(config, spelled)


def _setting(field: str, value: Any) -> Any:
    if field == "stop":
        return tuple(value) if value and are_strings(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if field in _FRACTIONS:
        return value
    # Clients of typed languages send 40.0 for 40.
    return int(value) if value == int(value) else None


def _thinking_of(config: JsonObject, spelled: list[str]) -> JsonObject:
    stated: Any = _peek(config, "thinkingConfig")
    if not isinstance(stated, dict):
        return {}
    thinking = dict(cast("JsonObject", stated))
    budget, level = _peek(thinking, "thinkingBudget"), _peek(thinking, "thinkingLevel")
    # A budget below zero leaves it to the model, which is what no budget says to us.
    if isinstance(budget, int) and not isinstance(budget, bool) and budget >= 0:
        _drop(thinking, "thinkingBudget", spelled)
        _drop(config, "thinkingConfig", spelled)
        if thinking:
            config["thinkingConfig"] = thinking
        return {"thinking_tokens": budget}
    if isinstance(level, str) and level.upper() in LEVELS.values():
        # Kept in its own words beside that, which go to whatever model it is.
        return {"reasoning_effort": level.lower()}
    return {}


def _output_of(config: JsonObject, spelled: list[str]) -> JsonOutput | None:
    if _peek(config, "responseMimeType") != JSON_TYPE:
        return None
    schemas = [key for key in (*_OWN_SCHEMA, *_OTHER_SCHEMAS) if key in config]
    if any(not isinstance(config[key], dict) for key in schemas):
        return None
    _drop(config, "responseMimeType", spelled)
    if not schemas:
        return JsonOutput()
    # What stood in another place stays there, and the noun says what it means.
    schema: JsonObject = config[schemas[0]]
    if schemas[0] in _OWN_SCHEMA:
        _drop(config, "responseJsonSchema", spelled)
    elif schemas[0] != "_responseJsonSchema":
        schema = json_schema_of(schema)
    return JsonOutput(schema=schema)


def _peek(config: JsonObject, key: str) -> Any:
    return config.get(key, config.get(SNAKE.get(key, key)))


def _drop(config: JsonObject, key: str, spelled: list[str]) -> None:
    if key in config:
        del config[key]
    else:
        del config[SNAKE[key]]
        spelled.append(SNAKE[key])
