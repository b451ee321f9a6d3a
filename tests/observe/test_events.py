"""The event view of a run."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Failure,
    Message,
    ModelResponse,
    Progress,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    deltas_of,
)
from journeyman.journal import (
    ModelHedged,
    ModelRequested,
    ModelResponded,
    ModelRetried,
    ModelSwitched,
    RunFailed,
    RunFinished,
    RunStarted,
    ToolDecided,
    ToolFinished,
    ToolPending,
    ToolPrepared,
    ToolResolved,
    ToolStarted,
)
from journeyman.observe import (
    Event,
    EventView,
    Failed,
    Hedging,
    LlmChunk,
    Output,
    PartialResult,
    Retrying,
    Switched,
    ThinkingChunk,
    ToolEnd,
    ToolProgress,
    ToolStart,
    ToolWaiting,
    plain_output,
)
from journeyman.schema import complete_fields

REQUESTED = ModelRequested(model="m", history=1, iteration=1)


def answered(*parts):
    return ModelResponded(response=ModelResponse(Message("assistant", parts)))


def events_of(*batches, **options):
    view = EventView(**options)
    return [event for batch in batches for event in view.of(batch)]


def words(events):
    return "".join(event.text for event in events if isinstance(event, LlmChunk))


def thoughts(events):
    return "".join(event.text for event in events if isinstance(event, ThinkingChunk))


@given(st.text(), st.text(), st.data())
def test_words_come_once_whatever_was_glimpsed(thought, text, data):
    """However many glimpses came, and in whatever batches, they and the fact together say the answer once."""
    fact = answered(Thinking(thought), Text(text))
    glimpses = list(deltas_of(fact.response.message))
    seen = glimpses[: data.draw(st.integers(0, len(glimpses)))]
    cut = data.draw(st.integers(0, len(seen)))
    events = events_of([REQUESTED], seen[:cut], seen[cut:], [fact])
    assert (thoughts(events), words(events)) == (thought, text)


def test_what_came_as_glimpses_does_not_come_again():
    """The fact adds what they lacked, and nothing where they lacked nothing."""
    view = EventView()
    assert list(view.of([REQUESTED, TextDelta("a "), ThinkingDelta("hm")])) == [LlmChunk("a "), ThinkingChunk("hm")]
    assert list(view.of([answered(Thinking("hm!"), Text("a b"))])) == [ThinkingChunk("!"), LlmChunk("b")]
    assert list(view.of([REQUESTED, TextDelta("c")])) == [LlmChunk("c")]
    assert list(view.of([answered(Text("c"))])) == []


def test_an_answer_that_is_asked_for_again_starts_anew():
    """The words of the one that broke off do not count for the next."""
    events = events_of([REQUESTED], [TextDelta("abc")], [REQUESTED], [answered(Text("abcd"))])
    assert events == [LlmChunk("abc"), LlmChunk("abcd")]


def test_tools_have_a_beginning_an_end_and_a_duration():
    """Arguments come with the beginning; the duration is in milliseconds."""
    call = ToolCall("1", "add", '{"a":1}')
    events = events_of(
        [answered(call)],
        [ToolStarted(at=1_000, call_id="1", name="add")],
        [Progress("1", "half", 0.5)],
        [ToolFinished(at=3_500, result=ToolResult("1", "3"))],
    )
    assert events == [
        ToolStart("1", "add", '{"a":1}'),
        ToolProgress("1", "half", 0.5),
        ToolEnd("1", "add", "3", is_error=False, duration_ms=2.5),
    ]


def test_a_call_that_waited_ends_when_it_is_answered():
    """An interface that showed its beginning can show its end."""
    events = events_of(
        [answered(ToolCall("1", "add"))],
        [ToolStarted(at=0, call_id="1", name="add"), ToolPending(call_id="1")],
        [ToolResolved(call_id="1", result=None)],
        [ToolResolved(at=2_000, call_id="1", result=ToolResult("1", "yes"))],
    )
    waits = ToolWaiting("1", "add", "{}", "pending", None, "")
    assert events[1:] == [waits, ToolEnd("1", "add", "yes", is_error=False, duration_ms=2.0)]


def test_a_reader_who_missed_the_answer_still_learns_the_tools_name():
    """From its beginning; one who missed that too learns the id."""
    started, finished = ToolStarted(at=0, call_id="1", name="add"), ToolFinished(at=0, result=ToolResult("1", "3"))
    assert events_of([started, finished])[1].name == "add"
    assert events_of([finished]) == [ToolEnd("1", "", "3", is_error=False, duration_ms=0.0)]


def test_a_call_without_a_beginning_ends_all_the_same():
    """An unknown tool has failed without having begun."""
    events = events_of([answered(ToolCall("1", "x")), ToolFinished(result=ToolResult("1", "no", is_error=True))])
    assert events == [ToolEnd("1", "x", "no", is_error=True, duration_ms=0.0)]


JSON = '{"name": "Ada", "age": 36}'


def pieces(text, size=3):
    return [text[at : at + size] for at in range(0, len(text), size)]


def test_native_json_is_shown_as_its_fields_are_complete():
    """Each state once, and never half a value."""
    batches = [[TextDelta(piece)] for piece in pieces(JSON)]
    events = events_of([REQUESTED], *batches, partial=complete_fields)
    found = [event.value for event in events if isinstance(event, PartialResult)]
    assert found == [{"name": "Ada"}, {"name": "Ada", "age": 36}]
    assert words(events) == JSON


def test_the_arguments_of_the_output_tool_are_shown_as_its_fields_are_complete():
    """Those of other tools, and words, are not."""
    batches = [[ToolCallDelta(1, arguments=piece)] for piece in pieces(JSON)]
    events = events_of(
        [REQUESTED],
        [TextDelta('{"name": "Eve"}'), ToolCallDelta(0, "a", "add"), ToolCallDelta(0, arguments='{"name": "Eve"}')],
        [ToolCallDelta(1, "b", "final_result")],
        *batches,
        partial=complete_fields,
        output_tool="final_result",
    )
    found = [event.value for event in events if isinstance(event, PartialResult)]
    assert found == [{"name": "Ada"}, {"name": "Ada", "age": 36}]


def test_a_second_output_of_one_answer_is_read_by_itself():
    """Their texts are not run together."""
    events = events_of(
        [ToolCallDelta(0, "a", "final_result", '{"n": 1}')],
        [ToolCallDelta(1, "b", "final_result", '{"n": 2}')],
        [ToolCallDelta(1, arguments="")],
        partial=complete_fields,
        output_tool="final_result",
    )
    assert [event.value for event in events] == [{"n": 1}, {"n": 2}]


def test_unfinished_json_is_read_once_a_batch():
    """However many glimpses a batch has, and not at all for batches without any."""
    asked: list[str] = []
    events_of(
        [REQUESTED],
        [TextDelta(piece) for piece in pieces(JSON)],
        [Progress("c", "x")],
        [answered(Text(JSON))],
        partial=asked.append,
    )
    assert asked == [JSON]


def test_a_long_output_is_not_read_for_every_glimpse():
    """The text that is read grows with the length of the output, not with its square, and the last of it is shown."""
    rows = [{"name": f"row {n}"} for n in range(2000)]
    text = msgspec.json.encode({"rows": rows}).decode()
    read: list[int] = []

    def partial(text):
        read.append(len(text))
        return complete_fields(text)

    events = events_of(
        [REQUESTED], *([TextDelta(piece)] for piece in pieces(text)), [answered(Text(text))], partial=partial
    )
    assert sum(read) < 100 * len(text)
    found = [event.value for event in events if isinstance(event, PartialResult)]
    assert found[-1] == {"rows": rows}
    assert len(found) > 100


def test_the_next_answer_has_partial_results_of_its_own():
    """What was shown of the last one does not hide the same value in the next."""
    once = [[REQUESTED], [TextDelta('{"a": 1}')], [answered(Text('{"a": 1}'))]]
    events = events_of(*once, *once, partial=complete_fields)
    assert [event.value for event in events if isinstance(event, PartialResult)] == [{"a": 1}] * 2


def test_the_output_comes_at_the_end():
    """As the user's type; a run that was stopped has none."""
    answer, finished = answered(Text("text")), RunFinished(output=[1])
    assert events_of([answer, finished])[-1] == Output([1])
    assert events_of([answer, RunFinished()])[-1] == Output("text")
    assert events_of([answer, finished], output_of=lambda stored, text: (stored, text))[-1] == Output(([1], "text"))
    assert events_of([answer, RunFinished(reason="stopped")]) == [LlmChunk("text")]


def test_an_output_that_is_false_is_still_one():
    """Only None stands for the text."""
    assert plain_output(0, "text") == 0
    assert plain_output(None, "text") == "text"


def test_a_failure_is_an_event():
    """With its type and words."""
    assert events_of([RunFailed(failure=Failure("ModelError", "no"))]) == [Failed("ModelError", "no")]


def test_facts_without_anything_to_show_are_silent():
    """A run's beginning is one."""
    assert events_of([RunStarted(agent="a", model="m", fingerprint="f", input=())]) == []


def test_what_happens_on_the_way_to_an_answer_is_told():
    """A repeated request, another model with and without a failure before it, a second request beside the first."""
    down = Failure("ProviderError", "down", status=503)
    facts = [
        ModelRetried(model="m", attempt=2, delay=1.5, failure=down),
        ModelSwitched(model="n", failure=down),
        ModelHedged(model="o", delay=2.0),
        ModelSwitched(model="o"),
    ]
    assert events_of([REQUESTED, *facts]) == [
        Retrying("m", 2, 1.5, "down"),
        Switched("n", "down"),
        Hedging("o", 2.0),
        Switched("o", ""),
    ]


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (LlmChunk("a"), "llm_chunk"),
        (ThinkingChunk("a"), "thinking_chunk"),
        (ToolStart("1", "t", "{}"), "tool_start"),
        (ToolEnd("1", "t", "r", is_error=False, duration_ms=1.0), "tool_end"),
        (ToolProgress("1", "m", None), "progress"),
        (PartialResult({"a": 1}), "partial_result"),
        (Retrying("m", 2, 1.5, "down"), "retrying"),
        (Switched("n", "down"), "switched"),
        (Hedging("n", 2.0), "hedging"),
        (Failed("T", "m"), "error"),
        (Output("x"), "output"),
    ],
)
def test_events_are_told_by_their_kind(event, kind):
    """In Python and in JSON, from which they come back."""
    assert event.kind == kind
    written = msgspec.json.encode(event)
    assert msgspec.json.decode(written)["kind"] == kind
    assert msgspec.json.decode(written, type=Event) == event


def test_edited_arguments_and_rejections_are_events():
    """A call begins with the arguments that it is made with; one that is rejected ends as an error."""
    events = events_of(
        [answered(ToolCall("1", "add", "{}"), ToolCall("2", "add", "{}"))],
        [ToolPrepared(call_id="1", arguments='{"a":1}')],
        [ToolPending(call_id="1", reason="approval"), ToolPending(call_id="2", reason="approval", response="Wait.")],
        [ToolDecided(call_id="1", approved=True, arguments='{"a":2}'), ToolDecided(call_id="2", approved=False)],
        [ToolStarted(at=0, call_id="1", name="add")],
    )
    assert events == [
        ToolWaiting("1", "add", '{"a":1}', "approval", None, ""),
        ToolWaiting("2", "add", "{}", "approval", None, "Wait."),
        ToolEnd("2", "add", "This call was rejected, not carried out.", is_error=True, duration_ms=0.0),
        ToolStart("1", "add", '{"a":2}'),
    ]
