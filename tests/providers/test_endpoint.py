"""Where requests go and what proves who sends them."""

from __future__ import annotations

import pytest

from journeyman.data import CallerError
from journeyman.providers import VENDORS, Vendor, endpoint

OPENAI, ANTHROPIC, OLLAMA = VENDORS["openai"], VENDORS["anthropic"], VENDORS["ollama"]
KEY = "sk-0123456789abcdef"


def test_arguments_come_before_variables_before_the_table():
    """For the address and for the key."""
    environ = {"OPENAI_API_KEY": "from the environment", "OPENAI_BASE_URL": "https://env.example/v1"}
    by_hand = endpoint(OPENAI, environ, base_url="http://localhost:1/v1", api_key=KEY)
    assert (by_hand.base_url, by_hand.headers()) == ("http://localhost:1/v1", {"authorization": f"Bearer {KEY}"})
    by_environment = endpoint(OPENAI, environ, base_url=None, api_key=None)
    assert by_environment.base_url == "https://env.example/v1"
    assert by_environment.headers() == {"authorization": "Bearer from the environment"}
    assert endpoint(OPENAI, {}, base_url=None, api_key=KEY).base_url == "https://api.openai.com/v1"


def test_each_vendor_takes_its_key_in_its_own_header():
    """And a local server none at all."""
    assert endpoint(ANTHROPIC, {}, base_url=None, api_key=KEY).headers() == {"x-api-key": KEY}
    assert endpoint(OLLAMA, {}, base_url=None, api_key=None).headers() == {}


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": " \n"}])
def test_a_missing_key_names_its_variable(environ):
    """And the page where keys are made, and the argument."""
    with pytest.raises(CallerError) as caught:
        endpoint(OPENAI, environ, base_url=None, api_key=None)
    for part in ("OPENAI_API_KEY", "https://platform.openai.com/api-keys", "api_key="):
        assert part in str(caught.value)


def test_a_vendor_without_a_page_for_keys_names_its_variable_alone():
    """Nothing is made up."""
    row = Vendor(name="own", dialect="openai_chat", base_url="https://own.example", key_env="OWN_KEY")
    with pytest.raises(CallerError, match=r"set OWN_KEY or pass api_key=$"):
        endpoint(row, {}, base_url=None, api_key=None)


def test_the_newline_behind_a_key_is_dropped():
    """Keys are read from files, and a header cannot hold one."""
    assert endpoint(OPENAI, {"OPENAI_API_KEY": f"{KEY}\n"}, base_url=None, api_key=None).headers() == {
        "authorization": f"Bearer {KEY}"
    }


def test_a_missing_address_names_its_variable():
    """For servers that have none of their own."""
    with pytest.raises(CallerError, match="pass base_url= or set COMPATIBLE_BASE_URL"):
        endpoint(VENDORS["compatible"], {}, base_url=None, api_key=None)


def test_slashes_at_the_end_are_dropped():
    """Each path begins with one."""
    assert endpoint(OLLAMA, {}, base_url="HTTPS://example.org/v1//", api_key=None).base_url == "HTTPS://example.org/v1"


@pytest.mark.parametrize(
    "url",
    [
        "example.org/v1", "localhost:11434", "ftp://example.org", "file:///etc/passwd", "http://", "https:///v1",
        "http://[::1", "https://example.org/v1?version=1", "https://example.org/v1#x",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url):
    """With an example of one."""
    with pytest.raises(CallerError, match="is no address to build on; write http"):
        endpoint(OLLAMA, {}, base_url=url, api_key=None)


def test_an_endpoint_does_not_show_its_key():
    """Printed or logged."""
    found = endpoint(OPENAI, {}, base_url=None, api_key=KEY)
    assert KEY not in f"{found} {found!r}"
