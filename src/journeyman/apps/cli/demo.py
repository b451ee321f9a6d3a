"""`journeyman demo`: an agent answers a question about a table, over real HTTP and on a real journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from cyclopts import Parameter

from ...agents import Agent, RunResult
from ...compose import open_model
from ...journal import RunState
from ...models import Model, ScriptedModel
from ..demo import INSTRUCTIONS, ORDERS, QUESTION, Count, count, order_tools, script
from .asking import ModelFlags
from .flags import JOURNAL, PLAIN, Journal, Shown
from .outcome import carry_out, tell
from .view.facts import tell_fact
from .view.live import Live, as_object, cost_of, journal_flag
from .view.screen import Screen, money, short, tokens

PLAYED = "openai:gpt-5-mini"
"""The model that the script plays; nothing but the price list knows it."""


def demo(
    *,
    model: Annotated[
        str | None, Parameter(help="Ask a real model, as vendor:model, instead of playing a script.")
    ] = None,
    base_url: Annotated[str | None, Parameter(help="Where the vendor's API is, if not where it usually is.")] = None,
    journal: Journal = JOURNAL,
    shown: Shown = PLAIN,
) -> int:
    """See an agent answer a question about a table of orders, and what its journal says of it.

    Without --model nobody is asked: the model's words are scripted, and everything else is real (HTTP to a server on this
    machine, the tools, the journal). Exit code 0: the answer agrees with an independent count, 1: it does not. With --json
    one object.
    """
    asked = None if model is None else ModelFlags(model=model, base_url=base_url)
    return carry_out(shown, lambda screen: _demo(screen, asked, journal))


async def _demo(screen: Screen, asked: ModelFlags | None, journal: str) -> int:
    right = count(ORDERS)
    if not screen.json:
        screen.narrate()
    async with _model(screen, asked) as model:
        agent = Agent(
            model,
            name="demo",
            tools=order_tools(),
            system_prompt=INSTRUCTIONS,
            max_iterations=12,
            journal=journal,
        )
        screen.note(("question  ", "bold"), QUESTION)
        screen.note()
        async with agent, agent.run_stream(QUESTION, tags=["demo"]) as stream:
            try:
                await Live(screen, journal, words=True).watch(stream)
            except asyncio.CancelledError:
                await stream.run.cancel()
                raise
            except Exception as error:  # noqa: BLE001  (it is told, and decides the exit code)
                return tell(screen, error, journal)
            result = stream.result
    agrees = right.agrees_with(result.output)
    if screen.json:
        screen.object(_object(result, right, journal, scripted=asked is None))
    else:
        _tell_outcome(screen, result, right, journal)
        _tell_bill(screen, result.state, scripted=asked is None)
        if journal != "memory:":
            _tell_again(screen, result.run_id, journal)
    return 0 if agrees else 1


@asynccontextmanager
async def _model(screen: Screen, asked: ModelFlags | None) -> AsyncGenerator[Model]:
    screen.note(("journeyman demo", "bold"))
    screen.note(f"An agent answers a question about {ORDERS.name}: {_rows():,} orders of a shop that does not exist.")
    if asked is not None:
        model = asked.open()
        screen.note(f"{model.name} answers.")
        screen.note()
        yield model
        return
    # Imported here, for a real model needs no server.
    from ...testing.twin import provider_twin  # noqa: PLC0415

    async with provider_twin(ScriptedModel(script(), name=PLAYED)) as twin:
        screen.note(
            f"The model is scripted: its words were written beforehand, and it plays {PLAYED}. All else is real: HTTP"
        )
        screen.note(
            f"to {twin.url}, tools that read the file, figures from their results, the journal, the price list."
        )
        screen.note()
        yield open_model(PLAYED, base_url=twin.url, api_key="demo")


def _rows() -> int:
    with ORDERS.open(encoding="utf-8") as lines:
        return sum(1 for _ in lines) - 1


def _tell_outcome(screen: Screen, result: RunResult[str], right: Count, journal: str) -> None:
    screen.line()
    counted = f"{right.region}, ${right.dollars}, {right.product}"
    if right.agrees_with(result.output):
        screen.line(("✓ ", "green"), f"The answer is right. Counted without the agent: {counted}.")
    else:
        screen.line(("✗ ", "red"), f"The answer is not right. Counted without the agent: {counted}.")
    screen.line()
    screen.line(
        ("journal  ", "bold"), f"{journal}, run {result.run_id}; long facts are cut, --facts below shows them whole"
    )
    for fact in result.facts:
        tell_fact(screen, fact)
    screen.line()


def _tell_bill(screen: Screen, state: RunState, *, scripted: bool) -> None:
    screen.line(("cost     ", "bold"), f"{money(cost_of(state))} for {tokens(state.usage)}")
    if scripted:
        screen.line(f"         at the list price of {PLAYED}; a script counts words for tokens, and nothing was paid")
    screen.line()


def _tell_again(screen: Screen, run: str, journal: str) -> None:
    place = f"{short(run)}{journal_flag(journal)}"
    screen.line(("again    ", "bold"), f"journeyman runs show {place}")
    screen.line(f"         journeyman runs show {place} --facts")
    screen.line(f"         journeyman runs list{journal_flag(journal)}")


def _object(result: RunResult[str], right: Count, journal: str, *, scripted: bool) -> dict[str, Any]:
    return {
        **as_object(result.state, journal),
        "question": QUESTION,
        "scripted": scripted,
        "right": right.agrees_with(result.output),
        "counted": {"region": right.region, "revenue": right.dollars.replace(",", ""), "product": right.product},
    }
