"""Acme's row is what journeyman expects of a vendor."""

import pytest
from journeyman_acme import ACME

from journeyman.testing.vendor_kit import VENDOR_CHECKS


@pytest.mark.parametrize("check", VENDOR_CHECKS, ids=lambda check: check.__name__)
async def test_conformance(check):
    await check(ACME)
