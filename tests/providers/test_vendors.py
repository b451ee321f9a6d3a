"""The table of vendors."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec
import pytest

from journeyman.data import CallerError
from journeyman.providers import VENDORS, Vendor, endpoint, register_vendor, vendor_and_model
from journeyman.wire import DIALECTS


@pytest.mark.parametrize("name", VENDORS)
def test_every_row_can_be_used(name):
    """It has its own name, a dialect that exists, an address or a variable for one, and a key or the word that none is needed."""
    row = VENDORS[name]
    assert row.name == name
    assert row.dialect in DIALECTS
    assert vendor_and_model(f"{name}:some-model") == (row, "some-model")
    # A variable without a name is nobody's.
    environ = {"": "nobody's", row.key_env or "": "k" * 20, row.url_env or "": "https://example.org/v1"}
    found = endpoint(row, environ, base_url=None, api_key=None)
    assert found.base_url == ("https://example.org/v1" if row.url_env else row.base_url)
    assert (found.key is not None) == (row.key_env is not None)
    assert row.local or row.key_env


@pytest.mark.parametrize("name", VENDORS)
def test_addresses_are_safe(name):
    """A key leaves over https alone; only servers on this machine are asked in the clear."""
    row = VENDORS[name]
    for address in (row.base_url, row.keys_at):
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
    ],
)
def test_the_first_separator_divides_vendor_and_model(name, vendor, model):
    """Names of models hold slashes and colons themselves."""
    assert vendor_and_model(name) == (VENDORS[vendor], model)


@pytest.mark.parametrize("name", ["gpt-5", "", "openai", "openai:", "openai/", ":gpt-5", "/gpt-5", ":"])
def test_half_a_name_is_no_name(name):
    """The error shows what a name looks like."""
    with pytest.raises(CallerError, match="is no model name; write vendor:model"):
        vendor_and_model(name)


@pytest.mark.parametrize("name", ["nobody:m", "nobody/m:x", "nobody:m/x", "OpenAI:gpt-5"])
def test_an_unknown_vendor_is_named(name):
    """With those that are known, and the way to reach any other."""
    with pytest.raises(CallerError) as caught:
        vendor_and_model(name)
    words = str(caught.value)
    assert f"the vendor {name[:6]!r} of {name!r} is not known" in words
    assert all(vendor in words for vendor in VENDORS)
    assert f'open_model("compatible:{name[7:]}", base_url=' in words


@pytest.fixture
def own_table():
    rows = dict(VENDORS)
    yield
    VENDORS.clear()
    VENDORS.update(rows)


@pytest.mark.usefixtures("own_table")
def test_a_vendor_can_be_added_and_replaced():
    """For this process."""
    row = Vendor(name="own", dialect="openai_chat", base_url="http://10.0.0.1/v1", local=True)
    register_vendor(row)
    assert vendor_and_model("own:m") == (row, "m")
    register_vendor(msgspec.structs.replace(row, base_url="http://10.0.0.2/v1"))
    assert vendor_and_model("own:m")[0].base_url == "http://10.0.0.2/v1"


@pytest.mark.parametrize("name", ["", "a:b", "a/b"])
def test_a_vendor_needs_a_name_that_can_be_read_back(name):
    """One with a separator in it would never be found."""
    with pytest.raises(CallerError, match="cannot be the name of a vendor"):
        register_vendor(Vendor(name=name, dialect="openai_chat", base_url=None))
    assert name not in VENDORS


def test_some_vendors_have_a_native_schema_mode_for_some_models():
    """By the beginning of the model's name."""
    row = VENDORS["anthropic"]
    assert row.capabilities_of("claude-sonnet-4-5-20250929").json_schema
    assert not row.capabilities_of("claude-3-haiku-20240307").json_schema
    assert row.capabilities_of("claude-3-haiku-20240307").tools
    assert VENDORS["openai"].capabilities_of("anything") is VENDORS["openai"].capabilities
    assert not VENDORS["openrouter"].capabilities_of("openai/gpt-5").json_schema
