"""The engine that these tests use does what every engine must."""

from __future__ import annotations

import pytest

from journeyman.testing.queue_kit import ENGINE_CHECKS, EngineCheck

from .fakes import FakeEngine


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
async def test_conforms(check: EngineCheck):
    """The fake passes each check of the kit."""
    await check(FakeEngine())
