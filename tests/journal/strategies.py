"""Strategies for messages and facts as they may be in a journal, and for runs that hang together."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from journeyman.data import (
    Audio,
    Document,
    Failure,
    Image,
    Limits,
    Message,
    ModelResponse,
    ModelUsage,
    Opaque,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Video,
)
from journeyman.journal import (
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
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
)

# Half of a surrogate pair has no UTF-8; the codec refuses it, and a test of its own says so.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
counts = st.integers(0, 10**12)
times = st.integers(0, 2**62)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
opaques = st.builds(Opaque, words, json_values)
origins = st.none() | opaques
texts = st.builds(Text, words, origins)
media: st.SearchStrategy[Any] = st.one_of(
    *(
        st.builds(kind, words, data=st.binary(max_size=20), name=st.none() | words, origin=origins)
        | st.builds(kind, words, url=words, origin=origins)
        for kind in (Image, Audio, Video, Document)
    )
)
tool_calls = st.builds(ToolCall, words, words, words, origins)
contents = words | st.lists(texts | media | opaques, max_size=3).map(tuple)
tool_results = st.builds(ToolResult, words, contents, st.booleans(), st.none() | words, origins)
parts = texts | st.builds(Thinking, words, origins) | tool_calls | tool_results | media | opaques
roles = st.sampled_from(["system", "user", "assistant", "tool"])
messages = st.builds(Message, roles, st.lists(parts, max_size=4).map(tuple), origins)
usages = st.builds(Usage, counts, counts, counts, counts, counts)
used = st.lists(st.builds(ModelUsage, words, usages, st.none() | counts, counts), max_size=2).map(tuple)
finishes = st.none() | st.sampled_from(["stop", "length", "tool_calls", "content_filter", "other"])
responses = st.builds(
    ModelResponse, messages, usages, finishes, words, st.none() | words, st.none() | counts, st.none() | usages
)
failures = st.builds(Failure, words, words, st.none() | st.integers(100, 599), st.none() | words)
dollars = st.decimals(0, 10**6, allow_nan=False, places=6) | st.floats(0, 1e9)
limits = st.builds(
    Limits,
    max_iterations=st.none() | counts,
    max_cost=st.none() | dollars,
    max_tokens=st.none() | counts,
    max_tool_calls=st.none() | counts,
    max_retries=counts,
    max_model_retries=st.none() | counts,
    deadline=st.none() | st.floats(0, 1e9),
)
instructions = st.none() | st.lists(st.builds(Instruction, words, words), max_size=2).map(tuple)
abandoned = st.lists(words, max_size=2).map(tuple)

_stamp = {"seq": st.integers(-1, 2**40), "at": times}
facts: st.SearchStrategy[Fact] = st.one_of(
    st.builds(
        RunStarted,
        **_stamp,
        agent=words,
        model=words,
        fingerprint=words,
        input=st.lists(messages, max_size=3).map(tuple),
        instructions=instructions,
        limits=limits,
        parent=st.none() | st.builds(Parent, words, words),
        continues=st.none() | st.builds(Checkpoint, words, counts),
        conversation=st.none() | words,
        tags=st.lists(words, max_size=3).map(tuple),
    ),
    st.builds(ModelRequested, **_stamp, model=words, history=counts, iteration=counts),
    st.builds(ModelResponded, **_stamp, response=responses),
    st.builds(
        ModelRetried,
        **_stamp,
        model=words,
        attempt=counts,
        delay=st.floats(0, 1e9),
        failure=failures,
        in_doubt=st.booleans(),
    ),
    st.builds(ModelSwitched, **_stamp, model=words, failure=st.none() | failures, in_doubt=st.booleans()),
    st.builds(ModelHedged, **_stamp, model=words, delay=st.floats(0, 1e9)),
    st.builds(
        ModelDropped,
        **_stamp,
        model=words,
        usage=st.none() | usages,
        cost=st.none() | counts,
        failure=st.none() | failures,
        in_doubt=st.booleans(),
    ),
    st.builds(ToolStarted, **_stamp, call_id=words, name=words, attempt=counts, failure=st.none() | failures),
    st.builds(ToolFinished, **_stamp, result=tool_results, asks_retry=st.booleans(), abandoned=st.booleans()),
    st.builds(ToolPrepared, **_stamp, call_id=words, arguments=words),
    st.builds(
        ToolPending,
        **_stamp,
        call_id=words,
        reason=st.sampled_from(["pending", "in_doubt", "approval", "child"]),
        info=json_values,
        deadline=st.none() | counts,
        seconds=st.none() | st.floats(0, 1e9),
        response=words,
        poll_every=st.none() | st.floats(0, 1e9),
    ),
    st.builds(ToolResolved, **_stamp, call_id=words, result=st.none() | tool_results),
    st.builds(
        ToolDecided,
        **_stamp,
        call_id=words,
        approved=st.booleans(),
        reason=words,
        arguments=st.none() | words,
        always=st.booleans(),
    ),
    st.builds(ChildStarted, **_stamp, call_id=words, run=words, agent=words),
    st.builds(ChildFinished, **_stamp, call_id=words, run=words, used=used),
    st.builds(RetryAsked, **_stamp, reason=words, call_id=st.none() | words),
    st.builds(
        HistoryChanged,
        **_stamp,
        by=words,
        kept=counts,
        messages=st.lists(messages, max_size=2).map(tuple),
        instructions=st.none() | st.lists(st.builds(Instruction, words, words), max_size=2).map(tuple),
    ),
    st.builds(Noted, **_stamp, topic=words, data=json_values),
    st.builds(RunPaused, **_stamp, waits=counts),
    st.builds(RunResumed, **_stamp, limits=st.none() | limits),
    st.builds(RunFinished, **_stamp, output=json_values, reason=st.sampled_from(["output", "stopped"])),
    st.builds(RunFailed, **_stamp, failure=failures, abandoned=abandoned),
    st.builds(RunCancelled, **_stamp, abandoned=abandoned),
)


def numbered(facts: list[Fact]) -> list[Fact]:
    """The facts as a run's: numbered from 0 on, a microsecond apart."""
    return [replace(fact, seq=seq, at=1000 + seq) for seq, fact in enumerate(facts)]


@st.composite
def runs(draw: st.DrawFn) -> list[Fact]:
    """A run as `drive` might write it: turns of calls with outcomes in any order, rests, and perhaps an end."""
    prompt = Message.user(draw(words))
    facts: list[Fact] = [RunStarted(agent="a", model="m", fingerprint="f", input=(prompt,), tags=("t",))]
    for turn in range(draw(st.integers(0, 4))):
        facts.append(ModelRequested(model=draw(st.sampled_from(["m", "n"])), history=1, iteration=turn + 1))
        facts += draw(_on_the_way())
        if draw(st.booleans()):
            facts += draw(_rest())
            facts.append(ModelRequested(model="m", history=1, iteration=turn + 1))
        ids = [f"c{turn}.{number}" for number in range(draw(st.integers(0, 3)))]
        answer = Message("assistant", (Text(draw(words)), *(ToolCall(name, "tool") for name in ids)))
        facts.append(ModelResponded(response=ModelResponse(answer, draw(usages))))
        facts += draw(_outcomes(ids)) if ids else [RetryAsked(reason="mend it")]
    end = st.sampled_from([RunFinished(), RunFinished(reason="stopped"), RunCancelled(), None])
    last = draw(end)
    return numbered([*facts, *([] if last is None else [last])])


@st.composite
def _on_the_way(draw: st.DrawFn) -> list[Fact]:
    down = Failure("ProviderError", "down", status=503)
    ways: list[Fact] = [
        ModelRetried(model="m", attempt=2, delay=1.0, failure=down),
        ModelSwitched(model="n", failure=down, in_doubt=True),
        ModelHedged(model="n", delay=2.0),
        ModelDropped(model="n", usage=Usage(output=1)),
        ModelDropped(model="n", in_doubt=True),
    ]
    return draw(st.lists(st.sampled_from(ways), max_size=3))


@st.composite
def _rest(draw: st.DrawFn) -> list[Fact]:
    ways: list[Fact] = [RunPaused(), RunFailed(failure=Failure("Bug", "it broke")), RunCancelled()]
    return [draw(st.sampled_from(ways)), RunResumed()]


@st.composite
def _outcomes(draw: st.DrawFn, ids: list[str]) -> list[Fact]:
    facts: list[Fact] = [ToolStarted(call_id=name, name="tool") for name in ids]
    waiting: list[str] = []
    for name in draw(st.permutations(ids)):
        if draw(st.booleans()):
            if draw(st.booleans()):
                facts.append(ChildStarted(call_id=name, run=f"child of {name}", agent="b"))
                bill = ModelUsage.of("m", Usage(input=3, output=1))
                facts.append(ChildFinished(call_id=name, run=f"child of {name}", used=(bill,)))
            facts.append(ToolFinished(result=ToolResult(name, name), asks_retry=draw(st.booleans())))
        else:
            waiting.append(name)
            facts.append(ToolPending(call_id=name, reason=draw(st.sampled_from(["pending", "in_doubt", "approval"]))))
    while waiting:
        # Answers may come one by one, with a rest between them, before the run is taken up or after it.
        facts.append(RunPaused(waits=len(waiting)))
        answered = draw(st.integers(1, len(waiting)))
        answers: list[Fact] = []
        for name in waiting[:answered]:
            decided = ToolDecided(call_id=name, approved=False, always=draw(st.booleans()))
            resolved = ToolResolved(call_id=name, result=ToolResult(name, name))
            answers.append(draw(st.sampled_from([decided, resolved])))
        facts += [*answers, RunResumed()] if draw(st.booleans()) else [RunResumed(), *answers]
        waiting = waiting[answered:]
    return facts
