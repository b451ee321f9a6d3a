"""`decide` (pure) and `drive` (async): the only agent loop there is."""

from .blocking import blocking, blocking_iterator, run_blocking
from .decide import Command, decide
from .drive import Control, Drive, World
from .hooks import Hooks
from .plan import Plan
from .surroundings import Opening, Report, Surroundings, Track, TrackedModel, surroundings

__all__ = [
    "Command",
    "Control",
    "Drive",
    "Hooks",
    "Opening",
    "Plan",
    "Report",
    "Surroundings",
    "Track",
    "TrackedModel",
    "World",
    "blocking",
    "blocking_iterator",
    "decide",
    "run_blocking",
    "surroundings",
]
