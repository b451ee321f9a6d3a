"""Runs over HTTP: begun, followed by Server-Sent Events or WebSocket from any cursor, answered, ended, and told of by webhooks."""

from .app import Runs
from .beside import Beside
from .bounds import RunBounds
from .resting.webhooks import Redelivery, Webhooks

__all__ = ["Beside", "Redelivery", "RunBounds", "Runs", "Webhooks"]
