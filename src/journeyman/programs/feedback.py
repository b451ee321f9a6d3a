"""What goes back to the model after a program has run.

Whatever a program printed, gave or named may hold the words of strangers: it came out of tools. So all of it stands in one frame,
marked as untrusted, whose end it cannot write; what we say ourselves stands below the frame.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, Literal, cast

import msgspec

from .outcome import Outcome, ProgramError

FRAME: Final = "program_output"
"""The name of the tags around what a program made; for prompts that speak of it."""

MAX_VALUE: Final = 4_000
"""Characters of a value's JSON that are shown."""
MAX_NAMES: Final = 40
"""Stored names that are listed; the rest is counted."""
_RETURN: Final = {"lisp": "(return value)", "python": "`return value` at the top level"}
_FAIL: Final = {"lisp": "(fail reason)", "python": "fail(reason)"}
_MAX_LINE: Final = 100
_MAX_NAME: Final = 80
_MAX_MESSAGE: Final = 4_000
_BEFORE_CARET: Final = 60

_UNSEEN: Final = r"\s\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
# A tag that looks like ours, also with something unseen in it, and the tokens by which chat templates part the roles.
_FORGED: Final = re.compile(
    rf"[<\uff1c](?=[/\\\uff0f{_UNSEEN}]*+{f'[{_UNSEEN}]*+'.join(FRAME)})|<(?=[|\uff5c])", re.IGNORECASE
)
_TAG: Final = "~"  # the key by which memory marks what JSON has no form for (`lisp.values.TAG`, `python.values.TAG`)
_TAGGED: Final = {
    "fn": "function",
    "lost": "function, not kept",
    "float": "float",
    "time": "datetime",
    "date": "date",
    "duration": "duration",
    **{kind: kind for kind in ("int", "bytes", "datetime", "timedelta", "Decimal", "pattern")},
}
_COUNTED: Final = {"set": "set", "frozen": "set", "key": "list", "map": "map"} | {
    kind: kind for kind in ("tuple", "frozenset", "dict", "Counter", "defaultdict", "deque")
}


class Turn(msgspec.Struct, frozen=True, gc=False):
    """The turn that the model takes next: `number` of `most`, or of any number where that is None.

    `last` says that it has to come to its end in it; `language` is that of its programs, and of the words that end one.
    """

    number: int
    most: int | None = None
    last: bool = False
    language: Literal["lisp", "python"] = "lisp"


class Told(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What there is to tell of a program.

    `stored` are the names that it left behind, new or changed, each with what it holds. `value` is shown where it is set; else
    `came_to` says what kind of value there was. `faults` say why the value does not fit the signature. `hidden` counts the
    characters of output that are not shown, and `rest` says how to get at them. `note` is a remark of ours. After an error, and
    where there are faults, nothing is stored.
    """

    printed: str = ""
    source: str = ""
    error: ProgramError | None = None
    stored: Mapping[str, str] = {}
    value: str | None = None
    came_to: str = ""
    faults: tuple[str, ...] = ()
    hidden: int = 0
    rest: str = ""
    note: str = ""

    @classmethod
    def of(cls, outcome: Outcome, source: str, before: Mapping[str, Any], *, show_value: bool = False) -> Told:
        """What there is to tell of an outcome; `before` is the memory that the program was given."""
        known = outcome.ok and outcome.value is not None
        return cls(
            printed=outcome.printed,
            source=source,
            error=outcome.error,
            stored=changes(before, outcome.memory),
            value=_json(outcome.value) if show_value and outcome.ok else None,
            came_to=size_of(outcome.value) if known else "",
            # The printed text begins with a mark where it was cut; what is behind it is the end of the whole.
            hidden=0 if outcome.printed == outcome.output else max(0, len(outcome.output) - _unmarked(outcome.printed)),
        )


def told(what: Told, turn: Turn | None) -> str:
    """The text for the model: what the program made, in its frame, and what we have to say.

    `turn` is None after a program whose value is the run's output, since none follows. The same things are always told in the
    same words. The frame's end, and the tokens of chat templates, are written with
    `&lt;` where they stand in what the program made.
    """
    framed = "\n\n".join(_sections(what))
    inside = _FORGED.sub("&lt;", framed) or "(nothing was printed)"
    parts = [f'<{FRAME} untrusted="true">\n{inside}\n</{FRAME}>', " ".join(_remarks(what, turn))]
    return "\n\n".join(part for part in parts if part)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    """The names of memory that are new or changed, each with what it holds; results that are kept by themselves are left out."""
    return {
        name: size_of(value)
        for name, value in after.items()
        if not name.startswith("*") and (name not in before or not _same(before[name], value))
    }


def size_of(value: Any) -> str:  # noqa: PLR0911  (a line for each kind)
    """What a value is, in a few words: its type and its size, not what it says."""
    match value:
        case None:
            return "nil"
        case bool():
            return "bool"
        case str():
            return f"string of {len(value):,} characters"
        case list() | tuple():
            return f"list of {len(cast('list[Any]', value)):,}"
        case set() | frozenset():
            return f"set of {len(cast('set[Any]', value)):,}"
        case Mapping():
            return _size_of_map(cast("Mapping[str, Any]", value))
        case _:
            return type(value).__name__


def _size_of_map(value: Mapping[str, Any]) -> str:
    tag = value.get(_TAG)
    if not isinstance(tag, str):
        return f"map of {len(value):,}"
    inner: Any = value.get("value")
    match tag:
        case "value":
            return size_of(inner)
        case "made":
            return _made(str(value.get("source")))
        case "lost" if "kind" in value:
            return _lost(str(value["kind"]), str(value.get("why")))
        case _:
            pass
    if tag not in _COUNTED:
        return _TAGGED.get(tag, "value")
    items = cast("object", inner)
    return f"{_COUNTED[tag]} of {len(cast('list[object]', items)) if isinstance(items, list) else 0:,}"


def _made(source: str) -> str:
    first = source.removeprefix("if 1:").split(maxsplit=1)[:1]
    return {"import": "import", "from": "import", "class": "class"}.get("".join(first), "function")


def _lost(kind: str, why: str) -> str:
    if why == kind:
        return f"{kind}, not kept"
    return f"{kind}, not kept ({why if why.startswith('too ') else f'holds {why}'})"


def _same(one: Any, other: Any) -> bool:
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except RecursionError:
        return False  # so deep that to say "changed" is the smaller fault


def _json(value: Any) -> str:
    try:
        text = msgspec.json.encode(value, enc_hook=_named, order="deterministic").decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return f"a {size_of(value)} that JSON has no form for"
    if len(text) <= MAX_VALUE:
        return text
    return (
        f"{text[:MAX_VALUE]}\n[… {len(text) - MAX_VALUE:,} characters after this are left out: print the part you need]"
    )


def _named(value: Any) -> str:
    return f"<{type(value).__name__}>"  # never an address, which would be another one each time


def _unmarked(printed: str) -> int:
    mark, newline, rest = printed.partition("]\n")
    return len(rest) if newline and mark.startswith("[… ") else len(printed)


def _sections(what: Told) -> list[str]:
    sections: list[str] = []
    if what.printed:
        # Its last line's end would be an empty line here; others may be meant.
        printed = what.printed.removesuffix("\n")
        sections.append(f"printed:\n{printed}")
    if what.value is not None:
        sections.append(f"value:\n{what.value}")
    if what.error is not None:
        sections.append(_error(what.error, what.source))
    if what.faults:
        sections.append("\n".join(["the returned value does not fit:", *(f"- {fault}" for fault in what.faults)]))
    if what.stored and what.error is None and not what.faults:
        sections.append(_stored(what.stored))
    return sections


def _error(error: ProgramError, source: str) -> str:
    message = error.message
    if len(message) > _MAX_MESSAGE:
        left_out = len(message) - _MAX_MESSAGE
        message = f"{message[:_MAX_MESSAGE]}\n[… {left_out:,} characters after this are left out]"
    place = "" if error.line is None else f" at line {error.line}, column {error.column or 1}"
    lines = [f"error: {error.reason}{place}: {message}", *excerpt(source, error.line, error.column)]
    return "\n".join(lines)


def excerpt(source: str, line: int | None, column: int | None) -> list[str]:
    """A line of a program with a caret below the column, cut to a line's length; nothing where there is no such line."""
    if line is None or line < 1:
        return []
    text = _line(source, line)
    if text is None:
        return []
    number = f"{line} | "
    at = min(max((column or 1) - 1, 0), len(text))
    start = max(0, at - _BEFORE_CARET) if len(text) > _MAX_LINE else 0
    cut = text[start : start + _MAX_LINE]
    before, after = "… " if start else "", " …" if start + _MAX_LINE < len(text) else ""
    shown = [f"  {number}{before}{cut}{after}".replace("\t", " ")]
    if column is not None:
        shown.append(f"  {' ' * (len(number) - 2)}| {' ' * (len(before) + at - start)}^")
    return shown


def _line(source: str, line: int) -> str | None:
    start = 0
    for _ in range(line - 1):
        start = source.find("\n", start) + 1
        if start == 0:
            return None
    return source[start : end if (end := source.find("\n", start)) >= 0 else len(source)].rstrip("\r")


def _stored(stored: Mapping[str, str]) -> str:
    listed = [f"- {name[:_MAX_NAME]}: {about}" for name, about in islice(stored.items(), MAX_NAMES)]
    more = [f"- and {len(stored) - MAX_NAMES:,} more"] if len(stored) > MAX_NAMES else []
    return "\n".join(["stored:", *listed, *more])


def _remarks(what: Told, turn: Turn | None) -> list[str]:
    """Our own words: none of them is made of what the program made."""
    remarks = [what.note] if what.note else []
    if turn is None:
        return [*remarks, "The returned value is the final answer."]
    if what.hidden:
        rest = what.rest or "print only the part that you need"
        remarks.append(f"{what.hidden:,} characters of the output are not shown: {rest}.")
    if what.error is not None or what.faults:
        remarks.append("The program failed, and nothing that it defined was kept.")
    elif what.came_to and what.value is None:
        shown = "(println x)" if turn.language == "lisp" else "print(x)"
        remarks.append(f"It came to a value ({what.came_to}), which is not shown: {shown} shows values.")
    if what.faults:
        remarks.append(f"Mend the value and give it again with {_RETURN[turn.language]}.")
    remarks.append(_count(turn))
    return remarks


def _count(turn: Turn) -> str:
    most = f" of {turn.most:,}" if turn.most is not None else ""
    if not turn.last:
        return f"This is turn {turn.number:,}{most}."
    ways = f"{_RETURN[turn.language]}, or {_FAIL[turn.language]} where it cannot be done"
    return f"This is turn {turn.number:,}{most}, the last one: end it with {ways}."
