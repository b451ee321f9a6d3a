"""A model with others that stand in for it."""

from __future__ import annotations

from typing import Any, Self

import pytest

from journeyman.data import (
    CallerError,
    Document,
    Image,
    JsonOutput,
    LimitExceeded,
    Message,
    ModelRequest,
    ProviderError,
    Text,
    TextDelta,
    ToolResult,
    ToolSpec,
)
from journeyman.journal import Fact, ModelSwitched
from journeyman.models import SWITCH_ON, Fallback, ScriptedModel
from journeyman.providers import Capabilities

ASK = ModelRequest("", (Message.user("Hi"),))


def named(name: str, script: list[Any], **able: Any) -> ScriptedModel:
    return ScriptedModel(script, name=f"v:{name}", capabilities=Capabilities(**able))


def down(status: int | None = 503, **fields: Any) -> ProviderError:
    return ProviderError("down", status=status, **fields)


class Notes:
    """What a run would write down."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    async def __call__(self, fact: Fact) -> None:
        self.facts.append(fact)


async def test_the_next_one_answers():
    """And the run is told first, so that the answer is charged to the right model."""
    first, second = named("a", [down(), "from a"]), named("b", ["from b"])
    told: list[tuple[ModelSwitched, int]] = []

    async def record(fact: Fact) -> None:
        assert isinstance(fact, ModelSwitched)
        told.append((fact, len(second.requests)))

    both = Fallback(first, second)
    assert (await both.respond(ASK, None, record)).message.text == "from b"
    ((fact, asked),) = told
    assert (fact.model, fact.failure.message if fact.failure else "", fact.in_doubt, asked) == ("v:b", "down", False, 0)
    assert (await both.respond(ASK)).message.text == "from a"


async def test_the_first_one_is_what_it_is_to_others():
    """Name, capabilities and preview are those of the first."""
    first = named("a", [], vision=False)
    both = Fallback(first, named("b", []))
    assert (both.name, both.capabilities, both.preview(ASK)) == ("v:a", first.capabilities, None)
    assert repr(both) == "Fallback(v:a, v:b)"


async def test_a_mistake_of_ours_is_not_passed_around():
    """`invalid_request` is raised at once, unless it is asked for."""
    with pytest.raises(ProviderError):
        await Fallback(named("a", [down(400)]), named("b", ["from b"])).respond(ASK)
    daring = Fallback(named("a", [down(400)]), named("b", ["from b"]), switch_on={*SWITCH_ON, "invalid_request"})
    assert (await daring.respond(ASK)).message.text == "from b"


@pytest.mark.parametrize("error", [CallerError("no key"), LimitExceeded("tokens", 1, "max_tokens")])
async def test_other_errors_are_not_the_providers(error: Exception):
    """A missing key or a used-up budget is raised."""
    with pytest.raises(type(error)):
        await Fallback(named("a", [error]), named("b", ["never"])).respond(ASK)


async def test_when_all_are_down_the_last_error_counts():
    """Every one was asked."""
    last = down(429)
    notes = Notes()
    models = [named("a", [down()]), named("b", [down(None, kind="timeout")]), named("c", [last])]
    with pytest.raises(ProviderError) as caught:
        await Fallback(*models).respond(ASK, None, notes)
    assert caught.value is last
    assert [(fact.model, fact.in_doubt) for fact in notes.facts if isinstance(fact, ModelSwitched)] == [
        ("v:b", False),
        ("v:c", True),
    ]


@pytest.mark.parametrize(
    ("lacking", "request_"),
    [
        ("tools", ModelRequest("", ASK.messages, (ToolSpec("t"),))),
        ("json_schema", ModelRequest("", ASK.messages, output=JsonOutput(schema={"type": "object"}))),
        ("vision", ModelRequest("", (Message.user(["See", Image("image/png", b"x")]),))),
        ("vision", ModelRequest("", (Message("tool", (ToolResult("1", (Text("a"), Image("image/png", b"x"))),)),))),
        ("documents", ModelRequest("", (Message.user([Document("application/pdf", b"x")]), Message.user("?")))),
    ],
)
async def test_one_that_cannot_is_passed_over(lacking: str, request_: ModelRequest):
    """Without being asked; if there is no other, the error says why nobody stood in."""
    unable = named("b", ["never"], **{lacking: False})
    notes = Notes()
    response = await Fallback(named("a", [down()]), unable, named("c", ["from c"])).respond(request_, None, notes)
    assert (response.message.text, unable.requests, len(notes.facts)) == ("from c", [], 1)
    with pytest.raises(ProviderError) as caught:
        await Fallback(named("a", [down()]), unable).respond(request_)
    assert caught.value.__notes__ == [f"v:b cannot stand in: the request needs {lacking}, which it does not have"]


async def test_one_vendors_name_says_nothing_to_another():
    """A model that was asked for by name is asked for at the first vendor alone."""
    first, second = named("a", [down()]), named("b", ["from b"])
    await Fallback(first, second).respond(ModelRequest("gpt-5", ASK.messages))
    assert (first.requests[0].model, second.requests[0].model) == ("gpt-5", "")


async def test_a_stream_that_began_stays_with_its_model():
    """Nobody hears half an answer of one model and a whole one of another."""

    class Breaks(ScriptedModel):
        async def respond(self, request: ModelRequest, emit: Any = None, record: Any = None) -> Any:
            emit([TextDelta("Well")])
            raise down(None, kind="stream")

    heard: list[Any] = []
    with pytest.raises(ProviderError):
        await Fallback(Breaks([]), named("b", ["never"])).respond(ASK, heard.extend)
    assert heard == [TextDelta("Well")]
    response = await Fallback(named("a", [down(None, kind="stream")]), named("b", ["from b"])).respond(
        ASK, heard.extend
    )
    assert response.message.text == "from b"


def test_it_takes_two():
    """With nobody to stand in it would be a mistake."""
    with pytest.raises(CallerError, match="another"):
        Fallback(named("a", []))


class Opens(ScriptedModel):
    """Notes when it is opened and closed; may fail to open."""

    def __init__(self, name: str, events: list[str], *, broken: bool = False) -> None:
        super().__init__([], name=name)
        self.events = events
        self.broken = broken

    async def __aenter__(self) -> Self:
        if self.broken:
            raise CallerError("cannot be opened")
        self.events.append(f"open {self.name}")
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.events.append(f"close {self.name}")


async def test_all_are_open_or_none():
    """Inside `async with` every model is open; if one cannot be opened, none stays so."""
    events: list[str] = []
    async with Fallback(Opens("a", events), ScriptedModel([]), Opens("b", events)):
        events.append("inside")
    assert events == ["open a", "open b", "inside", "close b", "close a"]
    events.clear()
    with pytest.raises(CallerError):
        async with Fallback(Opens("a", events), Opens("b", events, broken=True)):
            events.append("never")
    assert events == ["open a", "close a"]
