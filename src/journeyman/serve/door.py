"""What stands before every request, whatever it is for: who may come in, and how much may be carried."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from ..data import Secret
from .access import is_local, shows_token
from .asgi import Receive, Scope, TooLargeError, read_body
from .refusals import Refusal


def let_in(headers: Mapping[str, str], token: Secret | None, hosts: Collection[str]) -> None:
    """Raise `Refusal` (401) for a request without the token, or (403), where there is none, for one that is not local."""
    if token is not None:
        if not shows_token(headers, token):
            words = "the token is missing or wrong; send it as `Authorization: Bearer` or as `x-api-key`"
            raise Refusal(401, words, www_authenticate="Bearer")
    elif not is_local(headers, hosts):
        words = "without a token only requests to and from this machine are answered; give the server token= or hosts="
        raise Refusal(403, words)


async def body_of(scope: Scope, receive: Receive, *, seconds: float, most: int) -> bytes:
    """A request's body of at most so many bytes, within so many seconds; raises `Refusal` (413, 408)."""
    try:
        async with asyncio.timeout(seconds):
            return await read_body(scope, receive, most)
    except TimeoutError:
        words = f"the request was not here after {seconds:g} seconds (body_seconds={seconds:g})"
        raise Refusal(408, words) from None
    except TooLargeError:
        raise Refusal(413, f"the request is larger than {most} bytes (max_body_bytes={most})") from None
