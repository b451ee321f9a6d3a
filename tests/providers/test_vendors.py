"""The table of vendors."""

from __future__ import annotations

import contextlib
import importlib
import sys
from urllib.parse import urlsplit

import msgspec
import pytest

from journeyman.data import CallerError
from journeyman.providers import (
    VENDORS,
    Capabilities,
    Models,
    Vendor,
    Wire,
    endpoint,
    load_entry_points,
    register_vendor,
    vendor_and_model,
    vendor_named,
)
from journeyman.providers.vendors import ALIASES
from journeyman.wire import DIALECTS

WIRED = [name for name, row in VENDORS.items() if row.dialect != "in_process"]


@pytest.mark.parametrize("name", VENDORS)
def test_every_row_can_be_found(name):
    """By its own name, which a model's cannot be taken for."""
    assert VENDORS[name].name == name
    assert vendor_and_model(f"{name}:some-model") == (VENDORS[name], "some-model")


@pytest.mark.parametrize("name", WIRED)
def test_every_row_can_be_used(name):
    """It has a dialect that exists, an address or a variable for one, and a key or the word that none is needed."""
    row = VENDORS[name]
    assert row.dialect in DIALECTS
    assert row.key_env or row.local
    assert row.base_url or row.address or row.url_env
    if row.address is None:
        environ = {row.url_env or "": "https://example.org/v1"}
        found = endpoint(row, environ, base_url=None, api_key="k" * 20)
        assert found.base_url == ("https://example.org/v1" if row.url_env else row.base_url)


@pytest.mark.parametrize(("name", "variable"), [(name, var) for name in WIRED for var in VENDORS[name].key_variables])
def test_every_variable_for_a_key_is_read(name, variable):
    """The first one, and those that other tools use."""
    found = endpoint(VENDORS[name], {variable: "k" * 20}, base_url="https://example.org", api_key=None)
    assert found.key is not None
    assert found.key.reveal() == "k" * 20
    assert any("k" * 20 in value for value in found.headers().values())


@pytest.mark.parametrize("name", VENDORS)
def test_addresses_are_safe(name):
    """A key leaves over https alone; only servers on this machine are asked in the clear."""
    row = VENDORS[name]
    for address in (row.base_url, row.keys_at, row.models_at, *(wire.base_url for wire in row.wires)):
        if address is not None:
            parts = urlsplit(address)
            assert parts.scheme == "https" or (row.local and parts.hostname == "127.0.0.1")
            assert not address.endswith("/")


@pytest.mark.parametrize(
    ("name", "vendor", "model"),
    [
        ("openai:gpt-5", "openai", "gpt-5"),
        ("openai/gpt-5", "openai", "gpt-5"),
        ("openrouter:meta-llama/llama-3", "openrouter", "meta-llama/llama-3"),
        ("openrouter/meta-llama/llama-3:free", "openrouter", "meta-llama/llama-3:free"),
        ("ollama:qwen3:8b", "ollama", "qwen3:8b"),
        ("ollama/qwen3:8b", "ollama", "qwen3:8b"),
        ("groq:openai/gpt-oss-20b", "groq", "openai/gpt-oss-20b"),
        ("compatible:openai:gpt-5", "compatible", "openai:gpt-5"),
        ("google:gemini-3-flash", "gemini", "gemini-3-flash"),
        ("local:m", "compatible", "m"),
        ("http:m", "compatible", "m"),
    ],
)
def test_the_first_separator_divides_vendor_and_model(name, vendor, model):
    """Names of models hold slashes and colons themselves; some vendors go by a second name."""
    assert vendor_and_model(name) == (VENDORS[vendor], model)


@pytest.mark.parametrize("name", ["gpt-5", "", "openai", "openai:", "openai/", ":gpt-5", "/gpt-5", ":"])
def test_half_a_name_is_no_name(name):
    """The error shows what a name looks like."""
    with pytest.raises(CallerError, match="is no model name; write vendor:model"):
        vendor_and_model(name)


def test_an_address_is_no_name():
    """It is easily tried, and the error says where it belongs."""
    with pytest.raises(CallerError, match=r"base_url='http://127.0.0.1:8000/v1'"):
        vendor_and_model("http://127.0.0.1:8000/v1")


@pytest.mark.parametrize("name", ["nobody:m", "nobody/m:x", "nobody:m/x", "OpenAI:gpt-5"])
def test_an_unknown_vendor_is_named(name):
    """With those that are known, and the way to reach any other."""
    with pytest.raises(CallerError) as caught:
        vendor_and_model(name)
    words = str(caught.value)
    assert f"the vendor {name[:6]!r} of {name!r} is not known" in words
    assert all(vendor in words for vendor in VENDORS)
    assert f'open_model("compatible:{name[7:]}", base_url=' in words


def test_other_names_are_of_vendors_that_exist():
    """And are nobody's own."""
    assert set(ALIASES.values()) <= set(VENDORS)
    assert not set(ALIASES) & set(VENDORS)


# --- wires --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "dialect"),
    [
        ("openai:gpt-5-mini", "openai_responses"),
        ("openai:gpt-5.6-sol", "openai_responses"),
        ("openai:o3", "openai_responses"),
        ("openai:o3-mini", "openai_responses"),
        ("openai:gpt-4o", "openai_chat"),
        ("openai:gpt-4.1-mini", "openai_chat"),
        ("openai:gpt-4o-audio-preview", "openai_chat"),
        ("openai:my-own-proxy-model", "openai_chat"),
        ("openai-chat:gpt-5-mini", "openai_chat"),
        ("openai-responses:gpt-4o", "openai_responses"),
        ("azure:deployment", "openai_chat"),
        ("azure-responses:deployment", "openai_responses"),
        ("google-chat:gemini-3-flash", "openai_chat"),
        ("ollama:x", "ollama"),
        ("ollama-chat:x", "openai_chat"),
        ("deepseek-anthropic:deepseek-chat", "anthropic"),
    ],
)
def test_the_wire_goes_by_the_model_unless_it_is_named(model, dialect):
    """OpenAI's reasoning models speak Responses; a suffix of the vendor's name chooses by hand."""
    vendor, name = vendor_and_model(model)
    assert vendor.dialect_of(name) == dialect


def test_a_vendor_on_another_wire_keeps_what_is_its_own():
    """Its key, its limits and its prices; the address is that of the wire, and not one that was set for the other."""
    moonshot = vendor_named("moonshot-anthropic")
    assert moonshot is not None
    assert (moonshot.name, moonshot.own_name, moonshot.prices) == ("moonshot-anthropic", "moonshot", "moonshotai")
    environ = {"MOONSHOT_API_KEY": "k" * 20, "MOONSHOT_BASE_URL": "https://proxy.example/v1"}
    found = endpoint(moonshot, environ, base_url=None, api_key=None)
    assert found.base_url == "https://api.moonshot.ai/anthropic"
    assert found.headers() == {"x-api-key": "k" * 20}


def test_a_wire_that_a_vendor_does_not_have_is_unknown():
    """And asked for by hand the error lists those that it has."""
    assert vendor_named("cohere-responses") is None
    with pytest.raises(CallerError, match="besides openai there is: openai-chat, openai-responses"):
        VENDORS["openai"].on_wire("anthropic")


@pytest.mark.parametrize("name", [f"{row.name}-{wire.suffix}" for row in VENDORS.values() for wire in row.wires])
def test_every_other_wire_exists(name):
    """And no vendor has its name."""
    assert name not in VENDORS
    found = vendor_named(name)
    assert found is not None
    assert found.dialect in DIALECTS


# --- vendors of one's own -----------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_table():
    rows = dict(VENDORS)
    yield
    VENDORS.clear()
    VENDORS.update(rows)


def test_a_vendor_can_be_added_and_replaced():
    """For this process; its own name goes before another vendor's second one."""
    row = Vendor(name="own", dialect="openai_chat", base_url="http://10.0.0.1/v1", local=True)
    register_vendor(row)
    assert vendor_and_model("own:m") == (row, "m")
    register_vendor(msgspec.structs.replace(row, base_url="http://10.0.0.2/v1"))
    assert vendor_and_model("own:m")[0].base_url == "http://10.0.0.2/v1"
    google = msgspec.structs.replace(row, name="google")
    register_vendor(google)
    assert vendor_and_model("google:m")[0] == google


@pytest.mark.parametrize("name", ["", "a:b", "a/b"])
def test_a_vendor_needs_a_name_that_can_be_read_back(name):
    """One with a separator in it would never be found."""
    with pytest.raises(CallerError, match="cannot be the name of a vendor"):
        register_vendor(Vendor(name=name, dialect="openai_chat", base_url=None))
    assert name not in VENDORS


@pytest.mark.parametrize("place", ["dialect", "wires"])
def test_a_vendor_needs_a_wire_that_exists(place):
    """The error lists those that do."""
    given = {"dialect": "smoke"} if place == "dialect" else {"wires": (Wire(suffix="x", dialect="smoke"),)}
    with pytest.raises(CallerError, match="wants a wire 'smoke'; there are anthropic"):
        register_vendor(Vendor(**{"name": "own", "dialect": "openai_chat", "base_url": None, **given}))


def test_the_first_exception_that_fits_counts():
    """Each for what it speaks of: abilities from one, the wire from another."""
    row = Vendor(
        name="own",
        dialect="openai_chat",
        base_url=None,
        exceptions=(
            Models(names=("a-1", "b"), capabilities=Capabilities(tools=False)),
            Models(names=("a",), capabilities=Capabilities(vision=False), dialect="anthropic"),
        ),
    )
    assert row.capabilities_of("a-1") == Capabilities(tools=False)
    assert row.capabilities_of("a-2") == Capabilities(vision=False)
    assert row.capabilities_of("c") == Capabilities()
    assert [row.dialect_of(name) for name in ("a-1", "b", "c")] == ["anthropic", "openai_chat", "openai_chat"]


@contextlib.contextmanager
def installed(tmp_path, monkeypatch, value, code):
    """A package as an installer leaves it, with one entry point."""
    (tmp_path / "vendor_of_test.py").write_text(code)
    info = tmp_path / "vendor_of_test-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor-of-test\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[journeyman.vendors]\nmine = {value}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "vendor_of_test", raising=False)
    importlib.invalidate_caches()
    yield
    sys.modules.pop("vendor_of_test", None)


ROW = (
    "from journeyman.providers import Vendor\n"
    "ROW = Vendor(name='mine', dialect='openai_chat', base_url='https://mine.example/v1', key_env='MINE_KEY')\n"
    "def rows():\n    return [ROW]\n"
    "def broken():\n    raise RuntimeError('no')\n"
)


@pytest.mark.parametrize("value", ["vendor_of_test:ROW", "vendor_of_test:rows"])
def test_packages_bring_vendors_when_they_are_asked_for(tmp_path, monkeypatch, value):
    """A row, or a function that gives some; nothing before the call."""
    with installed(tmp_path, monkeypatch, value, ROW):
        assert vendor_named("mine") is None
        assert "mine" in load_entry_points()
        assert vendor_and_model("mine:m")[0].base_url == "https://mine.example/v1"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("vendor_of_test:broken", "cannot be loaded: RuntimeError: no"),
        ("vendor_of_test:nothing", "cannot be loaded: AttributeError"),
        ("vendor_of_test.nowhere:x", "cannot be loaded: ModuleNotFoundError"),
        ("vendor_of_test:Vendor", "cannot be loaded: TypeError"),
        ("vendor_of_test:__name__", "gives no Vendor but str"),
    ],
)
def test_a_package_that_brings_none_is_named(tmp_path, monkeypatch, value, said):
    """With its entry point, and what is wrong with it."""
    with installed(tmp_path, monkeypatch, value, ROW), pytest.raises(CallerError, match=said) as caught:
        load_entry_points()
    assert "of vendor-of-test" in str(caught.value)


# --- capabilities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "has", "lacks"),
    [
        (
            "anthropic:claude-sonnet-4-5-20250929",
            {"json_schema", "vision", "documents", "thinking"},
            {"audio", "video"},
        ),
        ("anthropic:claude-sonnet-4-20250514", {"thinking"}, {"json_schema"}),
        ("anthropic:claude-3-7-sonnet-latest", {"thinking"}, {"json_schema"}),
        ("anthropic:claude-3-haiku-20240307", {"tools", "vision"}, {"json_schema", "thinking"}),
        ("anthropic:claude-of-the-future-9", {"json_schema", "thinking"}, set()),
        ("openai:gpt-4", {"tools"}, {"vision", "json_schema"}),
        ("openai:gpt-4-0613", {"tools"}, {"vision", "json_schema"}),
        ("openai:gpt-4-turbo", {"vision"}, {"json_schema"}),
        ("openai:gpt-4o", {"vision", "json_schema", "documents"}, {"audio", "thinking"}),
        ("openai:gpt-4o-audio-preview", {"audio", "tools"}, {"vision", "json_schema"}),
        ("openai:gpt-4.1", {"vision", "json_schema"}, {"thinking"}),
        ("openai:gpt-5", {"vision", "json_schema", "thinking", "documents"}, {"audio", "video"}),
        ("openai:o3-mini", {"thinking", "json_schema", "tools"}, {"vision"}),
        ("openai:gpt-3.5-turbo", {"tools"}, {"vision", "json_schema", "thinking"}),
        ("gemini:gemini-3-flash", {"vision", "audio", "video", "documents", "thinking", "json_schema"}, set()),
        ("gemini:gemini-2.0-flash", {"video"}, {"thinking"}),
        ("vertex:gemini-2.0-flash", {"video"}, {"thinking"}),
        ("groq:openai/gpt-oss-20b", {"json_schema"}, {"audio"}),
        ("groq:llama-3.3-70b-versatile", {"tools"}, {"json_schema"}),
        ("deepseek:deepseek-chat", {"tools"}, {"json_schema", "vision"}),
        ("perplexity:sonar", {"json_schema"}, {"tools"}),
    ],
)
def test_what_models_can_do(model, has, lacks):
    """By their vendors' own pages."""
    vendor, name = vendor_and_model(model)
    found = vendor.capabilities_of(name)
    assert all(getattr(found, ability) for ability in has)
    assert found.lacking() >= lacks
    assert not found.lacking() & has


@pytest.mark.parametrize("name", ["compatible", "vllm", "openrouter", "together", "huggingface", "bedrock", "azure"])
def test_where_nothing_is_known_nothing_is_refused(name):
    """The server has the last word; but no agent's output is built on a mode that may not be there."""
    found = VENDORS[name].capabilities
    assert not found.lacking() - {"video"}
    assert not found.json_schema
