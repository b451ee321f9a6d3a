"""`journeyman serve`: models and agents behind the wires of all providers."""

from __future__ import annotations

import functools
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any, cast

from cyclopts import Parameter

from ...agents import Agent
from ...compose import open_cache, open_journal, open_model
from ...data import CallerError, Limits
from ...journal import Log
from ...models import Cached, Model, RetryPolicy
from ...serve import Bounds, Gateway, Models, check_binding
from ...serve.agent_model import AgentModel
from ...serve.budgeted import Budgeted, new_ledger
from ...serve.journaled import Journaled
from .asking import loaded
from .flags import JOURNAL, PLAIN, Journal, Shown
from .outcome import carry_out
from .standing import CLIENTS, TOKEN, Address, stand, token
from .view.screen import Screen


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class GatewayFlags:
    """What is behind the gateway."""

    model: Annotated[
        list[str] | None,
        Parameter(help="A model to serve, as vendor:model or name=vendor:model; may be repeated. None serves any."),
    ] = None
    agent: Annotated[
        list[str] | None, Parameter(help="An agent to serve as a model, as [name=]module:variable; may be repeated.")
    ] = None
    journal: Journal = JOURNAL
    cache: Annotated[str | None, Parameter(help="Keep answers, at memory:, sqlite:///cache.db or redis://….")] = None
    retry_attempts: Annotated[int, Parameter(help="How often a failed request is sent in all.")] = 3
    max_cost: Annotated[float | None, Parameter(help="Dollars that all clients together may spend.")] = None
    max_tokens: Annotated[int | None, Parameter(help="Tokens that all clients together may use.")] = None
    max_concurrent: Annotated[int | None, Parameter(help="How many requests may be under way at once.")] = None
    allow_host: Annotated[
        list[str] | None, Parameter(help="A name under which this machine may be asked without a token.")
    ] = None


def serve(
    *,
    gateway: Annotated[bool, Parameter(help="Answer as OpenAI, Anthropic, Google and others do.")] = False,
    flags: GatewayFlags = GatewayFlags(),
    address: Address = Address(),  # noqa: B008  (likewise)
    shown: Shown = PLAIN,
) -> int:
    """Serve models and agents over HTTP.

    With --gateway every client of a provider can use them unchanged: it is pointed here and shows the token, which is
    read from JOURNEYMAN_TOKEN, as its key. Without a token only this machine is answered. Each exchange is a run on the
    journal. Exit code 0 when it was told to end, 2: something to mend first.
    """
    return carry_out(shown, lambda screen: _serve(screen, flags, address, gateway=gateway))


async def _serve(screen: Screen, flags: GatewayFlags, address: Address, *, gateway: bool) -> int:
    if not gateway:
        raise CallerError("say what to serve: journeyman serve --gateway")
    shown = token()
    check_binding(address.host, shown)
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_journal(flags.journal))
        models = await _models(flags, log, stack)
        bounds = Bounds(max_concurrent=flags.max_concurrent)
        app = Gateway(models, token=shown, hosts=flags.allow_host or (), bounds=bounds)
        key = f"the value of {TOKEN}" if shown else "any"
        return await stand(screen, app, address, {**CLIENTS, "key": key})


async def _models(flags: GatewayFlags, log: Log, stack: AsyncExitStack) -> Models:
    ledger = new_ledger(Limits(max_cost=flags.max_cost, max_tokens=flags.max_tokens))
    policy = RetryPolicy(retry_attempts=flags.retry_attempts)
    store = None if flags.cache is None else open_cache(flags.cache)
    if store is not None:
        stack.push_async_callback(store.close)

    def behind(name: str) -> Model:
        model: Model = open_model(name, retry=policy)
        if store is not None:
            model = Cached(model, store)
        return Journaled(Budgeted(model, ledger), log)

    named: dict[str, Model] = {}
    for item in flags.model or ():
        name, found, model = item.partition("=")
        named[name] = behind(model if found else name)
    for item in flags.agent or ():
        name, found, place = item.partition("=")
        agent = await stack.enter_async_context(_agent(place if found else name))
        named[name] = Budgeted(AgentModel(agent), ledger)
    # Names that were asked for are remembered, but not without end: whoever has the token can make them up.
    return named or functools.lru_cache(1000)(behind)


def _agent(place: str) -> Agent[Any]:
    agent: Agent[Any] = loaded("--agent", place)
    if not isinstance(cast("object", agent), Agent):
        raise CallerError(f"--agent {place}: that is no Agent; name a variable that holds one")
    return agent
