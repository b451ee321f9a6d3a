"""Where requests to a vendor go and what proves who sends them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from ..data import CallerError, Secret
from .vendors import Vendor


class Endpoint(msgspec.Struct, frozen=True):
    """An address without a slash at its end, and a key or None; made by `endpoint`."""

    vendor: Vendor
    base_url: str
    key: Secret | None

    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        if self.key is None:
            return {}
        if self.vendor.auth == "bearer":
            return {"authorization": f"Bearer {self.key.reveal()}"}
        return {"x-api-key": self.key.reveal()}


def endpoint(vendor: Vendor, environ: Mapping[str, str], *, base_url: str | None, api_key: str | None) -> Endpoint:
    """Arguments before environment variables before the table.

    Raises `CallerError` that names the variable where a key or an address is missing.
    """
    url = base_url or _variable(environ, vendor.url_env) or vendor.base_url
    if not url:
        raise CallerError(f"{vendor.name} has no address of its own; pass base_url= or set {vendor.url_env}")
    if not _is_base(url):
        raise CallerError(f"base_url={url!r} is no address to build on; write http://host/path or https://host/path")
    # Keys are often read from files, and a header cannot hold the newline at the end of one.
    key = (api_key or _variable(environ, vendor.key_env)).strip()
    if not key and not vendor.local:
        where = f" (keys are made at {vendor.keys_at})" if vendor.keys_at else ""
        raise CallerError(f"there is no key for {vendor.name}: set {vendor.key_env} or pass api_key={where}")
    return Endpoint(vendor, url.rstrip("/"), Secret(key) if key else None)


def _variable(environ: Mapping[str, str], name: str | None) -> str:
    return environ.get(name, "") if name else ""


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # The path of each request is put behind it, where a query would swallow it.
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
