"""A cache in Redis: a server of the test's own, on a socket in a directory of its own."""

from __future__ import annotations

import builtins
import importlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from journeyman.adapters.cache_redis import RedisStore
from journeyman.compose import open_cache
from journeyman.data import CallerError, JourneymanError, Message, ModelRequest
from journeyman.models import Cached, ScriptedModel
from journeyman.testing.store_kit import STORE_CHECKS

PASSWORD = "a-password-that-nobody-may-see"


@pytest.fixture(scope="module")
def address() -> Generator[str]:
    """The address of a server that keeps nothing on disk."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    # Not tmp_path: the path of a socket may have only about a hundred characters.
    with tempfile.TemporaryDirectory() as home:
        socket = Path(home) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--requirepass", PASSWORD]
        server = subprocess.Popen([binary, *options], cwd=home, stdout=subprocess.DEVNULL)  # noqa: S603  (found above)
        try:
            last_try = time.monotonic() + 20
            while not socket.exists() and time.monotonic() < last_try:
                time.sleep(0.01)
            yield f"unix://:{PASSWORD}@{socket}"
        finally:
            server.terminate()
            server.wait(20)


@pytest.fixture
async def store(address: str) -> AsyncGenerator[RedisStore]:
    """A store with a prefix that nobody else has."""
    store = RedisStore(address, prefix=f"{time.monotonic_ns()}:")
    yield store
    await store.close()


@pytest.mark.parametrize("check", STORE_CHECKS)
async def test_it_passes_the_kit(check, store: RedisStore):
    """Like every store."""
    await check(store)


async def test_two_stores_share_what_they_have(address: str):
    """On two machines, say; another prefix is another cache."""
    first, second, other = RedisStore(address), RedisStore(address), RedisStore(address, prefix="other:")
    await first.put("a", b"1")
    assert (await second.get("a"), await other.get("a")) == (b"1", None)
    for store in (first, second, other):
        await store.close()


async def test_models_answer_from_it(address: str):
    """A new process, with a new model, has the answers of the old one."""
    ask = ModelRequest("", (Message.user("Hi"),))
    for script in (["ok"], []):
        store = open_cache(address)
        assert (await Cached(ScriptedModel(script), store).respond(ask)).message.text == "ok"
        await store.close()


async def test_the_password_is_shown_nowhere(address: str):
    """Neither by the store nor by its errors."""
    with pytest.raises(CallerError) as malformed:
        RedisStore(f"redis://:{PASSWORD}@host:no-port/0")
    store = RedisStore(address.replace("a-password", "b-password"))
    with pytest.raises(CallerError, match="does not let us in") as wrong:
        await store.get("a")
    with pytest.raises(CallerError) as no_address:
        open_cache(f"mongo://:{PASSWORD}@host")
    await store.close()
    for shown in (repr(store), malformed.value, wrong.value, no_address.value):
        assert "password-that" not in str(shown)
    assert malformed.value.__cause__ is None


async def test_a_server_that_is_away_is_a_failure_that_passes():
    """No caller can mend it in the middle of a run, so that the cache is only passed by."""
    store = open_cache("redis://127.0.0.1:9/0")
    with pytest.raises(JourneymanError, match="Redis failed") as caught:
        await store.get("a")
    assert not isinstance(caught.value, CallerError)
    await store.close()
    with pytest.raises(CallerError, match="closed"):
        await store.get("a")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    """An optional package that is missing is the caller's to install."""
    real = builtins.__import__

    def missing(name: str, *rest: object) -> object:
        if name == "redis" or name.startswith("redis."):
            raise ImportError(name)
        return real(name, *rest)  # type: ignore[arg-type]  # whatever Python passes

    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.delitem(sys.modules, "journeyman.adapters.cache_redis")
    with pytest.raises(CallerError, match=r"journeyman\[redis\]"):
        importlib.import_module("journeyman.adapters.cache_redis")
