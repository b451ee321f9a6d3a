"""The clock, and ids that nothing else has."""

from __future__ import annotations

import os
import time

from ..loop import surroundings


def clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def new_run_id() -> str:
    """An id that nothing else has; the one on the tape, while one plays."""
    around = surroundings.get()
    return draw_run_id() if around is None else around.new_id()


def draw_run_id() -> str:
    """An id that sorts by time: 12 hexadecimal digits of milliseconds, then 14 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(7).hex()}"
