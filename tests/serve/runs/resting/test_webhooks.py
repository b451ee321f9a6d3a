"""Notices to the operator's addresses: signed as the specification says, sent again when they fail, and to nobody else."""

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager

import pytest

from journeyman import Agent
from journeyman.data import CallerError, ProviderError, Secret
from journeyman.models import ScriptedModel
from journeyman.serve import Redelivery, Webhooks, serving
from journeyman.serve.runs.resting.webhooks import signature
from journeyman.wire import HttpReply

KEY = bytes(range(32))
SECRET = Secret("whsec_" + base64.b64encode(KEY).decode())
ADDRESS = "https://hooks.example/path?key=of-theirs"


class Receivers:
    """A transport that keeps what it is given and answers with the next of its statuses, or fails."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.arrived = asyncio.Event()

    @asynccontextmanager
    async def exchange(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else 204
        self.arrived.set()
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        yield type("Reply", (), {"head": HttpReply(answer, {"location": "http://169.254.169.254/"})})()

    async def close(self):
        pass


def hooks(receivers, **options):
    made = Webhooks([ADDRESS], SECRET, transport=receivers, **options)
    made.slept = []
    made.now = lambda: 1_700_000_000 + len(made.slept)

    async def sleep(seconds):
        made.slept.append(seconds)

    made.sleep = sleep
    return made


async def rest(opened, agent, webhooks):
    """Have a run come to rest, and wait until all that there is to deliver was delivered or given up."""
    client = opened(agent, webhooks=webhooks)
    run = await client.start()
    await client.app._desk.workshop.until_rest(run, 5)
    await asyncio.gather(*webhooks._under_way.values())
    return run


def test_signature():
    """A signature is the one that the specification's own example has (standardwebhooks.com, "Signature scheme")."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


async def test_delivery(opened, asking_agent):
    """A run that waits is told with its calls; the receiver can check who says so, and when."""
    receivers = Receivers()
    run = await rest(opened, asking_agent(), hooks(receivers))
    (request,) = receivers.requests
    assert (request.method, request.path) == ("POST", ADDRESS)
    told = json.loads(request.body)
    assert (told["type"], told["run"], told["agent"]) == ("run.waiting", run, "helper")
    assert [(call["id"], call["tool"], call["arguments"]) for call in told["pending"]] == [
        ("c1", "ask_boss", '{"question": "May I?"}')
    ]
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    digest = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert headers["webhook-id"].startswith(f"{run}_")


async def test_redelivery(opened, asking_agent, caplog):
    """What fails is sent again, later each time, with the same id and a new time; every kind of failure is one."""
    receivers = Receivers(500, ProviderError("no route to host"), 302, None, 200)
    webhooks = hooks(receivers, redelivery=Redelivery(timeout=0.01, base=4, most=10))
    await rest(opened, asking_agent(), webhooks)
    assert [request.headers["webhook-timestamp"][-1] for request in receivers.requests] == list("01234")
    assert len({request.headers["webhook-id"] for request in receivers.requests}) == 1
    for slept, least, most in zip(webhooks.slept, (3, 6, 7.5, 7.5), (5, 10, 12.5, 12.5), strict=True):
        assert least <= slept <= most
    # A redirect would lead to where the operator did not point.
    assert {request.path for request in receivers.requests} == {ADDRESS}
    assert "not delivered" not in caplog.text


@pytest.mark.parametrize(("answers", "times"), [([500] * 9, 3), ([410], 1)])
async def test_giving_up(opened, asking_agent, caplog, answers, times):
    """After its last attempt, or when the receiver says that it is gone, a notice is given up, which the log says without a secret."""
    receivers = Receivers(*answers)
    await rest(opened, asking_agent(), hooks(receivers, redelivery=Redelivery(attempts=3)))
    assert len(receivers.requests) == times
    assert "not delivered to hooks.example" in caplog.text
    assert "of-theirs" not in caplog.text


async def test_what_is_told(opened):
    """Only rests that were asked for are told."""
    receivers = Receivers()
    helper = Agent(ScriptedModel(["Hello", "Hello"]), name="helper")
    await rest(opened, helper, hooks(receivers))
    assert receivers.requests == []
    await rest(opened, helper, hooks(receivers, when=["finished"]))
    assert [json.loads(request.body)["type"] for request in receivers.requests] == ["run.finished"]


async def test_nothing_new_is_not_told(opened, asking_agent):
    """A run that waits and is told to go on, for which nothing can be done, is not told again."""
    receivers = Receivers()
    webhooks = hooks(receivers)
    client = opened(asking_agent(), webhooks=webhooks)
    run = await client.start()
    workshop = client.app._desk.workshop
    await workshop.until_rest(run, 5)
    assert (await client.post(f"/runs/{run}/resume")).status == 202
    await workshop.until_rest(run, 5)
    await asyncio.gather(*webhooks._under_way.values())
    assert len(receivers.requests) == 1


async def test_close(opened, asking_agent):
    """What is under way at the end is given up."""
    receivers = Receivers(None)
    webhooks = hooks(receivers)
    client = opened(asking_agent(), webhooks=webhooks)
    await client.start()
    await receivers.arrived.wait()
    await client.app.close(grace=0)
    assert not webhooks._under_way


async def test_over_http(opened, asking_agent):
    """A notice arrives at a real server."""
    arrived = asyncio.get_running_loop().create_future()

    async def receiver(scope, receive, send):
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        arrived.set_result((dict(scope["headers"])[b"webhook-id"], json.loads(body)["type"]))

    async with serving(receiver) as url:
        webhooks = Webhooks(url, SECRET)
        run = await rest(opened, asking_agent(), webhooks)
        name, kind = await arrived
    assert name.decode().startswith(run)
    assert kind == "run.waiting"


@pytest.mark.parametrize(
    "address", ["", "hooks.example", "file:///etc/passwd", "ftp://x", "https://", "http://[", "http://x:99999"]
)
def test_address_that_is_none(address):
    """Only web addresses are taken."""
    with pytest.raises(CallerError, match="https://"):
        Webhooks([address], SECRET)


@pytest.mark.parametrize(
    "secret", ["", "password", "whsec_", "whsec_AAAA", "whsec_!!!", base64.b64encode(KEY).decode()]
)
def test_secret_that_is_none(secret):
    """A secret has the form that receivers expect, and is not told in the error."""
    with pytest.raises(CallerError, match="whsec_") as caught:
        Webhooks([ADDRESS], Secret(secret))
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)
