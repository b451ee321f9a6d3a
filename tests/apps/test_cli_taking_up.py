"""`journeyman runs resume`, `fork`, `approve`, `export` and `import`."""

import json
import sys
from pathlib import Path

import pytest

URL = "sqlite:///journeyman.db"

SHOP = '''
from journeyman import Agent, Pending, ScriptedModel, tool
from journeyman.data import ToolCall


@tool(requires_approval=True)
async def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"


@tool
async def ask(who: str) -> str:
    """Ask."""
    raise Pending({"who": who}, response="I have asked.", deadline=3600)


def says(request):
    turn = sum(message.role == "assistant" for message in request.messages)
    calls = [ToolCall("p", "pay", '{"amount": 5}'), ToolCall("a", "ask", '{"who": "Ann"}')]
    return [calls, "It is done.", "And more."][turn]


shop = Agent(ScriptedModel([says] * 20), name="shop", tools=[pay, ask], journal="sqlite:///journeyman.db")
other = Agent(ScriptedModel([]), name="other", tools=[pay, ask])
lesser = Agent(ScriptedModel([says] * 20), name="shop", tools=[ask])
'''


@pytest.fixture
def waiting(place, monkeypatch):
    """A run that waits for an approval and an answer; its id."""
    (place / "shop_of_test.py").write_text(SHOP)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.delitem(sys.modules, "shop_of_test", raising=False)
    from importlib import import_module

    return import_module("shop_of_test").shop.run_sync("Pay and ask.").run_id


AGENT = ("--agent", "shop_of_test:shop")


def test_a_call_is_listed_approved_and_the_run_goes_on(command, waiting):
    """The list names what waits and how it is answered; resume answers the rest; exit code 3 says that it still waits."""
    listed = command("runs", "approve", waiting, "--json")
    calls = [json.loads(line) for line in listed.out.splitlines()]
    assert [(call["id"], call["kind"], call["tool"]) for call in calls] == [
        ("p", "approval", "pay"),
        ("a", "pending", "ask"),
    ]
    assert "token" not in listed.out
    shown = command("runs", "approve", waiting)
    assert "pay(amount=5)" in shown.out
    assert "approval" in shown.out
    done = command("runs", "approve", waiting, "p", "--arguments", '{"amount": 3}')
    assert (done.code, done.out.split()) == (0, ["approved", "p"])
    assert command("runs", "list", "--status", "running", "--json").out.count("\n") == 1
    still = command("runs", "resume", waiting, *AGENT)
    assert still.code == 3
    assert 'ask(who="Ann")' in still.err
    answered = command("runs", "resume", waiting, *AGENT, "--answer", 'a={"value": "yes"}', "--json")
    told = json.loads(answered.out)
    assert (answered.code, told["status"], told["output"], told["pending"]) == (0, "finished", "It is done.", [])
    facts = command("runs", "show", waiting, "--facts").out
    assert "waits for an approval" in facts
    assert "approved" in facts
    assert "paid 3" in facts
    assert "waits for nobody" in command("runs", "approve", waiting).err


def test_a_call_is_rejected(command, waiting):
    """For a reason, which the model hears."""
    done = command("runs", "approve", waiting, "p", "--reject", "too dear", "--always", "--json")
    assert json.loads(done.out) == {"run": waiting, "call": "p", "decided": "rejected"}
    told = command("runs", "show", waiting, "--facts").out
    assert "too dear" in told
    assert "for this tool from now on" in told


def test_with_a_secret_the_command_has_the_token(command, waiting, monkeypatch):
    """Whoever holds the journal and the secret may approve; the answers of `resume` are signed, too."""
    monkeypatch.setenv("JOURNEYMAN_SECRET", "a secret that nobody would guess")
    assert command("runs", "approve", waiting, "p").code == 0
    done = command("runs", "resume", waiting, *AGENT, "--answer", 'a={"error": "not in"}')
    assert (done.code, done.out.strip()) == (0, "It is done.")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("approve", "RUN", "x"), "does not wait for call 'x'; it waits for: p, a"),
        (("approve", "RUN", "a"), """call a waits for no approval but for what it came to: journeyman runs resume"""),
        (
            ("resume", "RUN", "--agent", "shop_of_test:other"),
            "cannot go on with this agent: it is a run of agent 'shop'",
        ),
        (("resume", "RUN", "--agent", "shop_of_test:lesser"), "its tool 'pay' is gone"),
        (("cancel", "nobody"), "there is no run 'nobody'"),
        (("approve", "RUN", "p", "--arguments", "{"), "--arguments is a JSON object"),
        (("approve", "RUN", "p", "--arguments", "[1]"), '"arguments" are an object'),
        (("approve", "RUN", "p", "--arguments", "{}", "--reject", "x"), "leave out --reject or --arguments"),
        (("resume", "RUN", *AGENT, "--answer", "p"), "write the call's id and its answer"),
        (("resume", "RUN", *AGENT, "--answer", "p=yes"), "an answer is a JSON object"),
        (("resume", "RUN", *AGENT, "--answer", 'p={"valu": 1}'), "exactly one of"),
        (("resume", "RUN", "--agent", "shop_of_test:says"), "that is no Agent"),
        (("resume", "nobody", *AGENT), "there is no run 'nobody'"),
        (("import", "nothing.json"), "nothing.json cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told(command, waiting, arguments, told):
    """In a line, with exit code 2."""
    done = command("runs", *(waiting if item == "RUN" else item for item in arguments))
    assert done.code == 2
    assert told in done.err


def test_a_run_is_forked(command, waiting):
    """From a place, or with something new to say; the branch has an id of its own."""
    done = command("runs", "fork", waiting, *AGENT, "--prompt", "Never mind.", "--json")
    told = json.loads(done.out)
    assert (told["status"], told["run"] != waiting) == ("finished", True)
    early = command("runs", "fork", waiting, *AGENT, "--at", "0", "--json")
    assert (early.code, len(json.loads(early.out)["pending"])) == (3, 2)


def test_a_run_is_moved_as_a_file(command, waiting):
    """Out of one journal and into another; neither a file nor a run is overwritten."""
    done = command("runs", "export", waiting[-6:], "--to", "run.json")
    assert (done.code, json.loads(Path("run.json").read_text())["run"]) == (0, waiting)
    again = command("runs", "export", waiting, "--to", "run.json")
    assert (again.code, "File exists" in again.err) == (2, True)
    other = ("--journal", "sqlite:///other.db")
    assert command("runs", "import", "run.json", *other).out.strip() == waiting
    twice = command("runs", "import", "run.json", *other)
    assert (twice.code, "not overwritten" in twice.err) == (2, True)
    here = command("runs", "show", waiting, "--facts", "--json").out
    assert command("runs", "show", waiting, "--facts", "--json", *other).out == here
    printed = command("runs", "export", waiting)
    assert printed.out.strip().encode() == Path("run.json").read_bytes()
    told = command("runs", "export", waiting, "--to", "more.json", "--json")
    assert json.loads(told.out)["to"] == "more.json"
    third = command("runs", "import", "more.json", "--journal", "sqlite:///third.db", "--json")
    assert json.loads(third.out) == {"run": waiting}


def test_calls_may_be_decided_one_after_the_other(command, waiting):
    """Between two decisions nobody works on the run; the answer comes with the resume."""
    assert command("runs", "approve", waiting, "p").code == 0
    listed = command("runs", "approve", waiting, "--json")
    assert [json.loads(line)["id"] for line in listed.out.splitlines()] == ["a"]
    done = command("runs", "resume", waiting, *AGENT, "--answer", 'a={"value": "yes"}')
    assert (done.code, done.out) == (0, "It is done.\n")


def test_what_changed_is_told_and_gone_on_from_if_wanted(command, waiting):
    """With --anyway the model hears that a tool is gone; nothing was answered or run before that was said."""
    refused = command("runs", "resume", waiting, "--agent", "shop_of_test:lesser", "--answer", 'a={"value": "yes"}')
    assert refused.code == 2
    assert "changed  tool 'pay' was removed" in refused.err
    listed = command("runs", "approve", waiting, "--json")
    assert [json.loads(line)["id"] for line in listed.out.splitlines()] == ["p", "a"]
    answers = ("--answer", 'a={"value": "yes"}', "--answer", 'p={"approve": true}')
    done = command("runs", "resume", waiting, "--agent", "shop_of_test:lesser", "--anyway", *answers)
    assert (done.code, done.out) == (0, "It is done.\n")
    assert "there is no tool 'pay'" in command("runs", "show", waiting, "--facts", "--json").out


def test_a_run_is_cancelled(command, waiting):
    """It is in nobody's list of what waits any more; a second time it has ended already."""
    done = command("runs", "cancel", waiting)
    assert done.code == 0
    assert done.out.startswith("cancelled  ")
    assert "has ended already" in command("runs", "cancel", waiting).err
    again = json.loads(command("runs", "cancel", waiting, "--json").out)
    assert again == {"run": waiting, "cancelled": []}
    assert command("runs", "list", "--status", "waiting", "--json").out == ""
