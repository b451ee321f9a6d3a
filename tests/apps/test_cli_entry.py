"""The entry point: help, wrong usage, a missing extra, a reader that goes away."""

import json
import subprocess
import sys

import pytest

from journeyman import __version__


def test_help_names_every_command(command):
    """`--help` says what there is, and ends well."""
    done = command("--help")
    assert done.code == 0
    assert all(name in done.out for name in ("chat", "run", "runs", "doctor", "demo"))
    assert done.err == ""


def test_the_version_is_that_of_the_package(command):
    """`--version` prints it."""
    assert command("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    "argv", [("run", "--help"), ("runs", "show", "--help"), ("chat", "--help"), ("demo", "--help")]
)
def test_each_command_explains_itself(command, argv):
    """Help of a command names its flags, and offers no negative ones."""
    done = command(*argv)
    assert done.code == 0
    assert "--json" in done.out
    assert "--no-" not in done.out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("frobnicate",), "frobnicate"),
        (("run",), "PROMPT"),
        (("run", "hello"), "--model"),
        (("run", "hello", "--model", "openai:x", "--max-cost", "much"), "much"),
        (("runs", "list", "--status", "odd"), "odd"),
        (("runs", "list", "--speed"), "--speed"),
    ],
)
def test_wrong_usage_is_told_in_two_lines(command, argv, said):
    """What cannot be understood ends with 2, says what it was and where to read on, and writes nothing to standard output."""
    done = command(*argv)
    assert done.code == 2
    assert done.out == ""
    first, second = done.err.splitlines()
    assert said in first
    assert second.startswith("next: journeyman")


def test_help_loads_nothing_that_commands_need():
    """`journeyman --help` imports neither pydantic, msgspec, aiohttp nor prompt_toolkit."""
    code = (
        "import sys\nfrom journeyman.apps.cli import main\nassert main(['--help']) == 0\n"
        "print([m for m in ('pydantic', 'msgspec', 'aiohttp', 'prompt_toolkit', 'genai_prices') if m in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603  (our own interpreter and code)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("package", ["cyclopts", "rich", "prompt_toolkit"])
def test_a_missing_extra_is_told(package):
    """Without a package of the extra, a command says how to install it, in one line."""
    code = (
        "import sys\nsys.modules[sys.argv[1]] = None\nfrom journeyman.apps.cli import main\nsys.exit(main(['doctor']))"
    )
    done = subprocess.run(  # noqa: S603  (our own interpreter and code)
        [sys.executable, "-c", code, package], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f'{package} is missing; the command needs: pip install "journeyman[cli,serve]"']


def test_a_reader_that_goes_away_is_no_failure(start, served):
    """When the reader of a pipe closes it, the command ends quietly with 141, as programs do that are ended by SIGPIPE."""
    served(["word " * 50_000])
    child = start("run", "hello")
    child.stdout.close()
    _, err = child.stderr.read(), child.wait(60)
    assert err == 141


def test_debug_shows_where_an_error_was_raised(command):
    """With --debug a traceback comes before the message; without, none does."""
    plain = command("run", "hi", "--model", "nobody:x")
    told = command("run", "hi", "--model", "nobody:x", "--debug")
    assert plain.code == told.code == 2
    assert "Traceback" not in plain.err
    assert "Traceback" in told.err
    assert "nobody" in plain.err


def test_an_interrupt_outside_of_a_run_ends_with_130(command, monkeypatch):
    """Ctrl-C while standard input is read ends the command, without a traceback."""

    class Keyboard:
        def read(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Keyboard())
    done = command("run", "-", "--model", "openai:x")
    assert done == (130, "", "")


def test_json_is_never_styled(process, served):
    """--json gives JSON even where colours are forced."""
    served(["Hello"])
    done = process("run", "hi", "--json", FORCE_COLOR="1")
    assert json.loads(done.out)["output"] == "Hello"
