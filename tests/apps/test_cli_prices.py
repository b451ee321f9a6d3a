"""`journeyman prices`: what is known is told to the digit, and what is not known is not zero."""

import json

from journeyman import Rates, set_model_rates


def test_prices_are_told_for_a_million_tokens(command):
    """As they were set, tiers included; nothing that has no price."""
    set_model_rates(
        "compatible:priced",
        Rates(input=0.25, output=2, cache_read=0.025, tiers=((200_000, Rates(input=0.5, output=4)),)),
    )
    done = command("prices", "compatible:priced")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines == [
        "compatible:priced for a million tokens",
        "input $0.250",
        "input, read from the cache $0.0250",
        "output $2.00",
        "with more than 200,000 tokens of input:",
        "input $0.500",
        "output $4.00",
    ]


def test_an_unknown_price_is_told_as_such(command):
    """With exit code 1, also beside known ones; it is never shown as nothing."""
    set_model_rates("compatible:priced", Rates(input=1, output=2))
    done = command("prices", "compatible:priced", "compatible:unpriced")
    assert done.code == 1
    assert "compatible:unpriced  price unknown" in done.out
    assert "$1.00" in done.out
    assert "$0" not in done.out


def test_a_model_in_this_process_costs_nothing(command):
    """That is known."""
    done = command("prices", "transformers:some/model")
    assert done.code == 0
    assert "$0.00" in done.out


def test_machines_get_an_object_a_line(command):
    """Numbers as numbers, null where nothing is known."""
    set_model_rates("compatible:priced", Rates(input=0.25, output=2, tiers=((9, Rates(input=1, output=3)),)))
    done = command("prices", "--json", "compatible/priced", "compatible:unpriced")
    first, second = map(json.loads, done.out.splitlines())
    assert first == {
        "model": "compatible:priced",
        "rates": {"input": 0.25, "output": 2, "tiers": [{"above_input_tokens": 9, "input": 1, "output": 3}]},
    }
    assert second == {"model": "compatible:unpriced", "rates": None}


def test_a_name_that_is_none_is_a_mistake(command):
    """With what a name looks like."""
    done = command("prices", "gpt-5")
    assert done.code == 2
    assert "write vendor:model" in done.err
