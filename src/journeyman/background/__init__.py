"""Runs in the background: put into a queue here, carried out by workers anywhere, with the journal between them."""

from ..queues import Lanes, Policy, Rate
from .queue import Queue, open_queue
from .terms import EnqueueOptions, ScheduleOptions
from .worker import Worker

__all__ = ["EnqueueOptions", "Lanes", "Policy", "Queue", "Rate", "ScheduleOptions", "Worker", "open_queue"]
