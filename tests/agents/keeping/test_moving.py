"""A run as one JSON document: out of one journal and into another, and what is refused on the way in."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman import Agent, CallerError, Pending, ScriptedModel, fork, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import export_run, export_run_sync, import_run, import_run_sync, pending_calls
from journeyman.agents.keeping import exporting, importing
from journeyman.data import CorruptJournal, JourneymanError, Message, ModelRequest, ToolCall
from journeyman.journal import Checkpoint, Fact, RunFinished, RunStarted, load


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[min(sum(message.role == "assistant" for message in request.messages), len(answers) - 1)]

    return ScriptedModel([say] * 50)


@tool
async def ask(who: str) -> str:
    """Ask somebody."""
    raise Pending({"who": who})


def family(log: MemoryLog | None) -> Agent[str]:
    inner = Agent(turns(ToolCall("1", "ask", '{"who": "Ina"}'), "inner done"), name="inner", tools=[ask])
    middle = Agent(
        turns(ToolCall("1", "inner", '{"task": "t"}'), "middle done"), name="middle", tools=[inner.as_tool()]
    )
    said = [ToolCall("1", "middle", '{"task": "t"}'), ToolCall("2", "ask", '{"who": "Bob"}')]
    model = turns("hello", said, "all done")
    return Agent(model, name="outer", tools=[middle.as_tool(), ask], journal=log, system_prompt="Be kind.")


async def waiting_tree(log: MemoryLog) -> str:
    """A conversation of two runs, the second of which has runs below it at two depths; all of it waits."""
    outer = family(log)
    first = await outer.run("hi")
    return (await outer.run("go", history=first)).run_id


async def everything(log: MemoryLog) -> dict[str, tuple[Fact, ...]]:
    return {row.run: (await load(log, row.run)).facts for row in (await log.runs()).rows}


async def test_a_run_moves_with_all_that_it_needs() -> None:
    """The run that it continues and those below it come along; it waits there as here, and goes on there."""
    here, there = MemoryLog(), MemoryLog()
    run = await waiting_tree(here)
    document = await export_run(run, journal=here)
    assert json.loads(document)["run"] == run
    assert await import_run(document, journal=there) == run
    assert await everything(there) == await everything(here)
    assert len(await everything(there)) == 4
    calls = await pending_calls(run, journal=there)
    assert [call.id for call in calls] == ["2", "1/1/1"]
    result = await resume(run, agent=family(there), answers={call.id: "yes" for call in calls})
    assert result.output == "all done"
    again = MemoryLog()
    await import_run((await export_run(run, journal=there)).decode(), journal=again)
    assert await everything(again) == await everything(there)


async def test_only_as_much_of_a_continued_run_as_is_needed_goes_along() -> None:
    """A branch takes the prefix that it begins with, and nothing of what happened afterwards."""
    here, there = MemoryLog(), MemoryLog()
    agent = Agent(turns("one", "two"), name="a", journal=here)
    first = await agent.run("a secret is coming")
    branch = await fork(first.run_id, at=1, agent=agent, prompt="go on")
    await branch.result()
    document = await export_run(branch.id, journal=here)
    await import_run(document, journal=there)
    assert sorted(len(facts) for facts in (await everything(there)).values()) == [2, 4]
    assert (await load(there, branch.id)).state == (await load(here, branch.id)).state


async def test_nothing_is_overwritten() -> None:
    """A run that is there stays; a needed run that is there must be the same, and may have more."""
    here, there = MemoryLog(), MemoryLog()
    run = await waiting_tree(here)
    document = await export_run(run, journal=here)
    with pytest.raises(CallerError, match="already; it is not overwritten"):
        await import_run(document, journal=here)
    first = (await load(here, run)).state.continues
    assert first is not None
    # What was cut off half-way is done again.
    await there.append(first.run, 0, (await load(here, first.run)).facts)
    await import_run(document, journal=there)
    other = MemoryLog()
    await other.append(first.run, 0, (await load(here, first.run)).facts[:2])
    before = await everything(other)
    with pytest.raises(CallerError, match="has 2 facts, and that in the document more"):
        await import_run(document, journal=other)
    assert await everything(other) == before
    strange = MemoryLog()
    await strange.append(first.run, 0, [RunStarted(seq=0, agent="x", model="m", fingerprint="f", input=())])
    with pytest.raises(CallerError, match="fact 0 differs"):
        await import_run(document, journal=strange)


def document_of(**runs: list[Fact]) -> bytes:
    """A document as its format says, with the last run as the one that is moved."""
    from msgspec.structs import replace

    pieces = [
        {"run": run, "facts": [{"v": 1, "run": run, **raw(replace(fact, seq=n))} for n, fact in enumerate(facts)]}
        for run, facts in runs.items()
    ]
    return json.dumps({"format": "journeyman-run", "version": 1, "run": list(runs)[-1], "runs": pieces}).encode()


def raw(fact: Fact) -> dict[str, Any]:
    return json.loads(msgspec.json.encode(fact))  # type: ignore[no-any-return]


def started(continues: Checkpoint | None = None) -> Fact:
    return RunStarted(agent="a", model="m", fingerprint="f", input=(Message.user("x"),), continues=continues)


async def test_the_format_is_what_it_says() -> None:
    """A document that was made by hand is imported."""
    log = MemoryLog()
    document = document_of(b=[started(), RunFinished()], a=[started(Checkpoint("b", 1)), RunFinished()])
    assert await import_run(document, journal=log) == "a"
    assert (await load(log, "a")).state.status == "finished"


BAD = {
    "no JSON": (b"{", "no exported run"),
    "another JSON": (b"[]", "no exported run"),
    "deep": (b'{"runs":' + b"[" * 100_000, "no exported run"),
    "another format": (document_of(a=[started()]).replace(b"journeyman-run", b"chat"), "its format is 'chat'"),
    "a newer version": (document_of(a=[started()]).replace(b'"version": 1', b'"version": 2'), "upgrade it"),
    "a newer fact": (document_of(a=[started()]).replace(b'"v": 1', b'"v": 9'), "upgrade it"),
    "an unknown fact": (document_of(a=[started()]).replace(b"RunStarted", b"RunImagined"), "cannot be read"),
    "itself not there": (
        document_of(a=[started()]).replace(b'"run": "a", "runs"', b'"run": "b", "runs"'),
        "not hold it",
    ),
    "twice": (b"twice", "holds run a twice"),
    "another run's fact": (
        document_of(a=[started()]).replace(b'"v": 1, "run": "a"', b'"v": 1, "run": "b"'),
        "says that it is of run 'b'",
    ),
    "no facts": (document_of(a=[]), "does not begin with RunStarted"),
    "no beginning": (document_of(a=[RunFinished()]), "begins with RunFinished|does not begin with RunStarted"),
    "two beginnings": (document_of(a=[started(), started()]), "starts a second time"),
    "a gap": (
        document_of(a=[started(), RunFinished()]).replace(b'"seq": 1', b'"seq": 2'),
        "has fact 2 where 1 belongs",
    ),
    "a missing run": (document_of(a=[started(Checkpoint("b", 1))]), "speaks of run 'b', which is not"),
    "a missing fact": (document_of(b=[started()], a=[started(Checkpoint("b", 1))]), "speaks of run 'b', which is not"),
    "a negative place": (
        document_of(b=[started()], a=[started(Checkpoint("b", -1))]),
        "speaks of run 'b', which is not",
    ),
    "a stranger": (document_of(b=[started()], a=[started()]), "of which run a does not speak"),
    "a circle": (
        document_of(b=[started(Checkpoint("a", 0))], a=[started(Checkpoint("b", 0))]),
        "goes on from itself",
    ),
    "itself": (document_of(a=[started(Checkpoint("a", 0))]), "goes on from itself"),
    "an odd name": (document_of(**{"a\nb": [started()]}), "printable"),
    "a long name": (document_of(**{"a" * 201: [started()]}), "1 to 200"),
    "no name": (document_of(**{"": [started()]}), "1 to 200"),
    "not UTF-8": (b'{"format":"\xff"}', "no exported run"),
}
TWICE = json.loads(document_of(a=[started()]))
BAD["twice"] = (json.dumps({**TWICE, "runs": TWICE["runs"] * 2}).encode(), "holds run a twice")


@pytest.mark.parametrize(("document", "told"), BAD.values(), ids=list(BAD))
async def test_what_is_no_exported_run_is_refused(document: bytes, told: str) -> None:
    """Each with an error that says why; nothing is written."""
    log = MemoryLog()
    with pytest.raises(CallerError, match=told):
        await import_run(document, journal=log)
    assert await everything(log) == {}


async def test_a_document_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bytes, of runs, and of the work that checking it takes; each error names it."""
    document = document_of(b=[started(), RunFinished()], a=[started(Checkpoint("b", 1))])
    with pytest.raises(CallerError, match="more than max_bytes=100; raise max_bytes"):
        await import_run(document, journal=MemoryLog(), max_bytes=100)
    monkeypatch.setattr(importing, "_MOST_FOLDED", 2)
    with pytest.raises(CallerError, match="more than 2 facts"):
        await import_run(document, journal=MemoryLog())
    monkeypatch.setattr(importing, "MOST_RUNS", 1)
    with pytest.raises(CallerError, match="holds 2 runs, more than 1"):
        await import_run(document, journal=MemoryLog())
    log = MemoryLog()
    run = await waiting_tree(log)
    monkeypatch.setattr(exporting, "MOST_RUNS", 3)
    with pytest.raises(CallerError, match="more than 3 runs"):
        await export_run(run, journal=log)


@given(st.data())
def test_a_damaged_document_raises_nothing_foreign(data: st.DataObject) -> None:
    """Whatever bytes are changed, either it is still a run or the error is one of ours."""
    document = bytearray(document_of(b=[started(), RunFinished()], a=[started(Checkpoint("b", 1)), RunFinished()]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(document) - 1))
        document[place] = data.draw(st.sampled_from(list(b'\x00"{}[]:,0-9aZ\xff\\')))
    with contextlib.suppress(JourneymanError):
        import_run_sync(bytes(document), journal=MemoryLog())


async def test_a_long_conversation_is_checked_in_one_pass() -> None:
    """Two thousand runs that go on from each other are folded once each."""
    runs: dict[str, list[Fact]] = {}
    for number in range(2000):
        before = Checkpoint(f"r{number - 1}", 1) if number else None
        runs[f"r{number}"] = [started(before), RunFinished()]
    log = MemoryLog()
    assert await import_run(document_of(**runs), journal=log) == "r1999"
    assert len((await load(log, "r1999")).state.messages) == 2000


def test_files_and_blocking_twins(tmp_path: Path) -> None:
    """The twins do the same with journals by their URLs."""
    here, there = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    agent = Agent(turns("hello"), name="a", journal=here)
    run = agent.run_sync("hi").run_id
    document = export_run_sync(run, journal=here)
    assert import_run_sync(document, journal=there) == run
    assert export_run_sync(run, journal=there) == document
    with pytest.raises(CallerError, match="nobody"):
        export_run_sync("nobody", journal=here)
    with pytest.raises(CorruptJournal):
        import_run_sync(document.replace(b'"v":1', b'"v":2'), journal=there)


async def test_a_run_below_that_had_not_begun_is_begun_after_the_move() -> None:
    """Killed between the parent's word of it and its own first fact, it is not in the document, and nothing is lost."""
    log = MemoryLog()
    run = (await family(log).run("hi")).run_id
    second = await family(log).run("go", history=await resume(run, agent=family(log)))
    facts = second.facts
    named = next(fact for fact in facts if type(fact).__name__ == "ChildStarted")
    await log.delete(second.run_id)
    for row in (await log.runs()).rows:
        if row.parent is not None:
            await log.delete(row.run)
    await log.append(second.run_id, 0, facts[: named.seq + 1])
    there = MemoryLog()
    await import_run(await export_run(second.run_id, journal=log), journal=there)
    result = await resume(second.run_id, agent=family(there))
    assert {call.id: call.kind for call in result.pending} == {"2": "in_doubt", "1/1/1": "pending"}
    assert (await load(there, named.run)).state.agent == "middle"


async def test_a_document_that_was_parsed_already_is_refused() -> None:
    """It is imported as it was exported."""
    with pytest.raises(CallerError, match=r"the bytes \(or text\) that export_run gave, not from a dict"):
        await import_run({}, journal=MemoryLog())  # type: ignore[arg-type]  # what is refused
