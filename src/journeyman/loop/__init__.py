"""`decide` (pure) and `drive` (async): the only agent loop there is."""

from .blocking import blocking, blocking_iterator, run_blocking
from .decide import Command, decide
from .drive import Control, Drive, World
from .hooks import Hooks
from .inside import Inside
from .plan import PROGRAM_TOOL, Plan
from .surroundings import Opening, Report, Surroundings, Track, TrackedModel, surroundings

__all__ = [
    "PROGRAM_TOOL",
    "Command",
    "Control",
    "Drive",
    "Hooks",
    "Inside",
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
