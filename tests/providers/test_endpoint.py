"""Where requests go and what proves who sends them."""

from __future__ import annotations

import pytest

from journeyman.data import CallerError
from journeyman.providers import VENDORS, Vendor, endpoint, is_configured, secrets_of, shown_address

OPENAI, ANTHROPIC, LMSTUDIO = VENDORS["openai"], VENDORS["anthropic"], VENDORS["lmstudio"]
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


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("openai", {"authorization": f"Bearer {KEY}"}),
        ("anthropic", {"x-api-key": KEY}),
        ("azure", {"api-key": KEY}),
        ("gemini", {"x-goog-api-key": KEY}),
        ("vertex", {"x-goog-api-key": KEY}),
        ("bedrock", {"authorization": f"Bearer {KEY}"}),
        ("cohere", {"authorization": f"Bearer {KEY}"}),
        ("ollama", {"authorization": f"Bearer {KEY}"}),
    ],
)
def test_each_vendor_takes_its_key_in_its_own_header(name, headers):
    """By its own reference."""
    found = endpoint(VENDORS[name], {}, base_url="https://example.org", api_key=KEY)
    assert found.headers() == headers
    assert found.signer == ""


def test_a_local_server_needs_no_key():
    """And gets none."""
    assert endpoint(LMSTUDIO, {}, base_url=None, api_key=None).headers() == {}


def test_a_key_may_travel_in_the_query():
    """Spelled so that it stays one parameter, behind what is there already."""
    row = Vendor(name="own", dialect="openai_chat", base_url="https://own.example/v1?v=2", auth="?key")
    found = endpoint(row, {}, base_url=None, api_key="a&b=c d")
    assert found.headers() == {}
    assert found.address("/chat") == "https://own.example/v1/chat?v=2&key=a%26b%3Dc%20d"
    assert found.address("/chat?alt=sse") == "https://own.example/v1/chat?alt=sse&v=2&key=a%26b%3Dc%20d"


def test_a_query_in_the_address_goes_with_every_request():
    """Azure's dated versions want it."""
    url = "https://x.openai.azure.com/openai/deployments/d/?api-version=2024-10-21"
    found = endpoint(VENDORS["azure"], {}, base_url=url, api_key=KEY)
    assert found.address("/chat/completions") == (
        "https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21"
    )


@pytest.mark.parametrize(("name", "signer"), [("bedrock", "aws"), ("vertex", "google")])
def test_what_is_signed_needs_no_key(name, signer):
    """The environment has something else; with a key, nothing is signed."""
    row = VENDORS[name]
    assert endpoint(row, {}, base_url="https://example.org", api_key=None).signer == signer
    assert endpoint(row, {}, base_url="https://example.org", api_key=KEY).signer == ""


def test_a_project_of_googles_goes_before_a_key_in_the_environment():
    """The key may be there for the Gemini API; a key by hand goes before both."""
    environ = {"GOOGLE_API_KEY": KEY, "GOOGLE_CLOUD_PROJECT": "p"}
    found = endpoint(VENDORS["vertex"], environ, base_url=None, api_key=None)
    assert (found.key, found.signer) == (None, "google")
    assert endpoint(VENDORS["vertex"], {"GOOGLE_API_KEY": KEY}, base_url=None, api_key=None).key is not None
    assert endpoint(VENDORS["vertex"], environ, base_url=None, api_key="other-key").headers() == {
        "x-goog-api-key": "other-key"
    }


def test_a_vendor_may_bring_a_signer_of_its_own():
    """Made of the environment, where no key is given."""

    async def sign(request):
        return request

    seen = []

    def signer(environ):
        seen.append(environ["REGION"])
        return sign

    row = Vendor(name="own", dialect="openai_chat", base_url="https://own.example", authorize=signer)
    assert endpoint(row, {"REGION": "here"}, base_url=None, api_key=None).authorize is sign
    assert endpoint(row, {}, base_url=None, api_key=KEY).authorize is None
    assert seen == ["here"]


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": ""}, {"OPENAI_API_KEY": " \n"}])
def test_a_missing_key_names_its_variable(environ):
    """And the page where keys are made, and the argument."""
    with pytest.raises(CallerError) as caught:
        endpoint(OPENAI, environ, base_url=None, api_key=None)
    for part in ("OPENAI_API_KEY", "https://platform.openai.com/api-keys", "api_key="):
        assert part in str(caught.value)


def test_a_missing_key_names_all_of_its_variables():
    """The vendor's own and those that others use."""
    with pytest.raises(CallerError, match="set CO_API_KEY or COHERE_API_KEY or pass api_key="):
        endpoint(VENDORS["cohere"], {}, base_url=None, api_key=None)


@pytest.mark.parametrize(
    ("variable", "said"), [("OWN_KEY", "set OWN_KEY or pass api_key=$"), (None, ": pass api_key=$")]
)
def test_a_vendor_without_a_page_for_keys_names_its_variable_alone(variable, said):
    """Nothing is made up."""
    row = Vendor(name="own", dialect="openai_chat", base_url="https://own.example", key_env=variable)
    with pytest.raises(CallerError, match=said):
        endpoint(row, {}, base_url=None, api_key=None)


def test_the_newline_behind_a_key_is_dropped():
    """Keys are read from files, and a header cannot hold one."""
    assert endpoint(OPENAI, {"OPENAI_API_KEY": f"{KEY}\n"}, base_url=None, api_key=None).headers() == {
        "authorization": f"Bearer {KEY}"
    }


def test_a_missing_address_names_its_variable():
    """For servers that have none of their own, and are not given a name for one."""
    with pytest.raises(CallerError, match="pass base_url= or set COMPATIBLE_BASE_URL"):
        endpoint(VENDORS["compatible"], {}, base_url=None, api_key=None)
    row = Vendor(name="own", dialect="openai_chat", base_url=None, local=True)
    with pytest.raises(CallerError, match=r"has no address of its own; pass base_url=$"):
        endpoint(row, {}, base_url=None, api_key=None)


def test_slashes_at_the_end_are_dropped():
    """Each path begins with one."""
    found = endpoint(LMSTUDIO, {}, base_url="HTTPS://example.org/v1//", api_key=None)
    assert found.base_url == "HTTPS://example.org/v1"


@pytest.mark.parametrize(
    "url",
    [
        "example.org/v1", "localhost:11434", "ftp://example.org", "file:///etc/passwd", "http://", "https:///v1",
        "http://[::1", "https://example.org/v1#x", "https://example.org:port/", "https://example.org/a\nb",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url):
    """With an example of one."""
    with pytest.raises(CallerError, match="is no address to build on; write http"):
        endpoint(LMSTUDIO, {}, base_url=url, api_key=None)


def test_an_endpoint_does_not_show_its_secrets():
    """Printed or logged; nor does the error about an address."""
    url = "https://user:hunter22@example.org/v1?api-version=1&key=s3cret-in-query"
    found = endpoint(OPENAI, {}, base_url=url, api_key=KEY)
    for secret in (KEY, "hunter22", "s3cret-in-query"):
        assert secret not in f"{found} {found!r}"
    with pytest.raises(CallerError) as caught:
        endpoint(OPENAI, {}, base_url=f"{url}#x", api_key=KEY)
    assert "s3cret" not in str(caught.value)
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:p@h:1/v1", "http://h:1/v1"),
        ("http://h/v1", "http://h/v1"),
        ("https://p%40@h", "https://h"),
        ("https://h/a@b", "https://h/a@b"),
        ("https://h/v1?api-version=2024&alt=sse", "https://h/v1?api-version=2024&alt=sse"),
        ("https://h/v1?Key=abc&x-api-token=t&b", "https://h/v1?Key=***&x-api-token=***&b"),
        ("https://h/v1?key=", "https://h/v1?key="),
        ("h", "h"),
    ],
)
def test_addresses_are_shown_without_what_opens_doors(url, shown):
    """Passwords before the host, and keys in the query."""
    assert shown_address(url) == shown


def test_what_is_hidden_in_an_address_is_known():
    """So that it can be taken out of other texts, spelled as it is."""
    found = secrets_of("https://user:hunter22@h/v1?key=a%26b&api-version=1")
    assert [secret.reveal() for secret in found] == ["hunter22", "a&b"]
    assert secrets_of("https://h/v1") == []


@pytest.mark.parametrize(
    ("name", "environ", "is_it"),
    [
        ("openai", {}, False),
        ("openai", {"OPENAI_API_KEY": "  "}, False),
        ("openai", {"OPENAI_API_KEY": KEY}, True),
        ("cohere", {"COHERE_API_KEY": KEY}, True),
        ("bedrock", {}, False),
        ("bedrock", {"AWS_REGION": "eu-west-1"}, True),
        ("bedrock", {"AWS_BEARER_TOKEN_BEDROCK": KEY}, False),
        ("vertex", {"GOOGLE_CLOUD_PROJECT": "p"}, True),
        ("vertex", {"GOOGLE_API_KEY": KEY}, True),
        ("vertex", {"GOOGLE_CLOUD_LOCATION": "global"}, False),
        ("ollama", {}, True),
        ("compatible", {}, False),
        ("compatible", {"COMPATIBLE_BASE_URL": "http://x/v1"}, True),
    ],
)
def test_it_is_known_whether_a_vendor_can_be_tried(name, environ, is_it):
    """A key, or an address where none is needed."""
    assert is_configured(VENDORS[name], environ) is is_it
