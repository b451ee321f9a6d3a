"""Keep runs, look back into them, and move them: export and import, checks before a resume, checkpoints."""

from .checking import Change, ResumeCheck, check_resume, check_resume_sync
from .checkpoints import CheckpointInfo, Checkpoints, Undone
from .differences import StateDiff
from .exporting import export_run, export_run_sync
from .importing import import_run, import_run_sync

__all__ = [
    "Change",
    "CheckpointInfo",
    "Checkpoints",
    "ResumeCheck",
    "StateDiff",
    "Undone",
    "check_resume",
    "check_resume_sync",
    "export_run",
    "export_run_sync",
    "import_run",
    "import_run_sync",
]
