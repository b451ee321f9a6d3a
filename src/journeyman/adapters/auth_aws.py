"""Requests to AWS, signed or with a Bedrock API key; credentials are found where AWS's own tools find them."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from ..data import CallerError, Secret
from ..wire import HttpRequest

BEARER_ENV = "AWS_BEARER_TOKEN_BEDROCK"
"""Where AWS's SDKs look for a Bedrock API key ("API keys", Amazon Bedrock user guide)."""

_REGION_ENVS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_LARGE = 4 * 1024 * 1024
"""From here on a body is hashed in a thread: it would keep the event loop for some milliseconds."""

_TIMESTAMP = "%Y%m%dT%H%M%SZ"
_region_of = re.compile(r"[a-z0-9-]+\.([a-z]{2,}(?:-[a-z]+)+-\d+)\.amazonaws\.com(?:\.cn)?").fullmatch


class AwsKeys(msgspec.Struct, frozen=True):
    """Keys that are given instead of found; `session_token` belongs to temporary ones."""

    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None


def aws_signer(
    region: str | None = None,
    profile: str | None = None,
    *,
    keys: AwsKeys | None = None,
    service: str = "bedrock",
    now: Callable[[], datetime] | None = None,
) -> Callable[[HttpRequest], Awaitable[HttpRequest]]:
    """A function that adds to a request what proves who sends it; the request's `path` is the whole address.

    Without `keys` and `profile` a Bedrock API key in `AWS_BEARER_TOKEN_BEDROCK` goes first, as it does in AWS's SDKs; then
    come the environment, the configuration files, single sign-on, and the roles of containers and machines, which are
    renewed in time. The region is the argument, else the one in the address, else `AWS_REGION`, `AWS_DEFAULT_REGION` or
    the configuration's. Nothing is looked up before the first request. `now` is the time in UTC.

    The function raises `CallerError` where no credentials or no region are found, and without botocore.
    """
    found = _Identity(region, profile, keys)

    async def sign(request: HttpRequest) -> HttpRequest:
        # Read at each request: such keys live for hours, and whoever renews one does it in the environment.
        token = os.environ.get(BEARER_ENV, "").strip() if keys is None and profile is None else ""
        if token and service == "bedrock":
            return replace(request, headers={**request.headers, "authorization": f"Bearer {token}"})
        moment = datetime.now(UTC) if now is None else now()
        timestamp = moment.astimezone(UTC).strftime(_TIMESTAMP)
        if found.may_block or len(request.body) > _LARGE:
            return await asyncio.to_thread(_signed, request, found, service, timestamp)
        return _signed(request, found, service, timestamp)

    return sign


class _Identity:
    """Who asks, and from where; looked for once, and renewed by botocore where it expires."""

    def __init__(self, region: str | None, profile: str | None, keys: AwsKeys | None) -> None:
        self._region = region
        self._profile = profile
        self._keys = keys
        self._lock = threading.Lock()
        self._session: Any = None
        self._credentials: Any = None

    @property
    def may_block(self) -> bool:
        """Whether the next look at the credentials may read files or ask a server."""
        if self._credentials is None:
            return True
        due = getattr(self._credentials, "refresh_needed", None)
        return due is not None and bool(due())

    def credentials(self) -> Any:
        """Keys that fit each other, as botocore has them; may block."""
        with self._lock:
            if self._credentials is None:
                self._credentials = self._find()
        return _told(self._credentials.get_frozen_credentials)

    def region(self, host: str) -> str:
        """The region that a request to a host is signed for; may block."""
        if self._region:
            return self._region
        if (named := _region_of(host)) is not None:
            # A signature for another one would be refused.
            return named[1]
        for name in _REGION_ENVS:
            if value := os.environ.get(name, "").strip():
                return value
        configured = _told(lambda: self._open().get_config_variable("region"))
        if not configured:
            raise CallerError("there is no AWS region: set AWS_REGION or pass region=")
        return str(configured)

    def _open(self) -> Any:
        if self._session is None:
            self._session = _botocore("session").Session(profile=self._profile)
        return self._session

    def _find(self) -> Any:
        if (keys := self._keys) is not None:
            token = None if keys.session_token is None else keys.session_token.reveal()
            made = _botocore("credentials").Credentials
            return made(keys.access_key_id, keys.secret_access_key.reveal(), token)
        found = _told(lambda: self._open().get_credentials())
        if found is None:
            raise CallerError(
                f"there are no AWS credentials: set {BEARER_ENV}, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
                " or AWS_PROFILE, or log in with `aws sso login`"
            )
        return found


def _signed(request: HttpRequest, found: _Identity, service: str, timestamp: str) -> HttpRequest:
    address = urlsplit(request.path)
    keys = found.credentials()
    signer = _botocore("auth").SigV4Auth(keys, service, found.region(address.hostname or ""))
    headers = {**request.headers, "x-amz-date": timestamp}
    # What an earlier attempt was signed with is not signed again.
    headers.pop("authorization", None)
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    outgoing = _botocore("awsrequest").AWSRequest(request.method, request.path, headers=headers, data=request.body)
    # The steps of `SigV4Auth.add_auth`, which takes the time from the clock and writes what it signs, with the session
    # token in it, to the log.
    outgoing.context["timestamp"] = timestamp
    to_sign = signer.string_to_sign(outgoing, signer.canonical_request(outgoing))
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(outgoing)},"
        f" SignedHeaders={signer.signed_headers(signer.headers_to_sign(outgoing))},"
        f" Signature={signer.signature(to_sign, outgoing)}"
    )
    return replace(request, headers=headers)


def _told(ask: Callable[[], Any]) -> Any:
    """What botocore answers, or its failure as one of ours."""
    exceptions = _botocore("exceptions")
    try:
        return ask()
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise CallerError(f"the AWS credentials cannot be read: {error}") from error


def _botocore(module: str) -> Any:
    try:
        return importlib.import_module(f"botocore.{module}")
    except ImportError as error:
        raise CallerError(
            "to sign requests to AWS install botocore (pip install 'journeyman[bedrock]'),"
            f" or set {BEARER_ENV} to a Bedrock API key, which needs no signature"
        ) from error
