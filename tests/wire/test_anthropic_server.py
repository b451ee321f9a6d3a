"""What the Messages dialect reads from clients, and what it serves them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    CallerError,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    Settings,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Usage,
    deltas_of,
)
from journeyman.wire import Stamp
from journeyman.wire.anthropic import Anthropic
from journeyman.wire.http import HttpRequest

WIRE = Anthropic()
TOOL_ON_WIRE = {"name": "weather", "description": "Tells the weather.", "input_schema": {"type": "object"}}


def own(**data):
    return Opaque("anthropic", data)


def posted(body: Any, **headers: str) -> HttpRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpRequest("POST", "/v1/messages?beta=true", headers, content)


REQUESTS: list[dict[str, Any]] = [
    {"system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]},
    {"system": [{"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "B"}]},
    {"system": "", "tools": [], "tool_choice": {"type": "auto"}, "temperature": None, "stop_sequences": []},
    {"messages": [{"role": "system", "content": [{"type": "text", "text": "first"}]}]},
    {"messages": [{"role": "system", "content": "first"}, {"role": "user", "content": []}]},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"thinking": {"type": "disabled"}},
    {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "max"}},
    {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}},
    {"output_config": {"format": None, "effort": "low"}},
    {"output_config": {"effort": "minimal"}},
    {"output_config": {}},
    {"metadata": {"user_id": "u"}, "service_tier": "auto", "mcp_servers": [], "container": "c"},
    {"temperature": 0.3, "top_p": 0.2, "top_k": 4, "stop_sequences": ["x"]},
    {"tools": [TOOL_ON_WIRE], "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}},
    {"tools": [TOOL_ON_WIRE], "tool_choice": {"type": "any", "disable_parallel_tool_use": False}},
    {"tools": [TOOL_ON_WIRE], "tool_choice": {"type": "none", "disable_parallel_tool_use": True}},
    {"tools": [{**TOOL_ON_WIRE, "type": "custom", "strict": False, "defer_loading": True, "description": ""}]},
    {"tools": [{"type": "bash_20250124", "name": "bash"}, {**TOOL_ON_WIRE, "strict": None, "description": None}]},
]

USER_BLOCKS: list[list[dict[str, Any]]] = [
    [
        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}], "is_error": False},
        {"type": "tool_result", "tool_use_id": "b", "content": "", "is_error": True},
        {"type": "text", "text": "and?", "cache_control": {"type": "ephemeral"}},
        {"type": "tool_result", "tool_use_id": "c"},
    ],
    [{"type": "tool_result", "tool_use_id": "a", "content": None, "cache_control": None}],
    [{"type": "tool_result", "tool_use_id": "a", "content": []}],
    [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "tool_reference", "tool_name": "x"}]}],
    [{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "thinking", "thinking": "odd"}]}],
    [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVA="}}],
    [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVB="}}],
    [{"type": "image", "source": {"type": "file", "file_id": "f"}}, {"type": "container_upload", "file_id": "f"}],
    [{"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}, "title": "T", "context": "C"}],
    [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "T"}],
    [{"type": "document", "source": {"type": "file", "file_id": "f"}, "title": "T"}],
    [{"type": "document", "source": {"type": "content", "content": "words"}, "citations": {"enabled": True}}],
    [{"type": "document", "source": {"type": "file", "file_id": "f"}}],
    [{"type": "image"}],
]

MODEL_BLOCKS: list[list[dict[str, Any]]] = [
    [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "redacted_thinking", "data": "d"},
        {"type": "text", "text": "so", "citations": None},
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": None}, "caller": {"type": "direct"}},
    ],
]


@pytest.mark.parametrize(
    "given_request",
    [
        *REQUESTS,
        *({"messages": [{"role": "user", "content": blocks}]} for blocks in USER_BLOCKS),
        *({"messages": [{"role": "assistant", "content": blocks}]} for blocks in MODEL_BLOCKS),
    ],
)
def test_a_clients_request_is_sent_on_as_it_came(given_request):
    """Parsing and encoding again keeps every key and every form, whatever the client preferred."""
    body = {"model": "m", "max_tokens": 5, "messages": [], "stream": False, **given_request}
    parsed = WIRE.parse(posted(body, **{"anthropic-beta": "x-1, y-2"}))
    stored = msgspec.json.decode(msgspec.json.encode(parsed.messages), type=tuple[Message, ...])
    for request in (parsed, msgspec.structs.replace(parsed, messages=stored)):
        encoded = WIRE.encode(request)
        assert json.loads(encoded.body) == body
        assert encoded.headers["anthropic-beta"] == "x-1,y-2"


def test_a_clients_request_becomes_our_nouns():
    """Other dialects find everything in the places that are common to all."""
    request = WIRE.parse(
        posted(
            {
                "model": "m",
                "max_tokens": 5,
                "stream": True,
                "system": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
                "messages": [
                    {"role": "user", "content": "Hi"},
                    {
                        "role": "assistant",
                        "content": [{"type": "tool_use", "id": "x", "name": "weather", "input": {"a": 1}}],
                    },
                    {
                        "role": "user",
                        "content": [
                            {"type": "tool_result", "tool_use_id": "x", "content": "sun", "is_error": True},
                            {"type": "image", "source": {"type": "url", "url": "https://x.test/a"}},
                        ],
                    },
                ],
                "tools": [TOOL_ON_WIRE],
                "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            }
        )
    )
    assert request.model == "m"
    assert request.stream
    assert [(message.role, message.parts) for message in request.messages] == [
        ("system", (Text("A"),)),
        ("system", (Text("B"),)),
        ("user", (Text("Hi"),)),
        ("assistant", (ToolCall("x", "weather", '{"a": 1}'),)),
        ("tool", (ToolResult("x", "sun", is_error=True, name="weather"),)),
        ("user", (Image("image/*", url="https://x.test/a"),)),
    ]
    assert request.tools == (ToolSpec("weather", "Tells the weather.", {"type": "object"}),)
    assert request.output == JsonOutput(schema={"type": "object"})
    assert request.settings == Settings(
        max_tokens=5,
        tool_choice=ToolChoice("required", ("weather",)),
        parallel_tool_calls=False,
        thinking_tokens=1024,
        reasoning_effort="low",
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (b"\xff{", "no request"),
        (b"[]", "array"),
        (b"[" * 100_000, "no request"),
        ({"model": None}, "model"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "name"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "lacks `type`"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "lacks `text`"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "%"}},
                        ],
                    }
                ]
            },
            "no request",
        ),
        ({"tools": [{"name": "x"}]}, "input_schema"),
        ({"tools": [TOOL_ON_WIRE], "tool_choice": {"type": ["x"]}}, "unknown type"),
        ({"tools": [TOOL_ON_WIRE], "tool_choice": {"type": "tool"}}, "lacks `name`"),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(change, words):
    """Hostile clients get a CallerError that says what is wrong, and nothing else."""
    body = change if isinstance(change, bytes) else {"model": "m", "max_tokens": 5, "messages": [], **change}
    with pytest.raises(CallerError, match=words):
        WIRE.parse(posted(body))


@given(st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4), st.integers(0, 9)), max_size=4))
def test_a_corrupt_request_is_read_or_refused(changes):
    """Whatever bytes a client sends, nothing but CallerError gets out."""
    blocks = [*USER_BLOCKS[0], *USER_BLOCKS[5], *USER_BLOCKS[9]]
    content = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": blocks}], **REQUESTS[14]}
    body = json.dumps(content).encode()
    for place, new, gone in changes:
        at = place % (len(body) + 1)
        body = body[:at] + new + body[at + gone :]
    try:
        assert WIRE.parse(posted(body)).model is not None
    except CallerError as error:
        assert str(error)  # noqa: PT017  (either outcome is right, nothing else is)


def rendered_and_read(response: ModelResponse) -> ModelResponse:
    return WIRE.decode(WIRE.render(response))


def streamed_and_read(pieces: list[bytes]) -> ModelResponse:
    decoder = WIRE.decoder()
    for piece in pieces:
        decoder.feed(piece)
    return decoder.finish()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
TEXTS = st.builds(Text, WORDS, st.none() | st.builds(lambda cited: own(citations=[cited]), JSON))
THOUGHTS = st.builds(lambda text, sig: Thinking(text, own(signature=sig) if sig else own()), WORDS, st.none() | WORDS)
IDS = st.text("abcXYZ019_-", min_size=1, max_size=9)
CALLS = st.builds(lambda i, n, a: ToolCall(i, n, json.dumps(a)), IDS, WORDS, st.dictionaries(WORDS, JSON, max_size=3))
OPAQUES = st.builds(lambda data: own(type="web_search_tool_result", content=data), JSON)
COUNTS = st.integers(0, 10**9)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


def stamp_of(answer: ModelResponse) -> Stamp:
    """What a server would say beforehand if it knew the answer."""
    return Stamp((answer.raw_id or "").removeprefix("msg_"), request=ModelRequest(answer.model, ()))


@st.composite
def responses(draw: st.DrawFn, parts: Any = TEXTS | THOUGHTS | CALLS | OPAQUES) -> ModelResponse:
    chosen = tuple(draw(st.lists(parts, max_size=6)))
    calls = any(isinstance(part, ToolCall) for part in chosen)
    finish = draw(st.sampled_from((None, "length", "content_filter", "tool_calls" if calls else "stop")))
    origin = None
    if finish == "stop" and draw(st.booleans()):
        origin = own(stop_reason="stop_sequence", stop_sequence="END")
    elif finish is None and draw(st.booleans()):
        finish, origin = "other", own(stop_reason="pause_turn", container={"id": "c"})
    raw_id = "msg_" + draw(st.text("abc123", min_size=1, max_size=9))
    return ModelResponse(Message("assistant", chosen, origin), draw(USAGES), finish, draw(WORDS), raw_id)


@given(responses())
def test_an_answer_that_we_serve_reads_as_it_was(response):
    """Rendering loses nothing that this dialect can decode."""
    assert rendered_and_read(response) == response


@given(responses(), st.lists(st.integers(0, 10**6), max_size=20))
def test_an_answer_that_was_never_fed_is_streamed_whole(response, places):
    """A stream rendered at once, cut anywhere, folds to the answer."""
    assert streamed_and_read(cut(WIRE.renderer().finish(response), places)) == response


@given(responses(THOUGHTS | CALLS | st.builds(Text, WORDS)), st.lists(st.integers(0, 10**6), max_size=20))
def test_an_answer_that_was_fed_in_deltas_is_the_same_answer(response, places):
    """Signatures, usage and finish come with the end of the stream; parts of a kind that touch become one."""
    merged: list[Any] = []
    for part in response.message.parts:
        last = merged[-1] if merged else None
        if isinstance(part, (Text, Thinking)) and type(part) is type(last):
            # Deltas do not say where one text ends and the next begins, and a block has one signature.
            merged[-1] = type(part)(last.text + part.text, part.origin)
        else:
            merged.append(part)
    renderer = WIRE.renderer(stamp_of(response))
    data = b"".join(map(renderer.feed, deltas_of(response.message))) + renderer.finish(response)
    expected = msgspec.structs.replace(response, message=Message("assistant", tuple(merged), response.message.origin))
    assert streamed_and_read(cut(data, places)) == expected


def test_what_deltas_do_not_tell_comes_at_the_end():
    """Citations of the last text, blocks of the provider's own and withheld thoughts are not lost."""
    parts = (
        Thinking("", own(signature="s")),
        Text("so", own(citations=[{"n": 1}])),
        Opaque("anthropic", {"type": "compaction", "content": "c"}),
        Opaque("gemini", {}),
        ToolResult("x"),
    )
    response = ModelResponse(Message("assistant", parts), model="m", raw_id="msg_i")
    renderer = WIRE.renderer(stamp_of(response))
    data = [renderer.feed(ThinkingDelta("")), renderer.feed(TextDelta("so")), renderer.finish(response)]
    assert streamed_and_read(data) == msgspec.structs.replace(response, message=Message("assistant", parts[:3]))


def test_a_stream_of_this_wire_can_be_served_on_block_by_block():
    """Thoughts that follow each other, signed each for itself or withheld, stay apart on their way through us."""
    thoughts = (Thinking("a", own(signature="1")), Thinking("b", own(signature="2")), Thinking("", own(signature="3")))
    parts = (*thoughts, Text("so"), ToolCall("a", "f"), Opaque("anthropic", {"type": "redacted_thinking", "data": "d"}))
    answer = ModelResponse(Message("assistant", parts), Usage(1), "tool_calls", "m", "msg_1")
    upstream, downstream = WIRE.decoder(), WIRE.renderer(stamp_of(answer))
    passed = [downstream.feed(delta) for delta in upstream.feed(WIRE.renderer().finish(answer))]
    assert streamed_and_read([*passed, downstream.finish(upstream.finish())]) == answer


def test_arguments_that_come_late_go_to_their_call():
    """Providers that write two calls at once are understood, though blocks of this wire come one by one."""
    response = ModelResponse(Message("assistant", (ToolCall("a", "f", "[1]"), ToolCall("b", "g"))), finish="tool_calls")
    renderer = WIRE.renderer()
    deltas = (
        ToolCallDelta(0, "a", "f"),
        ToolCallDelta(1, "b", "g", "{"),
        ToolCallDelta(0, arguments="[1]"),
        ToolCallDelta(1, arguments="}"),
    )
    read = streamed_and_read([*map(renderer.feed, deltas), renderer.finish(response)])
    assert read.message == response.message


def test_a_foreign_answer_is_served_as_this_wire_wants_it():
    """Thoughts without a signature, refused ids, broken arguments and foreign state become something legal."""
    parts = (
        Thinking("hm", Opaque("openai_responses", {"encrypted_content": "e"})),
        Opaque("openai_responses", {"type": "reasoning"}),
        ToolCall("call.1", "f", '{"a'),
    )
    body = json.loads(WIRE.render(ModelResponse(Message("assistant", parts), finish="other")).body)
    assert body["id"] == "msg_0"
    assert body["stop_reason"] == "end_turn"
    assert body["content"][0] == {"type": "thinking", "thinking": "hm", "signature": ""}
    assert body["content"][1]["input"] == {"_raw": '{"a'}
    assert body["content"][1]["id"].startswith("call_1_")
    with pytest.raises(CallerError, match="image"):
        WIRE.render(ModelResponse(Message("assistant", (Image("image/png", b""),))))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "authentication_error"), (418, "invalid_request_error"), (500, "api_error"), (529, "overloaded_error")],
)
def test_errors_are_served_in_the_wires_own_words(status, kind):
    """Clients sort errors by type as well as by status."""
    reply = WIRE.render_error(status, "no")
    assert reply.status == status
    assert json.loads(reply.body) == {"type": "error", "error": {"type": kind, "message": "no"}}
