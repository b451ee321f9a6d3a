"""Answers as JSON, from a command line or a web page."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.agents import Approve, Reject, RunAgain, parse_answer
from journeyman.agents.waiting import answers as answers_module
from journeyman.agents.waiting import moment
from journeyman.data import CallerError, JourneymanError


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"value": None}, None),
        ({"value": {"approve": True}}, {"approve": True}),
        ({"run_again": True}, RunAgain()),
        ({"approve": True}, Approve()),
        (
            {"approve": True, "arguments": {"n": 1}, "always": True, "token": "t"},
            Approve({"n": 1}, always=True, token="t"),
        ),
        ({"approve": True, "arguments": None}, Approve()),
        ({"reject": ""}, Reject()),
        ({"reject": "no", "token": "t"}, Reject("no", token="t")),
    ],
)
def test_an_answer_is_one_of_five(document: dict[str, Any], expected: Any) -> None:
    """From an object, from text and from bytes alike."""
    for told in (document, json.dumps(document), json.dumps(document).encode()):
        assert parse_answer(told) == expected


def test_an_error_is_an_exception_with_its_words() -> None:
    """It becomes an error result for the model."""
    error = parse_answer('{"error": "out of office"}')
    assert isinstance(error, Exception)
    assert str(error) == "out of office"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("", "a JSON object"),
        ("[]", "a JSON object"),
        (b"\xff", "a JSON object"),
        ("[" * 100_000, "a JSON object"),
        ("{}", "exactly one of"),
        ('{"value": 1, "error": "x"}', "exactly one of"),
        ('{"approve": false}', "exactly one of"),
        ('{"approve": 1}', "exactly one of"),
        ('{"run_again": "yes"}', "exactly one of"),
        ('{"value": 1, "token": "t"}', 'has no "token"'),
        ('{"reject": "x", "arguments": {}}', 'has no "arguments"'),
        ('{"approve": true, "arguments": []}', '"arguments" are an object'),
        ('{"approve": true, "always": 1}', '"always" is true or false'),
        ('{"approve": true, "token": 1}', '"token" is text'),
        ('{"reject": null}', '"reject" is text'),
        ('{"error": {}}', '"error" is text'),
    ],
)
def test_what_is_no_answer_is_refused(document: Any, told: str) -> None:
    """With words that say what an answer is; nothing is guessed: a missing `true` approves nothing."""
    with pytest.raises(CallerError, match=told):
        parse_answer(document)


def test_an_answer_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger belongs elsewhere."""
    monkeypatch.setattr(answers_module, "MOST_BYTES", 20)
    assert parse_answer('{"value": "123456"}') == "123456"
    with pytest.raises(CallerError, match="more than 20"):
        parse_answer('{"value": "12345678"}')


@given(st.text() | st.binary())
def test_nothing_foreign_is_raised(document: str | bytes) -> None:
    """Whatever comes, it is an answer or one of our errors."""
    try:
        parse_answer(document)
    except JourneymanError as error:
        assert str(error)  # noqa: PT017  (either outcome is fine)


def test_a_moment_that_no_calendar_has_is_the_last_one() -> None:
    """Deadlines come from journals, and these may come from anywhere."""
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert moment(10**30) == datetime.max.replace(tzinfo=UTC)
