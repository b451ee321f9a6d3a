"""A cache's `Store` in Redis, for several machines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from ..data import CallerError, JourneymanError

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import NoPermissionError
    from redis.retry import Retry
except ImportError as missing:
    raise CallerError('a cache in Redis needs the package redis: pip install "journeyman[redis]"') from missing

T = TypeVar("T")

THREADS = 4
"""How many exchanges with the server may be under way; each takes a fraction of a millisecond."""


class RedisStore:
    """Keeps answers under `prefix`; what is forgotten when the memory is full is the server's own choice (`maxmemory-policy`).

    The address is `redis://`, `rediss://` (encrypted) or `unix://`, with the password in it where there is one; it is shown
    nowhere. `timeout` is how many seconds the server may take.
    """

    # The blocking client in a few threads: one of its async clients belongs to the event loop in which it was first used, and
    # a store is used from several. It connects when it is first used.

    def __init__(self, url: str, *, prefix: str = "journeyman:answers:", timeout: float = 2.0) -> None:
        self._prefix = prefix
        try:
            self._client: redis.Redis = cast("Any", redis.Redis).from_url(
                url,
                socket_timeout=timeout,
                socket_connect_timeout=timeout,
                # One more try on a connection that the server had closed meanwhile, without a wait.
                retry=Retry(NoBackoff(), 1),
            )
        except ValueError:
            # Not the cause, which may repeat the address, and the address may hold a password.
            raise CallerError("this is no address of Redis; write redis://host:6379/0") from None
        self._threads = ThreadPoolExecutor(THREADS, "journeyman redis")

    async def get(self, key: str) -> bytes | None:
        """What was put under the key, if it is still there."""
        return await self._carry_out(lambda: cast("bytes | None", self._client.get(self._prefix + key)))

    async def put(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Keep the value."""
        # In whole milliseconds, and at least one: the server refuses a time of zero.
        ends = None if ttl is None else max(1, round(ttl * 1000))
        await self._carry_out(lambda: self._client.set(self._prefix + key, value, px=ends))

    async def delete(self, key: str) -> None:
        """Forget what is under the key, if there is something."""
        await self._carry_out(lambda: self._client.delete(self._prefix + key))

    async def close(self) -> None:
        """Close all connections, for good."""
        await asyncio.to_thread(self._close)

    def __repr__(self) -> str:
        return f"RedisStore(prefix={self._prefix!r})"

    async def _carry_out(self, work: Callable[[], T]) -> T:
        try:
            done = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError as error:
            raise CallerError("the cache in Redis was closed; open another one") from error
        try:
            return await done
        except (redis.AuthenticationError, NoPermissionError) as error:
            raise CallerError(f"Redis does not let us in; see to user and password in the address: {error}") from error
        except (redis.RedisError, OSError) as error:
            raise JourneymanError(f"the cache in Redis failed: {error}") from error

    def _close(self) -> None:
        self._threads.shutdown()
        self._client.close()
