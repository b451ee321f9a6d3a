"""What was measured, as tables that read the same on a terminal and in Markdown."""

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

from bars import BARS, Results

TITLES = {
    "imports": "Import, and the first answer of a fresh process",
    "one_call": "One call, no tools",
    "tool_round": "One round of a 10-round tool run",
    "tool_round_sqlite": "The same, kept in SQLite",
    "tool_round_sqlite_normal": "The same with `?synchronous=normal`, which does not wait for the disk",
    "loop_only": "The loop alone: one round around a model in the same process",
    "stream": "One chunk of a 500-chunk stream",
    "streams_50": "One chunk of 50 streams at once, 50 ms between chunks",
    "cancel": "A stream that is cancelled: until the server sees its client gone",
    "concurrent_500": "500 runs of 3 tool rounds at once, server latency 200 ms",
    "concurrent_2000": "2,000 runs of 3 tool rounds at once, server latency 200 ms",
    "conversation_500": "A conversation: what each earlier turn adds to a turn",
    "conversation_journal": "A conversation kept in SQLite: bytes beyond the words",
}
FIGURES = {
    "import_ms": "import, ms",
    "first_ms": "first answer, ms",
    "cpu_us": "CPU, µs",
    "cpu_s": "CPU, s",
    "wall_s": "wall, s",
    "errors": "errors",
    "kb_per_run": "KB per live run",
    "stall_ms": "longest stall, ms",
    "cancel_ms": "median, ms",
    "cancel_worst_ms": "worst of 20, ms",
    "slope_us": "per earlier turn, µs",
    "last_us": "the last turns, µs",
    "bytes_per_message": "B per message",
    "growth": "later over earlier",
    "rss_mb": "RSS, MB",
}
WITHOUT_RATIO = {"errors", "slope_us", "bytes_per_message", "growth", "rss_mb", "kb_per_run", "import_ms", "last_us"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(first), *(text.rjust(width) for text, width in zip(cells[1:], others, strict=True))]
        return f"| {' | '.join(padded)} |"

    rule = "|".join(["-" * (first + 2), *("-" * (width + 1) + ":" for width in others)])
    return "\n".join([line(lines[0]), f"|{rule}|", *map(line, lines[1:])])


def number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def cell(results: Results, system: str, case: str, figure: str) -> str:
    shown = number(results.get(system, case, figure))
    ratio = None if figure in WITHOUT_RATIO or system == "floor" else results.ratio(case, figure, system)
    return shown if ratio is None else f"{shown} ({number(ratio)} ×)"


def case_table(results: Results, case: str, systems: Sequence[str]) -> str:
    present = {figure for system in systems for sample in results.samples.get((system, case), ()) for figure in sample}
    figures = [figure for figure in FIGURES if figure in present]
    rows, notes = [], []
    for system in systems:
        samples = results.samples.get((system, case), [])
        for sample in samples[:1]:
            if "lacks" in sample or "failed" in sample:
                notes.append(f"{system}: {sample.get('lacks') or 'FAILED: ' + sample['failed']}")
        rows.append([system, *(cell(results, system, case, figure) for figure in figures), str(len(samples))])
    shown = table(["", *map(FIGURES.__getitem__, figures), "runs"], rows)
    return "\n\n".join([f"## {TITLES[case]}", shown, *(["; ".join(notes) + "."] if notes else [])])


def bars_table(results: Results) -> str:
    return "## Bars\n\n" + table(["", "measured", "at most", "verdict"], (bar.verdict(results) for bar in BARS))


def machine() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    processor = names[0].partition(":")[2].strip() if names else platform.machine()
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return f"{today}, {processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def report(results: Results, cases: Sequence[str], versions: dict[str, dict[str, str]], load: float) -> str:
    """All of it; `load` is what else the machine had to do when the measurement began."""
    named = "; ".join(f"{name} ({', '.join(f'{p} {v}' for p, v in found.items())})" for name, found in versions.items())
    intro = (
        f"# Results\n\n{machine()}; load average {load:.2f} at the start. Medians; in brackets the ratio to the floor.\n\n"
        f"Measured: {named}."
    )
    tables = (case_table(results, case, list(versions)) for case in cases)
    return "\n\n".join([intro, bars_table(results), *tables]) + "\n"
