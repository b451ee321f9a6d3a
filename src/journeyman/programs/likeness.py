"""Guesses at what a misspelt name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'search'?`, or nothing where no name is alike."""
    if len(name) > 100:  # noqa: PLR2004  (comparing takes time that grows with the square of the length)
        return ""
    from difflib import get_close_matches  # noqa: PLC0415  (slow to import, and wanted for errors alone)

    candidates = sorted({item for item in known if len(item) <= 2 * len(name) + 2})[:2_000]
    close = get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
