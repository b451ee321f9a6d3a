"""What goes wrong between a provider and its client: as a value, and as a way out to the client with the fault on it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from ..data import CallerError
from ..serve.asgi import HANG_UP, Event, Scope, Send

Sleep = Callable[[float], Awaitable[None]]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong in a turn.

    `status` refuses with `message`, and with `retry_after` seconds if that is given. `latency` waits so many seconds
    first, `first_token` so many between the head of the reply and its body. `cut` ends the connection after so many bytes
    of the body, or in the middle of its second event, or in the middle of its first character outside ASCII. `reset`
    resets the connection before any reply. `malformed` breaks the JSON of the reply, or of each event of a stream (its
    checksum, where events have one). `duplicate` sends an event of a stream twice, `reorder` sends it after the one that
    follows it; both count events from 0, and a reply that is no stream has none. `silence` never answers, or, with `cut`,
    falls silent there. The script loses a line only to a turn in which the model is asked: one without `status`, `reset`
    and `malformed`, and without `silence` from the beginning.
    """

    status: int | None = None
    message: str = "the twin was told to fail"
    retry_after: float | None = None
    latency: float = 0.0
    first_token: float = 0.0
    cut: int | Literal["mid_event", "mid_character"] | None = None
    reset: bool = False
    malformed: bool = False
    duplicate: int | None = None
    reorder: int | None = None
    silence: bool = False

    def __post_init__(self) -> None:
        events = self.duplicate is not None or self.reorder is not None
        endings = [self.status is not None, self.cut is not None, self.reset, self.malformed, events]
        if sum(endings) > 1 or (self.silence and any((self.status is not None, self.reset, self.malformed, events))):
            raise CallerError(
                "a Fault takes one of status=, cut=, reset=, malformed=, silence= and (duplicate=, reorder=), "
                "or cut= and silence="
            )
        if self.status is not None and not 400 <= self.status < 600:  # noqa: PLR2004  (HTTP's own lines)
            raise CallerError(f"Fault(status={self.status}) is no failure; those are 400 to 599")

    @property
    def spares_model(self) -> bool:
        """Whether it strikes before the model would be asked."""
        return self.status is not None or self.reset or self.malformed or (self.silence and self.cut is None)


NO_FAULT = Fault()


async def silence() -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()


def faulty(fault: Fault, scope: Scope, send: Send, sleep: Sleep) -> Send:
    """The way out to the client, with the fault on it."""
    if fault.first_token:
        send = _hesitating(fault.first_token, send, sleep)
    if fault.reset:
        return _resetting(scope)
    if fault.malformed:
        return _malforming(send)
    if fault.duplicate is not None or fault.reorder is not None:
        return _disordered(fault, send)
    if fault.cut is not None:
        return _cutting(fault.cut, scope, send, silent=fault.silence)
    return send


def _hesitating(seconds: float, send: Send, sleep: Sleep) -> Send:
    begun = False

    async def hesitate(event: Event) -> None:
        nonlocal begun
        if event["type"] == "http.response.body" and not begun:
            begun = True
            await sleep(seconds)
        await send(event)

    return hesitate


def _resetting(scope: Scope) -> Send:
    async def reset(event: Event) -> None:  # noqa: ARG001  (whatever would be sent)
        scope["extensions"][HANG_UP](reset=True)

    return reset


def _malforming(send: Send) -> Send:
    framed = False

    async def malform(event: Event) -> None:
        nonlocal framed
        if event["type"] == "http.response.start":
            framed = _framing(event) == "frames"
            # The length changes with the body.
            headers = [(name, value) for name, value in event["headers"] if name != b"content-length"]
            await send({**event, "headers": headers})
            return
        body: bytes = event["body"]
        if framed and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        await send({**event, "body": body if framed else body.replace(b"}\n", b"\n").removesuffix(b"}")})

    return malform


def _disordered(fault: Fault, send: Send) -> Send:
    cutter: _Cutter | None = None

    async def disorder(event: Event) -> None:
        nonlocal cutter
        if event["type"] == "http.response.start":
            framing = _framing(event)
            cutter = None if framing is None else _Cutter(framing, fault)
        elif cutter is not None:
            event = {**event, "body": cutter.pass_on(event.get("body", b""), last=not event.get("more_body"))}
        await send(event)

    return disorder


class _Cutter:
    """Cuts a body into events and hands them on, one of them twice or later."""

    def __init__(self, framing: str, fault: Fault) -> None:
        self._ends = _ENDS[framing]
        self._fault = fault
        self._left = b""
        self._late = b""
        self._number = 0

    def pass_on(self, data: bytes, *, last: bool) -> bytes:
        self._left += data
        out: list[bytes] = []
        while size := self._ends(self._left):
            event, self._left = self._left[:size], self._left[size:]
            out.append(self._in_turn(event))
        if last:
            out += [self._late, self._left]
        return b"".join(out)

    def _in_turn(self, event: bytes) -> bytes:
        number = self._number
        self._number += 1
        if number == self._fault.duplicate:
            event *= 2
        if number == self._fault.reorder:
            self._late = event
            return b""
        late, self._late = self._late, b""
        return event + late


def _framing(head: Event) -> str | None:
    kind = dict(head["headers"]).get(b"content-type", b"")
    for beginning, framing in (
        (b"text/event-stream", "blocks"),
        (b"application/x-ndjson", "lines"),
        (b"application/vnd.amazon.eventstream", "frames"),
    ):
        if kind.startswith(beginning):
            return framing
    return None


def _block(data: bytes) -> int:
    return data.find(b"\n\n") + 2 if b"\n\n" in data else 0


def _line(data: bytes) -> int:
    return data.find(b"\n") + 1


def _frame(data: bytes) -> int:
    # A frame begins with its length, in four bytes (Amazon Transcribe's page "Event stream encoding").
    size = int.from_bytes(data[:4], "big")
    return size if 0 < size <= len(data) else 0


_ENDS: dict[str, Callable[[bytes], int]] = {"blocks": _block, "lines": _line, "frames": _frame}
"""How many bytes the first event has; 0 if it is not whole yet."""

_LONG_CHARACTER = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")


def _cutting(at: int | str, scope: Scope, send: Send, *, silent: bool) -> Send:
    passed = b""
    framing: str | None = None
    struck = False

    async def cut(event: Event) -> None:
        nonlocal passed, framing, struck
        if struck:
            return
        if event["type"] == "http.response.start":
            framing = _framing(event)
            await send(event)
            return
        body: bytes = event.get("body", b"")
        whole = passed + body
        place = _place(at, whole, framing, last=not event.get("more_body"))
        if place is None or place >= len(whole):
            passed = whole
            await send(event)
            return
        struck = True
        await send({**event, "body": whole[len(passed) : place], "more_body": True})
        if silent:
            await silence()
        scope["extensions"][HANG_UP]()

    return cut


def _place(at: int | str, body: bytes, framing: str | None, *, last: bool) -> int | None:
    """Where to cut what has come so far; None while that is not known."""
    match at:
        case int():
            return at
        case "mid_character":
            found = _LONG_CHARACTER.search(body)
            return None if found is None else found.start() + 1
        case _:
            first = 0 if framing is None else _ENDS[framing](body)
            second = _ENDS[framing](body[first:]) if framing is not None and first else 0
            if second:
                return first + second // 2
            return len(body) // 2 if last and framing is None else None
