"""A Lisp program that waits in the middle of an expression, in the sandbox itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.data import ToolSpec
from journeyman.programs import Answer, Answered, Grant, Waits, open_sandbox

CODE = """
(def base (tool/get {:id 100}))
(let [found (pmap (fn [i]
                    (println "looking at" i)
                    (let [a (tool/get {:id i})]
                      (if (odd? i) (+ a (tool/ask {:about i})) a)))
                  [1 2 3])]
  {:found found :total (reduce + base found) :last (tool/ask {:about :all})})
"""


async def _call(name: str, arguments: dict[str, Any], call_id: int) -> Answer:
    return Waits(arguments) if name == "ask" else Answered(arguments["id"])


@pytest.mark.parametrize("keep", [True, False], ids=["with its snapshot", "run again"])
async def test_a_program_waits_in_the_middle_of_its_branches(keep: bool):  # noqa: FBT001  (a parameter of the test)
    """Branches that wait for answers go on one by one, from a snapshot or from the recorded calls, to the same value."""
    tools = Grant([ToolSpec("get"), ToolSpec("ask")], _call)
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run(CODE, language="lisp", tools=tools)
        asked: list[Any] = []
        while outcome.suspended is not None:
            waiting = outcome.suspended.waiting[0]
            asked.append(waiting.info["about"])
            suspended = outcome.suspended if keep else msgspec.structs.replace(outcome.suspended, snapshot=b"")
            outcome = await sandbox.resume(suspended, {waiting.id: 1000 * len(asked)}, tools=tools)
    assert outcome.error is None
    assert asked == [1, 3, "all"]
    assert outcome.value == {"found": [1001, 2, 2003], "total": 3106, "last": 3000}
    assert outcome.printed == "looking at 1\nlooking at 2\nlooking at 3\n"
    assert outcome.memory["base"] == 100


async def test_a_program_that_waits_is_small():
    """Five calls, three of them together, and some map, filter, reduce and str wait in less than 16 KiB."""
    code = """
    (def users (tool/get {:id 1}))
    (def orders (tool/get {:id 2}))
    (let [found (pmap (fn [id] (tool/get {:id id})) [1 2 3])
          large (filter (fn [x] (> x 1)) found)
          total (reduce + 0 large)]
      {:label (str "total: " total) :names (map (fn [x] (str "order " x)) large) :approved (tool/ask {:about total})})
    """
    tools = Grant([ToolSpec("get"), ToolSpec("ask")], _call)
    async with open_sandbox(processes=1) as sandbox:
        outcome = await sandbox.run(code, language="lisp", tools=tools)
    assert outcome.suspended is not None
    assert len(outcome.suspended.calls) == 6
    assert len(outcome.suspended.snapshot) < 16 * 1024
