"""The parameters of a function as one JSON object: its schema, and the check of what a model gives."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError, from_json, to_json

from ..data import CallerError, JsonObject
from .adapting import adapt, optional, record
from .annotations import CallSignature
from .coercions import Misfit, Validate, check_json
from .docstrings import parameter_descriptions
from .faults import ArgumentsError

_EMPTY = inspect.Parameter.empty
_NOTHING = frozenset({"", '""', "null", "None"})


class Arguments:
    """The parameters of one function, ready to check."""

    def __init__(self, signature: CallSignature, validate: Validate, schema: JsonObject) -> None:
        self.schema = schema
        self._subject = f"the arguments of {signature.name}"
        self._validate = validate
        self._taken = signature.taken if schema["additionalProperties"] is not False else frozenset[str]()

    def check(self, text: str) -> dict[str, Any]:
        """The checked arguments; raises `ArgumentsError`."""
        try:
            checked: dict[str, Any] = check_json(self._validate, text, self._own_schema)
        except Misfit as misfit:
            if text.strip() in _NOTHING:
                return self.check("{}")
            raise ArgumentsError(misfit.message(self._subject)) from None
        if self._taken and (wrong := sorted(self._taken.intersection(checked))):
            raise ArgumentsError(Misfit([f"{name}: unknown name" for name in wrong]).message(self._subject))
        return checked

    def _own_schema(self) -> JsonObject:
        return self.schema


def build_arguments(signature: CallSignature, hints: dict[str, Any]) -> Arguments:
    """The parameters of a function as one type; raises `CallerError` where a hint is no type that JSON can carry."""
    names = [parameter.name for parameter in signature.parameters]
    descriptions = parameter_descriptions(signature.documentation, names)
    fields: dict[str, Any] = {}
    extra: Any = None
    for parameter in signature.parameters:
        hint = hints[parameter.name]
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = hint
        else:
            fields[parameter.name] = _field(hint, parameter.default, descriptions.get(parameter.name))
    try:
        adapter, schema = adapt(record(signature.name, fields, extra), signature.name)
    except CallerError as error:
        # The error that names the parameter, if one alone is to blame.
        refusals = (_refusal(signature, name, hint) for name, hint in hints.items())
        raise next(filter(None, refusals), error) from error.__cause__
    whole: JsonObject = {
        "type": "object",
        "properties": {},
        **schema,
        "additionalProperties": schema.get("additionalProperties", extra is not None),
    }
    _add_defaults(whole["properties"], signature)
    return Arguments(signature, adapter.validator.validate_json, whole)


def _field(hint: Any, default: Any, description: str | None) -> Any:
    if isinstance(default, FieldInfo):
        # `limit: int = Field(default=5, ge=1)`: pydantic's way to say it, in the place of a default.
        hint = Annotated[hint, default]
    if not (said := _explicit_description(hint)) and (text := said or _loose_description(hint) or description):
        hint = Annotated[hint, Field(description=text)]
    return hint if default is _EMPTY or isinstance(default, FieldInfo) else optional(hint)


def _metadata(hint: Any) -> tuple[Any, ...]:
    return get_args(hint)[1:] if get_origin(hint) is Annotated else ()


def _explicit_description(hint: Any) -> str | None:
    texts = (item.description for item in _metadata(hint) if isinstance(item, FieldInfo))
    return next((text for text in texts if text), None)


def _loose_description(hint: Any) -> str | None:
    """A plain string in Annotated, or PEP 727's Doc("...")."""
    for item in _metadata(hint):
        text = item if isinstance(item, str) else getattr(item, "documentation", None)
        if isinstance(text, str):
            return text
    return None


def _add_defaults(properties: JsonObject, signature: CallSignature) -> None:
    for parameter in signature.parameters:
        default = parameter.default
        if default is _EMPTY or isinstance(default, FieldInfo) or parameter.name not in properties:
            continue
        try:
            value = from_json(to_json(default, inf_nan_mode="constants"), allow_inf_nan=False)
        except (PydanticSerializationError, ValueError):
            continue  # a marker of the user's, or infinity: the model is not told, the function still has it
        properties[parameter.name] = {**properties[parameter.name], "default": value}


def _refusal(signature: CallSignature, name: str, hint: Any) -> CallerError | None:
    try:
        adapt(record(signature.name, {name: hint}), f"{signature.name}: parameter {name!r} ({_spelled(hint)})")
    except CallerError as error:
        return error
    return None


def _spelled(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
