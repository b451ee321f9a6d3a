"""`journeyman run`: answers for people and machines, and every way in which it can fail."""

import asyncio
import io
import json
import signal
import sys
import threading

import pytest

from journeyman.data import HIDDEN, Text, TextDelta, Thinking, ToolCall
from journeyman.models import ScriptedModel
from journeyman.providers import Capabilities
from journeyman.testing.twin import Fault

CALLS = (Text("Let me see."), ToolCall("c1", "weigh", '{"thing": "an egg"}'), ToolCall("c2", "burn", "{}"))


class Hanging:
    """Says one word and then nothing more."""

    name = "openai:hanging"
    capabilities = Capabilities()

    def __init__(self):
        self.asked = threading.Event()

    async def respond(self, request, emit=None, record=None):
        emit([TextDelta("Wait ")])
        self.asked.set()
        await asyncio.Event().wait()

    def preview(self, request, *, stream=False):
        return None


def test_piped_output_is_the_answer_alone(process, served):
    """Standard output of a pipe holds the answer and a newline, nothing else and no colours; the rest is on standard error."""
    served(["Forty-two."])
    done = process("run", "What is it?")
    assert (done.code, done.out) == (0, "Forty-two.\n")
    assert "finished" in done.err
    assert "$0.0000" in done.err
    assert "journeyman runs show" in done.err
    assert "\x1b" not in done.out + done.err


def test_no_color_keeps_colours_away(command, served, terminal, monkeypatch):
    """NO_COLOR is obeyed even in a terminal."""
    monkeypatch.setenv("NO_COLOR", "1")
    served(["Yes."])
    assert "\x1b[3" not in command("run", "hi").out


def test_a_terminal_sees_words_tools_durations_and_cost(command, served, terminal, tools_file):
    """In a terminal everything is on standard output, in the order in which it happened."""
    served([CALLS, "It weighs 12 g."])
    done = command("run", "How heavy?", "--tools", "kitchen:weigh,kitchen:burn")
    assert done.code == 0
    places = [
        done.out.index(words)
        for words in (
            "Let me see.",
            'weigh(thing="an egg")',
            "an egg: 12 g",
            "It weighs 12 g.",
            "2 model calls",
            "$0.0",
        )
    ]
    assert places == sorted(places)
    assert " ms" in done.out
    assert "burn failed: ValueError: on fire" in done.out
    assert "\x1b[31mfire" not in done.out
    assert done.err == ""


def test_tools_are_told_on_standard_error_of_a_pipe(command, served, tools_file):
    """Where the answer is piped, tools are shown beside it."""
    served([CALLS, "It weighs 12 g."])
    done = command("run", "How heavy?", "--tools", "kitchen:both")
    assert done.out == "It weighs 12 g.\n"
    assert "✓ weigh" in done.err
    assert "✗ burn" in done.err


def test_json_is_one_object(command, served, tools_file):
    """--json gives everything that a program may ask for, and leaves standard error empty."""
    served([CALLS, "12 g"])
    done = command("run", "How heavy?", "--tools", "kitchen:named,kitchen:burn", "--json", "--tag", "a", "--tag", "b")
    answer = json.loads(done.out)
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    assert (answer["status"], answer["output"], answer["error"]) == ("finished", "12 g", None)
    assert (answer["iterations"], answer["tool_calls"], answer["model"]) == (2, 2, "openai:gpt-5-mini")
    assert answer["usage"]["input_tokens"] > 0
    assert 0 < answer["cost"] < 0.001
    listed = json.loads(command("runs", "list", "--tag", "b", "--json").out)
    assert listed["run"] == answer["run"]


def test_hostile_answers_move_no_cursor(command, served, terminal):
    """Control sequences in an answer never reach the terminal, however they are cut, and markup is not read as such."""
    served([[Thinking("\x1b[2Jhm"), Text("\x1b]0;owned\x07safe [bold]words[/bold] \x1b[31mred")]])
    done = command("run", "hi")
    assert "owned" not in done.out
    assert "safe [bold]words[/bold] red" in done.out
    assert "\x1b[2J" not in done.out


def test_json_escapes_what_terminals_act_on(command, served):
    """Control characters above ASCII are escaped in JSON; the value is the same."""
    served(["a\x9b31mb\u202ec"])
    done = command("run", "hi", "--json")
    assert json.loads(done.out)["output"] == "a\x9b31mb\u202ec"
    assert done.out.isascii()


def test_the_prompt_may_come_from_standard_input(command, served, monkeypatch):
    """With - the prompt is what is piped in."""
    twin = served(["Yes."])
    monkeypatch.setattr(sys, "stdin", io.StringIO("Is this\na question?\n"))
    assert command("run", "-").code == 0
    assert twin.requests[0].messages[-1].text == "Is this\na question?\n"


def test_system_words_and_limits_are_passed_on(command, served):
    """--system is sent first, and a limit ends the run with the flag to raise."""
    twin = served([ToolCall("c", "nothing", "{}"), "never asked for"])
    done = command("run", "hi", "--system", "Be brief.", "--max-iterations", "1")
    assert done.code == 1
    assert twin.requests[0].messages[0].text == "Be brief."
    assert "raise --max-iterations, or see what it did: journeyman runs show" in done.err
    assert done.out == ""


def test_a_spent_budget_ends_the_run(command, served):
    """--max-cost is in dollars and named by the error."""
    served([ToolCall("c", "nothing", "{}"), "never asked for"])
    done = command("run", "hi", "--max-cost", "0.0000001")
    assert done.code == 1
    assert "max_cost=1e-07" in done.err
    assert "--max-cost" in done.err


def test_memory_keeps_nothing(command, served, place):
    """With memory: no file is made, and nobody is sent to look at one."""
    served(["Yes."])
    done = command("run", "hi", "--journal", "memory:")
    assert done.code == 0
    assert list(place.iterdir()) == []
    assert "runs show" not in done.err


def test_another_journal_is_named_where_it_is_needed(command, served, place):
    """The line that says how to look again holds the journal, if it is not the usual one."""
    served(["Yes."])
    done = command("run", "hi", "--journal", "sqlite:///my runs.db")
    assert (place / "my runs.db").exists()
    assert "--journal 'sqlite:///my runs.db'" in done.err


def test_the_environment_names_the_journal(command, served, place, monkeypatch):
    """JOURNEYMAN_JOURNAL is where runs go without --journal."""
    monkeypatch.setenv("JOURNEYMAN_JOURNAL", "sqlite:///other.db")
    served(["Yes."])
    assert command("run", "hi").code == 0
    assert (place / "other.db").exists()
    assert not (place / "journeyman.db").exists()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=401), "journeyman doctor shows which keys are set"),
        (Fault(status=404), "check the name of the model"),
        (Fault(status=429, retry_after=7), "wait 7 s"),
        (Fault(status=529), "wait a while"),
        (Fault(status=500, message="a \x1b[31mmess"), "journeyman runs show"),
    ],
)
def test_a_provider_that_fails_is_told_with_the_next_step(command, served, fault, said):
    """The exit code is 1, the answer empty, and the second line says what to do."""
    served(["never said"], faults={0: fault})
    done = command("run", "hi")
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    assert "errored" in done.err


def test_how_often_a_request_is_sent_is_said_by_a_flag(command, served):
    """A number that makes no sense is refused by its name, before anything is sent."""
    twin = served(["never said"])
    done = command("run", "hi", "--retry-attempts", "0")
    assert (done.code, done.out) == (2, "")
    assert "retry_attempts=0" in done.err
    assert twin.raw == []


def test_a_failed_run_is_an_object_too(command, served):
    """With --json the error is part of the object, beside the line on standard error."""
    served(["never said"], faults={0: Fault(status=500, message="out of order")})
    done = command("run", "hi", "--json")
    answer = json.loads(done.out)
    assert done.code == 1
    assert (answer["status"], answer["output"], answer["error"]["type"]) == ("errored", None, "ProviderError")
    assert "out of order" in done.err


def test_an_unreachable_server_is_told(command, monkeypatch):
    """Where nothing listens, the doctor is recommended."""
    monkeypatch.setenv("JOURNEYMAN_JOURNAL", "memory:")
    done = command("run", "hi", "--model", "ollama:llama3.2", "--base-url", "http://127.0.0.1:9/v1")
    assert done.code == 1
    assert "journeyman doctor" in done.err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("hi", "--model", "openai:gpt-5-mini"), "OPENAI_API_KEY"),
        (("hi", "--model", "llama"), "vendor:model"),
        (("hi", "--model", "ollama:x", "--base-url", "localhost"), "http://"),
        (("  ", "--model", "ollama:x"), "the prompt is empty"),
        (("hi", "--model", "ollama:x", "--max-cost", "-1"), "max_cost=-1"),
        (("hi", "--model", "ollama:x", "--journal", "papyrus"), "papyrus"),
        (("hi", "--model", "ollama:x", "--tools", "kitchen"), "module:name"),
        (("hi", "--model", "ollama:x", "--tools", "nowhere:tool"), "nowhere cannot be imported"),
        (("hi", "--model", "ollama:x", "--tools", "broken:tool"), "RuntimeError: never again"),
        (("hi", "--model", "ollama:x", "--tools", "kitchen:spoon"), "spoon does not exist in kitchen"),
        (("hi", "--model", "ollama:x", "--tools", "kitchen:nothing"), "is neither a function"),
        (("hi", "--model", "ollama:x", "--tools", "kitchen:weigh,kitchen:weigh"), "two tools are named"),
    ],
)
def test_what_the_caller_can_mend_ends_with_2(command, tools_file, argv, said):
    """A mistake of the caller's is told before anything is asked or written."""
    done = command("run", *argv)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (tools_file / "journeyman.db").exists()


def test_a_tool_that_waits_for_somebody_ends_with_3(command, served, tools_file):
    """A run that rests without an answer is neither a success nor a failure."""
    served([ToolCall("c1", "ask_cook", '{"question": "salt?"}')])
    done = command("run", "hi", "--tools", "kitchen:ask_cook,kitchen:plain")
    assert (done.code, done.out) == (3, "")
    assert 'waits for ask_cook(question="salt?")' in done.err


def test_ctrl_c_cancels_the_run_and_says_so(start, served, command):
    """An interrupt in the middle of an answer ends with 130, and the journal knows that the run was cancelled."""
    served(Hanging())
    child = start("run", "hi", FORCE_COLOR="1")
    assert child.stdout.read(5) == "Wait "
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "interrupted" in err
    assert json.loads(command("runs", "list", "--json").out)["status"] == "cancelled"


def test_an_interrupted_run_is_an_object_too(start, served):
    """With --json the object of a run that was cut off says that it was cancelled."""
    model = Hanging()
    served(model)
    child = start("run", "hi", "--json")
    assert model.asked.wait(60)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert json.loads(out)["status"] == "cancelled"


def test_progress_of_a_tool_is_shown(command, served, tools_file):
    """What a tool reports while it works is shown with how far it has come."""
    served([ToolCall("c", "burn", "{}"), "Done."])
    assert "it smokes 50%" in command("run", "hi", "--tools", "kitchen:burn").err


def test_long_results_are_cut_with_a_mark(command, served, tools_file):
    """A long result says how much is missing and which command shows it."""
    thing = "egg " * 100
    served([ToolCall("c", "weigh", json.dumps({"thing": thing})), "Done."])
    done = command("run", "hi", "--tools", "kitchen:weigh")
    assert "more characters, journeyman runs show " in done.err
    run = json.loads(command("runs", "list", "--json").out)["run"]
    assert thing.strip() in command("runs", "show", run, "--facts").out


def test_malformed_arguments_are_shown_as_they_came(command, served, tools_file):
    """Arguments that are no JSON do not break the display."""
    served([ToolCall("c", "weigh", '{"thing": '), "Done."])
    assert 'weigh({"thing":' in command("run", "hi", "--tools", "kitchen:weigh").err


def test_the_key_is_never_shown(command, served):
    """A provider that repeats the key in its error does not bring it to the screen or into the journal, even with --debug."""
    served(["x"], faults={0: Fault(status=401, message="the key sk-test-0123456789 is wrong")})
    done = command("run", "hi", "--debug")
    assert "sk-test-0123456789" not in done.out + done.err
    assert HIDDEN in done.err
    facts = command("runs", "show", json.loads(command("runs", "list", "--json").out)["run"], "--facts", "--json")
    assert "sk-test-0123456789" not in facts.out


def test_a_bug_is_told_as_one(command, served, monkeypatch):
    """An error that nobody foresaw asks for a report, in two lines."""

    def broken(*_):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("journeyman.apps.cli.running.tell_spent", broken)
    served(["Yes."])
    done = command("run", "hi")
    assert done.code == 1
    assert "ZeroDivisionError: by zero" in done.err
    assert "please report it" in done.err


def test_warnings_of_the_package_are_lines(command, served, monkeypatch):
    """A warning in the log comes as one line on standard error; the logger is left as it was."""
    import logging

    logger = logging.getLogger("journeyman")
    before = (logger.level, logger.propagate, list(logger.handlers))

    def warning(*_):
        logger.warning("mind the\n\x1b[31mgap")

    monkeypatch.setattr("journeyman.apps.cli.running.tell_spent", warning)
    served(ScriptedModel(["Yes."]))
    assert "WARNING: mind the gap\n" in command("run", "hi").err
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
