"""How vendors are asked for their models, and what they answer, in the shapes of their own references."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.data import ProviderError
from journeyman.providers import VENDORS, endpoint
from journeyman.providers.listings import Page, list_request, read_page

KEY = "k" * 20
SHAPES = ("openai", "anthropic", "gemini", "ollama", "cohere", "bedrock")


def asked(name, following="", environ=None):
    row = VENDORS[name]
    place = endpoint(row, environ or {}, base_url=None, api_key=KEY)
    return list_request(place, row.listing, following)


@pytest.mark.parametrize(
    ("name", "address", "header"),
    [
        ("openai", "https://api.openai.com/v1/models", "authorization"),
        ("anthropic", "https://api.anthropic.com/v1/models?limit=1000", "x-api-key"),
        ("gemini", "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000", "x-goog-api-key"),
        ("cohere", "https://api.cohere.com/v1/models?endpoint=chat&page_size=1000", "authorization"),
        ("ollama", "http://127.0.0.1:11434/api/tags", "authorization"),
        ("github", "https://models.github.ai/catalog/models", "authorization"),
    ],
)
def test_each_vendor_is_asked_where_its_list_is(name, address, header):
    """With its key in its own header."""
    request = asked(name)
    assert (request.method, request.path) == ("GET", address)
    assert KEY in request.headers[header]


def test_amazon_tells_of_models_elsewhere_than_it_runs_them():
    """The control plane has a host of its own; one's own endpoint is asked as it is."""
    request = asked("bedrock", environ={"AWS_REGION": "eu-west-1"})
    assert request.path == "https://bedrock.eu-west-1.amazonaws.com/foundation-models?byOutputModality=TEXT"
    own = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:1"}
    assert asked("bedrock", environ=own).path == "http://127.0.0.1:1/foundation-models?byOutputModality=TEXT"


@pytest.mark.parametrize(
    ("name", "end"),
    [("anthropic", "&after_id=a%26b"), ("gemini", "&pageToken=a%26b"), ("cohere", "&page_token=a%26b")],
)
def test_the_next_page_is_asked_for_with_what_the_last_one_gave(name, end):
    """Spelled so that it stays one parameter."""
    assert asked(name, "a&b").path.endswith(end)


def test_anthropic_is_told_the_version():
    """It refuses requests without one."""
    assert asked("anthropic").headers["anthropic-version"] == "2023-06-01"


@pytest.mark.parametrize(
    ("shape", "body", "page"),
    [
        ("openai", {"object": "list", "data": [{"id": "gpt-5", "object": "model"}, {"id": "o3"}]}, Page(("gpt-5", "o3"))),
        ("openai", [{"id": "a/b", "type": "chat"}], Page(("a/b",))),
        ("anthropic", {"data": [{"id": "claude-x"}], "has_more": True, "last_id": "claude-x"}, Page(("claude-x",), "claude-x")),
        ("anthropic", {"data": [{"id": "claude-x"}], "has_more": False, "last_id": "claude-x"}, Page(("claude-x",))),
        (
            "gemini",
            {
                "models": [
                    {"name": "models/gemini-3-flash", "supportedGenerationMethods": ["generateContent", "countTokens"]},
                    {"name": "models/embedding-001", "supportedGenerationMethods": ["embedContent"]},
                    {"name": "models/new"},
                ],
                "nextPageToken": "t",
            },
            Page(("gemini-3-flash", "new"), "t"),
        ),
        ("gemini", {}, Page(())),
        ("ollama", {"models": [{"name": "qwen3:8b", "model": "qwen3:8b", "size": 1}]}, Page(("qwen3:8b",))),
        ("cohere", {"models": [{"name": "command-a", "endpoints": ["chat"]}], "next_page_token": "n"}, Page(("command-a",), "n")),
        ("bedrock", {"modelSummaries": [{"modelId": "amazon.nova-lite-v1:0"}]}, Page(("amazon.nova-lite-v1:0",))),
    ],
)  # fmt: skip
def test_a_page_gives_names_and_what_follows(shape, body, page):
    """In each vendor's shape; models that answer nobody are left out."""
    assert read_page(shape, json.dumps(body).encode()) == page


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"3", b'"x"', b"\xff", b"[" * 100_000, b'{"data":3,"models":3,"modelSummaries":3}',
             b'{"data":[3],"models":["x"],"modelSummaries":[null]}'],
)  # fmt: skip
def test_what_is_no_list_is_an_error(shape, body):
    """Whatever listens on a port; never another exception."""
    with pytest.raises(ProviderError, match="no model server"):
        read_page(shape, body)


@given(
    st.sampled_from(SHAPES),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["data", "models", "id", "name", "modelSummaries", "nextPageToken"])
                | st.just("supportedGenerationMethods"),
                inner,
            )
        ),
    ),
)
def test_any_json_is_a_page_or_an_error(shape, value):
    """No answer gets further than that."""
    try:
        page = read_page(shape, json.dumps(value).encode())
    except ProviderError:
        return
    assert all(isinstance(name, str) and name for name in page.names)
    assert isinstance(page.following, str)
