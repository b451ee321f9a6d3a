"""`journeyman runs`: what is in a journal, for people and machines."""

import asyncio
import contextlib
import json
import sqlite3
from decimal import Decimal

import pytest

from journeyman import Agent, Pending, Rates, set_model_rates, tool
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.apps.cli.flags import Shown
from journeyman.apps.cli.view.facts import tell_whole_fact
from journeyman.apps.cli.view.live import as_object, tell_spent
from journeyman.apps.cli.view.screen import Screen
from journeyman.data import (
    Failure,
    Image,
    Message,
    ModelResponse,
    ModelUsage,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from journeyman.journal import (
    Checkpoint,
    ChildFinished,
    ChildStarted,
    Instruction,
    ModelDropped,
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    Parent,
    RetryAsked,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    ToolFinished,
    ToolPending,
    ToolResolved,
    ToolStarted,
    fold,
)
from journeyman.models import ScriptedModel

URL = "sqlite:///journeyman.db"
MODEL = "scripted:model"


@tool
def weigh(thing: str) -> str:
    """Weigh a thing."""
    return f"{thing}: 12 g"


@tool
def ask_cook(question: str) -> str:
    """Ask the cook."""
    raise Pending({"question": question})


def run_agent(script, prompt="How heavy is an egg?", **options):
    agent = Agent(ScriptedModel(script), tools=[weigh, ask_cook], journal=URL, name=options.pop("name", "scale"))
    return agent.run_sync(prompt, **options)


def write(run, *facts, path="journeyman.db"):
    """Write facts into the journal, numbered and a millisecond apart."""

    async def append():
        async with SqliteLog(path) as log:
            await log.append(run, 0, list(numbered(facts)))

    asyncio.run(append())


def numbered(facts, first=0):
    for seq, fact in enumerate(facts, first):
        yield type(fact)(
            **{**{n: getattr(fact, n) for n in fact.__struct_fields__}, "seq": seq, "at": 10**15 + seq * 1000}
        )


def started(**more):
    return RunStarted(agent="scale", model=MODEL, fingerprint="f", input=(Message.user("How heavy?"),), **more)


CALL = ToolCall("c1", "weigh", '{"thing": "egg"}')


@pytest.fixture
def priced():
    """Two dollars for a million input tokens, ten for output."""
    set_model_rates(MODEL, Rates(input=Decimal(2), output=Decimal(10)))
    yield
    set_model_rates(MODEL, None)


# --- list -----------------------------------------------------------------------------------------------------------------


def test_a_list_shows_the_newest_first(command):
    """A row for each run, with the end of its id."""
    first = run_agent(["12 g"])
    second = run_agent(["13 g"], prompt="A much longer question " * 9, name="other")
    lines = command("runs", "list").out.splitlines()
    assert lines[0].split()[:4] == ["run", "status", "agent", "model"]
    assert lines[1].startswith(f"{second.run_id[-8:]}  finished  other")
    assert lines[2].startswith(f"{first.run_id[-8:]}  finished  scale")
    assert "…" in lines[1]


def test_a_list_for_machines_has_an_object_a_line(command):
    """Ids are whole, and every field is there."""
    result = run_agent(["12 g"], tags=["kitchen"])
    (line,) = command("runs", "list", "--json").out.splitlines()
    row = json.loads(line)
    assert (row["run"], row["status"], row["tags"]) == (result.run_id, "finished", ["kitchen"])
    assert row["parent"] is None


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (("--agent", "other"), 1),
        (("--tag", "kitchen"), 1),
        (("--status", "finished"), 2),
        (("--status", "errored"), 0),
        (("--limit", "1"), 1),
    ],
)
def test_a_list_can_be_narrowed(command, flags, found):
    """Each filter leaves those that it names."""
    run_agent(["12 g"], tags=["kitchen"])
    run_agent(["13 g"], name="other")
    assert len(command("runs", "list", "--json", *flags).out.splitlines()) == found


def test_a_list_says_when_it_is_empty_or_cut(command):
    """Nothing is on standard output if nothing was found, and a list that is cut says so."""
    run_agent(["12 g"])
    run_agent(["12 g"])
    empty = command("runs", "list", "--tag", "none")
    assert (empty.code, empty.out) == (0, "")
    assert "no such runs" in empty.err
    assert "--limit shows more" in command("runs", "list", "--limit", "1").err


@pytest.mark.parametrize("limit", ["0", "-3"])
def test_an_impossible_limit_is_wrong_usage(command, limit):
    """A page has room for one run at least."""
    run_agent(["12 g"])
    assert command("runs", "list", "--limit", limit).code == 2


@pytest.mark.parametrize("argv", [("list",), ("show", "x"), ("tail", "x"), ("cost",)])
def test_reading_makes_no_journal(command, place, argv):
    """Where there is no journal, a command that reads says so and leaves no empty one behind."""
    done = command("runs", *argv)
    assert (done.code, done.out) == (2, "")
    assert "there is no journal at sqlite:///journeyman.db" in done.err
    assert list(place.iterdir()) == []


def test_a_damaged_journal_is_told(command, place):
    """A file that is no journal ends with an error, without a traceback."""
    (place / "journeyman.db").write_bytes(b"this is no database, whatever its name says" * 100)
    done = command("runs", "list")
    assert done.code in (1, 2)
    assert "journeyman.db" in done.err
    assert "Traceback" not in done.err


def test_a_damaged_run_is_told(command, place):
    """A line that cannot be read fails the command, and the others can still be listed."""
    run = run_agent(["12 g"]).run_id
    with contextlib.closing(sqlite3.connect(place / "journeyman.db", isolation_level=None)) as db:
        db.execute("UPDATE lines SET fact = '{' WHERE id & 4294967295 = 2")
    done = command("runs", "show", run)
    assert done.code == 1
    assert "cannot be read" in done.err
    assert command("runs", "list").code == 0


# --- ids ------------------------------------------------------------------------------------------------------------------


def test_a_run_is_found_by_its_beginning_or_end(command):
    """As much of an id as is unmistakable will do."""
    write("abc111", started())
    write("abd222", started())
    for name in ("abc111", "abc", "111", "abd222", "222", "abd"):
        assert name in json.loads(command("runs", "show", name, "--json").out)["run"]


@pytest.mark.parametrize(("name", "said"), [("ab", "may be any of"), ("zz", "there is no run 'zz'"), ("", "any of")])
def test_a_mistakable_id_is_wrong_usage(command, name, said):
    """The error names some of those that it may be."""
    for run in ("abc111", "abd222", "abe333", "abf444", "abg555"):
        write(run, started())
    done = command("runs", "show", name)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    if name != "zz":
        assert "and 2 more" in done.err


# --- show -----------------------------------------------------------------------------------------------------------------


def test_show_tells_what_was_said_and_done(command):
    """The prompt, the thoughts, the calls with their results and durations, the output, in this order."""
    run = run_agent([(Thinking("hm"), Text("Let me weigh."), CALL), "It weighs 12 g."], tags=["kitchen"]).run_id
    out = command("runs", "show", run).out
    places = [
        out.index(words)
        for words in (
            run, "finished", "agent scale", "tags kitchen", "How heavy is an egg?", "hm", "Let me weigh.",
            'weigh(thing="egg")', "egg: 12 g", "It weighs 12 g.",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_show_for_machines_is_one_object(command, priced):
    """With --json everything is in one object, costs as a number of dollars."""
    result = run_agent([CALL, "It weighs 12 g."])
    shown = json.loads(command("runs", "show", result.run_id, "--json").out)
    assert shown["output"] == "It weighs 12 g."
    assert Decimal(str(shown["cost"])) == result.cost
    assert [message["role"] for message in shown["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert shown["facts"] == len(result.facts)
    assert shown["pending"] == []


def test_show_facts_for_machines_are_the_lines_of_the_journal(command):
    """With --facts --json each line is a fact, envelope and all."""
    result = run_agent(["12 g"])
    lines = [json.loads(line) for line in command("runs", "show", result.run_id, "--facts", "--json").out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(result.facts)))
    assert {line["run"] for line in lines} == {result.run_id}
    assert lines[0]["kind"] == "RunStarted"


def test_show_says_what_a_run_waits_for_and_why_it_failed(command):
    """A pending call and a failure are at the end."""
    waiting = run_agent([ToolCall("c9", "ask_cook", '{"question": "salt?"}')]).run_id
    assert 'waits for  ask_cook(question="salt?")' in command("runs", "show", waiting).out
    assert json.loads(command("runs", "show", waiting, "--json").out)["pending"][0]["id"] == "c9"
    write("failed", started(), RunFailed(failure=Failure("ProviderError", "no \x1b[5mluck", status=500)))
    assert "ProviderError  no luck" in command("runs", "show", "failed").out


def test_show_says_where_a_run_comes_from(command):
    """The run that it continues and the run above it are named, and what was inherited is not repeated."""
    first = run_agent(["12 g"])
    second = run_agent(["24 g"], prompt="And two?", history=first)
    out = command("runs", "show", second.run_id).out
    assert f"goes on from run {first.run_id[-8:]}" in out
    assert "How heavy is an egg?" not in out
    write("below", started(parent=Parent(first.run_id, "c1")))
    assert f"below run {first.run_id[-8:]}" in command("runs", "show", "below").out
    assert f"(below {first.run_id[-8:]})" in command("runs", "list").out


def test_an_output_that_is_no_text_is_shown_as_json(command):
    """A structured output is shown as the journal holds it."""
    write("typed", started(), RunFinished(output={"grams": 12}))
    assert 'output  {"grams":12}' in command("runs", "show", "typed").out


EVERY_KIND = (
    started(
        instructions=(Instruction("system_prompt", "Be exact."),),
        parent=Parent("run-above", "c0"),
        continues=Checkpoint("run-before", 3),
        tags=("kitchen",),
    ),
    ModelRequested(model=MODEL, history=1, iteration=1),
    ModelRetried(model=MODEL, attempt=2, delay=1.5, failure=Failure("ProviderError", "no \x1b[5mluck"), in_doubt=True),
    ModelHedged(model="openai:x", delay=2.0),
    ModelDropped(model="openai:x", usage=Usage(output=9), failure=Failure("ProviderError", "too slow")),
    ModelSwitched(model="openai:y", failure=Failure("ProviderError", "overloaded")),
    ModelResponded(
        response=ModelResponse(
            Message(
                "assistant",
                (
                    Thinking("hm"),
                    Text("two\nlines"),
                    CALL,
                    ToolCall("c2", "ask_cook"),
                    ToolCall("c3", "delegate"),
                    ToolCall("c4", "final"),
                    Opaque("anthropic", {"x": 1}),
                    Image("image/png", data=b"1234"),
                    Image("image/png", url="https://example.org/a.png"),
                ),
            ),
            Usage(input=10, output=5, cache_read=3),
            finish="tool_calls",
        )
    ),
    ToolStarted(call_id="c1", name="weigh", attempt=2),
    ToolFinished(result=ToolResult("c1", "too \x1b[31mhot", is_error=True)),
    ToolStarted(call_id="c2", name="ask_cook"),
    ToolPending(call_id="c2", info={"question": "salt?"}),
    RunPaused(),
    RunResumed(),
    ToolResolved(call_id="c2", result=None),
    ToolStarted(call_id="c2", name="ask_cook"),
    ToolPending(call_id="c2", reason="in_doubt"),
    ToolResolved(call_id="c2", result=ToolResult("c2", "a pinch")),
    ChildStarted(call_id="c3", run="run-below-12345678", agent="helper"),
    ChildFinished(call_id="c3", run="run-below-12345678", used=(ModelUsage("openai:x", Usage(input=7)),)),
    ToolFinished(result=ToolResult("c3", "asks again"), asks_retry=True),
    RetryAsked(reason="grams, not ounces", call_id="c4"),
    RunCancelled(abandoned=("weigh",)),
)


def test_every_kind_of_fact_is_shown_whole(capsys):
    """Each has a head and all its texts below it, made harmless."""
    screen = Screen(Shown())
    for fact in numbered(EVERY_KIND):
        tell_whole_fact(screen, fact)
    out = capsys.readouterr().out
    heads = [line.split()[2] for line in out.splitlines() if line[:6].strip().isdecimal()]
    assert heads == [type(fact).__name__ for fact in EVERY_KIND]
    for words in (
        "agent scale, scripted:model, below run un-above, goes on from run n-before at 3, tags kitchen",
        "      system_prompt: Be exact.",
        "      user: How heavy?",
        "scripted:model, call 1, after 1 messages",
        "scripted:model, attempt 2 in 1.5 s, may be charged all the same\n      no luck",
        "openai:x, a second request after 2.0 s",
        "openai:x was not needed any more, 0 tokens in, 9 out\n      too slow",
        "to openai:y\n      overloaded",
        "tool_calls, 13 tokens in (3 from the cache), 5 out",
        "      (thinks) hm",
        "      two\n      lines",
        '      → weigh({"thing": "egg"})',
        '      (anthropic) {"x": 1}',
        "      (image/png) 4 bytes",
        "      (image/png) https://example.org/a.png",
        "weigh (c1), attempt 2",
        "(c1) failed\n      too hot",
        '(c2) waits for somebody\n      {"question": "salt?"}',
        "(c2)\n      to be run again",
        "(c2) nobody knows how it ended",
        "(c2)\n      a pinch",
        "run 12345678 of helper (c3)",
        "openai:x: 7 tokens in, 0 out",
        "(c3) asks to try again",
        "      grams, not ounces",
        "      cut off and maybe still at work: weigh",
    ):
        assert words in out
    assert "\x1b" not in out


def test_an_answer_from_a_cache_is_shown_as_one(capsys):
    """With what it saved, since its own usage is nothing."""
    answer = ModelResponse(Message.assistant("12 g"), saved=Usage(input=7, output=3))
    tell_whole_fact(Screen(Shown()), ModelResponded(seq=1, response=answer))
    assert "stop, from the cache, saved 7 tokens in, 3 out" in capsys.readouterr().out


def test_requests_in_doubt_are_on_the_last_line(capsys):
    """What failed or was cut off on the way may be on the bill, and nobody but the provider knows."""
    facts = [*EVERY_KIND[:3], RunCancelled()]
    screen = Screen(Shown())
    screen.narrate()
    tell_spent(screen, fold("r", numbered(facts)))
    assert "1 model call · 1 more in doubt · 0 tokens in" in capsys.readouterr().out
    assert as_object(fold("r", numbered(facts)), "memory:")["requests_in_doubt"] == 1


def test_tail_cuts_long_facts_and_says_how_to_see_them(command):
    """A line of `tail` is short; its mark names the command that shows the whole."""
    write("12345678", started(), RunFailed(failure=Failure("ProviderError", "no " * 200)))
    done = command("runs", "tail", "12345678")
    assert done.code == 0
    assert "more characters, journeyman runs show 12345678 --facts" in done.out
    assert len(done.out.splitlines()) == 2


def test_a_message_in_a_history_may_hold_results(command):
    """Messages that a run was begun with are shown with whatever they hold."""
    said = (Message("tool", (ToolResult("c1", "12 g"),)), Message.user("Is it much?"))
    write("given", RunStarted(agent="a", model=MODEL, fingerprint="f", input=said))
    assert "tool: (c1) 12 g" in command("runs", "show", "given", "--facts").out


# --- tail -----------------------------------------------------------------------------------------------------------------


def test_tail_follows_a_live_run_to_its_end(start):
    """Facts appear as another process writes them, and the command ends with the run."""
    facts = list(
        numbered(
            (started(), ModelRequested(model=MODEL, history=1, iteration=1), RunPaused(), RunResumed(), RunFinished())
        )
    )

    async def live():
        async with SqliteLog("journeyman.db") as log:
            await log.append("live", 0, facts[:1])
            child = start("runs", "tail", "live", "--json")
            seen = []
            for fact in facts[1:]:
                # The line before is read before the next fact is written: what is seen was not there at the start.
                seen.append(json.loads(await asyncio.to_thread(child.stdout.readline)))
                await log.append("live", fact.seq, [fact])
            rest = await asyncio.to_thread(child.communicate)
            return [*seen, *map(json.loads, rest[0].splitlines())], rest[1], child.returncode

    seen, err, code = asyncio.run(live())
    assert [fact["kind"] for fact in seen] == [type(fact).__name__ for fact in facts]
    assert (code, err) == (0, "")


def test_tail_begins_after_a_fact(command):
    """--after leaves out what is known already."""
    result = run_agent(["12 g"])
    out = command("runs", "tail", result.run_id, "--after", "1").out
    assert [line.split()[2] for line in out.splitlines()] == ["ModelResponded", "RunFinished"]


# --- cost -----------------------------------------------------------------------------------------------------------------


def responded(**usage):
    return ModelResponded(response=ModelResponse(Message.assistant("ok"), Usage(**usage)))


def test_the_cost_of_a_run_holds_that_of_the_runs_below(command, priced):
    """A million tokens in at 2 dollars, and a child that used half a million."""
    write(
        "parent",
        started(),
        ModelRequested(model=MODEL, history=1, iteration=1),
        ModelResponded(response=ModelResponse(Message("assistant", (CALL,)), Usage(input=1_000_000))),
        ChildStarted(call_id="c1", run="child", agent="helper"),
        ChildFinished(call_id="c1", run="child", used=(ModelUsage(MODEL, Usage(input=500_000)),)),
    )
    write("child", started(parent=Parent("parent", "c1")), responded(input=500_000))
    assert "total  $3.00  (1 run)" in command("runs", "cost", "parent").out
    bill = json.loads(command("runs", "cost", "parent", "--json").out)
    assert (bill["runs"], bill["cost"]) == (1, 3)
    assert bill["models"][0]["input"] == 1_500_000
    # Of all runs, each counts what it used itself, so that a child is not counted twice.
    assert json.loads(command("runs", "cost", "--json").out)["cost"] == 3


def test_the_cost_of_all_runs_is_summed_by_model(command, priced):
    """A row for each model; a model without a price is named, and the sum is only a lower bound."""
    write("one", started(), responded(input=1000, output=100, cache_read=5, reasoning=7))
    write("two", started(), ModelRequested(model="ollama:llama", history=1, iteration=1), responded(input=50))
    out = command("runs", "cost").out
    assert "price unknown" in out
    assert "at least $0.00308" in out
    assert "no price for ollama:llama  (2 runs)" in out
    bill = json.loads(command("runs", "cost", "--json").out)
    assert bill["cost"] is None
    assert {row["model"]: row["cost"] for row in bill["models"]} == {
        MODEL: pytest.approx(0.00308),
        "ollama:llama": None,
    }


def test_more_runs_than_a_page_are_counted(command, priced, monkeypatch):
    """All pages of a journal are read."""
    monkeypatch.setattr("journeyman.apps.cli.journals._PAGE", 2)
    for number in range(5):
        write(f"run-{number}", started(), responded(input=10))
    assert json.loads(command("runs", "cost", "--json").out)["runs"] == 5
