"""Calls that somebody has to approve: asked for before anything happens, bound to what was shown, decided once or for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman import Agent, CallerError, RunAgain, ScriptedModel, fork, resume, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import Approve, Reject, advance, answer, pending_calls
from journeyman.data import ModelRequest, Secret, ToolCall
from journeyman.journal import ToolDecided, ToolPending, ToolStarted, load

SECRET = "a secret that nobody would guess"

paid: list[tuple[str, int]] = []


@pytest.fixture(autouse=True)
def empty_till(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("JOURNEYMAN_SECRET", raising=False)
    paid.clear()
    yield
    paid.clear()


@tool(requires_approval=True)
async def pay(to: str, amount: int) -> str:
    """Pay."""
    paid.append((to, amount))
    return f"paid {amount} to {to}"


@tool(requires_approval=lambda arguments: arguments["amount"] > 100)
async def tip(amount: int) -> str:
    """Tip: small ones are nobody's business."""
    paid.append(("tip", amount))
    return f"tipped {amount}"


def turns(*answers: Any) -> ScriptedModel:
    def say(request: ModelRequest) -> Any:
        return answers[sum(message.role == "assistant" for message in request.messages)]

    return ScriptedModel([say] * 50)


def pays(call_id: str, to: str, amount: int) -> ToolCall:
    return ToolCall(call_id, "pay", f'{{"to": "{to}", "amount": {amount}}}')


def clerk(log: MemoryLog, *said: Any, **options: Any) -> Agent[str]:
    return Agent(turns(*said, "done"), name="clerk", tools=[pay, tip], journal=log, **options)


def results(result: Any) -> list[tuple[str, bool]]:
    return [(item.text, item.is_error) for message in result.messages for item in message.tool_results]


async def test_a_call_is_not_made_before_it_is_approved() -> None:
    """The run waits with the call as pending; approved it is made once, with its own arguments."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 5))
    waiting = await agent.run("go")
    (call,) = waiting.pending
    assert (call.kind, call.tool, call.arguments, paid) == ("approval", "pay", '{"to": "Ann", "amount": 5}', [])
    assert not any(isinstance(fact, ToolStarted) for fact in waiting.facts)
    assert (await advance(waiting.run_id, agent=agent)).facts == waiting.facts
    result = await resume(waiting.run_id, agent=agent, answers={"1": Approve()})
    assert (result.output, paid, results(result)) == ("done", [("Ann", 5)], [("paid 5 to Ann", False)])


async def test_a_rejected_call_is_not_made_and_the_model_hears_why() -> None:
    """The result is an error with the reason; the run goes on."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 5))
    run = (await agent.run("go")).run_id
    result = await resume(run, agent=agent, answers={"1": Reject("not this month")})
    assert results(result) == [("This call was rejected and not carried out: not this month", True)]
    assert (result.output, paid) == ("done", [])


async def test_edited_arguments_are_what_runs_and_the_model_is_told() -> None:
    """The model's own words stay in the history; beside the result stands with what it was approved."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 500))
    run = (await agent.run("go")).run_id
    result = await resume(run, agent=agent, answers={"1": Approve({"to": "Ann", "amount": 50})})
    assert paid == [("Ann", 50)]
    assert result.messages[1].tool_calls[0].arguments == '{"to": "Ann", "amount": 500}'
    told = results(result)[0][0]
    assert told.startswith("paid 50 to Ann")
    assert '{"to":"Ann","amount":50}' in told


@pytest.mark.parametrize(
    ("arguments", "told"), [({"to": "Ann", "amount": "much"}, "- amount: expected int"), ({"amount": 5}, "- to: ")]
)
async def test_edited_arguments_that_do_not_fit_are_told_to_the_person(arguments: dict[str, Any], told: str) -> None:
    """Where the agent is at hand, whoever wrote them hears which are wrong; nothing is written, no other answer either."""
    log = MemoryLog()
    agent = clerk(log, [pays("1", "Ann", 500), pays("2", "Bob", 1)])
    run = (await agent.run("go")).run_id
    before = (await load(log, run)).facts
    for take_up in (resume, advance):
        with pytest.raises(CallerError, match=f"call '1' cannot be approved like that(.|\n)*{told}"):
            await take_up(run, agent=agent, answers={"2": Approve(), "1": Approve(arguments)})
    assert (await load(log, run)).facts == before
    assert paid == []


async def test_edited_arguments_of_a_call_below_are_checked_by_the_tool_there() -> None:
    """The agent below is found by the tool that hands it its tasks."""
    log = MemoryLog()
    below = clerk(log, pays("1", "Ann", 500))
    boss = Agent(
        turns(ToolCall("b", "clerk", '{"task": "t"}'), "all"), name="boss", tools=[below.as_tool()], journal=log
    )
    run = (await boss.run("go")).run_id
    with pytest.raises(CallerError, match="call 'b/1' cannot be approved like that"):
        await resume(run, agent=boss, answers={"b/1": Approve({"to": "Ann"})})
    await resume(run, agent=boss, answers={"b/1": Approve({"to": "Ann", "amount": 5})})
    assert paid == [("Ann", 5)]


async def test_edited_arguments_that_do_not_fit_are_refused_by_the_tool() -> None:
    """Approved where no agent is at hand, nothing is paid; the model hears of the error, as of its own."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 500))
    run = (await agent.run("go")).run_id
    await answer(run, {"1": Approve({"to": "Ann", "amount": "much"})}, journal=log)
    result = await resume(run, agent=agent)
    assert paid == []
    assert results(result)[0][1] is True


async def test_a_predicate_decides_by_the_arguments() -> None:
    """It sees them as the tool would; its siblings go on meanwhile; one that fails has the call approved."""

    def breaks(_: Any) -> bool:
        raise KeyError("no such thing")

    @tool(requires_approval=breaks)
    async def odd() -> str:
        """Odd."""
        paid.append(("odd", 0))
        return "odd"

    log = MemoryLog()
    said = [
        ToolCall("1", "tip", '{"amount": "100"}'),
        ToolCall("2", "tip", '{"amount": "101"}'),
        ToolCall("3", "tip", '{"amount": "much"}'),
        ToolCall("4", "odd"),
    ]
    agent = Agent(turns(said, "done"), tools=[tip, odd], journal=log)
    waiting = await agent.run("go")
    assert [call.id for call in waiting.pending] == ["2", "4"]
    assert paid == [("tip", 100)]
    result = await resume(waiting.run_id, agent=agent, answers={"2": Approve(), "4": Reject()})
    assert paid == [("tip", 100), ("tip", 101)]
    assert [is_error for _, is_error in results(result)] == [False, False, True, True]


async def test_a_decision_may_stand_for_the_tool_in_this_run() -> None:
    """Approved or rejected for always, its further calls are not asked for again; another run's are, and other tools'."""
    log = MemoryLog()
    said = (pays("1", "Ann", 1), [pays("2", "Bob", 2), ToolCall("3", "tip", '{"amount": 1000}')])
    agent = clerk(log, *said)
    run = (await agent.run("go")).run_id
    result = await resume(run, agent=agent, answers={"1": Approve(always=True)})
    assert ([call.id for call in result.pending], paid) == (["3"], [("Ann", 1), ("Bob", 2)])
    await resume(run, agent=agent, answers={"3": Reject()})
    other = (await agent.run("go")).run_id
    refused = await resume(other, agent=agent, answers={"1": Reject("never", always=True)})
    assert [call.id for call in refused.pending] == ["3"]
    refused = await resume(other, agent=agent, answers={"3": Reject()})
    assert results(refused)[1] == ("This call was rejected and not carried out: never", True)
    assert paid == [("Ann", 1), ("Bob", 2)]


async def test_only_an_approval_approves() -> None:
    """A plain value (a `True`, say), `RunAgain` or an exception is refused, and approvals are refused for other calls."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 1))
    run = (await agent.run("go")).run_id
    for given in (True, "yes", RunAgain(), ValueError("no")):
        with pytest.raises(CallerError, match=r"waits for approval; answer it with Approve\(…\) or Reject\(…\)"):
            await resume(run, agent=agent, answers={"1": given})
    doubtful = MemoryLog()
    facts = list((await load(log, run)).facts)
    facts[-2:] = [replace(facts[-2], reason="in_doubt"), facts[-1]]
    await doubtful.append("r", 0, facts)
    with pytest.raises(CallerError, match="waits for in_doubt"):
        await answer("r", {"1": Approve()}, journal=doubtful)
    assert paid == []


async def test_a_forged_replayed_or_edited_approval_is_refused() -> None:
    """With a secret, the token of this very wait has to be shown: no other run's, call's, argument's or secret's will do."""
    log = MemoryLog()
    agent = clerk(log, [pays("1", "Ann", 1), pays("2", "Ann", 1)], pays("1", "Ann", 1), secret=SECRET)
    first, second = (await agent.run("go")).pending
    other, _ = (await agent.run("go")).pending
    assert len({first.token, second.token, other.token}) == 3
    stranger, _ = await pending_calls(first.run, journal=log, secret="another secret of some length")
    forged = ["", "x", second.token, other.token, stranger.token, first.token[:-1], "\ud800"]
    for token in forged:
        for given in (Approve(token=token), Approve(token=token, always=True), Reject(token=token)):
            with pytest.raises(CallerError, match="token"):
                await resume(first.run, agent=agent, answers={"1": given})
            with pytest.raises(CallerError, match="token"):
                await answer(first.run, {"1": given}, journal=log, secret=SECRET)
    assert paid == []
    approved = {"1": Approve(token=first.token), "2": Reject(token=second.token)}
    # The third call has the very id, tool and arguments of the first, and its token is another one all the same.
    again = await resume(first.run, agent=agent, answers=approved)
    (third,) = again.pending
    assert (third.id, third.arguments, third.tool) == (first.id, first.arguments, first.tool)
    with pytest.raises(CallerError, match="token"):
        await resume(first.run, agent=agent, answers={"1": Approve(token=first.token)})
    assert paid == [("Ann", 1)]
    result = await resume(first.run, agent=agent, answers={"1": Approve(token=third.token)})
    assert (result.output, paid) == ("done", [("Ann", 1), ("Ann", 1)])


async def test_the_token_is_of_the_arguments_that_the_journal_has() -> None:
    """What was shown before the journal's arguments were changed does not approve what it holds now."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 1), secret=SECRET)
    waiting = await agent.run("go")
    shown = waiting.pending[0].token
    edited = MemoryLog()
    facts = [
        replace(
            fact, response=replace(fact.response, message=replace(fact.response.message, parts=(pays("1", "Eve", 9),)))
        )
        if type(fact).__name__ == "ModelResponded"
        else fact
        for fact in waiting.facts
    ]
    await edited.append(waiting.run_id, 0, facts)
    with pytest.raises(CallerError, match="of other arguments"):
        await answer(waiting.run_id, {"1": Approve(token=shown)}, journal=edited, secret=SECRET)


async def test_the_secret_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the journal nor what can be printed holds secret or token; one that could be guessed is refused."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 1))
    monkeypatch.setenv("JOURNEYMAN_SECRET", SECRET)
    waiting = await agent.run("go")
    (call,) = waiting.pending
    assert call.token
    given = Approve(token=call.token)
    shown = f"{call!r} {given!r} {Reject(token=call.token)!r} {agent!r} {waiting!r} {waiting.facts!r}"
    assert SECRET not in shown
    assert call.token not in shown
    monkeypatch.delenv("JOURNEYMAN_SECRET")
    with pytest.raises(CallerError, match="no secret to check it with"):
        await resume(waiting.run_id, agent=agent, answers={"1": given})
    with pytest.raises(CallerError, match="fewer than 16 characters"):
        await pending_calls(waiting.run_id, journal=log, secret="short")
    assert (await resume(waiting.run_id, agent=agent, answers={"1": given}, secret=Secret(SECRET))).output == "done"


async def test_an_approval_below_surfaces_and_goes_back_down() -> None:
    """A sub-agent's call is approved on the outermost run, by the token that is bound to the sub-agent's run.

    It neither gets lost nor loops (pydantic-ai #4302, strands #3076, agno #7717).
    """
    log = MemoryLog()
    inner = Agent(turns(pays("1", "Ann", 5), "inner done"), name="inner", tools=[pay])
    middle = Agent(
        turns(ToolCall("1", "inner", '{"task": "t"}'), "middle done"), name="middle", tools=[inner.as_tool()]
    )
    outer = Agent(
        turns(ToolCall("1", "middle", '{"task": "t"}'), "outer done"),
        tools=[middle.as_tool()],
        journal=log,
        secret=SECRET,
    )
    waiting = await outer.run("go")
    (call,) = waiting.pending
    assert (call.id, call.agent, call.kind) == ("1/1/1", "inner", "approval")
    assert (await pending_calls(call.run, journal=log, secret=SECRET))[0].token == call.token
    for _ in range(2):
        # However often the run is taken up without an answer.
        assert (await resume(waiting.run_id, agent=outer)).pending == waiting.pending
    result = await resume(waiting.run_id, agent=outer, answers={"1/1/1": Approve(token=call.token)})
    assert (result.output, paid) == ("outer done", [("Ann", 5)])


async def test_what_was_approved_in_a_run_is_not_approved_in_its_branch() -> None:
    """A fork from after the approval asks again: an approval is for one run."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 1))
    run = (await agent.run("go")).run_id
    done = await resume(run, agent=agent, answers={"1": Approve(always=True)})
    at = next(fact.seq for fact in done.facts if isinstance(fact, ToolDecided))
    branch = await (await fork(run, at=at, agent=agent)).result()
    assert ([call.kind for call in branch.pending], paid) == (["approval"], [("Ann", 1)])


async def test_an_approved_call_that_a_crash_cut_off_is_in_doubt() -> None:
    """The approval was for once: whether it was made is asked, and made again it needs no second approval."""
    log = MemoryLog()
    agent = clerk(log, pays("1", "Ann", 1))
    run = (await agent.run("go")).run_id
    done = await resume(run, agent=agent, answers={"1": Approve()})
    started = next(fact.seq for fact in done.facts if isinstance(fact, ToolStarted))
    crashed = MemoryLog()
    await crashed.append(run, 0, done.facts[: started + 1])
    doubtful = await resume(run, agent=agent, journal=crashed)
    assert [call.kind for call in doubtful.pending] == ["in_doubt"]
    result = await resume(run, agent=agent, journal=crashed, answers={"1": RunAgain()})
    assert (result.output, paid) == ("done", [("Ann", 1), ("Ann", 1)])
    assert sum(isinstance(fact, ToolPending) for fact in result.facts) == 2
