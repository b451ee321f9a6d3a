"""The table of orders and the tools that read it; each call opens the file anew."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ...data import CallerError
from ...tools import ModelRetry, Tool

ORDERS = Path(__file__).with_name("orders.csv")
"""A generated sample (see `make_orders`): the orders of a shop that does not exist."""

MOST_ROWS = 20
_EXAMPLES = 9

Row = Mapping[str, str]
Where = dict[str, str]
SortKey = Literal["revenue", "quantity", "date"]


def order_tools(path: Path = ORDERS) -> Sequence[Tool[..., Any]]:
    """The tools by which a model reads the table at `path`."""

    def describe_table() -> dict[str, object]:
        """Describe the table of orders: how many rows it has, and for each column its values or examples of them."""
        columns: defaultdict[str, dict[str, None]] = defaultdict(dict)
        rows = 0
        for row in _rows(path):
            rows += 1
            for name, value in row.items():
                columns[name][value] = None
        return {"table": path.name, "rows": rows, "columns": {name: _values(seen) for name, seen in columns.items()}}

    def total_by(column: str, where: Where | None = None) -> list[dict[str, object]]:
        """Add up orders, quantity and revenue (quantity times unit price) for each value of a column.

        The largest revenue comes first.

        Args:
            column: the column to group by, such as region
            where: what a row must be, column to value, such as {"status": "returned"}; of a date its beginning will do
        """
        totals: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0), Decimal(0)])
        for row in _matching(path, where, column):
            total = totals[row[column]]
            total[0] += 1
            total[1] += int(row["quantity"])
            total[2] += _revenue(row)
        by_revenue = sorted(totals.items(), key=lambda item: item[1][2], reverse=True)
        return [
            {column: value, "orders": int(total[0]), "quantity": int(total[1]), "revenue": str(total[2])}
            for value, total in by_revenue
        ]

    def find_rows(where: Where | None = None, sort_by: SortKey = "revenue", limit: int = 5) -> dict[str, object]:
        """Find orders, the largest first, each with its revenue.

        Args:
            where: what a row must be, column to value; of a date its beginning will do
            sort_by: what decides which comes first
            limit: how many to show, at most 20
        """
        found = [{**row, "revenue": str(_revenue(row))} for row in _matching(path, where)]
        found.sort(key=lambda row: row["date"] if sort_by == "date" else Decimal(row[sort_by]), reverse=True)
        shown = found[: max(0, min(limit, MOST_ROWS))]
        return {"found": len(found), "shown": len(shown), "rows": shown}

    # Reading twice does no harm, so a call that a crash cut off may simply be made again.
    return [Tool(describe_table, idempotent=True), Tool(total_by, idempotent=True), Tool(find_rows, idempotent=True)]


def _rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
    except OSError as error:
        raise CallerError(f"the table cannot be read: {error}") from error


def _matching(path: Path, where: Where | None, *needed: str) -> Iterator[Row]:
    conditions = where or {}
    checked = False
    for row in _rows(path):
        if not checked:
            _check((*needed, *conditions), row)
            checked = True
        if all(_fits(name, row[name], value) for name, value in conditions.items()):
            yield row


def _fits(name: str, value: str, wanted: str) -> bool:
    return value.startswith(wanted) if name == "date" else value == wanted


def _check(names: Sequence[str], row: Row) -> None:
    unknown = [name for name in names if name not in row]
    if unknown:
        raise ModelRetry(f"the table has no column {', '.join(unknown)}; it has {', '.join(row)}")


def _revenue(row: Row) -> Decimal:
    return int(row["quantity"]) * Decimal(row["unit_price"])


def _values(seen: Mapping[str, None]) -> object:
    values = sorted(seen)
    if len(values) <= _EXAMPLES:
        return values
    return {"different": len(values), "from": values[0], "to": values[-1]}
