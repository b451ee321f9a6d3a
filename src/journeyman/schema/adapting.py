"""From a Python type to its validator and its JSON Schema, both pydantic's."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Mapping
from types import GenericAlias, UnionType
from typing import Annotated, Any, cast, get_args, get_origin

# On Python 3.11 pydantic refuses typing.TypedDict, and only this one knows PEP 728. It comes with pydantic.
import typing_extensions
from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticErrorMixin
from pydantic.json_schema import GenerateJsonSchema

from ..data import CallerError, JsonObject

_MAPS = frozenset({"$defs", "properties", "patternProperties", "dependentSchemas"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_SINGLES = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then", "unevaluatedProperties"}
)
_QUALIFIERS = frozenset(
    {
        typing_extensions.Required,
        typing_extensions.NotRequired,
        typing_extensions.ReadOnly,
        typing.Required,
        typing.NotRequired,
    }
)


class _QuietSchema(GenerateJsonSchema):
    # A default that JSON cannot write is no fault of the user's: the model is simply not told of it.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  (pydantic declares it so)


def adapt(hint: Any, subject: str) -> tuple[TypeAdapter[Any], JsonObject]:
    """The adapter of a type and its JSON Schema without titles; `subject` begins the message of the `CallerError`."""
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(_modern(hint, {}))
        return adapter, tidy(adapter.json_schema(schema_generator=_QuietSchema))
    except Exception as error:  # the hooks of a user's type may raise anything
        reason = error.message if isinstance(error, PydanticErrorMixin) else f"{type(error).__name__}: {error}"
        raise CallerError(f"{subject} cannot be given to a model: {reason}") from error


def record(name: str, fields: Mapping[str, Any], extra: Any = None) -> Any:
    """The type of a JSON object with these fields, and with others of the type `extra` where that is given.

    A TypedDict, because it is checked into a plain dict, and because its keys may have any name (`schema`, `_x`, `copy`),
    where a model refuses some.
    """
    make = cast("Callable[..., Any]", typing_extensions.TypedDict)
    done: dict[Any, Any] = {}
    modern = {key: _modern(hint, done) for key, hint in fields.items()}
    if extra is None:
        made = make(name, modern)
        made.__pydantic_config__ = ConfigDict(allow_inf_nan=False, extra="forbid")
    else:
        made = make(name, modern, extra_items=_modern(extra, done))
        made.__pydantic_config__ = ConfigDict(allow_inf_nan=False)
    return made


def optional(hint: Any) -> Any:
    """A field of a record that may be missing."""
    return typing_extensions.NotRequired[hint]


def tidy(schema: JsonObject) -> JsonObject:
    """The schema without titles, with each definition that is used once in the place of its use."""
    definitions: JsonObject = schema.get("$defs", {})
    uses = dict.fromkeys(definitions, 0)
    _count({**schema, "$defs": definitions}, uses)

    def plain(place: Any) -> Any:
        if not isinstance(place, dict):
            return place
        place = cast("JsonObject", place)
        name = place.get("$ref", "").removeprefix("#/$defs/")
        if uses.get(name) == 1:
            # A definition that is used once cannot be part of a cycle: something outside leads into it, too.
            place = {**definitions[name], **{key: value for key, value in place.items() if key != "$ref"}}
        # `discriminator` is OpenAPI's, points at definitions by name and adds nothing to the constants in the branches.
        kept = {key: value for key, value in place.items() if key not in {"title", "discriminator", "$defs"}}
        return mapped(kept, plain)

    result: JsonObject = plain(schema)
    kept = {name: plain(body) for name, body in definitions.items() if uses[name] > 1}
    if "$ref" in result:
        # A recursive type: providers want an object at the root, not a reference to one.
        result = {**kept[result["$ref"].removeprefix("#/$defs/")], **result}
        del result["$ref"]
    return {**result, "$defs": kept} if kept else result


def mapped(schema: JsonObject, change: Callable[[Any], Any]) -> JsonObject:
    """The schema with each of its direct subschemas changed; a property that is named like a keyword is none."""
    result: JsonObject = {}
    for key, value in schema.items():
        if key in _MAPS:
            result[key] = {name: change(below) for name, below in value.items()}
        elif key in _LISTS:
            result[key] = [change(below) for below in value]
        else:
            result[key] = change(value) if key in _SINGLES else value
    return result


def _count(place: Any, uses: dict[str, int]) -> Any:
    if isinstance(place, dict):
        place = cast("JsonObject", place)
        name = place.get("$ref", "").removeprefix("#/$defs/")
        if name in uses:
            uses[name] += 1
        mapped(place, lambda below: _count(below, uses))
    return place


def _modern(hint: Any, done: dict[Any, Any]) -> Any:
    """The hint with each typing.TypedDict in it made again as one that pydantic takes on Python 3.11."""
    if sys.version_info >= (3, 12):
        return hint
    if typing.is_typeddict(hint) and type(hint).__module__ == "typing":
        return _modern_typed_dict(hint, done)
    if get_origin(hint) is typing.Literal:
        return hint
    arguments = get_args(hint)
    inner = arguments[:1] if get_origin(hint) is Annotated else arguments
    changed = tuple(_modern(argument, done) for argument in inner)
    if all(new is old for new, old in zip(changed, inner, strict=True)):
        return hint
    return _with_arguments(hint, changed)


def _with_arguments(hint: Any, arguments: tuple[Any, ...]) -> Any:
    if get_origin(hint) is Annotated:
        return Annotated[(*arguments, *hint.__metadata__)]
    if isinstance(hint, UnionType):
        return cast("Any", typing.Union)[arguments]
    return GenericAlias(get_origin(hint), arguments) if isinstance(hint, GenericAlias) else hint.copy_with(arguments)


def _modern_typed_dict(hint: Any, done: dict[Any, Any]) -> Any:
    if hint in done:
        return done[hint]
    done[hint] = hint  # one that holds itself stays as it is, and pydantic says so
    fields: dict[str, Any] = {}
    for name, field in typing.get_type_hints(hint, include_extras=True).items():
        if get_origin(field) in _QUALIFIERS:
            wrapper, inner = get_origin(field), get_args(field)[0]
        else:
            wrapper = typing.Required if name in hint.__required_keys__ else typing.NotRequired
            inner = field
        fields[name] = cast("Any", wrapper)[_modern(inner, done)]
    made = cast("Callable[..., Any]", typing_extensions.TypedDict)(hint.__name__, fields)
    made.__doc__ = hint.__doc__
    if config := getattr(hint, "__pydantic_config__", None):
        made.__pydantic_config__ = config
    done[hint] = made
    return made
