"""An environment for each system under `.bench/`, made with uv when it is missing or its requirements have changed."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
ENVIRONMENTS = ROOT / ".bench"

# Nobody's tracing, telemetry or update check is measured, and nobody is given a key or a proxy.
QUIET = {
    "AGNO_TELEMETRY": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "LOGFIRE_SEND_TO_LOGFIRE": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "OTEL_SDK_DISABLED": "true",
    "PYTHONHASHSEED": "0",
}
PASSED_ON = ("PATH", "HOME", "TMPDIR")
AIOHTTP = "aiohttp==3.14.5"

VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""


class Failed(Exception):
    """A process of a system ended badly; the text is the last of what it said."""


class System(NamedTuple):
    """A row of `peers.toml`."""

    name: str
    environment: str
    requires: tuple[str, ...]
    statement: str
    shown: tuple[str, ...]
    variables: dict[str, str] = {}

    @property
    def module(self) -> str:
        # A module `agno.py` could be taken for the package that it imports.
        return self.name if self.name == "floor" else f"{self.name}_"

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.environment / "bin" / "python"

    def prepare(self) -> None:
        folder = ENVIRONMENTS / self.environment
        stamp = folder / "requires.json"
        wanted = json.dumps([sys.version, *self.requires])
        if stamp.exists() and stamp.read_text() == wanted:
            return
        print(f"making {folder.relative_to(ROOT)} …", file=sys.stderr)
        uv = os.environ.get("UV") or shutil.which("uv")
        if uv is None:
            raise SystemExit("uv is needed to make the environments; put it on the PATH or name it in UV")
        install = [word for requirement in self.requires for word in requirement.split()]
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, folder], cwd=ROOT, check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--compile-bytecode", "--python", self.python, *install], cwd=ROOT, check=True
        )
        stamp.write_text(wanted)

    def on_aiohttp(self) -> "System":
        """The same with the aiohttp backend of OpenAI's SDK, if it uses that.

        It needs an environment of its own: where aiohttp can be imported, the SDK imports it whether it is used or not.
        """
        if not any(requirement.startswith("openai==") for requirement in self.requires):
            return self
        return self._replace(
            environment=f"{self.environment}-aiohttp",
            requires=(*self.requires, AIOHTTP),
            shown=(*self.shown, "aiohttp"),
            variables={"BENCH_OPENAI_CLIENT": "aiohttp"},
        )

    def versions(self) -> dict[str, str]:
        return json.loads(self.call("-c", VERSIONS, *self.shown))

    def call(self, *arguments: str | Path, seconds: float = 900) -> str:
        """What a process of this system prints."""
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            done = subprocess.run(
                [self.python, *arguments],
                env=environment | QUIET | self.variables,
                cwd=ENVIRONMENTS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"took more than {seconds:.0f} s") from None
        if done.returncode:
            raise Failed((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
        if done.stderr.strip():
            print(f"[{self.name}] {done.stderr.strip()[-500:]}", file=sys.stderr)
        return done.stdout


def all_systems() -> dict[str, System]:
    rows = tomllib.loads((BENCH / "peers.toml").read_text())
    return {
        name: System(
            name=name,
            environment=row.get("environment", name),
            requires=tuple(rows[row.get("environment", name)]["requires"]),
            statement=row["import"],
            shown=tuple(row["shown"]),
        )
        for name, row in rows.items()
    }


class Server:
    """A loopback server, in a process of its own for as long as the context lasts."""

    def __init__(self, script: str = "server.py") -> None:
        self._script = script

    def __enter__(self) -> "Server":
        self._process = subprocess.Popen(
            [sys.executable, BENCH / self._script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    @cached_property
    def url(self) -> str:
        return f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"

    def __exit__(self, *_error: object) -> None:
        self._process.stdin.close()
        self._process.wait()
