"""Logging for programs that have none of their own, with secrets kept out."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from ..data import HIDDEN

# What vendors' keys and bearer tokens look like; a key in another form is caught by the name of its variable.
_KEYS = re.compile(
    r"\b(?:sk|pk|gsk|xai|key|rk|hf|ghp)[-_][A-Za-z0-9_-]{16,}|\bAIza[A-Za-z0-9_-]{30,}"
    r"|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}"
)
_KEY_VARIABLE = re.compile(r"(?:_API_KEY|_TOKEN|_SECRET|_PASSWORD)$")
_SHORTEST = 8

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class HideSecrets(logging.Filter):
    """Replaces keys in what is logged: those that look like one, and the values of variables that are named like one."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        variables = (os.environ if environ is None else environ).items()
        known = {value for name, value in variables if _KEY_VARIABLE.search(name) and len(value) >= _SHORTEST}
        # Long ones first: of a value that begins with another one, the rest would be left.
        self._known = sorted(known, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its secrets."""
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001  (a wrong format must not end the program that logs)
            message = f"{record.msg!r} cannot be filled with {record.args!r}"
        record.msg, record.args = self.hide(message), ()
        if record.exc_info:
            record.exc_text = self.hide(logging.Formatter().formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = self.hide(record.stack_info)
        for name, value in _extra(record):
            # What is no text is left as it is, unless a secret shows in it.
            shown = str(value)
            if (hidden := self.hide(shown)) != shown:
                setattr(record, name, hidden)
        return True

    def hide(self, text: str) -> str:
        """The text without secrets."""
        for value in self._known:
            text = text.replace(value, HIDDEN)
        return _KEYS.sub(HIDDEN, text)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, `error` where there is one, and what `extra=` gave."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_text:
            line["error"] = record.exc_text
        elif record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        for name, value in _extra(record):
            line[f"extra_{name}" if name in line else name] = value
        try:
            return json.dumps(line, default=str, ensure_ascii=False)
        except (TypeError, ValueError):
            # Keys that are no text, or something that holds itself.
            return json.dumps({name: str(value) for name, value in line.items()}, ensure_ascii=False)


def _extra(record: logging.LogRecord) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in vars(record).items() if name not in _PLAIN]


def configure_logging(
    level: int | str = logging.INFO, *, as_json: bool = False, stream: TextIO | None = None
) -> logging.Handler:
    """Send the package's log to a stream (standard error), with secrets hidden; calling it again replaces the last call.

    Gives the handler. The root logger is left alone: a program that configures logging itself does not need this.
    """
    logger = logging.getLogger(__name__.split(".observe", 1)[0])
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        JsonFormatter() if as_json else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    handler.addFilter(HideSecrets())
    logger.setLevel(level)
    for old in [old for old in logger.handlers if any(isinstance(item, HideSecrets) for item in old.filters)]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.propagate = False
    return handler
