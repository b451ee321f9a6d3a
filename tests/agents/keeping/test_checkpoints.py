"""Checkpoints are places in a journal: chosen by a trigger, looked at, compared, branched off from."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, CallerError, Conflict, ScriptedModel, fork, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Checkpoints
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import Fact, Noted, RunStarted, encode_fact, load


@tool
async def look(at: str) -> str:
    """Look."""
    return f"saw {at}"


def says(request: ModelRequest) -> Any:
    turn = sum(message.role == "assistant" for message in request.messages)
    return ToolCall(f"c{turn}", "look", f'{{"at": "place {turn}"}}') if turn < 3 else "done"


def explorer(log: MemoryLog) -> Agent[str]:
    return Agent(ScriptedModel([says] * 99), name="explorer", tools=[look], journal=log, system_prompt="Look around.")


async def explored() -> tuple[MemoryLog, str, tuple[Fact, ...]]:
    log = MemoryLog()
    result = await explorer(log).run("go")
    return log, result.run_id, tuple(result.facts)


async def test_triggers_choose_among_the_facts_and_write_none() -> None:
    """Before each request, after each step, after each tool, the last of every so many seconds."""
    log, run, facts = await explored()
    kinds = {fact.seq: type(fact).__name__ for fact in facts}
    async with Checkpoints(log) as checkpoints:
        by = {name: [p.seq for p in await checkpoints.list(run, name)] for name in ("iteration", "step", "tool_call")}
        assert [kinds.get(seq + 1, "end") for seq in by["iteration"]] == ["ModelRequested"] * 4 + ["end"]
        assert {kinds[seq] for seq in by["step"]} == {"ModelResponded", "ToolFinished", "RunFinished"}
        assert [kinds[seq] for seq in by["tool_call"]] == ["ToolFinished"] * 3
        assert await checkpoints.list(run, "manual") == ()
        timed = MemoryLog()
        await timed.append("r", 0, [replace(fact, at=fact.seq * 1_000_000) for fact in facts])
        async with Checkpoints(timed) as others:
            every = [place.seq for place in await others.list("r", "every_seconds", seconds=5)]
        assert every == [4, 9, 14, 15]
        with pytest.raises(CallerError, match="seconds=0"):
            await checkpoints.list(run, "every_seconds", seconds=0)
        with pytest.raises(CallerError, match="no trigger 'sometimes'"):
            await checkpoints.list(run, "sometimes")  # type: ignore[arg-type]
    assert (await load(log, run)).facts == facts


async def test_a_place_is_marked_by_hand_and_the_mark_taken_away() -> None:
    """A mark is a note on the journal; the run's state and the number of its messages are what they were."""
    log, run, facts = await explored()
    async with Checkpoints(log) as checkpoints:
        last = await checkpoints.mark(run, "the end")
        early = await checkpoints.mark(run, "before it", seq=5)
        assert (last.seq, early.seq, early.label) == (len(facts) - 1, 5, "before it")
        assert [(place.seq, place.label) for place in await checkpoints.list(run, "manual")] == [
            (5, "before it"),
            (len(facts) - 1, "the end"),
        ]
        await checkpoints.delete(run, 5)
        assert [place.label for place in await checkpoints.list(run, "manual")] == ["the end"]
        with pytest.raises(CallerError, match="marked by hand at fact 5"):
            await checkpoints.delete(run, 5)
        with pytest.raises(CallerError, match="has no fact 99"):
            await checkpoints.mark(run, "nowhere", seq=99)
    loaded = await load(log, run)
    assert (loaded.state.status, len(loaded.facts)) == ("finished", len(facts) + 3)
    assert (await explorer(log).run("and now?", history=None)).status == "finished"


async def test_a_run_at_work_is_marked_by_its_handle_alone() -> None:
    """Writing to its journal from beside would take the journal away from it."""
    log = MemoryLog()
    marked: list[int] = []

    @tool
    async def pause_here() -> str:
        """Mark."""
        with pytest.raises(Conflict, match="is at work"):
            async with Checkpoints(log) as beside:
                await beside.mark(run.id, "from beside")
        marked.append(await run.mark("half-way"))
        return "marked"

    model = ScriptedModel([ToolCall("1", "pause_here"), "done"])
    run = await Agent(model, tools=[pause_here], journal=log).start("go")
    assert (await run.result()).output == "done"
    async with Checkpoints(log) as checkpoints:
        (place,) = await checkpoints.list(run.id, "manual")
    assert ((place.seq, place.label), [place.seq]) == ((marked[0], "half-way"), marked)
    with pytest.raises(CallerError, match="rests"):
        await run.mark("too late")


async def test_states_are_loaded_and_compared() -> None:
    """A difference has what was said, which calls moved, and what was used."""
    log, run, facts = await explored()
    async with Checkpoints(log) as checkpoints:
        assert (await checkpoints.load(run, 0)).next_seq == 1
        assert (await checkpoints.load(run, len(facts) - 1)) == (await load(log, run)).state
        for seq in (-1, len(facts)):
            with pytest.raises(CallerError, match=f"has no fact {seq}"):
                await checkpoints.load(run, seq)
        step = await checkpoints.diff(run, 0, 3)
        assert ([message.role for message in step.added], step.dropped) == (["assistant"], 0)
        assert [(call.call_id, call.before, call.after) for call in step.calls] == [("c0", None, "started")]
        assert step.changed["iterations"] == (0, 1)
        history = await checkpoints.history(run)
    assert [[message.role for message in item.added] for item in history] == [["assistant", "tool"]] * 3 + [
        ["assistant"]
    ]
    used = sum(item.usage.total_tokens for diff in history for item in diff.used)
    assert used == (await load(log, run)).state.usage.total_tokens
    assert [(first.after, second.before) for first, second in itertools.pairwise(history)] == [
        (item.after, item.after) for item in history[:-1]
    ]


async def test_a_run_is_rewound_into_a_branch() -> None:
    """The old run stays, with a note; the calls that had their effect after the place are given back."""
    log, run, facts = await explored()
    seconds = [fact.seq for fact in facts if type(fact).__name__ == "ToolFinished"]
    async with Checkpoints(log) as checkpoints:
        branch, undone = await checkpoints.rewind(run, seconds[0], agent=explorer(log))
        result = await branch.result()
    assert [(item.call_id, item.tool) for item in undone] == [("c1", "look"), ("c2", "look")]
    assert result.messages == (await load(log, run)).state.messages
    note = (await load(log, run)).facts[-1]
    assert isinstance(note, Noted)
    assert (note.topic, note.data) == ("rewound", {"seq": seconds[0], "run": branch.id})


async def test_a_branch_of_a_thousand_turns_takes_a_few_hundred_bytes() -> None:
    """A fork refers to where it begins: its size does not depend on how much came before."""
    sizes: list[int] = []
    for turns in (2, 1000):
        log = MemoryLog()

        def talks(request: ModelRequest, turns: int = turns) -> Any:
            turn = sum(message.role == "assistant" for message in request.messages)
            return ToolCall(f"c{turn}", "look", '{"at": "x"}') if turn < turns else "done"

        agent = Agent(
            ScriptedModel([talks] * (turns + 2)),
            name="explorer",
            tools=[look],
            journal=log,
            max_iterations=None,
            system_prompt="Look around. " * 100,
        )
        whole = await agent.run("go")
        branch = await fork(whole.run_id, at=len(whole.facts) - 3, agent=agent)
        (start,) = (await load(log, branch.id)).facts
        assert isinstance(start, RunStarted)
        sizes.append(len(encode_fact(branch.id, start)))
    assert abs(sizes[1] - sizes[0]) < 10
    assert sizes[1] < 400


async def test_notes_of_others_are_no_checkpoints() -> None:
    """A note with the topic of ours and something else in it is passed over."""
    log, run, facts = await explored()
    notes = [{"seq": 999}, {"seq": "x"}, "words", {"seq": -1}, None]
    await log.append(
        run, len(facts), [Noted(seq=len(facts) + n, topic="checkpoint", data=data) for n, data in enumerate(notes)]
    )
    async with Checkpoints(log) as checkpoints:
        assert await checkpoints.list(run, "manual") == ()


async def test_checkpoints_are_asked_for_in_their_context() -> None:
    """Outside, the error says how."""
    with pytest.raises(CallerError, match="async with Checkpoints"):
        await Checkpoints("memory:").list("r")


async def test_a_place_or_a_name_that_cannot_be_is_refused() -> None:
    """No place before the first fact, and no name that is a text of its own."""
    log = MemoryLog()
    result = await Agent(ScriptedModel(["hello"]), journal=log).run("go")
    async with Checkpoints(log) as checkpoints:
        with pytest.raises(CallerError, match="numbered from 0"):
            await checkpoints.load(result.run_id, -1)
        with pytest.raises(CallerError, match="at most 1000 characters"):
            await checkpoints.mark(result.run_id, "x" * 1001)
        assert await checkpoints.list(result.run_id, "manual") == ()
