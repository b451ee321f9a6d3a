"""One form and one hash for what is asked of a model."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from journeyman.data import (
    CallerError,
    Document,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
)
from journeyman.models import canonical, request_hash
from journeyman.wire import dialect

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def question(**changes: Any) -> ModelRequest:
    fields: dict[str, Any] = {
        "model": "",
        "messages": (
            Message.system("Be brief."),
            Message.user(["What is this?", Image("image/png", b"pixels")]),
            Message("assistant", (Thinking("hm", Opaque("anthropic", {"signature": "s"})), ToolCall("1", "add"))),
            Message("tool", (ToolResult("1", (Text("3"), Document("application/pdf", b"pdf"))),)),
        ),
        "tools": (ToolSpec("add", "Adds.", SCHEMA), Opaque("anthropic", {"type": "web_search"})),
        "output": JsonOutput(schema=SCHEMA),
        "settings": Settings(temperature=0.5, tool_choice=ToolChoice("auto"), extra=Opaque("anthropic", {"a": 1})),
    }
    return ModelRequest(**{**fields, **changes})


def turn(*parts: Any, **fields: Any) -> tuple[Message, ...]:
    return (Message("user", parts, **fields),)


def test_the_form_is_json_with_the_shape_of_a_request():
    """Written by hand here, so that a change of the form cannot pass unseen: it makes all stored hashes worthless."""
    asked = ModelRequest(
        "",
        (Message.user(["Hi", Image("image/png", b"abc", name="x")]),),
        (ToolSpec("add", parameters={"b": 1, "a": 2}),),
        settings=Settings(temperature=1.0, stop=("x",)),
    )
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of "abc", as FIPS 180-2 gives it
    written = (
        '{"form":1,"asked":"openai:gpt-5","messages":[{"parts":[{"text":"Hi","type":"text"},'
        f'{{"media_type":"image/png","name":"x","sha256":"{digest}","type":"image"}}],"role":"user"}}],'
        '"model":"","output":null,"settings":{"stop":["x"],"temperature":1},'
        '"tools":[{"name":"add","parameters":{"a":2,"b":1},"type":"tool"}]}'
    )
    assert canonical(asked, "openai:gpt-5") == written.encode()
    assert request_hash(asked, "openai:gpt-5") == hashlib.sha256(written.encode()).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        question(model="gpt-5"),
        question(messages=question().messages[1:]),
        question(messages=question().messages[::-1]),
        question(tools=question().tools[::-1]),
        question(tools=()),
        question(output=None),
        question(settings=Settings()),
        question(settings=Settings(temperature=0.25)),
        question(messages=turn(Image("image/png", b"other"))),
        question(messages=turn(Image("image/jpeg", b"pixels"))),
        question(messages=turn(Text("Hi", Opaque("anthropic", {"cache_control": {}})))),
        question(messages=turn(Text("Hi"), origin=Opaque("openai", {"name": "Ada"}))),
        question(messages=(Message("system", (Text("Hi"),)),)),
        question(messages=turn(ToolResult("1", (Text("3"),)))),
        question(messages=turn(ToolResult("1", (Text("3"),), is_error=True))),
        question(messages=turn(ToolResult("1", "3"))),
    ],
)
def test_what_leaves_is_in(other: ModelRequest):
    """Whatever may change the answer makes another question."""
    assert request_hash(other) != request_hash(question())
    assert request_hash(question(), "a:x") != request_hash(question(), "b:x")


def test_the_many_ways_to_ask_the_same():
    """The order of keys, defaults written out, whole numbers as floats, `stream`, the framework's own marks."""
    turned = {name: SCHEMA[name] for name in reversed(SCHEMA)}
    same = [
        (question(stream=True), question()),
        (question(output=JsonOutput("output", turned)), question()),
        (question(settings=Settings(top_p=1)), question(settings=Settings(top_p=1.0))),
        (
            question(messages=turn(Text("Hi", Opaque("journeyman", {"label": "retry"})))),
            question(messages=turn(Text("Hi"))),
        ),
        (
            question(messages=turn(Text("Hi"), origin=Opaque("journeyman", 1))),
            question(messages=turn(Text("Hi"))),
        ),
    ]
    for one, another in same:
        assert canonical(one, "m") == canonical(another, "m")


@pytest.mark.parametrize("name", ["openai_chat", "anthropic"])
def test_what_an_object_keeps_for_itself_is_not_in(name: str):
    """Encoding for a dialect leaves its mark on messages, and none on the form; nor does an earlier look."""
    asked = question(settings=Settings(), tools=question().tools[:1], messages=question().messages[:2])
    before = canonical(asked)
    dialect(name).encode(replace(asked, model="m"))
    assert canonical(asked) == before
    fresh = msgspec.json.decode(msgspec.json.encode(asked), type=ModelRequest)
    assert canonical(fresh) == before


def test_bytes_and_their_hash_are_two_things():
    """An attacker who knows the hash of a picture cannot ask for what was said of it."""
    digest = hashlib.sha256(b"pixels").hexdigest()
    real = canonical(question(messages=turn(Image("image/png", b"pixels"))))
    for forged in (Image("image/png", url=digest), Image("image/png", bytes.fromhex(digest)), Text(digest)):
        assert canonical(question(messages=turn(forged))) != real


def test_the_hash_is_the_same_in_another_process():
    """Whatever seed Python hashes with there."""
    program = (
        "from journeyman.data import *\nfrom journeyman.models import request_hash\n"
        "spec = ToolSpec('t', parameters={k: {j: 1 for j in {'x', 'y', 'z'}} for k in {'a', 'b', 'c', 'd'}})\n"
        "print(request_hash(ModelRequest('', (Message.user('Hi'),), (spec,)), 'openai:x'))"
    )
    found = {
        subprocess.run(  # noqa: S603  (this Python, this program)
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "asked",
    [
        ModelRequest("", turn(Text("\ud800"))),
        ModelRequest("", turn(Text("x")), (ToolSpec("t", parameters={"a": object()}),)),
        ModelRequest("", turn(Opaque("d", {"a": {1: 2, "b": object()}}))),
        ModelRequest("\ud800", ()),
    ],
)
def test_what_json_cannot_hold_is_the_callers(asked: ModelRequest):
    """No error of a library comes through."""
    with pytest.raises(CallerError, match="cannot be written as JSON"):
        canonical(asked, "m")


def test_nesting_without_end_is_the_callers():
    """A hostile schema is an error, not a crash."""
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(CallerError, match="cannot be written as JSON"):
        canonical(ModelRequest("", (), (ToolSpec("t", parameters=deep),)))


def test_a_turn_costs_its_new_messages():
    """The form of a message is worked out once: changing what a dict holds afterwards shows that nobody looked again."""
    data = {"a": 1}
    message = Message("user", (Opaque("d", data),))
    before = canonical(ModelRequest("", (message,)))
    data["a"] = 2
    assert canonical(ModelRequest("", (message, Message.user("more")))).startswith(before[: before.index(b"]")])
    assert b'"a":1' in canonical(ModelRequest("", (message,)))


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
requests = st.builds(
    ModelRequest,
    words,
    st.lists(
        st.builds(Message, st.sampled_from(["user", "assistant"]), st.lists(st.builds(Text, words)).map(tuple))
    ).map(tuple),
    settings=st.builds(Settings, top_p=st.none() | st.floats(0, 1), stop=st.none() | st.lists(words).map(tuple)),
)


@given(requests, requests, words, words)
def test_two_requests_have_one_form_only_if_they_are_equal(one, other, name, another):
    """Whatever is in the words: no content can end a string and begin another."""
    assert (canonical(one, name) == canonical(other, another)) == ((one, name) == (other, another))
    json.loads(canonical(one, name))
