"""The inputs of a signature as the parameters of a tool."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import msgspec

from ...data import JsonObject
from ..faults import ArgumentsError
from ..functions import FunctionSchema
from .mismatch import InputMismatch
from .signature import Signature


@dataclass(frozen=True, eq=False)
class InputsSchema(FunctionSchema):
    """What a model is told of a tool that takes a signature's inputs; its function gets them, checked, as one dict.

    Hidden inputs are not shown to a model; a program may give them.
    """

    inputs: Signature

    @classmethod
    def of(cls, schema: FunctionSchema, signature: Signature) -> InputsSchema:
        """For the function that `schema` describes, whose parameters are the run's context and the dict."""
        described = {item.name: getattr(schema, item.name) for item in fields(schema)}
        return cls(**described, inputs=signature)

    @cached_property
    def parameters(self) -> JsonObject:
        """The JSON Schema of an object with the inputs."""
        return self.inputs.public.input_schema()

    def check(self, arguments: str) -> dict[str, Any]:
        """The inputs in a model's JSON text; raises `ArgumentsError`."""
        try:
            given = msgspec.json.decode(arguments or "{}", type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ArgumentsError(f"the arguments are no JSON object: {error}") from error
        try:
            return self.inputs.check_inputs(given)
        except InputMismatch as mismatch:
            raise ArgumentsError("the arguments do not fit:\n" + "\n".join(mismatch.faults)) from mismatch

    def bind(self, checked: dict[str, Any], context: Any = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call of the function: the context, and the inputs as one dict."""
        return (context, checked), {}
