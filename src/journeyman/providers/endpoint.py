"""Where requests to a vendor go and what proves who sends them."""

from __future__ import annotations

from collections.abc import Mapping

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
    url = base_url or environ.get(vendor.url_env or "") or vendor.base_url
    if not url:
        raise CallerError(f"{vendor.name} has no address of its own; pass base_url= or set {vendor.url_env}")
    if not url.startswith(("http://", "https://")):
        raise CallerError(f"base_url={url!r} is no web address; it begins with http:// or https://")
    key = api_key or environ.get(vendor.key_env or "")
    if not key and not vendor.local:
        where = f" (keys are made at {vendor.keys_at})" if vendor.keys_at else ""
        raise CallerError(f"there is no key for {vendor.name}: set {vendor.key_env} or pass api_key={where}")
    return Endpoint(vendor, url.rstrip("/"), Secret(key) if key else None)
