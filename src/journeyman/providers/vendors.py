"""The table of vendors: dialect, address, credentials, capabilities. A new OpenAI-compatible vendor is a row here."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ..data import CallerError
from ..wire import ChatQuirks
from .capabilities import Capabilities


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a vendor's models.

    `key_env` and `url_env` name environment variables; `auth` says which header carries the key. `schema_models` are the
    beginnings of the names of models with a native JSON schema mode, where not all have it.
    """

    name: str
    dialect: Literal["openai_chat", "anthropic"]
    base_url: str | None
    key_env: str | None = None
    url_env: str | None = None
    auth: Literal["bearer", "x-api-key"] = "bearer"
    local: bool = False
    capabilities: Capabilities = Capabilities()
    schema_models: tuple[str, ...] | None = None
    quirks: ChatQuirks = ChatQuirks()
    keys_at: str | None = None

    def capabilities_of(self, model: str) -> Capabilities:
        """What one of its models can do."""
        if self.schema_models is None:
            return self.capabilities
        return msgspec.structs.replace(self.capabilities, json_schema=model.startswith(self.schema_models))


_ROWS = (
    Vendor(
        name="openai",
        dialect="openai_chat",
        base_url="https://api.openai.com/v1",
        key_env="OPENAI_API_KEY",
        url_env="OPENAI_BASE_URL",
        quirks=ChatQuirks(call_ids="short"),
        keys_at="https://platform.openai.com/api-keys",
    ),
    Vendor(
        name="anthropic",
        dialect="anthropic",
        base_url="https://api.anthropic.com",
        key_env="ANTHROPIC_API_KEY",
        url_env="ANTHROPIC_BASE_URL",
        auth="x-api-key",
        # Structured outputs came with these; older models refuse `output_config` (Anthropic's page "Structured outputs").
        schema_models=(
            *("claude-haiku-4-5", "claude-haiku-5", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-sonnet-5"),
            *("claude-opus-4-1", "claude-opus-4-5", "claude-opus-4-6", "claude-opus-4-7", "claude-opus-4-8"),
            *("claude-opus-5", "claude-fable", "claude-mythos"),
        ),
        keys_at="https://console.anthropic.com/settings/keys",
    ),
    Vendor(
        name="groq",
        dialect="openai_chat",
        base_url="https://api.groq.com/openai/v1",
        key_env="GROQ_API_KEY",
        # Groq's page "Structured Outputs" lists these, and refuses the mode together with tools or streaming elsewhere.
        schema_models=("openai/gpt-oss", "moonshotai/kimi-k2", "meta-llama/llama-4"),
        keys_at="https://console.groq.com/keys",
    ),
    Vendor(
        name="openrouter",
        dialect="openai_chat",
        base_url="https://openrouter.ai/api/v1",
        key_env="OPENROUTER_API_KEY",
        # It passes the mode on to whoever serves the model, and not all of them have it.
        capabilities=Capabilities(json_schema=False, states_cost=True),
        quirks=ChatQuirks(reasoning_object=True, video=True, top_k=True, documents="file_or_url"),
        keys_at="https://openrouter.ai/settings/keys",
    ),
    Vendor(
        name="ollama",
        dialect="openai_chat",
        base_url="http://127.0.0.1:11434/v1",
        url_env="OLLAMA_BASE_URL",
        quirks=ChatQuirks(max_tokens="max_tokens"),
        local=True,
    ),
    Vendor(
        name="lmstudio",
        dialect="openai_chat",
        base_url="http://127.0.0.1:1234/v1",
        url_env="LMSTUDIO_BASE_URL",
        quirks=ChatQuirks(max_tokens="max_tokens"),
        local=True,
    ),
    Vendor(
        name="compatible",
        dialect="openai_chat",
        base_url=None,
        key_env="COMPATIBLE_API_KEY",
        url_env="COMPATIBLE_BASE_URL",
        quirks=ChatQuirks(max_tokens="max_tokens"),
        local=True,
        capabilities=Capabilities(json_schema=False),
    ),
)

VENDORS: dict[str, Vendor] = {row.name: row for row in _ROWS}
"""The vendors by name; `register_vendor` adds to it."""


def register_vendor(vendor: Vendor) -> None:
    """Add a vendor, or replace one, for this process. Raises `CallerError` for a name that cannot be told from a model's."""
    if not vendor.name or set(vendor.name) & set(":/"):
        raise CallerError(f"{vendor.name!r} cannot be the name of a vendor: names are vendor:model or vendor/model")
    VENDORS[vendor.name] = vendor


# The first separator decides, since names of models hold both themselves: openrouter:meta-llama/llama-3, ollama/qwen3:8b.
_NAME = re.compile(r"([^:/]+)[:/](.+)", re.DOTALL)


def vendor_and_model(name: str) -> tuple[Vendor, str]:
    """The vendor and its model's name from `vendor:model` or `vendor/model`.

    Raises `CallerError` for a name without a vendor and for an unknown vendor.
    """
    parts = _NAME.fullmatch(name)
    if parts is None:
        raise CallerError(f"{name!r} is no model name; write vendor:model, for example openai:gpt-5-mini")
    vendor, model = parts.groups()
    if vendor not in VENDORS:
        known = ", ".join(sorted(VENDORS))
        raise CallerError(
            f"the vendor {vendor!r} of {name!r} is not known; the vendors are {known}. Any OpenAI-compatible server is "
            f'open_model("compatible:{model}", base_url="http://…/v1")'
        )
    return VENDORS[vendor], model
