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
_KEYS = re.compile(r"\b(?:sk|pk|gsk|xai|key|rk)[-_][A-Za-z0-9_-]{16,}|(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}")
_KEY_VARIABLE = re.compile(r"(?:_API_KEY|_TOKEN|_SECRET|_PASSWORD)$")
_SHORTEST = 8

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class HideSecrets(logging.Filter):
    """Replaces keys in what is logged: those that look like one, and the values of variables that are named like one."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        variables = (os.environ if environ is None else environ).items()
        self._known = [v for name, v in variables if _KEY_VARIABLE.search(name) and len(v) >= _SHORTEST]

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without its secrets."""
        record.msg, record.args = self.hide(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.hide(logging.Formatter().formatException(record.exc_info))
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
        line.update((name, value) for name, value in vars(record).items() if name not in _PLAIN)
        if record.exc_text or record.exc_info:
            line["error"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]  # set if true
        return json.dumps(line, default=str, ensure_ascii=False)


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
    for old in [old for old in logger.handlers if any(isinstance(item, HideSecrets) for item in old.filters)]:
        logger.removeHandler(old)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    return handler
