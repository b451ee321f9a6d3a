"""`journeyman program`: programs from files, programs that wait, and the keyboard."""

import io
import json
import signal
import sys

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from journeyman.apps.cli.view.program import as_json

WAITS = '(println "asked") {:paid (tool/approve {:amount (tool/size {:thing "an egg"})}) :of (reduce + data/xs)}'


@pytest.fixture
def files(place):
    """Tools, data and programs in the working directory; tools write down that they ran."""
    (place / "till.py").write_text(
        "from pathlib import Path\n"
        "from journeyman import Pending\n"
        "def size(thing: str) -> int:\n"
        "    'How long a thing is.'\n"
        "    with Path('ran.txt').open('a') as file: file.write(thing + chr(10))\n"
        "    return len(thing)\n"
        "def approve(amount: int) -> bool:\n    'Ask the boss.'\n    raise Pending({'amount': amount})\n"
        "def burn() -> int:\n    'Burn.'\n    raise ValueError('on \\x1b[31mfire')\n"
        "both = [size, approve]\n"
    )
    (place / "d.json").write_text('{"xs": [1, 2, 3]}')
    (place / "waits.lisp").write_text(WAITS)
    return place


@pytest.fixture
def say(monkeypatch):
    """Puts lines on standard input."""
    return lambda *lines: monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


@pytest.mark.parametrize(
    ("name", "text", "out"),
    [
        ("a.lisp", '(println "hi") {:a [1 nil] :s #{3}}', 'hi\n{"a": [1, null], "s": [3]}\n'),
        ("a.clj", "(reduce + data/xs)", "6\n"),
        ("a.py", 'print("hé")\nsum(data["xs"])\n', "hé\n6\n"),
        ("a.py", '\ufeff"words, as they are"\r\n', "words, as they are\n"),
        ("a.py", "2**100", f"{2**100}\n"),
        ("a.py", 'print("no end of line", end="")', "no end of line\n"),
        ("a.py", 'print("\\x1b[31mred")\n"\\x1b]0;owned\\x07safe"', "red\nsafe\n"),
    ],
)
def test_a_pipe_gets_output_and_value(command, files, name, text, out):
    """Standard output holds what was printed, then the value: text as it is, the rest as JSON, nothing for None."""
    (files / name).write_text(text, newline="")
    done = command("program", "run", name, "--data", "d.json")
    assert (done.code, done.out, done.err) == (0, out, "")


def test_standard_input_needs_a_language(command, say):
    """With - nothing says what it is, so --language has to."""
    say("(* 6 7)")
    refused = command("program", "run", "-")
    assert (refused.code, refused.out) == (2, "")
    assert "--language" in refused.err
    assert command("program", "run", "-", "--language", "clojure").out == "42\n"
    say("(* 6 7)")
    assert "source_bytes=7" in command("program", "run", "-", "--language", "lisp", "--source-bytes", "7").err


@pytest.mark.parametrize(
    ("name", "text", "told", "shown", "before"),
    [
        ("a.lisp", "(def x 1)\n(+ x (fooo 2))", "unbound_var a.lisp:2:7", "(+ x (fooo 2))", "(+ x ("),
        ("a.lisp", "(+ 1 2))", "parse_error a.lisp:1:8", "(+ 1 2))", "(+ 1 2)"),
        ("a.lisp", '(def x 1)\n(str "日本" y)', "unbound_var a.lisp:2:11", '(str "日本" y)', '(str "日本" '),
        ("a.py", 'if 1:\n\tx = "a\u202eb" + 1', "type_error a.py:2:6", ' x = "a b" + 1', " x = "),
    ],
)
def test_an_error_shows_its_place(command, files, name, text, told, shown, before):  # noqa: PLR0913, PLR0917  (a case)
    """A program that fails ends with 1; its line is shown with a mark below the place, wide characters and tabs or not."""
    (files / name).write_text(text)
    done = command("program", "run", name)
    assert (done.code, done.out) == (1, "")
    reason, where = told.split()
    first, second, line, mark = done.err.splitlines()
    assert first.startswith(f"error: {reason}: ")
    assert second.strip() == f"at {where}"
    assert line == f"    {where.split(':')[1]} | {shown}"
    wide = before.count("日") + before.count("本")
    assert mark == f"      | {' ' * (len(before) + wide)}^"


def test_a_long_line_is_cut_around_the_mark(command, files):
    """Of a line of thousands of characters the part with the error is shown."""
    (files / "a.py").write_text(f"x = [{'1, ' * 3000}1]; fooo; y = [{'1, ' * 3000}1]")
    shown, mark = command("program", "run", "a.py").err.splitlines()[-2:]
    assert len(shown) < 200
    assert shown[mark.index("^") :].startswith("fooo;")


@pytest.mark.parametrize(
    ("flag", "value", "text"),
    [
        ("loop-steps", "10", "while True:\n    pass"),
        ("output-bytes", "-1", "1"),
        ("value-bytes", "10", "'x' * 100"),
        ("source-bytes", "10", "'x' + 'y' + 'z'"),
        ("depth", "20", "def f(n):\n    return f(n + 1)\nf(0)"),
        ("tool-calls", "1", "size('a')\nsize('b')"),
    ],
)
def test_limits_are_flags(command, files, flag, value, text):
    """Each limit is set by the flag that its error names; one that makes no sense is the caller's mistake."""
    (files / "a.py").write_text(text)
    done = command("program", "run", "a.py", f"--{flag}={value}", "--tools", "till:size")
    assert done.code == (2 if value == "-1" else 1)
    assert flag.replace("-", "_") in done.err
    assert (f"--{flag}" in done.err) == (value != "-1")


def test_json_is_one_object(command, files):
    """--json tells everything: status, value, output, calls with their arguments and results, and the error's place."""
    (files / "a.py").write_text("print('x')\ntry:\n    burn()\nexcept RuntimeError as e:\n    pass\n[size('egg'), {1}]")
    done = command("program", "run", "a.py", "--tools", "till:size,till:burn", "--json")
    told = json.loads(done.out)
    assert done.code == 0
    assert (told["status"], told["value"], told["printed"], told["error"]) == ("finished", [3, [1]], "x\n", None)
    assert [(call["name"], call["state"]) for call in told["calls"]] == [("burn", "failed"), ("size", "done")]
    (files / "a.py").write_text("1\nfooo")
    done = command("program", "run", "a.py", "--json")
    told = json.loads(done.out)
    assert (done.code, told["status"], told["error"]["line"]) == (1, "failed", 2)


def test_calls_are_told_beside_the_value(command, files):
    """The calls of tools are on standard error, with what a failed one said; it moves no cursor."""
    (files / "a.py").write_text("size('egg')\nburn()")
    done = command("program", "run", "a.py", "--tools", "till:size,till:burn")
    assert done.code == 1
    assert '✓ size(thing="egg")' in done.err
    assert "✗ burn(): burn failed: ValueError: on fire" in done.err
    assert "\x1b" not in done.err


def test_a_program_waits_in_a_file_and_goes_on(command, files):
    """--save keeps what is needed; resume gives the answer, runs no tool a second time and ends as if it had never waited."""
    done = command("program", "run", "waits.lisp", "--data", "d.json", "--tools", "till:both", "--save", "kept it.json")
    assert (done.code, done.out) == (3, "asked\n")
    assert 'waits for call 1, approve(amount=6): {"amount": 6}' in done.err
    assert "journeyman program resume 'kept it.json' --answer 1=JSON" in done.err
    again = command("program", "resume", "kept it.json", "--tools", "till:both")
    assert again.code == 3
    assert "journeyman program resume 'kept it.json' --answer 1=JSON" in again.err
    done = command("program", "resume", "kept it.json", "--tools", "till:both", "--answer", "1=true", "--json")
    told = json.loads(done.out)
    assert (done.code, told["value"], told["printed"]) == (0, {"paid": True, "of": 6}, "asked\n")
    assert (files / "ran.txt").read_text() == "an egg\n"
    assert not (files / "kept it.json.new").exists()


def test_a_program_that_waits_is_not_kept_unasked(command, files):
    """Without --save no file is made, and that is said."""
    before = {path.name for path in files.iterdir()}
    done = command("program", "run", "waits.lisp", "--data", "d.json", "--tools", "till:both", "--json")
    assert (done.code, json.loads(done.out)["waiting"]) == (3, [1])
    done = command("program", "run", "waits.lisp", "--data", "d.json", "--tools", "till:both")
    assert "--save FILE" in done.err
    assert {path.name for path in files.iterdir()} - before <= {"ran.txt", "__pycache__"}


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("run", "nowhere.py"), "nowhere.py cannot be read"),
        (("run", "folder.py"), "cannot be read"),
        (("run", "till.txt"), "--language"),
        (("run", "latin.py"), "no text in UTF-8"),
        (("run", "waits.lisp", "--language", "cobol"), "the languages are: python, lisp"),
        (("run", "waits.lisp", "--data", "nowhere.json"), "cannot be read"),
        (("run", "waits.lisp", "--data", "till.py"), "--data till.py"),
        (("run", "waits.lisp", "--data", "list.json"), "one JSON object"),
        (("run", "waits.lisp", "--data", "deep.json"), "one JSON object"),
        (("run", "waits.lisp", "--data", "d.json", "--tools", "till:nothing"), "nothing does not exist in till"),
        (("run", "waits.lisp", "--data", "d.json", "--tools", "till:both", "--save", "no/s.json"), "cannot be written"),
        (("resume", "d.json"), "d.json holds no program that waits"),
        (("resume", "odd.json", "--answer", "0=1"), "ids have to count from 0"),
        (("resume", "s.json", "--answer", "7=1"), "the calls that do: 0"),
        (("resume", "s.json", "--answer", "x=1"), "0=true"),
        (("resume", "s.json", "--answer", "0=yes"), "0=true"),
        (("repl", "--language", "cobol"), "the languages are: python, lisp"),
    ],
)
def test_what_the_caller_can_mend_ends_with_2(command, files, argv, said):
    """A mistake of the caller's is told with what to do, and without a traceback."""
    (files / "folder.py").mkdir()
    (files / "latin.py").write_bytes("'é'".encode("latin-1"))
    (files / "list.json").write_text("[1]")
    (files / "deep.json").write_text('{"a":' + "[" * 100_000)
    call = {"id": 0, "name": "approve", "arguments": {"amount": 1}, "state": "waiting"}
    for name, calls in (("s.json", [call]), ("odd.json", [{**call, "id": 4}])):
        (files / name).write_text(json.dumps({"source": "approve(1)", "language": "python", "calls": calls}))
    done = command("program", *argv)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert "not foreseen" not in done.err


def test_a_file_that_tells_another_program_is_not_believed(command, files):
    """Recorded calls that the program does not make are a difference, told before anything runs."""
    calls = [{"id": 0, "name": "size", "arguments": {"thing": "other"}, "state": "done", "value": 1}]
    (files / "s.json").write_text(json.dumps({"source": "size('egg')", "language": "python", "calls": calls}))
    done = command("program", "resume", "s.json", "--tools", "till:size")
    assert (done.code, done.out) == (1, "")
    assert "did not repeat call 0" in done.err
    assert not (files / "ran.txt").exists()


def test_what_is_defined_stays(command, say):
    """Definitions and the last values are there for the next program; a failed one leaves them as they were."""
    say(
        "(def x {:a 1",
        "        :b #{2}})",
        "x",
        "(:a *1)",
        "(defn f [n]",
        "  (* 2 n))",
        "(f (f *2))",
        "",
        "(+ *1 (fooo))",
        "(f 5)",
    )
    done = command("program", "repl")
    assert done.out.splitlines() == ["#'x", "{:a 1 :b #{2}}", "1", "#'f", "4", "10"]
    assert done.err.count("error: ") == 1
    assert done.code == 0


def test_the_exit_code_of_a_pipe_is_that_of_the_last_program(command, say, monkeypatch):
    """What is never closed is an error at the end of input."""
    say("1", "(+ 1", "2")
    done = command("program", "repl")
    assert (done.code, done.out) == (1, "1\n")
    assert "parse_error" in done.err
    monkeypatch.setattr(sys, "stdin", io.StringIO("fooo\nif True:\n    print(1)"))
    assert command("program", "repl", "--language", "python").code == 0


def test_names_are_told(command, files, say):
    """doc, apropos and dir know functions, special forms, tools, data and what was defined, however they are written."""
    say(
        "doc map", "(doc ->>)", "(doc atom)", "doc mapp", "(doc tool/size)", '(apropos "split-l")', "(dir data)",
        "(dir nowhere)", "(defn twice [n] (* 2 n))", "doc twice", "doc", "help", "exit", "(never)",
    )  # fmt: skip
    done = command("program", "repl", "--data", "d.json", "--tools", "till:both")
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert lines[0].startswith("(map f ")
    assert lines[1].startswith("(->> ")
    assert "there is no mutable state" in lines[2]
    assert "did you mean 'map'?" in lines[3]
    assert lines[4:6] == ["(tool/size {:thing thing})", "  How long a thing is."]
    assert lines[6:8] == ["split-lines str/split-lines", "data/xs"]
    assert "there is no namespace nowhere" in lines[8]
    assert "(def twice (fn [n] (* 2 n)))" in done.out
    assert "Write PTC-Lisp" in done.out
    assert "Ctrl-C" in done.out


def test_python_has_a_prompt_too(command, files, say):
    """An indented block ends with an empty line; tools are called by name; what is defined stays, unless its program fails."""
    say(
        "for n in range(2):",
        "    print(n)",
        "",
        "[1,",
        " 2]",
        "'a'",
        "size('egg')",
        "doc size",
        "doc len",
        "dir()",
        "x = 1; text = 'a'",
        "def twice(n):",
        "    return 2 * n",
        "",
        "twice(x)",
        "x = 9; 1 / 0",
        "x",
        "doc twice",
        "doc text",
        "apropos twi",
        "doc",
        "y",
    )
    done = command("program", "repl", "--language", "python", "--tools", "till:size")
    lines = done.out.splitlines()
    assert lines[:6] == ["0", "1", "[1, 2]", "'a'", "3", "size(thing)"]
    assert lines[7].startswith("len: ")
    assert "size" in lines[8].split()
    assert lines[9:14] == ["2", "1", "def twice(n):", "    return 2 * n", "text: str, of an earlier program"]
    assert lines[14] == "twice"
    assert "- def twice(n):" in lines
    assert (done.code, "unbound_var" in done.err) == (1, True)


def test_a_program_that_waits_is_answered_at_the_prompt(command, files, say):
    """answer goes on with the program that waits; without one, and with what is no JSON, it says so."""
    say("answer 0 true", "(def paid (tool/approve {:amount 3}))", "answer 0 yes", "answer 0 true", "paid")
    done = command("program", "repl", "--tools", "till:approve")
    assert done.out.splitlines() == ["#'paid", "true"]
    assert "no program waits" in done.err
    assert "answer 0 takes JSON" in done.err
    assert "next:  answer 0 JSON" in done.err


def test_machines_get_an_object_for_each_program(command, say):
    """With --json a failed program is an object, too."""
    say("(+ 1 2)", "(fooo)", "*1")
    told = [json.loads(line) for line in command("program", "repl", "--json").out.splitlines()]
    assert [(row["status"], row["value"]) for row in told] == [("finished", 3), ("failed", None), ("finished", 3)]


def test_an_endless_line_does_not_pile_up(command, monkeypatch):
    """A pipe without an end is read up to what a program may have, refused, and read on."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("(" * 5_000))
    done = command("program", "repl", "--source-bytes", "1000")
    assert done.code == 1
    assert done.err.count("source_bytes=1,000") == 4


@pytest.fixture
def type_keys(monkeypatch, terminal):
    """Types keys in a terminal."""

    class Keyboard(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdin", Keyboard())
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        yield keys.send_text


def test_enter_ends_an_input_once_its_forms_are_closed(command, type_keys):
    """In a terminal open forms go on in the next line, Tab completes, Ctrl-C forgets the input, Ctrl-D leaves with 0."""
    type_keys("(reduce +\r(ran\tge 4))\r(never \x03(fooo)\r\x04")
    done = command("program", "repl")
    assert done.code == 0
    assert "6\n" in done.out
    assert done.err.count("error: ") == 1
    assert "nothing is called fooo" in done.err


def test_ctrl_c_ends_the_program_and_not_the_prompt(start, files):
    """After an interrupt in the middle of a program the next one finds all that was there before."""
    (files / "slow.py").write_text(
        "import asyncio\n"
        "async def forever() -> int:\n    'Wait.'\n    print('begun', flush=True)\n    await asyncio.Event().wait()\n"
    )
    child = start("program", "repl", "--tools", "slow:forever")
    child.stdin.write("(def x 7)\n(tool/forever)\n")
    child.stdin.flush()
    assert [child.stdout.readline() for _ in range(2)] == ["#'x\n", "begun\n"]
    child.send_signal(signal.SIGINT)
    out, err = child.communicate("x\n", timeout=60)
    assert (child.returncode, out) == (0, "7\n")
    assert "interrupted" in err


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1: set("hgfedcba")}, '{"1": ["a", "b", "c", "d", "e", "f", "g", "h"]}'),
        ({(1, 2): 3}, '"{(1, 2): 3}"'),
        (float("nan"), '"nan"'),
        (b"a", "\"b'a'\""),
    ],
)
def test_values_that_json_lacks(value, text):
    """Sets are lists, and what JSON has no form for is what Python writes."""
    assert as_json(value) == text
    json.loads(text)


def test_numbers_of_too_many_digits_are_told():
    """Python refuses to write an integer of ten thousand digits; that is said in its place."""
    assert "int" in as_json([10**10_000])
