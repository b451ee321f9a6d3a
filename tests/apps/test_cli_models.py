"""`journeyman models`: what is within reach is listed by the name that --model takes."""

import json

import pytest

from journeyman.providers import VENDORS

SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def lists(monkeypatch):
    """A model server on loopback that gives one list."""
    import threading
    from contextlib import ExitStack
    from http.server import BaseHTTPRequestHandler, HTTPServer

    with ExitStack() as stack:

        def serve(status, value):
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self):
                    self.send_response(status)
                    self.send_header("content-type", "application/json")
                    self.end_headers()
                    self.wfile.write(json.dumps(value).encode())

                def log_message(self, *_):
                    """Not on standard error."""

            server = stack.enter_context(HTTPServer(("127.0.0.1", 0), Handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield serve


def test_models_are_listed_by_the_name_that_the_command_takes(command, monkeypatch, lists):
    """A line each on standard output; control characters of a server's do not reach the terminal."""
    monkeypatch.setenv("OLLAMA_BASE_URL", lists(200, {"models": [{"name": "qwen3:8b"}, {"name": "a\x1b[31mb"}]}))
    monkeypatch.setenv("OPENAI_BASE_URL", lists(200, {"data": [{"id": "gpt-5"}]}))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    done = command("models")
    assert done.code == 0
    assert done.out.splitlines() == ["openai:gpt-5", "ollama:qwen3:8b", "ollama:ab"]
    assert SECRET not in done.out + done.err


def test_what_is_missing_is_told_beside_it(command, monkeypatch, lists):
    """A vendor whose key is refused, and a server that has nothing, in words; on standard error."""
    monkeypatch.setenv("GROQ_API_KEY", SECRET)
    refusing = lists(401, {"error": {"message": f"wrong key {SECRET}"}})
    rows = dict(VENDORS)
    rows["groq"] = type(rows["groq"])(name="groq", dialect="openai_chat", base_url=refusing, key_env="GROQ_API_KEY")
    monkeypatch.setattr("journeyman.providers.discovery.VENDORS", rows)
    monkeypatch.setenv("LMSTUDIO_BASE_URL", lists(200, {"data": []}))
    done = command("models")
    assert (done.code, done.out) == (1, "")
    assert "groq: the key is not accepted (HTTP status 401)" in done.err
    assert "lmstudio: answers, and has no model" in done.err
    assert "journeyman doctor" in done.err
    assert SECRET not in done.err


def test_one_vendor_can_be_asked_alone(command, monkeypatch, lists):
    """And a vendor that is none, or gives no list, is a mistake of the caller's."""
    monkeypatch.setenv("OPENAI_BASE_URL", lists(200, {"data": [{"id": "gpt-5"}]}))
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert command("models", "--vendor", "openai").out == "openai:gpt-5\n"
    wrong = command("models", "--vendor", "opnai")
    assert wrong.code == 2
    assert "'opnai' is not known" in wrong.err
    assert "gives no list" in command("models", "--vendor", "perplexity").err


def test_a_missing_key_of_a_vendor_that_was_named_is_told(command):
    """With the variable."""
    done = command("models", "--vendor", "openai")
    assert done.code == 1
    assert "openai: there is no key for openai: set OPENAI_API_KEY" in done.err


def test_machines_get_one_object(command, monkeypatch, lists):
    """Models, where they are, and who did not answer."""
    url = lists(200, {"models": [{"name": "qwen3:8b"}]})
    monkeypatch.setenv("OLLAMA_BASE_URL", url)
    done = command("models", "--json", "--patience", "2")
    found = json.loads(done.out)
    assert found["models"] == [{"name": "ollama:qwen3:8b", "vendor": "ollama", "model": "qwen3:8b"}]
    assert found["addresses"] == {"ollama": url}
    assert {item["vendor"] for item in found["unreachable"]} == {"lmstudio", "llamacpp", "vllm"}
    assert done.err == ""


def test_vendors_of_packages_are_asked_when_that_is_wanted(command, monkeypatch, tmp_path, lists):
    """`--plugins` loads the entry points; without it nothing is discovered."""
    url = lists(200, {"data": [{"id": "m"}]})
    (tmp_path / "vendor_of_cli.py").write_text(
        "from journeyman.providers import Vendor\n"
        f"ROW = Vendor(name='ofcli', dialect='openai_chat', base_url='{url}', key_env='OFCLI_KEY')\n"
    )
    info = tmp_path / "vendor_of_cli-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-of-cli\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[journeyman.vendors]\nmine = vendor_of_cli:ROW\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("OFCLI_KEY", SECRET)
    try:
        assert "ofcli" not in command("models").out
        assert "ofcli:m" in command("models", "--plugins").out
    finally:
        VENDORS.pop("ofcli", None)
