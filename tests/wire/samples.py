"""Answers, requests and histories, written by hand, that every wire has to cope with; and ways to spoil bytes."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from journeyman.data import (
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    ModelResponse,
    Settings,
    Text,
    Thinking,
    ToolCall,
    ToolChoice,
    ToolResult,
    ToolSpec,
    Usage,
)
from journeyman.wire import DIALECTS, dialect

WIRES = {name: dialect(name) for name in DIALECTS}

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = (ToolSpec("weather", "Tells the weather.", CITY), ToolSpec("now", "Tells the time."))

ANSWERS = (
    ModelResponse(Message.assistant("Grüße, 世界 \U0001f600"), Usage(3, output=4), "stop", "m", None),
    ModelResponse(
        Message(
            "assistant",
            (
                Thinking("Where? In Bonn."),
                Text("Let me see."),
                ToolCall("call_1", "weather", '{"city":"Köln"}'),
                ToolCall("call_2", "now", "{}"),
            ),
        ),
        Usage(10, 20, 0, 7, 0),
        "tool_calls",
        "m",
        None,
    ),
    ModelResponse(Message.assistant("cut of"), Usage(1, output=1), "length", "m", None),
)

HISTORY = (
    Message.system("Be brief."),
    Message.user(["What is the weather in Köln?", Image("image/png", b"\x89PNG")]),
    ANSWERS[1].message,
    Message("tool", (ToolResult("call_1", "rain", name="weather"), ToolResult("call_2", "12:00", name="now"))),
    Message.assistant("Rain, at noon."),
    Message.user("Thanks."),
)

ODD_HISTORIES = {
    "nothing": (),
    "a user who says nothing": (Message.user(""),),
    "blanks": (Message.user("Hi"), Message.assistant(" "), Message.user("\n")),
    "an answer without anything": (Message.user("Hi"), Message("assistant", ()), Message.user("Hello?")),
    "instructions alone": (Message.system("Be brief."),),
    "instructions in the middle": (Message.user("Hi"), Message.system("Be brief."), Message.user("Hello?")),
    "two users": (Message.user("Hi"), Message.user("Hello?")),
    "the model first": (Message.assistant("Hi"), Message.user("Hello")),
    "the model last": (Message.user("Count: 1, 2,"), Message.assistant("3,")),
    "calls without results": (Message.user("Hi"), ANSWERS[1].message, Message.user("Never mind.")),
    "results in another order": (
        Message.user("Hi"),
        ANSWERS[1].message,
        Message("tool", (ToolResult("call_2", "12:00", name="now"), ToolResult("call_1", "rain", name="weather"))),
    ),
    "results without anything": (
        Message.user("Hi"),
        ANSWERS[1].message,
        Message("tool", (ToolResult("call_1", "", name="weather"), ToolResult("call_2", (), name="now"))),
    ),
    "a tool that failed": (
        Message.user("Hi"),
        Message("assistant", (ToolCall("call_1", "now", "{}"),)),
        Message("tool", (ToolResult("call_1", "no clock", is_error=True, name="now"),)),
    ),
    "arguments that are none": (
        Message.user("Hi"),
        Message("assistant", (ToolCall("call_1", "weather", '{"city":'), ToolCall("call_2", "now", "[1]"))),
        Message("tool", (ToolResult("call_1", "what?", name="weather"), ToolResult("call_2", "what?", name="now"))),
    ),
    "ids that no wire likes": (
        Message.user("Hi"),
        Message("assistant", (ToolCall("é/" * 100, "now", "{}"),)),
        Message("tool", (ToolResult("é/" * 100, "12:00", name="now"),)),
    ),
}
"""What people and models leave behind, and no provider was asked whether it likes it."""

REQUESTS = (
    ModelRequest("m", (Message.user("Hi"),)),
    ModelRequest("m", HISTORY, TOOLS, settings=Settings(max_tokens=99, temperature=0.5)),
    ModelRequest("m", HISTORY, TOOLS, settings=Settings(tool_choice=ToolChoice("required", ("weather",)))),
    ModelRequest("m", HISTORY[:2], output=JsonOutput("city", CITY)),
)


def streamed(name: str, answer: ModelResponse) -> bytes:
    """An answer as the wire streams it."""
    return WIRES[name].renderer().finish(answer)


def spoiled(body: bytes, dice: random.Random) -> bytes:
    """The bytes with something wrong: flipped, lost, doubled, cut off, or JSON values of other kinds."""
    if dice.random() < 0.4 and (changed := _other_json(body, dice)) is not None:
        return changed
    out = bytearray(body)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        if not out:
            break
        at = dice.randrange(len(out))
        match dice.randrange(5):
            case 0:
                out[at] = dice.randrange(256)
            case 1:
                del out[at : at + dice.choice((1, 2, 10, 100))]
            case 2:
                out[at:at] = out[max(0, at - dice.choice((1, 5, 50))) : at]
            case 3:
                del out[at:]
            case _:
                out[at:at] = dice.choice(_TROUBLE)
    return bytes(out)


_TROUBLE = (
    *(
        b"\x00",
        b"\xff\xfe",
        b'"',
        b"}",
        b"[" * 50,
        b"{" * 50,
        b"\n\n",
        b"data: ",
        b"data: [DONE]\n\n",
        b"null",
        b"1e999",
    ),
    *(b"-1", b"9" * 400, b"\\ud800", b"\xf0\x9f", b"event: error\n", b'{"error":{}}', b'{"error":"x"}\n', b"NaN"),
)
_ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**30, "", "x", [], {}, [None], [[]], {"type": "?"}, {"": {}}, [{"type": None}]),
    *("\ud800", "9" * 5000, {"a": [1, {"b": None}]}),
)


def _other_json(body: bytes, dice: random.Random) -> bytes | None:
    """A body, or one line or event of a stream, with values of other kinds in some places."""
    lines = body.split(b"\n")
    numbers = [number for number, line in enumerate(lines) if b"{" in line]
    if not numbers:
        return None
    number = dice.choice(numbers)
    head, _, rest = lines[number].partition(b"{")
    try:
        value = json.loads(b"{" + rest)
    except ValueError:
        return None
    for _ in range(dice.choice((1, 1, 3))):
        _change(value, dice)
    try:
        lines[number] = head + json.dumps(value).encode()
    except ValueError:
        return None
    return b"\n".join(lines)


def _change(value: Any, dice: random.Random) -> None:
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            walk(node[key])

    walk(value)
    if not places:
        return
    node, key = dice.choice(places)
    if isinstance(node, dict) and dice.random() < 0.3:
        del node[key]
    else:
        node[key] = copy.deepcopy(dice.choice(_ODD))
