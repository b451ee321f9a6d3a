"""What somebody may say to a call that waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from ...data import CallerError

MOST_BYTES = 1024 * 1024
"""Of an answer as JSON text; what is larger belongs into a place that the answer names."""


@dataclass(frozen=True, slots=True)
class RunAgain:
    """The answer to a call in doubt: it was not carried out, or running it a second time does no harm."""


@dataclass(frozen=True, slots=True)
class Approve:
    """The call may be made, with other `arguments` if they are given; `always`: and every other one of this tool in this run.

    That run is the one that the call is of (`PendingCall.run`), which may be one below the run that is answered. `token` is that of the pending call; it has to be shown where a secret is set.
    """

    arguments: Mapping[str, Any] | None = None
    always: bool = field(default=False, kw_only=True)
    token: str = field(default="", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Reject:
    """The call may not be made, and the model hears why; `always` and `token` as in `Approve`."""

    reason: str = ""
    always: bool = field(default=False, kw_only=True)
    token: str = field(default="", kw_only=True, repr=False)


Answer = Any
"""A value (what the call came to), an exception (it failed), `RunAgain`, `Approve` or `Reject`."""


def check_keys(answers: object) -> None:
    """Raise `CallerError` unless answers are given by the ids of calls."""
    if not isinstance(answers, Mapping):
        raise CallerError(
            f"answers are given by the ids of calls: answers={{call.id: …}}, not a {type(answers).__name__}"
        )
    for key in cast("Mapping[object, Any]", answers):
        if not isinstance(key, str):
            raise CallerError(
                f"answers are given by the ids of calls, which are text: answers={{call.id: …}}, not {key!r}"
            )


_ONE_OF = 'exactly one of "value", "error", "run_again", "approve", "reject"'


def parse_answer(document: bytes | str | Mapping[str, Any]) -> Answer:
    """An answer from JSON, as a command line or a web page sends it.

    An object with exactly one of `{"value": …}`, `{"error": "…"}`, `{"run_again": true}`, `{"approve": true}` (with
    `"arguments": {…}`), `{"reject": "why"}`; the last two may have `"always"` and `"token"`. Raises `CallerError`.
    """
    told = _object(document)
    match sorted(told.keys() & {"value", "error", "run_again", "approve", "reject"}):
        case ["value"]:
            _check_keys(told, "value")
            return told["value"]
        case ["error"]:
            _check_keys(told, "error")
            return CallerError(_text(told, "error"))
        case ["run_again"] if told["run_again"] is True:
            _check_keys(told, "run_again")
            return RunAgain()
        case ["approve"] if told["approve"] is True:
            _check_keys(told, "approve", "arguments", "always", "token")
            arguments = told.get("arguments")
            if not (arguments is None or isinstance(arguments, dict)):
                raise CallerError('an approval\'s "arguments" are an object with the arguments by their names')
            return Approve(cast("Any", arguments), always=_flag(told), token=_text(told, "token"))
        case ["reject"]:
            _check_keys(told, "reject", "always", "token")
            return Reject(_text(told, "reject"), always=_flag(told), token=_text(told, "token"))
        case _:
            raise CallerError(f"an answer is an object with {_ONE_OF} (the third and fourth being true)")


def _object(document: bytes | str | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(document, bytes | str):
        return document
    if len(document) > MOST_BYTES:
        raise CallerError(
            f"an answer has {len(document):,} bytes, more than {MOST_BYTES:,}; store it and answer where it is"
        )
    try:
        told: Any = msgspec.json.decode(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CallerError(f"an answer is a JSON object with {_ONE_OF}: {error}") from error
    if not isinstance(told, dict):
        raise CallerError(f"an answer is a JSON object with {_ONE_OF}")
    return cast("dict[str, Any]", told)


def _check_keys(told: Mapping[str, Any], *known: str) -> None:
    unknown = [key for key in told if key not in known]
    if unknown:
        raise CallerError(f'an answer with "{known[0]}" has no "{unknown[0]}"; it may have {", ".join(known)}')


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key, "")
    if not isinstance(value, str):
        raise CallerError(f'an answer\'s "{key}" is text')
    return value


def _flag(told: Mapping[str, Any]) -> bool:
    value = told.get("always", False)
    if not isinstance(value, bool):
        raise CallerError('an answer\'s "always" is true or false')
    return value
