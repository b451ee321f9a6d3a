"""The kit for two logs over one place finds logs that are not."""

import pytest

from journeyman.adapters.log_memory import MemoryLog
from journeyman.testing.log_kit_shared import SHARED_CHECKS, SharedCheck


@pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
async def test_passes_what_shares_everything(check: SharedCheck):
    """Each check passes where both logs are one."""
    log = MemoryLog()
    await check(log, log)


@pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
async def test_finds_what_shares_nothing(check: SharedCheck):
    """Each check fails where neither log has what the other has."""
    with pytest.raises(Exception, match=r"must|wrong from|there is no run|cannot be appended"):
        await check(MemoryLog(), MemoryLog())
