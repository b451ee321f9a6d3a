"""What clients send: bodies, cursors, names; all of it hostile until it was looked at."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from ...agents.prompts import Prompt
from ...background.queue import queue_tag
from ...data import Audio, Document, Image, Limits, Text, Video
from ...journal import RunQuery
from ..refusals import Refusal

Body = TypeVar("Body", bound=msgspec.Struct)

Said = Text | Image | Audio | Video | Document

_MOST_NAME = 200
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_NAME = 64
_MOST_ROWS = 500
_LAST = 2**31 - 1
"""No run has as many facts, and every log can count as far."""

_QUEUED = queue_tag("")

Words = Annotated[str, Meta(min_length=1)]
Parts = Annotated[tuple[Said, ...], Meta(min_length=1, max_length=100)]
Word = Annotated[str, Meta(min_length=1, max_length=200)]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A misspelt field is an error and not something that was not asked for."""


class Narrower(_Body, frozen=True, kw_only=True):
    """Limits that a client sets for its own run; what it does not name stays as the agent has it."""

    max_iterations: int | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    max_tool_calls: int | None = None
    max_retries: int | None = None
    max_model_retries: int | None = None
    deadline: float | None = None

    def within(self, own: Limits) -> Limits:
        """The narrower of each pair. Raises `CallerError` for a limit that is none."""
        asked = {name: getattr(self, name) for name in self.__struct_fields__}
        Limits(**{name: value for name, value in asked.items() if value is not None})
        return replace(own, **{name: _least(value, getattr(own, name)) for name, value in asked.items()})


class Start(_Body, frozen=True, kw_only=True):
    """A run to begin; `agent` may be left out where there is one. `limits` can only be narrower than the agent's.

    `data` is what the programs of the run may read.
    """

    prompt: Words | Parts
    agent: str | None = None
    tags: Annotated[tuple[Word, ...], Meta(max_length=20)] = ()
    conversation: Word | None = None
    limits: Narrower | None = None
    data: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        # Workers take over what bears the tag of their queue and has no job.
        if any(tag.startswith(_QUEUED) for tag in self.tags):
            raise ValueError(f"tags that begin with {_QUEUED!r} are those of queues")


class Branch(_Body, frozen=True, kw_only=True):
    """A run that goes on from another one, after fact number `at` or the last one, with something new or without."""

    at: Annotated[int, Meta(ge=0, le=_LAST)] | None = None
    prompt: Words | Parts | None = None


class Answers(_Body, frozen=True):
    """Answers to calls that a run waits for, by the ids that the run tells."""

    answers: Annotated[dict[str, msgspec.Raw], Meta(min_length=1, max_length=1000)]


def body_as(kind: type[Body], body: bytes) -> Body:
    """A body as one of the above. Raises `Refusal` (400) that says what is wrong with it."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f"the body is not what is expected here: {error or 'it is nested too deep'}") from error


def prompt_of(said: str | Sequence[Said] | None) -> Prompt:
    """What a client said, as a prompt. Raises `Refusal` (400) for what only we may put into one."""
    if said is None or isinstance(said, str):
        return said
    for part in said:
        if part.origin is not None:
            raise Refusal(400, "parts of a prompt have no origin: that is what providers and frameworks add")
        if not isinstance(part, Text) and part.url is not None:
            # Whoever fetches it, a provider or a model server next door, would do so where the client cannot reach.
            raise Refusal(400, "addresses in a prompt would be fetched from here: send the bytes as data")
    return list(said)


def run_id(segment: str) -> str:
    """A run's id out of a path. Raises `Refusal` (404) for what cannot be one."""
    # As `create` has it; no log makes a path of it, and the dots that mean other places get no further than here.
    if not 0 < len(segment) <= _MOST_NAME or not segment.isprintable() or segment in (".", ".."):
        raise Refusal(404, f"that is no id of a run: ids have at most {_MOST_NAME} characters, all of them visible")
    return segment


def key_of(headers: Mapping[str, str]) -> str | None:
    """What makes a repeated request the same one, if the client said so (`Idempotency-Key`)."""
    key = headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise Refusal(400, "Idempotency-Key has 1 to 255 visible ASCII characters")
    return key


def run_of_key(key: str) -> str:
    """The run that a key stands for: the same in every process, so that the journal itself sees that it is there."""
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:40]}"


def query_of(raw: bytes, known: Sequence[str]) -> dict[str, str]:
    """The parameters of an address. Raises `Refusal` (400) for one that is not known."""
    try:
        pairs = dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=20, errors="strict"))
    except ValueError as error:
        raise Refusal(400, "the query of this address cannot be read") from error
    unknown = [name for name in pairs if name not in known]
    if unknown:
        raise Refusal(400, f"there is no parameter {unknown[0]!r} here; there are {', '.join(known) or 'none'}")
    return pairs


def cursor_of(query: Mapping[str, str], headers: Mapping[str, str]) -> int:
    """The number of the last fact that a client has, -1 for none; what a browser remembers counts more than its address."""
    # A browser that comes back uses the address that it began with, and says in the header how far it came.
    known = headers.get("last-event-id")
    name = "Last-Event-ID" if known else "after"
    return number(name, known or query.get("after", "-1"), least=-1, most=_LAST)


def name_of(query: Mapping[str, str]) -> str:
    """What a watcher calls itself."""
    name = query.get("name", "")
    if len(name) > _NAME or not (name.isprintable()):
        raise Refusal(400, f"name= has at most {_NAME} characters, all of them visible")
    return name


def listing_of(query: Mapping[str, str]) -> RunQuery:
    """Which runs to list."""
    given: dict[str, Any] = {name: value for name, value in query.items() if name != "limit"}
    given["limit"] = number("limit", query.get("limit", "50"), least=1, most=_MOST_ROWS)
    for name in ("started_after", "started_before"):
        if name in given:
            given[name] = number(name, given[name], least=0, most=2**62)
    try:
        return msgspec.convert(given, RunQuery)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"the query of this address does not do: {error}") from error


def number(name: str, text: str, *, least: int, most: int) -> int:
    """A number out of an address or a header. Raises `Refusal` (400)."""
    digits = text.removeprefix("-")
    # Long digits are not read at all: that takes time with the square of their length.
    if digits.isascii() and digits.isdecimal() and len(digits) <= 19 and least <= int(text) <= most:  # noqa: PLR2004
        return int(text)
    raise Refusal(400, f"{name} is a whole number from {least} to {most}")


def _least(asked: Any, own: Any) -> Any:
    return min((limit for limit in (asked, own) if limit is not None), default=None)
