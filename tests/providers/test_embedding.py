"""Which wire a vendor's embeddings speak."""

import json

import pytest
from msgspec.structs import replace

from journeyman.data import CallerError, EmbeddingRequest
from journeyman.providers import VENDORS, embedding_wire, vendor_named

ASK = EmbeddingRequest("m", ("a",), 64, "query")


def sent(vendor):
    return json.loads(embedding_wire(vendor).encode(ASK).body)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("openai", "openai"),
        ("openai-responses", "openai"),
        ("azure", "openai"),
        ("mistral", "openai"),
        ("openrouter", "openai"),
        ("lmstudio", "openai"),
        ("compatible", "openai"),
        ("gemini", "gemini"),
        ("gemini-chat", "openai"),
        ("vertex", "vertex"),
        ("bedrock", "bedrock"),
        ("cohere", "cohere"),
        ("ollama", "ollama"),
    ],
)
def test_wires(name, dialect):
    """Each vendor's embeddings have a wire, which goes with the one that its messages go over."""
    assert embedding_wire(vendor_named(name)).name == dialect


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("openai", {"dimensions": 64}),
        ("mistral", {"output_dimension": 64}),
        ("nvidia", {"dimensions": 64, "input_type": "query"}),
        ("voyage", {"output_dimension": 64, "input_type": "query"}),
    ],
)
def test_own_words(name, keys):
    """Vendors behind OpenAI's wire are asked in their own words; Voyage AI needs only to be registered."""
    vendor = VENDORS.get(name) or replace(VENDORS["compatible"], name=name)
    assert sent(vendor) == {"model": "m", "input": ["a"], "encoding_format": "base64", **keys}


@pytest.mark.parametrize(
    ("name", "words"), [("anthropic", "gives no embeddings"), ("perplexity", "as bytes and bits only")]
)
def test_vendors_without(name, words):
    """Who gives none, or none that we can take, is refused with the reason."""
    with pytest.raises(CallerError, match=words):
        embedding_wire(VENDORS[name])
