"""Access tokens for Vertex AI from Google's application default credentials, renewed when they run out."""

from __future__ import annotations

import asyncio
import importlib
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Protocol, cast

from msgspec.structs import replace

from ..data import CallerError, ProviderError
from ..providers import Authorize
from ..wire import HttpRequest

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_MOST_BYTES = 1_000_000
_PATIENCE = 30.0


class Credentials(Protocol):
    """What this file uses of `google.auth.credentials.Credentials`."""

    token: Any
    valid: bool

    def refresh(self, request: Any) -> None: ...


def google_tokens(credentials: Credentials | None = None) -> Authorize:
    """Gives each request an access token: of these credentials, else of those that Google's own tools would find.

    They are looked for at the first request: the file that `GOOGLE_APPLICATION_CREDENTIALS` names, what `gcloud auth
    application-default login` left, or the machine's own account. Looking and renewing block, and happen in a thread;
    a request with a token that still holds pays for one header. Raises `CallerError` where there are no credentials, and
    `ProviderError` where Google does not renew them.
    """
    return _Tokens(credentials).authorize


class _Tokens:
    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        # Of threads, for a model may be asked in several event loops at once.
        self._renewing = threading.Lock()

    async def authorize(self, request: HttpRequest) -> HttpRequest:
        credentials = self._credentials
        if credentials is None or not credentials.valid:
            credentials = await asyncio.to_thread(self._valid)
        headers = {**request.headers, "authorization": f"Bearer {credentials.token}"}
        if project := getattr(credentials, "quota_project_id", None):
            headers["x-goog-user-project"] = project
        return replace(request, headers=headers)

    def _valid(self) -> Credentials:
        exceptions = _installed().exceptions
        with self._renewing:
            if self._credentials is None:
                self._credentials = _found()
            if not self._credentials.valid:
                try:
                    self._credentials.refresh(_post)
                except exceptions.TransportError as error:
                    raise ProviderError(
                        f"Google's token service cannot be reached: {error}", kind="connection"
                    ) from error
                except exceptions.GoogleAuthError as error:
                    raise ProviderError(f"Google gave no access token: {error}", kind="authentication") from error
            return self._credentials


def _found() -> Credentials:
    auth = _installed()
    try:
        found, _ = auth.default(scopes=_SCOPES)
    except auth.exceptions.GoogleAuthError as error:
        raise CallerError(
            f"there are no Google credentials ({error}): run `gcloud auth application-default login`, set "
            "GOOGLE_APPLICATION_CREDENTIALS to a key file, or pass api_key="
        ) from error
    return cast("Credentials", found)


def _installed() -> Any:
    try:
        # By name, as it is: an optional package without types that is slow to import.
        auth = importlib.import_module("google.auth")
        importlib.import_module("google.auth.exceptions")
    except ImportError as error:
        raise CallerError('vertex without a key needs google-auth: pip install "journeyman[vertex]"') from error
    return auth


class _Answer:
    """What google-auth expects of a reply (`google.auth.transport.Response`)."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status = status
        self.headers = headers
        self.data = data


def _post(
    url: str,
    method: str = "GET",
    body: bytes | str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float | None = None,
    **_: object,
) -> _Answer:
    """A request of google-auth's, over the standard library: its own needs `requests`, for one call an hour."""
    data = body.encode() if isinstance(body, str) else body
    request = urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310  (google-auth chose it)
    try:
        with urllib.request.urlopen(request, timeout=timeout or _PATIENCE) as reply:  # noqa: S310  (likewise)
            return _Answer(reply.status, dict(reply.headers), reply.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, dict(error.headers), error.read(_MOST_BYTES))
    except OSError as error:
        raise _installed().exceptions.TransportError(error) from error
