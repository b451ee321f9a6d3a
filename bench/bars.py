"""The bars that journeyman is held to, and whether it clears them.

A bar with `then` was set in absolute terms on a machine where the floor measured `then`; where this machine's floor is
slower, the verdict says what the same bar would be here, and does not soften itself.
"""

import statistics
from collections.abc import Callable, Mapping
from typing import NamedTuple

Samples = Mapping[tuple[str, str], list[dict]]


class Results:
    """All that was measured; `get` gives the median of the repetitions, or None."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def get(self, system: str, case: str, figure: str) -> float | None:
        values = [sample[figure] for sample in self.samples.get((system, case), ()) if figure in sample]
        return statistics.median(values) if values else None

    def ours(self, case: str, figure: str) -> float | None:
        return self.get("journeyman", case, figure)

    def ratio(self, case: str, figure: str, system: str = "journeyman") -> float | None:
        value, floor = self.get(system, case, figure), self.get("floor", case, figure)
        return None if value is None or not floor else value / floor


class Bar(NamedTuple):
    words: str
    measured: Callable[[Results], float | None]
    limit: float
    unit: str
    floor: tuple[str, str, float] | None = None  # case, figure and what the floor measured where the bar was set

    def verdict(self, results: Results) -> tuple[str, str, str, str]:
        value = self.measured(results)
        limit = f"{self.limit:g} {self.unit}"
        if value is None:
            return (self.words, "–", limit, "not measured")
        outcome = "PASS" if value <= self.limit else "FAIL"
        if self.floor and outcome == "FAIL":
            outcome += self._scaled(results, value)
        return (self.words, f"{value:.3g} {self.unit}", limit, outcome)

    def _scaled(self, results: Results, value: float) -> str:
        case, figure, then = self.floor
        now = results.get("floor", case, figure)
        if now is None or now <= then:
            return ""
        here = self.limit * now / then
        passed = "would pass" if value <= here else "would fail, too"
        return f" (the floor is {now / then:.1f} × slower here: {passed} at {here:.3g} {self.unit})"


def own(case: str, figure: str) -> Callable[[Results], float | None]:
    return lambda results: results.ours(case, figure)


def over_floor(case: str, figure: str) -> Callable[[Results], float | None]:
    return lambda results: results.ratio(case, figure)


def adds(system: str) -> Callable[[Results], float | None]:
    """What keeping a run in SQLite adds to a round."""

    def measured(results: Results) -> float | None:
        kept, unkept = (results.get(system, case, "cpu_us") for case in ("tool_round_sqlite", "tool_round"))
        return None if kept is None or unkept is None else kept - unkept

    return measured


def beyond_commits(results: Results) -> float | None:
    """The same without what the disk and SQLite themselves take, which is most of it and differs from machine to machine."""
    ours, bare = adds("journeyman")(results), adds("floor")(results)
    return None if ours is None or bare is None else ours - bare


def concurrency(case: str, runs: str) -> list[Bar]:
    return [
        Bar(f"{runs} runs at once: errors", own(case, "errors"), 0, "errors"),
        Bar(f"{runs} runs at once: CPU", over_floor(case, "cpu_s"), 2, "× floor"),
        Bar(f"{runs} runs at once: memory of a live run", own(case, "kb_per_run"), 60, "KB"),
        Bar(f"{runs} runs at once: wall time", over_floor(case, "wall_s"), 1.3, "× floor"),
    ]


BARS = [
    Bar("import journeyman, over bare Python", own("imports", "import_ms"), 30, "ms"),
    Bar(
        "import, an agent and its first answer",
        own("imports", "first_ms"),
        250,
        "ms",
        ("imports", "first_ms", 150),
    ),
    Bar("one call", over_floor("one_call", "cpu_us"), 2, "× floor"),
    Bar("a tool round, journal in memory", over_floor("tool_round", "cpu_us"), 2, "× floor"),
    Bar("a tool round, what sqlite: adds", adds("journeyman"), 200, "µs"),
    Bar("of that, beyond two bare commits of the floor's", beyond_commits, 200, "µs"),
    Bar("the loop alone, a round", own("loop_only", "cpu_us"), 50, "µs", ("loop_only", "cpu_us", 4)),
    Bar("a chunk of a stream", over_floor("stream", "cpu_us"), 3, "× floor"),
    Bar("a chunk of 50 paced streams", own("streams_50", "cpu_us"), 45, "µs", ("streams_50", "cpu_us", 32)),
    Bar("a cancelled stream: the connection is closed, worst of 20", own("cancel", "cancel_worst_ms"), 10, "ms"),
    *concurrency("concurrent_500", "500"),
    *concurrency("concurrent_2000", "2,000"),
    Bar("a conversation: what an earlier turn adds", own("conversation_500", "slope_us"), 2, "µs"),
    Bar(
        "a conversation's journal, beyond the words",
        own("conversation_journal", "bytes_per_message"),
        1024,
        "B/message",
    ),
    Bar("its growth, later turns over earlier ones", own("conversation_journal", "growth"), 1.2, "×"),
]
