"""The vendors by name: those of the tables, and those that a program adds."""

from __future__ import annotations

import re

from ..data import CallerError
from ..wire import DIALECTS
from .tables import compatible, local, own_wires
from .vendor import Vendor

VENDORS: dict[str, Vendor] = {row.name: row for row in (*own_wires.ROWS, *compatible.ROWS, *local.ROWS)}
"""The vendors by name; `register_vendor` adds to it."""

ALIASES = {
    "google": "gemini",
    "vertexai": "vertex",
    "aws": "bedrock",
    "grok": "xai",
    "x-ai": "xai",
    "moonshotai": "moonshot",
    "z-ai": "zai",
    "hf": "huggingface",
    "llama.cpp": "llamacpp",
    "local": "compatible",
    "http": "compatible",
}
"""Other names for the same vendors; a model is always named by the vendor's own."""

ENTRY_POINTS = "journeyman.vendors"
"""The group in which packages name their vendors: each entry is a `Vendor`, or a function that gives one or several."""

# The first separator decides, since names of models hold both themselves: openrouter:meta-llama/llama-3, ollama/qwen3:8b.
_NAME = re.compile(r"([^:/]+)[:/](.+)", re.DOTALL)


def register_vendor(vendor: Vendor) -> None:
    """Add a vendor, or replace one, for this process.

    Raises `CallerError` for a name that cannot be told from a model's, and for a wire that does not exist.
    """
    if not vendor.name or set(vendor.name) & set(":/"):
        raise CallerError(f"{vendor.name!r} cannot be the name of a vendor: names are vendor:model or vendor/model")
    for dialect in (vendor.dialect, *(wire.dialect for wire in vendor.wires)):
        if dialect not in DIALECTS:
            raise CallerError(f"the vendor {vendor.name!r} wants a wire {dialect!r}; there are {', '.join(DIALECTS)}")
    VENDORS[vendor.name] = vendor


def load_entry_points() -> tuple[str, ...]:
    """Add the vendors that installed packages bring, and give their names; nothing is loaded before this is called.

    A package names them in the entry point group `journeyman.vendors`. Raises `CallerError` that names the package where
    one cannot be loaded or is no vendor.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415  (slow to import, and seldom asked)

    names: list[str] = []
    for entry in entry_points(group=ENTRY_POINTS):
        where = f"the entry point {entry.name!r} ({entry.value}) of {entry.dist.name if entry.dist else 'a package'}"
        try:
            found: object = entry.load()
            made: object = found() if callable(found) else found
        except Exception as error:
            raise CallerError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
        for vendor in made if isinstance(made, tuple | list) else (made,):  # pyright: ignore[reportUnknownVariableType]  (checked below)
            if not isinstance(vendor, Vendor):
                raise CallerError(f"{where} gives no Vendor but {type(vendor).__name__}")  # pyright: ignore[reportUnknownArgumentType]
            register_vendor(vendor)
            names.append(vendor.name)
    return tuple(names)


def vendor_named(name: str) -> Vendor | None:
    """A vendor by its name, one of its other names, or on another of its wires (`openai-responses`)."""
    name = ALIASES.get(name, name) if name not in VENDORS else name
    if name in VENDORS:
        return VENDORS[name]
    row, dash, suffix = name.rpartition("-")
    row = ALIASES.get(row, row)
    if dash and row in VENDORS and any(wire.suffix == suffix for wire in VENDORS[row].wires):
        return VENDORS[row].on_wire(suffix)
    return None


def vendor_and_model(name: str) -> tuple[Vendor, str]:
    """The vendor and its model's name from `vendor:model` or `vendor/model`.

    Raises `CallerError` for a name without a vendor and for an unknown vendor.
    """
    parts = _NAME.fullmatch(name)
    if parts is None or parts[2].startswith("//"):
        hint = f'; for a server of one\'s own: open_model("compatible:model", base_url={name!r})' if parts else ""
        raise CallerError(f"{name!r} is no model name; write vendor:model, for example openai:gpt-5-mini{hint}")
    vendor = vendor_named(parts[1])
    if vendor is None:
        known = ", ".join(sorted(VENDORS))
        raise CallerError(
            f"the vendor {parts[1]!r} of {name!r} is not known; the vendors are {known}. Any OpenAI-compatible server is "
            f'open_model("compatible:{parts[2]}", base_url="http://…/v1")'
        )
    return vendor, parts[2]
