"""`journeyman chat`: lines from a pipe, and keys in a terminal."""

import io
import json
import signal
import sys

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from journeyman.data import TextDelta, ToolCall
from journeyman.models import ScriptedModel
from journeyman.providers import Capabilities
from journeyman.testing.twin import Fault


@pytest.fixture
def say(monkeypatch):
    """Puts lines on standard input."""
    return lambda *lines: monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.fixture
def type_keys(monkeypatch, terminal):
    """Types keys in a terminal."""

    class Keyboard(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard())
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys.send_text


def test_each_line_is_answered_with_all_that_was_said_before(command, served, say):
    """Standard output of a pipe holds the answers alone; each request holds the talk so far."""
    twin = served(["Hello.", "Tom."])
    say("My name is Tom.", "", "What is my name?")
    done = command("chat", "--system", "Be brief.")
    assert (done.code, done.out) == (0, "Hello.\nTom.\n")
    assert [message.text for message in twin.requests[1].messages] == [
        "Be brief.",
        "My name is Tom.",
        "Hello.",
        "What is my name?",
    ]


def test_the_journal_holds_a_run_for_each_answer(command, served, say):
    """All runs of a talk are of one conversation, and the second goes on from the first."""
    served(["One.", "Two."])
    say("a", "b")
    err = command("chat", "--tag", "talk").err
    rows = [json.loads(line) for line in command("runs", "list", "--tag", "talk", "--json").out.splitlines()]
    assert [row["status"] for row in rows] == ["finished", "finished"]
    assert len({row["conversation"] for row in rows}) == 1
    assert f"journeyman runs show {rows[0]['run'][-8:]}" in err


def test_commands_of_the_talk(command, served, say):
    """/help and /cost are answered here, what is not known is said to be so, and nothing after /exit is read."""
    twin = served(["Hello."])
    say("/help", "/dance", "Hi.", "/cost", "/exit", "more")
    done = command("chat")
    assert (done.code, done.out) == (0, "Hello.\n")
    assert "Ctrl-D" in done.err
    assert "there is no /dance" in done.err
    assert "for 1 tokens in, 1 out" in done.err
    assert len(twin.requests) == 1


def test_words_that_begin_with_a_slash_are_said(command, served, say):
    """A line with a slash and several words is no command."""
    twin = served(["Files."])
    say("/etc and /usr hold what?")
    assert command("chat").code == 0
    assert twin.requests[0].messages[-1].text == "/etc and /usr hold what?"


def test_machines_get_an_object_for_each_answer(command, served, say):
    """With --json a failed answer is an object, too, and standard error holds its error alone."""
    served(["One.", "Two."], faults={1: Fault(status=500)})
    say("a", "b", "/cost", "c")
    done = command("chat", "--json")
    answers = [json.loads(line) for line in done.out.splitlines()]
    assert [answer["status"] for answer in answers] == ["finished", "errored", "finished"]
    assert answers[0]["output"] == "One."
    assert "500" in done.err or "twin" in done.err
    assert done.code == 0


def test_the_exit_code_of_a_pipe_is_that_of_the_last_answer(command, served, say):
    """A talk whose last answer failed ends with 1."""
    served(["One."], faults={1: Fault(status=500)})
    say("a", "b")
    assert command("chat").code == 1


def test_a_question_that_was_not_answered_goes_out_again(command, served, say):
    """What failed is not forgotten: it is said together with what comes next."""
    twin = served(["Both."], faults={0: Fault(status=500)})
    say("first", "second")
    assert command("chat").out == "Both.\n"
    assert [message.text for message in twin.requests[1].messages] == ["first", "second"]


def test_the_budget_is_for_the_whole_talk(command, served, say):
    """--max-cost counts all answers; once it is spent nothing more is asked."""
    twin = served(["word " * 400, "word " * 400, "never"])
    say("a", "b", "c")
    done = command("chat", "--max-cost", "0.001")
    assert len(twin.requests) == 2
    assert done.code == 1
    assert "max_cost=0.001" in done.err


def test_what_is_wrong_from_the_beginning_ends_before_the_first_line(command, say):
    """A missing key is told at once, and not after something was typed."""
    say("Hello?")
    done = command("chat", "--model", "openai:gpt-5-mini")
    assert done.code == 2
    assert "OPENAI_API_KEY" in done.err


def test_a_terminal_is_asked_line_by_line(command, served, type_keys):
    """In a terminal the answer is shown as it comes, an empty line is skipped, Ctrl-D leaves."""
    twin = served(["Hello there."])
    type_keys("Hi.\r\r/cost\r\x04")
    done = command("chat")
    assert done.code == 0
    assert "Hello there." in done.out
    assert "/help shows what can be done" in done.out
    assert [request.messages[-1].text for request in twin.requests] == ["Hi."]


def test_ctrl_c_at_the_prompt_only_says_how_to_leave(command, served, type_keys):
    """Whoever presses Ctrl-C while typing loses the line and nothing else."""
    twin = served(["Hello."])
    type_keys("never sai\x03Hi.\r/exit\r")
    done = command("chat")
    assert done.code == 0
    assert "/exit or Ctrl-D leaves" in done.out
    assert [request.messages[-1].text for request in twin.requests] == ["Hi."]


def test_a_failed_answer_does_not_fail_a_talk_in_a_terminal(command, served, type_keys):
    """The person has seen the error; the exit code is 0."""
    served(["x"], faults={0: Fault(status=500)})
    type_keys("Hi.\r\x04")
    done = command("chat")
    assert done.code == 0
    assert "error: " in done.err


class HangsOnce:
    """Says a word and then nothing more at the first request; answers the others."""

    name = "openai:hangs-once"
    capabilities = Capabilities()

    def __init__(self):
        self._others = ScriptedModel([ToolCall("c", "weigh", '{"thing": "egg"}'), "Well then."])
        self._asked = False

    async def respond(self, request, emit=None, record=None):
        import asyncio

        if self._asked:
            return await self._others.respond(request, emit)
        self._asked = True
        emit([TextDelta("Wait ")])
        return await asyncio.Event().wait()

    def preview(self, request, *, stream=False):
        return None


def test_ctrl_c_stops_the_answer_and_not_the_program(start, served, tools_file, command):
    """After an interrupt the talk goes on, and the journal says that one answer was cancelled."""
    served(HangsOnce())
    child = start("chat", "--tools", "kitchen:weigh", FORCE_COLOR="1")
    child.stdin.write("Hi.\n")
    child.stdin.flush()
    assert child.stdout.read(5) == "Wait "
    child.send_signal(signal.SIGINT)
    out, err = child.communicate("And now?\n", timeout=60)
    assert child.returncode == 0
    assert "interrupted" in err
    assert "Well then." in out
    rows = [json.loads(line) for line in command("runs", "list", "--json").out.splitlines()]
    assert [row["status"] for row in rows] == ["finished", "cancelled"]


def test_ctrl_c_while_a_pipe_is_read_ends_the_program(command, monkeypatch, served):
    """Without a terminal there is nobody to tell how to leave."""

    class Keyboard(io.StringIO):
        def readline(self, *_):
            raise KeyboardInterrupt

    served(["x"])
    monkeypatch.setattr(sys, "stdin", Keyboard())
    done = command("chat")
    assert done.code == 130
    assert "interrupted" in done.err
