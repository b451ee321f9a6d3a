"""Logging for programs that have none of their own."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from journeyman.data import HIDDEN
from journeyman.observe import HideSecrets, JsonFormatter, configure_logging

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz"
NAME = "journeyman"


@pytest.fixture(autouse=True)
def as_before():
    """The package's logger, and the root, as they were."""
    logger = logging.getLogger(NAME)
    root = logging.getLogger()
    held = logger.level, logger.propagate, list(logger.handlers), list(root.handlers), root.level
    yield
    assert (list(root.handlers), root.level) == held[3:], "the root logger was touched"
    logger.setLevel(held[0])
    logger.propagate = held[1]
    logger.handlers[:] = held[2]


def written(say, **options):
    stream = io.StringIO()
    configure_logging(logging.DEBUG, stream=stream, **options)
    say(logging.getLogger(f"{NAME}.tools"))
    return stream.getvalue()


def as_json(say):
    text = written(say, as_json=True)
    assert text.count("\n") == 1
    return json.loads(text)


def test_a_line_says_when_how_bad_where_and_what():
    """In words."""
    line = written(lambda log: log.warning("%s failed", "it"))
    assert line.endswith("WARNING journeyman.tools: it failed\n")


def test_json_lines_are_one_object_each():
    """With the time in UTC, and what a message holds never breaks a line."""
    line = as_json(lambda log: log.info("one\ntwo é"))
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "INFO", "logger": "journeyman.tools", "message": "one\ntwo é"}


def test_extra_values_become_keys():
    """Whatever JSON has no form for is shown as text."""
    line = as_json(lambda log: log.info("x", extra={"run": "r1", "count": 3, "shape": {1}, "deep": {"a": [1]}}))
    assert (line["run"], line["count"], line["shape"], line["deep"]) == ("r1", 3, "{1}", {"a": [1]})


def test_extra_values_cannot_pose_as_ours():
    """They are kept beside them."""

    def say(log):
        try:
            int("bad")
        except ValueError:
            log.exception("x", extra={"level": "mine", "error": "mine too"})

    line = as_json(say)
    assert (line["level"], line["extra_level"], line["extra_error"]) == ("ERROR", "mine", "mine too")
    assert "ValueError: invalid literal for int() with base 10: 'bad'" in line["error"]


def test_extra_values_that_json_refuses_lose_no_line():
    """Odd keys, and what holds itself, are shown as text."""
    knot: list[object] = []
    knot.append(knot)
    line = as_json(lambda log: log.info("x", extra={"odd": {(1, 2): 3}, "knot": knot}))
    assert (line["message"], line["odd"], line["knot"]) == ("x", "{(1, 2): 3}", "[[...]]")


def fails(log):
    try:
        int(KEY)
    except ValueError:
        log.exception("it failed")


def test_exceptions_come_with_their_traceback():
    """Under `error`."""
    error = as_json(fails)["error"]
    assert error.startswith("Traceback")
    assert error.endswith(f"ValueError: invalid literal for int() with base 10: '{HIDDEN}'")


def test_a_formatter_without_the_filter_shows_exceptions_too():
    """It can be used on a handler of the program's own."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.getLogger("own")
    log.addHandler(handler)
    try:
        int("bad")
    except ValueError:
        log.exception("x")
    assert json.loads(stream.getvalue())["error"].endswith("'bad'")


class Held:
    def __str__(self) -> str:
        return f"Held({KEY})"


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.info(f"key {KEY}"),  # noqa: G004  (this way is meant)
        lambda log: log.info("key %s", KEY),
        lambda log: log.info("headers %(h)s", {"h": {"authorization": f"Bearer {KEY}"}}),
        lambda log: log.info("held %s", Held()),
        lambda log: log.info("x", extra={"key": KEY}),
        lambda log: log.info("x", extra={"headers": {"authorization": f"Bearer {KEY}"}}),
        lambda log: log.info("x", extra={"held": Held()}),
        lambda log: log.info("wrong %d", KEY),
        lambda log: log.info("x", stack_info=True),  # this line holds the word key, not the key
        fails,
    ],
)
def test_keys_are_hidden_wherever_they_stand(say, as_json, capsys):
    """In the message, its arguments, extra values and tracebacks, and in messages that cannot be put together."""
    assert KEY not in written(say, as_json=as_json)
    assert KEY not in capsys.readouterr().err


def test_a_wrong_format_does_not_end_the_program():
    """It is logged as it is."""
    line = as_json(lambda log: log.info("%d items", "many"))
    assert line["message"] == "'%d items' cannot be filled with ('many',)"


@pytest.mark.parametrize(
    "key",
    [
        "sk-ant-" + "api03-abcdefghijklmnop",
        "gsk_abcdefghijklmnop1234",
        "xai-abcdefghijklmnop1234",
        "hf_abcdefghijklmnop1234",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    ],
)
def test_vendors_keys_are_known_by_their_form(key):
    """Wherever in a text."""
    assert HideSecrets({}).hide(f"({key})") == f"({HIDDEN})"


def test_bearer_tokens_are_known_by_the_word_before_them():
    """Whatever their form."""
    assert HideSecrets({}).hide("Bearer abc.def/ghi=, bearer 12345678") == f"Bearer {HIDDEN}, bearer {HIDDEN}"


def test_the_values_of_key_variables_are_hidden():
    """Whatever they look like, whole, unless they are too short to be a key; other variables are left."""
    environ = {"X_API_KEY": "tiger-tiger", "Y_TOKEN": "tiger-tiger-bright", "Z_SECRET": "short", "HOME": "/home/tiger"}
    hide = HideSecrets(environ).hide
    assert hide("a tiger-tiger-bright, a tiger-tiger") == f"a {HIDDEN}, a {HIDDEN}"
    assert hide("short /home/tiger") == "short /home/tiger"


def test_the_environment_is_read_where_no_other_is_given(monkeypatch):
    """As it is when logging is configured."""
    monkeypatch.setenv("SOME_PASSWORD", "correct horse")
    assert HideSecrets().hide("it is correct horse") == f"it is {HIDDEN}"


def test_what_is_no_secret_stays_as_it_is():
    """Extra values keep their type."""
    record = logging.makeLogRecord({"msg": "plain", "count": 3})
    assert HideSecrets({}).filter(record)
    assert (record.getMessage(), record.count) == ("plain", 3)


def test_stacks_are_searched_too():
    """A line of source may hold a key."""
    record = logging.makeLogRecord({"msg": "x", "stack_info": f"key = {KEY!r}"})
    HideSecrets({}).filter(record)
    assert record.stack_info == f"key = '{HIDDEN}'"


def test_configuring_again_replaces():
    """Each line comes once, where the last call said, and a handler of the program's own stays."""
    logger = logging.getLogger(NAME)
    own = logging.NullHandler()
    logger.addHandler(own)
    before = len(logger.handlers)
    first, second = io.StringIO(), io.StringIO()
    configure_logging(stream=first)
    handler = configure_logging("WARNING", stream=second)
    assert len(logger.handlers) == before + 1
    assert {own, handler} <= set(logger.handlers)
    logger.info("quiet")
    logger.warning("loud")
    assert first.getvalue() == ""
    assert second.getvalue().count("loud") == 1
    assert "quiet" not in second.getvalue()


def test_a_level_that_is_none_changes_nothing():
    """The error comes before any handler is there."""
    before = list(logging.getLogger(NAME).handlers)
    with pytest.raises(ValueError, match="LOUD"):
        configure_logging("LOUD")
    assert logging.getLogger(NAME).handlers == before


def test_the_stream_is_standard_error_by_default():
    """Standard output belongs to the program."""
    handler = configure_logging()
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr


def test_other_loggers_are_left_alone():
    """What the package logs does not reach the root, and the root's own lines are not ours."""
    stream = io.StringIO()
    configure_logging(stream=stream)
    logging.getLogger("somebody.else").error("not ours")
    assert not logging.getLogger(NAME).propagate
    assert stream.getvalue() == ""
