"""Google's access tokens: found, renewed when they run out, and not asked for while they hold."""

from __future__ import annotations

import asyncio
import http.server
import json
import sys
import threading
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions

from journeyman.adapters.auth_google import google_tokens
from journeyman.data import CallerError, ProviderError
from journeyman.wire import HttpRequest

REQUEST = HttpRequest("POST", "https://aiplatform.googleapis.com/v1/x", {"content-type": "application/json"}, b"{}")


class Credentials:
    """As google-auth's, with a life of our choosing."""

    quota_project_id = None

    def __init__(self, lives=0, failure=None):
        self.token = "first" if lives else None
        self.lives = lives
        self.renewed = 0
        self.failure = failure
        self.threads = set()
        self.may_go = threading.Event()

    @property
    def valid(self):
        return self.lives > 0

    def refresh(self, request):
        self.threads.add(threading.current_thread())
        self.may_go.wait()
        if self.failure is not None:
            raise self.failure
        self.renewed += 1
        self.lives = 1000
        self.token = f"renewed-{self.renewed}"


async def test_a_token_that_holds_is_a_header():
    """Nothing is renewed, and the rest of the request stays as it was."""
    credentials = Credentials(lives=1)
    signed = await google_tokens(credentials)(REQUEST)
    assert signed.headers == {"content-type": "application/json", "authorization": "Bearer first"}
    assert (signed.path, signed.body, credentials.renewed) == (REQUEST.path, REQUEST.body, 0)
    assert "authorization" not in REQUEST.headers


async def test_a_token_that_ran_out_is_renewed_once():
    """However many requests leave at that moment; not in the event loop's thread, which it would hold up."""
    credentials = Credentials()
    authorize = google_tokens(credentials)
    asking = [asyncio.create_task(authorize(REQUEST)) for _ in range(5)]
    # Each has seen that the token has run out before the first renewal is done.
    await asyncio.sleep(0)
    credentials.may_go.set()
    signed = await asyncio.gather(*asking)
    assert credentials.renewed == 1
    assert {request.headers["authorization"] for request in signed} == {"Bearer renewed-1"}
    assert threading.current_thread() not in credentials.threads
    credentials.lives = 0
    assert (await authorize(REQUEST)).headers["authorization"] == "Bearer renewed-2"


def test_one_authorizer_serves_several_event_loops():
    """A blocking twin of the same agent runs in another."""
    credentials = Credentials()
    credentials.may_go.set()
    authorize = google_tokens(credentials)
    for _ in range(2):
        assert asyncio.run(authorize(REQUEST)).headers["authorization"] == "Bearer renewed-1"


async def test_a_project_for_the_bill_goes_along():
    """Where the credentials name one."""
    credentials = Credentials(lives=1)
    credentials.quota_project_id = "pays"
    assert (await google_tokens(credentials)(REQUEST)).headers["x-goog-user-project"] == "pays"


@pytest.mark.parametrize(
    ("failure", "kind"),
    [(exceptions.RefreshError("revoked"), "authentication"), (exceptions.TransportError("no route"), "connection")],
)
async def test_what_is_not_renewed_is_the_providers_error(failure, kind):
    """With Google's own words, and a kind by which it can be tried again or not."""
    credentials = Credentials(failure=failure)
    credentials.may_go.set()
    with pytest.raises(ProviderError, match=r"revoked|no route") as caught:
        await google_tokens(credentials)(REQUEST)
    assert caught.value.kind == kind


async def test_missing_credentials_say_how_to_get_them(monkeypatch, tmp_path):
    """A file that is not there, for example."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(CallerError, match="gcloud auth application-default login"):
        await google_tokens()(REQUEST)


async def test_a_missing_package_says_what_to_install(monkeypatch):
    """It is optional."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(CallerError, match=r'pip install "journeyman\[vertex\]"'):
        await google_tokens()(REQUEST)


@contextmanager
def token_service(status, answer):
    """Google's token endpoint, on loopback."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_):
            """Not on standard error."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def private_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def key_file(tmp_path, monkeypatch, private_key):
    """The file of a service account, as Google gives it out."""

    def written(token_uri):
        file = tmp_path / "account.json"
        file.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "p",
                    "private_key_id": "1",
                    "private_key": private_key,
                    "client_email": "robot@p.iam.gserviceaccount.com",
                    "token_uri": token_uri,
                }
            )
        )
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    return written


async def test_a_service_account_gets_its_token_over_http(key_file):
    """With google-auth itself: the file is found, the assertion goes out, the token comes back, and is kept."""
    with token_service(200, {"access_token": "of-the-service", "expires_in": 3600, "token_type": "Bearer"}) as found:
        url, asked = found
        key_file(url)
        authorize = google_tokens()
        for _ in range(3):
            assert (await authorize(REQUEST)).headers["authorization"] == "Bearer of-the-service"
    assert len(asked) == 1
    assert b"assertion=" in asked[0]


async def test_a_service_that_refuses_is_told(key_file):
    """In its own words."""
    with token_service(400, {"error": "invalid_grant", "error_description": "Invalid JWT"}) as (url, _):
        key_file(url)
        with pytest.raises(ProviderError, match="invalid_grant") as caught:
            await google_tokens()(REQUEST)
    assert caught.value.kind == "authentication"


async def test_a_service_that_is_not_there_is_a_failed_connection(key_file):
    """Port 9 of a test machine is nobody's."""
    key_file("http://127.0.0.1:9/token")
    with pytest.raises(ProviderError, match="cannot be reached") as caught:
        await google_tokens()(REQUEST)
    assert caught.value.kind == "connection"
