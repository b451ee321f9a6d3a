"""The command `journeyman`; `main` is its entry point."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

NEEDED = ("cyclopts", "rich", "prompt_toolkit")
"""What the extra `cli` brings."""

_READER_GONE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command and give its exit code.

    0 is well done, 1 a run or a check that failed, 2 wrong usage or something that the caller has to mend first, 3 a run
    that waits for somebody, 130 interrupted, 141 a reader of the output that went away (as from `| head`).
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        need = 'the command needs: pip install "journeyman[cli,serve]"'
        print(f"{', '.join(missing)} is missing; {need}", file=sys.stderr)
        return 2
    from .app import invoke  # noqa: PLC0415  (what it needs may not be installed)

    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # A character that cannot be read or shown becomes a question mark; a command does not break down over it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = invoke(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # Without this, the interpreter would complain of the same once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    return code
