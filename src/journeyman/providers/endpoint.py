"""Where requests to a vendor go and what proves who sends them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from ..data import HIDDEN, CallerError, Secret
from .vendor import Authorize, Vendor

_TELLING = ("key", "token", "secret", "sig", "code", "password", "credential")
"""What the name of a parameter has in it that is not for everybody's eyes."""


class Endpoint(msgspec.Struct, frozen=True):
    """An address without a slash at its end, and a key or None; made by `endpoint`.

    `query` is put behind every path. Where `authorize` is set, each request goes through it as the last thing.
    """

    vendor: Vendor
    base_url: str
    key: Secret | None
    query: str = ""
    authorize: Authorize | None = None

    @property
    def signer(self) -> str:
        """`aws` or `google` where requests have to be signed with what the environment has, else nothing."""
        return self.vendor.auth if self.key is None and self.vendor.auth in ("aws", "google") else ""

    def headers(self) -> dict[str, str]:
        """The headers that carry the key."""
        auth = self.vendor.auth
        if self.key is None or auth.startswith("?"):
            return {}
        if auth in ("bearer", "aws"):
            # Bedrock takes its API keys as bearers (Amazon's page "Use an Amazon Bedrock API key").
            return {"authorization": f"Bearer {self.key.reveal()}"}
        return {"x-goog-api-key" if auth == "google" else auth: self.key.reveal()}

    def address(self, path: str) -> str:
        """The whole address of a path."""
        if not self.query:
            return self.base_url + path
        return f"{self.base_url}{path}{'&' if '?' in path else '?'}{self.query}"

    def __repr__(self) -> str:
        return f"Endpoint({self.vendor.name!r}, {shown_address(self.address(''))!r}, key={self.key!r})"


def endpoint(vendor: Vendor, environ: Mapping[str, str], *, base_url: str | None, api_key: str | None) -> Endpoint:
    """Arguments before environment variables before the table.

    A query in the address goes with every request. Raises `CallerError` that names the variable where a key or an address
    is missing.
    """
    key = _key(vendor, environ, api_key)
    if not key and vendor.needs_key:
        where = f" (keys are made at {vendor.keys_at})" if vendor.keys_at else ""
        named = " or ".join(vendor.key_variables)
        how = f"set {named} or pass api_key=" if named else "pass api_key="
        raise CallerError(f"there is no key for {vendor.name}: {how}{where}")
    url = base_url or _address(vendor, environ, has_key=bool(key))
    if not _is_base(url):
        shown = shown_address(url)
        raise CallerError(f"base_url={shown!r} is no address to build on; write http://host/path or https://host/path")
    base, _, query = url.partition("?")
    if key and vendor.auth.startswith("?"):
        query += ("&" if query else "") + urlencode({vendor.auth[1:]: key}, quote_via=quote)
    authorize = None if vendor.authorize is None or key else vendor.authorize(environ)
    return Endpoint(vendor, base.rstrip("/"), Secret(key) if key else None, query, authorize)


def is_configured(vendor: Vendor, environ: Mapping[str, str]) -> bool:
    """Whether the environment says enough to try a vendor: a key, or for a local one or one that signs, an address."""
    if vendor.needs_key:
        return bool(_key(vendor, environ, None))
    try:
        return bool(_address(vendor, environ, has_key=bool(_key(vendor, environ, None))))
    except CallerError:
        return False


def shown_address(url: str) -> str:
    """An address without the name and password, and without the keys in its query."""
    head, mark, query = url.partition("?")
    scheme, slashes, rest = head.rpartition("://")
    host, slash, path = rest.partition("/")
    shown = f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}{mark}"
    return shown + "&".join(map(_shown_parameter, query.split("&"))) if query else shown


def secrets_of(url: str) -> list[Secret]:
    """What of an address is hidden by `shown_address`, for scrubbing it from other texts, too."""
    head, _, query = url.partition("?")
    password = head.rpartition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]
    found = [value for name, value in parse_qsl(query) if _is_telling(name)]
    return [Secret(value) for value in (password, *found) if value]


def _shown_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    return f"{name}={HIDDEN}" if value and _is_telling(name) else f"{name}{equals}{value}"


def _is_telling(name: str) -> bool:
    name = name.lower()
    return any(word in name for word in _TELLING)


def _key(vendor: Vendor, environ: Mapping[str, str], api_key: str | None) -> str:
    # Keys are often read from files, and a header cannot hold the newline at the end of one.
    if given := (api_key or "").strip():
        return given
    if vendor.auth == "google" and environ.get("GOOGLE_CLOUD_PROJECT"):
        # GOOGLE_API_KEY may be there for the Gemini API; who names a project means it (as in Google's own SDK).
        return ""
    for name in vendor.key_variables:
        if found := environ.get(name, "").strip():
            return found
    return ""


def _address(vendor: Vendor, environ: Mapping[str, str], *, has_key: bool) -> str:
    if vendor.address is not None:
        return vendor.address(environ, has_key)
    url = (environ.get(vendor.url_env, "").strip() if vendor.url_env else "") or vendor.base_url
    if not url:
        how = f"pass base_url= or set {vendor.url_env}" if vendor.url_env else "pass base_url="
        raise CallerError(f"{vendor.name} has no address of its own; {how}")
    return url


def _is_base(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    # The path of each request is put behind it, where a fragment would swallow it.
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.fragment and url.isprintable()
