"""What never gets onto a tape: the values of known keys, and whatever looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from ...data import HIDDEN, Secret

_SHORTEST = 8
"""Characters; a shorter value is no real key, and hiding "test" would garble the words."""

# How a key begins, and how it goes on.
_SHAPES = {
    # OpenAI, Anthropic, OpenRouter, DeepSeek …; Stripe's with an underscore
    rb"[A-Za-z0-9_-]{16,}": ("sk-", "sk_"),
    # Groq, xAI, Perplexity, NVIDIA, Hugging Face, Replicate, Cerebras
    rb"[A-Za-z0-9_-]{20,}": ("gsk_", "xai-", "pplx-", "nvapi-", "hf_", "r8_", "csk-"),
    # AWS access keys ("IAM identifiers", unique prefixes): long-lived and of a session
    rb"[0-9A-Z]{16}": ("AKIA", "ASIA"),
    # Google API keys
    rb"[0-9A-Za-z_-]{35}": ("AIza",),
    # GitHub ("About authentication to GitHub", token formats)
    rb"[A-Za-z0-9_]{30,}": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    # GitLab, Slack; Google OAuth
    rb"[A-Za-z0-9_-]{10,}": ("glpat-", "xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "ya29."),
    # JSON Web Tokens (RFC 7519): three parts, the first two beginning with {"
    rb"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*": ("eyJ",),
}


def _pattern(begins: bytes, goes_on: bytes) -> re.Pattern[bytes]:
    # It stands first in the expression, which makes the search many times quicker, and is looked back over. A key is not
    # the middle of a longer run of such characters, for base64 of a picture holds every four letters somewhere; but it
    # may stand behind the letter of an escaped line break.
    literal = re.escape(begins)
    apart = rb"(?:(?<![A-Za-z0-9+/_-]%b)|(?<=\\[nrt]%b))" % (literal, literal)
    return re.compile(literal + apart + goes_on + rb"(?![A-Za-z0-9+/_-])")


_PATTERNS = (
    *((key.encode(), _pattern(key.encode(), goes_on)) for goes_on, group in _SHAPES.items() for key in group),
    # RFC 6750: `Bearer`, and a token in the characters of b64token
    (b"earer ", re.compile(rb"(?<=earer )[A-Za-z0-9._~+/-]{15,}[A-Za-z0-9_~+/-]=*")),
)

KEY_VARIABLES = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK",
    "GITHUB_TOKEN", "GH_TOKEN", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN",
)  # fmt: skip
"""Variables that hold keys, beside those that end in `_API_KEY`."""


class Scrubber:
    """Hides secrets in JSON text; the same on both sides, so that what is hidden has the same hash when it is replayed.

    `secrets` are values to hide beside those of the environment's key variables and beside what looks like a key.
    """

    def __init__(self, environ: Mapping[str, str], secrets: Iterable[str | Secret] = ()) -> None:
        values = [item.reveal() if isinstance(item, Secret) else item for item in secrets]
        values += [value for name, value in environ.items() if name in KEY_VARIABLES or name.endswith("_API_KEY")]
        long = {value for value in values if len(value) >= _SHORTEST and value != HIDDEN}
        needles = {form for value in long for form in _forms(value)}
        # Long ones first: of a key that begins with another one, the rest would be left.
        self._needles = sorted(needles, key=lambda needle: (-len(needle), needle))

    def __call__(self, text: bytes) -> bytes:
        """The JSON text without its secrets; the very same object where there are none."""
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, HIDDEN.encode())
        for begins, pattern in _PATTERNS:
            # Looked for first, since it is quicker still: most texts hold none of them.
            if begins in text:
                text = _hidden(pattern, text)
        return text


def _forms(value: str) -> tuple[bytes, ...]:
    """A value as it stands in JSON text, and in JSON within JSON (the arguments of a tool call)."""
    once = msgspec.json.encode(value.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))[1:-1]
    twice = msgspec.json.encode(once.decode())[1:-1]
    return (once, twice)


def _hidden(pattern: re.Pattern[bytes], text: bytes) -> bytes:
    # `sub` makes a copy even where it finds nothing.
    return pattern.sub(HIDDEN.encode(), text) if pattern.search(text) else text
