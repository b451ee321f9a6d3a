"""The kit for vendors: ours pass it, on each of their wires, and rows that are wrong do not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from journeyman.providers import VENDORS, Capabilities, Vendor, Wire
from journeyman.testing import VENDOR_CHECKS, check_vendor, vendor_kit

ROWS = [row for row in VENDORS.values() if row.dialect != "in_process"]
ALL = [*ROWS, *(row.on_wire(wire.suffix) for row in ROWS for wire in row.wires)]
GOOD = Vendor(name="good", dialect="openai_chat", base_url="https://good.example/v1", key_env="GOOD_KEY")


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)
async def test_our_own_vendors_pass(row):
    """Every row, on every wire: its errors, words, streams, tools and failures over real HTTP."""
    await check_vendor(row)


@pytest.mark.parametrize(
    ("check", "row", "said"),
    [
        ("a_row_is_sane", replace(GOOD, name="go:od"), "neither"),
        ("a_row_is_sane", replace(GOOD, dialect="smoke"), "'smoke' must be one of"),
        ("a_row_is_sane", replace(GOOD, wires=(Wire(suffix="x", dialect="smoke"),)), "'smoke'"),
        ("a_row_is_sane", replace(GOOD, base_url="http://good.example/v1"), "must be https"),
        ("a_row_is_sane", replace(GOOD, base_url="http://good.example/v1", local=True), "must be https"),
        ("a_row_is_sane", replace(GOOD, key_env=None), "key_env must name"),
        ("what_is_missing_is_named", replace(GOOD, key_env="A_KEY", local=True, base_url=None, url_env="U"), None),
        ("it_calls_tools", replace(GOOD, capabilities=Capabilities(tools=False)), None),
    ],
)
async def test_a_row_that_is_wrong_is_told(check, row, said):
    """By the check that is about it; what a row says that it lacks is not asked of it."""
    carried_out = getattr(vendor_kit, check)(row)
    if said is None:
        await carried_out
        return
    with pytest.raises(AssertionError, match=said):
        await carried_out


def test_every_check_says_what_it_claims():
    """A check is a sentence, so that a failure reads as one."""
    assert all(check.__doc__ for check in VENDOR_CHECKS)
