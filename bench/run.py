"""Measures journeyman, the floor and the peers, and says which bars are cleared: `python bench/run.py --help`.

Nothing is measured in this process. Each figure comes from a process of its own, and the systems take turns, so that a
change of the machine's mood hits all of them.
"""

import argparse
import json
import os
import sys

from bars import Results
from environments import BENCH, ENVIRONMENTS, Failed, Server, System, all_systems
from report import TITLES, report

KEPT = "## What the bars that are not cleared come down to"
"""The heading in RESULTS.md from which on `--write` leaves it alone."""

OWN = ("journeyman", "floor")
REPETITIONS = 5
QUICK_REPETITIONS = 3
# With hundreds of runs or turns the peers take minutes, and the scatter is small beside the differences.
LONG = {"concurrent_500": 3, "concurrent_2000": 3, "conversation_500": 3, "conversation_journal": 1}


class Effort:
    """How long to measure."""

    def __init__(self, quick: bool) -> None:
        self.quick = quick
        self.seconds = 0.2 if quick else 0.6
        self.turns = 100 if quick else 500

    def repetitions(self, case: str, system: str) -> int:
        if case in LONG:
            return 1 if self.quick or system not in OWN else LONG[case]
        return QUICK_REPETITIONS if self.quick else REPETITIONS


def imports(system: System, url: str) -> dict[str, float]:
    clock = "import time; print(time.process_time())"
    bare = float(system.call("-c", clock))
    loaded = float(system.call("-c", f"{system.statement}; {clock}"))
    first = float(system.call(BENCH / "fresh.py", system.module, url).splitlines()[-1])
    return {"import_ms": (loaded - bare) * 1000, "first_ms": first * 1000}


def measured(system: System, case: str, url: str, effort: Effort) -> dict:
    try:
        if case == "imports":
            return imports(system, url)
        output = system.call(BENCH / "measure.py", system.module, case, url, str(effort.seconds), str(effort.turns))
        return json.loads(output.splitlines()[-1])
    except Failed as failure:
        return {"failed": str(failure)}


def measure(systems: list[System], cases: list[str], url: str, effort: Effort) -> Results:
    samples: dict[tuple[str, str], list[dict]] = {}
    with (ENVIRONMENTS / "samples.jsonl").open("w") as kept:
        for case in cases:
            for repetition in range(REPETITIONS):
                for system in systems:
                    had = samples.setdefault((system.name, case), [])
                    if repetition >= effort.repetitions(case, system.name) or (had and "lacks" in had[0]):
                        continue
                    sample = measured(system, case, url, effort)
                    had.append(sample)
                    line = json.dumps({"system": system.name, "case": case, **sample})
                    print(line, file=kept, flush=True)
                    print(line, file=sys.stderr)
    return Results(samples)


def chosen(names: str | None, known: list[str], what: str) -> list[str]:
    wanted = names.split(",") if names else known
    for name in wanted:
        if name not in known:
            raise SystemExit(f"no {what} {name!r}; there are {', '.join(known)}")
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure journeyman beside a hand-written floor and its peers.")
    parser.add_argument("--only", metavar="CASE,…", help=f"of {', '.join(TITLES)}")
    parser.add_argument("--systems", metavar="NAME,…", help="of the rows of peers.toml")
    parser.add_argument("--quick", action="store_true", help="few and short repetitions, to see that all works")
    parser.add_argument("--aiohttp", action="store_true", help="give the peers the aiohttp backend of OpenAI's SDK")
    parser.add_argument("--write", action="store_true", help="keep the tables in bench/RESULTS.md")
    options = parser.parse_args()
    known = all_systems()
    systems = [known[name] for name in chosen(options.systems, list(known), "system")]
    if options.aiohttp:
        systems = [system.on_aiohttp() for system in systems]
    cases = chosen(options.only, list(TITLES), "case")
    if options.quick and not options.only:
        cases.remove("concurrent_2000")
    ENVIRONMENTS.mkdir(exist_ok=True)
    for system in systems:
        system.prepare()
    load = os.getloadavg()[0]
    with Server() as server:
        results = measure(systems, cases, server.url, Effort(options.quick))
    if options.quick:
        print("a quick run shows that all works; its figures are rough", file=sys.stderr)
    text = report(results, cases, {system.name: system.versions() for system in systems}, load)
    print(text)
    if options.write:
        results_file = BENCH / "RESULTS.md"
        # What was written by hand, or by the other programs here, stays.
        _, mark, kept = results_file.read_text().partition(KEPT)
        results_file.write_text(text.rstrip() + "\n\n" + mark + kept)


if __name__ == "__main__":
    main()
