"""Signing for AWS, against the procedure that AWS publishes, followed by hand."""

import asyncio
import hashlib
import hmac
import re
import sys
import threading
from datetime import UTC, datetime

import pytest

from journeyman.adapters import auth_aws
from journeyman.adapters.auth_aws import AwsKeys, aws_signer
from journeyman.data import CallerError, Secret
from journeyman.wire import HttpRequest

# The keys of AWS's own examples ("Create a signed AWS API request", IAM user guide), which open nothing.
KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
KEYS = AwsKeys(KEY_ID, Secret(SECRET))
NOON = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
ADDRESS = "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn:aws:bedrock:us-east-1::foundation-model%2Fa.b-v1:0/converse"
ASKED = HttpRequest("POST", ADDRESS, {"content-type": "application/json"}, b'{"messages":[]}')


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch, tmp_path):
    """No credentials, region or configuration of whoever runs the tests, and no machine's own service is asked."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", raising=False)
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def by_hand(canonical, *, region="us-east-1", service="bedrock"):
    """Steps 2 to 4 of "Create a signed AWS API request" for a canonical request of noon."""
    scope = f"20150830/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n20150830T123600Z\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in ("20150830", region, service, "aws4_request"):
        key = digest(key, part)
    return scope, digest(key, to_sign).hex()


def signature(request):
    return re.search("Signature=([0-9a-f]{64})$", request.headers["authorization"])[1]


async def test_the_published_example_has_the_published_signature():
    """AWS's own worked example, a GET to IAM, comes out with the signature printed in AWS's documentation."""
    sign = aws_signer("us-east-1", keys=KEYS, service="iam", now=lambda: NOON)
    address = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    signed = await sign(HttpRequest("GET", address, headers))
    assert signed.headers["x-amz-date"] == "20150830T123600Z"
    assert signed.headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request,"
        " SignedHeaders=content-type;host;x-amz-date,"
        " Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


async def test_a_request_with_a_body_is_signed_as_the_procedure_says():
    """The path is escaped once more, as for every service but S3, and the body is a part of what is signed."""
    signed = await aws_signer(keys=KEYS, now=lambda: NOON)(ASKED)
    canonical = "\n".join(
        [
            "POST",
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%252Fa.b-v1%3A0/converse",
            "",
            "content-type:application/json",
            "host:bedrock-runtime.us-east-1.amazonaws.com",
            "x-amz-date:20150830T123600Z",
            "",
            "content-type;host;x-amz-date",
            hashlib.sha256(ASKED.body).hexdigest(),
        ]
    )
    scope, expected = by_hand(canonical)
    assert signed.headers["authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}, SignedHeaders=content-type;host;x-amz-date, Signature={expected}"
    )
    assert (signed.method, signed.path, signed.body) == (ASKED.method, ASKED.path, ASKED.body)


async def test_temporary_keys_bring_their_token():
    """A session token is sent and signed."""
    keys = AwsKeys(KEY_ID, Secret(SECRET), Secret("session"))
    signed = await aws_signer(keys=keys, now=lambda: NOON)(ASKED)
    assert signed.headers["x-amz-security-token"] == "session"
    assert "x-amz-date;x-amz-security-token" in signed.headers["authorization"]


async def test_signing_again_is_signing_afresh():
    """A retry is signed for its own time, and what was signed before does not count."""
    times = iter([NOON, NOON, NOON.replace(minute=37)])
    sign = aws_signer(keys=KEYS, now=lambda: next(times))
    first = await sign(ASKED)
    assert await sign(first) == first
    assert signature(await sign(first)) != signature(first)


async def test_a_large_body_is_signed_like_a_small_one():
    """Hashing in a thread gives the same signature as by hand."""
    large = HttpRequest("POST", ADDRESS, {}, b"x" * (5 * 1024 * 1024))
    signed = await aws_signer(keys=KEYS, now=lambda: NOON)(large)
    canonical = (
        "POST\n/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%252Fa.b-v1%3A0/converse\n\n"
        "host:bedrock-runtime.us-east-1.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n"
        + hashlib.sha256(large.body).hexdigest()
    )
    assert signature(signed) == by_hand(canonical)[1]


async def test_a_bedrock_key_needs_no_signature(monkeypatch):
    """A key in the environment is a bearer token, without botocore, and a new one is used at once."""
    monkeypatch.setitem(sys.modules, "botocore", None)
    sign = aws_signer()
    for token in ("first", "second"):
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", f" {token}\n")
        signed = await sign(ASKED)
        assert signed.headers == {"content-type": "application/json", "authorization": f"Bearer {token}"}


async def test_keys_that_are_given_go_before_a_bedrock_key(monkeypatch):
    """An argument says more than the environment."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "token")
    signed = await aws_signer(keys=KEYS)(ASKED)
    assert signed.headers["authorization"].startswith("AWS4-HMAC-SHA256")


async def test_keys_are_found_in_the_environment(monkeypatch):
    """The two variables that everybody knows are enough."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    signed = await aws_signer(now=lambda: NOON)(ASKED)
    assert signature(signed) == signature(await aws_signer(keys=KEYS, now=lambda: NOON)(ASKED))


async def test_keys_and_region_are_found_in_a_profile(nothing_around):
    """A profile of the configuration files gives both."""
    (nothing_around / "credentials").write_text(
        f"[work]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
    )
    (nothing_around / "config").write_text("[profile work]\nregion = eu-west-3\n")
    signed = await aws_signer(profile="work")(HttpRequest("POST", "http://127.0.0.1:9/x", {}))
    assert "/eu-west-3/bedrock/aws4_request" in signed.headers["authorization"]


@pytest.mark.parametrize(
    ("argument", "address", "variables", "region"),
    [
        ("us-west-2", ADDRESS, {"AWS_REGION": "eu-west-1"}, "us-west-2"),
        (None, ADDRESS, {"AWS_REGION": "eu-west-1"}, "us-east-1"),
        (None, "https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com/x", {}, "us-gov-west-1"),
        (None, "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/x", {}, "cn-north-1"),
        (None, "http://localhost:1/x", {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-1"),
        (None, "http://localhost:1/x", {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
    ],
)
async def test_the_region(monkeypatch, argument, address, variables, region):
    """The argument goes before the address, the address before the environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    signed = await aws_signer(argument, keys=KEYS)(HttpRequest("POST", address, {}))
    assert f"/{region}/bedrock/" in signed.headers["authorization"]


async def test_what_is_missing_is_named():
    """Without credentials, without a region, and with an unknown profile, one is told what to do."""
    with pytest.raises(CallerError, match="AWS_ACCESS_KEY_ID"):
        await aws_signer()(ASKED)
    with pytest.raises(CallerError, match="AWS_REGION or pass region="):
        await aws_signer(keys=KEYS)(HttpRequest("POST", "http://localhost:1/x", {}))
    with pytest.raises(CallerError, match="nobody"):
        await aws_signer(profile="nobody")(ASKED)


async def test_without_botocore_one_is_told_what_to_install(monkeypatch):
    """A missing package is named with the extra that brings it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "botocore"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(CallerError, match=r"journeyman\[bedrock\]"):
        await aws_signer(keys=KEYS)(ASKED)


class Expiring:
    """Credentials as botocore renews them; says in which threads it was asked."""

    def __init__(self):
        self.due = True
        self.threads = []

    def refresh_needed(self):
        return self.due

    def get_frozen_credentials(self):
        self.threads.append(threading.current_thread() is threading.main_thread())
        self.due = False
        return AwsKeysAsBotocoreHasThem


class AwsKeysAsBotocoreHasThem:
    access_key, secret_key, token = KEY_ID, SECRET, None


async def test_renewing_happens_in_a_thread_and_only_when_it_is_due():
    """A machine's service may take its time: the event loop does not wait for it."""
    found = auth_aws._Identity("us-east-1", None, KEYS)
    found._credentials = expiring = Expiring()
    assert found.may_block
    await asyncio.to_thread(auth_aws._signed, ASKED, found, "bedrock", "20150830T123600Z")
    assert expiring.threads == [False]
    assert not found.may_block


async def test_many_first_requests_look_once(nothing_around):
    """Requests that begin together share one look at the credentials, and later ones need none."""
    path = nothing_around / "credentials"
    path.write_text(f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n")
    sign = aws_signer(now=lambda: NOON)
    first = await asyncio.gather(*(sign(ASKED) for _ in range(5)))
    path.unlink()
    assert all(signed == first[0] for signed in [*first, await sign(ASKED)])


async def test_secrets_are_not_shown():
    """Neither the keys nor the function that holds them print a secret."""
    keys = AwsKeys(KEY_ID, Secret(SECRET), Secret("session-token"))
    shown = repr(keys) + repr(aws_signer(keys=keys))
    assert SECRET not in shown
    assert "session-token" not in shown
