"""Tokens that bind an approval to what was shown: this run, this call, these arguments, and this very wait.

Whoever approves from outside (a browser, a mail, another service) was shown a call by somebody who may read the journal. The
journal is the truth about what the call is; the token only proves that the one who approves was shown exactly that, and
by somebody who knows the secret. A guessed call id is not enough, other arguments have another token, and once the
call is answered there is nothing left that the token is for. The secret is never in a journal: whoever may read one could
otherwise approve.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

import msgspec

from ...data import CallerError, Secret
from ...journal import CallState

SECRET_VARIABLE = "JOURNEYMAN_SECRET"  # noqa: S105  (the name of a variable)
"""The environment variable that holds the secret where none is given."""

_SHORTEST = 16


def secret_of(given: str | Secret | None) -> Secret | None:
    """The secret that is given, or that of the environment, or None. Raises `CallerError` for one that is too short."""
    value = os.environ.get(SECRET_VARIABLE) or None if given is None else given
    if value is None:
        return None
    secret = value if isinstance(value, Secret) else Secret(value)
    if len(secret.reveal()) < _SHORTEST:
        raise CallerError(
            f"the secret for approvals has fewer than {_SHORTEST} characters and could be guessed; "
            f"give secret= or {SECRET_VARIABLE} a longer one, such as secrets.token_hex(32)"
        )
    return secret


def token_of(secret: Secret | None, run: str, call: CallState) -> str:
    """The token of a call that waits; empty where there is no secret."""
    if secret is None:
        return ""
    made = call.made
    # As a JSON list, so that no two different waits are the same bytes.
    shown = msgspec.json.encode(
        ["journeyman-call", 1, run, made.id, call.since, call.reason, made.name, made.arguments]
    )
    digest = hmac.new(secret.reveal().encode(), shown, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_token(token: str, secret: Secret, run: str, call: CallState) -> bool:
    """Whether this is the call's token; takes equally long for all wrong ones."""
    return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), token_of(secret, run, call).encode())
