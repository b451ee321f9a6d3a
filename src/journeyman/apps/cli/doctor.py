"""`journeyman doctor`: what is there, what is missing, and how to get it. Names of credentials, never their values."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from ... import __version__
from ...adapters.transport_aiohttp import AiohttpTransport
from ...data import JourneymanError
from ...providers import VENDORS, Vendor, endpoint
from ...wire import HttpRequest
from .flags import JOURNAL, PLAIN, Journal, Shown
from .journals import existing, file_of
from .outcome import carry_out
from .view.clean import cut, one_line
from .view.screen import Screen

PATIENCE = 2.0
"""Seconds for a local server to say which models it has."""

_PACKAGES = {
    "aiohttp": "journeyman",
    "pydantic": "journeyman",
    "msgspec": "journeyman",
    "genai-prices": "journeyman",
    "rich": "journeyman[cli]",
    "cyclopts": "journeyman[cli]",
    "prompt_toolkit": "journeyman[cli]",
    "uvicorn": "journeyman[serve]",
}
_INSTALL = {
    "ollama": "install it from https://ollama.com/download, then: ollama pull llama3.2",
    "lmstudio": "install it from https://lmstudio.ai, load a model and start its server",
    "compatible": "the address of any OpenAI-compatible server",
}
_MOST_BYTES = 1_000_000
_NAMED = 6


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `usable` says that a model can be reached by it, `help` how to get what is missing."""

    about: Literal["python", "package", "credential", "server", "journal"]
    name: str
    ok: bool
    detail: str = ""
    help: str = ""
    usable: bool = False
    models: Sequence[str] = ()


def doctor(*, journal: Journal = JOURNAL, shown: Shown = PLAIN) -> int:
    """Say which models can be used here, and what is missing.

    Looks at Python and packages, at the names of credentials in the environment (never at what they are), at local model
    servers and at the journal; asks no provider. Exit code 0: the journal can be opened and there is a key or a local
    server with a model; 1: not so. With --json one object.
    """
    return carry_out(shown, lambda screen: _examine(screen, os.environ, journal))


async def _examine(screen: Screen, environ: Mapping[str, str], journal: str) -> int:
    findings = [*_software(), *_credentials(environ), *await _servers(environ), await _journal(journal)]
    usable = any(item.usable for item in findings)
    healthy = usable and all(item.ok for item in findings if item.about in ("python", "journal"))
    if screen.json:
        screen.object({"ok": healthy, "usable": usable, "findings": findings})
        return 0 if healthy else 1
    about = ""
    for item in findings:
        if item.about != about:
            about = item.about
            screen.line((_HEADS[about], "bold"))
        _tell(screen, item)
    screen.line()
    if usable:
        names = ", ".join(f"{item.name}:{model}" for item in findings for model in item.models[:1]) or "vendor:model"
        screen.line(f"ready: journeyman run 'Hello' --model {names}")
    else:
        screen.line("no model can be used yet: set one of the keys above, or start a local server")
        screen.line("journeyman demo works without either")
    return 0 if healthy else 1


_HEADS = {
    "python": "Python",
    "package": "Packages",
    "credential": "Keys in the environment",
    "server": "Local servers",
    "journal": "Journal",
}


def _tell(screen: Screen, item: Finding) -> None:
    mark = ("  ✓ ", "green") if item.ok else ("  · ", "yellow")
    models = ""
    if item.models:
        more = f" and {len(item.models) - _NAMED} more" if len(item.models) > _NAMED else ""
        models = f": {', '.join(item.models[:_NAMED])}{more}"
    screen.line(
        mark, f"{item.name:<15} ", one_line(item.detail + models), (f"  {item.help}" if item.help else "", "dim")
    )


def _software() -> list[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    found = [
        Finding(
            about="python", name="journeyman", ok=True, detail=f"{__version__}, Python {python}, {platform.platform()}"
        )
    ]
    for package, bringer in _PACKAGES.items():
        try:
            found.append(Finding(about="package", name=package, ok=True, detail=version(package)))
        except PackageNotFoundError:
            need = f'pip install "{bringer}"'
            found.append(Finding(about="package", name=package, ok=False, detail="not installed", help=need))
    return found


def _credentials(environ: Mapping[str, str]) -> list[Finding]:
    return [
        Finding(
            about="credential",
            name=vendor.name,
            ok=bool(environ.get(vendor.key_env)),
            detail=f"{vendor.key_env} is set" if environ.get(vendor.key_env) else f"{vendor.key_env} is not set",
            help="" if environ.get(vendor.key_env) or not vendor.keys_at else f"keys are made at {vendor.keys_at}",
            usable=bool(environ.get(vendor.key_env)),
        )
        for vendor in VENDORS.values()
        if vendor.key_env is not None and not vendor.local
    ]


async def _servers(environ: Mapping[str, str]) -> list[Finding]:
    transport = AiohttpTransport(connect_timeout=PATIENCE, read_timeout=PATIENCE)
    local = [vendor for vendor in VENDORS.values() if vendor.local]
    try:
        return list(await asyncio.gather(*(_server(transport, vendor, environ) for vendor in local)))
    finally:
        await transport.close()


async def _server(transport: AiohttpTransport, vendor: Vendor, environ: Mapping[str, str]) -> Finding:
    how = _INSTALL.get(vendor.name, "")
    if vendor.base_url is None and not environ.get(vendor.url_env or ""):
        return Finding(about="server", name=vendor.name, ok=False, detail=f"{vendor.url_env} is not set", help=how)
    try:
        place = endpoint(vendor, environ, base_url=None, api_key=None)
        async with asyncio.timeout(PATIENCE):
            models = await _models(transport, HttpRequest("GET", f"{place.base_url}/models", place.headers()))
    except (JourneymanError, TimeoutError) as error:
        said = str(error) or f"no answer within {PATIENCE:g} s"
        return Finding(about="server", name=vendor.name, ok=False, detail=cut(one_line(said), 160), help=how)
    where = shown_address(place.base_url)
    detail = f"answers at {where}" if models else f"answers at {where}, and has no model"
    return Finding(about="server", name=vendor.name, ok=True, detail=detail, usable=bool(models), models=models)


async def _models(transport: AiohttpTransport, request: HttpRequest) -> Sequence[str]:
    async with transport.exchange(request) as reply:
        body = b""
        async for chunk in reply.chunks():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise JourneymanError("what answers there is no model server: its list of models has no end")
    if reply.head.status >= 400:  # noqa: PLR2004  (HTTP's own line)
        raise JourneymanError(f"something answers there, with HTTP status {reply.head.status}")
    try:
        return [row["id"] for row in msgspec.json.decode(body, type=dict[str, Any])["data"]]
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise JourneymanError("what answers there is no model server") from None


async def _journal(journal: str) -> Finding:
    file = file_of(journal)
    if file is not None and not file.exists():
        folder = file.absolute().parent
        ok = os.access(folder, os.W_OK)
        detail = f"{journal} is not there yet" if ok else f"{journal}: {folder} cannot be written to"
        return Finding(about="journal", name="journal", ok=ok, detail=detail, help="" if ok else _ELSEWHERE)
    try:
        async with existing(journal) as log:
            await log.runs()
    except JourneymanError as error:
        return Finding(about="journal", name="journal", ok=False, detail=str(error), help=_ELSEWHERE)
    return Finding(about="journal", name="journal", ok=True, detail=f"{journal} can be read")


_ELSEWHERE = "choose another with --journal or JOURNEYMAN_JOURNAL"


def shown_address(url: str) -> str:
    """An address without the name and password that may be in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
