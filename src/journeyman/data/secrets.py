"""Secrets that cannot be printed by accident."""

from __future__ import annotations

from collections.abc import Iterable

HIDDEN = "***"


class Secret:
    """A key or token; only `reveal` shows it.

    >>> print(Secret("sk-1234567890"))
    Secret('***')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; for the last step before it leaves."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({HIDDEN!r})"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


def scrub(text: str, secrets: Iterable[Secret]) -> str:
    """The text without the secrets: providers repeat a wrong key in their errors."""
    # Long ones first: of a key that begins with another one, the rest would be left.
    for value in sorted((secret.reveal() for secret in secrets), key=len, reverse=True):
        if len(value) >= 8:  # noqa: PLR2004  (a shorter one is no real key, and hiding "test" would garble the words)
            text = text.replace(value, HIDDEN)
    return text
