"""Who may use what we serve: a token everywhere but on loopback, and there no web page of a stranger."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from ..data import CallerError, Secret

KEY_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")
"""Where the clients of Anthropic, Google and Azure put their key."""


def check_binding(host: str, token: Secret | None) -> None:
    """Refuse to listen where others can reach us and nobody has to show a token.

    Raises `CallerError` that names the parameter.
    """
    if token is None and not is_loopback(host):
        raise CallerError(
            f"listening on {host or 'all addresses'} lets others use your models: pass token=, or listen on 127.0.0.1"
        )


def is_loopback(host: str | None) -> bool:
    """Whether a name or an address stands for this machine alone."""
    if host is None:
        return False
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_token(token: Secret | None) -> Secret | None:
    """A token that somebody can show; raises `CallerError` for an empty one, which a request without any would match."""
    if token is not None and not token.reveal().strip():
        raise CallerError("the token is empty; give one that cannot be guessed, such as secrets.token_urlsafe(32)")
    return token


def shows_token(headers: Mapping[str, str], token: Secret) -> bool:
    """Whether a request carries the token, as any wire's clients send their key; compared in constant time."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    given = [bearer.strip() if scheme.lower() == "bearer" else "", *(headers.get(name, "") for name in KEY_HEADERS)]
    expected = token.reveal().encode()
    # Both are compared whatever the first comparison says, so that time tells nothing.
    return any([hmac.compare_digest(item.encode("latin-1"), expected) for item in given])  # noqa: C419  (see above)


def is_local(headers: Mapping[str, str], hosts: Collection[str]) -> bool:
    """Whether a request without a token was meant for this machine and does not come from a stranger's web page.

    A browser lets any page send requests to loopback addresses; it names the page in `Origin`, or, where a page embeds what
    is here as if it were an image, says at least in `Sec-Fetch-Site` (Fetch Metadata, W3C) that it is a stranger's. A page
    whose own name was pointed at 127.0.0.1 (DNS rebinding) shows in `Host`.
    """
    if headers.get("sec-fetch-site") == "cross-site":
        return False
    named = [
        _hostname(address) for address in (f"//{headers.get('host', 'localhost')}", headers.get("origin")) if address
    ]
    return all(is_loopback(name) or name in hosts for name in named)


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None
