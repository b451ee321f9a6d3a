"""Runs that are followed: facts with their numbers, glimpses in between, from any cursor, by watchers of any speed."""

import asyncio

import pytest

from journeyman import Agent, tool
from journeyman.adapters.log_memory import MemoryLog
from journeyman.data import ToolCall
from journeyman.models import ScriptedModel
from journeyman.serve import RunBounds
from journeyman.serve.asgi import HANG_UP


def helper(*script, **options):
    return Agent(ScriptedModel(list(script)), name="helper", **options)


def numbers(events):
    return [number for number, name, _ in events if name == "fact"]


async def test_order(opened, gated):
    """Glimpses come without a number, after the fact that asked for them and before the one that replaces them."""
    model = gated("Hel", "lo")
    client = opened(Agent(model, name="a"))
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("ModelRequested")
        for _ in range(3):
            model.let.release()
        await follower.end()
    told = [(number, data["kind"] if name == "fact" else name) for number, name, data in follower.events]
    assert told == [
        (None, "watchers"),
        (0, "RunStarted"),
        (1, "ModelRequested"),
        (None, "glimpse"),
        (None, "glimpse"),
        (2, "ModelResponded"),
        (3, "RunFinished"),
        (None, "end"),
    ]
    assert [data for _, name, data in follower.events if name == "glimpse"] == [
        {"type": "text", "text": "Hel"},
        {"type": "text", "text": "lo"},
    ]
    assert follower.call.headers["content-type"] == "text/event-stream"


async def test_late_watcher(opened, gated):
    """Somebody who comes in the middle of an answer gets what was said of it before."""
    model = gated("Hel", "lo")
    client = opened(Agent(model, name="a"))
    run = await client.start()
    await model.asked.wait()
    async with client.follow(f"/runs/{run}/events") as first, client.follow(f"/runs/{run}/events?after=1") as second:
        await first.until_kind("ModelRequested")
        model.let.release()
        await first.until(lambda events: any(name == "glimpse" for _, name, _ in events))
        async with client.follow(f"/runs/{run}/events?after=1") as third:
            for follower in (second, third):
                await follower.until(lambda events: any(name == "glimpse" for _, name, _ in events))
            model.let.release()
            model.let.release()
            for follower in (first, second, third):
                await follower.end()
                said = "".join(data["text"] for _, name, data in follower.events if name == "glimpse")
                assert said == "Hello"


@pytest.mark.parametrize("after", [-1, 0, 1, 2])
async def test_cursor(opened, after):
    """Whoever comes back with the number of the last fact gets those after it; the header counts more than the address."""
    client = opened(helper("Hello"))
    run = await client.start()
    await client.finished(run)
    for path, headers in ((f"?after={after}", {}), ("?after=-1", {"last-event-id": str(after)})):
        async with client.follow(f"/runs/{run}/events{path}", headers) as follower:
            await follower.end()
        assert numbers(follower.events) == list(range(after + 1, 4))


async def test_nothing_is_left(opened):
    """A browser that comes back for what follows the end of a run is told not to come again."""
    client = opened(helper("Hello"))
    run = await client.start()
    await client.finished(run)
    reply = await client.get(f"/runs/{run}/events", {"last-event-id": "3"})
    assert (reply.status, reply.text) == (204, "")


@pytest.mark.parametrize("after", ["", "x", "1.5", "-2", "٣", "9" * 5000, str(2**31), "99"])
async def test_cursor_that_is_none(opened, after):
    """A cursor that no fact has is refused, however long it is."""
    client = opened(helper("Hello"))
    run = await client.start()
    assert (await client.get(f"/runs/{run}/events?after={after}")).status == 400


async def test_run_of_another_process(opened, gated):
    """The facts of a run that somebody else is at work on come from the journal, as they are written."""
    log, model = MemoryLog(), gated("Hello")
    one, other = opened(Agent(model, name="a"), log), opened(helper(), log)
    run = await one.start()
    async with other.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("ModelRequested")
        assert not (await other.show(run))["at_work"]
        model.let.release()
        model.let.release()
        await follower.end()
    assert numbers(follower.events) == [0, 1, 2, 3]
    assert follower.events[-1][1:] == ("end", {"after": 3})


async def test_from_the_journal_to_the_feed_and_back(opened, gated):
    """A watcher stays through the rests of a run, whoever takes it up, and misses nothing and hears nothing twice."""
    log = MemoryLog()
    here, there = gated("He", "re"), gated("There")
    result = await helper(RuntimeError("no"), journal=log)._outcome("Hi", {})
    run = result.run_id
    client, other = opened(Agent(here, name="helper"), log), opened(Agent(there, name="helper"), log)
    resumed = await other.post(f"/runs/{run}/resume")
    assert resumed.status == 202
    async with client.follow(f"/runs/{run}/events") as follower:
        await there.asked.wait()
        await follower.until(lambda events: len(numbers(events)) == 5)
        await other.post(f"/runs/{run}/cancel")
        await follower.end()
    assert numbers(follower.events) == list(range(6))
    async with client.follow(f"/runs/{run}/events?after=4") as follower:
        await follower.end()
        assert numbers(follower.events) == [5]
    await client.post(f"/runs/{run}/resume")
    async with client.follow(f"/runs/{run}/events?after=5") as follower:
        await follower.until_kind("ModelRequested")
        for _ in range(3):
            here.let.release()
        await follower.end()
    assert numbers(follower.events) == [6, 7, 8, 9]
    assert [data["text"] for _, name, data in follower.events if name == "glimpse"] == ["He", "re"]


async def test_waiting_run_is_followed(opened, asking_agent, gated):
    """A stream stays open while a run waits, and goes on with glimpses when it is taken up here."""
    log, model = MemoryLog(), gated("Good")
    run = (await asking_agent(journal=log).run("Hi")).run_id
    client = opened(Agent(model, name="helper", tools=asking_agent().tools.values()), log)
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})
        await model.asked.wait()
        model.let.release()
        await follower.until(lambda events: events[-1][1] == "glimpse")
        model.let.release()
        await follower.end()
    facts = numbers(follower.events)
    assert facts == list(range(len(facts)))


async def test_presence(opened, gated):
    """Watchers are told of each other as they come and go, and a run tells who watches it."""
    client = opened(Agent(gated("…"), name="a"))
    run = await client.start()
    async with client.follow(f"/runs/{run}/events?name=Anna") as anna:
        await anna.until_kind("ModelRequested")
        async with client.follow(f"/runs/{run}/events?name=Bert"):
            await anna.until(lambda events: events[-1][1] == "watchers" and events[-1][2]["count"] == 2)
            names = [watcher["name"] for watcher in (await client.show(run))["watchers"]["first"]]
            assert names == ["Anna", "Bert"]
        await anna.until(lambda events: events[-1][1] == "watchers" and events[-1][2]["count"] == 1)
    assert (await client.show(run))["watchers"] == {"count": 0, "first": []}
    for name in ("x" * 65, "a%0Ab"):
        assert (await client.get(f"/runs/{run}/events?name={name}")).status == 400


async def test_too_many_watchers(opened, gated):
    """No more watchers are let in than may be; the refusal names the limit."""
    client = opened(Agent(gated("…"), name="a"), bounds=RunBounds(max_watchers=1))
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("ModelRequested")
        status, words = (await client.get(f"/runs/{run}/events")).refusal
    assert status == 503
    assert "max_watchers=1" in words


async def test_sign_of_life(opened, gated):
    """A watcher that has nothing to hear gets a comment now and then."""
    client = opened(Agent(gated("…"), name="a"), bounds=RunBounds(ping_seconds=0.01))
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        while follower.call.text.count("\n\n: ping\n\n") < 1:
            follower.call.changed.clear()
            await follower.call.changed.wait()


async def test_slow_watcher_is_cut(opened):
    """A watcher for whom too much waits is told so and cut off; with its cursor it gets the rest."""
    client = opened(helper(" ".join(["word"] * 50)), bounds=RunBounds(max_unread=20))
    reading = asyncio.Event()
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as slow:
        slow.call.before_send = reading.wait
        # A watcher that reads is not cut off, and its end tells that all was pushed to the slow one as well.
        facts = [fact["seq"] for fact in (await client.get(f"/runs/{run}/facts")).json["facts"]]
        await client.app._desk.workshop.until_rest(run, 5)
        reading.set()
        await slow.end()
    assert slow.events[-1][1] == "cut"
    assert "max_unread=20" in slow.events[-1][2]["message"]
    assert facts[0] == 0
    last = max([-1, *numbers(slow.events)])
    async with client.follow(f"/runs/{run}/events", {"last-event-id": str(last)}) as again:
        await again.end()
    assert numbers(slow.events) + numbers(again.events) == [0, 1, 2, 3]


async def test_watcher_that_takes_nothing(opened):
    """A watcher that takes nothing at all is hung up on by the server, and leaves nobody behind."""
    client = opened(helper("Hello"), bounds=RunBounds(send_seconds=0.01))
    run = await client.start()
    await client.finished(run)
    hung_up = asyncio.Event()

    async def never():
        await asyncio.Event().wait()

    def hang_up(*, reset):
        assert reset
        hung_up.set()

    async with client.follow(f"/runs/{run}/events", extensions={HANG_UP: hang_up}) as stuck:
        stuck.call.before_send = never
        await hung_up.wait()
        stuck.call.gone.set()
        await asyncio.wait([stuck.task])
    assert client.app._presence._count == 0


async def test_watcher_that_takes_nothing_of_another_server(opened):
    """Where the server cannot hang up, the app gives up the request."""
    client = opened(helper("Hello"), bounds=RunBounds(send_seconds=0.01))
    run = await client.start()
    await client.finished(run)

    async def never():
        await asyncio.Event().wait()

    async with client.follow(f"/runs/{run}/events") as stuck:
        stuck.call.before_send = never
        await asyncio.wait([stuck.task])
    assert client.app._presence._count == 0


async def test_watcher_that_goes_away(opened, gated):
    """A watcher that goes away leaves nothing behind, and the run goes on."""
    model = gated("Hello")
    client = opened(Agent(model, name="a"))
    run = await client.start()
    before = asyncio.all_tasks()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("ModelRequested")
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}
    model.let.release()
    model.let.release()
    await client.finished(run)


async def test_long_journal(opened):
    """A long history is read as the watcher takes it, every fact once."""
    log = MemoryLog()

    @tool
    def tick() -> str:
        """Tick."""
        return "tock"

    script = [ToolCall(f"c{n}", "tick", "{}") for n in range(100)]
    agent = helper(*script, "Done.", tools=[tick], max_iterations=None, journal=log)
    result = await agent.run("Tick!")
    client = opened(helper(), log)
    async with client.follow(f"/runs/{result.run_id}/events") as follower:
        await follower.end()
    assert numbers(follower.events) == list(range(len(result.facts)))


async def test_deleted_run(opened, asking_agent):
    """A run that is deleted while it is followed ends its streams with an error."""
    log = MemoryLog()
    client = opened(asking_agent(), log)
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        await log.delete(run)
        await follower.end()
    assert follower.events[-1][1] == "error"


@pytest.mark.parametrize(("error", "logged"), [(ConnectionResetError("gone"), 0), (RuntimeError("broken"), 1)])
async def test_server_that_fails(opened, caplog, error, logged):
    """A server that says that its client is gone ends the stream quietly; another failure of it is told in the log."""
    client = opened(helper("Hello"))
    run = await client.start()
    await client.finished(run)

    async def fail():
        raise error

    async with client.follow(f"/runs/{run}/events") as follower:
        follower.call.before_send = fail
        await asyncio.wait([follower.task])
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == logged
    assert client.app._presence._count == 0


async def test_watchers_of_a_run_to_come(opened, gated):
    """Several watchers of a run that rests hear it when it is taken up, and one that left before is not missed."""
    log, model = MemoryLog(), gated("Good")
    run = (await helper(RuntimeError("no"), journal=log)._outcome("Hi", {})).run_id
    first = gated()
    one = opened(Agent(first, name="helper"), log)
    await one.post(f"/runs/{run}/resume")
    await first.asked.wait()
    client = opened(Agent(model, name="helper"), log)
    async with client.follow(f"/runs/{run}/events") as left, client.follow(f"/runs/{run}/events") as stays:
        for follower in (left, stays):
            await follower.until_kind("RunResumed")
        left.call.gone.set()
        await asyncio.wait([left.task])
        assert (await client.post(f"/runs/{run}/resume")).status == 202
        model.let.release()
        model.let.release()
        await stays.end()
    assert numbers(stays.events) == list(range(len(numbers(stays.events))))
    assert stays.facts[-1] == "RunFinished"


async def test_run_that_is_taken_over(opened, gated):
    """A watcher of a run that somebody else takes over goes on with the journal, and hears nothing twice."""
    log, model = MemoryLog(), gated()
    here, there = opened(Agent(model, name="a"), log), opened(Agent(gated(), name="a"), log)
    run = await here.start()
    await model.asked.wait()
    async with here.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("ModelRequested")
        await there.post(f"/runs/{run}/cancel")
        model.let.release()
        await follower.end()
    assert follower.facts == ["RunStarted", "ModelRequested", "RunCancelled"]


async def test_two_servers_on_one_file(opened, gated, tmp_path):
    """Two servers with a journal in a file: each follows what the other does, from feed to journal and back."""
    url = f"sqlite:///{tmp_path}/runs.db"
    first, second = gated("He", "re"), gated("The", "re")
    one, two = opened(Agent(first, name="a"), url), opened(Agent(second, name="a"), url)
    run = await one.start()
    await first.asked.wait()
    async with one.follow(f"/runs/{run}/events") as here, two.follow(f"/runs/{run}/events") as there:
        for follower in (here, there):
            await follower.until_kind("ModelRequested")
        # The second one takes the run over, as after a crash of the first.
        assert (await two.post(f"/runs/{run}/resume")).status == 202
        await second.asked.wait()
        for _ in range(3):
            first.let.release()
        await here.until(
            lambda events: any(name == "fact" and data["kind"] == "RunResumed" for _, name, data in events)
        )
        await there.until_kind("RunResumed")
        for _ in range(3):
            second.let.release()
        for follower in (here, there):
            await follower.end()
            assert numbers(follower.events) == list(range(6))
            assert follower.facts[-1] == "RunFinished"
    assert [data["text"] for _, name, data in there.events if name == "glimpse"] == ["The", "re"]
