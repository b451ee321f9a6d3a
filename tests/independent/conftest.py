"""What the tests against other people's servers share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from servers import Aimock, aimock_server


@pytest.fixture(autouse=True, scope="module")
def _no_proxies():
    """A proxy from the environment would be asked even for this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.lower().endswith("_proxy"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="module")
def aimock(tmp_path_factory) -> Iterator[Aimock]:
    """A server that answers nothing yet, and refuses requests without the key and those that it has no answer for."""
    place = tmp_path_factory.mktemp("aimock") / "answers.json"
    place.write_text(json.dumps({"fixtures": [{"match": {"userMessage": "never said"}, "response": {"content": "?"}}]}))
    with aimock_server("--strict", "--fixtures", str(place)) as server:
        yield server


@pytest.fixture
def here(request) -> str:
    """The name of the running test, by which the server tells its requests from others'."""
    return request.node.name
