"""`journeyman serve` and `journeyman twin`: servers that clients of every provider take for theirs."""

import json
import signal
import sqlite3
import urllib.request

import anthropic
import openai
import pytest

from journeyman.testing import Fault

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def server(start):
    """Starts a command that serves; gives its process and its address."""

    def serve(*argv, **environ):
        child = start(*argv, "--port", "0", "--json", **environ)
        line = child.stdout.readline()
        assert line, child.stderr.read()
        return child, json.loads(line)["url"]

    return serve


def stop(child):
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=30)
    return child.returncode, err


def chat(url, model="m", key="any"):
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as client:
        return client.chat.completions.create(model=model, messages=HI).choices[0].message.content


def test_a_twin_from_a_script(server, place):
    """A script's lines are the answers, words and calls, and SIGTERM ends the twin in good order."""
    call = '[{"type": "tool_call", "id": "c1", "name": "f", "arguments": "{}"}]'
    (place / "script.jsonl").write_text(f'"Hello"\n\n{call}\n')
    child, url = server("twin", "--script", "script.jsonl")
    assert chat(url) == "Hello"
    with anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
        told = client.messages.create(model="m", max_tokens=9, messages=HI)
    assert [(block.type, block.name) for block in told.content] == [("tool_use", "f")]
    assert stop(child) == (0, "")


def test_a_twin_with_faults(server):
    """It says back what was said, but for the turns in which it was told to fail."""
    child, url = server("twin", "--fault", "0:status=429,retry_after=3", "--fault", "1:cut=mid_event")
    with pytest.raises(openai.RateLimitError) as caught:
        chat(url)
    assert caught.value.response.headers["retry-after"] == "3"
    with pytest.raises(openai.APIConnectionError):
        chat(url)
    assert chat(url) == "Hi"
    assert stop(child)[0] == 0


def test_a_twin_by_a_rule(server, place):
    """A function of the request answers."""
    (place / "rules.py").write_text("def loud(request):\n    return request.messages[-1].text.upper()\n")
    child, url = server("twin", "--rule", "rules:loud")
    assert chat(url) == "HI"
    stop(child)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("twin", "--fault", "x:status=500"), "write TURN:what"),
        (("twin", "--fault", "0:stats=500"), "write TURN:what"),
        (("twin", "--fault", "0:status=200"), "is no failure"),
        (("twin", "--script", "none.jsonl"), "none.jsonl"),
        (("twin", "--script", "a", "--model", "openai:x"), "give one of --script and --model"),
        (("twin", "--rule", "json:__name__"), "that is no function"),
        (("serve",), "serve --gateway"),
        (("serve", "--gateway", "--host", "0.0.0.0"), "token"),  # noqa: S104  (it is refused)
        (("serve", "--gateway", "--agent", "json:loads"), "that is no Agent"),
        (("serve", "--gateway", "--model", "nobody:x"), "nobody"),
    ],
)
def test_what_has_to_be_mended_first(command, argv, words):
    """Wrong usage ends with 2 and words that say what to write instead."""
    done = command(*argv)
    assert done.code == 2
    assert words in done.err


def test_a_line_that_is_none(command, place):
    """A script that cannot be read is told by file and line."""
    (place / "s.jsonl").write_text('"fine"\n{"x": 1\n')
    done = command("twin", "--script", "s.jsonl")
    assert done.code == 2
    assert "s.jsonl, line 2" in done.err


def test_a_gateway_before_a_model(server, served, place):
    """A model under a name of one's own, for whoever shows the token; each exchange is a run on the journal."""
    served(["Hello", "again"])
    child, url = server("serve", "--gateway", "--model", "mine=openai:gpt-5-mini", JOURNEYMAN_TOKEN="s3cret-token")
    with pytest.raises(openai.AuthenticationError):
        chat(url, "mine", "wrong")
    assert chat(url, "mine", "s3cret-token") == "Hello"
    with pytest.raises(openai.NotFoundError):
        chat(url, "openai:gpt-5-mini", "s3cret-token")
    assert stop(child)[0] == 0
    with sqlite3.connect(place / "journeyman.db") as journal:
        (facts,) = journal.execute("select count(*) from facts").fetchone()
        assert facts == 4
        assert "s3cret" not in "\n".join(journal.iterdump())
    journal.close()


def test_a_gateway_before_any_model(server, served):
    """Without --model clients name vendor:model, and a budget holds for all of them together."""
    served(["one", "two"])
    child, url = server("serve", "--gateway", "--journal", "memory:", "--max-tokens", "2")
    assert chat(url, "openai:gpt-5-mini") == "one"
    with pytest.raises(openai.RateLimitError, match="max_tokens=2"):
        chat(url, "openai:gpt-5-nano")
    stop(child)


def test_a_gateway_before_an_agent(server, served, tools_file):
    """An agent of one's own module is served as a model, with its tools, and is listed."""
    served(["It weighs 12 g."])
    (tools_file / "mine.py").write_text(
        "from journeyman import Agent\nfrom kitchen import weigh\ncook = Agent('openai:gpt-5-mini', name='cook', tools=[weigh])\n"
    )
    child, url = server("serve", "--gateway", "--agent", "cook=mine:cook", "--journal", "memory:")
    assert chat(url, "cook") == "It weighs 12 g."
    with urllib.request.urlopen(f"{url}/v1beta/models") as reply:  # noqa: S310  (our own address)
        assert [model["name"] for model in json.load(reply)["models"]] == ["models/cook"]
    stop(child)


def test_a_gateway_with_a_cache(server, served):
    """The same question is asked once; what comes from the cache is free of the budget."""
    twin = served(["one", "two"])
    child, url = server(
        "serve", "--gateway", "--journal", "memory:", "--cache", "sqlite:///answers.db", "--max-tokens", "3"
    )
    assert [chat(url, "openai:gpt-5-mini") for _ in range(4)] == ["one"] * 4
    assert len(twin.requests) == 1
    stop(child)


def test_a_gateway_that_asks_again(server, served):
    """A provider's failure that passes is no failure to the client, as often as --retry-attempts says."""
    faults = {turn: Fault(status=503, retry_after=0.01) for turn in (0, 2, 3)}
    twin = served(["one", "two"], faults=faults)
    child, url = server("serve", "--gateway", "--journal", "memory:", "--retry-attempts", "2")
    assert chat(url, "openai:gpt-5-mini") == "one"
    with pytest.raises(openai.InternalServerError):
        chat(url, "openai:gpt-5-mini")
    assert len(twin.requests) == 4
    stop(child)


def test_a_twin_from_a_tape(server, served, command):
    """What was asked on a tape is answered as it was, on whatever wire; what was not is an error that says so."""
    served(["It was 12 g."])
    assert command("record", "tape.jsonl", "run", "Hi", "--journal", "memory:").code == 0
    child, url = server("twin", "--tape", "tape.jsonl")
    assert chat(url) == "It was 12 g."
    with anthropic.Anthropic(base_url=url, api_key="x", max_retries=0) as client:
        assert client.messages.create(model="m", max_tokens=9, messages=HI).content[0].text == "It was 12 g."
        with pytest.raises(anthropic.BadRequestError, match=r"differs at messages\[0\].parts\[0\].text"):
            client.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "other"}])
    stop(child)


def test_runs_of_an_agent(server, served, tools_file):
    """Runs of an agent of one's own module are begun and followed; with the gateway it is a model there, too."""
    served(["It weighs 12 g.", "And 13 g."])
    (tools_file / "mine.py").write_text(
        "from journeyman import Agent\nfrom kitchen import weigh\ncook = Agent('openai:gpt-5-mini', name='cook', tools=[weigh])\n"
    )
    child, url = server("serve", "--agent", "mine:cook", "--gateway", "--journal", "memory:")
    asked = urllib.request.Request(f"{url}/runs", b'{"prompt": "How heavy?"}')  # noqa: S310  (our own address)
    with urllib.request.urlopen(asked) as reply:  # noqa: S310  (likewise)
        run = json.load(reply)["run"]
    with urllib.request.urlopen(f"{url}/runs/{run}/events") as reply:  # noqa: S310  (likewise)
        assert b"RunFinished" in reply.read()
    with urllib.request.urlopen(f"{url}/runs/{run}") as reply:  # noqa: S310  (likewise)
        assert json.load(reply)["output"] == "It weighs 12 g."
    assert chat(url, "mine:cook") == "And 13 g."
    assert stop(child)[0] == 0


def test_a_webhook_without_a_secret(command, place):
    """Webhooks are not served unsigned."""
    (place / "mine.py").write_text(
        "from journeyman import Agent, ScriptedModel\nhelper = Agent(ScriptedModel(['Hi']), name='helper')\n"
    )
    done = command("serve", "--agent", "mine:helper", "--webhook", "https://hooks.example/", "--journal", "memory:")
    assert done.code == 2
    assert "JOURNEYMAN_WEBHOOK_SECRET" in done.err
