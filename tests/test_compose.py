"""From names and addresses to models, journals and prices."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from journeyman import compose
from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.adapters.transport_aiohttp import AiohttpTransport
from journeyman.compose import (
    clock,
    cost,
    get_model_rates,
    loop_transport,
    model_of,
    new_memory_log,
    new_run_id,
    new_transport,
    open_journal,
    open_model,
    set_model_rates,
)
from journeyman.data import CallerError, Message, ModelRequest, ModelUsage, Usage
from journeyman.journal import RunFinished, RunStarted
from journeyman.models import ScriptedModel
from journeyman.providers import Rates

REQUEST = ModelRequest("", (Message.user("hi"),))


@pytest.fixture
def no_keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OLLAMA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def own_rates() -> Iterator[None]:
    before = dict(compose._rates)
    yield
    compose._rates.clear()
    compose._rates.update(before)


# --- models -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai:gpt-5", "openai/gpt-5"])
def test_a_model_has_one_name_however_it_was_written(no_keys, name):
    """`vendor:model`; and no key is needed to name it."""
    assert open_model(name).name == "openai:gpt-5"


def test_a_missing_key_is_an_error_of_the_first_request(no_keys):
    """Programs can be imported without one; the error names the variable."""
    model = open_model("openai:gpt-5")
    with pytest.raises(CallerError, match="OPENAI_API_KEY"):
        model.preview(REQUEST)
    no_keys.setenv("OPENAI_API_KEY", "sk-0123456789abcdef")
    shown = model.preview(REQUEST)
    assert shown is not None
    assert shown.path == "https://api.openai.com/v1/chat/completions"
    assert "sk-0123456789abcdef" not in str(shown)


def test_address_and_key_can_be_passed_in(no_keys):
    """Before those of the environment, to each vendor in its own way."""
    no_keys.setenv("ANTHROPIC_API_KEY", "of the environment")
    shown = open_model("anthropic:claude-sonnet-4-5", base_url="http://127.0.0.1:9", api_key="x" * 20).preview(REQUEST)
    assert shown is not None
    assert shown.path == "http://127.0.0.1:9/v1/messages"
    assert shown.headers["x-api-key"] == "***"


def test_a_model_has_the_capabilities_of_its_row():
    """By the vendor and the model's name."""
    assert open_model("anthropic:claude-sonnet-4-5").capabilities.json_schema
    assert not open_model("anthropic:claude-3-opus").capabilities.json_schema
    assert not open_model("openrouter:meta-llama/llama-3").capabilities.json_schema


def test_an_unknown_vendor_is_an_error_at_once():
    """A misspelt name is found before anything is run."""
    with pytest.raises(CallerError, match="'opnai'"):
        open_model("opnai:gpt-5")


def test_a_model_may_stand_for_its_name():
    """Wherever a name is taken."""
    model = ScriptedModel([])
    assert model_of(model) is model
    assert model_of("ollama:qwen3:8b").name == "ollama:qwen3:8b"


class Broken:
    """A transport that only counts."""

    def __init__(self) -> None:
        self.asked = self.closed = 0

    def exchange(self, request):
        self.asked += 1
        raise CallerError("no network here")

    async def close(self) -> None:
        self.closed += 1


async def test_a_transport_that_is_passed_in_is_used_and_left_open(no_keys):
    """It is its caller's to close, inside a context and outside."""
    transport = Broken()
    model = open_model("ollama:x", transport=transport)
    with pytest.raises(CallerError, match="no network here"):
        await model.respond(REQUEST)
    async with model:
        with pytest.raises(CallerError, match="no network here"):
            await model.respond(REQUEST)
    assert (transport.asked, transport.closed) == (2, 0)


# --- transports ---------------------------------------------------------------------------------------------------------


async def test_a_loop_has_one_transport():
    """Whoever asks in it gets the same; a new one is another."""
    assert loop_transport() is loop_transport()
    fresh = new_transport()
    assert fresh is not loop_transport()
    await fresh.close()


def test_each_loop_has_a_transport_of_its_own_which_ends_with_it(monkeypatch):
    """It is closed when the loop is shut down, and neither it nor the loop is held any longer."""
    made: list[Broken] = []

    def make() -> Broken:
        made.append(Broken())
        return made[-1]

    monkeypatch.setattr(compose, "new_transport", make)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def use() -> object:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert loop_transport() is loop_transport()
        assert made[-1].closed == 0
        return loop_transport()

    before = len(compose._transports)
    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second
    assert [transport.closed for transport in made] == [1, 1]
    assert len(compose._transports) == before
    gc.collect()
    assert [loop() for loop in loops] == [None, None]


def test_a_real_transport_is_closed_with_its_loop():
    """Its connections are gone, and Python has nothing to complain about."""

    async def use() -> AiohttpTransport:
        transport = loop_transport()
        assert isinstance(transport, AiohttpTransport)
        # Opens the pool; nothing is sent before the context is entered.
        transport.exchange(open_model("ollama:x").preview(REQUEST))
        assert transport._session is not None
        return transport

    transport = asyncio.run(use())
    assert transport._session is None
    gc.collect()


# --- journals -----------------------------------------------------------------------------------------------------------


async def write_and_read(log):
    run = new_run_id()
    started = RunStarted(seq=0, agent="a", model="m", fingerprint="f", input=())
    await log.append(run, 0, [started, RunFinished(seq=1)])
    return [type(fact) async for fact in log.read(run)]


async def test_memory_is_a_journal():
    """It keeps what is written, as long as it is held."""
    async with open_journal("memory:") as log:
        assert isinstance(log, MemoryLog)
        assert await write_and_read(log) == [RunStarted, RunFinished]
    assert isinstance(new_memory_log(), MemoryLog)


@pytest.mark.parametrize("relative", [True, False])
async def test_a_file_is_a_journal(tmp_path, monkeypatch, relative):
    """Under a relative or an absolute path; it is closed at the end."""
    monkeypatch.chdir(tmp_path)
    url = "sqlite:///runs.db" if relative else f"sqlite:///{tmp_path / 'runs.db'}"
    async with open_journal(url) as log:
        assert isinstance(log, SqliteLog)
        assert await write_and_read(log) == [RunStarted, RunFinished]
    assert (tmp_path / "runs.db").exists()


async def test_a_journal_need_not_wait_for_the_disk(tmp_path):
    """`?synchronous=normal` in the address is SQLite's; a word that SQLite does not know is refused."""
    async with open_journal(f"sqlite:///{tmp_path}/runs.db?synchronous=normal") as log:
        await write_and_read(log)
    with pytest.raises(CallerError, match="NEVER"):
        await open_journal("sqlite:///x.db?synchronous=never").__aenter__()


async def test_a_journal_that_is_passed_in_is_left_open():
    """It is its caller's to close."""
    log = MemoryLog()
    async with open_journal(log) as same:
        assert same is log
    assert await write_and_read(log) == [RunStarted, RunFinished]


@pytest.mark.parametrize(
    "url", ["", "runs.db", "sqlite:", "sqlite:///", "sqlite://runs.db", "postgresql:///x", "memory"]
)
async def test_what_is_no_journal_is_refused(url):
    """With the forms that are understood."""
    with pytest.raises(CallerError, match=r'is no address of a journal; use "memory:", "sqlite:///runs.db"'):
        async with open_journal(url):
            raise AssertionError("nothing was to be opened")


# --- prices -------------------------------------------------------------------------------------------------------------


def of(model, tokens=1):
    return ModelUsage.of(model, Usage(input=tokens))


@pytest.mark.usefixtures("own_rates")
@pytest.mark.parametrize("name", ["openai:gpt-5", "openai/gpt-5", "my own model"])
def test_rates_that_were_set_come_before_the_list(name):
    """Under whichever form of the name."""
    rates = Rates(input=1_000_000, output=0)
    set_model_rates(name, rates)
    assert get_model_rates(name) is rates
    assert cost((of(name.replace("/", ":"), 3),)) == 3 * 10**9


@pytest.mark.usefixtures("own_rates")
def test_the_list_is_asked_once_a_model():
    """Both for what it knows and for what it does not."""
    known, unknown = get_model_rates("anthropic:claude-sonnet-4-5"), get_model_rates("ollama:x")
    assert known is not None
    assert known.output == 15
    assert unknown is None
    assert get_model_rates("anthropic/claude-sonnet-4-5") is known
    assert compose._rates["ollama:x"] is None


@pytest.mark.usefixtures("own_rates")
def test_an_unknown_price_makes_the_cost_unknown():
    """It is never taken for zero."""
    assert cost((of("anthropic:claude-sonnet-4-5", 1000),)) == 3_000_000
    assert cost((of("anthropic:claude-sonnet-4-5", 1000), of("ollama:x"))) is None
    assert cost(()) == 0


# --- clock and ids ------------------------------------------------------------------------------------------------------


def test_ids_sort_by_time_and_do_not_repeat():
    """Twelve digits of milliseconds, fourteen of chance."""
    before = clock() // 1000
    ids = [new_run_id() for _ in range(1000)]
    after = clock() // 1000
    assert len(set(ids)) == 1000
    assert {len(run) for run in ids} == {26}
    times = [int(run[:12], 16) for run in ids]
    assert times == sorted(times)
    assert before <= times[0]
    assert times[-1] <= after
