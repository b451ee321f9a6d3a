"""`journeyman demo`: an agent answers a question about a table, and the answer is right."""

import json
import signal
import threading

import pytest

from journeyman.apps.demo import ORDERS, count
from journeyman.data import TextDelta, ToolCall
from journeyman.providers import Capabilities
from journeyman.testing.twin import Fault


def test_the_demo_works_end_to_end(process, place):
    """As a process, without key or network: it says what is scripted, works over HTTP, is right, and leaves a journal."""
    done = process("demo")
    right = count(ORDERS)
    assert (done.code, done.err) == (0, "")
    places = [
        done.out.index(words)
        for words in (
            "4,000 orders of a shop that does not exist",
            "The model is scripted",
            "http://127.0.0.1:",
            "question  Which region",
            "→ describe_table()",
            "✓ total_by",
            f"{right.region} earned the most from delivered orders: ${right.dollars}",
            "The answer is right",
            "RunStarted",
            "ToolFinished",
            "RunFinished",
            "list price of openai:gpt-5-mini",
            "again    journeyman runs show",
        )
    ]
    assert places == sorted(places)
    assert "\x1b" not in done.out
    again = next(line.split("journeyman ", 1)[1] for line in done.out.splitlines() if line.startswith("again"))
    shown = process(*again.split())
    assert shown.code == 0
    assert right.dollars in shown.out


def test_tools_run_at_the_same_time(command):
    """The two calls of the third turn are started together, before either is finished."""
    run = json.loads(command("demo", "--json").out)["run"]
    facts = [json.loads(line) for line in command("runs", "show", run, "--facts", "--json").out.splitlines()]
    kinds = [fact["kind"] for fact in facts]
    assert "ToolStarted ToolStarted ToolFinished ToolFinished" in " ".join(kinds)


def test_the_demo_for_machines_is_one_object(command):
    """The answer, what was counted, and whether they agree; the cost is that of a real price list."""
    done = command("demo", "--json", "--journal", "sqlite:///demo.db")
    shown = json.loads(done.out)
    right = count(ORDERS)
    assert (done.code, done.err) == (0, "")
    assert (shown["right"], shown["scripted"], shown["journal"]) == (True, True, "sqlite:///demo.db")
    assert shown["counted"] == {
        "region": right.region,
        "revenue": right.dollars.replace(",", ""),
        "product": right.product,
    }
    assert shown["tool_calls"] == 4
    assert shown["cost"] > 0


def test_a_real_model_is_judged_alike(command, served):
    """With --model nothing is scripted by us; a right answer ends with 0."""
    right = count(ORDERS)
    served(
        [
            ToolCall("c", "total_by", '{"column": "region"}'),
            f"{right.region}: ${right.dollars}, with the {right.product}.",
        ]
    )
    done = command("demo", "--model", "openai:gpt-5-mini")
    assert done.code == 0
    assert "openai:gpt-5-mini answers" in done.out
    assert "scripted" not in done.out
    assert "nothing was paid" not in done.out


def test_a_wrong_answer_fails_the_demo(command, served):
    """A model that guesses is found out: exit code 1, and what is right is shown."""
    served(["North, I guess.", "North, I guess."])
    done = command("demo", "--model", "openai:gpt-5-mini")
    assert done.code == 1
    assert "The answer is not right" in done.out
    assert count(ORDERS).dollars in done.out
    answer = json.loads(command("demo", "--model", "openai:gpt-5-mini", "--json").out)
    assert answer["right"] is False


def test_a_model_that_fails_fails_the_demo(command, served):
    """An error is told as everywhere else."""
    served(["x"], faults={0: Fault(status=401)})
    done = command("demo", "--model", "openai:gpt-5-mini")
    assert done.code == 1
    assert "journeyman doctor" in done.err


@pytest.mark.parametrize("argv", [("--model", "nobody:x"), ("--model", "openai:x"), ("--journal", "papyrus")])
def test_what_the_caller_can_mend_ends_with_2(command, argv):
    """An unknown vendor, a missing key, an impossible journal."""
    assert command("demo", *argv).code == 2


def test_an_interrupt_cancels_the_run(start, served, command):
    """Ctrl-C ends the demo with 130, and the journal says that the run was cancelled."""

    class Hanging:
        name = "openai:hanging"
        capabilities = Capabilities()
        asked = threading.Event()

        async def respond(self, request, emit=None, record=None):
            import asyncio

            emit([TextDelta("Wait ")])
            self.asked.set()
            await asyncio.Event().wait()

        def preview(self, request, *, stream=False):
            return None

    served(Hanging())
    child = start("demo", "--model", "openai:gpt-5-mini")
    assert Hanging.asked.wait(60)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert json.loads(command("runs", "list", "--json").out)["status"] == "cancelled"
