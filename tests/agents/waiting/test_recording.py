"""Answers are checked before anything is written, reach the run that waits, and may come one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman import Agent, CallerError, Conflict, Image, Pending, RunAgain, ScriptedModel, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve, Reject, advance, answer, pending_calls
from journeyman.data import ModelRequest, ToolCall
from journeyman.journal import ToolDecided, ToolResolved, ToolStarted, load

paid: list[int] = []


@pytest.fixture(autouse=True)
def empty_till(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNEYMAN_SECRET", raising=False)
    paid.clear()


@tool(requires_approval=True)
async def pay(amount: int) -> str:
    """Pay."""
    paid.append(amount)
    return f"paid {amount}"


@tool
async def ask(who: str) -> str:
    """Ask somebody."""
    raise Pending(who)


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def pays(call_id: str, amount: int) -> ToolCall:
    return ToolCall(call_id, "pay", f'{{"amount": {amount}}}')


def asks(call_id: str, who: str) -> ToolCall:
    return ToolCall(call_id, "ask", f'{{"who": "{who}"}}')


def heard(result: Any) -> list[str]:
    return [item.text for message in result.messages for item in message.tool_results]


def family(log: MemoryLog, *calls: ToolCall, **options: Any) -> Agent[str]:
    """A boss with two calls of a clerk, who has an intern who makes the calls."""
    intern = Agent(turns(calls, "intern done"), name="intern", tools=[pay, ask])
    clerk = Agent(turns(ToolCall("i", "intern", '{"task": "t"}'), "clerk done"), name="clerk", tools=[intern.as_tool()])
    said = [ToolCall("1", "clerk", '{"task": "a"}'), ToolCall("2", "clerk", '{"task": "b"}')]
    return Agent(turns(said, "all done"), name="boss", tools=[clerk.as_tool()], journal=log, **options)


@pytest.mark.parametrize("decision", [Approve(always=True), Reject("too dear", always=True)])
async def test_a_decision_for_good_decides_what_waits_already(decision: Any) -> None:
    """The other calls of this tool in this turn are not asked for again; those of other tools are; a call answered beside it has its own answer."""
    log = MemoryLog()
    agent = Agent(
        turns([pays("1", 10), pays("2", 20), asks("3", "Ann"), pays("4", 40)], pays("5", 50), "done"),
        tools=[pay, ask],
        journal=log,
    )
    waiting = await agent.run("go")
    result = await resume(waiting.run_id, agent=agent, answers={"1": decision, "4": Approve({"amount": 41})})
    assert [call.id for call in result.pending] == ["3"]
    result = await resume(waiting.run_id, agent=agent, answers={"3": "yes"})
    assert result.output == "done"
    assert paid == ([10, 20, 41, 50] if isinstance(decision, Approve) else [41])


async def test_a_decision_for_good_is_for_the_run_that_the_call_is_of() -> None:
    """Three levels and two runs side by side: one intern's calls are decided, the other's wait on."""
    log = MemoryLog()
    boss = family(log, pays("p", 1), pays("q", 2), secret="a secret that nobody would guess")
    waiting = await boss.run("go")
    tokens = {call.id: call.token for call in waiting.pending}
    assert sorted(tokens) == ["1/i/p", "1/i/q", "2/i/p", "2/i/q"]
    with pytest.raises(CallerError, match="token"):
        await resume(waiting.run_id, agent=boss, answers={"1/i/p": Approve(always=True, token=tokens["2/i/p"])})
    answers: dict[str, Any] = {"1/i/p": Approve(always=True, token=tokens["1/i/p"])}
    result = await resume(waiting.run_id, agent=boss, answers=answers)
    assert [call.id for call in result.pending] == ["2/i/p", "2/i/q"]
    assert paid == [1, 2]
    assert {call.id: call.token for call in result.pending} == {name: tokens[name] for name in ("2/i/p", "2/i/q")}
    answers = {"2/i/q": Reject("no", always=True, token=tokens["2/i/q"])}
    assert (await resume(waiting.run_id, agent=boss, answers=answers)).output == "all done"
    assert paid == [1, 2]


async def test_answers_may_come_one_after_the_other_before_anybody_works_on() -> None:
    """An approval sets its run free; until somebody takes it up, the others can still be given, whatever they are for."""
    log = MemoryLog()
    agent = Agent(turns([pays("1", 10), pays("2", 20), asks("3", "Ann")], "done"), tools=[pay, ask], journal=log)
    run = (await agent.run("go")).run_id
    await answer(run, {"1": Approve()}, journal=log)
    assert [call.id for call in await pending_calls(run, journal=log)] == ["2", "3"]
    await answer(run, {"3": "yes"}, journal=log)
    await answer(run, {"2": Reject("no")}, journal=log)
    with pytest.raises(CallerError, match="answered already"):
        await answer(run, {"2": Approve()}, journal=log)
    result = await advance(run, agent=agent)
    assert (result.output, paid) == ("done", [10])
    assert heard(result) == ["paid 10", "This call was rejected and not carried out: no", "yes"]


async def test_so_may_those_of_a_run_below() -> None:
    """Its other calls stay in sight, though the runs above it have been told that it can go on."""
    log = MemoryLog()
    boss = family(log, pays("p", 1), asks("a", "Ann"), pays("q", 2))
    run = (await boss.run("go")).run_id
    left = ["1/i/p", "1/i/a", "1/i/q", "2/i/p", "2/i/a", "2/i/q"]
    for name in list(left):
        assert [call.id for call in await pending_calls(run, journal=log)] == left
        await answer(run, {name: "yes" if name.endswith("a") else Approve()}, journal=log)
        left.remove(name)
    result = await advance(run, agent=boss)
    assert (result.output, sorted(paid)) == ("all done", [1, 1, 2, 2])
    for row in (await log.runs()).rows:
        facts = (await load(log, row.run)).facts
        assert sum(isinstance(fact, ToolStarted) and fact.name == "ask" for fact in facts) <= 1


async def test_a_run_that_was_taken_up_and_cut_off_is_not_answered_from_beside() -> None:
    """Nobody can know whether its worker is still alive."""

    class Cut(MemoryLog):
        cut = False

        async def append(self, run: str, at: int, facts: Any) -> None:
            await super().append(run, at, facts)
            if self.cut and isinstance(facts[-1], ToolStarted):
                raise OSError("killed")

    log = Cut()
    agent = Agent(turns([pays("1", 10), pays("2", 20)], "done"), tools=[pay], journal=log)
    run = (await agent.run("go")).run_id
    await answer(run, {"1": Approve()}, journal=log)
    log.cut = True
    with pytest.raises(OSError, match="killed"):
        await advance(run, agent=agent)
    facts = (await load(log, run)).facts
    lost = MemoryLog()
    # What a worker leaves that is killed: no word of its end.
    await lost.append(run, 0, [fact for fact in facts if fact.seq <= _last_start(facts)])
    with pytest.raises(Conflict, match="at work"):
        await answer(run, {"2": Approve()}, journal=lost)


def _last_start(facts: Any) -> int:
    return max(fact.seq for fact in facts if isinstance(fact, ToolStarted))


@pytest.mark.parametrize("answers", [["1"], "1", {1: "yes"}, {("1",): "yes"}])
async def test_answers_are_given_by_the_ids_of_calls(answers: Any) -> None:
    """Anything else is refused with the form that is wanted."""
    log = MemoryLog()
    agent = Agent(turns([asks("1", "Ann")], "done"), tools=[ask], journal=log)
    run = (await agent.run("go")).run_id
    with pytest.raises(CallerError, match=r"answers=\{call.id: …\}"):
        await answer(run, answers, journal=log)


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("1", Pending("later"), "to let it wait on, leave it out"),
        ("1", RunAgain, "an answer such as RunAgain()"),
        ("1", b"\xff", "nothing that a model can read"),
        ("2", Approve(["amount"]), "JSON values by their names: not a mapping"),  # type: ignore[arg-type]  # what is refused
        ("2", Approve({"amount": object()}), "JSON values by their names"),
    ],
)
async def test_what_is_no_answer_is_refused_and_nothing_is_written(name: str, given: Any, told: str) -> None:
    """A slip does not become the outcome of a call, nor the arguments of one."""
    log = MemoryLog()
    agent = Agent(turns([asks("1", "Ann"), pays("2", 1)], "done"), tools=[ask, pay], journal=log)
    run = (await agent.run("go")).run_id
    before = (await load(log, run)).facts
    with pytest.raises(CallerError) as caught:
        await answer(run, {name: given}, journal=log)
    assert told in str(caught.value)
    assert (await load(log, run)).facts == before


async def test_an_answer_may_be_what_a_tool_may_give() -> None:
    """A picture is a picture, and an exception without words has at least its name."""
    log = MemoryLog()
    agent = Agent(turns([asks("1", "Ann"), asks("2", "Bob")], "done"), tools=[ask], journal=log)
    run = (await agent.run("go")).run_id
    picture = Image("image/png", data=b"\x89PNG")
    await answer(run, {"1": ["Look:", picture], "2": TimeoutError()}, journal=log)
    first, second = [fact for fact in (await load(log, run)).facts if isinstance(fact, ToolResolved)]
    assert first.result is not None
    assert second.result is not None
    assert first.result.content[1] == picture
    assert (second.result.text, second.result.is_error) == ("TimeoutError", True)


async def test_the_model_hears_of_edited_arguments_also_where_the_outcome_came_from_outside() -> None:
    """Approved with other arguments, then waited for, then answered or polled."""
    ordered: list[int] = []

    async def order(amount: int) -> int:
        """Order so many."""
        ordered.append(amount)
        return amount

    for options, answers in (({}, {"1": "came"}), ({"poll": lambda info: f"{info} came"}, {})):
        log = MemoryLog()
        made = tool(pending=True, requires_approval=True, **options)(order)  # type: ignore[call-overload]  # by parameter
        agent = Agent(turns(ToolCall("1", "order", '{"amount": 1}'), "done"), tools=[made], journal=log)
        waiting = await agent.run("go")
        waiting = await resume(waiting.run_id, agent=agent, answers={"1": Approve({"amount": 5})})
        assert (waiting.status, waiting.pending[0].arguments) == ("waiting", '{"amount":5}')
        result = await resume(waiting.run_id, agent=agent, answers=answers)
        (text,) = heard(result)
        assert text.endswith('came\n(It was approved with other arguments: {"amount":5})')
    assert ordered == [5, 5]


async def test_a_decision_for_good_is_one_fact_for_each_call() -> None:
    """Whoever reads the journal sees for each call what was decided, and once that it is for good."""
    log = MemoryLog()
    agent = Agent(turns([pays("1", 10), pays("2", 20)], "done"), tools=[pay], journal=log)
    run = (await agent.run("go")).run_id
    await answer(run, {"2": Reject("no", always=True)}, journal=log)
    decided = [fact for fact in (await load(log, run)).facts if isinstance(fact, ToolDecided)]
    assert [(fact.call_id, fact.approved, fact.always) for fact in decided] == [("2", False, True), ("1", False, False)]
    assert {fact.reason for fact in decided} == {"no"}
