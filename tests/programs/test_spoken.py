"""Programs in a model's words: which text is run, and which never is."""
# ruff: noqa: RUF001  (curly quotes and wide brackets are what this is about)

from __future__ import annotations

import ast
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.programs import Spoken, programs_in
from journeyman.programs.lisp.reader import read
from journeyman.programs.spoken.repairing import mended

LISP_LABELS = ["lisp", "clojure", "clj", "ptc-lisp", "ptc_lisp", "Clojure", "LISP", "{.clojure}", "clojure title=a.clj"]
PYTHON_LABELS = ["python", "py", "Python", "python3", "{.python}"]


def lisp(text: str) -> Spoken:
    return programs_in(text, "lisp")


def python(text: str) -> Spoken:
    return programs_in(text, "python")


# --- fences ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", LISP_LABELS)
@pytest.mark.parametrize("fence", ["```", "~~~", "````"])
def test_a_fence_marked_as_lisp_is_the_program(label: str, fence: str):
    """All labels and kinds of fences count, and what is around them is prose."""
    found = lisp(f"I look.\n\n{fence}{label}\n(def x 1)\n\n(return x)\n{fence}\n\nSo it is.")
    assert found == Spoken(code="(def x 1)\n\n(return x)", prose="I look.\n\n\nSo it is.")


@pytest.mark.parametrize("label", PYTHON_LABELS)
def test_a_fence_marked_as_python_is_the_program(label: str):
    """The same for Python, whose indentation stays."""
    found = python(f"```{label}\nfor x in [1]:\n    print(x)\n```")
    assert found == Spoken(code="for x in [1]:\n    print(x)")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- first\n- ```lisp\n  (+ 1\n     2)\n  ```", "(+ 1\n   2)"),
        ("1. Do:\n   ```lisp\n   (+ 1 2)\n   ```", "(+ 1 2)"),
        ("\t```lisp\n\t(+ 1 2)\n\t```", "(+ 1 2)"),
        ("```lisp\n(+ 1 2)```", "(+ 1 2)"),  # nothing else closes it
        ("```lisp (+ 1 2)```", "(+ 1 2)"),
        ("```lisp (def x 1)\n(inc x)\n```", "(def x 1)\n(inc x)"),
        ('````lisp\n(println "```")\n````', '(println "```")'),
        ('~~~lisp\n(println "```")\n~~~', '(println "```")'),
        ("```lisp\n(def x 1)\n```lisp\n(inc x)\n```", "(def x 1)\n\n(inc x)"),  # the first one was never closed
        ("```lisp\n(+ 1 2)\n``` ", "(+ 1 2)"),
        ("```lisp\n(+ 1 2)\n```<|im_end|>", "(+ 1 2)"),
        ("```lisp\n(+ 1 2)<|eot_id|>\n```", "(+ 1 2)"),
    ],
)
def test_fences_as_models_write_them(text: str, code: str):
    """In lists, on the line of the code, within one another, forgotten, followed by tokens."""
    assert lisp(text).code == code


def test_indentation_within_a_list_is_the_lists():
    """Python that is indented with its fence is dedented as a whole."""
    assert python("- do\n\n  ```python\n  if x:\n      f()\n  ```").code == "if x:\n    f()"


def test_unmarked_fences_count_where_they_are_the_language():
    """Lisp begins with a parenthesis; Python parses, and does something."""
    assert lisp("```\n(+ 1 2)\n```").code == "(+ 1 2)"
    assert python("```\nx = search(1)\n```").code == "x = search(1)"
    for text in ("```\ntotal: 5\n```", '```\n{"a": [1, 2]}\n```', "```\nno code here\n```", "```\n42\n```", "```\n```"):
        assert python(text) == Spoken(prose=text.strip())
        assert lisp(text).code is None


def test_unmarked_fences_are_samples_where_there_are_marked_ones():
    """What stands beside a marked program is shown, not run."""
    found = lisp("```\n(return 1)\n```\nlike this:\n```lisp\n(return 2)\n```")
    assert found.code == "(return 2)"
    assert found.prose == "```\n(return 1)\n```\nlike this:"


@pytest.mark.parametrize("label", ["json", "text", "output", "yaml", "edn"])
@pytest.mark.parametrize("language", ["lisp", "python"])
def test_data_is_never_code(label: str, language: Literal["lisp", "python"]):
    """Blocks of data are prose, and no reason to complain."""
    text = f"The answer:\n```{label}\n(print(1))\n```"
    assert programs_in(text, language) == Spoken(prose=text)


@pytest.mark.parametrize(
    ("language", "label", "wanted"),
    [
        ("lisp", "python", "PTC-Lisp"),
        ("lisp", "javascript", "PTC-Lisp"),
        ("python", "clojure", "Python"),
        ("python", "sql", "Python"),
    ],
)
def test_blocks_of_another_language_are_told(language: Literal["lisp", "python"], label: str, wanted: str):
    """The model hears which language its programs are in, and how to mark them."""
    found = programs_in(f"```{label}\nf(1)\n```", language)
    assert found.code is None
    assert (
        found.problem
        == f"blocks of {label} are not run: write the program in {wanted}, in a block that begins with ```{language}"
    )


def test_a_block_of_another_language_beside_the_program_is_prose():
    """It stays where it was."""
    found = lisp("In SQL:\n```sql\nselect 1\n```\n```lisp\n(+ 1 2)\n```")
    assert (found.code, found.prose, found.problem) == ("(+ 1 2)", "In SQL:\n```sql\nselect 1\n```", None)


@pytest.mark.parametrize(
    "text", ["```lisp\n(def x 1)\n(ret", "```lisp\n(def x 1)\n```\nthen\n```lisp\n(send", "```\n(def x", "```lisp"]
)
def test_what_was_cut_off_is_not_run(text: str):
    """An answer that ended within its program is told so; not even the blocks before it run."""
    found = lisp(text)
    assert found.code is None
    assert found.problem is not None
    assert "nothing was run" in found.problem


def test_an_empty_block_is_told():
    """There is a fence, and nothing in it."""
    assert lisp("```lisp\n\n```").problem == "the block of the program is empty, so nothing was run"


# --- several blocks -------------------------------------------------------------------------------------------------------


def test_blocks_are_one_program_in_their_order():
    """Models stop to talk between steps."""
    found = python("First:\n```python\nx = 1\n```\nthen\n```python\nprint(x)\n```")
    assert found == Spoken(code="x = 1\n\nprint(x)", prose="First:\nthen")


def test_a_block_that_is_said_twice_is_run_once():
    """A program that is repeated as a summary has its effects once."""
    found = lisp("```lisp\n(tool/send {})\n```\n```lisp\n(def x 1)\n```\nAll in all:\n```lisp\n\n(tool/send {})\n```")
    assert found.code == "(tool/send {})\n\n(def x 1)"


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("lisp", "(tool/a {})\n(return 1)", "(return 2)"),
        ("python", "a()\nreturn 1", "return 2"),
        ("lisp", "(fail :x)", "(inc 1)"),
    ],
)
def test_what_follows_a_return_takes_its_place(language: Literal["lisp", "python"], first: str, second: str):
    """A model that corrects itself means the later program, and is told that the earlier one was left out."""
    found = programs_in(f"```{language}\n{first}\n```\nWait:\n```{language}\n{second}\n```", language)
    assert found.code == second
    assert found.note == "of 2 blocks the first 1 were not run: what comes after a return takes its place"


# --- thoughts and tokens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["think", "thinking", "Reasoning"])
def test_thoughts_are_neither_code_nor_prose(tag: str):
    """Whatever a model tries out in its thoughts is not run."""
    found = lisp(f"<{tag}>maybe\n```lisp\n(return 9)\n```\nor (return 8)</{tag}>So:\n```lisp\n(return 1)\n```")
    assert found == Spoken(code="(return 1)", prose="So:")


def test_a_thought_that_began_in_the_prompt_ends_where_it_is_closed():
    """Some templates open the thought themselves."""
    assert lisp("plan: ```(f)```\n```lisp\n(return 9)\n```\n</think>\n\nIt is 5.") == Spoken(prose="It is 5.")
    assert lisp("```lisp\n(never closed\n</think>\n(return 1)").code == "(return 1)"


def test_a_second_end_of_a_thought_takes_nothing_away():
    """Once a thought has ended, the tag is a word as others are."""
    assert lisp("<think>a</think>Well.\nIt was\n</think>").prose == "Well.\nIt was\n</think>"


def test_a_text_may_speak_of_tags():
    """A tag in the middle of a line, or within code, is what it says."""
    assert lisp("Use the </think> tag here.").prose == "Use the </think> tag here."
    assert (
        lisp('```lisp\n(println "<think>")\n(println "</think>")\n```').code
        == '(println "<think>")\n(println "</think>")'
    )


@pytest.mark.parametrize("text", ["<think>\n```lisp\n(return 1)\n```", "```lisp\n(return 1)\n```\n<think>or rather"])
def test_an_answer_that_ended_within_a_thought_runs_nothing(text: str):
    """The model had not made up its mind."""
    found = lisp(text)
    assert found.code is None
    assert found.problem == "the answer ended within a thought, so nothing was run: give the program after it"


def test_tokens_of_templates_are_left_out():
    """They are no words, wherever they stand."""
    found = python(
        "<|start|>assistant<|message|>Well.\n<|python_tag|>```python\nf()\n```<|eom_id|>\n<｜end▁of▁sentence｜>"
    )
    assert found == Spoken(code="f()", prose="assistantWell.")


# --- bare forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(return {:a 1})", "(return {:a 1})"),
        ("  (+ 1 2)  ", "(+ 1 2)"),
        ("(count orders)", "(count orders)"),
        ("((partial + 1) 2)", "((partial + 1) 2)"),
        ("((comp inc inc) 0)", "((comp inc inc) 0)"),
        ('(:name {:name "Ada"})', '(:name {:name "Ada"})'),
        ("(my-own 3)", "(my-own 3)"),  # nothing else is said: it is no prose
        (
            "Let me see.\n(def xs (tool/list {}))\n\n(return\n  (count xs))\nThat is all.",
            "(def xs (tool/list {}))\n\n(return\n  (count xs))",
        ),
        ("So:\n(defn f [x] (inc x)) ; mine\n(f 3)", "(defn f [x] (inc x)) ; mine\n(f 3)"),
        ("So:\n(def x 1) (return x)", "(def x 1) (return x)"),
        ('So:\n(println "a ) in a string" \\) ) ; and ) here', '(println "a ) in a string" \\) ) ; and ) here'),
        ("So:\n(return 1)\nNo, wait:\n(return 2)", "(return 2)"),
        ("So:\n(str/join “, ” [1 2])", '(str/join ", " [1 2])'),
        ("So:\n（return 5）", "(return 5)"),
    ],
)
def test_forms_between_words_are_the_program(text: str, code: str):
    """A line that begins with a call of something known, and whose brackets end with a line, is run."""
    assert lisp(text).code == code


@pytest.mark.parametrize(
    "text",
    [
        "(note that this is fine)",
        "Well.\n(see the table above)",
        "Well.\n(first we look at the orders, then we count)",
        "Well.\n(if you want more, ask)",
        "Well.\n(some, not all.)",
        "Well.\n(return to the start)",
        "Well.\n(count (the orders)) is what I mean",
        "Well, (return 5) ends it.",
        "A list: (1 2 3)",
        "(1 2 3)",
        "((see above))",
        "(1) First point\n(2) Second point",
        ":-(",
        "Well.\n(and so on)\n(or not)",
        "Well.\n(get it?)",
        "Well.\n(map of @things)",
    ],
)
def test_prose_in_parentheses_is_prose(text: str):
    """English begins with parentheses too, and uses the names of functions."""
    assert lisp(text) == Spoken(prose=text)


def test_names_of_programs_before_are_known():
    """A call of what an earlier program has defined is a program, when one is told of it."""
    text = "Now once more.\n(mine 3)"
    assert lisp(text).code is None
    assert programs_in(text, "lisp", known=["mine"]).code == "(mine 3)"


def test_a_form_that_is_never_closed_is_told():
    """It is not run, and neither are those beside it."""
    for text in ("(return (count xs)", "So:\n(def x 1)\n(return (inc x)"):
        found = lisp(text)
        assert found.code is None
        assert found.problem is not None
        assert "never closed" in found.problem
        assert "(return (" in found.problem


def test_fences_go_before_forms():
    """Where there is a fence, forms in the prose are prose."""
    found = lisp("(return 1)\n```lisp\n(return 2)\n```")
    assert (found.code, found.prose) == ("(return 2)", "(return 1)")


def test_bare_python_is_prose():
    """Only Lisp can be told from prose."""
    assert python("print(1)") == Spoken(prose="print(1)")


# --- repairs --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "spoilt", "code"),
    [
        ("lisp", "(str “a” “b”)", '(str "a" "b")'),
        ("lisp", '(str “say "hi"” 1)', '(str "say \\"hi\\"" 1)'),
        ("lisp", '(str “a" “b”)', '(str "a" "b")'),
        ("lisp", "(str “two\nlines”)", '(str "two\nlines")'),
        ("lisp", "(map inc’ ‘(1 2))", "(map inc' '(1 2))"),
        ("lisp", "\ufeff(+\u00a01\u200b 2)", "(+ 1 2)"),
        ("lisp", "（str ［1 2］ ｛:a 1｝）", "(str [1 2] {:a 1})"),
        ("lisp", '(str "a “quoted” word — ok\u200d") ; don’t', '(str "a “quoted” word — ok\u200d") ; don’t'),
        ("lisp", '(str \\" “x”)', '(str \\" "x")'),
        ("python", "x = ‘a’ + “b”", "x = 'a' + \"b\""),
        ("python", "if x:\n\u00a0\u00a0\u00a0\u00a0f(“y”)", 'if x:\n    f("y")'),
        ("python", "“““doc”””\nf(1)", '"""doc"""\nf(1)'),
        ("python", "f('it’s “so”')  # don’t\u200b", "f('it’s “so”')  # don’t\u200b"),
        ("python", 'f("""“a”\n’""", “b”)', 'f("""“a”\n’""", "b")'),
        ("python", "print（1，2）", "print(1,2)"),
        ("python", "f(\u200bx)", "f(x)"),
    ],
)
def test_what_chat_windows_do_to_code_is_undone(language: Literal["lisp", "python"], spoilt: str, code: str):
    """Outside of strings and comments there are straight quotes, plain blanks and plain brackets."""
    found = programs_in(f"```{language}\n{spoilt}\n```", language)
    assert found.code == code
    assert found.repaired == (spoilt != code)
    (read if language == "lisp" else ast.parse)(code)


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_lines_may_end_as_elsewhere(newline: str):
    """Windows' and old Mac's line ends become ours, which is a repair."""
    found = python(newline.join(["Now:", "```python", "x = 1", "f(x)", "```", "Done."]))
    assert found == Spoken(code="x = 1\nf(x)", prose="Now:\nDone.", repaired=True)


@given(st.text(alphabet=st.characters(max_codepoint=127)), st.sampled_from(["lisp", "python"]))
def test_plain_text_is_never_repaired(text: str, language: Literal["lisp", "python"]):
    """ASCII comes back to the letter."""
    assert mended(text, language) == text


@given(st.text(alphabet="“”‘’\"'\\;#\n ab()\u200b\u00a0（"), st.sampled_from(["lisp", "python"]))
def test_repairing_is_done_at_once(text: str, language: Literal["lisp", "python"]):
    """No text raises, and curly quotes that are left stand in strings and comments."""
    again = mended(text, language)
    assert len(again) <= 2 * len(text)


# --- whatever it is -------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [
        "```",
        "~~~",
        "````",
        "```lisp",
        "```python",
        "(return 1)",
        "(def x",
        ")",
        "<think>",
        "</think>",
        "<|x|>",
        "\n",
        "\r\n",
        " ",
        "“",
        '"',
        "- ",
        "words",
        "f(1)",
        ";",
        "\\",
        "\ud800",
        "\x00",
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join), st.sampled_from(["lisp", "python"]))
def test_no_text_raises(text: str, language: Literal["lisp", "python"]):
    """There is a program, or a reason, or prose; never a program and a reason why there is none."""
    found = programs_in(text, language)
    assert found.code is None or found.problem is None
    assert found.code is None or found.code.strip()


@given(st.lists(st.sampled_from(["(def x 1)", "(println :a)", '(str "`" 1)', ""]), max_size=5).map("\n".join))
def test_what_is_fenced_comes_back(code: str):
    """A program between prose comes back to the letter."""
    found = lisp(f"Look:\n```lisp\n{code}\n```\nThere.")
    assert found.code == (code.strip("\n") or None)


@pytest.mark.parametrize(
    "unit",
    [
        "`",
        "(",
        "(def ",
        "(def\n",
        "```\n",
        "```lisp\n",
        "```\nx\n```\n",
        "<think>",
        "<think></think>",
        "</think>\n",
        '“"',
        "<|",
        "- ",
        "\n",
        "(inc 1)\n",
        "(inc 1)",
        "(if you\n)",
        '(str "\n',
        "(inc “\n",
        "~~~\n```\n",
        '“a"\n',
        "'",
        "; (\n",
    ],
)
@pytest.mark.parametrize("language", ["lisp", "python"])
def test_hostile_texts_come_to_an_end(unit: str, language: Literal["lisp", "python"]):
    """What is repeated a hundred thousand times is read once: with quadratic work, this would not end."""
    found = programs_in(f"{unit * (100_000 // len(unit))}x", language)
    assert found.code is None or found.code.startswith("(inc 1)")


def test_an_answer_without_end_is_not_read():
    """There is a bound, and it is told."""
    found = lisp("x" * 4_000_001)
    assert found.problem == "the answer has 4,000,001 characters, of which 4,000,000 are read: write less"
    assert (
        lisp("(inc 1)\n" * 50_000 + "x").problem
        == "the program is longer than 200,000 characters, so nothing was run: write a shorter one"
    )
