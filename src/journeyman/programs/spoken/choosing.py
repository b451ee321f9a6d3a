"""Which of what a model wrote is the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Sequence
from typing import Final, Literal

import msgspec

from ..outcome import ProgramFault
from .repairing import mended
from .scanning import Block, Scanned, scanned

SpokenLanguage = Literal["lisp", "python"]
MAX_SPOKEN: Final = 4_000_000
"""Characters of an answer that are looked at; no model's answer is a tenth of it."""

_LABELS: Final[dict[SpokenLanguage, frozenset[str]]] = {
    "lisp": frozenset({"lisp", "clojure", "clj", "ptc-lisp", "ptc_lisp", "ptclisp", "cljs", "cljc", "clojurescript"}),
    "python": frozenset({"python", "py", "python3", "py3"}),
}
_ALL: Final = _LABELS["lisp"] | _LABELS["python"]
_NAMES: Final[dict[SpokenLanguage, str]] = {"lisp": "PTC-Lisp", "python": "Python"}
# What is shown and not run, whatever it is marked as.
_DATA: Final = frozenset(
    {
        "json",
        "jsonl",
        "json5",
        "edn",
        "yaml",
        "yml",
        "toml",
        "csv",
        "tsv",
        "xml",
        "html",
        "markdown",
        "md",
        "text",
        "txt",
    }
    | {
        "plaintext",
        "plain",
        "output",
        "out",
        "result",
        "stdout",
        "log",
        "console",
        "diff",
        "mermaid",
        "latex",
        "svg",
        "",
    }
)
_MAX_TRIED: Final = 200_000
_MAX_UNMARKED: Final = 100
_ENDS: Final[dict[SpokenLanguage, re.Pattern[str]]] = {
    "lisp": re.compile(r"^\((?:return|fail)(?=[\s)({\[\"])", re.MULTILINE),
    "python": re.compile(r"^return\b", re.MULTILINE),
}
_ACTS: Final = (ast.Call, ast.Assign, ast.AugAssign, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.For, ast.BinOp)


class Spoken(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a model's answer holds.

    `code` is the program, or None where there is none that should run. `prose` is the answer without it, without thoughts and
    without a model's tokens. `repaired` says that the code is not to the letter what the model wrote. `problem` tells the
    model why nothing was run although it seems to have meant a program; `note` what was left out of what was run.
    """

    code: str | None = None
    prose: str = ""
    repaired: bool = False
    problem: str | None = None
    note: str | None = None


def programs_in(text: str, language: SpokenLanguage, known: Collection[str] = ()) -> Spoken:
    """The program in a model's answer; `known` are names that programs before it have defined.

    Fences marked as the language count; without any, unmarked ones whose content is the language; without any, for Lisp, forms
    that stand between words. Several blocks are one program in their order, since models stop to talk between steps. A block
    that repeats another counts once, and one that returns ends a program: what follows it is a better one, and is run instead
    of it. (The language's own project has done both: first joined, later taken the last one. The last alone has lost what the
    steps before it defined, and all of them alone would run what the model had taken back.)
    """
    if len(text) > MAX_SPOKEN:
        return Spoken(problem=f"the answer has {len(text):,} characters, of which {MAX_SPOKEN:,} are read: write less")
    found = scanned(text, _ALL)
    blocks = [block for block in found.blocks if block.label in _LABELS[language]]
    if not blocks:
        unmarked = [block for block in found.blocks if not block.label]
        blocks = [block for block in unmarked[:_MAX_UNMARKED] if _is_program(block, language)]
    if blocks:
        return _fenced(found, blocks, language)
    spoken = _bare(found, known) if language == "lisp" else None
    return spoken or Spoken(prose=_prose(found, ()), problem=_problem(found, language))


def _is_program(block: Block, language: SpokenLanguage) -> bool:
    """Whether an unmarked block is of the language."""
    code = block.code.strip()
    if not block.closed or not code or len(code) > _MAX_TRIED:
        return language == "lisp" and code.startswith("(")
    if language == "lisp":
        return mended(code, "lisp").lstrip().startswith("(")
    return _is_python(mended(code, "python"))


def _is_python(code: str) -> bool:
    """Whether a text is Python that does something: `total: 5` and JSON are Python too."""
    from ..python.reading import parsed  # noqa: PLC0415  (only here)

    try:
        tree = parsed(code)
        return any(isinstance(node, _ACTS) for node in ast.walk(tree))
    except ProgramFault:
        return False


def _fenced(found: Scanned, blocks: Sequence[Block], language: SpokenLanguage) -> Spoken:
    prose = _prose(found, blocks)
    if not blocks[-1].closed:
        problem = (
            "the answer ended within the program (its fence is not closed), so nothing was run: write it again, shorter"
        )
        return Spoken(prose=prose, problem=problem)
    kept: dict[str, str] = {}
    for block in blocks:
        kept.setdefault(block.code.strip(), block.code)
    kept.pop("", None)
    if not kept:
        return Spoken(prose=prose, problem="the block of the program is empty, so nothing was run")
    return _joined(list(kept.values()), prose, language, found)


def _joined(parts: Sequence[str], prose: str, language: SpokenLanguage, found: Scanned) -> Spoken:
    ended = [at for at, part in enumerate(parts[:-1], 1) if _ENDS[language].search(part)]
    first = ended[-1] if ended else 0
    left_out = f"of {len(parts)} blocks the first {first} were not run: what comes after a return takes its place"
    if found.thinking:
        problem = "the answer ended within a thought, so nothing was run: give the program after it"
        return Spoken(prose=prose, problem=problem)
    written = "\n\n".join(part.strip("\n") for part in parts[first:])
    code = mended(written, language)
    return Spoken(code=code, prose=prose, repaired=code != written or found.mended, note=left_out if first else None)


def _bare(found: Scanned, known: Collection[str]) -> Spoken | None:
    # Here, because it brings the reader, and fenced programs need none.
    from ..lisp.reader import MAX_SOURCE  # noqa: PLC0415
    from .bare import forms_in  # noqa: PLC0415

    searched = {piece: forms_in(piece, known) for piece in found.pieces if isinstance(piece, str)}
    forms = [form for result in searched.values() for form in result.forms]
    if any(result.too_long for result in searched.values()):
        problem = f"the program is longer than {MAX_SOURCE:,} characters, so nothing was run: write a shorter one"
        return Spoken(prose=_prose(found, ()), problem=problem)
    unclosed = next((result.unclosed for result in searched.values() if result.unclosed), None)
    rest = [searched[piece].rest if isinstance(piece, str) else piece for piece in found.pieces]
    prose = _prose(Scanned(tuple(rest)), ())
    if forms and unclosed is None:
        return _joined(forms, prose, "lisp", found)
    if forms or (unclosed and not _prose(found, ()).partition(unclosed)[0]):
        problem = f"a form is never closed, so nothing was run: the one that begins with {unclosed}"
        return Spoken(prose=_prose(found, ()), problem=problem)
    return None


def _prose(found: Scanned, code: Sequence[Block]) -> str:
    taken = {id(block) for block in code}
    left = [piece if isinstance(piece, str) else piece.raw for piece in found.pieces if id(piece) not in taken]
    return "\n".join(left).strip()


def _problem(found: Scanned, language: SpokenLanguage) -> str | None:
    """Why nothing was run, where the model seems to have meant a program."""
    fence = f"write the program in {_NAMES[language]}, in a block that begins with ```{language}"
    if found.thinking:
        return "the answer ended within a thought, so nothing was run: give the program after it"
    if found.blocks and not found.blocks[-1].closed and not found.blocks[-1].label:
        return f"the answer ended within a block (its fence is not closed), so nothing was run: {fence}"
    other = list(dict.fromkeys(block.label for block in found.blocks if block.label not in _DATA))
    return f"blocks of {', '.join(other[:4])} are not run: {fence}" if other else None
