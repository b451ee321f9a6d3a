"""Models, embedders and caches from their names and addresses."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from ..data import CallerError
from ..loop import blocking, run_blocking
from ..models import (
    Embedder,
    EmbedderOptions,
    EmbeddingModel,
    Line,
    Model,
    Retry,
    RetryPolicy,
    WiredEmbedder,
    WiredModel,
)
from ..providers import (
    Asked,
    AvailableModels,
    Capabilities,
    Endpoint,
    Vendor,
    discover,
    embedding_wire,
    endpoint,
    vendor_and_model,
    vendors_to_ask,
)
from ..wire import Transport, dialect
from .connections import loop_transport, new_transport
from .prices import get_embedding_rates

if TYPE_CHECKING:
    from ..adapters.model_in_process import InProcessModel
    from ..models import Store


def open_model(
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    transport: Transport | None = None,
    capabilities: Capabilities | None = None,
    retry: RetryPolicy | None = RetryPolicy(),  # noqa: B008  (a frozen value)
) -> Retry | WiredModel | InProcessModel:
    """A model by the name `vendor:model`; its address and key come from the arguments or the environment.

    Some vendors speak several wires: `openai-responses:…`, `openai-chat:…` choose one (docs/vendors.md). A missing key is an
    error of the first request, so that programs can be imported without one. Inside `async with open_model(…)` it has
    connections of its own; else it shares those of the running event loop. A `transport` that is passed in stays its
    caller's to close. `capabilities` replaces what is known of the model. Requests that fail for a moment are sent again as
    `retry` says, None for not at all. Raises `CallerError` for an unknown vendor.
    """
    vendor, model = vendor_and_model(name)
    if vendor.dialect == "in_process":
        return _in_process(vendor, model, capabilities)
    wired = wired_model(
        vendor, model, base_url=base_url, api_key=api_key, transport=transport, capabilities=capabilities
    )
    return wired if retry is None else Retry(wired, retry)


def wired_model(
    vendor: Vendor,
    model: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    transport: Transport | None = None,
    capabilities: Capabilities | None = None,
) -> WiredModel:
    """A model of a vendor's row, registered or not, that sends each request once."""
    return WiredModel(
        f"{vendor.name}:{model}",
        dialect(vendor.dialect_of(model), vendor.quirks),
        where=lambda: vendor_endpoint(vendor, base_url=base_url, api_key=api_key),
        capabilities=capabilities or vendor.capabilities_of(model),
        shared=loop_transport if transport is None else lambda: transport,
        fresh=new_transport if transport is None else None,
    )


def _in_process(vendor: Vendor, model: str, capabilities: Capabilities | None) -> InProcessModel:
    if vendor.name == "airllm":
        from ..adapters.model_airllm import airllm_model  # noqa: PLC0415  (an adapter is imported when it is used)

        return airllm_model(model, capabilities=capabilities or vendor.capabilities_of(model))
    from ..adapters.model_transformers import transformers_model  # noqa: PLC0415  (likewise)

    return transformers_model(model, capabilities=capabilities or vendor.capabilities_of(model))


def model_of(model: str | Model) -> Model:
    """A model from its name, or the model itself."""
    return open_model(model) if isinstance(model, str) else model


def open_embedder(
    model: str | EmbeddingModel,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    transport: Transport | None = None,
    options: EmbedderOptions = EmbedderOptions(),  # noqa: B008  (a frozen value)
) -> Embedder:
    """Texts to vectors with the model `vendor:model`, or with an embedding model of your own.

    Address, key, connections and `transport` are as with `open_model`. Raises `CallerError` for an unknown vendor and for
    one without embeddings.
    """
    if isinstance(model, str):
        vendor, name = vendor_and_model(model)
        line = Line(
            f"{vendor.name}:{name}",
            where=lambda: vendor_endpoint(vendor, base_url=base_url, api_key=api_key),
            shared=loop_transport if transport is None else lambda: transport,
            fresh=new_transport if transport is None else None,
        )
        model = WiredEmbedder(line.name, embedding_wire(vendor), line)
    return Embedder(model, options, rates_of=get_embedding_rates, wait=run_blocking)


def vendor_endpoint(vendor: Vendor, *, base_url: str | None = None, api_key: str | None = None) -> Endpoint:
    """Where a vendor is reached from this process, with a signer where its requests are signed."""
    place = endpoint(vendor, os.environ, base_url=base_url, api_key=api_key)
    match place.signer:
        case "aws":
            from ..adapters.auth_aws import aws_signer  # noqa: PLC0415  (an adapter is imported when it is used)

            return msgspec.structs.replace(place, authorize=aws_signer())
        case "google":
            from ..adapters.auth_google import google_tokens  # noqa: PLC0415  (likewise)

            return msgspec.structs.replace(place, authorize=google_tokens())
        case _:
            return place


async def get_available_models(
    vendors: Iterable[str] | None = None, *, patience: float = 10.0, transport: Transport | None = None
) -> AvailableModels:
    """Ask for the models that are within reach: of these vendors, else of all with a key here and of local servers.

    All are asked at once, each for at most `patience` seconds; one that does not answer is told of in `unreachable`.
    Raises `CallerError` for a vendor that is none, or that gives no list.
    """

    def asked(vendor: Vendor, guessed: bool) -> Asked:  # noqa: FBT001  (of a pair)
        return Asked(vendor, lambda: vendor_endpoint(vendor), guessed)

    places = [asked(vendor, guessed) for vendor, guessed in vendors_to_ask(vendors, os.environ)]
    return await discover(places, transport or loop_transport(), patience=patience)


get_available_models_sync = blocking(get_available_models)


def open_cache(url: str) -> Store:
    """Where `Cached` keeps answers: `memory:`, `sqlite:///cache.db` or `redis://host:6379/0` (also `rediss:` and `unix:`).

    It opens when it is first used; whoever opened it closes it. Raises `CallerError` for another address, and where the
    package `redis` is missing.
    """
    scheme, found, path = url.partition("://")
    if url == "memory:":
        from ..models import MemoryStore  # noqa: PLC0415  (few programs keep answers)

        return MemoryStore()
    if scheme == "sqlite" and len(path) > 1 and path.startswith("/"):
        from ..adapters.cache_sqlite import SqliteStore  # noqa: PLC0415  (an adapter is imported when it is used)

        return SqliteStore(path[1:])
    if scheme in ("redis", "rediss", "unix") and found and path:
        from ..adapters.cache_redis import RedisStore  # noqa: PLC0415  (likewise)

        return RedisStore(url)
    # Not the address itself, which may hold a password.
    raise CallerError(
        f'{scheme}: is no address of a cache; use "memory:", "sqlite:///cache.db" or "redis://localhost:6379/0"'
    )
