"""A run as it is shown while it works."""

import pytest

from journeyman.apps.cli.flags import Shown
from journeyman.apps.cli.view.live import Live, call_words
from journeyman.apps.cli.view.screen import Screen
from journeyman.observe import (
    Failed,
    Hedging,
    LlmChunk,
    Output,
    PartialResult,
    Retrying,
    Switched,
    ThinkingChunk,
    ToolEnd,
    ToolProgress,
    ToolStart,
)


@pytest.fixture
def shown(capsys):
    """What a person sees of some events."""

    def show(*events, words=True):
        screen = Screen(Shown())
        screen.narrate()
        live = Live(screen, "memory:", words=words)
        for event in events:
            live.tell(event)
        live.end_line()
        return capsys.readouterr().out

    return show


def test_each_kind_of_event_has_its_line(shown):
    """Thoughts, words and tools do not run into one another."""
    events = (
        ThinkingChunk("hm"),
        ThinkingChunk(" hm"),
        LlmChunk("One"),
        LlmChunk(" two"),
        ToolStart("c", "weigh", '{"thing": "egg"}'),
        ToolProgress("c", "half\nway", 0.5),
        ToolProgress("c", "still", None),
        ToolEnd("c", "weigh", "12\ng", is_error=False, duration_ms=1.25),
        ToolEnd("c", "weigh", "hot", is_error=True, duration_ms=2500.0),
        LlmChunk("Done.\n"),
        Retrying("openai:x", 2, 1.5, "too\nfast"),
        Switched("openai:y", "down"),
        Hedging("openai:z", 2.0),
        Switched("openai:z", ""),
        Output("Done."),
        PartialResult({}),
        Failed("ModelError", "told elsewhere"),
    )
    assert shown(*events).splitlines() == [
        "hm hm",
        "One two",
        '→ weigh(thing="egg")',
        "· half way 50%",
        "· still",
        "✓ weigh 1.2 ms  12 g",
        "✗ weigh 2.5 s  hot",
        "Done.",
        "↻ too fast; attempt 2 in 1.5 s",
        "↻ down; on with openai:y",
        "↻ nothing for 2.0 s; asking openai:z as well",
        "↻ it was quicker; on with openai:z",
    ]


def test_without_words_only_tools_are_shown(shown):
    """Where the answer is piped, its words are not shown beside it; not even those that were held back."""
    assert shown(LlmChunk("One\x1b"), ToolStart("c", "weigh", "{}"), LlmChunk("two\x1b["), words=False) == "→ weigh()\n"


def test_a_sequence_that_is_cut_in_two_does_not_reach_the_terminal(shown):
    """The first half is held back; what turns out to be no sequence is shown without its escape."""
    assert shown(LlmChunk("a\x1b[3"), LlmChunk("1mb")) == "ab\n"
    assert shown(LlmChunk("a\r")) == "a\n"
    assert shown(LlmChunk("a\x1b[3")) == "a3\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ('{"a": 1, "b": ["x", null]}', 'f(a=1, b=["x", null])'),
        ("", "f()"),
        ('{"a": ', 'f({"a": )'),
        ("[1]", "f([1])"),
        ('{"a": "\\u001b[31mred"}', 'f(a="\\u001b[31mred")'),
    ],
)
def test_a_call_is_shown_as_one_would_write_it(arguments, words):
    """Arguments that are no object are shown as they came; control characters stay escaped."""
    assert call_words("f", arguments, "") == words


def test_a_long_call_is_cut_with_a_mark():
    """The mark says how to see the whole, if there is a way."""
    assert call_words("f", '{"a": "' + "x" * 500 + '"}', "ask").endswith("more characters, ask")
    assert call_words("f", '{"a": "' + "x" * 500 + '"}', "").endswith("more characters")
