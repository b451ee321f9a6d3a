"""Runs in the background: put into a queue here, carried out by workers anywhere, with the journal between them."""

from .queue import EnqueueOptions, Queue, open_queue
from .worker import Worker

__all__ = ["EnqueueOptions", "Queue", "Worker", "open_queue"]
