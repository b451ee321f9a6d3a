"""Tells addresses of the operator's that a run waits for somebody: signed, timestamped, sent again when it fails.

The form is that of the Standard Webhooks specification (standardwebhooks.com), for which receivers find libraries.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from urllib.parse import urlsplit

import msgspec

from ...agents import PendingCall
from ...compose import loop_transport
from ...data import CallerError, ProviderError, Secret, scrub
from ...journal import RunState, Status
from ...wire import HttpRequest, Transport

log = logging.getLogger(__name__)

_GONE = 410
_PREFIX = "whsec_"


class Redelivery(msgspec.Struct, frozen=True, kw_only=True):
    """How often a delivery is tried in all, and how long is waited: twice as long each time, from `base` up to `most` seconds.

    The defaults go on for more than two hours.
    """

    attempts: int = 12
    base: float = 5.0
    most: float = 3600.0
    timeout: float = 20.0


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent: `type` is `run.` and the run's status; `timestamp` is when it came to rest, in microseconds since 1970."""

    type: str
    timestamp: int
    run: str
    agent: str
    pending: tuple[PendingCall, ...]


class Webhooks:
    """Posts a notice to each address when a run comes to rest in one of the states in `when`.

    `secret` is shared with the receivers, as `whsec_` and base64; they check `webhook-signature`, which is made of
    `webhook-id`, `webhook-timestamp` and the body. The same rest has the same id each time that it is sent. Nobody but the
    caller names an address, and a redirect is not followed. What is not delivered when the process ends is not sent again:
    the journal has it, and `runs` lists what waits. Raises `CallerError` for an address or a secret that is none.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        secret: Secret,
        *,
        when: Collection[Status] = frozenset[Status]({"waiting"}),
        redelivery: Redelivery = Redelivery(),  # noqa: B008  (a frozen value)
        transport: Transport | None = None,
    ) -> None:
        self._addresses = tuple(map(_checked, [addresses] if isinstance(addresses, str) else addresses))
        self._secret = secret
        self._key = _key(secret)
        self._when = frozenset(when)
        self._redelivery = redelivery
        self._transport = transport
        self._under_way: set[asyncio.Task[None]] = set()
        self.now: Callable[[], float] = time.time
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def tell(self, state: RunState, pending: Sequence[PendingCall]) -> None:
        """Begin to tell that a run came to rest, if that is to be told; nothing waits for it."""
        if state.status not in self._when:
            return
        notice = Notice(
            type=f"run.{state.status}",
            timestamp=state.updated_at,
            run=state.run,
            agent=state.agent,
            pending=tuple(pending),
        )
        body = msgspec.json.encode(notice)
        # The last fact tells this rest from every other one of the run; no full stop, which parts what is signed.
        name = f"{state.run}_{state.next_seq - 1}"
        for address in self._addresses:
            task = asyncio.get_running_loop().create_task(self._deliver(address, name, body))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def close(self, grace: float = 0.0) -> None:
        """Give deliveries that are under way `grace` seconds, then give up what is left."""
        tasks = tuple(self._under_way)
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _deliver(self, address: str, name: str, body: bytes) -> None:
        how = self._redelivery
        for attempt in range(1, how.attempts + 1):
            failed = await self._post(address, name, body)
            if not failed:
                return
            if attempt == how.attempts or failed == str(_GONE):
                log.error("webhook %s was not delivered to %s: %s", name, _shown(address), failed)
                return
            # With some chance in it, so that receivers that were down are not met by all at once.
            await self.sleep(min(how.most, how.base * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25))  # noqa: S311  (no secret)

    async def _post(self, address: str, name: str, body: bytes) -> str:
        """What went wrong, or nothing."""
        # A new time for each attempt: receivers refuse old ones, so that nobody can send them a second time.
        at = int(self.now())
        headers = {
            "content-type": "application/json",
            "user-agent": "journeyman",
            "webhook-id": name,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._key, name, at, body),
        }
        transport = self._transport or loop_transport()
        try:
            async with asyncio.timeout(self._redelivery.timeout):
                async with transport.exchange(HttpRequest("POST", address, headers, body)) as reply:
                    status = reply.head.status
        except (ProviderError, TimeoutError) as error:
            return scrub(str(error), [self._secret]) or "no answer in time"
        return "" if 200 <= status < 300 else str(status)  # noqa: PLR2004  (HTTP's own lines)


def signature(key: bytes, name: str, at: int, body: bytes) -> str:
    """What proves that a notice is ours (Standard Webhooks, "Signature scheme")."""
    digest = hmac.digest(key, b"%s.%d.%s" % (name.encode(), at, body), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: Secret) -> bytes:
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    # The specification asks for 24 to 64 bytes.
    if not text.startswith(_PREFIX) or not 24 <= len(key) <= 64:  # noqa: PLR2004  (see above)
        raise CallerError(f"the secret of webhooks is {_PREFIX} and 24 to 64 bytes in base64")
    return key


def _checked(address: str) -> str:
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fits = False
    if not fits:
        # Not the address itself, which may hold a password.
        raise CallerError("an address of a webhook begins with https:// (or http://) and a host")
    return address


def _shown(address: str) -> str:
    # Paths and queries of webhooks often hold a key.
    return urlsplit(address).hostname or ""
