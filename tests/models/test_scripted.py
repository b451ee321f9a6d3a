"""A model whose words are written beforehand."""

from __future__ import annotations

import pytest

from journeyman.data import (
    CallerError,
    Image,
    Message,
    ModelRequest,
    ModelResponse,
    Opaque,
    ProviderError,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
)
from journeyman.models import FakeLLM, ScriptedModel
from journeyman.providers import Capabilities

REQUEST = ModelRequest("", (Message.system("Be kind."), Message.user("Hello, who are you?")))
CALL = ToolCall("c1", "add", '{"a": 1}')


async def test_lines_are_said_one_a_request():
    """In order, and the model remembers what it was asked."""
    model = ScriptedModel(["one", "two"])
    other = ModelRequest("m", (Message.user("again"),))
    assert (await model.respond(REQUEST)).message == Message.assistant("one")
    assert (await model.respond(other)).message == Message.assistant("two")
    assert model.requests == [REQUEST, other]


@pytest.mark.parametrize(
    ("line", "parts", "finish"),
    [
        ("words", (Text("words"),), "stop"),
        ("", (Text(""),), "stop"),
        (Text("words"), (Text("words"),), "stop"),
        (CALL, (CALL,), "tool_calls"),
        (Thinking("hm"), (Thinking("hm"),), "stop"),
        (Opaque("d", 1), (Opaque("d", 1),), "stop"),
        (Image("image/png", b"1"), (Image("image/png", b"1"),), "stop"),
        ([Text("a"), CALL], (Text("a"), CALL), "tool_calls"),
        ((Text("a"), Text("b")), (Text("a"), Text("b")), "stop"),
        ([], (), "stop"),
    ],
)
async def test_a_line_is_words_or_parts(line, parts, finish):
    """One part or several; a turn with calls ends with them."""
    response = await ScriptedModel([line]).respond(REQUEST)
    assert (response.message, response.finish) == (Message("assistant", parts), finish)


async def test_a_whole_response_is_given_as_it_is():
    """With its own usage and finish."""
    whole = ModelResponse(Message.assistant("cut"), Usage(output=7), "length", "m", "id-1", cost=3)
    assert await ScriptedModel([whole]).respond(REQUEST) is whole


async def test_a_line_may_look_at_the_request():
    """A function answers what was asked."""
    model = ScriptedModel([lambda request: request.messages[-1].text.upper()])
    assert (await model.respond(REQUEST)).message.text == "HELLO, WHO ARE YOU?"


@pytest.mark.parametrize("error", [ProviderError("down", status=503), KeyboardInterrupt()])
async def test_an_error_is_raised(error):
    """And the next line is said after it; a function may give an error, too."""
    model = ScriptedModel([error, "later", lambda _: error])
    with pytest.raises(type(error)):
        await model.respond(REQUEST)
    assert (await model.respond(REQUEST)).message.text == "later"
    with pytest.raises(type(error)):
        await model.respond(REQUEST)


async def test_a_script_that_ends_too_early_says_so():
    """With the model's name and the number of lines that were said."""
    model = ScriptedModel(["one"], name="scripted:clerk")
    await model.respond(REQUEST)
    with pytest.raises(CallerError, match="the script of scripted:clerk ended after 1 lines"):
        await model.respond(REQUEST)


async def test_a_script_may_be_endless():
    """Nothing is read of it before it is needed."""

    def endless():
        yield from ("line 1", "line 2", "line 3")
        raise AssertionError("more was read than was said")

    model = ScriptedModel(endless())
    assert [(await model.respond(REQUEST)).message.text for _ in range(3)] == ["line 1", "line 2", "line 3"]


def test_one_string_is_no_script():
    """Its letters would be said one by one."""
    with pytest.raises(CallerError, match=r"a script is a list of lines"):
        ScriptedModel("It is 5.")


async def test_glimpses_come_word_by_word_and_make_the_answer():
    """Where somebody listens; the answer is the same either way."""
    line = [Thinking("hm hm"), Text("It is 5."), CALL]
    heard: list[object] = []
    streamed = await ScriptedModel([line]).respond(REQUEST, heard.extend)
    assert heard == [
        ThinkingDelta("hm"), ThinkingDelta(" hm"), TextDelta("It"), TextDelta(" is"), TextDelta(" 5."),
        ToolCallDelta(0, "c1", "add"), ToolCallDelta(0, arguments='{"a": 1}'),
    ]  # fmt: skip
    assert streamed == await ScriptedModel([line]).respond(REQUEST)


async def test_usage_is_counted_in_words():
    """A call counts its name and the words of its arguments, whatever else is a part counts one."""
    request = ModelRequest("", (Message.user("one two"), Message("tool", (ToolResult("c", "x y z"),))))
    response = await ScriptedModel([[Thinking("a b"), Text("c"), CALL, Image("image/png", b"1")]]).respond(request)
    assert response.usage == Usage(input=3, output=2 + 1 + 3 + 1)


async def test_answers_are_named():
    """By the request's model, and by the turn."""
    model = ScriptedModel(["a", "b"])
    first, second = await model.respond(REQUEST), await model.respond(ModelRequest("m", REQUEST.messages))
    assert (first.model, first.raw_id, second.model, second.raw_id) == ("scripted", "scripted-0", "m", "scripted-1")


def test_it_can_do_what_it_is_said_to():
    """Everything, unless told otherwise; nothing ever leaves."""
    assert ScriptedModel([]).capabilities == Capabilities()
    poor = Capabilities(tools=False)
    model = FakeLLM([], capabilities=poor)
    assert model.capabilities is poor
    assert model.preview(REQUEST) is None
