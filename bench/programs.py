"""Programs in the sandbox against their bars, and fib(20) beside smolagents' local executor: `python bench/programs.py`.

Walls are the best and the median of many runs, in one process with one worker, warmed up: what a machine with other work
adds to a run shows in the median. smolagents interprets in its own process, in the environment that `run.py` makes for it;
its time is that of the call alone. `--alone` leaves it out. Most of a short program is hand-overs between threads and processes, and
a virtual processor that has fallen asleep wakes up slowly: `--awake` gives the processors something of the lowest priority to do.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import msgspec
from environments import Failed, all_systems
from pydantic_monty import Monty

from journeyman import Pending
from journeyman.compose import language
from journeyman.programs import ProgramLimits, Scope, open_sandbox

RUNS = 300
CALLS = 50
DUMP_LIMIT = 16 * 1024

FIB = """
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)

fib(20)
"""

LISP = """\
(def orders data/orders)
(defn total [order]
  (* (:pieces order) (:price order)))
(defn large? [order]
  (> (total order) 100))
(def by-customer (group-by :customer orders))
(def sums
  (into {}
    (for [[customer xs] by-customer]
      [customer (reduce + (map total xs))])))
(def best
  (->> sums
       (sort-by val >)
       (take 3)
       (map first)))
(println "orders:" (count orders))
(let [open (filter (fn [o] (= (:state o) "open")) orders)
      big (filter large? open)]
  {:best best :open (count open)
   :big (mapv :id big) :mean (/ (reduce + (vals sums)) (count sums))})
"""

WAITING = """
rows = [{"id": n, "name": "order " + str(n), "pieces": n % 7, "price": 1.5 * n} for n in range(50)]
totals = {}
for row in rows:
    totals[row["name"]] = row["pieces"] * row["price"]
answer = approve(sum(totals.values()))
{"approved": answer, "orders": len(rows)}
"""

LISP_WAITING = """
(def users (tool/get {:id 1}))
(def orders (tool/get {:id 2}))
(let [details (pmap (fn [id] (tool/get {:id id})) [1 2 3])
      total (reduce + 0 (map :n details))
      names (map :name (filter (fn [d] (> (:n d) 1)) details))]
  {:total total :label (str "total: " total) :names (str/join ", " names)
   :approved (tool/approve {:amount total})})
"""

LISP_WAITED = {"total": 6, "label": "total: 6", "names": "order 2, order 3", "approved": True}

SMOLAGENTS = """
import json, sys, time
from smolagents.local_python_executor import LocalPythonExecutor
code = json.loads(sys.argv[1])
times = []
for _ in range(5):
    executor = LocalPythonExecutor([])
    executor.send_tools({})
    start = time.perf_counter()
    result = executor(code)
    times.append(time.perf_counter() - start)
    assert result.output == 6765, result
print(json.dumps(times))
"""


async def nothing() -> int:
    return 1


def get(id: int) -> dict:  # noqa: A002  (the tool's own parameter)
    return {"n": id, "name": f"order {id}"}


def approve(amount: float) -> bool:
    raise Pending({"amount": amount})


async def walls(sandbox, code, runs, expected, **options):
    times = []
    for number in range(runs + 10):
        start = time.perf_counter()
        outcome = await sandbox.run(code, **options)
        wall = time.perf_counter() - start
        assert outcome.error is None, outcome.error
        assert outcome.value == expected, outcome.value
        if number >= 10:
            times.append(wall * 1000)
    return times


async def own_calls(runs):
    """What the tool itself takes: as much as awaiting it in a loop of ours."""
    start = time.perf_counter()
    for _ in range(runs):
        await nothing()
    return (time.perf_counter() - start) * 1000 / runs


async def tool_call(sandbox):
    """Milliseconds a call: programs with many calls less programs with none, over the number of calls, less the tool's own."""
    many = f"for _ in range({CALLS}):\n    x = nothing()\nx"
    none = f"for _ in range({CALLS}):\n    x = 1\nx"
    limits = ProgramLimits(tool_calls=CALLS)
    with_calls = await walls(sandbox, many, 30, 1, tools=[nothing], limits=limits)
    without = await walls(sandbox, none, 30, 1, tools=[nothing], limits=limits)
    own = await own_calls(1000)
    return tuple((of(with_calls) - of(without)) / CALLS - own for of in (min, statistics.median))


def hand_overs():
    """Milliseconds that nobody can save: to a thread and back, and to the interpreter's process and back, with nothing done there."""
    with Monty(min_processes=1, max_processes=1) as pool, pool.checkout() as session:
        at = session.feed_start(f"for _ in range({CALLS}):\n    x = nothing()")
        process = []
        for _ in range(CALLS):
            start = time.perf_counter()
            at = at.resume({"return_value": 1})
            process.append((time.perf_counter() - start) * 1000)
    thread = asyncio.run(thread_hand_overs())
    return tuple(of(process) + of(thread) for of in (min, statistics.median))


async def thread_hand_overs():
    loop, times = asyncio.get_running_loop(), []
    with ThreadPoolExecutor(1) as threads:
        for _ in range(CALLS):
            start = time.perf_counter()
            await loop.run_in_executor(threads, int)
            times.append((time.perf_counter() - start) * 1000)
    return times


@contextmanager
def processors(*, awake):
    """`awake`: with something of the lowest priority for them to do, so that none falls asleep between two hand-overs."""
    code = "import os\nos.nice(19)\nwhile True: pass"
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(os.cpu_count() if awake else 0)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def compiling():
    """Each time another text, so that nothing can be remembered from the last."""
    scope = Scope(data={"orders": []})
    lisp = language("lisp")
    times = []
    for number in range(60):
        source = LISP.replace("100", str(100 + number))
        start = time.perf_counter()
        lisp.compile(source, scope)
        times.append((time.perf_counter() - start) * 1000)
    return times[10:]


async def dump(sandbox, code, tools, expected, language="python"):
    outcome = await sandbox.run(code, tools=tools, language=language)
    assert outcome.suspended is not None, outcome.error
    resumed = await sandbox.resume(outcome.suspended, {outcome.suspended.waiting[0].id: True})
    assert resumed.value == expected, resumed
    return len(outcome.suspended.snapshot), len(msgspec.json.encode(outcome.suspended))


def theirs():
    system = all_systems()["smolagents"]
    system.prepare()
    return [seconds * 1000 for seconds in json.loads(system.call("-c", SMOLAGENTS, json.dumps(FIB)))], system.versions()


def row(what, times, bar):
    best, median = min(times), statistics.median(times)
    verdict = "cleared" if median < bar else "cleared by the best alone" if best < bar else "not cleared"
    print(f"| {what} | {best:.3f} | {median:.3f} | {bar:.3g} ms | {verdict} |")


async def measured():
    async with open_sandbox(processes=1) as sandbox:
        trivial = await walls(sandbox, "1 + 1", RUNS, 2)
        lisp = {
            code: await walls(sandbox, code, RUNS, value, language="lisp")
            for code, value in (("(+ 1 1)", 2), ('(str "a" 1)', "a1"), ('(println "x" {:a 1})', None))
        }
        call = await tool_call(sandbox)
        fib = await walls(sandbox, FIB, 10, 6765)
        sizes = {
            "Python": await dump(sandbox, WAITING, [approve], {"approved": True, "orders": 50}),
            "Lisp": await dump(sandbox, LISP_WAITING, [get, approve], LISP_WAITED, "lisp"),
        }
    return trivial, lisp, call, fib, sizes


def main():
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors\n", file=sys.stderr)
    with processors(awake="--awake" in sys.argv):
        report()


def report():
    trivial, lisp, call, fib, sizes = asyncio.run(measured())
    lines = LISP.strip().count("\n") + 1
    print("| what | best, ms | median, ms | bar | |")
    print("|---|---|---|---|---|")
    row("a trivial program, warm", trivial, 1)
    for code, times in lisp.items():
        row(f"`{code}` in Lisp, warm", times, 1)
    row("a tool call, beyond the tool's own time", call, 0.3)
    least = hand_overs()
    print(f"| the hand-overs in it, with nothing done there | {least[0]:.3f} | {least[1]:.3f} | | |")
    row(f"compiling {lines} lines of Lisp", compiling(), 5)
    if "--alone" not in sys.argv:
        try:
            other, versions = theirs()
        except Failed as error:
            print(f"| fib(20) | {min(fib):.3f} | {statistics.median(fib):.3f} | | smolagents failed: {error} |")
        else:
            row(f"fib(20); smolagents {versions['smolagents']}: {min(other):.0f} ms", fib, min(other) / 10)
    print()
    for name, (snapshot, stored) in sizes.items():
        verdict = "cleared" if snapshot < DUMP_LIMIT else "not cleared"
        print(
            f"dump of a program in {name} that waits: {snapshot:,} bytes (bar 16 KiB, {verdict});"
            f" all that is stored: {stored:,} bytes"
        )


if __name__ == "__main__":
    main()
