"""What a Python type always gives, though a model may leave it out: fields that have defaults."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from ...data import JsonObject


def given_schema(adapter: TypeAdapter[Any]) -> JsonObject:
    """The JSON Schema of what the type's values are written as, by their Python names."""
    return adapter.json_schema(by_alias=False, schema_generator=_Given, mode="serialization")


class _Given(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  (pydantic declares it so)

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,  # noqa: FBT001  (pydantic declares it so)
    ) -> bool:
        # Models and dataclasses fill in what is missing; a TypedDict leaves it out.
        return super().field_is_required(field, total) if field["type"] == "typed-dict-field" else True
