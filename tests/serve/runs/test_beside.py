"""Runs and models at one address."""

import asyncio
import json

import aiohttp

from journeyman import Agent
from journeyman.models import ScriptedModel
from journeyman.serve import Beside, Gateway, Runs, serving


async def test_both(gated):
    """Each path goes to the app that it belongs to, and watchers do not keep the server waiting when it ends."""
    model = gated("…")
    ask = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    gateway = Gateway(ScriptedModel(["I am a model."]))
    app = Runs(Agent(model, name="a"), "memory:")
    async with aiohttp.ClientSession() as session:
        async with serving(Beside(app, gateway), grace=60) as url:
            async with session.post(f"{url}/v1/chat/completions", json=ask) as reply:
                assert (await reply.json())["choices"][0]["message"]["content"] == "I am a model."
            async with session.post(f"{url}/runs", json={"prompt": "Hi"}) as reply:
                run = (await reply.json())["run"]
            await model.asked.wait()
            events = await session.get(f"{url}/runs/{run}/events")
            socket = await session.ws_connect(f"{url}/runs/{run}/events")
            while json.loads((await socket.receive()).data)["event"] != "fact":
                pass
            listening = asyncio.ensure_future(events.text())
        assert '"status":503' in await listening
        async for _ in socket:
            pass
        assert socket.closed
    await app.close(grace=0)


async def test_lifespan():
    """A server that starts and stops both opens and closes the app of runs."""
    app = Runs(Agent(ScriptedModel([]), name="a"), "memory:")
    both, sent = Beside(app, Gateway(ScriptedModel([]))), []
    opened = []

    async def receive():
        opened.append(app._desk is not None)
        return {"type": "lifespan.shutdown" if sent else "lifespan.startup"}

    async def send(event):
        sent.append(event["type"])

    await both({"type": "lifespan"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert opened == [False, True]
    assert app._desk is None
