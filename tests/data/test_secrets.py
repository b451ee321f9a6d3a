"""Secrets are not printed by accident."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import traceback

import msgspec
import pytest

from journeyman.data import HIDDEN, Secret, scrub

KEY = "sk-abcdefghijklmnop"


def test_a_secret_shows_itself_to_nobody():
    """Neither repr, str, format, an f-string nor a container shows it; `reveal` does."""
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), format(secret), f"{secret}", f"{secret!r}", "%s" % secret, repr([secret])]  # noqa: UP031  (this way is meant)
    assert KEY not in "".join(shown)
    assert secret.reveal() == KEY
    assert not hasattr(secret, "__dict__")


def test_a_secret_inside_other_things_is_hidden():
    """Dataclasses, structs and tracebacks show its place only."""

    @dataclasses.dataclass
    class Held:
        key: Secret

    class Kept(msgspec.Struct):
        key: Secret

    error = "".join(traceback.format_exception(ValueError(Secret(KEY))))
    assert KEY not in repr(Held(Secret(KEY))) + repr(Kept(Secret(KEY))) + error
    assert HIDDEN in repr(Kept(Secret(KEY)))


def test_a_secret_is_not_written_down():
    """Pickle, copies and JSON refuse it, and the refusal does not quote it."""
    for write in (pickle.dumps, copy.deepcopy, json.dumps, msgspec.json.encode):
        with pytest.raises(TypeError) as caught:
            write(Secret(KEY))
        assert KEY not in str(caught.value)


def test_a_secret_with_a_format_is_not_shown_either():
    """A width is refused."""
    with pytest.raises(TypeError) as caught:
        f"{Secret(KEY):>40}"
    assert KEY not in str(caught.value)


def test_scrubbing_hides_every_occurrence():
    """However often the provider repeats the key."""
    assert scrub(f"wrong key {KEY}, I said {KEY}!", [Secret(KEY)]) == "wrong key ***, I said ***!"


def test_short_secrets_are_left():
    """A key of a test would garble ordinary words."""
    assert scrub("this is a test", [Secret("test"), Secret("")]) == "this is a test"


@pytest.mark.parametrize("order", [1, -1])
def test_a_secret_that_begins_with_another_is_hidden_whole(order):
    """In whichever order they are given."""
    secrets = [Secret("12345678"), Secret("12345678-and-more")][::order]
    assert scrub("12345678-and-more", secrets) == HIDDEN
