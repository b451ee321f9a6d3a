"""What is known of a vendor: the shape of a row in the tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from ..data import CallerError
from ..wire import ChatQuirks, HttpRequest
from .capabilities import Capabilities

DialectName = Literal[
    "openai_chat", "openai_responses", "anthropic", "gemini", "bedrock", "cohere", "ollama", "in_process"
]
"""A wire's name, or `in_process` for a model that runs in this process and has none."""

Listing = Literal["openai", "anthropic", "gemini", "ollama", "cohere", "bedrock"]
"""The shapes in which vendors list their models."""

Authorize = Callable[[HttpRequest], Awaitable[HttpRequest]]
"""Signs a request whose `path` is the whole address, or gives it a fresh token; asked for each request."""


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """Models of a vendor that differ from the rest, told by the beginnings of their names."""

    names: tuple[str, ...]
    capabilities: Capabilities | None = None
    dialect: DialectName | None = None


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """Another wire of a vendor, chosen by a name such as `openai-responses`; what is not said is as in the row."""

    suffix: str
    dialect: DialectName
    base_url: str | None = None
    address: Callable[[Mapping[str, str], bool], str] | None = None
    auth: str | None = None
    quirks: ChatQuirks | None = None


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach a vendor's models.

    `key_env` and `url_env` name environment variables, `key_aliases` others that are asked for the key after it. `address`
    works the address out of the environment where that takes more than one variable (`url_aliases` are the others); it is
    told whether there is a key.

    `auth` says what carries the key: `bearer`, the name of a header, or `?name` for a parameter of the query; `aws` and
    `google` sign each request with what is found in the environment where no key is given, and `authorize` makes a signer
    of one's own. `headers` go with each request. A `local` vendor needs no key.

    `exceptions` are models that differ from `capabilities` or speak another wire: the first whose names fit counts.
    `wires` are further wires of the vendor. `listing` is the shape of its list of models, None where it has none.
    `models_at` is its address where that is another than the vendor's.
    `prices` is the vendor's name in the price list genai-prices, None where it is not in it. `wire_of` is set by `on_wire`.
    """

    name: str
    dialect: DialectName
    base_url: str | None
    key_env: str | None = None
    key_aliases: tuple[str, ...] = ()
    url_env: str | None = None
    url_aliases: tuple[str, ...] = ()
    address: Callable[[Mapping[str, str], bool], str] | None = None
    auth: str = "bearer"
    authorize: Callable[[Mapping[str, str]], Authorize] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    local: bool = False
    capabilities: Capabilities = Capabilities()
    exceptions: tuple[Models, ...] = ()
    wires: tuple[Wire, ...] = ()
    quirks: ChatQuirks = ChatQuirks()
    keys_at: str | None = None
    listing: Listing | None = "openai"
    models_at: str | None = None
    prices: str | None = None
    wire_of: str = ""

    @property
    def own_name(self) -> str:
        """Its name without that of a wire: `openai` for `openai-responses`; prices and keys go by it."""
        return self.wire_of or self.name

    @property
    def key_variables(self) -> tuple[str, ...]:
        """The environment variables that may hold the key, in the order in which they are asked."""
        return (*((self.key_env,) if self.key_env else ()), *self.key_aliases)

    @property
    def needs_key(self) -> bool:
        """Whether it cannot be reached without one."""
        return not self.local and self.auth not in ("aws", "google") and self.authorize is None

    def capabilities_of(self, model: str) -> Capabilities:
        """What one of its models can do."""
        for group in self.exceptions:
            if group.capabilities is not None and model.startswith(group.names):
                return group.capabilities
        return self.capabilities

    def dialect_of(self, model: str) -> DialectName:
        """The wire that one of its models speaks."""
        for group in self.exceptions:
            if group.dialect is not None and model.startswith(group.names):
                return group.dialect
        return self.dialect

    def on_wire(self, suffix: str) -> Vendor:
        """The vendor on another of its wires, whichever the model; raises `CallerError` where it has no such wire."""
        for wire in self.wires:
            if wire.suffix == suffix:
                return replace(
                    self,
                    name=f"{self.name}-{suffix}",
                    dialect=wire.dialect,
                    base_url=wire.base_url or self.base_url,
                    address=wire.address or (None if wire.base_url else self.address),
                    # An address of the one wire, in a variable, is none of the other's.
                    url_env=None if wire.base_url and not wire.address else self.url_env,
                    auth=wire.auth or self.auth,
                    quirks=wire.quirks or self.quirks,
                    exceptions=tuple(replace(group, dialect=None) for group in self.exceptions),
                    wires=(),
                    wire_of=self.name,
                )
        known = ", ".join(f"{self.name}-{wire.suffix}" for wire in self.wires) or "none"
        raise CallerError(f"{self.name} has no wire {suffix!r}; besides {self.name} there is: {known}")
