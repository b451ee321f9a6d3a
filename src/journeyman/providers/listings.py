"""Lists of models: how each kind of vendor is asked for its own, and how it answers, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, assert_never
from urllib.parse import quote

import msgspec

from ..data import ProviderError
from ..wire import HttpRequest
from .endpoint import Endpoint
from .vendor import Listing

_read: Callable[[bytes], object] = msgspec.json.Decoder().decode

# Anthropic's, Google's and Cohere's largest pages (their references of these lists).
_PAGE = 1000


class Page(msgspec.Struct, frozen=True):
    """Some names of models, and what asks for those that follow, or nothing."""

    names: tuple[str, ...]
    following: str = ""


def list_request(place: Endpoint, listing: Listing, following: str = "") -> HttpRequest:
    """The request for a page of a vendor's list, before it is signed; `following` is from the page before."""
    headers = {**dict(place.vendor.headers), **place.headers(), "accept": "application/json"}
    if listing == "anthropic":
        headers["anthropic-version"] = "2023-06-01"
    if place.vendor.models_at is not None:
        return HttpRequest("GET", place.vendor.models_at, headers)
    address = place.address(_path(listing, following))
    if listing == "bedrock":
        # The models are told of by the control plane, which is another host than the one that runs them.
        address = address.replace("://bedrock-runtime.", "://bedrock.", 1)
    return HttpRequest("GET", address, headers)


def read_page(listing: Listing, body: bytes) -> Page:
    """The names on a page; raises `ProviderError` for what is no such list."""
    try:
        value = _read(body)
        match listing:
            case "openai":
                return _openai(value)
            case "anthropic":
                page = _object(value)
                more = page.get("has_more") is True
                return Page(_names(page.get("data"), "id"), _text(page.get("last_id")) if more else "")
            case "gemini":
                page = _object(value)
                return Page(_gemini(page), _text(page.get("nextPageToken")))
            case "ollama":
                return Page(_names(_object(value).get("models"), "name"))
            case "cohere":
                page = _object(value)
                return Page(_names(page.get("models"), "name"), _text(page.get("next_page_token")))
            case "bedrock":
                return Page(_names(_object(value).get("modelSummaries"), "modelId"))
            case _:
                assert_never(listing)
    except (ValueError, RecursionError, TypeError) as error:
        raise ProviderError(
            "what answers there is no model server: it gives no list of models", kind="server"
        ) from error


def _path(listing: Listing, following: str) -> str:
    after = quote(following, safe="")
    match listing:
        case "openai":
            return "/models"
        case "anthropic":
            return f"/v1/models?limit={_PAGE}" + (after and f"&after_id={after}")
        case "gemini":
            return f"/models?pageSize={_PAGE}" + (after and f"&pageToken={after}")
        case "ollama":
            return "/api/tags"
        case "cohere":
            return f"/v1/models?endpoint=chat&page_size={_PAGE}" + (after and f"&page_token={after}")
        case "bedrock":
            return "/foundation-models?byOutputModality=TEXT"
        case _:
            assert_never(listing)


def _openai(value: object) -> Page:
    # Together and GitHub give the bare list.
    return Page(_names(value if isinstance(value, list) else _object(value).get("data"), "id"))  # pyright: ignore[reportUnknownArgumentType]  (looked through below)


def _gemini(page: Mapping[str, Any]) -> tuple[str, ...]:
    rows = [_object(row) for row in _list(page.get("models", []))]
    # A model for embeddings or for pictures alone cannot be talked with; a list without the key says nothing of it.
    chats = [row for row in rows if "generateContent" in row.get("supportedGenerationMethods", ["generateContent"])]
    return tuple(name.removeprefix("models/") for name in _names(chats, "name"))


def _names(rows: object, key: str) -> tuple[str, ...]:
    return tuple(name for row in _list(rows) if (name := _text(_object(row).get(key))))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value  # pyright: ignore[reportUnknownVariableType]  (each item is looked at)


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value  # pyright: ignore[reportUnknownVariableType]  (of JSON, so its keys are strings)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
