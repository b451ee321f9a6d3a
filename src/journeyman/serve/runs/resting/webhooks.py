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
import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from urllib.parse import urlsplit

import msgspec

from ....agents import PendingCall
from ....compose import loop_transport
from ....data import CallerError, JourneymanError, ProviderError, Secret, scrub
from ....journal import Noted, Status
from ....wire import HttpRequest, Transport
from .rest import Rest, note_of

log = logging.getLogger(__name__)

_GONE = 410
_PREFIX = "whsec_"
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,128}")

AT_ONCE = 16
"""How many notices are on their way at the same time: after a restart there may be thousands."""

_Key = tuple[str, str]
"""What a notice is called, and the mark of an address to which it is to go."""

Note = Callable[[str, int, Noted], Awaitable[None]]
"""Writes down beside a run that rests since a fact of that number; nothing where it has gone on."""


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
    `webhook-id`, `webhook-timestamp` and the body. The same rest has the same id each time that it is sent, by whichever
    process. Nobody but the caller names an address, and a redirect is not followed. Once an address has acknowledged that a
    run waits, this is noted on the run's journal; what was not noted is sent again after a restart, so that it arrives at
    least once. Of the ends of runs only the process at which they end tells, while it lives. Raises `CallerError` for an
    address or a secret that is none.
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
        self._given_up: set[_Key] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[_Key, asyncio.Task[None]] = {}
        self.now: Callable[[], float] = time.time
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def tell(self, rest: Rest, note: Note) -> None:
        """Begin to tell that a run came to rest, to whom that is to be told and has not been; nothing waits for it."""
        state = rest.state
        if state.status not in self._when:
            return
        notice = Notice(
            type=f"run.{state.status}",
            timestamp=rest.at,
            run=state.run,
            agent=state.agent,
            pending=rest.pending,
        )
        body = msgspec.json.encode(notice)
        name = _name(state.run, rest.since)
        for address in self._addresses:
            mark = self._mark(address)
            key = name, mark
            if mark in rest.told or key in self._under_way or key in self._given_up:
                continue
            noting = partial(note, state.run, rest.since, note_of(mark)) if state.status == "waiting" else _nothing
            task = asyncio.get_running_loop().create_task(self._deliver(address, key, body, noting))
            self._under_way[key] = task
            task.add_done_callback(partial(self._done, key))

    async def close(self, grace: float = 0.0) -> None:
        """Give deliveries that are under way `grace` seconds, then give up what is left."""
        tasks = tuple(self._under_way.values())
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _mark(self, address: str) -> str:
        # Keyed, because a journal may be read by those who are not to guess the key in an address.
        return hmac.digest(self._key, address.encode(), hashlib.sha256).hex()[:16]

    def _done(self, key: _Key, task: asyncio.Task[None]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("webhook %s could not be told", key[0], exc_info=task.exception())

    async def _deliver(self, address: str, key: _Key, body: bytes, note: Callable[[], Awaitable[None]]) -> None:
        how, name = self._redelivery, key[0]
        for attempt in range(1, how.attempts + 1):
            async with self._turns:
                failed = await self._post(address, name, body)
            if not failed:
                try:
                    await note()
                except (JourneymanError, OSError) as error:
                    # It has arrived; that it may come once more after a restart is what receivers have its id for.
                    log.warning("webhook %s was delivered, which could not be noted: %s", name, error)
                return
            if attempt == how.attempts or failed == str(_GONE):
                log.error("webhook %s was not delivered to %s: %s", name, _shown(address), failed)
                self._given_up.add(key)
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


def _name(run: str, since: int) -> str:
    # A header's value, and without a full stop, which parts what is signed; a run may be called anything.
    shown = run if _PLAIN.fullmatch(run) else hashlib.sha256(run.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{shown}_{since}"


async def _nothing() -> None:
    """An end that was told is not noted: what comes after it would not reach those who follow the run."""


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
