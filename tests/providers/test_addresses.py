"""Addresses that are worked out of several variables."""

from __future__ import annotations

import pytest

from journeyman.data import CallerError
from journeyman.providers import VENDORS, endpoint, vendor_named


def base(name, environ, key=None):
    vendor = vendor_named(name)
    assert vendor is not None
    return endpoint(vendor, environ, base_url=None, api_key=key).base_url


@pytest.mark.parametrize(
    ("url", "base_url"),
    [
        ("https://x.openai.azure.com", "https://x.openai.azure.com/openai/v1"),
        ("https://x.openai.azure.com/", "https://x.openai.azure.com/openai/v1"),
        ("https://x.openai.azure.com/openai/v1/", "https://x.openai.azure.com/openai/v1"),
        (
            "https://x.services.ai.azure.com/openai/deployments/d",
            "https://x.services.ai.azure.com/openai/deployments/d",
        ),
    ],
)
def test_azure_means_its_v1_api_where_nothing_else_is_said(url, base_url):
    """Microsoft's pages give the resource's address alone, and its newer ones the whole."""
    assert base("azure", {"AZURE_OPENAI_ENDPOINT": url}, "k" * 20) == base_url
    assert base("azure-responses", {"AZURE_OPENAI_ENDPOINT": url}, "k" * 20) == base_url


@pytest.mark.parametrize(
    ("environ", "base_url"),
    [
        ({"AWS_REGION": "eu-central-1"}, "https://bedrock-runtime.eu-central-1.amazonaws.com"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "https://bedrock-runtime.us-east-1.amazonaws.com"),
        ({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "https://bedrock-runtime.a.amazonaws.com"),
        ({"AWS_REGION": "a", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:4566/"}, "http://127.0.0.1:4566"),
    ],
)
def test_bedrock_has_an_address_for_each_region(environ, base_url):
    """Named as AWS's own tools read it."""
    assert base("bedrock", environ) == base_url


HOST = "aiplatform.googleapis.com"


@pytest.mark.parametrize(
    ("location", "base_url"),
    [
        ("", f"https://{HOST}/v1/projects/my-p/locations/global/publishers/google"),
        ("global", f"https://{HOST}/v1/projects/my-p/locations/global/publishers/google"),
        ("us-central1", f"https://us-central1-{HOST}/v1/projects/my-p/locations/us-central1/publishers/google"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1/projects/my-p/locations/eu/publishers/google"),
    ],
)
def test_vertex_has_an_address_for_each_project_and_location(location, base_url):
    """By Google's page "Locations"."""
    assert base("vertex", {"GOOGLE_CLOUD_PROJECT": "my-p", "GOOGLE_CLOUD_LOCATION": location}) == base_url


def test_vertex_with_a_key_has_one_address():
    """Google calls it express mode."""
    assert base("vertex", {}, "k" * 20) == f"https://{HOST}/v1/publishers/google"


@pytest.mark.parametrize(
    ("name", "environ", "said"),
    [
        ("azure", {}, "set AZURE_OPENAI_ENDPOINT"),
        ("bedrock", {}, "set AWS_REGION or AWS_DEFAULT_REGION, or pass base_url="),
        ("vertex", {}, "set GOOGLE_CLOUD_PROJECT, or pass base_url="),
    ],
)
def test_what_is_missing_is_named(name, environ, said):
    """Each variable, so that nobody has to look it up."""
    with pytest.raises(CallerError, match=said):
        base(name, environ, "k" * 20 if name == "azure" else None)


@pytest.mark.parametrize(
    ("name", "environ"),
    [
        ("bedrock", {"AWS_REGION": "evil.example/"}),
        ("bedrock", {"AWS_REGION": "a@b"}),
        ("vertex", {"GOOGLE_CLOUD_PROJECT": "p/../x"}),
        ("vertex", {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "x?y"}),
    ],
)
def test_a_variable_cannot_send_a_key_elsewhere(name, environ):
    """What is put into an address is a plain name."""
    with pytest.raises(CallerError, match="cannot be a part of an address"):
        base(name, environ)


@pytest.mark.parametrize(
    ("environ", "root"),
    [
        ({}, "http://127.0.0.1:11434"),
        ({"OLLAMA_BASE_URL": "http://box:11434/v1"}, "http://box:11434"),
        ({"OLLAMA_BASE_URL": "https://ollama.example/"}, "https://ollama.example"),
        ({"OLLAMA_HOST": "box"}, "http://box:11434"),
        ({"OLLAMA_HOST": "box:80"}, "http://box:80"),
        ({"OLLAMA_HOST": ":1234"}, "http://127.0.0.1:1234"),
        ({"OLLAMA_HOST": "0.0.0.0"}, "http://127.0.0.1:11434"),  # noqa: S104  (what people set)
        ({"OLLAMA_HOST": "http://box:1"}, "http://box:1"),
        ({"OLLAMA_BASE_URL": "http://a:1", "OLLAMA_HOST": "b"}, "http://a:1"),
    ],
)
def test_ollama_is_where_its_own_tools_look_for_it(environ, root):
    """Both of its APIs, whichever of them the variable was written for."""
    assert base("ollama", environ) == root
    assert base("ollama-chat", environ) == f"{root}/v1"


def test_an_address_by_hand_is_taken_as_it_is():
    """Also at those whose address is worked out."""
    found = endpoint(VENDORS["azure"], {}, base_url="http://127.0.0.1:1", api_key="k" * 20)
    assert found.address("/chat/completions") == "http://127.0.0.1:1/chat/completions"
