"""What the model of the demonstration says: fixed words around figures that are read from the tools' real results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ...data import CallerError, ModelRequest, Part, Text, ToolCall, ToolResult

INSTRUCTIONS = (
    "You answer questions about a table of a shop's orders. Look at the table with the tools, and answer in one or two "
    "sentences, with exact figures. Name nothing that was not asked for."
)

Said = str | Part | Sequence[Part]


def script() -> list[Said | Callable[[ModelRequest], Said]]:
    """The lines, one for each request."""
    return [
        (Text("Let me see what the table holds. "), ToolCall("look", "describe_table", "{}")),
        _ask_for_regions,
        _ask_for_the_best,
        _answer,
    ]


def _ask_for_regions(request: ModelRequest) -> Said:
    (table,) = _results(request)
    return (
        Text(f"It has {table['rows']:,} rows. Revenue by region, delivered orders only: "),
        _call("regions", "total_by", column="region", where={"status": "delivered"}),
    )


def _ask_for_the_best(request: ModelRequest) -> Said:
    (regions,) = _results(request)
    best = {"status": "delivered", "region": regions[0]["region"]}
    return (
        Text(f"{regions[0]['region']} leads. Its products, and its largest order, at the same time: "),
        _call("products", "total_by", column="product", where=best),
        _call("largest", "find_rows", where=best, limit=1),
    )


def _answer(request: ModelRequest) -> Said:
    products, largest = _results(request)
    # The sum is that of the products: it need not be remembered from two turns ago, and the count checks it.
    total = sum(_cents(row["revenue"]) for row in products)
    best, order = products[0], largest["rows"][0]
    return (
        f"{order['region']} earned the most from delivered orders: ${_dollars(total)}. Its strongest product was the "
        f"{best['product']}, with ${_dollars(_cents(best['revenue']))} from {best['orders']:,} orders; the largest single "
        f"order, number {order['order_id']} of {order['date']}, came to ${_dollars(_cents(order['revenue']))}."
    )


def _call(call_id: str, name: str, **arguments: Any) -> ToolCall:
    return ToolCall(call_id, name, json.dumps(arguments))


def _results(request: ModelRequest) -> list[Any]:
    """What the tools of the last turn gave, in the order of their calls; each is JSON."""
    results: list[ToolResult] = []
    for message in reversed(request.messages):
        if not message.tool_results:
            break
        results[:0] = message.tool_results
    failed = [result.text for result in results if result.is_error]
    if failed or not results:
        raise CallerError(f"the script of the demonstration cannot go on: {'; '.join(failed) or 'no tool was run'}")
    return [json.loads(result.text) for result in results]


def _cents(revenue: str) -> int:
    whole, _, rest = revenue.partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0"))


def _dollars(cents: int) -> str:
    return f"{cents // 100:,}.{cents % 100:02}"
