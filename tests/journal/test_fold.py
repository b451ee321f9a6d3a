"""A run's state is what its facts add up to, and nothing else."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journeyman.data import (
    CorruptJournal,
    Failure,
    Limits,
    Message,
    ModelResponse,
    ModelUsage,
    Opaque,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)
from journeyman.journal import (
    ENDED,
    OURS,
    Checkpoint,
    ChildFinished,
    ChildStarted,
    Fact,
    HistoryChanged,
    Instruction,
    ModelDropped,
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    Noted,
    Parent,
    RetryAsked,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    RunState,
    Standing,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
    advance,
    begin,
    fold,
    history,
)

from .strategies import facts as any_facts
from .strategies import numbered, runs

HELLO = Message.user("Hello")
START = RunStarted(agent="a", model="m", fingerprint="f", input=(HELLO,))
ASKED = ModelRequested(model="m", history=1, iteration=1)
CALLS = Message(
    "assistant", (Text("Let me see."), ToolCall("c", "look"), ToolCall("d", "listen"), ToolCall("e", "smell"))
)
CALLED = ModelResponded(response=ModelResponse(CALLS, Usage(input=3, output=2), "tool_calls"))


def state_of(*facts: Fact, start: RunStarted = START, inherited: RunState | None = None) -> RunState:
    return fold("r", numbered([start, *facts]), inherited)


def done(call_id: str, *, asks_retry: bool = False) -> ToolFinished:
    return ToolFinished(result=ToolResult(call_id, f"result of {call_id}"), asks_retry=asks_retry)


def phases(state: RunState) -> dict[str, str]:
    return {call.call.id: call.phase for call in state.calls}


# Laws


@given(runs(), st.data())
def test_a_prefix_and_the_rest_come_to_the_whole(facts: list[Fact], data: st.DataObject):
    """Folding a run up to anywhere and then the rest gives the state that folding it at once gives."""
    cut = data.draw(st.integers(1, len(facts)))
    state = fold("r", facts[:cut])
    for fact in facts[cut:]:
        state = advance(state, fact)
    assert state == fold("r", facts)


@given(runs())
def test_a_state_does_not_change(facts: list[Fact]):
    """Adding a fact makes a new state and leaves the one before as it was."""
    states = [fold("r", facts[: count + 1]) for count in range(len(facts))]
    for state, fact in zip(states, facts[1:], strict=False):
        advance(state, fact)
    assert states == [fold("r", facts[: count + 1]) for count in range(len(facts))]


@given(runs())
def test_no_call_is_left_without_a_result(facts: list[Fact]):
    """In what a run hands on each call of the model has exactly one result, right after the answer and in its order."""
    messages = history(fold("r", facts))
    for said, after in zip(messages, (*messages[1:], None), strict=True):
        if said.tool_calls:
            assert after is not None
            assert [result.call_id for result in after.tool_results] == [call.id for call in said.tool_calls]


@given(st.lists(any_facts, max_size=8))
def test_any_facts_are_a_state_or_an_error(facts: list[Fact]):
    """Facts that do not hang together are `CorruptJournal`, and nothing else."""
    try:
        state = fold("r", numbered([START, *facts]))
    except CorruptJournal:
        return
    assert state.next_seq == len(facts) + 1


# Numbering


def test_a_run_without_facts_is_damaged():
    """There is no state of nothing."""
    with pytest.raises(CorruptJournal, match="run r has no facts"):
        fold("r", [])


@pytest.mark.parametrize(
    "first", [replace(ASKED, seq=0), replace(START, seq=1), START], ids=["other", "later", "unnumbered"]
)
def test_a_run_begins_with_its_start(first: Fact):
    """The first fact is `RunStarted` with the number 0."""
    with pytest.raises(CorruptJournal, match=rf"begins with {type(first).__name__} as number {first.seq}, not with"):
        fold("r", [first])


@pytest.mark.parametrize("wrong", [0, 1, 3, -1])
def test_facts_are_numbered_without_a_gap(wrong: int):
    """A fact that is missing, comes twice or has no number is found."""
    facts = numbered([START, ASKED, CALLED])
    facts[2] = replace(facts[2], seq=wrong)
    with pytest.raises(CorruptJournal, match=f"run r has fact {wrong} where 2 belongs"):
        fold("r", facts)


def test_a_run_starts_once():
    """A second start is damage, wherever it stands."""
    with pytest.raises(CorruptJournal, match="starts a second time, at fact 2"):
        state_of(ASKED, START)


@pytest.mark.parametrize(
    "fact",
    [
        ToolStarted(call_id="x", name="look"),
        done("x"),
        ToolPending(call_id="x"),
        ToolResolved(call_id="x", result=None),
        ToolResolved(call_id="x", result=ToolResult("x")),
        ChildStarted(call_id="x", run="child", agent="b"),
        ChildFinished(call_id="x", run="child"),
        RetryAsked(reason="no", call_id="x"),
    ],
    ids=lambda fact: type(fact).__name__,
)
def test_a_fact_about_an_unknown_call_is_damaged(fact: Fact):
    """Nothing can happen to a call that the last answer does not hold, nor to one of a turn that is over."""
    with pytest.raises(CorruptJournal, match="tool call 'x', which the last answer does not hold"):
        state_of(ASKED, CALLED, fact)
    with pytest.raises(CorruptJournal, match="tool call 'x'"):
        state_of(fact)


def test_a_call_of_a_closed_turn_is_over():
    """A result that comes when its turn is closed is damage, not a second result."""
    with pytest.raises(CorruptJournal, match="tool call 'c'"):
        state_of(ASKED, CALLED, done("c"), done("d"), done("e"), done("c"))


# What each kind does


def test_a_start_says_everything_about_the_run():
    """After its start a run is running, with what it was given."""
    limits = Limits(max_iterations=3, max_cost=Decimal("0.5"))
    start = RunStarted(
        agent="a",
        model="m",
        fingerprint="f",
        input=(HELLO,),
        instructions=(Instruction("system", "Be brief."),),
        limits=limits,
        parent=Parent("p", "c"),
        continues=None,
        conversation="talk",
        tags=("x",),
    )
    assert state_of(start=start) == RunState(
        run="r",
        next_seq=1,
        status="running",
        agent="a",
        model="m",
        fingerprint="f",
        instructions=(Instruction("system", "Be brief."),),
        limits=limits,
        messages=(HELLO,),
        started_at=1000,
        updated_at=1000,
        resumed_at=1000,
        parent=Parent("p", "c"),
        conversation="talk",
        tags=("x",),
    )


def test_a_request_is_out_until_it_is_answered():
    """`requested` tells a crash before the answer from one after it; the request says which model and iteration."""
    asked = state_of(ModelRequested(model="n", history=1, iteration=4))
    assert (asked.requested, asked.model, asked.iterations, asked.status) == (True, "n", 4, "running")
    answered = state_of(ASKED, CALLED)
    assert (answered.requested, answered.iterations, answered.finish) == (False, 1, "tool_calls")


def test_an_answer_is_said_and_paid_for():
    """An answer joins the history, its calls are planned, and its tokens are on the bill of the model that was asked."""
    state = state_of(ASKED, CALLED)
    assert state.messages == (HELLO, CALLS)
    assert phases(state) == {"c": "planned", "d": "planned", "e": "planned"}
    assert state.tool_calls == 3
    assert state.used == (ModelUsage("m", Usage(input=3, output=2)),)
    assert state.usage == Usage(input=3, output=2)


def test_bills_add_up_by_model():
    """Tokens of the same model are one item, those of another a second one."""
    answer = ModelResponded(response=ModelResponse(Message.assistant("hi"), Usage(input=5), cost=40))
    other = ModelRequested(model="n", history=1, iteration=2)
    state = state_of(ASKED, CALLED, *map(done, "cde"), other, answer, other, answer)
    assert state.used == (ModelUsage("m", Usage(input=3, output=2)), ModelUsage("n", Usage(input=10), stated=80))


DOWN = Failure("ProviderError", "down", status=503)


def test_repeated_requests_are_counted():
    """They are one budget for the whole run; those that may have been paid for all the same are counted apart."""
    retried = ModelRetried(model="m", attempt=2, delay=1.0, failure=DOWN)
    state = state_of(ASKED, retried, replace(retried, in_doubt=True), CALLED)
    assert (state.model_retries, state.in_doubt, state.retries, state.iterations) == (2, 1, 0, 1)
    assert (state.requested, state_of(ASKED, retried).requested) == (False, True)


def test_an_answer_is_charged_to_the_model_that_gave_it():
    """To the one that was switched to; after another attempt, to the first one again; a hedge alone changes nothing."""
    switched, hedged = ModelSwitched(model="n", failure=DOWN), ModelHedged(model="o", delay=1.0)
    again = ModelRetried(model="m", attempt=2, delay=1.0, failure=DOWN)
    for facts, model in (((switched,), "n"), ((switched, again), "m"), ((hedged,), "m")):
        assert state_of(ASKED, *facts, CALLED).used == (ModelUsage(model, Usage(input=3, output=2)),)


def test_a_request_that_was_not_needed_is_paid_for_where_it_is_known():
    """On the bill of its own model, with what the provider said that it charged; else it is in doubt."""
    known = ModelDropped(model="n", usage=Usage(output=9), cost=40)
    unknown = ModelDropped(model="n", in_doubt=True)
    state = state_of(ASKED, known, unknown, CALLED)
    assert state.used == (ModelUsage("n", Usage(output=9), stated=40), ModelUsage("m", Usage(input=3, output=2)))
    assert state.in_doubt == 1


def test_an_answer_from_a_cache_is_on_no_bill():
    """Whatever it once used."""
    answer = ModelResponse(Message.assistant("hi"), saved=Usage(input=9))
    assert state_of(ASKED, ModelResponded(response=answer)).used == ()


def test_a_branch_in_the_middle_of_a_turn_inherits_the_budget():
    """With new words it begins a turn of its own, and a budget."""
    again = ModelRetried(model="m", attempt=2, delay=1.0, failure=DOWN)
    inherited = state_of(ASKED, again)
    assert begin("s", replace(START, seq=0, input=()), inherited).model_retries == 1
    assert begin("s", replace(START, seq=0), inherited).model_retries == 0


def test_an_answer_without_a_reason_to_end_has_another_one():
    """A provider that does not say why it stopped is not taken to have said that all is well."""
    assert state_of(ASKED, ModelResponded(response=ModelResponse(CALLS, finish=None))).finish == "other"


def test_a_tool_that_started_and_has_no_outcome_shows():
    """Between `ToolStarted` and its outcome a call is `started`; that is how a crash is known."""
    state = state_of(ASKED, CALLED, ToolStarted(call_id="d", name="listen", attempt=2))
    assert phases(state) == {"c": "planned", "d": "started", "e": "planned"}
    call = state.call("d")
    assert call is not None
    assert call.attempt == 2


def test_a_result_waits_for_its_siblings():
    """As long as a call of the turn is open, results are kept with their calls and the history does not grow."""
    state = state_of(ASKED, CALLED, done("d"))
    assert phases(state) == {"c": "planned", "d": "done", "e": "planned"}
    assert state.messages == (HELLO, CALLS)


@pytest.mark.parametrize("order", ["cde", "edc", "dce", "ecd"])
def test_results_stand_in_the_order_of_the_calls(order: str):
    """Parallel calls close their turn with results in the order of the calls, whichever came first."""
    state = state_of(ASKED, CALLED, *(done(call_id) for call_id in order))
    results = tuple(ToolResult(call_id, f"result of {call_id}") for call_id in "cde")
    assert state.messages == (HELLO, CALLS, Message("tool", results))
    assert state.calls == ()


def test_a_pending_call_keeps_its_turn_open():
    """A call that waits keeps what the tool said of it; the results of its siblings are not lost."""
    waiting = state_of(ASKED, CALLED, ToolPending(call_id="c", info={"ask": "boss"}), done("d"), done("e"), RunPaused())
    assert waiting.status == "waiting"
    assert phases(waiting) == {"c": "pending", "d": "done", "e": "done"}
    call = waiting.call("c")
    assert call is not None
    assert (call.info, call.in_doubt) == ({"ask": "boss"}, False)


def test_an_answer_from_outside_closes_the_turn():
    """What somebody said of a waiting call is its result."""
    facts = (ASKED, CALLED, done("d"), ToolPending(call_id="c"), done("e"), RunPaused(), RunResumed())
    state = state_of(*facts, ToolResolved(call_id="c", result=ToolResult("c", "yes")))
    assert [result.text for result in state.messages[-1].tool_results] == ["yes", "result of d", "result of e"]
    assert state.status == "running"


def test_a_call_in_doubt_may_be_run_again():
    """A call in doubt that is to be run again is planned, and in doubt no more."""
    doubt = (ASKED, CALLED, ToolStarted(call_id="c", name="look"), ToolPending(call_id="c", reason="in_doubt"))
    call = state_of(*doubt).call("c")
    assert call is not None
    assert (call.phase, call.in_doubt, call.attempt) == ("pending", True, 1)
    again = state_of(*doubt, RunPaused(), RunResumed(), ToolResolved(call_id="c", result=None)).call("c")
    assert again is not None
    assert (again.phase, again.in_doubt, again.attempt) == ("planned", False, 1)


def test_a_child_is_known_and_its_bill_is_the_parents():
    """A call knows the run that carries it out, and what that run used counts for the parent, part by part."""
    bill = (ModelUsage.of("m", Usage(input=10)), ModelUsage.of("n", Usage(output=4)))
    more = (ModelUsage.of("n", Usage(output=1)),)
    child = ChildStarted(call_id="d", run="child", agent="b")
    counted = [ChildFinished(call_id="d", run="child", used=used) for used in (bill, more)]
    state = state_of(ASKED, CALLED, child, *counted)
    call = state.call("d")
    assert call is not None
    assert call.child == "child"
    assert call.counted == (ModelUsage.of("m", Usage(input=10)), ModelUsage.of("n", Usage(output=5)))
    assert state.usage == Usage(input=13, output=7)


def test_a_retry_is_said_in_our_words():
    """What goes back to the model because its answer would not do is a user's turn that is marked as ours."""
    answer = Message.assistant("forty-two")
    state = state_of(ASKED, ModelResponded(response=ModelResponse(answer)), RetryAsked(reason="a number, please"))
    ours = Text("a number, please", origin=Opaque(OURS, {"label": "retry"}))
    assert state.messages == (HELLO, answer, Message("user", (ours,)))
    assert state.retries == 1


def test_a_retry_of_a_call_is_its_result():
    """What goes back to the model because of a call is the failed result of that call."""
    state = state_of(ASKED, CALLED, done("c"), done("e"), RetryAsked(reason="no such place", call_id="d"))
    assert state.messages[-1].tool_results[1] == ToolResult("d", "no such place", is_error=True)
    assert state.retries == 1


def test_retries_count_in_a_row():
    """A turn in which a tool asks for a retry counts once, however many did; one in which none does begins anew."""
    turn = (ASKED, CALLED, done("c", asks_retry=True), done("d", asks_retry=True), done("e"))
    assert state_of(*turn).retries == 1
    assert state_of(*turn, *turn).retries == 2
    assert state_of(*turn, *turn, ASKED, CALLED, done("c"), done("d"), done("e")).retries == 0


def test_a_pause_without_a_waiting_call_is_a_pause():
    """`waiting` is for somebody outside, `paused` for the caller."""
    assert state_of(RunPaused()).status == "paused"
    assert state_of(ASKED, CALLED, done("c"), RunPaused()).status == "paused"


def test_a_run_goes_on_after_any_rest():
    """Resuming makes a run work again, forgets its failure, begins a new stretch of time and may change the limits."""
    broken = (RunFailed(failure=Failure("Bug", "it broke"), abandoned=("look",)),)
    for rest in ((RunPaused(),), broken, (RunCancelled(),)):
        state = state_of(*rest, RunResumed())
        assert (state.status, state.failure, state.started_at, state.resumed_at) == ("running", None, 1000, 1002)
        assert state.limits == Limits()
    assert state_of(RunPaused(), RunResumed(limits=Limits(max_tokens=9))).limits == Limits(max_tokens=9)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (RunFinished(output={"a": 1}), "finished"),
        (RunFinished(reason="stopped"), "stopped"),
        (RunFailed(failure=Failure("Bug", "it broke")), "errored"),
        (RunCancelled(abandoned=("look",)), "cancelled"),
    ],
    ids=["finished", "stopped", "errored", "cancelled"],
)
def test_a_run_ends_in_four_ways(end: Fact, status: str):
    """Each end has a status of its own, and with it the run has ended."""
    state = state_of(ASKED, end)
    assert state.status == status
    assert state.ended
    assert not state_of(ASKED).ended
    assert len(ENDED) == 4


def test_an_end_keeps_what_it_came_to():
    """The output, or the failure, is in the state."""
    assert state_of(RunFinished(output={"a": 1})).output == {"a": 1}
    assert state_of(RunFailed(failure=Failure("Bug", "it broke"))).failure == Failure("Bug", "it broke")


def test_times_are_those_of_the_facts():
    """The state's clock is its last fact's."""
    state = state_of(ASKED, CALLED)
    assert (state.started_at, state.updated_at, state.next_seq) == (1000, 1002, 3)


# Runs that continue others


def before(*facts: Fact) -> RunState:
    start = replace(START, instructions=(Instruction("system", "Be brief."),), limits=Limits(max_tokens=5))
    return fold("q", numbered([start, *facts]))


AGAIN = replace(START, input=(Message.user("And now?"),), continues=Checkpoint("q", 9))


def test_a_continued_run_inherits_history():
    """What was said before stands before what is new, and counts as inherited."""
    answer = Message.assistant("Hi.")
    state = state_of(start=AGAIN, inherited=before(ASKED, ModelResponded(response=ModelResponse(answer))))
    assert state.messages == (HELLO, answer, Message.user("And now?"))
    assert state.inherited == 2
    assert state.continues == Checkpoint("q", 9)


def test_a_continued_run_begins_its_own_bill():
    """Neither tokens nor iterations, limits nor retries of the run before are those of the one that continues it."""
    answer = ModelResponded(response=ModelResponse(Message.assistant("Hi."), Usage(input=9)))
    state = state_of(start=AGAIN, inherited=before(ASKED, answer, RetryAsked(reason="no")))
    assert (state.used, state.iterations, state.retries, state.limits) == ((), 0, 0, Limits())


def test_instructions_are_inherited_by_reference():
    """Instructions that are not written down again are those of the run before; others replace them."""
    same = replace(AGAIN, instructions=None)
    assert state_of(start=same, inherited=before()).instructions == (Instruction("system", "Be brief."),)
    assert state_of(start=same).instructions == ()
    other = replace(AGAIN, instructions=(Instruction("system", "Be wordy."),))
    assert state_of(start=other, inherited=before()).instructions == (Instruction("system", "Be wordy."),)


def test_a_call_that_was_begun_is_not_said_to_be_undone():
    """What may have been carried out is told as what nobody knows, and what waits for an approval as not carried out."""
    begun, held = ToolStarted(call_id="c", name="t"), ToolPending(call_id="e", reason="approval")
    state = state_of(start=AGAIN, inherited=before(ASKED, CALLED, begun, held, done("d"), RunCancelled()))
    told = {result.call_id: result.text for result in state.messages[2].tool_results}
    assert told["c"] == "This call was begun, and nobody has said what came of it."
    assert told["e"] == "This call was not carried out."


def test_a_call_that_was_cut_off_is_answered_for_the_next_run():
    """A history that ends with open calls is handed on with results: the real ones, or that there is none."""
    state = state_of(start=AGAIN, inherited=before(ASKED, CALLED, done("d"), RunCancelled()))
    results = state.messages[2].tool_results
    assert [result.text for result in results] == [
        "This call was not carried out.",
        "result of d",
        "This call was not carried out.",
    ]
    assert state.messages[3:] == (Message.user("And now?"),)
    assert state.inherited == 3
    assert state.calls == ()


def test_an_output_that_was_a_call_is_answered_for_the_next_run():
    """The call by which a model gave its output is answered with that it was taken."""
    finished = before(ASKED, CALLED, RunFinished(output=1))
    assert {result.text for result in history(finished)[-1].tool_results} == {"The output was accepted."}


def test_a_closed_history_is_handed_on_as_it_is():
    """Where no call is open nothing is added."""
    state = before(ASKED, CALLED, *map(done, "cde"))
    assert history(state) is state.messages


def test_a_branch_goes_on_from_the_middle_of_a_turn():
    """A run in which nothing new is said has the open calls, the iterations and the retries of the run before."""
    branch = replace(START, input=(), continues=Checkpoint("q", 4))
    middle = before(ASKED, CALLED, done("d", asks_retry=True), ToolPending(call_id="c"))
    state = state_of(start=branch, inherited=middle)
    assert state.messages == middle.messages
    assert state.calls == middle.calls
    assert (state.iterations, state.finish, state.inherited) == (1, "tool_calls", 2)
    closed = state_of(
        ToolResolved(call_id="c", result=ToolResult("c", "yes")), done("e"), start=branch, inherited=middle
    )
    assert [result.text for result in closed.messages[-1].tool_results] == ["yes", "result of d", "result of e"]
    assert closed.retries == 1


def test_a_branch_of_a_request_asks_again():
    """A branch from after a request that had no answer yet knows that the request is out."""
    branch = replace(START, input=(), continues=Checkpoint("q", 1))
    assert begin("r", replace(branch, seq=0), before(ASKED)).requested


def test_answers_set_a_waiting_run_free():
    """One that lets a call be made, or the last one that is waited for; until then the run waits, whoever took it up."""
    waiting = (
        ASKED,
        CALLED,
        done("e"),
        ToolPending(call_id="c"),
        ToolPending(call_id="d", reason="approval"),
        RunPaused(),
    )
    assert state_of(*waiting).status == "waiting"
    first = ToolResolved(call_id="c", result=ToolResult("c", "yes"))
    assert state_of(*waiting, first).status == "waiting"
    assert state_of(*waiting, ToolDecided(call_id="d", approved=True)).status == "running"
    rejected = state_of(*waiting, first, ToolDecided(call_id="d", approved=False, reason="no"))
    assert rejected.status == "running"
    (message,) = [item.text for item in rejected.messages[-1].tool_results if item.call_id == "d"]
    assert message == "This call was rejected and not carried out: no"
    again = state_of(*waiting, ToolResolved(call_id="c", result=None))
    assert (again.status, phases(again)["c"]) == ("running", "planned")


def test_a_wait_has_what_was_said_of_it():
    """Its deadline is a moment, or so many seconds after the fact; the number of the fact tells one wait from the next."""
    pending = ToolPending(call_id="c", seconds=2.5, response="soon", poll_every=60.0)
    state = state_of(ASKED, CALLED, pending)
    call = state.call("c")
    assert call is not None
    assert (call.since, call.response, call.poll_every) == (3, "soon", 60.0)
    assert call.deadline == state.updated_at + 2_500_000
    absolute = state_of(ASKED, CALLED, ToolPending(call_id="c", deadline=77)).call("c")
    assert absolute is not None
    assert absolute.deadline == 77


def test_a_call_is_made_with_the_arguments_that_were_decided():
    """First those that the agent prepared, then those with which it was approved; the model's own stay in the history."""
    prepared = ToolPrepared(call_id="c", arguments='{"n": 2}')
    call = state_of(ASKED, CALLED, prepared).call("c")
    assert call is not None
    assert (call.made.arguments, call.prepared, call.edited, call.approved) == ('{"n": 2}', True, False, False)
    held = ToolPending(call_id="c", reason="approval")
    edited = ToolDecided(call_id="c", approved=True, arguments='{"n": 3}')
    state = state_of(ASKED, CALLED, prepared, held, edited)
    call = state.call("c")
    assert call is not None
    assert (call.made.arguments, call.edited, call.approved, call.phase) == ('{"n": 3}', True, True, "planned")
    assert state.messages[-1] == CALLS


def test_a_standing_decision_is_the_last_one_for_its_tool():
    """Decided for always, it is kept by the tool's name; decided once, it is not."""
    held = ToolPending(call_id="c", reason="approval")
    once = state_of(ASKED, CALLED, held, ToolDecided(call_id="c", approved=True))
    assert once.standing == ()
    always = state_of(ASKED, CALLED, held, ToolDecided(call_id="c", approved=False, reason="never", always=True))
    tool = CALLS.tool_calls[0].name
    assert always.standing == (Standing(tool, approved=False, reason="never"),)


def test_what_was_approved_and_begun_below_is_not_the_branches():
    """A branch asks for approvals again, and begins the runs below it anew."""
    branch = replace(START, input=(), continues=Checkpoint("q", 9))
    middle = before(
        ASKED,
        CALLED,
        ToolPending(call_id="c", reason="approval"),
        ToolDecided(call_id="c", approved=True, arguments="{}", always=True),
        ToolStarted(call_id="d", name="look"),
        ChildStarted(call_id="d", run="child", agent="x"),
        ToolPending(call_id="d", reason="child"),
    )
    state = state_of(start=branch, inherited=middle)
    first, second = state.call("c"), state.call("d")
    assert first is not None
    assert second is not None
    assert (first.approved, first.arguments, state.standing) == (False, "{}", ())
    assert (second.child, second.phase) == (None, "planned")


def test_a_changed_history_is_what_comes_next():
    """Some of the messages stay, others come after them; what is damaged is refused."""
    new = Message.user("in short")
    words = (Instruction("clock", "noon"),)
    state = state_of(HistoryChanged(by="before_turn", kept=0, messages=(new,), instructions=words))
    assert (state.messages, state.instructions, state.inherited) == ((new,), words, 0)
    for kept in (-1, 2):
        with pytest.raises(CorruptJournal, match=f"keeps {kept} of 1 messages"):
            state_of(HistoryChanged(by="before_turn", kept=kept))


def test_a_note_changes_nothing():
    """But the number of facts and the time."""
    state = state_of()
    noted = state_of(Noted(topic="checkpoint", data={"seq": 0}))
    assert noted == replace(state, next_seq=2, updated_at=noted.updated_at)
