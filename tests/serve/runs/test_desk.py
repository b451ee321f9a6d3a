"""What clients ask of runs and what they are told, at the level of ASGI."""

import asyncio
from urllib.parse import quote

import pytest

from journeyman import Agent, Pending, tool
from journeyman.adapters.log_files import FilesLog
from journeyman.adapters.log_memory import MemoryLog
from journeyman.agents import advance, create
from journeyman.data import Conflict, CorruptJournal, Message, ToolCall
from journeyman.journal import RunCancelled, RunQuery, RunStarted, load
from journeyman.models import ScriptedModel
from journeyman.programs import Programs
from journeyman.serve import RunBounds
from journeyman.serve.runs.bodies import run_of_key


def helper(*script, **options):
    return Agent(ScriptedModel(list(script)), name="helper", **options)


async def kinds(log, run):
    return [type(fact).__name__ for fact in (await load(log, run)).facts]


# --- begin ---------------------------------------------------------------------------------------------------------------


async def test_start(opened):
    """A run is begun, its address told, and its outcome shown, with usage and what the client called it."""
    client = opened(helper("Hello"))
    reply = await client.post("/runs", {"prompt": "Hi", "tags": ["a", "b"], "conversation": "talk"})
    run = reply.json["run"]
    assert (reply.status, reply.headers["location"]) == (201, f"/runs/{run}")
    await client.finished(run)
    shown = await client.show(run)
    assert shown["status"] == "finished"
    assert shown["output"] == "Hello"
    assert (shown["tags"], shown["conversation"]) == (["a", "b"], "talk")
    assert not shown["at_work"]
    assert shown["usage"].keys() == {"input", "output"}


async def test_start_with_media(opened):
    """A prompt may be words and media."""
    log = MemoryLog()
    client = opened(helper("A dot"), log)
    run = await client.start(
        [{"type": "text", "text": "What?"}, {"type": "image", "media_type": "image/png", "data": "AAEC"}]
    )
    await client.finished(run)
    said = (await load(log, run)).state.messages[0]
    assert said.text == "What?"
    assert said.parts[1].data == b"\x00\x01\x02"


async def test_which_agent(opened):
    """Where several agents work one has to be named, and only those that work here can be."""
    client = opened([Agent(ScriptedModel(["one"]), name="one"), Agent(ScriptedModel(["two"]), name="two")])
    assert (await client.post("/runs", {"prompt": "Hi"})).refusal == (400, "say which agent: one, two")
    assert (await client.post("/runs", {"prompt": "Hi", "agent": "three"})).status == 404
    run = await client.start(agent="two")
    await client.finished(run)
    assert (await client.show(run))["output"] == "two"
    agents = (await client.get("/agents")).json["agents"]
    assert agents == [{"name": name, "model": "scripted:model", "tools": []} for name in ("one", "two")]


def adding(**programs):
    call = ToolCall("1", "run_program", '{"code": "(return (+ data/a data/b))"}')
    options = {"language": "lisp", "signature": "(a :int, b :int) -> :int", **programs}
    return helper(call, call, programs=Programs(**options))


async def test_start_with_data(opened):
    """What the programs of a run may read comes with it, checked; what a client may not say is refused, and no run begins."""
    log = MemoryLog()
    client = opened(adding(data={"b": 1, "key": "ours"}), log)
    run = await client.start(data={"a": "2", "b": 3})
    await client.finished(run)
    assert (await client.show(run))["output"] == 5
    for data, says in (
        ({"a": "x"}, 'a: expected int, got string "x"'),
        ({}, "a: required, but missing"),
        ({"a": 1, "key": "theirs"}, "the agent gives 'key' itself"),
        ({"a": 1, "b) (fail": 1}, "cannot be written as data/name"),
        ([1], "the body is not what is expected here"),
    ):
        status, words = (await client.post("/runs", {"prompt": "Hi", "data": data})).refusal
        assert status == 400
        assert says in words
    status, words = (await opened(helper("Hello")).post("/runs", {"prompt": "Hi", "data": {"a": 1}})).refusal
    assert status == 400
    assert "programs" in words
    assert len((await log.runs(RunQuery())).rows) == 1


@pytest.mark.parametrize("data_of", [None, lambda: {"b": 1}])
async def test_idempotency_key_and_data(opened, data_of):
    """Other data is another request; the same data is the same, however its inputs were written."""
    client = opened(adding(data=data_of or {"b": 1}))
    key = {"idempotency-key": "k"}

    async def asked(**data):
        return (await client.post("/runs", {"prompt": "Hi", "data": data}, key)).status

    assert await asked(a="2", more=[1]) == 201
    assert [await asked(a="2", more=[1]), await asked(a=2, more=[1])] == [200, 200]
    assert [await asked(a=3, more=[1]), await asked(a=2, more=[2]), await asked(a=2, x=1)] == [422, 422, 422]


async def test_idempotency_key(opened):
    """A request that is sent again with its key begins nothing; another request with that key is refused."""
    log = MemoryLog()
    client = opened(helper("Hello"), log)
    key = {"idempotency-key": "order 66".replace(" ", "-")}
    first = await client.post("/runs", {"prompt": "Hi"}, key)
    again = await client.post("/runs", {"prompt": "Hi"}, key)
    assert (first.status, again.status) == (201, 200)
    assert first.json == again.json
    await client.finished(first.json["run"])
    assert (await kinds(log, first.json["run"])).count("ModelRequested") == 1
    assert len((await client.get("/runs")).json["runs"]) == 1
    assert (await client.post("/runs", {"prompt": "Ho"}, key)).status == 422
    # Another process, on the same journal.
    other = opened(helper("Never asked"), log)
    assert (await other.post("/runs", {"prompt": "Hi"}, key)).json == first.json


async def test_idempotency_key_with_other_limits(opened):
    """Wider limits than those that a key's run has are another request, whatever became of the agent's own since."""
    log = MemoryLog()
    client = opened(helper("Hello"), log)
    key = {"idempotency-key": "k"}
    asked = {"prompt": "Hi", "limits": {"max_tokens": 5}}
    assert (await client.post("/runs", asked, key)).status == 201
    other = opened(Agent(ScriptedModel([]), name="helper", max_iterations=3), log)
    assert (await other.post("/runs", asked, key)).status == 200
    assert (await other.post("/runs", {**asked, "limits": {"max_tokens": 4}}, key)).status == 422


async def test_idempotency_at_the_same_moment(opened):
    """Ten equal requests at once, to two processes on one journal, are one run that asks its model once."""
    log = MemoryLog()
    clients = [opened(helper("Hello"), log), opened(helper("Hello"), log)]
    key = {"idempotency-key": "k"}
    replies = await asyncio.gather(*(clients[n % 2].post("/runs", {"prompt": "Hi"}, key) for n in range(10)))
    runs = {reply.json["run"] for reply in replies}
    assert len(runs) == 1
    assert sorted(reply.status for reply in replies)[:8] == [200] * 8
    run = runs.pop()
    await clients[0].finished(run)
    facts = await kinds(log, run)
    assert facts.count("ModelRequested") == 1
    assert facts[-1] == "RunFinished"


async def test_limits_are_only_narrowed(opened):
    """A client may narrow a limit of its run; the others stay as the agent has them, and none gets wider."""
    log = MemoryLog()
    client = opened(helper("Hello", max_iterations=50, max_tokens=1000), log)
    run = await client.start(limits={"max_tokens": 9999, "max_tool_calls": 3})
    limits = (await load(log, run)).state.limits
    assert (limits.max_iterations, limits.max_tokens, limits.max_tool_calls) == (50, 1000, 3)
    assert (await client.post("/runs", {"prompt": "Hi", "limits": {"max_tokens": -1}})).status == 400


async def test_too_many_runs(opened, gated):
    """No more runs are at work than may be; the refusal names the limit."""
    client = opened(Agent(gated("…"), name="a"), bounds=RunBounds(max_runs=1))
    await client.start()
    status, words = (await client.post("/runs", {"prompt": "Hi"})).refusal
    assert status == 503
    assert "max_runs=1" in words


# --- look ----------------------------------------------------------------------------------------------------------------


async def test_answer_without_room(opened, gated, asking_agent):
    """An answer for which there is no room is refused before it is written, and can be sent again."""
    log, model = MemoryLog(), gated("…")
    run = (await asking_agent().run("Hi", journal=log)).run_id
    client = opened([asking_agent(), Agent(model, name="busy")], log, bounds=RunBounds(max_runs=1))
    busy = await client.start(agent="busy")
    answers = {"answers": {"c1": {"value": "yes"}}}
    assert (await client.post(f"/runs/{run}/answers", answers)).refusal[0] == 503
    assert (await client.show(run))["status"] == "waiting"
    await client.post(f"/runs/{busy}/cancel")
    assert (await client.post(f"/runs/{run}/answers", answers)).status == 202
    await client.finished(run)


async def test_list(opened):
    """Runs are listed newest first, in pages, and by what they are; also those that somebody else began."""
    log = MemoryLog()
    await helper("Elsewhere", journal=log).run("Begun elsewhere", tags=["x"])
    client = opened(helper("Hello"), log)
    await client.finished(await client.start())
    first = (await client.get("/runs?limit=1")).json
    assert [row["prompt"] for row in first["runs"]] == ["Hi"]
    second = (await client.get(f"/runs?limit=1&before={first['next']}")).json
    assert [row["prompt"] for row in second["runs"]] == ["Begun elsewhere"]
    assert second["next"] is None
    assert len((await client.get("/runs?tag=x&status=finished")).json["runs"]) == 1
    for query in (
        "limit=0",
        "limit=501",
        "limit=x",
        "status=odd",
        "before=odd",
        "wat=1",
        "started_after=-1",
        "limit=" + "9" * 5000,
    ):
        assert (await client.get(f"/runs?{query}")).status == 400, query


async def test_facts(opened):
    """The facts of a run come in pages, as its journal has them."""
    client = opened(helper("Hello"))
    run = await client.start()
    await client.finished(run)
    page = (await client.get(f"/runs/{run}/facts?limit=3")).json
    assert [fact["seq"] for fact in page["facts"]] == [0, 1, 2]
    rest = (await client.get(f"/runs/{run}/facts?after={page['next']}")).json
    assert [fact["kind"] for fact in rest["facts"]] == ["RunFinished"]
    assert rest["next"] is None
    assert (await client.get(f"/runs/{run}/facts?limit=1001")).status == 400


@pytest.mark.parametrize(
    "path", ["", "/facts", "/events", "/answers", "/resume", "/pause", "/stop", "/cancel", "/fork"]
)
async def test_unknown_run(opened, path):
    """A run that is not there is not found, whatever is asked of it."""
    client = opened(helper())
    reply = await client.call(
        "GET" if path in ("", "/facts", "/events") else "POST",
        f"/runs/nobody{path}",
        {"answers": {"a": {"value": 1}}} if path == "/answers" else None,
    )
    assert reply.status == 404


# --- answer --------------------------------------------------------------------------------------------------------------


async def test_answer(opened, asking_agent):
    """A run that waits tells what for; an answer makes it go on, to its end."""
    client = opened(asking_agent())
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        shown = await client.show(run)
        assert shown["status"] == "waiting"
        (call,) = shown["pending"]
        assert (call["id"], call["tool"], call["info"]) == ("c1", "ask_boss", {"to": "boss"})
        reply = await client.post(f"/runs/{run}/answers", {"answers": {call["id"]: {"value": "yes"}}})
        assert (reply.status, reply.json["status"]) == (202, "running")
        await follower.end()
    assert (await client.show(run))["output"] == "Good."


async def test_one_of_two_answers(opened, asking_agent):
    """Answers may come one by one; the run goes on with the last of them."""
    client = opened(asking_agent(calls=2))
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        await client.post(f"/runs/{run}/answers", {"answers": {"c2": {"value": "yes"}}})
        await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "no"}}})
        await follower.end()
    assert (await client.show(run))["output"] == "Good."


async def test_answer_that_does_not_fit(opened, asking_agent):
    """An answer to no call, a second answer and one of no known form are refused, and nothing is written."""
    log = MemoryLog()
    client = opened(asking_agent(), log)
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
    before = await kinds(log, run)
    for answers in (
        {},
        {"c9": {"value": 1}},
        {"c1": {}},
        {"c1": 5},
        {"c1": {"value": 1, "wat": 2}},
        {"c1": {"value": 1, "error": "x"}},
    ):
        assert (await client.post(f"/runs/{run}/answers", {"answers": answers})).status == 400, answers
    assert await kinds(log, run) == before
    await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": 1}}})
    await client.finished(run)
    assert (await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": 1}}})).status in (400, 409)


async def test_answers_elsewhere(opened, asking_agent):
    """A run that waits is answered by a process that did not begin it, while the first one's watchers hear of it."""
    log = MemoryLog()
    one, other = opened(asking_agent(), log), opened(asking_agent(), log)
    run = await one.start()
    async with one.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        assert (await other.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})).status == 202
        await follower.end()
    assert follower.facts[-1] == "RunFinished"


async def test_answer_to_a_run_at_work(opened, asking_agent):
    """An answer that comes while other calls of the run are still at work waits for them, and is not lost."""
    busy = asyncio.Event()

    @tool
    async def work() -> str:
        """Work for a while."""
        await busy.wait()
        return "done"

    log = MemoryLog()
    agent = asking_agent()
    calls = [ToolCall("c1", "ask_boss", '{"question": "?"}'), ToolCall("c2", "work", "{}")]
    model = ScriptedModel([calls, "Good."])
    client = opened(Agent(model, name="helper", tools=[*agent.tools.values(), work]), log)
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("ToolPending")
        answering = asyncio.ensure_future(client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}}))
        await asyncio.sleep(0)
        busy.set()
        assert (await answering).status == 202
        await follower.end()
    assert (await client.show(run))["output"] == "Good."


async def test_answer_to_a_run_that_does_not_rest(opened, gated):
    """An answer is refused when the run did not come to rest in time, naming the limit."""
    client = opened(Agent(gated("…"), name="a"), bounds=RunBounds(rest_seconds=0.01))
    run = await client.start()
    status, words = (await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": 1}}})).refusal
    assert status == 409
    assert "rest_seconds=0.01" in words


# --- steer ---------------------------------------------------------------------------------------------------------------


async def test_pause_and_resume(opened):
    """A run that is paused rests after its iteration and goes on when it is told to."""
    reached, let = asyncio.Event(), asyncio.Event()

    @tool
    async def work() -> str:
        """Work until it is let."""
        reached.set()
        await let.wait()
        return "done"

    client = opened(helper(ToolCall("c1", "work", "{}"), "Good.", tools=[work]))
    run = await client.start()
    await reached.wait()
    assert (await client.post(f"/runs/{run}/pause")).status == 202
    async with client.follow(f"/runs/{run}/events") as follower:
        let.set()
        await follower.until_kind("RunPaused")
        assert (await client.post(f"/runs/{run}/pause")).refusal[0] == 409
        resumed = await client.post(f"/runs/{run}/resume")
        assert (resumed.status, resumed.json["status"]) == (202, "running")
        await follower.end()
    assert (await client.show(run))["output"] == "Good."
    assert (await client.post(f"/runs/{run}/resume")).refusal[0] == 409


async def test_stop(opened, asking_agent):
    """A run at work stops after its iteration; one that waits stops at once, and its calls with it."""
    log = MemoryLog()
    client = opened(asking_agent(), log)
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        assert (await client.post(f"/runs/{run}/stop")).json["status"] == "stopped"
        await follower.end()
    assert (await kinds(log, run))[-1] == "RunFinished"
    assert (await client.post(f"/runs/{run}/stop")).status == 409


async def test_stop_at_work(opened):
    """A run at work ends after its iteration, without another request to the model."""
    reached, let = asyncio.Event(), asyncio.Event()

    @tool
    async def work() -> str:
        """Work until it is let."""
        reached.set()
        await let.wait()
        return "done"

    client = opened(helper(ToolCall("c1", "work", "{}"), tools=[work]))
    run = await client.start()
    await reached.wait()
    assert (await client.post(f"/runs/{run}/stop")).status == 202
    let.set()
    await client.finished(run)
    assert (await client.show(run))["status"] == "stopped"


async def test_cancel(opened, gated):
    """A run that is cancelled is cut off at once, its end is on the journal, and saying so twice does no harm."""
    log, model = MemoryLog(), gated("…")
    client = opened(Agent(model, name="a"), log)
    run = await client.start()
    await model.asked.wait()
    for _ in range(2):
        reply = await client.post(f"/runs/{run}/cancel")
        assert (reply.status, reply.json["status"]) == (200, "cancelled")
    assert (await kinds(log, run))[-1] == "RunCancelled"


async def test_cancel_elsewhere(opened, gated):
    """A run that another process is at work on is cancelled through the journal: the other one cannot write any more."""
    log, model = MemoryLog(), gated("…")
    one, other = opened(Agent(model, name="a"), log), opened(Agent(gated(), name="a"), log)
    run = await one.start()
    await model.asked.wait()
    assert (await other.post(f"/runs/{run}/pause")).refusal[0] == 409
    assert (await other.post(f"/runs/{run}/answers", {"answers": {"c": {"value": 1}}})).refusal[0] == 409
    assert (await other.post(f"/runs/{run}/cancel")).json["status"] == "cancelled"
    model.let.release()
    model.let.release()
    await one.app._desk.workshop.until_rest(run, 5)
    assert (await kinds(log, run))[-1] == "RunCancelled"


async def test_cancel_what_is_over(opened):
    """A run that is finished cannot be cancelled."""
    client = opened(helper("Hello"))
    run = await client.start()
    await client.finished(run)
    assert (await client.post(f"/runs/{run}/cancel")).refusal == (
        409,
        f"run {run} is finished; there is nothing to cancel",
    )


async def test_cancel_below(opened, asking_agent):
    """A run that waits is cancelled with the run below it, for which it waits."""
    log = MemoryLog()
    boss = helper(ToolCall("t1", "helper", '{"task": "Ask"}'), tools=[asking_agent().as_tool()])
    client = opened(Agent(boss.model, name="boss", tools=boss.tools.values()), log)
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
    child = next(row["run"] for row in (await client.get("/runs")).json["runs"] if row.get("parent") == run)
    assert (await client.show(child))["status"] == "waiting"
    await client.post(f"/runs/{run}/cancel")
    assert (await client.show(child))["status"] == "cancelled"


async def test_cancel_while_somebody_writes(opened, asking_agent):
    """Cancelling a run into which somebody else is writing is tried again, and refused in the end if that does not stop."""

    class Busy(MemoryLog):
        conflicts = 0

        async def append(self, run, at, facts):
            if isinstance(facts[0], RunCancelled) and self.conflicts:
                self.conflicts -= 1
                raise Conflict("another writer was there")
            await super().append(run, at, facts)

    log = Busy()
    run = (await asking_agent(journal=log).run("Hi")).run_id
    client = opened(asking_agent(), log)
    log.conflicts = 5
    assert (await client.post(f"/runs/{run}/cancel")).refusal[0] == 409
    log.conflicts = 4
    assert (await client.post(f"/runs/{run}/cancel")).json["status"] == "cancelled"


@pytest.mark.parametrize("before", ["9" * 5000 + ":x", "x:y", "²:x"])
async def test_cursor_of_a_list_that_is_none(opened, before):
    """What is no cursor is refused, however long its digits are."""
    assert (await opened(helper()).get(f"/runs?before={quote(before)}")).refusal[0] == 400


@pytest.mark.parametrize("name", ["order:42", "Straße 9", "a.b", "~x", "x" * 200])
async def test_run_of_any_name(opened, name, tmp_path):
    """A run that was given a name of its own by a program is shown, followed and answered like any other."""
    log = FilesLog(tmp_path)
    await create(helper(), "Hi", run_id=name, journal=log)
    client = opened(helper("Hello"), log)
    path = f"/runs/{name}"
    assert (await client.post(f"{path}/resume")).status == 202
    await client.finished(name)
    assert (await client.get(path)).json["output"] == "Hello"
    await client.app.close(grace=0)
    await log.close()


async def test_damaged_run(opened, caplog):
    """A run that cannot be read is our failure, not the client's, and what is in it stays in the log."""

    class Damaged(MemoryLog):
        def read(self, run, after=-1):
            raise CorruptJournal("a line cannot be read: secret words")

    client = opened(helper(), Damaged())
    for path in ("", "/facts", "/events"):
        status, words = (await client.get(f"/runs/x{path}")).refusal
        assert status == 500
        assert "secret words" not in words
    assert "secret words" in caplog.text


async def test_fork(opened):
    """A branch is a run of its own that goes on from a fact of another, with something new or without."""
    log = MemoryLog()
    client = opened(helper("One", "Two", "Three"), log)
    run = await client.start()
    await client.finished(run)
    reply = await client.post(f"/runs/{run}/fork", {"prompt": "And then?"})
    branch = reply.json["run"]
    assert (reply.status, reply.headers["location"]) == (201, f"/runs/{branch}")
    await client.finished(branch)
    shown = await client.show(branch)
    assert shown["output"] == "Two"
    assert shown["continues"] == {"run": run, "seq": 3}
    again = (await client.post(f"/runs/{run}/fork", {"at": 0})).json["run"]
    await client.finished(again)
    assert (await client.show(again))["output"] == "Three"
    assert (await client.post(f"/runs/{run}/fork", {"at": 99})).refusal[0] == 400


async def test_agent_that_does_not_work_here(opened, asking_agent):
    """A run of an agent that does not work here is shown, and not taken up."""
    log = MemoryLog()
    result = await asking_agent(journal=log).run("Hi")
    client = opened(Agent(ScriptedModel([]), name="other"), log)
    assert (await client.show(result.run_id))["status"] == "waiting"
    assert (await client.post(f"/runs/{result.run_id}/resume")).refusal[0] == 409
    assert (await client.post(f"/runs/{result.run_id}/fork")).refusal[0] == 409


async def test_answer_to_an_agent_that_does_not_work_here(opened, asking_agent):
    """Its run is answered all the same: whoever has the agent goes on with it."""
    log = MemoryLog()
    agent = asking_agent(journal=log)
    run = (await agent.run("Hi")).run_id
    client = opened(Agent(ScriptedModel([]), name="other"), log)
    reply = await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})
    assert (reply.status, reply.json["status"], reply.json["at_work"]) == (202, "running", False)
    assert (await advance(run, agent=agent)).output == "Good."


async def test_failed_run(opened):
    """A run that fails is shown with its failure, and may be taken up again."""
    client = opened(helper(ZeroDivisionError("by what?"), "Better."))
    run = await client.start()
    await client.finished(run)
    assert (await client.show(run))["failure"] == {"type": "ZeroDivisionError", "message": "by what?"}
    async with client.follow(f"/runs/{run}/events") as follower:
        await client.post(f"/runs/{run}/resume")
        await follower.end()
    await client.finished(run)
    assert (await client.show(run))["output"] == "Better."


async def test_key_of_a_run_that_was_cut_off(opened):
    """A run whose process died as it began is taken up when the client asks again with its key."""
    log = MemoryLog()
    run = run_of_key("k")
    agent = helper("Hello")
    begun = RunStarted(seq=0, agent="helper", model="m", fingerprint="", input=(Message.user("Hi"),))
    await log.append(run, 0, [begun])
    client = opened(agent, log)
    reply = await client.post("/runs", {"prompt": "Hi"}, {"idempotency-key": "k"})
    assert (reply.status, reply.json["run"]) == (200, run)
    await client.finished(run)
    assert (await client.show(run))["output"] == "Hello"


async def test_approvals_are_bound(opened):
    """Where a secret is set, an approval has to show the token of the very call; a forged one changes nothing."""

    @tool(requires_approval=True)
    def pay(euros: int) -> str:
        """Pay somebody."""
        return f"paid {euros}"

    agent = helper(ToolCall("c1", "pay", '{"euros": 5}'), "Paid.", tools=[pay])
    client = opened(agent, options={"secret": "a secret of ours"})
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        (call,) = (await client.show(run))["pending"]
        assert call["kind"] == "approval"
        for token in ("", "0" * 64):
            answers = {"answers": {"c1": {"approve": True, "token": token}}}
            assert (await client.post(f"/runs/{run}/answers", answers)).status == 400
        answers = {"answers": {"c1": {"approve": True, "token": call["token"]}}}
        assert (await client.post(f"/runs/{run}/answers", answers)).status == 202
        await follower.end()
    assert (await client.show(run))["output"] == "Paid."


async def test_answer_below(opened, asking_agent):
    """What a run below waits for is shown and answered at the outermost run."""
    boss = helper(ToolCall("t1", "helper", '{"task": "Ask"}'), "All done.", tools=[asking_agent().as_tool()])
    client = opened(Agent(boss.model, name="boss", tools=boss.tools.values()))
    run = await client.start()
    async with client.follow(f"/runs/{run}/events") as follower:
        await follower.until_kind("RunPaused")
        (call,) = (await client.show(run))["pending"]
        assert (call["id"], call["agent"]) == ("t1/c1", "helper")
        await client.post(f"/runs/{run}/answers", {"answers": {"t1/c1": {"value": "yes"}}})
        await follower.end()
    assert (await client.show(run))["output"] == "All done."


async def test_deadline(opened):
    """A call that nobody answered before its deadline is over, and the run goes on by itself."""

    @tool
    def ask_boss(question: str) -> str:
        """Ask the boss, who is on leave."""
        raise Pending("boss", deadline=0.05)

    client = opened(helper(ToolCall("c1", "ask_boss", '{"question": "?"}'), "Nobody answered.", tools=[ask_boss]))
    run = await client.start()
    await client.finished(run)
    assert (await client.show(run))["output"] == "Nobody answered."


async def test_alarm_at_the_end(opened, asking_agent):
    """A run that would be looked at again is not, once the app is closed, nor once it was answered."""

    @tool
    def ask_boss(question: str) -> str:
        """Ask the boss, who has an hour."""
        raise Pending("boss", deadline=3600)

    script = [ToolCall("c1", "ask_boss", '{"question": "?"}'), ToolCall("c2", "ask_boss", '{"question": "?"}')]
    log = MemoryLog()
    client = opened(helper(*script, tools=[ask_boss]), log)
    run = await client.start()
    workshop = client.app._desk.workshop
    await workshop.until_rest(run, 5)
    await client.post(f"/runs/{run}/answers", {"answers": {"c1": {"value": "yes"}}})
    await workshop.until_rest(run, 5)
    assert list(workshop._alarms._timers) == [run]
    await client.app.close(grace=0)
    assert not workshop._alarms._timers
    assert (await load(log, run)).state.status == "waiting"


async def test_alarm_that_comes_to_nothing(opened, asking_agent, caplog):
    """Looking again at a run that is gone does no harm."""
    log = MemoryLog()
    client = opened(asking_agent(), log)
    run = await client.start()
    workshop = client.app._desk.workshop
    await workshop.until_rest(run, 5)
    await log.delete(run)
    await workshop._look_again(run)
    assert "could not be looked at again" in caplog.text
