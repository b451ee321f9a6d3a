"""Which models there are, in the words of each provider whose clients ask for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ..wire import HttpReply
from .refusals import Refusal

LOOKS = ("/health", "/v1/models", "/v1beta/models", "/api/tags", "/api/version")
"""Where one may look without asking a model."""

_JSON = {"content-type": "application/json"}
_ONE = re.compile(r"/(v1|v1beta)/models/(.+)")
_EPOCH = "1970-01-01T00:00:00Z"


def is_look(path: str) -> bool:
    """Whether a path is one at which models are listed, or that says how the server is."""
    return path in LOOKS or path == "/models" or _ONE.fullmatch(path) is not None


def listing(path: str, names: Sequence[str]) -> HttpReply:
    """The models at one of those paths. Raises `Refusal` for one that is not there."""
    match path:
        case "/health":
            found: object = {"status": "ok"}
        case "/api/version":
            # Clients ask whether the server is new enough; what we speak is Ollama's interface of this version.
            found = {"version": "0.12.0"}
        case "/api/tags":
            found = {"models": [_of_ollama(name) for name in names]}
        case "/v1beta/models":
            found = {"models": [_of_gemini(name) for name in names]}
        case "/models" | "/v1/models":
            found = _of_several(names)
        case _:
            found = _single(path, names)
    return HttpReply(200, _JSON, msgspec.json.encode(found))


def _single(path: str, names: Sequence[str]) -> object:
    parts = _ONE.fullmatch(path)
    name = "" if parts is None else parts[2]
    if parts is None or (names and name not in names):
        raise Refusal(404, f"there is no model {name!r} here; there are {', '.join(names) or 'none'}")
    return _of_gemini(name) if parts[1] == "v1beta" else _of_openai(name)


def _of_several(names: Sequence[str]) -> object:
    """A list that is at once OpenAI's, Anthropic's and Cohere's."""
    return {
        "object": "list",
        "data": [_of_openai(name) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
        "models": [{"name": name, "endpoints": ["chat"]} for name in names],
    }


def _of_openai(name: str) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "journeyman",
        "type": "model",
        "display_name": name,
        "created_at": _EPOCH,
    }


def _of_gemini(name: str) -> dict[str, object]:
    methods = ["generateContent", "streamGenerateContent"]
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


def _of_ollama(name: str) -> dict[str, object]:
    return {"name": name, "model": name, "modified_at": _EPOCH, "size": 0, "digest": "", "details": {}}
