"""How much of its clients an app of runs bears."""

from __future__ import annotations

import msgspec


class RunBounds(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of what clients may ask for; each is named in the refusal that it causes.

    A body may have `max_body_bytes` and has to be here after `body_seconds`. At most `max_runs` runs are at work here, and
    `max_watchers` clients follow some. A watcher that has `max_unread` facts and glimpses waiting for it, or does not take a
    piece within `send_seconds`, is cut off and may come back with its cursor. One that waits for `ping_seconds` without
    anything to tell gets a sign of life. An answer waits `rest_seconds` for a run that is still at work to come to rest.
    Every `rounds_seconds` the journal is looked through for runs that wait and that somebody else brought there, 0 for once.
    """

    max_body_bytes: int = 8 * 1024 * 1024
    body_seconds: float = 60.0
    max_runs: int = 1000
    max_watchers: int = 1000
    max_unread: int = 10_000
    send_seconds: float = 30.0
    ping_seconds: float = 15.0
    rest_seconds: float = 30.0
    rounds_seconds: float = 60.0
