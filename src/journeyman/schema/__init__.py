"""Python types to JSON Schema; JSON text to checked values; docstrings; tool results; signatures."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .docstrings import parameter_descriptions
    from .faults import ArgumentsError, OutputError
    from .functions import FunctionSchema, describe_function
    from .outputs import OutputSchema, output_schema
    from .partial import complete_fields
    from .results import result_text
    from .signatures import InputMismatch, OutputMismatch, Signature, SignatureMismatch, signature_of
    from .strict import strict_schema

__all__ = [
    "ArgumentsError",
    "FunctionSchema",
    "InputMismatch",
    "OutputError",
    "OutputMismatch",
    "OutputSchema",
    "Signature",
    "SignatureMismatch",
    "complete_fields",
    "describe_function",
    "output_schema",
    "parameter_descriptions",
    "result_text",
    "signature_of",
    "strict_schema",
]

_HOMES = {
    "ArgumentsError": "faults",
    "FunctionSchema": "functions",
    "InputMismatch": "signatures",
    "OutputError": "faults",
    "OutputMismatch": "signatures",
    "OutputSchema": "outputs",
    "Signature": "signatures",
    "SignatureMismatch": "signatures",
    "complete_fields": "partial",
    "describe_function": "functions",
    "output_schema": "outputs",
    "parameter_descriptions": "docstrings",
    "result_text": "results",
    "signature_of": "signatures",
    "strict_schema": "strict",
}


def __getattr__(name: str) -> Any:
    # Lazily (PEP 562), because pydantic takes longer to import than everything else here and a text agent needs none.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
