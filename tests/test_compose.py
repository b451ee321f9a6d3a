"""From names and addresses to models, journals and prices."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from decimal import Decimal

import pytest

from journeyman.adapters.log_memory import MemoryLog
from journeyman.adapters.log_sqlite import SqliteLog
from journeyman.adapters.transport_aiohttp import AiohttpTransport
from journeyman.compose import (
    clock,
    connections,
    cost,
    estimate,
    get_available_models,
    get_available_models_sync,
    get_model_rates,
    loop_transport,
    model_of,
    new_memory_log,
    new_run_id,
    new_transport,
    open_journal,
    open_model,
    prices,
    set_model_rates,
    vendor_endpoint,
)
from journeyman.data import CallerError, Image, Message, ModelRequest, ModelUsage, Usage
from journeyman.journal import RunFinished, RunStarted
from journeyman.models import ScriptedModel
from journeyman.providers import VENDORS, Capabilities, Rates
from journeyman.testing import provider_twin
from journeyman.tools import tool

REQUEST = ModelRequest("", (Message.user("hi"),))


@pytest.fixture
def no_keys(monkeypatch):
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_BASE_URL",
        "OLLAMA_BASE_URL",
        "OLLAMA_HOST",
    ):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.fixture
def own_rates() -> Iterator[None]:
    before = dict(prices._rates)
    yield
    prices._rates.clear()
    prices._rates.update(before)


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
    assert shown.path == "https://api.openai.com/v1/responses"
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


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("openai:gpt-5", "/responses"),
        ("openai-chat:gpt-5", "/chat/completions"),
        ("openai:gpt-4o", "/chat/completions"),
        ("ollama:x", "/api/chat"),
        ("ollama-chat:x", "/chat/completions"),
    ],
)
def test_a_wire_is_chosen_by_the_name(name, path):
    """By the model where the vendor alone is named; the model keeps the name by which it was asked for."""
    model = open_model(name, base_url="http://127.0.0.1:9", api_key="x" * 20)
    shown = model.preview(REQUEST)
    assert (model.name, shown.path) == (name, f"http://127.0.0.1:9{path}")


def test_capabilities_can_be_said_by_hand():
    """Where the table is behind the world."""
    picture = ModelRequest("", (Message.user([Image("image/png", b"x")]),))
    with pytest.raises(CallerError, match=r"deepseek:d takes no images .* nothing was sent"):
        open_model("deepseek:d", api_key="x" * 20).preview(picture)
    able = open_model("deepseek:d", api_key="x" * 20, capabilities=Capabilities(vision=True))
    assert able.preview(picture) is not None


@pytest.mark.parametrize("name", ["transformers:some/model", "airllm:some/model"])
async def test_a_model_in_this_process_is_loaded_when_it_is_asked(name):
    """Naming it needs no package; asking it says which one is missing, or that there is no such model."""
    model = open_model(name)
    assert model.name == name
    assert model.preview(REQUEST) is None
    assert not model.capabilities.vision
    async with model:
        with pytest.raises(CallerError, match=r"pip install|cannot load"):
            await model.respond(REQUEST)


def test_vendors_sign_with_what_the_environment_has(no_keys):
    """Without a key; the signer comes from its adapter, and nothing is looked up yet."""
    no_keys.delenv("AWS_BEARER_TOKEN_BEDROCK", raising=False)
    no_keys.delenv("GOOGLE_API_KEY", raising=False)
    no_keys.setenv("AWS_REGION", "eu-west-1")
    no_keys.setenv("GOOGLE_CLOUD_PROJECT", "p")
    no_keys.delenv("GOOGLE_CLOUD_LOCATION", raising=False)
    for vendor in (VENDORS["bedrock"], VENDORS["vertex"]):
        assert vendor_endpoint(vendor).authorize is not None
        assert vendor_endpoint(vendor, base_url="http://127.0.0.1:9", api_key="x" * 20).authorize is None
    assert vendor_endpoint(VENDORS["ollama"]).authorize is None


async def test_models_within_reach_are_asked_for(no_keys):
    """At the vendors that are named, over the connections of the loop; the twin answers, and has no names to give."""
    async with provider_twin([]) as twin:
        no_keys.setenv("OPENAI_API_KEY", "x" * 20)
        no_keys.setenv("OPENAI_BASE_URL", twin.url)
        no_keys.setenv("LMSTUDIO_BASE_URL", "http://127.0.0.1:9/v1")
        found = await get_available_models(["openai", "lmstudio"])
    assert found.models == ()
    assert [item.vendor for item in found.unreachable] == ["lmstudio"]
    assert found.addresses == {"openai": twin.url}
    with pytest.raises(CallerError, match="'nobody'"):
        await get_available_models(["nobody"])


def test_models_within_reach_have_a_blocking_twin(no_keys):
    """For scripts."""
    no_keys.setenv("LMSTUDIO_BASE_URL", "http://127.0.0.1:9/v1")
    assert get_available_models_sync(["lmstudio"]).models == ()


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

    monkeypatch.setattr(connections, "new_transport", make)
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def use() -> object:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        assert loop_transport() is loop_transport()
        assert made[-1].closed == 0
        return loop_transport()

    before = len(connections._held)
    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second
    assert [transport.closed for transport in made] == [1, 1]
    assert len(connections._held) == before
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


@pytest.mark.parametrize("url", ["", "runs.db", "sqlite:", "sqlite:///", "sqlite://runs.db", "mysql:///x", "memory"])
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
    assert prices._rates["ollama:x"] is None


@pytest.mark.usefixtures("own_rates")
def test_an_unknown_price_makes_the_cost_unknown():
    """It is never taken for zero."""
    assert cost((of("anthropic:claude-sonnet-4-5", 1000),)) == 3_000_000
    assert cost((of("anthropic:claude-sonnet-4-5", 1000), of("ollama:x"))) is None
    assert cost(()) == 0


@pytest.mark.usefixtures("own_rates")
def test_a_vendor_has_one_price_on_all_of_its_wires():
    """What was set for the one counts for the other."""
    rates = Rates(input=1, output=1)
    set_model_rates("openai-responses:gpt-5", rates)
    assert get_model_rates("openai:gpt-5") is rates
    assert get_model_rates("openai-chat/gpt-5") is rates


@pytest.mark.usefixtures("own_rates")
def test_a_call_is_estimated_before_it_is_made():
    """A guess and a bound, in tokens and in dollars: a million bytes at $2, and 1,000 tokens at $10, at the most."""
    set_model_rates("acme", Rates(input=2, output=10))
    text = "word " * 200_000
    guess = estimate("acme", text, max_tokens=1000)
    assert guess.input_at_most is not None
    assert 200_000 < guess.input_tokens < 300_000
    assert 1_000_000 < guess.input_at_most < 1_000_100
    assert guess.input_cost == Decimal(guess.input_tokens * 2) / 10**6
    assert guess.cost_at_most == Decimal(guess.input_at_most * 2 + 10_000) / 10**6
    assert guess.output_at_most == 1000


@pytest.mark.usefixtures("own_rates")
def test_an_estimate_takes_the_dearest_reading():
    """Nobody knows beforehand which tokens are written to a cache, or thought."""
    set_model_rates("acme", Rates(input=2, output=10, cache_write=4, reasoning=20))
    guess = estimate("acme", "hi", max_tokens=1000)
    assert guess.cost_at_most == Decimal(guess.input_at_most * 4 + 20_000) / 10**6


def test_what_is_not_known_is_not_estimated():
    """No price, no limit of the answer, or media: None, and never 0."""
    assert estimate("ollama:x", "hi", max_tokens=5).input_cost is None
    assert estimate("anthropic:claude-sonnet-4-5", "hi").cost_at_most is None
    picture = estimate("anthropic:claude-sonnet-4-5", ["hi", Image("image/png", b"x")], max_tokens=5)
    assert (picture.input_at_most, picture.cost_at_most, picture.media) == (None, None, 1)
    assert picture.input_cost is not None


def test_an_estimate_takes_what_a_run_takes():
    """A model or its name, words or a history, tools as they are declared."""

    @tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    history = [Message.system("Be brief."), Message.user("Hi"), "and more"]
    whole = estimate(ScriptedModel([]), history, tools=[weather, weather.spec])
    assert whole.model == "scripted:model"
    assert whole.input_tokens > estimate("scripted:model", history).input_tokens > estimate("x:y", "Hi").input_tokens


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
