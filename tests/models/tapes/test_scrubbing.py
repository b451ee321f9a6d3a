"""What is hidden on a tape, and what is left alone."""

from __future__ import annotations

import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import Secret
from journeyman.models.tapes import Scrubber

BODY = "aB3xY9kLmN2pQ7rS5tUv"
KEYS = [
    f"sk-{BODY}",
    f"sk-proj-{BODY}_{BODY}",
    f"sk_live_{BODY}",
    "AKIA" + "ABCDEFGH12345678",
    "ASIA" + "ABCDEFGH12345678",
    "AIza" + (BODY + BODY)[:35],
    f"gsk_{BODY}",
    f"xai-{BODY}",
    f"hf_{BODY}{BODY}",
    f"ghp_{BODY}{BODY}",
    f"github_pat_{BODY}{BODY}",
    f"xoxb-{BODY}",
    f"ya29.{BODY}",
    f"eyJ{BODY}.eyJ{BODY}.{BODY}",
]
scrub = Scrubber({})


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("around", ["{}", "it is {}.", '"{}"', "key={}", "({}),", "a\n{}\nb"])
def test_what_looks_like_a_key_is_hidden(key, around):
    """Keys of well-known shapes are hidden wherever they stand in a text, and nothing beside them."""
    text = json.dumps({"text": around.format(key)})
    hidden = scrub(text.encode()).decode()
    assert json.loads(hidden) == {"text": around.format("***")}


@pytest.mark.parametrize("word", ["Bearer", "bearer"])
def test_tokens_behind_bearer_are_hidden(word):
    """RFC 6750's way of sending a token, in a quoted header or a command line."""
    assert scrub(f'"Authorization: {word} {BODY}/+="'.encode()) == f'"Authorization: {word} ***"'.encode()


@pytest.mark.parametrize(
    "text",
    [
        "a task-based-approach-for-everyone",
        "risk-management-in-large-projects",
        "sk-short",
        "ask for the bearer of bad news",
        "the AIza prefix",
        "https://example.com/eyJhbGciOi",
    ],
)
def test_ordinary_words_stay(text):
    """Nothing is hidden that only begins like a key, or that has one's letters in the middle of a word."""
    data = json.dumps(text).encode()
    assert scrub(data) is data


def test_pictures_stay():
    """Four letters of a key's prefix within base64 do not damage what it holds."""
    data = base64.b64encode(random.Random(1).randbytes(300_000))  # noqa: S311  (the same picture each time)
    data = data[:5000] + b"AIza" + data[5000:9000] + b"AKIA" + data[9000:]
    assert scrub(b'"' + data + b'"') == b'"' + data + b'"'


def test_known_values_are_hidden_as_they_stand_in_json():
    """Values of key variables and secrets that were passed, with quotes and accents, also in JSON within JSON."""
    value, other = 'pass "wörd" \\ x', "correct horse"
    hide = Scrubber(
        {"SHOP_API_KEY": value, "HOME": "/home/somebody", "AWS_SECRET_ACCESS_KEY": "k" * 40}, [Secret(other)]
    )
    inner = json.dumps({"key": value}, ensure_ascii=False)
    text = json.dumps([value, inner, other, "/home/somebody", "k" * 40], ensure_ascii=False).encode()
    assert json.loads(hide(text)) == ["***", '{"key": "***"}', "***", "/home/somebody", "***"]


def test_short_values_are_no_secrets():
    """A key variable set to "test" does not garble every text that holds the word."""
    text = b'"this is a test"'
    assert Scrubber({"OPENAI_API_KEY": "test", "GROQ_API_KEY": ""})(text) is text


@given(st.text(max_size=60), st.sampled_from(KEYS), st.text(max_size=60))
def test_hiding_twice_hides_no_more(before, key, after):
    """What was hidden once has the same hash when it comes back from a tape, and is still JSON."""
    once = scrub(json.dumps(before + key + after).encode())
    json.loads(once)
    assert scrub(once) == once
