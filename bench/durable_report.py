"""What `durable.py` measured, as tables with verdicts."""

import statistics
from collections.abc import Mapping, Sequence

from durable_server import PLAIN, TOOLS
from report import number, table

WALL_BAR = 5.0
"""Per cent of wall time that journaling may cost where a model takes 100 ms."""
CPU_BAR = 200.0
"""Microseconds of CPU that SQLite may cost a round."""
SIZE_BAR, SIZE_TURNS = 0.3, 200
"""Megabytes (a million bytes each) that so many turns may take."""
LIST_BAR = 100.0
"""Milliseconds for a list of 10,000 waiting runs."""

MEGABYTE = 1_000_000


def verdict(value: float | None, bar: float, best: float | None = None) -> str:
    if value is None:
        return "not measured"
    if value <= bar:
        return "cleared"
    return "cleared by the best alone" if best is not None and best <= bar else "**not cleared**"


def failures(results: Mapping[object, dict]) -> list[str]:
    told = [f"{name}: FAILED: {result['failed']}" for name, result in results.items() if "failed" in result]
    return ["; ".join(told) + "."] if told else []


class Turns:
    """Figures of several turns; a place that failed in one of them has none there."""

    def __init__(self, samples: Mapping[str, list[dict]]) -> None:
        self.samples = samples

    def best(self, place: str, figure: str) -> float | None:
        return min(self._all(place, figure), default=None)

    def median(self, place: str, figure: str) -> float | None:
        found = self._all(place, figure)
        return statistics.median(found) if found else None

    def more(self, place: str, than: str, figure: str) -> float | None:
        """The median of what a place takes more than another, turn by turn: both had the same mood of the machine."""
        both = [
            here[figure] - there[figure]
            for here, there in zip(self.samples[place], self.samples[than], strict=True)
            if figure in here and figure in there
        ]
        return statistics.median(both) if both else None

    def best_more(self, place: str, than: str, figure: str) -> float | None:
        here, there = self.best(place, figure), self.best(than, figure)
        return None if here is None or there is None else here - there

    def failures(self) -> list[str]:
        return failures({place: taken for place, samples in self.samples.items() for taken in samples})

    def _all(self, place: str, figure: str) -> list[float]:
        return [sample[figure] for sample in self.samples[place] if figure in sample]


NAMES = {
    "bare": "the waiting alone",
    "memory:": "journeyman, `memory:`",
    "commits": "the same with two bare commits a round",
    "sqlite": "journeyman, `sqlite:///` (`synchronous=FULL`)",
    "sqlite-normal": "journeyman, `?synchronous=normal`",
}


def percent(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole * 100


def journaling_tables(paced: Mapping[str, list[dict]], tight: Mapping[str, list[dict]]) -> str:
    walls, costs = Turns(paced), Turns(tight)
    shown = table(
        ["20 rounds at 100 ms", "wall, s: best", "median", "over waiting alone", "CPU a round, µs: median"],
        [
            [
                NAMES[place],
                *(
                    f"{value:.3f}" if value else "–"
                    for value in (walls.best(place, "wall_s"), walls.median(place, "wall_s"))
                ),
                signed(percent(walls.more(place, "bare", "wall_s"), walls.median("bare", "wall_s")), "%"),
                number(walls.median(place, "cpu_us")),
            ]
            for place in paced
        ],
    )
    without = table(
        ["20 rounds without latency", "CPU a round, µs: best", "median", "over `memory:`, best", "median"],
        [
            [
                NAMES[place],
                number(costs.best(place, "best_us")),
                number(costs.median(place, "median_us")),
                *(
                    ("–", "–")
                    if place == "memory:"
                    else (
                        signed(costs.best_more(place, "memory:", "best_us"), "µs"),
                        signed(costs.more(place, "memory:", "median_us"), "µs"),
                    )
                ),
            ]
            for place in tight
        ],
    )
    wall = percent(walls.more("sqlite", "memory:", "wall_s"), walls.median("memory:", "wall_s"))
    wall_best = percent(walls.best_more("sqlite", "memory:", "wall_s"), walls.best("memory:", "wall_s"))
    cpu, cpu_best = costs.more("sqlite", "memory:", "median_us"), costs.best_more("sqlite", "memory:", "best_us")
    bars = table(
        ["what journaling costs", "best", "median", "at most", "verdict"],
        [
            ["wall time, SQLite over memory", signed(wall_best, "%"), signed(wall, "%"), f"{WALL_BAR:g} %"]
            + [verdict(wall, WALL_BAR, wall_best)],
            ["CPU a round, SQLite over memory", signed(cpu_best, "µs"), signed(cpu, "µs"), f"{CPU_BAR:g} µs"]
            + [verdict(cpu, CPU_BAR, cpu_best)],
            [
                "CPU a round, SQLite over two bare commits",
                signed(costs.best_more("sqlite", "commits", "best_us"), "µs"),
                signed(costs.more("sqlite", "commits", "median_us"), "µs"),
                "–",
                "what is ours of it",
            ],
        ],
    )
    note = (
        "CPU is that of all threads, the kernel's work on a commit included. A round has two commits that wait for the disk; the bare "
        "ones write two lines each with `sqlite3` alone, in the model and in the tool of a run that is kept in memory: a journal cannot "
        "go below them. Where 100 ms go by between commits, caches are cold and everything costs more, also the waiting alone. Both "
        "bars are held against the differences within each turn."
    )
    return "\n\n".join(["### What journaling costs", bars, shown, without, note, *walls.failures(), *costs.failures()])


def signed(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:+.2g} {unit}" if abs(value) < 10 else f"{value:+,.0f} {unit}"


PLACES = {"sqlite": "SQLite", "file": "`file:`", "postgresql": "PostgreSQL"}
STORES = {"openai_agents": "`SQLiteSession`", "agno": "`SqliteDb`", "langgraph": "`AsyncSqliteSaver`"}
SCRIPTS = {PLAIN: "a question, an answer", TOOLS: "with a tool call each turn"}


def conversation_tables(
    results: Mapping[tuple[str, str, str], dict], peers: Sequence[str], turns: int, empty: int
) -> str:
    rows = []
    who = [(f"journeyman, {shown}", place, "journeyman") for place, shown in PLACES.items()]
    who += [(f"{name}, {STORES[name]}", "sqlite", name) for name in peers]
    for shown, place, name in who:
        row = [shown]
        for script in SCRIPTS:
            talked = results[place, name, script]
            size = talked.get("bytes")
            row += [megabytes(size), "–" if size is None else number(size / turns), growth(talked)]
        rows.append(row)
    columns = [column for script in SCRIPTS.values() for column in (f"{script}: MB", "B a turn", "later/earlier")]
    ours = results["sqlite", "journeyman", PLAIN]
    own = [results["sqlite", "journeyman", script] for script in SCRIPTS]
    size = ours["bytes"] / MEGABYTE if "bytes" in ours else None
    judged = verdict(size, SIZE_BAR) if turns == SIZE_TURNS else "not judged with so few turns"
    parts = [
        f"### A conversation of {turns} turns, on the disk",
        f"Bar for SQLite, a question and an answer each turn: at most {SIZE_BAR} MB for {SIZE_TURNS} "
        f"turns; measured {megabytes(ours.get('bytes'))} MB: {judged}.",
        table([f"{turns} turns", *columns], rows),
        f"A question has about 45 characters, an answer about 100: {number(ours.get('words', 0))} bytes of words in all. All talk to one "
        "loopback server, which sends ids and an account of tokens as OpenAI does. Weighed when closed, with the write-ahead log "
        "put in its place. *later/earlier* is what the second half of the turns added over what the first took: 1 grows with what "
        "is said, 3 with its square. SQLiteSession keeps messages only. PostgreSQL's tables and indexes take "
        f"{megabytes(empty)} MB of it before the first run. The small files of `file:` take "
        f"{megabytes(results['file', 'journeyman', PLAIN].get('allocated'))} MB of the file system's blocks.",
        *(
            what_takes_them(script, talked, turns)
            for script, talked in zip(SCRIPTS.values(), own, strict=True)
            if "lines" in talked
        ),
    ]
    return "\n\n".join([*parts, *failures(results)])


def megabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / MEGABYTE:.3g}"


def growth(talked: dict) -> str:
    return f"{(talked['bytes'] - talked['half']) / talked['half']:.2f}" if talked.get("half") else "–"


def what_takes_them(script: str, talked: dict, turns: int) -> str:
    """Where the bytes are: in the facts by kind, in the runs' rows, in indexes, and in pages that are not full."""
    kinds = ", ".join(
        f"{kind} {size / turns:.0f}" for kind, size in talked["lines"].items() if kind != "summary" and size >= turns
    )
    tables = talked["tables"]
    facts = sum(size for kind, size in talked["lines"].items() if kind != "summary")
    text = f"Ours, {script}, bytes a turn: facts as JSON {facts / turns:.0f} ({kinds})"
    if tables:
        indexes = sum(size for name, size in tables.items() if name not in ("lines", "runs"))
        text += (
            f"; on pages of the file: facts {tables['lines'] / turns:.0f}, runs' rows {tables['runs'] / turns:.0f} (their "
            f"text {talked['lines']['summary'] / turns:.0f}), indexes {indexes / turns:.0f}"
        )
    return text + "."


def waiting_tables(results: Mapping[str, dict], runs: int) -> str:
    bars, rows = [], []
    for name, found in results.items():
        for words, figure in (("the first 50", "page"), ("all, in pages of 1,000", "1000"), ("all in one", "10000")):
            took = found.get(figure)
            best, median = (min(took), statistics.median(took)) if took else (None, None)
            bars.append(
                [f"{name}: {words}", number(best), number(median), f"{LIST_BAR:g} ms", verdict(median, LIST_BAR, best)]
            )
        small = found.get("50")
        grown = found.get("grown_kb")
        rows.append(
            [
                name,
                *((number(min(small)), number(statistics.median(small))) if small else ("–", "–")),
                " / ".join(f"{kb / 1000:.1f}" for kb in grown) if grown else "–",
                number(found.get("tasks")),
                number(found.get("page_kb")),
            ]
        )
    head = ["", "all, in pages of 50, ms: best", "median", "MB grown, first / second half", "tasks left"]
    return "\n\n".join(
        [
            f"### {runs:,} waiting runs",
            table(["listing those that wait", "best, ms", "median, ms", "at most", "verdict"], bars),
            table([*head, "KB for a page in a fresh process"], rows),
            f"{runs:,} runs that each called a tool which raised `Pending`, made through `Agent.run`. The memory of the process that made "
            "them is looked at after the first 200, at the half and at the end: what grows in the first half are the log's "
            "tails of up to 4,096 runs at work, which have a bound. Lists are made by a fresh process, which held nothing of them before. PostgreSQL does not wait for "
            "the disk here, which matters to the making only.",
            *failures(results),
        ]
    )
