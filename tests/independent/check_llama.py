"""llama.cpp, which computes every word, serves our client. Its model is noise (tiny_gguf.py), all else is real.

Two servers are over it: llama-cpp-python's, and its own, which speaks three wires. `make test-llama` builds them, which takes
long, and runs these tests; no other run collects them.
"""

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest
from servers import running

from journeyman import Message, ProviderError, Settings, open_model
from journeyman.compose import get_available_models
from journeyman.data import JsonOutput, ModelRequest, Text, TextDelta, ToolCall, ToolChoice, ToolResult, ToolSpec

BIN = Path(__file__).parents[2] / ".llama" / "bin"
KEY = "sk-for-llama"

PLACES = {
    "compatible:tiny": ("python", "/v1"),
    "llamacpp:tiny": ("own", "/v1"),
    "openai-responses:tiny": ("own", "/v1"),
    "anthropic:tiny": ("own", ""),
}
"""The models that are asked: which server has them, and where its API begins."""

EACH = pytest.mark.parametrize("name", list(PLACES))
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])

NO_LENGTH = {
    "openai-responses:tiny": "OpenAI's `status` is incomplete where an answer was too long; llama.cpp's is not"
}
NO_COUNT = {"compatible:tiny": "llama-cpp-python does not count what it streams, though `stream_options` asks for it"}
NO_WORDS = {
    "openai-responses:tiny": (
        "llama.cpp wants `type: message` with an assistant's words; OpenAI's schema EasyInputMessage has it as optional"
    )
}

HELLO = Message.user("Hello")
PARAMETERS = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "quickly": {"type": "boolean"}},
    "required": ["a", "quickly"],
    "additionalProperties": False,
}
ADD = ToolSpec("add", "Add two numbers.", PARAMETERS)
CALL = ToolCall("call_1", "add", '{"a":1,"quickly":true}')
RESULT = Message("tool", (ToolResult("call_1", "5", name="add"),))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file with the model."""
    assert (BIN / "llama-server").exists(), "llama.cpp is not built; run: make test-llama"
    path = tmp_path_factory.mktemp("llama") / "tiny.gguf"
    subprocess.run([BIN / "python", Path(__file__).with_name("tiny_gguf.py"), path], check=True)  # noqa: S603  (our own)
    return path


@pytest.fixture(scope="module")
def urls(model):
    """The addresses of both servers, each with a memory of 512 tokens."""
    python = [BIN / "python", "-m", "llama_cpp.server", "--model", model, "--model_alias", "tiny", "--n_ctx", "512"]
    python += ["--host", "127.0.0.1", "--port", free_port(), "--api_key", KEY]
    own = [BIN / "llama-server", "--model", model, "--alias", "tiny", "--ctx-size", "512", "--threads", "1"]
    own += ["--host", "127.0.0.1", "--port", free_port(), "--api-key", KEY]
    with (
        running(python, dict(os.environ), r"Uvicorn running on (http://\S+)") as first,
        running(own, dict(os.environ), r"listening on (http://\S+)") as second,
    ):
        yield {"python": first[1], "own": second[1]}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


@pytest.fixture
def ask(urls, name):
    """Asks the model for one answer, and gives it with the pieces in which it came."""
    server, path = PLACES[name]

    async def asked(*messages, streamed=False, tools=(), output=None, key=KEY, **settings):
        pieces = []
        request = ModelRequest("tiny", messages, tools, output, Settings(**settings))
        async with open_model(name, base_url=urls[server] + path, api_key=key, retry=None) as model:
            answer = await model.respond(request, pieces.extend if streamed else None)
        return answer, [piece.text for piece in pieces if isinstance(piece, TextDelta)]

    return asked


@EACH
@WAYS
async def test_words(ask, name, streamed):
    """An answer has as many tokens as it may, and its stream says what it says whole."""
    whole, _ = await ask(HELLO, max_tokens=12, temperature=0.0)
    assert (whole.model, len(whole.message.text)) == ("tiny", 12)
    answer, pieces = await ask(HELLO, streamed=streamed, max_tokens=12, temperature=0.0)
    assert answer.message.text == whole.message.text
    assert answer.finish == ("stop" if name in NO_LENGTH else "length")
    if not (streamed and name in NO_COUNT):
        assert answer.usage.output == 12
        assert answer.usage.input_tokens > len("Hello")
    if streamed:
        assert "".join(pieces) == whole.message.text
        assert len(pieces) == 12


@pytest.mark.parametrize("name", ["compatible:tiny", "llamacpp:tiny"])
async def test_seeds(ask):
    """The same seed says the same, and another one something else, for the settings arrive."""
    said = [(await ask(HELLO, max_tokens=20, temperature=1.5, seed=seed))[0].message.text for seed in (1, 1, 2)]
    assert said[0] == said[1] != said[2]


@pytest.mark.parametrize("name", ["compatible:tiny", "llamacpp:tiny", "anthropic:tiny"])
@WAYS
async def test_stop(ask, streamed):
    """The answer ends before the words that are to stop it."""
    whole, _ = await ask(HELLO, max_tokens=40, temperature=0.0)
    word = whole.message.text[10:12]
    stopped, pieces = await ask(HELLO, streamed=streamed, max_tokens=40, temperature=0.0, stop=(word,))
    assert stopped.finish == "stop"
    assert stopped.message.text == whole.message.text.partition(word)[0]
    assert not streamed or "".join(pieces) == stopped.message.text


@pytest.mark.parametrize("name", ["compatible:tiny"])
@WAYS
async def test_tools(ask, streamed):
    """A call, which a grammar makes a legal one even of noise, and its result go round."""
    forced = ToolChoice("required", ("add",))
    called, _ = await ask(HELLO, streamed=streamed, tools=(ADD,), max_tokens=100, temperature=0.0, tool_choice=forced)
    (call,) = called.message.tool_calls
    assert call.name == "add"
    arguments = json.loads(call.arguments)
    assert isinstance(arguments["a"], int)
    assert isinstance(arguments["quickly"], bool)
    assert called.finish == "tool_calls"
    history = (HELLO, called.message, Message("tool", (ToolResult(call.id, "5", name="add"),)))
    told, _ = await ask(*history, streamed=streamed, tools=(ADD,), max_tokens=9, temperature=0.0)
    assert len(told.message.text) == 9


@EACH
@pytest.mark.parametrize("parts", [(CALL,), (Text("Let me see."), CALL)], ids=["call", "words and call"])
async def test_calls_of_others(ask, name, parts):
    """A call that another model made, with words before it or without, and its result are taken."""
    if name in NO_WORDS and len(parts) > 1:
        parts = parts[1:]
    told, _ = await ask(HELLO, Message("assistant", parts), RESULT, tools=(ADD,), max_tokens=9, temperature=0.0)
    assert len(told.message.text) == 9


@pytest.mark.parametrize("name", ["compatible:tiny"])
@WAYS
async def test_json(ask, streamed):
    """In JSON mode even noise begins an object."""
    answer, _ = await ask(HELLO, streamed=streamed, output=JsonOutput(), max_tokens=30, temperature=0.0)
    assert answer.message.text.lstrip().startswith("{")


@pytest.mark.parametrize("name", ["llamacpp:tiny"])
@WAYS
async def test_schemas(ask, streamed):
    """With a schema even noise keeps to it."""
    output = JsonOutput("sum", PARAMETERS)
    answer, _ = await ask(HELLO, streamed=streamed, output=output, max_tokens=200, temperature=0.0)
    said = json.loads(answer.message.text)
    assert isinstance(said["a"], int)
    assert isinstance(said["quickly"], bool)
    assert answer.finish == "stop"


@pytest.mark.parametrize(("vendor", "server"), [("compatible", "python"), ("llamacpp", "own")])
async def test_models(urls, monkeypatch, vendor, server):
    """The server says which model it has."""
    monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", f"{urls[server]}/v1")
    monkeypatch.setenv(f"{vendor.upper()}_API_KEY", KEY)
    found = await get_available_models([vendor])
    assert found.of(vendor) == ("tiny",)


@EACH
async def test_too_long(ask, name):
    """A prompt that is longer than the model's memory is the caller's error, told in the server's words."""
    with pytest.raises(ProviderError, match=r"maximum context length is 512|available context size") as caught:
        await ask(Message.user("x" * 3000), max_tokens=5)
    assert (caught.value.status, caught.value.kind) == (400, "invalid_request")


@EACH
async def test_too_long_to_stream(ask, name):
    """Streamed it is an error too; llama-cpp-python begins with 200 and breaks off, and that is no answer."""
    with pytest.raises(ProviderError) as caught:
        await ask(Message.user("x" * 3000), streamed=True, max_tokens=5)
    assert caught.value.kind == ("stream" if name == "compatible:tiny" else "invalid_request")


@EACH
async def test_a_wrong_key(ask, name):
    """The server refuses who has not its key."""
    with pytest.raises(ProviderError) as caught:
        await ask(HELLO, key="sk-wrong")
    assert (caught.value.status, caught.value.kind) == (401, "authentication")
