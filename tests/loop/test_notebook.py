"""Blocking twins in a notebook, where a loop is already running."""

from __future__ import annotations

import asyncio
from pathlib import Path

import nbformat
from nbclient import NotebookClient

SRC = Path(__file__).parents[2] / "src"

CELL = """
import asyncio, sys, warnings
sys.path.insert(0, {src!r})
from journeyman import Agent, ScriptedModel, tool

loop = asyncio.get_running_loop()     # a kernel runs its cells in one

@tool
def double(number: int) -> int:
    "Twice the number."
    return number * 2

from journeyman.data import ToolCall
agent = Agent(ScriptedModel([ToolCall("c", "double", '{{"number": 21}}'), "It is 42.", "Again."]), tools=[double])
print(agent.run_sync("21 twice?").output)
"""
AGAIN = "print(agent.run_sync('And?').output, asyncio.get_running_loop() is loop)"
ITERATE = """
model = ScriptedModel(["one two three"])
with Agent(model).run_stream_sync("Count.") as stream:
    print("".join(stream.text_sync()), "/", stream.result.output)
"""
AWAIT = "print((await Agent(ScriptedModel(['awaited'])).run('x')).output)"


def test_a_notebook_calls_agents_blocking_and_awaiting(tmp_path, monkeypatch):
    """In a kernel with a running loop, cell after cell, a blocking call, a blocking iterator and an `await` all work."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    book = nbformat.v4.new_notebook()
    cells = [CELL.format(src=str(SRC)), AGAIN, ITERATE, AWAIT]
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    asyncio.run(NotebookClient(book, timeout=60, kernel_name="python3").async_execute())
    outputs = ["".join(output.get("text", str(output)) for output in cell.outputs) for cell in book.cells]
    assert outputs == [
        "It is 42.\n",
        "Again. True\n",
        "one two three / one two three\n",
        "awaited\n",
    ]
