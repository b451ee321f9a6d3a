"""`journeyman doctor`: it finds what is there, names what is missing, and gives nothing away."""

import asyncio
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from journeyman.apps.cli.doctor import PATIENCE
from journeyman.compose import open_journal
from journeyman.providers import shown_address

SECRET = "sk-very-secret-0123456789"


@contextmanager
def server(status, body):
    """A server on loopback that always says the same."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Not on standard error."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/v1"
        finally:
            http.shutdown()
            thread.join()


def findings(done, about):
    return {item["name"]: item for item in json.loads(done.out)["findings"] if item["about"] == about}


def test_without_anything_it_says_how_to_get_it(command):
    """No key and no server: exit code 1, the names of the variables, and where keys are made."""
    done = command("doctor")
    assert (done.code, done.err) == (1, "")
    assert "OPENAI_API_KEY is not set" in done.out
    assert "keys are made at https://console.anthropic.com/settings/keys" in done.out
    assert "https://ollama.com/download" in done.out
    assert "set COMPATIBLE_BASE_URL" in done.out
    assert "journeyman demo works without either" in done.out


def test_a_key_is_enough_and_never_shown(command, monkeypatch):
    """With a key in the environment the exit code is 0; its value is nowhere, in no form of output."""
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    for argv in (("doctor",), ("doctor", "--json"), ("doctor", "--debug")):
        done = command(*argv)
        assert done.code == 0
        assert "GROQ_API_KEY is set" in done.out
        assert SECRET not in done.out + done.err


def test_an_empty_key_is_none(command, monkeypatch):
    """A variable that is set to nothing counts as not set."""
    monkeypatch.setenv("OPENAI_API_KEY", "")
    done = command("doctor", "--json")
    assert done.code == 1
    assert not findings(done, "credential")["openai"]["ok"]


def test_a_local_server_with_models_is_enough(command, monkeypatch):
    """The models of a server are named, with the command that uses one; control characters in names are taken out."""
    names = json.dumps({"models": [{"name": f"llama\x1b[31m-{n}"} for n in range(8)]}).encode()
    with server(200, names) as url:
        monkeypatch.setenv("OLLAMA_BASE_URL", url)
        done = command("doctor")
        assert done.code == 0
        assert "llama-0, llama-1" in done.out
        assert "and 2 more" in done.out
        assert "--model ollama:llama-0" in done.out
        assert "\x1b" not in done.out
        found = findings(command("doctor", "--json"), "server")
        assert len(found["ollama"]["models"]) == 8
        assert found["ollama"]["usable"]
        assert not found["lmstudio"]["ok"]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b'{"data": []}', "has no model"),
        (404, b"", "HTTP status 404"),
        (200, b"<html>", "no model server"),
        (200, b'{"data": [3]}', "no model server"),
        (200, b'{"models": []}', "no model server"),
        (200, b"[" * 9_000_000, "no end"),
    ],
)
def test_what_answers_but_is_of_no_use(command, monkeypatch, status, body, said):
    """Whatever listens on a model server's port, it is told and does not count."""
    with server(status, body) as url:
        monkeypatch.setenv("LMSTUDIO_BASE_URL", url)
        done = command("doctor", "--json")
    assert done.code == 1
    assert said in findings(done, "server")["lmstudio"]["detail"]


async def test_a_server_that_never_answers_is_given_up(monkeypatch, capsys):
    """A port that accepts and stays silent does not hold up the doctor."""
    from journeyman.apps.cli import doctor, main

    monkeypatch.setattr(doctor, "PATIENCE", 0.05)
    assert PATIENCE <= 2

    async def hold(reader, writer):
        await reader.read()  # until the client gives up
        writer.close()
        gone.set()

    gone = asyncio.Event()
    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with silent:
        monkeypatch.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}/v1")
        code = await asyncio.to_thread(main, ["doctor", "--json"])
        await gone.wait()
    detail = {item["name"]: item["detail"] for item in json.loads(capsys.readouterr().out)["findings"]}["ollama"]
    assert code == 1
    assert "answer" in detail


def test_a_compatible_server_of_ones_own_is_found(command, monkeypatch):
    """A server at an address from the environment counts, and a password in the address is not shown."""
    with server(200, b'{"data": [{"id": "m"}]}') as url:
        monkeypatch.setenv("COMPATIBLE_BASE_URL", url.replace("http://", f"http://user:{SECRET}@"))
        done = command("doctor")
        # With a key as well, there are two credentials for one place, which is an error and must not show either.
        monkeypatch.setenv("COMPATIBLE_API_KEY", SECRET)
        both = command("doctor")
    assert SECRET not in done.out + done.err + both.out + both.err
    assert "answers at http://127.0.0.1" in done.out


@pytest.mark.parametrize(
    ("url", "shown"),
    [("http://u:p@h:1/v1", "http://h:1/v1"), ("http://h/v1", "http://h/v1"), ("https://p%40@h", "https://h")],
)
def test_addresses_are_shown_without_their_password(url, shown):
    """Only the part before the last @ is left out."""
    assert shown_address(url) == shown


def test_a_journal_that_is_there_is_opened(command, monkeypatch, place):
    """A journal that can be read is fine; looking makes none."""
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    assert "is not there yet" in command("doctor").out
    assert list(place.iterdir()) == []

    async def make():
        async with open_journal("sqlite:///journeyman.db") as log:
            await log.runs()

    asyncio.run(make())
    done = command("doctor")
    assert (done.code, "can be read" in done.out) == (0, True)


@pytest.mark.parametrize("journal", ["sqlite:///nowhere/runs.db", "sqlite:///noise.db", "papyrus"])
def test_a_journal_that_cannot_be_opened_fails(command, monkeypatch, place, journal):
    """A missing folder, a file of another kind and an unknown address are told, with what to do about it."""
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    (place / "noise.db").write_bytes(b"noise" * 1000)
    done = command("doctor", "--journal", journal)
    assert done.code == 1
    assert "choose another with --journal" in done.out


def test_a_missing_package_is_told_with_the_way_to_install_it(command, monkeypatch):
    """Optional packages are named with the extra that brings them."""
    from journeyman.apps.cli import doctor

    monkeypatch.setattr(doctor, "_PACKAGES", {"no-such-package": "journeyman[serve]"})
    out = command("doctor").out
    assert "not installed" in out
    assert 'pip install "journeyman[serve]"' in out
