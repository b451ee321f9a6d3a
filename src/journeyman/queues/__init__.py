"""What work in the background is made of: jobs, when they start, what follows their end, who keeps them."""

from .engine import Engine, Entry, EntryState, Keeper, Lost, Timetable, Workbench
from .job import FIRST, Job, Placement, first_id, named_run
from .lanes import Lanes, Rate
from .policy import Again, Policy, Restart, after_failure, is_worth_another_try

__all__ = [
    "FIRST",
    "Again",
    "Engine",
    "Entry",
    "EntryState",
    "Job",
    "Keeper",
    "Lanes",
    "Lost",
    "Placement",
    "Policy",
    "Rate",
    "Restart",
    "Timetable",
    "Workbench",
    "after_failure",
    "first_id",
    "is_worth_another_try",
    "named_run",
]
