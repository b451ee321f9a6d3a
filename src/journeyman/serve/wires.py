"""Which wire a request speaks, by its path, and what makes an answer of ours one of its kind."""

from __future__ import annotations

import functools
import re
import secrets
import time

from ..wire import Dialect, Stamp, dialect

_ROUTES = (
    ("openai_chat", "/v1/chat/completions", r"(/openai)?(/v1|/deployments/[^/]+)?/chat/completions"),
    ("openai_responses", "/v1/responses", r"(/openai)?(/v1)?/responses"),
    ("anthropic", "/v1/messages", r"(/v1)?/messages"),
    # Vertex puts project and region before the name, and names may hold slashes.
    ("gemini", "/v1beta/models/{model}:generateContent", r"/.+:(generateContent|streamGenerateContent)"),
    ("bedrock", "/model/{model}/converse", r"/model/.+/converse(-stream)?"),
    ("cohere", "/v2/chat", r"(/v2)?/chat"),
    ("ollama", "/api/chat", r"/api/chat"),
)
_MATCHES = tuple((name, re.compile(pattern).fullmatch) for name, _, pattern in _ROUTES)

PATHS = tuple(shown for _, shown, _ in _ROUTES)
"""Where each wire is spoken, as one would tell somebody."""


def wire_at(path: str) -> Dialect | None:
    """The wire that is spoken at a path, if one is."""
    for name, matches in _MATCHES:
        if matches(path):
            return wire(name)
    return None


@functools.cache
def wire(name: str) -> Dialect:
    """A dialect, made once: those that we serve are OpenAI's own, without a vendor's quirks."""
    return dialect(name)


def new_stamp() -> Stamp:
    """An id that nobody has had, and now."""
    return Stamp(secrets.token_hex(12), int(time.time()))
