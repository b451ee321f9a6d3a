"""What was used, model by model, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from ....compose import cost
from ....data import ModelUsage, Usage, dollars
from .screen import Screen, money


class BillRow(msgspec.Struct, frozen=True):
    """A model's tokens and their cost in nano-dollars, or None where there is no price."""

    model: str
    usage: Usage
    nano: int | None


def bill(used: Iterable[ModelUsage]) -> list[BillRow]:
    """A row for each model."""
    by_model: dict[str, tuple[ModelUsage, ...]] = {}
    for item in used:
        by_model[item.model] = (*by_model.get(item.model, ()), item)
    return [
        BillRow(model, sum((item.usage for item in items), Usage()), cost(items)) for model, items in by_model.items()
    ]


def bill_object(rows: Iterable[BillRow], runs: int) -> dict[str, Any]:
    """A bill for machines, in dollars; the sum is null if a price is not known."""
    rows = list(rows)
    models = [{"model": row.model, **_buckets(row.usage), "cost": _dollars(row.nano)} for row in rows]
    total = None if any(row.nano is None for row in rows) else dollars(sum(row.nano or 0 for row in rows))
    return {"runs": runs, "cost": total, "models": models}


def tell_bill(screen: Screen, rows: Iterable[BillRow], runs: int) -> None:
    """A bill for people."""
    rows = list(rows)
    screen.table(("model", ">input", ">from cache", ">output", ">reasoning", ">cost"), map(_cells, rows))
    total = money(dollars(sum(row.nano or 0 for row in rows)))
    unknown = [row.model for row in rows if row.nano is None]
    if unknown:
        total = f"at least {total}; there is no price for {', '.join(unknown)}"
    screen.line(("total  ", "bold"), f"{total}  ({runs:,} run{'' if runs == 1 else 's'})")


def _cells(row: BillRow) -> tuple[str, ...]:
    usage = row.usage
    counts = (usage.input + usage.cache_write, usage.cache_read, usage.output, usage.reasoning)
    return (row.model, *(f"{count:,}" for count in counts), money(_dollars(row.nano)))


def _buckets(usage: Usage) -> dict[str, int]:
    return {name: getattr(usage, name) for name in usage.__struct_fields__}


def _dollars(nano: int | None) -> Decimal | None:
    return None if nano is None else dollars(nano)
