"""Which models are within reach: every vendor is asked at the same time, and none holds up the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from ..data import CallerError, ProviderError, ProviderErrorKind
from ..data.errors import kind_of
from ..wire import HttpRequest, Transport
from .endpoint import Endpoint, is_configured, shown_address
from .listings import list_request, read_page
from .vendor import Vendor
from .vendors import VENDORS, vendor_named

MOST_PAGES = 50
"""Of a list; it would be longer than all models that there are."""

MOST_BYTES = 8 * 1024 * 1024
"""Of a page; OpenRouter's list, the longest, has about one million."""


class AvailableModel(msgspec.Struct, frozen=True):
    """A model that a vendor has for us."""

    vendor: str
    model: str

    @property
    def name(self) -> str:
        """As `open_model` takes it."""
        return f"{self.vendor}:{self.model}"


class Unreachable(msgspec.Struct, frozen=True):
    """A vendor that gave no list, and why; `guessed` is a server on this machine of which nobody spoke."""

    vendor: str
    reason: str
    guessed: bool = False


class AvailableModels(msgspec.Struct, frozen=True):
    """Models in the order of the vendors, and of each vendor's own list; `addresses` says where each vendor answered."""

    models: tuple[AvailableModel, ...]
    unreachable: tuple[Unreachable, ...] = ()
    addresses: Mapping[str, str] = {}

    def of(self, vendor: str) -> tuple[str, ...]:
        """The names of one vendor's models."""
        return tuple(found.model for found in self.models if found.vendor == vendor)


class Asked(NamedTuple):
    """A vendor to ask; `where` raises `CallerError` where something is missing."""

    vendor: Vendor
    where: Callable[[], Endpoint]
    guessed: bool = False


def vendors_to_ask(names: Iterable[str] | None, environ: Mapping[str, str]) -> list[tuple[Vendor, bool]]:
    """The vendors of these names, else those that the environment speaks of, and the servers that this machine may run.

    With each, whether it is a guess. Raises `CallerError` for a name that is none, or of one without a list.
    """
    if names is not None:
        return [(_with_list(name), False) for name in names]
    found: list[tuple[Vendor, bool]] = []
    for vendor in VENDORS.values():
        if vendor.listing is None or not is_configured(vendor, environ):
            continue
        # OLLAMA_HOST is as good as OLLAMA_BASE_URL.
        spoken_of = any(
            environ.get(name) for name in (*vendor.key_variables, vendor.url_env or "", *vendor.url_aliases)
        )
        found.append((vendor, vendor.local and not spoken_of))
    return found


async def discover(asked: Iterable[Asked], transport: Transport, *, patience: float) -> AvailableModels:
    """Ask these vendors for their models, each for at most `patience` seconds; what fails is told, not raised."""
    places = list(asked)
    answers = await asyncio.gather(*(_answer(item, transport, patience) for item in places))
    models: list[AvailableModel] = []
    unreachable: list[Unreachable] = []
    addresses: dict[str, str] = {}
    for item, (address, answer) in zip(places, answers, strict=True):
        if isinstance(answer, str):
            unreachable.append(Unreachable(item.vendor.name, answer, item.guessed))
        else:
            addresses[item.vendor.name] = address
            models += [AvailableModel(item.vendor.name, name) for name in answer]
    return AvailableModels(tuple(models), tuple(unreachable), addresses)


def _with_list(name: str) -> Vendor:
    vendor = vendor_named(name)
    if vendor is None:
        raise CallerError(f"the vendor {name!r} is not known; the vendors are {', '.join(sorted(VENDORS))}")
    if vendor.listing is None:
        raise CallerError(f"{vendor.name} gives no list of its models")
    return vendor


async def _answer(item: Asked, transport: Transport, patience: float) -> tuple[str, list[str] | str]:
    try:
        place = item.where()
        async with asyncio.timeout(patience):
            return shown_address(place.base_url), await _names(place, transport)
    except TimeoutError:
        return "", f"no answer within {patience:g} s"
    except ProviderError as error:
        return "", error.message
    except CallerError as error:
        return "", str(error)


async def _names(place: Endpoint, transport: Transport) -> list[str]:
    listing = place.vendor.listing
    assert listing is not None  # noqa: S101  (`vendors_to_ask` has looked; this tells the type checkers)
    names: dict[str, None] = {}
    following = ""
    for _ in range(MOST_PAGES):
        request = list_request(place, listing, following)
        if place.authorize is not None:
            request = await place.authorize(request)
        page = read_page(listing, await _body(transport, request))
        names |= dict.fromkeys(page.names)
        following = page.following
        if not following:
            break
    return list(names)


async def _body(transport: Transport, request: HttpRequest) -> bytes:
    async with transport.exchange(request) as reply:
        status = reply.head.status
        if status != 200:  # noqa: PLR2004  (HTTP's own "OK")
            raise ProviderError(_refusal(status), status=status)
        pieces: list[bytes] = []
        size = 0
        async for chunk in reply.chunks():
            size += len(chunk)
            if size > MOST_BYTES:
                raise ProviderError(
                    "what answers there is no model server: its list of models has no end", kind="server"
                )
            pieces.append(chunk)
        return b"".join(pieces)


_WORDS: dict[ProviderErrorKind, str] = {
    "authentication": "the key is not accepted",
    "permission": "the key may not list models",
    "not_found": "something answers there, but has no list of models",
}


def _refusal(status: int) -> str:
    # In our words: a provider's own may repeat the key.
    return f"{_WORDS.get(kind_of(status), 'the list of models was refused')} (HTTP status {status})"
