"""A sandbox for all programs of a test file: what one of them does is nothing to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from journeyman.programs import Sandbox, open_sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with open_sandbox(processes=1) as opened:
        yield opened
