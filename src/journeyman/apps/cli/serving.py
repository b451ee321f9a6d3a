"""`journeyman serve`: runs of agents, and models and agents behind the wires of all providers."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any, cast

from cyclopts import Parameter

from ...agents import Agent
from ...compose import open_cache, open_journal, open_model
from ...data import CallerError, Limits, Secret
from ...journal import Log
from ...models import Cached, Model, RetryPolicy
from ...serve import App, Beside, Bounds, Gateway, Models, Runs, Webhooks, check_binding
from ...serve.agent_model import AgentModel
from ...serve.budgeted import Budget, Budgeted
from ...serve.journaled import Journaled
from .asking import loaded
from .flags import JOURNAL, PLAIN, Journal, Shown
from .outcome import carry_out
from .standing import CLIENTS, TOKEN, Address, stand, token
from .view.screen import Screen

WEBHOOK_SECRET = "JOURNEYMAN_WEBHOOK_SECRET"  # noqa: S105  (the name of a variable)
"""Where the secret of webhooks comes from: a command line can be read by every user of the machine."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ServeFlags:
    """What is served."""

    agent: Annotated[
        list[str] | None,
        Parameter(
            help="An agent to serve, with the gateway also as a model, as [name=]module:variable; may be repeated."
        ),
    ] = None
    journal: Journal = JOURNAL
    allow_host: Annotated[
        list[str] | None, Parameter(help="A name under which this machine may be asked without a token.")
    ] = None
    webhook: Annotated[
        list[str] | None,
        Parameter(help=f"An address to tell of runs that wait, signed with {WEBHOOK_SECRET}; may be repeated."),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class GatewayFlags:
    """What is behind the gateway."""

    model: Annotated[
        list[str] | None,
        Parameter(help="A model to serve, as vendor:model or name=vendor:model; may be repeated. None serves any."),
    ] = None
    cache: Annotated[str | None, Parameter(help="Keep answers, at memory:, sqlite:///cache.db or redis://….")] = None
    retry_attempts: Annotated[int, Parameter(help="How often a failed request is sent in all.")] = 3
    max_cost: Annotated[float | None, Parameter(help="Dollars that all clients together may spend.")] = None
    max_tokens: Annotated[int | None, Parameter(help="Tokens that all clients together may use.")] = None
    max_concurrent: Annotated[int | None, Parameter(help="How many requests may be under way at once.")] = None


def serve(
    *,
    gateway: Annotated[bool, Parameter(help="Answer as OpenAI, Anthropic, Google and others do.")] = False,
    served: ServeFlags = ServeFlags(),
    flags: GatewayFlags = GatewayFlags(),
    address: Address = Address(),  # noqa: B008  (likewise)
    shown: Shown = PLAIN,
) -> int:
    """Serve agents and models over HTTP.

    With --agent, runs of it are begun by POST /runs, followed at /runs/RUN/events, answered and ended, also those that other
    processes are at work on. With --gateway every client of a provider can use models and agents unchanged: it is pointed
    here and shows the token as its key; each exchange is a run on the journal. The token is read from JOURNEYMAN_TOKEN;
    without one only this machine is answered. Exit code 0 when it was told to end, 2: something to mend first.
    """
    return carry_out(shown, lambda screen: _serve(screen, served, flags if gateway else None, address))


async def _serve(screen: Screen, served: ServeFlags, flags: GatewayFlags | None, address: Address) -> int:
    if flags is None and not served.agent:
        raise CallerError("say what to serve: journeyman serve --agent module:variable, or journeyman serve --gateway")
    shown = token()
    check_binding(address.host, shown)
    clients: dict[str, str] = {}
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_journal(served.journal))
        agents = await _agents(served, stack)
        app: App | None = None
        if flags is not None:
            bounds = Bounds(max_concurrent=flags.max_concurrent)
            models = await _models(flags, agents, log, stack)
            app = Gateway(models, token=shown, hosts=served.allow_host or (), bounds=bounds)
            clients |= CLIENTS
        if agents:
            runs = Runs(agents.values(), log, token=shown, hosts=served.allow_host or (), webhooks=_webhooks(served))
            await stack.enter_async_context(runs)
            app = runs if app is None else Beside(runs, app)
            clients |= RUNS
        assert app is not None  # noqa: S101  (one of both was asked for; this tells the type checkers)
        key = f"the value of {TOKEN}" if shown else "any"
        return await stand(screen, app, address, {**clients, "key": key})


RUNS = {
    "begin": """curl {url}/runs -d '{"prompt": "…"}'""",
    "follow": "curl -N {url}/runs/RUN/events",
    "answer": """curl {url}/runs/RUN/answers -d '{"answers": {"CALL": {"value": "…"}}}'""",
}
"""How runs are begun, followed and answered from a terminal."""


async def _agents(served: ServeFlags, stack: AsyncExitStack) -> Mapping[str, Agent[Any]]:
    agents: dict[str, Agent[Any]] = {}
    for item in served.agent or ():
        name, found, place = item.partition("=")
        agents[name] = await stack.enter_async_context(_agent(place if found else name))
    return agents


def _webhooks(served: ServeFlags) -> Webhooks | None:
    if not served.webhook:
        return None
    secret = os.environ.get(WEBHOOK_SECRET, "").strip()
    if not secret:
        raise CallerError(
            f"--webhook needs a secret to sign with: set {WEBHOOK_SECRET} to whsec_ and 32 bytes in base64"
        )
    return Webhooks(served.webhook, Secret(secret))


async def _models(flags: GatewayFlags, agents: Mapping[str, Agent[Any]], log: Log, stack: AsyncExitStack) -> Models:
    budget = Budget(Limits(max_cost=flags.max_cost, max_tokens=flags.max_tokens))
    policy = RetryPolicy(retry_attempts=flags.retry_attempts)
    store = None if flags.cache is None else open_cache(flags.cache)
    if store is not None:
        stack.push_async_callback(store.close)

    def behind(name: str) -> Model:
        # What is answered from the cache costs nothing, so the cache stands before the budget.
        model: Model = Budgeted(open_model(name, retry=policy), budget)
        if store is not None:
            model = Cached(model, store)
        return Journaled(model, log)

    named: dict[str, Model] = {}
    for item in flags.model or ():
        name, found, model = item.partition("=")
        named[name] = behind(model if found else name)
    for name, agent in agents.items():
        named[name] = Budgeted(AgentModel(agent), budget, most=agent.limits)
    # Names that were asked for are remembered, but not without end: whoever has the token can make them up.
    return named or functools.lru_cache(1000)(behind)


def _agent(place: str) -> Agent[Any]:
    agent: Agent[Any] = loaded("--agent", place)
    if not isinstance(cast("object", agent), Agent):
        raise CallerError(f"--agent {place}: that is no Agent; name a variable that holds one")
    return agent
