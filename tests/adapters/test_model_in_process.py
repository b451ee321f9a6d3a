"""A model in this process: asked in a thread, heard in the loop, stopped when nobody listens any more."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from journeyman import Agent, tool
from journeyman.adapters.model_in_process import MAX_TOKENS, Generated, InProcessModel
from journeyman.data import (
    CallerError,
    Image,
    JsonOutput,
    Message,
    ModelRequest,
    Opaque,
    ProviderError,
    Settings,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolResult,
    ToolSpec,
    Usage,
)

ASK = ModelRequest("", (Message.user("Hi"),))


class Engine:
    """Says what it is told to, in pieces, and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        self.settings = []
        self.threads = []

    def prompt(self, messages, tools):
        self.asked.append((messages, tools))
        return "prompt"

    def generate(self, prompt, settings, tell, stopped):
        self.settings.append(settings)
        self.threads.append(threading.current_thread())
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        made = 0
        for piece in answer:
            if stopped():
                break
            tell(piece)
            made += 1
        return Generated(len(prompt), made, cut=made == settings.max_tokens)


def model_of(engine, **given):
    return InProcessModel("transformers:some/model", lambda: engine, **given)


async def test_an_answer_comes_in_pieces_from_another_thread():
    """They are heard in order in the event loop; tokens are counted; nothing leaves."""
    engine = Engine(["Hel", "lo ", "there"])
    heard, threads = [], set()

    def hear(deltas):
        heard.extend(deltas)
        threads.add(threading.current_thread())

    model = model_of(engine)
    response = await model.respond(ASK, hear)
    assert heard == [TextDelta("Hel"), TextDelta("lo "), TextDelta("there")]
    assert (response.message.text, response.usage, response.finish) == ("Hello there", Usage(input=6, output=3), "stop")
    assert response.model == "some/model"
    assert threads == {threading.current_thread()}
    assert engine.threads[0].daemon
    assert model.preview(ASK) is None


async def test_the_model_is_loaded_once_and_when_it_is_asked():
    """Naming it costs nothing."""
    loaded = []

    def load():
        loaded.append(threading.current_thread())
        return Engine(["a"], ["b"])

    model = InProcessModel("transformers:m", load)
    assert loaded == []
    async with model:
        await model.respond(ASK)
        await model.respond(ASK)
    assert len(loaded) == 1
    assert threading.current_thread() not in loaded


async def test_answers_come_one_after_the_other():
    """There is one model in memory, however many ask."""
    busy, most = 0, 0

    class Busy(Engine):
        def generate(self, prompt, settings, tell, stopped):
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            try:
                return super().generate(prompt, settings, tell, stopped)
            finally:
                busy -= 1

    model = model_of(Busy(*[["x"]] * 8))
    done = await asyncio.gather(*(model.respond(ASK) for _ in range(8)))
    assert [response.message.text for response in done] == ["x"] * 8
    assert most == 1


async def test_cancelling_ends_the_generation():
    """The thread is told, and the next request can be answered."""
    begun, ended = threading.Event(), threading.Event()

    class Endless(Engine):
        def generate(self, prompt, settings, tell, stopped):
            if not self.answers:
                begun.set()
                while not stopped():
                    tell("on and on ")
                ended.set()
                return Generated(1, 1)
            return super().generate(prompt, settings, tell, stopped)

    engine = Endless()
    model = model_of(engine)
    asking = asyncio.create_task(model.respond(ASK))
    await asyncio.to_thread(begun.wait)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.to_thread(ended.wait)
    engine.answers.append(["again"])
    assert (await model.respond(ASK)).message.text == "again"


async def test_a_request_that_nobody_waits_for_is_not_begun():
    """One that was cancelled while it waited for its turn does not keep the model busy."""
    begun, go = threading.Event(), threading.Event()

    class Slow(Engine):
        def generate(self, prompt, settings, tell, stopped):
            begun.set()
            go.wait()
            return super().generate(prompt, settings, tell, stopped)

    engine = Slow(["first"], ["third"])
    model = model_of(engine)
    first = asyncio.create_task(model.respond(ASK))
    await asyncio.to_thread(begun.wait)
    second = asyncio.create_task(model.respond(ASK))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    go.set()
    assert (await first).message.text == "first"
    assert (await model.respond(ASK)).message.text == "third"
    assert len(engine.asked) == 2


@pytest.mark.parametrize(
    ("pieces", "stop", "said"),
    [
        (["One", ". Two", ". Three"], (". T",), "One"),
        (["One. T", "wo"], ("Two",), "One. "),
        (["One. ", "T", "w", "o", "!"], ("Two", "One?"), "One. "),
        (["One. T", "en"], ("Two",), "One. Ten"),
        (["One. T"], ("Two",), "One. T"),
    ],
)
async def test_stop_sequences_end_an_answer(pieces, stop, said):
    """Wherever they are cut; they are not a part of it, and what only looked like one is."""
    heard = []
    request = ModelRequest("", ASK.messages, settings=Settings(stop=stop))
    response = await model_of(Engine(pieces)).respond(request, heard.extend)
    assert response.message.text == said
    assert "".join(delta.text for delta in heard) == said
    assert response.finish == "stop"


async def test_an_answer_is_bounded():
    """By the caller's word, else by a limit of ours; reaching it is told."""
    engine = Engine(["a", "b"], ["a"])
    model = model_of(engine)
    response = await model.respond(ModelRequest("", ASK.messages, settings=Settings(max_tokens=2)))
    assert response.finish == "length"
    await model.respond(ASK)
    assert [settings.max_tokens for settings in engine.settings] == [2, MAX_TOKENS]


async def test_messages_and_tools_are_as_templates_take_them():
    """Arguments as objects, results one by one; thoughts, and other vendors' blocks, are left out."""
    engine = Engine(["ok"])
    history = (
        Message.system("Be brief."),
        Message.user("1+2?"),
        Message(
            "assistant",
            (Thinking("Hm"), Text("I add."), ToolCall("1", "add", '{"a":1}'), ToolCall("2", "add", "{broken"), Opaque("x", {})),
        ),
        Message("tool", (ToolResult("1", "3", name="add"), ToolResult("2", (Text("no"),), is_error=True, name="add"))),
        Message("user", (ToolResult("1", "3", name="add"), Text("And now?"))),
    )  # fmt: skip
    await model_of(engine).respond(
        ModelRequest("", history, (ToolSpec("add", "Adds.", {"type": "object"}), Opaque("x", {})))
    )
    ((messages, tools),) = engine.asked
    assert messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "1+2?"},
        {
            "role": "assistant",
            "content": "I add.",
            "tool_calls": [
                {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}},
                {"type": "function", "function": {"name": "add", "arguments": {"raw": "{broken"}}},
            ],
        },
        {"role": "tool", "name": "add", "content": "3"},
        {"role": "tool", "name": "add", "content": "no"},
        {"role": "tool", "name": "add", "content": "3"},
        {"role": "user", "content": "And now?"},
    ]
    assert tools == [
        {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}
    ]


@pytest.mark.parametrize(
    "request_",
    [
        ModelRequest("", (Message.user([Image("image/png", b"x")]),)),
        ModelRequest("", (Message("tool", (ToolResult("1", (Image("image/png", b"x"),)),)),)),
        ModelRequest("", ASK.messages, output=JsonOutput(schema={"type": "object"})),
        ModelRequest("", ASK.messages, settings=Settings(reasoning_effort="high")),
    ],
)
async def test_what_it_cannot_do_is_refused(request_):
    """Nothing is generated, and nothing is silently left out."""
    engine = Engine()
    with pytest.raises(CallerError, match="some/model"):
        await model_of(engine).respond(request_)
    assert engine.settings == []


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        (RuntimeError("out of memory"), ProviderError, "transformers:some/model: RuntimeError: out of memory"),
        (StopIteration(), ProviderError, "StopIteration"),
        (CallerError("no template"), CallerError, "no template"),
    ],
)
async def test_a_failure_of_the_engine_is_told(failure, kind, said):
    """As the provider's, which it is; our own errors as they are."""
    with pytest.raises(kind, match=said):
        await model_of(Engine(failure)).respond(ASK)


async def test_a_listener_that_fails_does_not_leave_the_caller_waiting():
    """Its error comes out where the answer was awaited."""

    def fail(_):
        raise ValueError("deaf")

    with pytest.raises(ProviderError, match="deaf"):
        await model_of(Engine(["x"])).respond(ASK, fail)


async def test_an_agent_works_with_it():
    """Calls in the model's own form, results, and the answer."""

    @tool
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    call = ['<tool_call>{"name": "add", "argu', 'ments": {"a": 1, "b": 2}}</tool_call>']
    engine = Engine(call, call, ["Three."])
    result = await Agent(model_of(engine), tools=[add]).run("1+2?")
    assert result.output == "Three."
    assert engine.asked[1][0][-1] == {"role": "tool", "name": "add", "content": "3"}
    assert len({call.id for message in result.messages for call in message.tool_calls}) == 2


def test_a_generation_does_not_keep_the_interpreter():
    """A program that ends does not wait for the minutes of a generation."""
    program = (
        "import asyncio, threading\n"
        "from journeyman.adapters.model_in_process import InProcessModel\n"
        "from journeyman.data import Message, ModelRequest\n"
        "class Deaf:\n"
        "    def prompt(self, messages, tools): return ''\n"
        "    def generate(self, prompt, settings, tell, stopped):\n"
        "        begun.set(); threading.Event().wait()\n"
        "begun = threading.Event()\n"
        "async def main():\n"
        "    asking = asyncio.create_task(InProcessModel('transformers:m', Deaf).respond(ModelRequest('', (Message.user('x'),))))\n"
        "    await asyncio.to_thread(begun.wait)\n"
        "    asking.cancel()\n"
        "    await asyncio.wait([asking])\n"
        "asyncio.run(main())\nprint('done')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  (our own interpreter and code)
    assert done.stdout == "done\n", done.stderr
