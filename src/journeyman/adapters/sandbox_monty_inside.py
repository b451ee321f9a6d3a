"""The few lines of ours that run inside the interpreter, before and after a program."""

from __future__ import annotations

import functools
import hashlib
import hmac

import msgspec

from ..programs import ProgramLimits


class Names(msgspec.Struct, frozen=True, gc=False):
    """Names that no program can know: of the two host functions and of what is kept for the end.

    They come from the sandbox's key, so that a snapshot finds them again in another process. `kept` is among a program's
    `locals()`: none may follow from another.
    """

    call: str
    later: str
    kept: str


def secret_names(key: bytes) -> Names:
    """The names of a sandbox."""

    def name(what: str) -> str:
        return f"_{what}{hmac.new(key, f'name of {what}'.encode(), hashlib.sha256).hexdigest()[:24]}"

    return Names(name("call"), name("later"), name("kept"))


# A value is many times larger outside than inside: a list that holds one string a million times is a million strings once it
# is converted (monty 1.4.0 keeps the identity of containers, not of strings). So nothing crosses that was not measured
# inside, where memory and time are bounded, as JSON text. What this needs is kept under names that a program does not know,
# for it may bind `len` to what it likes; functions are closures, since a default argument could be overridden by its caller.
# Each line here is paid for by every program, so what few need is defined when they need it.
_KEPT = """\
import json as {kept}_json
{kept} = (str, bytes, int, float, bool, type, dict, list, tuple, set, frozenset, repr, len, isinstance, RuntimeError)
__value__ = None
"""

_CALLING = """\
def {kept}_calling(dumps, size, fault):
    def measured(value):
        written = dumps(value, allow_nan=False)
        if size(written) > {limit}:
            raise fault({too_large!r})
        return written
    def tool(name, arguments):
        return {call}(measured([name, arguments]))
    async def later(name, arguments):
        return await {later}(measured([name, arguments]))
    return tool, later
__tool__, __later__ = {kept}_calling({kept}_json.dumps, len, RuntimeError)
"""

_CUTTING = """\
import datetime as {kept}_time
def {kept}_cut(str, bytes, int, float, bool, type, dict, list, tuple, set, frozenset, repr, len, isinstance, RuntimeError):
    texts = (str, bytes)
    flat = (str, bytes, int, float, bool, type(None), {kept}_time.date, {kept}_time.time, {kept}_time.timedelta)
    others = (list, tuple, set, frozenset)
    widest = 1 << 4096
    left = [{limit}]
    def plain(value, depth):
        left[0] -= 8
        if isinstance(value, texts):
            left[0] -= len(value)
        elif isinstance(value, int) and not -widest < value < widest:
            raise RuntimeError({too_large!r})
        if left[0] < 0 or depth > 150:
            raise RuntimeError({too_large!r})
        if isinstance(value, flat):
            return value
        if isinstance(value, dict):
            return {{plain(k, depth + 1): plain(value[k], depth + 1) for k in value}}
        if isinstance(value, others):
            kept = [plain(item, depth + 1) for item in value]
            return kept if isinstance(value, list) else type(value)(kept)
        return plain(repr(value), depth + 1)
    return plain
{kept}_cut(*{kept})(__value__, 0)
"""

TOO_LARGE = "a value is too large to leave the program: as JSON it is longer than value_bytes"


@functools.lru_cache(maxsize=32)
def _written(text: str, names: Names, limit: int) -> str:
    return text.format(call=names.call, later=names.later, kept=names.kept, limit=limit, too_large=TOO_LARGE)


def preamble(names: Names, limits: ProgramLimits, *, calls: bool) -> str:
    """What runs before a program; `calls` says that it may call tools."""
    kept = _written(_KEPT, names, 0)
    return kept + _written(_CALLING, names, limits.value_bytes) if calls else kept


def measuring(names: Names) -> str:
    """What runs after it, and gives its value as JSON; it raises where JSON has no form for it."""
    return f"{names.kept}_json.dumps(__value__)"


def cutting(names: Names, limits: ProgramLimits) -> str:
    """What gives the value where JSON has no form for it: sets and dates as they are, the rest as its repr."""
    return _written(_CUTTING, names, limits.value_bytes)
