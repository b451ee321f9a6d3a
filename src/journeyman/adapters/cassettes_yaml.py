"""YAML of recorded cassettes to plain values, with PyYAML."""

from __future__ import annotations

import importlib
from typing import Any

from ..data import CallerError


def load_yaml(text: bytes) -> Any:
    """The values of a YAML document; nothing but plain values is made. Raises `CallerError` for what is no YAML."""
    try:
        yaml: Any = importlib.import_module("yaml")
    except ImportError as error:
        raise CallerError('cassettes in YAML need PyYAML: pip install "journeyman[cassettes]"') from error

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # one of two classes, made in C or not
        """Safe, and as forgiving as vcrpy: what Python 2 wrote is a string."""

    Loader.add_constructor("tag:yaml.org,2002:python/unicode", _as_written)
    # A date is a string to whoever wrote JSON.
    Loader.add_constructor("tag:yaml.org,2002:timestamp", _as_written)
    try:
        return yaml.load(text, Loader=Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        where = str(error).replace("\n", " ")
        raise CallerError(f"this is no YAML that can be read: {where}") from error


def _as_written(loader: Any, node: Any) -> str:
    return str(loader.construct_scalar(node))
