"""How much may begin within a minute: pure, with the time passed in."""

from __future__ import annotations

import math
from collections import deque

from ...data import CallerError

MINUTE = 60.0
_SHORTEST = 0.001


class Grant:
    """A request that was let in: until when it counts, and as how many tokens."""

    __slots__ = ("ends", "tokens")

    def __init__(self, ends: float, tokens: int) -> None:
        self.ends = ends
        self.tokens = tokens


class Window:
    """Counts requests and tokens of the last minute, exactly: in no 60 seconds there are ever more than the limits say.

    Providers refill continuously (a "token bucket", as both OpenAI's and Anthropic's pages on rate limits have it); a bucket of
    ours would let twice the limit through in the first minute, and theirs has the same size, so the sliding minute is the
    one that is never refused. It remembers one number a request, for a minute.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None) -> None:
        for name, value in (("requests_per_minute", requests), ("tokens_per_minute", tokens)):
            if value is not None and value < 1:
                raise CallerError(f"{name}={value}: a limit that lets anything through is 1 or more; None is no limit")
        self.requests = requests
        self.tokens = tokens
        self._grants: deque[Grant] = deque()
        self._tokens = 0
        self._closed_until = -math.inf

    def wait(self, now: float, tokens: int) -> float:
        """The seconds until a request with so many tokens may begin, as things stand; 0.0 if it may now."""
        self._forget(now)
        seconds = max(self._closed_until - now, self._wait_for_requests(now), self._wait_for_tokens(now, tokens))
        # A wait that is lost in rounding would never end on a clock that is moved by exactly that wait.
        return max(seconds, _SHORTEST) if seconds > 0 else 0.0

    def take(self, now: float, tokens: int) -> Grant:
        """Let a request in, for which `wait` gave 0.0."""
        grant = Grant(now + MINUTE, self._bounded(tokens))
        self._grants.append(grant)
        self._tokens += grant.tokens
        return grant

    def correct(self, grant: Grant, tokens: int) -> None:
        """Say how many tokens a request really had."""
        if grant.ends > -math.inf:
            self._tokens += tokens - grant.tokens
            grant.tokens = tokens

    def close(self, now: float, seconds: float) -> None:
        """Let nobody in for a while, at most a minute: the provider said that it has had enough."""
        self._closed_until = max(self._closed_until, now + min(seconds, MINUTE))

    def _wait_for_requests(self, now: float) -> float:
        if self.requests is None or len(self._grants) < self.requests:
            return 0.0
        return self._grants[0].ends - now

    def _wait_for_tokens(self, now: float, tokens: int) -> float:
        if self.tokens is None:
            return 0.0
        over = self._tokens + self._bounded(tokens) - self.tokens
        if over <= 0:
            return 0.0
        ends = now
        for grant in self._grants:
            over -= grant.tokens
            ends = grant.ends
            if over <= 0:
                break
        return ends - now

    def _bounded(self, tokens: int) -> int:
        # More than the limit would never fit; it is an estimate, and the provider has the last word on it.
        return tokens if self.tokens is None else min(tokens, self.tokens)

    def _forget(self, now: float) -> None:
        while self._grants and self._grants[0].ends <= now:
            grant = self._grants.popleft()
            self._tokens -= grant.tokens
            grant.ends = -math.inf
