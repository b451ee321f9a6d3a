"""A recorded run of 20 rounds, replayed: how much faster, and whether to the byte: `python bench/replay.py`.

The provider is the twin on loopback with 200 ms latency; the run calls a tool in each round. A replay is measured in a fresh
tape and the same process, the best of several.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from journeyman import Agent, open_model, tool
from journeyman.compose import open_journal
from journeyman.data import ToolCall
from journeyman.journal import encode_fact
from journeyman.testing import Fault, provider_twin, record, replay

ROUNDS = 20
LATENCY = 0.2
REPLAYS = 5
BAR = 100


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


async def run(url, journal):
    model = open_model("anthropic:any", base_url=url, api_key="x")
    agent = Agent(model, tools=[add], max_iterations=ROUNDS + 1)
    async with open_journal(journal) as log:
        start = time.perf_counter()
        result = await agent.run("Add up.", journal=log)
        seconds = time.perf_counter() - start
        facts = [encode_fact(result.run_id, fact) async for fact in log.read(result.run_id)]
    return seconds, b"\n".join(facts)


async def main():
    script = [ToolCall(f"c{turn}", "add", '{"a": 1, "b": 2}') for turn in range(ROUNDS - 1)]
    with tempfile.TemporaryDirectory() as folder:
        tape = Path(folder, "tape.jsonl")
        async with provider_twin([*script, "Done."], faults=lambda turn, request: Fault(latency=LATENCY)) as twin:
            with record(tape):
                recorded, journal = await run(twin.url, "memory:")
        replays = []
        for _ in range(REPLAYS):
            with replay(tape):
                seconds, again = await run("http://127.0.0.1:9", "memory:")
            replays.append(seconds)
            assert again == journal, "the journal is another one"
        best = min(replays)
        print(f"| rounds | recorded, s | replayed, ms | ratio | journal | bar {BAR} × |")
        print("|---|---|---|---|---|---|")
        verdict = "cleared" if recorded / best >= BAR else "not cleared"
        print(
            f"| {ROUNDS} | {recorded:.2f} | {best * 1000:.1f} | {recorded / best:.0f} × | the same to the byte | {verdict} |"
        )
        print(f"\nall replays, ms: {', '.join(f'{seconds * 1000:.1f}' for seconds in replays)}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main())
