"""`journeyman doctor`: what is there, what is missing, and how to get it. Names of credentials, never their values."""

from __future__ import annotations

import functools
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import msgspec

from ... import __version__
from ...adapters.transport_aiohttp import AiohttpTransport
from ...data import JourneymanError
from ...providers import VENDORS, Asked, AvailableModels, Endpoint, Vendor, discover, endpoint, is_configured
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
    "llamacpp": "start it with: llama-server -hf REPOSITORY (https://github.com/ggml-org/llama.cpp)",
    "vllm": "start it with: vllm serve MODEL (https://docs.vllm.ai)",
    "compatible": "the address of any OpenAI-compatible server",
}
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
    return [_credential(vendor, environ) for vendor in VENDORS.values() if vendor.key_variables and not vendor.local]


def _credential(vendor: Vendor, environ: Mapping[str, str]) -> Finding:
    named = next((name for name in vendor.key_variables if environ.get(name)), "")
    if named:
        detail = f"{named} is set"
    elif not vendor.needs_key and is_configured(vendor, environ):
        # Whether there is anything to sign with, only a request tells.
        named = next(name for name in (vendor.url_env or "", *vendor.url_aliases) if environ.get(name))
        detail = f"{named} is set; requests are signed with what your machine has for it"
    else:
        detail = f"{vendor.key_env} is not set"
    how = f"keys are made at {vendor.keys_at}" if vendor.keys_at and not named else ""
    return Finding(about="credential", name=vendor.name, ok=bool(named), detail=detail, help=how, usable=bool(named))


async def _servers(environ: Mapping[str, str]) -> list[Finding]:
    local = [vendor for vendor in VENDORS.values() if vendor.local and vendor.listing is not None]
    transport = AiohttpTransport(connect_timeout=PATIENCE, read_timeout=PATIENCE)
    try:
        asked = [Asked(vendor, functools.partial(_place, vendor, environ)) for vendor in local]
        found = await discover(asked, transport, patience=PATIENCE)
    finally:
        await transport.close()
    reasons = {item.vendor: item.reason for item in found.unreachable}
    return [_server(vendor.name, found, reasons.get(vendor.name)) for vendor in local]


def _place(vendor: Vendor, environ: Mapping[str, str]) -> Endpoint:
    return endpoint(vendor, environ, base_url=None, api_key=None)


def _server(name: str, found: AvailableModels, reason: str | None) -> Finding:
    if reason is not None:
        detail = cut(one_line(reason), 160)
        return Finding(about="server", name=name, ok=False, detail=detail, help=_INSTALL.get(name, ""))
    where, models = found.addresses[name], found.of(name)
    detail = f"answers at {where}" if models else f"answers at {where}, and has no model"
    return Finding(about="server", name=name, ok=True, detail=detail, usable=bool(models), models=models)


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
