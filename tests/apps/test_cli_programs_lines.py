"""What the prompt of programs takes for a whole input, and the names that it knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.apps.cli.programs_lines import Lines, is_whole
from journeyman.apps.cli.programs_names import BUILTINS, MODULES, LispNames, apropos, doc, listed
from journeyman.programs import open_sandbox


@pytest.mark.parametrize(
    ("language", "text", "whole"),
    [
        ("lisp", "(a)\n", True),
        ("lisp", "(a [\n", False),
        ("lisp", '(a ")")\n', True),
        ("lisp", '(a "\\")\n', False),
        ("lisp", "(a ; )\n", False),
        ("lisp", "(a \\) \n)\n", True),
        ("lisp", "(a))\n", True),
        ("python", "x = {1:\n", False),
        ("python", "if x:  # why\n    y\n", False),
        ("python", "if x:\n    y\n    # why\n", False),
        ("python", "if x:\n    y\n\n", True),
        ("python", "@f\ndef g(): 1\n", False),
        ("python", "x = 1 + \\\n", False),
        ("python", "x = 1 + \\\n2\n", True),
        ("python", '"""a\n\n', False),
        ("python", '"""a\n"""\n', True),
        ("python", "'never closed\n", True),
        ("python", "x = '#:'\n", True),
    ],
)
def test_when_an_input_is_whole(language, text, whole):
    """Brackets in strings, comments and characters do not count."""
    assert is_whole(text, language) is whole


@given(st.text(alphabet="()[]{}\"\\;\n a'#:", max_size=200), st.sampled_from(["lisp", "python"]))
def test_lines_keep_every_character(text, language):
    """Whatever is typed comes out as it went in."""
    lines = Lines(language)
    for line in text.splitlines(keepends=True):
        lines.add(line)
    assert lines.text == text


def test_an_open_string_is_read_once():
    """A string that is never closed costs time in proportion to its length, backslashes or not."""
    assert not Lines("lisp").add('"' + "\\a" * 100_000)


async def test_every_python_name_is_there():
    """What completion offers for Python, the sandbox has."""
    async with open_sandbox(processes=1) as sandbox:
        code = "\n".join([*(f"import {name}" for name in MODULES), f"[{', '.join(BUILTINS)}]\nNone"])
        assert (await sandbox.run(code)).error is None


def test_every_lisp_name_is_known():
    """What completion offers for Lisp can be looked up, and a special form is none of the library's functions."""
    names = LispNames((), {}, dict)
    assert all(names.doc(word) for word in names.words())
    assert len(names.words()) > 300
    assert "str/join" in listed(names, "str").split() or "join" in apropos(names, "join").split()
    assert doc(names, "where").startswith("(where ")
    assert {"let", "defn", "->>"} <= set(names.words())


def test_a_namespace_of_clojure_is_completed():
    """What programs write as str/join and set/union is offered under these names."""
    words = LispNames((), {}, dict).words()
    assert {"str/join", "str/split", "set/union", "set/join", "walk/postwalk"} <= set(words)
