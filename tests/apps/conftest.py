"""What the tests of the command share: a working directory, an environment without keys, a provider on loopback."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from journeyman.apps.cli import main
from journeyman.providers import VENDORS
from journeyman.testing.twin import provider_twin

FOREIGN = (
    "JOURNEYMAN_",
    *(name for row in VENDORS.values() for name in (*row.key_variables, *row.url_aliases, row.url_env) if name),
)
TERMINAL = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty working directory, and an environment that knows no model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name in TERMINAL or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    # A test of a failure is not one of patience.
    monkeypatch.setenv("JOURNEYMAN_RETRY_ATTEMPTS", "1")
    # Nothing listens on port 9 of a test machine, so that no local server of the developer's is found.
    for vendor in ("OLLAMA", "LMSTUDIO", "LLAMACPP", "VLLM"):
        monkeypatch.setenv(f"{vendor}_BASE_URL", "http://127.0.0.1:9/v1")
    return tmp_path


@pytest.fixture
def served(monkeypatch):
    """Serves a script or a model as the model that commands ask if they are not told another."""
    with ExitStack() as stack:

        def serve(model, **options):
            twin = stack.enter_context(provider_twin(model, **options))
            monkeypatch.setenv("OPENAI_BASE_URL", twin.url)
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
            monkeypatch.setenv("JOURNEYMAN_MODEL", "openai:gpt-5-mini")
            return twin

        yield serve


@pytest.fixture
def command(capsys):
    """Carries out a command line in this process."""

    def carry_out(*argv):
        code = main(argv)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return carry_out


@pytest.fixture
def terminal(monkeypatch):
    """Standard output and error count as terminals."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def start():
    """Starts a command as a process of its own."""
    with ExitStack() as stack:

        def popen(*argv, **environ):
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603  (our own interpreter and command)
                    [sys.executable, "-m", "journeyman.apps.cli", *argv],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={**os.environ, **environ},
                )
            )
            stack.callback(process.kill)
            return process

        yield popen


@pytest.fixture
def process(start):
    """Carries out a command line as a process of its own."""

    def carry_out(*argv, said="", **environ):
        child = start(*argv, **environ)
        out, err = child.communicate(said, timeout=60)
        return Done(child.returncode, out, err)

    return carry_out


@pytest.fixture
def tools_file(place: Path):
    """A module of tools in the working directory."""
    (place / "kitchen.py").write_text(
        "from journeyman import Pending, RunContext, tool\n"
        "@tool\n"
        "def weigh(thing: str) -> str:\n    'Weigh a thing.'\n    return f'{thing}: 12 g'\n"
        "@tool\n"
        "def burn(context: RunContext[None]) -> str:\n"
        "    'Burn something.'\n    context.progress('it smokes', 0.5)\n    raise ValueError('on \\x1b[31mfire')\n"
        "@tool\n"
        "def ask_cook(question: str) -> str:\n    'Ask the cook.'\n    raise Pending({'question': question})\n"
        "def plain(a: int) -> int:\n    'A plain function.'\n    return a\n"
        "both = [weigh, burn]\n"
        "named = {'weigh': weigh}\n"
        "nothing = 3\n"
    )
    (place / "broken.py").write_text("raise RuntimeError('never again')\n")
    return place
