"""Requests of clients."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import (
    Audio,
    CallerError,
    Document,
    Image,
    JsonOutput,
    Message,
    Opaque,
    Text,
    Thinking,
    ToolChoice,
    ToolSpec,
)
from journeyman.wire import HttpRequest
from journeyman.wire.openai_responses import OpenAIResponses

WIRE = OpenAIResponses()
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def parsed(body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WIRE.parse(HttpRequest("POST", "/v1/responses", {}, raw))


def again(body):
    request = parsed(body)
    return json.loads(WIRE.encode(request, stream=request.stream).body)


def history(*items):
    return parsed({"model": "m", "input": list(items)}).messages


def test_a_conversation():
    """What a model said in one go is one message, and so are the results of its calls, which know whose they are."""
    messages = history(
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
        {"type": "function_call", "call_id": "c2", "name": "now", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "3"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "noon"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Thanks."}]},
    )
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "user"]
    assert [message.text for message in messages] == ["Be brief.", "Hi", "Let me see.", "", "Thanks."]
    assert [part.text for part in messages[2].only(Thinking)] == ["Hm."]
    assert [(result.call_id, result.name, result.text) for result in messages[3].tool_results] == [
        ("c1", "add", "3"),
        ("c2", "now", "noon"),
    ]


def test_instructions_and_a_single_question():
    """They are the first messages."""
    request = parsed({"model": "m", "instructions": "Be brief.", "input": "Hi"})
    assert [(message.role, message.text) for message in request.messages] == [("system", "Be brief."), ("user", "Hi")]


def test_media():
    """Pictures, sounds and files are what they are."""
    (message,) = history(
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "data:image/png;base64,iVBORw==", "detail": "high"},
                {"type": "input_image", "image_url": "https://example.org/a.png?x=1"},
                {"type": "input_image", "file_id": "file-1"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
                {"type": "input_file", "file_url": "https://example.org/a.pdf"},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            ],
        }
    )
    picture, linked, uploaded, file, address, sound = message.parts
    assert (type(picture), picture.media_type, picture.data) == (Image, "image/png", b"\x89PNG")
    assert (linked.media_type, linked.url) == ("image/png", "https://example.org/a.png?x=1")
    assert uploaded.url == "file-id:file-1"
    assert (type(file), file.media_type, file.data, file.name) == (Document, "application/pdf", b"%PDF", "a.pdf")
    assert (address.media_type, address.url) == ("application/pdf", "https://example.org/a.pdf")
    assert (type(sound), sound.media_type, sound.data) == (Audio, "audio/wav", b"RIFF")


def test_settings():
    """What our nouns have a place for stands in it; the rest is kept for this wire alone."""
    request = parsed(
        {
            "model": "m",
            "input": "Hi",
            "stream": True,
            "temperature": 1,
            "top_p": 0.9,
            "max_output_tokens": 99,
            "parallel_tool_calls": False,
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "weather"}],
            },
            "tools": [
                {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": True, "description": None},
                {"type": "web_search"},
            ],
            "reasoning": {"effort": "high", "summary": "auto"},
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "city", "schema": SCHEMA}},
            "service_tier": "flex",
        }
    )
    settings = request.settings
    assert request.stream
    assert (settings.temperature, settings.top_p, settings.max_tokens) == (1.0, 0.9, 99)
    assert (settings.parallel_tool_calls, settings.reasoning_effort) == (False, "high")
    assert settings.tool_choice == ToolChoice("auto", ("weather",))
    assert request.output == JsonOutput("city", SCHEMA)
    weather, search = request.tools
    assert isinstance(weather, ToolSpec)
    assert (weather.name, weather.parameters, weather.strict) == ("weather", SCHEMA, True)
    assert search == Opaque("openai_responses", {"type": "web_search"})
    kept = settings.extra.data
    assert (kept["reasoning"], kept["text"], kept["service_tier"]) == (
        {"summary": "auto"},
        {"verbosity": "low"},
        "flex",
    )


def test_nothing_is_added_to_what_a_client_asked():
    """A request that passes through us to a model that thinks asks for no more than it did."""
    body = {"model": "gpt-5", "input": "Hi"}
    assert again(body) == body
    body = {"model": "gpt-5", "input": [{"role": "user", "content": "Hi"}], "store": False, "stream": False}
    assert again(body) == body


ITEMS = [
    {"role": "user", "content": ""},
    {"role": "user", "content": []},
    {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
    {"role": "user", "content": [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}]},
    {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
    {"role": "user", "content": [{"type": "hologram", "data": 1}], "status": "completed", "type": "message"},
    {"role": "user", "content": [{"type": "input_image", "image_url": "https://a.b/c", "detail": None}]},
    {"role": "user", "content": [{"type": "input_image", "file_id": "f", "image_url": None}]},
    {"role": "user", "content": [{"type": "input_file", "file_id": "f", "filename": "a"}]},
    {"role": "user", "content": [{"type": "input_file", "file_data": "data:application/pdf;base64,JVBERg=="}]},
    {"role": "user", "content": [{"type": "input_file", "file_data": "no address at all"}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}]},
    {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x", "format": "new"}}]},
    {"role": "system", "content": ""},
    {"role": "developer", "content": "a"},
    {"role": "system", "content": [{"type": "input_text", "text": "a"}]},
    {"role": "assistant", "content": ""},
    {"role": "assistant", "content": "a", "phase": "commentary", "type": "message"},
    {"role": "assistant", "content": []},
    {"role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
    {"role": "assistant", "content": [{"type": "input_text", "text": "a"}]},
    {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "incomplete",
        "content": [
            {"type": "output_text", "text": "a", "annotations": [{"type": "file_path"}], "logprobs": []},
            {"type": "refusal", "refusal": "b"},
            {"type": "hologram", "data": 1},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": ""}], "encrypted_content": None},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": t} for t in ("a", "bc", "d")]},
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a", "x": 1}], "content": []},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"b": 1.0}', "status": None, "id": "fc_1"},
    {
        "type": "function_call",
        "call_id": "c",
        "name": "f",
        "arguments": "{}",
        "namespace": "n",
        "caller": {"type": "direct"},
    },
    {"type": "function_call_output", "call_id": "c", "output": ""},
    {"type": "function_call_output", "call_id": "c", "output": [], "id": "o", "status": "completed"},
    {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_file", "file_url": "https://a.b/c"}]},
    {"type": "function_call_output", "call_id": "c", "output": [{"type": "hologram", "data": 1}]},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
    {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
    {"type": "custom_tool_call_output", "call_id": "c", "output": "y"},
    {
        "type": "computer_call_output",
        "call_id": "c",
        "output": {"type": "computer_screenshot", "image_url": "https://a.b"},
    },
    {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
    {"type": "additional_tools", "role": "developer", "tools": [{"type": "web_search"}]},
    {"type": "compaction", "id": "cmp_1", "encrypted_content": "x"},
    {"type": "item_reference", "id": "msg_1"},
    {"id": "msg_1"},
    {"type": "brand_new", "any": ["thing"]},
]
KEYS = {
    "instructions": st.sampled_from(["Be brief.", "", None]),
    "stream": st.sampled_from([True, False, None]),
    "store": st.sampled_from([True, False, None]),
    "include": st.sampled_from([None, [], ["message.output_text.logprobs"]]),
    "temperature": st.sampled_from([0, 0.5, None]),
    "max_output_tokens": st.sampled_from([9, None]),
    "parallel_tool_calls": st.sampled_from([True, False, None]),
    "previous_response_id": st.sampled_from(["resp_1", None]),
    "reasoning": st.sampled_from([None, {}, {"effort": "low"}, {"effort": None, "summary": "auto"}]),
    "text": st.sampled_from(
        [
            None,
            {},
            {"verbosity": "low"},
            {"format": {"type": "text"}},
            {"format": {"type": "json_object"}, "verbosity": "high"},
            {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": None}},
            {"format": {"type": "json_schema", "schema": SCHEMA, "strict": True, "description": "d"}},
            {"format": {"type": "grammar"}},
        ]
    ),
    "tool_choice": st.sampled_from(
        [
            None,
            "auto",
            "required",
            "brand_new",
            {"type": "function", "name": "f"},
            {"type": "web_search"},
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f", "x": 1}]},
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "s"}]},
        ]
    ),
    "tools": st.lists(
        st.sampled_from(
            [
                {"type": "function", "name": "f"},
                {"type": "function", "name": "f", "parameters": None, "strict": None, "description": ""},
                {"type": "function", "name": "f", "parameters": SCHEMA, "strict": True, "defer_loading": True},
                {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False, "description": "d"},
                {"type": "file_search", "vector_store_ids": ["v"]},
            ]
        ),
        max_size=3,
    ),
    "metadata": st.sampled_from([{"a": "b"}, None]),
}


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item.get("type", item.get("role"))))
def test_every_item_comes_out_as_it_went_in(item):
    """Parsed and encoded again it is the same, alone and between others."""
    for items in ([item], [{"role": "user", "content": "a"}, item, {"role": "user", "content": "b"}]):
        body = {"model": "m", "input": items, "stream": False}
        assert again(body)["input"] == items


@given(
    st.fixed_dictionaries({"model": st.just("gpt-5")}, optional=KEYS),
    st.one_of(st.none(), st.text(max_size=5), st.lists(st.sampled_from(ITEMS), max_size=6)),
)
def test_requests_come_out_as_they_went_in(keys, said):
    """Key by key, whatever is left out, null, spelled otherwise than we would, or unknown to us."""
    body = keys if said is None else {**keys, "input": said}
    assert again(body) == body


def test_a_question_that_was_a_string_can_be_continued():
    """Behind it other messages can come; then it is an item like others."""
    request = parsed({"model": "m", "input": "Hi", "instructions": "Be brief."})
    longer = [*request.messages, Message.assistant("Hello.")]
    body = json.loads(WIRE.encode(parsed_with(request, longer)).body)
    assert body["input"] == [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    assert body["instructions"] == "Be brief."


def parsed_with(request, messages):
    return type(request)(request.model, tuple(messages), settings=request.settings)


def test_state_stays_beside_its_neighbours():
    """What other wires cannot read makes no message of its own where it can stand in one."""
    messages = history(
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "web_search_call", "id": "ws_1"},
        {"role": "assistant", "content": "Well."},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"type": "additional_tools", "role": "developer", "tools": []},
    )
    assert [(message.role, len(message.parts)) for message in messages] == [("user", 1), ("assistant", 4), ("tool", 2)]
    assert messages[1].parts[2] == Text("Well.")


def test_our_own_marks_mean_nothing_from_outside():
    """A client that knows the words in which we keep what came cannot trip us with them."""
    marks = {"(absent)": 5, "(form)": 5, "(cuts)": ["x"]}
    items = [
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]},
    ]
    body = {"model": "m", "input": [{**item, **marks} for item in items], "stream": False, "(absent)": 5}
    assert again(body)["input"] == items


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"input": "Hi"}',
        b'{"model": 7, "input": "Hi"}',
        b'{"model": "m", "input": 7}',
        b'{"model": "m", "input": [7]}',
        b'{"model": "m", "input": [{}]}',
        b'{"model": "m", "input": [{"role": "wizard", "content": "x"}]}',
        b'{"model": "m", "input": [{"role": [], "content": "x"}]}',
        b'{"model": "m", "input": [{"role": "user"}]}',
        b'{"model": "m", "input": [{"role": "user", "content": 7}]}',
        b'{"model": "m", "input": [{"role": "user", "content": ["x"]}]}',
        b'{"model": "m", "input": [{"type": 7}]}',
        b'{"model": "m", "input": [{"id": "x", "block": 7, "item": 7}]}',
        b'{"model": "m", "input": [{"type": "function_call"}]}',
        b'{"model": "m", "input": [{"type": "function_call", "call_id": 7, "name": "f"}]}',
        b'{"model": "m", "input": "x", "tools": [{}]}',
        b'{"model": "m", "input": "x", "tools": [{"type": "function"}]}',
        b'{"model": "m", "input": "x", "tools": 7}',
        b'{"model": "m", "input": "x", "temperature": "hot"}',
        b'{"model": "m", "input": "x", "reasoning": "hard"}',
        b'{"model": "m", "input": "x", "metadata": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_its_clients_error(body):
    """Nothing but CallerError is raised, and it says what is wrong."""
    with pytest.raises(CallerError, match="no request of the Responses API: "):
        parsed(body)
