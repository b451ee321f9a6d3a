"""Makes `orders.csv`, the orders of a shop that does not exist: `python -m journeyman.apps.demo.make_orders`.

The same file comes out on every machine: only `Random.random` is used, the one method whose sequence Python promises to
keep (documentation of `random`, "Notes on Reproducibility").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

ROWS = 4000
COLUMNS = ("order_id", "date", "region", "product", "quantity", "unit_price", "status")

_SEED = 2025
_FIRST_DAY = date(2025, 1, 1)
_DAYS = 365
_REGIONS = {"North": 21, "South": 24, "East": 27, "West": 28}
# Prices are in cents; the weights say how often a thing is sold.
_PRICES = {
    "oak desk": 42900,
    "office chair": 23950,
    "bookshelf": 15900,
    "desk lamp": 4990,
    "notebook": 450,
    "fountain pen": 3275,
    "wall clock": 2799,
    "paper bin": 1299,
}
_SALES = {
    "oak desk": 5,
    "office chair": 9,
    "bookshelf": 8,
    "desk lamp": 16,
    "notebook": 27,
    "fountain pen": 14,
    "wall clock": 11,
    "paper bin": 10,
}
_ENDS = {"delivered": 87, "returned": 7, "cancelled": 6}
_UNSHIPPED = {"delivered": 40, "open": 60}
_LAST_DAYS = 10
_CHEAP = 10_000  # cents: what costs less is bought by the dozen

_T = TypeVar("_T")


def orders() -> Iterator[tuple[str, ...]]:
    """The rows, oldest first, without the head."""
    chance = Random(_SEED)  # noqa: S311  (a sample, no secret)
    days = sorted(_day(chance) for _ in range(ROWS))
    for number, day in enumerate(days):
        product = _pick(chance, _SALES)
        # A discount of up to a fifth, so that totals cannot be guessed from counts.
        price = round(_PRICES[product] * (1 - 0.2 * chance.random() ** 3))
        quantity = 1 + int(chance.random() ** 2 * (12 if price < _CHEAP else 4))
        ends = _UNSHIPPED if day >= _DAYS - _LAST_DAYS else _ENDS
        yield (
            f"{10_000 + number}",
            (_FIRST_DAY + timedelta(days=day)).isoformat(),
            _pick(chance, _REGIONS),
            product,
            f"{quantity}",
            f"{price // 100}.{price % 100:02}",
            _pick(chance, ends),
        )


def write(path: Path) -> None:
    """Write the table as a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(orders())
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def _day(chance: Random) -> int:
    # People buy more towards the end of the year: of two days, the later one.
    return max(int(chance.random() * _DAYS), int(chance.random() * _DAYS * 0.9))


def _pick(chance: Random, weights: Mapping[_T, int]) -> _T:
    left = chance.random() * sum(weights.values())
    picked = None
    for value, weight in weights.items():
        picked = value
        left -= weight
        if left < 0:
            break
    assert picked is not None  # noqa: S101  (no table is empty; this tells the type checkers)
    return picked


if __name__ == "__main__":
    write(Path(__file__).with_name("orders.csv"))
