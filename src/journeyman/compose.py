"""Picks adapters from a URL or a name; the only core module that names one."""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from .data import CallerError, Message, ModelUsage, Part, ToolSpec, Usage, dollars
from .journal import Log
from .loop import blocking, run_blocking, surroundings
from .models import (
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
from .programs import Language, ProgramLimits
from .providers import (
    Asked,
    AvailableModels,
    Capabilities,
    Endpoint,
    Estimate,
    Rates,
    Vendor,
    cost_of,
    count_tokens,
    discover,
    embedding_wire,
    endpoint,
    vendor_and_model,
    vendors_to_ask,
)
from .queues import Engine
from .tools import Tool
from .wire import Transport, dialect

if TYPE_CHECKING:
    from .adapters.model_in_process import InProcessModel
    from .adapters.sandbox_monty import MontySandbox
    from .models import Store

_transports: dict[asyncio.AbstractEventLoop, tuple[Transport, AsyncGenerator[None, None]]] = {}
_rates: dict[str, Rates | None] = {}


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
        from .adapters.model_airllm import airllm_model  # noqa: PLC0415  (an adapter is imported when it is used)

        return airllm_model(model, capabilities=capabilities or vendor.capabilities_of(model))
    from .adapters.model_transformers import transformers_model  # noqa: PLC0415  (likewise)

    return transformers_model(model, capabilities=capabilities or vendor.capabilities_of(model))


def open_cache(url: str) -> Store:
    """Where `Cached` keeps answers: `memory:`, `sqlite:///cache.db` or `redis://host:6379/0` (also `rediss:` and `unix:`).

    It opens when it is first used; whoever opened it closes it. Raises `CallerError` for another address, and where the
    package `redis` is missing.
    """
    scheme, found, path = url.partition("://")
    if url == "memory:":
        from .models import MemoryStore  # noqa: PLC0415  (few programs keep answers)

        return MemoryStore()
    if scheme == "sqlite" and len(path) > 1 and path.startswith("/"):
        from .adapters.cache_sqlite import SqliteStore  # noqa: PLC0415  (an adapter is imported when it is used)

        return SqliteStore(path[1:])
    if scheme in ("redis", "rediss", "unix") and found and path:
        from .adapters.cache_redis import RedisStore  # noqa: PLC0415  (likewise)

        return RedisStore(url)
    # Not the address itself, which may hold a password.
    raise CallerError(
        f'{scheme}: is no address of a cache; use "memory:", "sqlite:///cache.db" or "redis://localhost:6379/0"'
    )


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
            from .adapters.auth_aws import aws_signer  # noqa: PLC0415  (an adapter is imported when it is used)

            return msgspec.structs.replace(place, authorize=aws_signer())
        case "google":
            from .adapters.auth_google import google_tokens  # noqa: PLC0415  (likewise)

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


def model_of(model: str | Model) -> Model:
    """A model from its name, or the model itself."""
    return open_model(model) if isinstance(model, str) else model


def new_memory_log() -> Log:
    """A log that lasts as long as somebody holds it."""
    from .adapters.log_memory import MemoryLog  # noqa: PLC0415  (an adapter is imported when it is used)

    return MemoryLog()


def new_transport() -> Transport:
    """A transport with connections of its own; whoever makes it closes it."""
    from .adapters.transport_aiohttp import AiohttpTransport  # noqa: PLC0415  (aiohttp is slow to import)

    return AiohttpTransport()


def loop_transport() -> Transport:
    """The transport that everything in the running event loop shares; it is closed when the loop shuts down."""
    loop = asyncio.get_running_loop()
    found = _transports.get(loop)
    if found is None:
        transport = new_transport()
        guard = _until_loop_ends(loop, transport)
        # Runs the generator up to its yield, which registers it with the loop: `asyncio.run` closes all generators
        # before it closes the loop. That is the only hook that a loop has for its end, and better than `__del__`.
        try:
            anext(guard).send(None)
        except StopIteration:
            found = _transports[loop] = (transport, guard)
    assert found is not None  # noqa: S101  (the generator yields at once; this tells the type checkers)
    return found[0]


async def _until_loop_ends(loop: asyncio.AbstractEventLoop, transport: Transport) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        # A weak key would never go, for the transport itself holds its loop.
        del _transports[loop]
        await transport.close()


def open_sandbox(
    *,
    processes: int | None = None,
    key: bytes | None = None,
    limits: ProgramLimits = ProgramLimits(),  # noqa: B008  (a frozen value)
) -> MontySandbox:
    """A sandbox for programs that nobody has to trust; `async with` opens it, and closes it at the end.

    At most `processes` programs compute at the same time, by default as many as there are processors. `limits` are those of
    programs that are run without their own. Sandboxes with the same `key` (32 random bytes, kept secret) take up each
    other's snapshots; with another, suspended programs are run again from their recorded calls.
    """
    from .adapters.sandbox_monty import MontySandbox  # noqa: PLC0415  (an adapter is imported when it is used)

    return MontySandbox(language, processes=processes, key=key, limits=limits)


@functools.cache
def language(name: str) -> Language:
    """A language of programs: `python`, or `lisp` (also asked for as `clojure` and `ptc-lisp`); else `CallerError`."""
    match name:
        case "python":
            from .programs.python import Python  # noqa: PLC0415  (the parser is imported when it is used)

            return Python()
        case "lisp" | "clojure" | "ptc-lisp":
            from .programs.lisp import Lisp  # noqa: PLC0415  (likewise)

            return Lisp()
        case _:
            raise CallerError(f"there is no language {name!r}; the languages are: python, lisp")


@asynccontextmanager
async def open_journal(journal: str | Log) -> AsyncGenerator[Log, None]:
    """A log by its URL, closed at the end; a log itself is passed through, left open.

    `memory:`, `sqlite:///runs.db`, `file:///directory`, `postgresql://user@host/database`, and `s3:`, `gs:` or `az:` with
    bucket and prefix. docs/journals.md says which is for what.

    `sqlite:///path.db?synchronous=normal` does not wait for the disk: it is quicker, and what was written last may be lost
    with the machine's power (not with the process).

    Raises `CallerError` for an address that is none of these, and where a package that it needs is missing.
    """
    if not isinstance(journal, str):
        yield journal
        return
    from .adapters.log_addresses import log_at  # noqa: PLC0415  (an adapter is imported when it is used)

    log = log_at(journal)
    try:
        yield log
    finally:
        await log.close()


def open_engine(journal: str, name: str) -> Engine:
    """The queue of that name beside a journal; whoever opened it closes it."""
    from .adapters.queue_dbos import DbosEngine  # noqa: PLC0415  (dbos takes seconds to import)

    return DbosEngine(journal, name)


def get_model_rates(model: str) -> Rates | None:
    """What a model's tokens cost: what `set_model_rates` said, else the bundled price list; None where nobody knows."""
    model = _full_name(model)
    if model not in _rates:
        from .adapters.prices_genai import list_rates  # noqa: PLC0415  (the price list is slow to import)

        _rates[model] = list_rates(model)
    return _rates[model]


def get_embedding_rates(model: str) -> Rates | None:
    """The same for a model that gives vectors: its list price names no tokens that it gives, and it gives none."""
    model = _full_name(model)
    if (known := get_model_rates(model)) is not None:
        return known
    from .adapters.prices_genai import list_rates  # noqa: PLC0415  (the price list is slow to import)

    return list_rates(model, gives_tokens=False)


def set_model_rates(model: str, rates: Rates) -> None:
    """Say what a model's tokens cost, for this process."""
    _rates[_full_name(model)] = rates


def _full_name(model: str) -> str:
    # As models are named everywhere else, so that rates for openai/gpt-5 are found for openai:gpt-5.
    try:
        vendor, name = vendor_and_model(model)
    except CallerError:
        return model
    return f"{vendor.own_name}:{name}"


def cost(used: tuple[ModelUsage, ...]) -> int | None:
    """The cost in nano-dollars, or None where a price is unknown."""
    return cost_of(used, get_model_rates)


def estimate(
    model: str | Model,
    prompt: str | Sequence[str | Part | Message],
    *,
    tools: Iterable[Tool[..., Any] | ToolSpec] = (),
    max_tokens: int | None = None,
) -> Estimate:
    """What a request will come to, before it is made and without a network: a guess, and a bound.

    `prompt` is words, words and media, or a whole history. With `max_tokens`, the limit of the answer, it says what the
    request costs at most. How far the numbers can be trusted is in `Estimate`.
    """
    name = _full_name(model if isinstance(model, str) else model.name)
    counted = count_tokens(_messages(prompt), [tool.spec if isinstance(tool, Tool) else tool for tool in tools])
    rates = get_model_rates(name)
    guessed = at_most = None
    if rates is not None:
        guessed = dollars(rates.cost(ModelUsage.of(name, Usage(input=counted.guess))))
        if counted.at_most is not None and max_tokens is not None:
            # Nothing is read from a cache, and who knows in which of its buckets a provider counts the rest.
            worst = max(
                rates.cost(ModelUsage.of(name, Usage(**{paid: counted.at_most, given: max_tokens})))
                for paid in ("input", "cache_write")
                for given in ("output", "reasoning")
            )
            at_most = dollars(worst)
    return Estimate(name, counted.guess, counted.at_most, max_tokens, guessed, at_most, counted.media)


def _messages(prompt: str | Sequence[str | Part | Message]) -> list[Message]:
    if isinstance(prompt, str):
        return [Message.user(prompt)]
    messages = [item for item in prompt if isinstance(item, Message)]
    words = [item for item in prompt if not isinstance(item, Message)]
    return [*messages, Message.user(words)] if words else messages


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def new_run_id() -> str:
    """An id that nothing else has; the one on the tape, while one plays."""
    around = surroundings.get()
    return draw_run_id() if around is None else around.new_id()


def draw_run_id() -> str:
    """An id that sorts by time: 12 hexadecimal digits of milliseconds, then 14 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(7).hex()}"
