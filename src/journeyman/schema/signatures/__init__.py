"""Signatures: what a program or an agent is given, and what it has to give, in a line of text.

The way of a text: `parsing` → `shapes` (the types) → `checking` (values, on `plain`), `schemas` (JSON Schema), `telling` (prompts),
`fitting` (whether steps fit together). `signature` has the class that ties them.
"""

from .arguments import InputsSchema
from .mismatch import InputMismatch, OutputMismatch, SignatureMismatch
from .shapes import Field, FieldType, ListOf, Maybe, Record, Scalar
from .signature import Signature, signature_of

__all__ = [
    "Field",
    "FieldType",
    "InputMismatch",
    "InputsSchema",
    "ListOf",
    "Maybe",
    "OutputMismatch",
    "Record",
    "Scalar",
    "Signature",
    "SignatureMismatch",
    "signature_of",
]
