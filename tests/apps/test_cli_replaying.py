"""`journeyman record` and `journeyman replay`."""

from __future__ import annotations

import pytest

from journeyman.apps.cli import main
from journeyman.testing import provider_twin

PROGRAM = """
import sys
from journeyman import Agent, ScriptedModel
from beside import words

if "fail" in sys.argv:
    raise ValueError("my own mistake")
try:
    print(Agent(ScriptedModel(words[:1] if "live" in sys.argv else [])).run_sync(sys.argv[1]).output)
except Exception:
    print("something went wrong")
if "exit" in sys.argv:
    sys.exit(7)
if "complain" in sys.argv:
    sys.exit("I complain")
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "beside.py").write_text('words = ["Hello."]')
    return tmp_path


def test_a_script_is_recorded_and_replayed(capsys):
    """A script with flags of its own runs as under Python itself, and again without its model."""
    assert main(["record", "t.jsonl", "program.py", "--json", "live"]) == 0
    assert main(["replay", "t.jsonl", "program.py", "--json"]) == 0
    out, err = capsys.readouterr()
    assert out == "Hello.\nHello.\n"
    assert "recorded on t.jsonl" in err


def test_a_miss_is_not_well_done(capsys):
    """A script that swallows the miss still gives exit code 1, with the hash and the first difference."""
    main(["record", "t.jsonl", "program.py", "Hi", "live"])
    assert main(["replay", "t.jsonl", "program.py", "Hello"]) == 1
    err = capsys.readouterr().err
    assert 'messages[0].parts[0].text: expected "Hi", got "Hello"' in err
    assert "no answer to request " in err
    assert main(["replay", "--loose", "t.jsonl", "program.py", "Hello", "live"]) == 0


@pytest.mark.parametrize(("how", "code"), [("exit", 7), ("complain", 1), ("fail", 1)])
def test_the_exit_code_is_the_scripts(capsys, how, code):
    """What the script says of itself stays true, and an error of its own is shown as Python shows it."""
    assert main(["record", "t.jsonl", "program.py", "Hi", "live", how]) == code
    err = capsys.readouterr().err
    assert {"exit": "recorded", "complain": "I complain", "fail": "ValueError: my own mistake"}[how] in err


def test_modules_and_appending(capsys, here):
    """-m runs a module; --append adds to the tape."""
    assert main(["record", "t.jsonl", "-m", "program", "Hi", "live"]) == 0
    assert main(["record", "--append", "t.jsonl", "program.py", "Ho", "live"]) == 0
    assert main(["replay", "t.jsonl", "program.py", "Hi"]) == 1
    assert "not asked for: run" in capsys.readouterr().err
    assert main(["record", "t.jsonl", "-m"]) == 2
    assert "-m needs the name" in capsys.readouterr().err


def test_wrong_usage_is_told(capsys):
    """A script or a tape that is not there is the caller's to mend."""
    assert main(["record", "t.jsonl", "absent.py"]) == 2
    assert main(["replay", "absent.jsonl", "program.py"]) == 2
    err = capsys.readouterr().err
    assert "there is no script absent.py" in err
    assert "make one with record(" in err


def test_a_command_of_ours_is_recorded_and_replayed(capsys, monkeypatch):
    """`journeyman run` needs neither key nor server when it is replayed."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ask = ["run", "Hi", "--model", "openai-chat:any", "--journal", "memory:"]
    with provider_twin(["Hello from the twin."]) as twin:
        monkeypatch.setenv("OPENAI_API_KEY", "test-key-123")
        assert main(["record", "t.jsonl", *ask, "--base-url", twin.url]) == 0
        monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["replay", "t.jsonl", *ask]) == 0
    assert capsys.readouterr().out.count("Hello from the twin.") == 2
    assert main(["replay", "t.jsonl", "run", "Ho", *ask[2:]]) == 1
    assert capsys.readouterr().err.count("error:") == 1
